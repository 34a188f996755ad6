"""All calls of the dialect: what its parts offer, below each of the vendor's bases."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Final

from ...core.errors import FaultError
from ...service.app import App
from ..exchange import Answer, Call, HttpRequest
from . import files, people, queries, rows
from .envelope import refusal
from .refused import refuse_path
from .route import Route, Work

# The vendor's two deployments of one API, and how their calls are named here.
BASES: Final = {"/autodev": "hottask", "/stagingautodev": "hottask-staging"}
ROUTES: Final[tuple[Route, ...]] = (*rows.ROUTES, *queries.ROUTES, *files.ROUTES, *people.ROUTES)


def list_calls(http_errors: str = "envelope") -> tuple[Call, ...]:
    """The dialect's calls; `http_errors` is the setting of that name."""
    return tuple(
        Call(
            name=f"{name}.{route.name}",
            method=route.method,
            path=f"{base}{route.path}",
            handle=_handler(route.work),
            envelope=_envelope("status" if route.is_open else http_errors),
            summary=route.summary,
            query=route.query,
            body=route.body,
            body_type=route.body_type,
            body_bytes_max=route.body_bytes_max,
            streams_body=route.streams_body,
            answer=route.answer,
            is_json=route.answer is not None,
            auth="none" if route.is_open or not route.takes_key else "hottask",
        )
        for route in ROUTES
        for base, name in BASES.items()
    )


def list_strangers(http_errors: str) -> dict[str, Callable[[str], Answer]]:
    """By the first word of a path: how one that none of the calls has is refused."""

    def refuse(path: str) -> Answer:
        return refuse_path(path, http_errors)

    return {base.removeprefix("/"): refuse for base in BASES}


def _handler(work: Work) -> Callable[[App, HttpRequest, None], Awaitable[Answer]]:
    @wraps(work)
    async def handle(app: App, request: HttpRequest, _: None) -> Answer:
        return await work(app, request)

    return handle


def _envelope(http_errors: str) -> Callable[[FaultError, HttpRequest], Answer]:
    def envelope(error: FaultError, _: HttpRequest) -> Answer:
        return refusal(error, http_errors)

    return envelope
