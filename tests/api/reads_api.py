"""A client of the read routes over the world of reads, in process; a token is a user's id."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from hikidashi.bootstrap import build, make_asgi
from hikidashi.config import Config
from hikidashi.core.access import Identity
from hikidashi.service import reads
from tests import reads_world as w
from tests.deterministic import FixedClock, fixed_ids
from tests.kept import Versions, empty_store, kept
from tests.reads_world import ReadsWorld

A = "/api/v0/applications/sales/datastores/tasks"
D = f"/api/v0/datastores/{w.TASKS}"


class Names:
    """A token is the id of the user that it speaks for."""

    async def identify(self, token: str) -> Identity:
        return Identity(token, w.WORKSPACE)

    def close(self) -> None:
        """Nothing is held."""


class Api:
    """The application over the world, asked in process."""

    def __init__(self, url: str) -> None:
        self.world = ReadsWorld(url)
        self._runner = asyncio.Runner()
        self.run = self._runner.run
        clock = FixedClock()
        self.app = build(Config(database=url), clock=clock, ids=fixed_ids(clock))
        self.run(self.app.open())
        self.app.identities = Names()  # type: ignore[assignment]
        self.edge = make_asgi(self.app)

    def ask(
        self, method: str, path: str, body: Any = None, user: str = w.BOB, **headers: str
    ) -> tuple[int, Any]:
        """Status and body of the answer."""
        return self.run(self._ask(method, path, body, {"authorization": user, **headers}))

    async def _ask(
        self, method: str, path: str, body: Any, headers: dict[str, str]
    ) -> tuple[int, Any]:
        status, _, pieces = await self._send(method, path, body, headers)
        text = b"".join(pieces)
        return status, json.loads(text) if text else None

    def pieces(
        self, body: Any, path: str = f"{A}/items/search", user: str = w.BOB
    ) -> tuple[int, dict[str, str], list[bytes]]:
        """Status, headers and the pieces in which the answer to a POST came."""
        return self.run(self._send("POST", path, body, {"authorization": user}))

    async def _send(
        self, method: str, path: str, body: Any, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], list[bytes]]:
        path, _, query = path.partition("?")
        sent = b"" if body is None else json.dumps(body).encode()
        messages: list[Any] = []

        requests = [{"type": "http.request", "body": sent, "more_body": False}]

        async def receive() -> Any:
            if not requests:
                await asyncio.Event().wait()  # the client stays
            return requests.pop()

        async def send(message: Any) -> None:
            messages.append(message)

        named = {key.replace("_", "-"): value for key, value in headers.items()}
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [
                *((key.encode(), value.encode()) for key, value in named.items()),
                (b"content-length", str(len(sent)).encode()),
            ],
        }
        await self.edge(scope, receive, send)
        told = {key.decode(): value.decode() for key, value in messages[0]["headers"]}
        return messages[0]["status"], told, [one["body"] for one in messages[1:] if one["body"]]

    def get(self, path: str, user: str = w.BOB, **headers: str) -> Any:
        """The body of an answer that is fine."""
        status, body = self.ask("GET", path, None, user, **headers)
        assert status == 200, body
        return body

    def search(self, user: str = w.BOB, **body: Any) -> Any:
        """The body of a list."""
        status, told = self.ask("POST", f"{A}/items/search", body, user)
        assert status == 200, told
        return told

    def versions(self) -> Versions:
        return self.world.versions()

    def empty(self) -> None:
        """Take every item away, when all that reads note is noted."""
        self.run(self._noted())
        self.run(empty_store(self.app.store, [self.world.catalog]))
        self.world.forget()

    async def _noted(self) -> None:
        await asyncio.gather(*reads._notes)

    def close(self) -> None:
        self.run(self.app.close())
        self._runner.close()
        self.world.close()


kept_api = kept(Api)


@pytest.fixture
def api(kept_api) -> Api:
    """The application over a world in which nothing is yet."""
    return kept_api.take()
