"""A client of the whole application that speaks to it in process, and the world it finds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from hikidashi.bootstrap import build, make_asgi
from hikidashi.config import Config
from hikidashi.core.access import Identity
from hikidashi.core.catalog import Catalog
from hikidashi.service import reads
from hikidashi.service.app import App
from hikidashi.service.schema import schema_apply
from hikidashi.storage.people import find_account
from tests.contents import Contents, contents
from tests.deterministic import START_MS, FixedClock, fixed_ids
from tests.kept import catalogs_of, empty_store

CARS = Path(__file__).parent / "cars.yaml"
BASE = "/api/v0/applications/APPNAME/datastores/CARS"


class Reply:
    """What a client got."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


class Chunks(list[bytes | None]):
    """A body that is sent in parts, without a word of its length; None: the client leaves."""


def _sent(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return b"" if body is None else json.dumps(body).encode()


class Rest:
    """A world over one engine; who calls is Ann unless a call says otherwise.

    A path that names no application is one of the datastore at `base`.
    """

    def __init__(
        self,
        url: str,
        clock,
        ids,
        runner: asyncio.Runner,
        world: Path = CARS,
        base: str = BASE,
        **settings: Any,
    ) -> None:
        self.clock = clock
        self.run = runner.run
        self.base = base
        self.world = world
        self.app: App = build(Config(database=url, **settings), clock=clock, ids=ids)
        self.run(self.app.open())
        self.run(schema_apply(self.app.store, ids, clock, world))
        self.edge = make_asgi(self.app)
        self.catalogs: list[Catalog] = self.run(self.app.store.read(catalogs_of))
        self.times_emptied = 0
        self._emptied: object = None  # the state in which nothing is
        self._held: tuple[object, list[Catalog], Contents] | None = None
        self._tokens: dict[str, str] = {}

    def token(self, name: str) -> str:
        """A session of somebody at the world's domain."""
        if name not in self._tokens:
            login = self.app.identities.login(f"{name}@{self.world.stem}.test", f"{name}-password")
            self._tokens[name] = self.run(login)
        return self._tokens[name]

    def identity(self, name: str, catalog: Catalog | None = None) -> Identity:
        """The same somebody, past the wire."""
        address = f"{name}@{self.world.stem}.test"
        account = self.run(self.app.store.read(lambda one: find_account(one, address)))
        assert account is not None, address
        return Identity(account.user, (catalog or self.catalogs[0]).workspace)

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        """One request; `body` is bytes or is encoded."""
        if more.get("token") is None:
            self.token(more.get("user", "ann"))
        return self.run(self.acall(method, path, body, **more))

    async def acall(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: str = "ann",
        token: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """The same, to be awaited with others."""
        path, _, query = path.partition("?")
        if path.startswith(("/items/", "/fields")):
            path = self.base + path
        chunks = body if isinstance(body, Chunks) else [_sent(body)]
        given = {"host": "api.test", "authorization": f"Bearer {self._tokens.get(user, '')}"}
        given |= headers or {}
        if token is not None:
            given["authorization"] = token
        if not isinstance(body, Chunks):  # what comes in chunks does not say how much it is
            given["content-length"] = str(len(chunks[0]))
        messages: list[Any] = []
        coming = [*chunks]

        async def receive():
            if not coming:
                await asyncio.Event().wait()  # the client waits for its answer
            chunk = coming.pop(0)
            if chunk is None:  # it leaves
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": chunk, "more_body": bool(coming)}

        async def send(message):
            messages.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(k.encode(), v.encode()) for k, v in given.items()],
        }
        await self.edge(scope, receive, send)
        headers = {k.decode(): v.decode() for k, v in messages[0]["headers"]}
        return Reply(messages[0]["status"], headers, b"".join(one["body"] for one in messages[1:]))

    def new(self, item: dict[str, Any] | None = None, datastore: str = "", **more: Any) -> str:
        """Create an item, in the datastore at `base` unless another is named; its id."""
        path = f"{self.base}/items/new"
        if datastore:
            path = f"{self.base.rpartition('/')[0]}/{datastore}/items/new"
        reply = self.call("POST", path, {"item": item or {}}, **more)
        assert reply.status == 200, reply.body
        return str(reply.json["item_id"])

    def rows(self, sql: str, *params: Any) -> list[Any]:
        """What the database holds."""
        return self.run(self.app.store.read(lambda connection: connection.query(sql, params)))

    def settle(self) -> None:
        """Wait for what is done behind an answer: the marks of what was read, and templates."""

        async def wait() -> None:
            await asyncio.gather(*reads._notes, *self.app.tasks._tasks)

        self.run(wait())

    def contents(self) -> Contents:
        """All that the database holds of items; not read again while nothing was committed."""
        state = self._state()
        if self._held is None or self._held[0] != state or self._held[1] is not self.catalogs:
            read = self.app.store.scan(lambda one: contents(one, self.catalogs))
            self._held = (state, self.catalogs, self.run(read))
        return self._held[2].copy()

    def _state(self) -> object:
        """What is another after each commit, whoever makes it."""
        store = self.app.store
        sql = "SELECT CAST(pg_current_snapshot() AS text)"
        if store.engine.name == "sqlite":  # it compares with what the same connection saw
            sql = "PRAGMA data_version"
        return self.run(store.read(lambda one: one.query(sql)))

    def empty(self) -> None:
        """Take every item away, so that the world is as it began; the clock too."""
        self.times_emptied += 1
        if self._emptied is None or self._emptied != self._state():
            self.run(empty_store(self.app.store, self.catalogs))
            self._emptied = self._state()
        self.clock.advance(ms=START_MS - self.clock.now_ms())

    def close(self) -> None:
        """Close it."""
        self.run(self.app.close())
        self.app.identities.close()


@contextmanager
def open_rest(url: str, world: Path = CARS, base: str = BASE) -> Iterator[Rest]:
    """A world in which Ann, Bob and Eve are logged in; closed at the end."""
    clock = FixedClock()
    with asyncio.Runner() as runner:
        made = Rest(url, clock, fixed_ids(clock), runner, world, base)
        for name in ("ann", "bob", "eve"):
            made.token(name)
        yield made
        made.close()
