"""A client of the whole application that speaks to it in process, and the world it finds."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from hikidashi.bootstrap import build, make_asgi
from hikidashi.config import Config
from hikidashi.service.app import App
from hikidashi.service.schema import schema_apply

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


class Rest:
    """The cars over one engine; `token` is Ann's unless a call says otherwise."""

    def __init__(self, url: str, clock, ids, runner: asyncio.Runner) -> None:
        self.clock = clock
        self.run = runner.run
        self.app: App = build(Config(database=url), clock=clock, ids=ids)
        self.run(self.app.open())
        self.run(schema_apply(self.app.store, ids, clock, CARS))
        self.edge = make_asgi(self.app)
        self._tokens: dict[str, str] = {}

    def token(self, name: str) -> str:
        """A session of ann, bob or eve."""
        if name not in self._tokens:
            login = self.app.identities.login(f"{name}@cars.test", f"{name}-password")
            self._tokens[name] = self.run(login)
        return self._tokens[name]

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        """One request; `body` is bytes or is encoded."""
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
        if not path.startswith("/api"):
            path = BASE + path
        sent = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        given = {"authorization": f"Bearer {self._tokens.get(user, '')}", **(headers or {})}
        if token is not None:
            given["authorization"] = token
        given["content-length"] = str(len(sent))
        messages: list[Any] = []

        async def receive():
            return {"type": "http.request", "body": sent, "more_body": False}

        async def send(message):
            messages.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(k.encode(), v.encode()) for k, v in given.items()],
        }
        await self.edge(scope, receive, send)
        headers = {k.decode(): v.decode() for k, v in messages[0]["headers"]}
        return Reply(messages[0]["status"], headers, b"".join(one["body"] for one in messages[1:]))

    def new(self, item: dict[str, Any] | None = None, datastore: str = "CARS", **more: Any) -> str:
        """Create an item; its id."""
        path = f"/api/v0/applications/APPNAME/datastores/{datastore}/items/new"
        reply = self.call("POST", path, {"item": item or {}}, **more)
        assert reply.status == 200, reply.body
        return str(reply.json["item_id"])

    def rows(self, sql: str, *params: Any) -> list[Any]:
        """What the database holds."""
        return self.run(self.app.store.scan(lambda connection: connection.query(sql, params)))

    def close(self) -> None:
        """Close it."""
        self.run(self.app.close())
        self.app.identities.close()
