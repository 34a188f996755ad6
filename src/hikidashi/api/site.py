"""What is not a dialect: health, metrics, documentation and a short front page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING

import msgspec
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .. import __version__
from ..core.errors import FaultError
from ..observe import METRICS_CONTENT_TYPE
from ..storage.definitions import list_workspaces
from .docs_page import STYLE_HASH, docs_page, front_page
from .exchange import Call
from .openapi import make_openapi

if TYPE_CHECKING:
    from ..service.app import App

READY_SECONDS_MAX = 2.0  # a load balancer has given up by then
_POLICY = f"default-src 'none'; style-src '{STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'"
_SECURITY = (
    ("content-security-policy", _POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
)


class Pages:
    """The site's pages over an application and the calls of its dialects."""

    def __init__(self, app: App, calls: Iterable[Call]) -> None:
        self._app = app
        self._calls = tuple(calls)
        self.is_draining = False
        self._document = cache(lambda: make_openapi(self._calls))
        self._docs = cache(lambda: docs_page(self._document()))
        self._json = cache(lambda: msgspec.json.encode(self._document()))

    async def front(self, _request: Request) -> Response:
        """`/`."""
        return HTMLResponse(front_page(__version__))

    async def docs(self, _request: Request) -> Response:
        """`/docs`."""
        return HTMLResponse(self._docs())

    async def openapi(self, _request: Request) -> Response:
        """`/openapi.json`: a description of public routes, so any origin may read it."""
        return Response(
            self._json(),
            media_type="application/json",
            headers={"access-control-allow-origin": "*"},
        )

    async def healthz(self, _request: Request) -> Response:
        """`/healthz`: the event loop turns."""
        return PlainTextResponse("ok\n", headers={"cache-control": "no-store"})

    async def readyz(self, _request: Request) -> Response:
        """`/readyz`: 200 if the database answers in time and the server is not stopping."""
        reason = "stopping" if self.is_draining else await self._database_fault()
        return JSONResponse(
            {"ready": not reason, "reason": reason},
            status_code=503 if reason else 200,
            headers={"cache-control": "no-store"},
        )

    async def metrics(self, _request: Request) -> Response:
        """`/metrics`."""
        if not self._app.config.metrics:
            return PlainTextResponse("metrics are off (HIKIDASHI_METRICS)\n", status_code=404)
        return Response(self._app.observe.metrics(), media_type=METRICS_CONTENT_TYPE)

    async def _database_fault(self) -> str:
        try:
            await asyncio.wait_for(self._app.store.read(list_workspaces), READY_SECONDS_MAX)
        except FaultError as error:
            return error.faults[0].description
        except TimeoutError:
            return f"the database did not answer within {READY_SECONDS_MAX:g} seconds"
        return ""


def make_site(app: App, calls: Iterable[Call]) -> Starlette:
    """The site; it opens the application when it starts and closes it when it stops."""
    pages = Pages(app, calls)
    routes = [
        Route("/", pages.front),
        Route("/docs", pages.docs),
        Route("/openapi.json", pages.openapi),
        Route("/healthz", pages.healthz),
        Route("/readyz", pages.readyz),
        Route("/metrics", pages.metrics),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(_SecurityHeaders)],
        lifespan=_lifespan(app, pages),
    )


def _lifespan(app: App, pages: Pages) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_site: Starlette) -> AsyncIterator[None]:
        await app.open(serves=True)
        try:
            yield
        finally:
            pages.is_draining = True
            await app.close()

    return lifespan


class _SecurityHeaders:
    """Adds the headers that keep a browser from doing more than show the page."""

    def __init__(self, app: ASGIApp) -> None:
        self._next = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._next(scope, receive, send)
            return

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _SECURITY:
                    headers[name] = value
            await send(message)

        await self._next(scope, receive, secured)
