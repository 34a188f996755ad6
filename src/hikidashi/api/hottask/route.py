"""What a part of the dialect says of each of its calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Literal, TypeAlias

from ...core.access import Identity
from ...core.record import record
from ...service.app import App
from ..exchange import Answer, HttpRequest, QueryKey
from .envelope import Envelope
from .keys import identify
from .places import check_public

# Both may raise FaultError; `list_calls` sees to the envelope.
Work: TypeAlias = Callable[[App, HttpRequest], Awaitable[Answer]]
KeyedWork: TypeAlias = Callable[[App, HttpRequest, Identity], Awaitable[Answer]]


@record
class Route:
    """One call, which is there below each of the vendor's bases."""

    name: str
    path: str  # below the base: "/CustomTableValue/UD/:code/:table"
    work: Work
    summary: str
    method: Literal["GET", "POST", "PUT"] = "POST"
    takes_key: bool = True  # False: anybody may call, and no key is looked at
    query: tuple[QueryKey, ...] = ()
    body: Any = None  # the type of the body, for OpenAPI
    body_type: str = "application/json"
    body_bytes_max: int | None = None  # None: the edge's own limit
    streams_body: bool = False  # True: `work` reads it from `chunks`
    answer: Any = Envelope  # None: what is answered is no JSON
    is_open: bool = False  # True: the path itself says who may; errors bear their status in HTTP


def keyed(work: KeyedWork, *public: str) -> Work:
    """Work that is done for whom a key or token stands for; and for anybody on tables where one of
    these is public, which are of PUBLIC_CALLS."""

    @wraps(work)
    async def identified(app: App, request: HttpRequest) -> Answer:
        identity = await identify(app, request)
        request.user = identity.user
        if identity.is_anonymous:
            await app.read(identity, lambda view: check_public(view, request.params, *public))
        return await work(app, request, identity)

    return identified
