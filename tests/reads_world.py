"""A small workspace to read in: three datastores, four people, keys that open some items only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from hikidashi.core.access import Actor, Identity
from hikidashi.core.actions import FieldRule, Operation
from hikidashi.core.catalog import Catalog, Datastore
from hikidashi.core.items import Item
from hikidashi.core.values import Value, parse_instant
from hikidashi.service.app import View
from hikidashi.storage.access_sets import AccessSets
from hikidashi.storage.definition_bodies import (
    ActionBody,
    Body,
    ConditionBody,
    DatastoreBody,
    Definition,
    FieldBody,
    OptionBody,
    ProjectBody,
    QueryBody,
    RoleBody,
    StatusBody,
)
from hikidashi.storage.definitions import (
    Edit,
    Workspace,
    change_definitions,
    create_workspace,
    load_catalog,
)
from hikidashi.storage.engines import Column, Connection, Engine, Insert
from hikidashi.storage.engines.postgres import PostgresEngine
from hikidashi.storage.engines.sqlite import SqliteEngine
from hikidashi.storage.migrate import make_secret, migrate
from hikidashi.storage.people import load_actor
from hikidashi.storage.people_state import User
from hikidashi.storage.people_writes import grant, insert_user, set_member
from hikidashi.storage.tables import item_table
from tests.contents import empty
from tests.kept import Versions, versions_of

NOW = parse_instant("2026-01-05T09:00:00.000Z") or 0


def id_of(number: int) -> str:
    """An id of ours that can be told apart at a glance."""
    return f"{number:024x}"


WORKSPACE = id_of(0xA0)
ANN, BOB, CAT, EVE = (id_of(0xB0 + at) for at in range(4))
SALES, OTHER = id_of(0xC0), id_of(0xC1)
ADMIN, MEMBER, VIP, OUTSIDER = (id_of(0xD0 + at) for at in range(4))
TASKS, CLIENTS, VAULT = (id_of(0xE0 + at) for at in range(3))
NEW, DOING, CLOSED = (id_of(0xF00 + at) for at in range(3))
CREATE, UPDATE, DELETE, COPY, START, REOPEN = (id_of(0xF10 + at) for at in range(6))
OPTIONS = {name: id_of(0xF20 + at) for at, name in enumerate(("red", "green", "blue", "old"))}
_FIELDS = (
    *("Title", "Note", "Num", "Colour", "Shade", "Tags", "Due", "Day", "Done", "Owners"),
    *("Client", "Code", "Secret", "Hidden", "Status", "Total", "Line"),
)
F = {name: id_of(0xF40 + at) for at, name in enumerate(_FIELDS)}
QUERIES = tuple(id_of(0xFA0 + at) for at in range(3))
CLIENT_NAME, CLIENT_RANK, VAULT_NAME = (id_of(0xF80 + at) for at in range(3))


def _names(en: str, ja: str = "") -> dict[str, str]:
    return {"en": en, "ja": ja} if ja else {"en": en}


def _options(*names: str) -> tuple[OptionBody, ...]:
    return tuple(
        OptionBody(
            id=OPTIONS[one],
            display_id=f"opt-{one}",
            label=_names(one.capitalize(), {"red": "赤"}.get(one, "")),
            enabled=one != "old",
        )
        for one in names
    )


def _field(kind: str, en: str, ja: str = "", **settings: Any) -> FieldBody:
    return FieldBody(kind=kind, names=_names(en, ja), **settings)


def _tasks() -> dict[str, FieldBody]:
    return {
        "Title": _field("text", "Title", "題", as_title=True, title_order=1, layout=(0, 0, 6, 1)),
        "Note": _field("textarea", "Note"),
        "Num": _field("number", "Number", min_value=-1000.0, max_value=1000.0),
        "Colour": _field("select", "Colour", options=_options("red", "green", "blue", "old")),
        "Shade": _field("radio", "Shade", options=_options("blue", "red")),
        "Tags": _field("checkbox", "Tags", options=_options("green", "red", "blue")),
        "Due": _field("datetime", "Due"),
        "Day": _field("date", "Day"),
        "Done": _field("boolean", "Done"),
        "Owners": _field("users", "Owners"),
        "Client": _field("dslookup", "Client", lookup_datastore=CLIENTS, lookup_field=CLIENT_NAME),
        "Code": _field("autonum", "Code", prefix="T-", digits=4, zero_padding=True, unique=True),
        "Secret": _field("text", "Secret", roles=(ADMIN,)),
        "Hidden": _field("text", "Hidden", hide_from_api=True),
        "Status": _field("status", "Status"),
        "Total": _field("calc", "Total"),
        "Line": _field("separator", "Line"),
    }


def _actions() -> list[tuple[str, str, ActionBody]]:
    def action(id_: str, name: str, operation: str, **rest: Any) -> tuple[str, str, ActionBody]:
        body = ActionBody(operation=Operation(operation), names=_names(name), **rest)
        return id_, name, body

    rules = {F["Title"]: FieldRule(mandatory=True), F["Note"]: FieldRule(update=False)}
    return [
        action(CREATE, "CreateItem", "new", is_default=True, next_status=NEW),
        action(UPDATE, "UpdateItem", "update", is_default=True, rules=rules, description="edit"),
        action(DELETE, "DeleteItem", "delete", is_default=True, roles=(ADMIN,)),
        action(COPY, "CopyItem", "copy"),
        action(START, "Start", "update", status=NEW, next_status=DOING),
        action(REOPEN, "Reopen", "update", status=CLOSED, next_status=NEW, roles=(ADMIN,)),
    ]


def _queries() -> list[tuple[str, str, QueryBody]]:
    """Saved queries: the default one of the tasks, and one about a field that few may see."""
    conditions = (
        ConditionBody(field=F["Num"], values=(0, None)),
        ConditionBody(field=F["Colour"], values=("opt-red",), include_null=True),
        ConditionBody(field="status", values=("Closed",), negate=True, exact=True),
    )
    usual = QueryBody(
        names=_names("Usual", "普段"),
        datastore=TASKS,
        description="what is shown first",
        conditions=conditions,
        default_search=True,
    )
    secret = ConditionBody(field=F["Secret"], values=("s",))
    return [
        (QUERIES[0], "usual", usual),
        (QUERIES[1], "secret", QueryBody(datastore=TASKS, conditions=(secret,), any=True)),
        (QUERIES[2], "vault", QueryBody(datastore=VAULT)),
    ]


def definitions(indexed: Iterable[str] = ()) -> list[Definition]:
    """Everything defined in the workspace; fields of tasks that are to have an index."""
    made: list[Definition] = []

    def add(id_: str, parent: str, display_id: str, body: Body) -> None:
        made.append(Definition(id_, parent, display_id, len(made) + 1, body))

    add(SALES, "", "sales", ProjectBody(names=_names("Sales", "営業"), row_code="abcdefghijkl"))
    add(OTHER, "", "other", ProjectBody(names=_names("Other")))
    add(ADMIN, SALES, "ADMIN", RoleBody(names=_names("Administrators"), may_design=True))
    add(MEMBER, SALES, "MEMBER", RoleBody(names=_names("Members")))
    add(VIP, SALES, "VIP", RoleBody(names=_names("VIP")))
    add(OUTSIDER, OTHER, "MEMBER", RoleBody(names=_names("Others")))
    add(TASKS, SALES, "tasks", DatastoreBody(names=_names("Tasks", "仕事"), row_code=10001))
    add(CLIENTS, SALES, "clients", DatastoreBody(names=_names("Clients"), row_code=10002))
    add(VAULT, SALES, "vault", DatastoreBody(names=_names("Vault"), roles=(ADMIN,)))
    for name, body in _tasks().items():
        add(F[name], TASKS, name, replace(body, has_index=name in indexed))
    add(CLIENT_NAME, CLIENTS, "Name", _field("text", "Name", as_title=True))
    add(CLIENT_RANK, CLIENTS, "Rank", _field("number", "Rank"))
    add(VAULT_NAME, VAULT, "Name", _field("text", "Name", as_title=True))
    for id_, name in ((NEW, "New"), (DOING, "Doing"), (CLOSED, "Closed")):
        add(id_, TASKS, name, StatusBody(names=_names(f"{name}!")))
    for id_, name, action in _actions():
        add(id_, TASKS, name, action)
    for id_, name, query in _queries():
        add(id_, SALES, name, query)
    return made


def open_engine(url: str) -> Engine:
    """The engine of a URL."""
    if url.startswith("sqlite:///"):
        return SqliteEngine(url.removeprefix("sqlite:///"))
    return PostgresEngine(url)


class ReadsWorld:
    """The workspace in a database, and items put there without any action."""

    def __init__(self, url: str, indexed: Iterable[str] = ()) -> None:
        self.engine = open_engine(url)
        self.connection: Connection = self.engine.connect()
        if self.engine.name == "sqlite":  # what an application keeps in order may be under way
            self.connection.query("PRAGMA busy_timeout = 5000")
        migrate(self.engine, self.connection)
        self.access = AccessSets(make_secret(self.connection, "access_secret"))
        self._fill(indexed)
        self.catalog: Catalog = load_catalog(self.connection, WORKSPACE)

    def _fill(self, indexed: Iterable[str]) -> None:
        connection = self.connection
        connection.begin()
        create_workspace(connection, Workspace(WORKSPACE, "Acme", "Asia/Tokyo"), NOW)
        edits = [Edit(None, one) for one in definitions(indexed)]
        change_definitions(connection, self.engine, WORKSPACE, edits, NOW)
        for id_, name in ((ANN, "Ann"), (BOB, "Bob"), (CAT, "Cat"), (EVE, "Eve")):
            email = f"{name.lower()}@example.com"
            insert_user(connection, User(id_, email, name), WORKSPACE, NOW)
            set_member(connection, WORKSPACE, id_, is_admin=id_ == ANN)
        held = [(ADMIN, ANN), (MEMBER, ANN), (MEMBER, BOB), (MEMBER, CAT), (VIP, CAT)]
        grant(connection, WORKSPACE, "user_roles", [*held, (OUTSIDER, EVE)])
        connection.commit()

    @property
    def tasks(self) -> Datastore:
        """The datastore with a field of every kind."""
        return self._datastore(TASKS)

    @property
    def clients(self) -> Datastore:
        """What tasks look up."""
        return self._datastore(CLIENTS)

    def _datastore(self, id_: str) -> Datastore:
        found = self.catalog.find_datastore(id_)
        assert found is not None
        return found

    def identity(self, user: str) -> Identity:
        """Who a token of the user would speak for."""
        return Identity(user, WORKSPACE)

    def actor(self, user: str, identity: Identity | None = None) -> Actor:
        """The user with what is held."""
        who = identity or self.identity(user)
        return load_actor(self.connection, who, self.catalog, 1)

    def view(self, user: str) -> View:
        """A read as the user."""
        return View(self.connection, self.catalog, self.actor(user), self.access)

    def put(self, datastore: str, *items: Item) -> None:
        """Store items as they are."""
        table = item_table(self._datastore(datastore))
        self.connection.begin()
        wanted = {(WORKSPACE, one.keys) for one in items}
        places, inserts = self.access.place(self.connection, sorted(wanted, key=repr))
        rows = [table.row(one, places[WORKSPACE, one.keys]) for one in items]
        together = bool(table.searched)
        insert = Insert(table.name, table.columns, rows, together=together)
        self.connection.write([*inserts, insert])
        self.connection.commit()
        self.access.remember(places)

    def clear(self, *datastores: str) -> None:
        """Take every item away."""
        self.connection.begin()
        for one in datastores:
            self.connection.query(f"DELETE FROM {item_table(self._datastore(one)).name}")
        self.connection.commit()

    def versions(self) -> Versions:
        """How often definitions and people have changed."""
        return versions_of(self.connection)

    def empty(self) -> None:
        """Take all items away, and all that was written with them."""
        self.connection.begin()
        empty(self.connection, [self.catalog], self.engine.name)
        self.connection.commit()
        self.forget()

    def forget(self) -> None:
        """Forget the access sets that were taken away."""
        self.access._keys.clear()
        self.access._acls.clear()

    def link(self, source: Item, target: Item, kind: str = "link") -> None:
        """Make a link."""
        names = ("from_item", "to_item", "kind", "from_datastore", "to_datastore")
        row = (source.id, target.id, kind, source.datastore, target.datastore)
        self._insert("links", tuple(Column(one, "text") for one in names), row)

    def history(self, item: Item, seq: int, user: str, **rest: Any) -> str:
        """Write a history entry; its id."""
        texts = {
            "item_id": item.id,
            "id": id_of(0x90000 + item.n * 100 + seq),
            "workspace_id": WORKSPACE,
            "datastore_id": item.datastore,
            "action_id": UPDATE,
            "operation": "update",
            "user_id": user,
            "comment": f"comment {seq}",
            "transaction_id": id_of(0x80000 + seq),
            "changes": "{}",
        } | {key: value for key, value in rest.items() if isinstance(value, str)}
        numbers = {"seq": seq, "rev": seq, "created_at": rest.get("created_at", NOW + seq)}
        columns = [Column(one, "text") for one in texts]
        columns += [Column(one, "bigint") for one in numbers]
        self._insert("histories", tuple(columns), (*texts.values(), *numbers.values()))
        return texts["id"]

    def _insert(self, table: str, columns: tuple[Column, ...], row: tuple[Any, ...]) -> None:
        self.connection.begin()
        self.connection.write([Insert(table, columns, [row])])
        self.connection.commit()

    def close(self) -> None:
        """Leave the database."""
        self.connection.close()


def task(n: int, values: Mapping[str, Value] | None = None, **system: Any) -> Item:
    """A task; fields by display id. It is published to the members unless told otherwise."""
    held = {F[key]: value for key, value in (values or {}).items() if value is not None}
    return _item(TASKS, 0x10000 + n, n, held, system, held.get(F["Title"]))


def client(n: int, name: str | None = None, **system: Any) -> Item:
    """A client."""
    held: dict[str, Value] = {CLIENT_NAME: name} if name else {}
    return _item(CLIENTS, 0x20000 + n, n, held, system, name)


def _item(
    datastore: str,
    number: int,
    n: int,
    values: Mapping[str, Value],
    system: Mapping[str, Any],
    title: object,
) -> Item:
    keys: Iterable[str] = system.get("keys", (MEMBER,))
    return Item(
        datastore=datastore,
        id=id_of(number),
        n=n,
        rev=system.get("rev", 1),
        seq=system.get("seq", 1),
        status=system.get("status", NEW if datastore == TASKS else ""),
        title=str(title or ""),
        created_at=system.get("created_at", NOW),
        created_by=system.get("created_by", BOB),
        updated_at=system.get("updated_at"),
        updated_by=system.get("updated_by", ""),
        keys=frozenset(keys),
        values=values,
    )
