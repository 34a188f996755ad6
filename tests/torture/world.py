"""The world that is tortured: one application, two datastores, one user with a token."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from hikidashi.core.access import Identity
from hikidashi.core.actions import Operation
from hikidashi.core.ids import ObjectIds
from hikidashi.core.observations import CommitObserver
from hikidashi.service.identity import hash_secret
from hikidashi.storage.definition_bodies import (
    ActionBody,
    DatastoreBody,
    Definition,
    FieldBody,
    ProjectBody,
    RoleBody,
)
from hikidashi.storage.definitions import Edit, Workspace, change_definitions, create_workspace
from hikidashi.storage.engines import Connection, Engine
from hikidashi.storage.engines.postgres import PostgresEngine
from hikidashi.storage.engines.sqlite import SqliteEngine
from hikidashi.storage.people_state import ProjectKey, User
from hikidashi.storage.people_writes import (
    grant,
    insert_project_key,
    insert_user,
    set_member,
)
from hikidashi.storage.store import Store

PROJECT = "torture"
ORDERS = "orders"
LINES = "lines"
TOKEN = "hk_torture"
SERIAL_PREFIX = {ORDERS: "", LINES: "L"}
FIELDS: tuple[FieldBody, ...] = (
    FieldBody(kind="text", as_title=True, has_index=True, names={"en": "name"}),
    FieldBody(kind="number", has_index=True, names={"en": "amount"}),
    FieldBody(kind="text", unique=True, names={"en": "code"}),
    FieldBody(kind="text", names={"en": "note"}),
)


class WallClock:
    """The time of the machine."""

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01T00:00:00Z."""
        return time.time_ns() // 1_000_000


def make_ids(rng: random.Random) -> ObjectIds:
    """A source of ids that no other call of the same generator gives."""
    return ObjectIds(WallClock(), rng.getrandbits(40), rng.getrandbits(24))


def engine_of(url: str) -> str:
    """`sqlite` or `postgresql`."""
    return urlsplit(url).scheme


def make_engine(url: str) -> Engine:
    """The engine of a database URL."""
    if url.startswith("sqlite:///"):
        return SqliteEngine(url.removeprefix("sqlite:///"))
    return PostgresEngine(url)


class Deaf:
    """Hears of groups and forgets."""

    def group_committed(self, jobs: int, seconds: float) -> None: ...

    def group_retried(self, reason: str) -> None: ...


def make_store(
    engine: Engine, rng: random.Random, observer: CommitObserver | None = None, writers: int = 2
) -> Store:
    """A store of this process over an engine."""
    return Store(
        engine,
        WallClock(),
        make_ids(rng),
        observer or Deaf(),
        writers=writers,
        readers=2,
    )


@dataclass(frozen=True)
class World:
    """What a driver needs to know: who acts, and the ids of what is defined."""

    me: Identity
    project: str
    datastores: dict[str, str]  # display id -> id
    fields: dict[str, dict[str, str]]  # datastore display id -> field display id -> id


def write_world(connection: Connection, engine: Engine, ids: ObjectIds, now_ms: int) -> World:
    """Define the world, in a transaction."""
    workspace, user, project, role = (ids.next_id() for _ in range(4))
    create_workspace(connection, Workspace(workspace, "torture", "UTC"), now_ms)
    insert_user(connection, User(user, "torture@example.com", "T"), workspace, now_ms)
    set_member(connection, workspace, user, is_admin=True)
    made = [
        Definition(project, "", PROJECT, 0, ProjectBody()),
        Definition(role, project, "ADMIN", 0, RoleBody(may_design=True)),
    ]
    datastores: dict[str, str] = {}
    fields: dict[str, dict[str, str]] = {}
    for position, name in enumerate((ORDERS, LINES)):
        datastore = datastores[name] = ids.next_id()
        made.append(Definition(datastore, project, name, position, DatastoreBody()))
        serial = FieldBody(
            kind="autonum",
            unique=name == LINES,
            prefix=SERIAL_PREFIX[name],
            names={"en": "serial"},
        )
        for at, body in enumerate((*FIELDS, serial)):
            field = fields.setdefault(name, {})[body.names["en"]] = ids.next_id()
            made.append(Definition(field, datastore, body.names["en"], at, body))
        for at, operation in enumerate(Operation):
            action = ActionBody(operation=operation)
            made.append(Definition(ids.next_id(), datastore, operation.value, at, action))
    edits = [Edit(None, one) for one in made]
    change_definitions(connection, engine, workspace, edits, now_ms)
    grant(connection, workspace, "user_roles", [(role, user)])
    me = Identity(user, workspace)
    secret = hash_secret(TOKEN)
    token = ProjectKey(ids.next_id(), secret, "torture", user, workspace, project, kind="api")
    insert_project_key(connection, token, now_ms)
    return World(me, project, datastores, fields)


async def build_world(store: Store, rng: random.Random) -> World:
    """Define the world in an open store; durable when this returns."""
    ids, now_ms = make_ids(rng), WallClock().now_ms()
    return await store.change(lambda one: write_world(one, store.engine, ids, now_ms))


def new_field(world: World, rng: random.Random, name: str, kind: str = "text") -> Definition:
    """A further field of the orders, not yet defined."""
    id_ = make_ids(rng).next_id()
    return Definition(id_, world.datastores[ORDERS], name, 50, FieldBody(kind=kind))
