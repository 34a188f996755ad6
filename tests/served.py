"""An application with a schema, answering in process: for tests that speak HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import httpx

from hikidashi.bootstrap import build, make_asgi
from hikidashi.config import load_config
from hikidashi.core.access import Identity
from hikidashi.core.ids import Clock, IdSource
from hikidashi.core.items import Item
from hikidashi.core.query import Query
from hikidashi.service.app import App, View
from hikidashi.service.schema import loads, schema_apply
from hikidashi.storage.search import list_items

T = TypeVar("T")


class Served:
    """One process over a database, and a client of it."""

    def __init__(
        self,
        url: str,
        schema: str = "",
        clock: Clock | None = None,
        ids: IdSource | None = None,
        *,
        is_open: bool = True,
        **settings: str,
    ) -> None:
        self._runner = asyncio.Runner()
        self.run = self._runner.run
        config = load_config({}, {"database": url, **settings})
        self.app: App = build(config, clock=clock, ids=ids)
        self.asgi = make_asgi(self.app)
        self._is_open = is_open  # False: its lifespan will open and close it
        if is_open:
            self.run(self.app.open())
        if schema:
            app = self.app
            self.run(schema_apply(app.store, app.ids, app.clock, loads(schema)))

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, Any] | None = None,
    ) -> httpx.Response:
        """Send one request; a body that is no text is sent as JSON."""
        return self.run(self._send(method, path, body, dict(headers or {})))

    async def _send(
        self, method: str, path: str, body: object, headers: dict[str, str]
    ) -> httpx.Response:
        content: Any = body
        if body is not None and not isinstance(body, (str, bytes)):
            content = json.dumps(body)
        transport = httpx.ASGITransport(self.asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, content=content, headers=headers)

    def send_all(
        self, *requests: tuple[str, str, object, Mapping[str, str]]
    ) -> list[httpx.Response]:
        """Send several at once."""

        async def send() -> list[httpx.Response]:
            return await asyncio.gather(
                *(
                    self._send(method, path, body, dict(head))
                    for method, path, body, head in requests
                )
            )

        return self.run(send())

    def read(self, identity: Identity, fn: Callable[[View], T]) -> T:
        """Look at the application past its wire."""
        return self.run(self.app.read(identity, fn))

    def items(self, identity: Identity, project: str, datastore: str) -> list[Item]:
        """The items of a datastore that an identity may see."""

        def look(view: View) -> list[Item]:
            found = view.catalog.find_project(project)
            place = found.find_datastore(datastore) if found else None
            assert place is not None
            return list_items(view.connection, Query(place), view.actor.keyring)

        return self.read(identity, look)

    def close(self) -> None:
        """Finish what was accepted."""
        if self._is_open:
            self.run(self.app.close())
        self._runner.close()
