"""A database that schema files are applied to, without a server around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hikidashi.bootstrap import open_engine
from hikidashi.config import Config
from hikidashi.core.catalog import Catalog, Datastore, Project
from hikidashi.service.passwords import hash_password
from hikidashi.service.schema import (
    SchemaError,
    SchemaFile,
    apply_schema,
    export_workspace,
    loads,
    plan,
    read_held,
    read_now,
    seal_passwords,
)
from hikidashi.storage.definitions import list_workspaces, load_catalog, read_numbers
from hikidashi.storage.engines import Connection
from hikidashi.storage.migrate import migrate
from hikidashi.storage.people_state import People, read_people
from tests.deterministic import FixedClock, fixed_ids
from tests.kept import Versions, versions_of

T = TypeVar("T")


class SchemaWorld:
    """Applies, plans and exports texts, and looks at what came of it."""

    def __init__(self, url: str, clock, ids) -> None:
        self.engine = open_engine(Config(database=url))
        self.connection: Connection = self.engine.connect()
        self.clock = clock
        self.ids = ids
        migrate(self.engine, self.connection)

    def close(self) -> None:
        self.connection.close()
        self.engine.close()

    def versions(self) -> Versions:
        """How often the definitions and the people of each workspace have changed."""
        return versions_of(self.connection)

    def empty(self) -> None:
        """There is nothing as long as there is no workspace."""

    def transact(self, fn: Callable[[], T]) -> T:
        self.connection.begin()
        try:
            value = fn()
        except BaseException:
            self.connection.rollback()
            raise
        self.connection.commit()
        return value

    def read(self, text: str | SchemaFile) -> SchemaFile:
        schema = loads(text) if isinstance(text, str) else text
        seal_passwords(schema, read_held(self.connection, schema))
        return schema

    def apply(self, text: str | SchemaFile, *allow: str) -> list[str]:
        schema, now = self.read(text), self.clock.now_ms()
        made = self.transact(
            lambda: apply_schema(self.connection, self.engine, schema, self.ids, now, allow)
        )
        return [one.line for one in made]

    def plan(self, text: str | SchemaFile) -> list[str]:
        schema = self.read(text)
        return [str(one) for one in plan(schema, read_now(self.connection, schema), self.ids)]

    def problems(self, text: str, *allow: str) -> list[str]:
        """What applying says is wrong; the database must not have changed."""
        before = self.dump()
        try:
            self.apply(text, *allow)
        except SchemaError as error:
            assert self.dump() == before
            return [str(one) for one in error.problems]
        return []

    def export(self, workspace: str = "") -> str:
        return export_workspace(self.connection, workspace)

    # -- looking -------------------------------------------------------------------------------

    @property
    def workspace(self) -> str:
        return list_workspaces(self.connection)[0].id

    @property
    def catalog(self) -> Catalog:
        return load_catalog(self.connection, self.workspace)

    @property
    def people(self) -> People:
        return read_people(self.connection, self.workspace)

    @property
    def numbers(self) -> tuple[int, int]:
        return read_numbers(self.connection, self.workspace) or (0, 0)

    def project(self, ref: str = "SHOP") -> Project:
        found = self.catalog.find_project(ref)
        assert found is not None
        return found

    def datastore(self, ref: str = "orders") -> Datastore:
        found = self.project().find_datastore(ref)
        assert found is not None
        return found

    def query(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        return self.connection.query(sql, params)

    def dump(self) -> list[list[tuple[Any, ...]]]:
        """Everything that a schema file may change."""
        tables = ("workspaces", "definitions", "users", "members", "group_members", "user_roles")
        tables = (*tables, "group_roles", "tokens", "counters", "sessions")
        return [sorted(self.query(f"SELECT * FROM {one}"), key=repr) for one in tables]

    def insert_items(self, values: Sequence[Any], field: str, datastore: str = "orders") -> None:
        """Items that hold a value each, written past the planner."""
        found = self.datastore(datastore)
        column = found.find_field(field)
        assert column is not None
        for at, value in enumerate(values, 1):
            self.query(
                f"INSERT INTO i_{found.id} (n, id, rev, seq, status, title, created_at,"
                f" created_by, updated_by, acl, f_{column.id}) VALUES (?,?,1,1,'','',0,'','',0,?)",
                at,
                f"{at:024x}",
                value,
            )


def make_world(url: str) -> SchemaWorld:
    """A world in which nothing is defined."""
    clock = FixedClock()
    return SchemaWorld(url, clock, fixed_ids(clock))


ANN_HASH, BOB_HASH = hash_password("ann-password"), hash_password("bob-password")

SHOP = """
workspaces:
  - name: Shop
    time_zone: Asia/Tokyo
    users:
      - {email: ann@shop.test, name: Ann, password_hash: ANN_HASH, admin: true}
      - {email: bob@shop.test, name: Bob, password_hash: BOB_HASH}
    top_group:
      display_id: ALL
      name: Everyone
      members: [ann@shop.test]
      children:
        - {display_id: EAST, name: {en: East, ja: 東}, members: [bob@shop.test]}
        - {display_id: WEST}
    applications:
      - display_id: SHOP
        name: {en: Shop, ja: 店}
        hottask_code: shoptestcode
        roles:
          - {display_id: ADMIN, users: [ann@shop.test]}
          - {display_id: CLERK, groups: [EAST]}
        keys:
          - {name: site, key: the-key-of-the-site, roles: [CLERK]}
        datastores:
          - display_id: orders
            hottask_table: 101
            statuses:
              - {display_id: open}
              - {display_id: done}
            fields:
              - {display_id: number, type: autonum, prefix: O-, digit: 6, zero_padding: true}
              - {display_id: name, type: text, as_title: true}
              - {display_id: amount, type: number, min: 0, max: 1000}
              - {display_id: due, type: date, min: 2020-01-01}
              - display_id: size
                type: select
                options:
                  - {display_id: S, name: {en: Small, ja: 小}}
                  - {display_id: L, name: Large, color: red}
                selected: S
              - display_id: customer
                type: dslookup
                lookup: {datastore: customers, field: name}
              - {display_id: secret, type: text, roles: [ADMIN], layout: {row: 3, width: 2}}
            actions:
              - {display_id: CreateItem, default: true}
              - {display_id: UpdateItem, default: true}
              - display_id: Finish
                operation: update
                status: open
                next_status: done
                roles: [CLERK]
                fields: {amount: {mandatory: true}, secret: {update: false}}
                publish: {roles: [ADMIN], groups: true}
          - display_id: customers
            fields:
              - {display_id: name, type: text, unique: true}
""".replace("ANN_HASH", f"'{ANN_HASH}'").replace("BOB_HASH", f"'{BOB_HASH}'")  # made once


def shop(*changes: tuple[str, str]) -> str:
    """The shop with pieces of its text replaced, each of which must be there once."""
    text = SHOP
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text
