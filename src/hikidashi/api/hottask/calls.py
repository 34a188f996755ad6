"""All calls of the dialect: what its parts offer, below each of the vendor's bases."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from ...core.errors import FaultError
from ...service.app import App
from ..exchange import Answer, Call, HttpRequest
from . import rows
from .envelope import Envelope, refusal
from .route import Route, Work

# The vendor's two deployments of one API, and how their calls are named here.
BASES: Final = {"/autodev": "hottask", "/stagingautodev": "hottask-staging"}
ROUTES: Final[tuple[Route, ...]] = (*rows.ROUTES,)


def list_calls(http_errors: str = "envelope") -> tuple[Call, ...]:
    """The dialect's calls; `http_errors` is the setting of that name."""

    def refused(error: FaultError, _request: HttpRequest) -> Answer:
        """What the edge refuses before a call is handled."""
        return refusal(error, http_errors)

    return tuple(
        Call(
            name=f"{name}.{route.name}",
            method=route.method,
            path=f"{base}{route.path}",
            handle=_handler(route.work),
            envelope=refused,
            summary=route.summary,
            query=route.query,
            body=route.body,
            answer=Envelope,
            auth="hottask",
        )
        for route in ROUTES
        for base, name in BASES.items()
    )


def _handler(work: Work) -> Callable[[App, HttpRequest, None], Awaitable[Answer]]:
    async def handle(app: App, request: HttpRequest, _: None) -> Answer:
        try:
            return await work(app, request)
        except FaultError as error:
            return refusal(error, app.config.hottask_http_errors)

    return handle
