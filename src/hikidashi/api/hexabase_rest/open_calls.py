"""Calls that an operator has opened to everybody: exactly those, with the rights of one user."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from ...core.errors import forbidden
from ...service.app import App
from ..address import split_path
from ..body import decode_body, told
from ..edge import Answer, Call, HttpRequest
from ..exchange import NO_DRY_RUN
from ..handling import Handling, Known
from ..routing import Routes, Target
from ..running import refuse_dry_run
from . import envelopes

_PREFIX: Final = "/api/v0/"


class OpenCallBody(msgspec.Struct):
    """auth/UnauthorizedCall. No page shows its body."""

    method: Annotated[str, told("The method of the call.")]
    url: Annotated[
        str, told("Its path from `/api/v0/` on, with its query, letter by letter as it was opened.")
    ]
    payload: Annotated[msgspec.Raw | UnsetType, told("Its body.")] = UNSET


_body: Final = msgspec.json.Decoder(OpenCallBody)


class OpenCalls:
    """Makes calls in the name of whoever they were opened with."""

    def __init__(self, calls: Iterable[Call]) -> None:
        self._routes = Routes(calls)

    def find(self, method: str, url: str) -> tuple[Target, list[str]] | None:
        """What may be opened, with the segments of its path: a call with a token and in JSON."""
        path, _, query = url.partition("?")
        if not (url.isascii() and url.isprintable() and path.startswith(_PREFIX)):
            return None
        segments = split_path(path.encode(), query.encode(), path)
        target = self._routes.find(method, segments)
        return None if target is None or not _may_be_open(target.call) else (target, segments)

    async def handle(self, app: App, request: HttpRequest, _identity: None) -> Answer:
        """UnauthorizedCall: the answer of the call that it names."""
        refuse_dry_run(request)
        body = decode_body(_body, request.body)
        identity = await app.identities.identify_open(body.method, body.url)
        found = self.find(body.method, body.url) if identity else None
        if identity is None or found is None:
            raise forbidden(
                "this call may not be made without a token; log in, or use an API token"
            )
        target, segments = found
        path, _, query = body.url.partition("?")
        inner = HttpRequest(body.method, path, {}, {}, request.headers, id=request.id)
        request.user = identity.user
        payload = b"" if body.payload is UNSET else bytes(body.payload)
        caller = Known(identity, b"" if payload == b"null" else payload)
        handling = Handling(app, app.observe, app.config.body_bytes_max)
        return await handling.answer(target, segments, query.encode(), inner, caller)


def _may_be_open(call: Call) -> bool:
    return call.auth == "token" and call.is_json and not call.streams_body


def make_open_call(calls: Iterable[Call]) -> Call:
    """UnauthorizedCall over some calls."""
    handle: Any = OpenCalls(calls).handle
    return Call(
        name="UnauthorizedCall",
        method="POST",
        path=f"{_PREFIX}auth/unauthorized-call",
        handle=handle,
        envelope=envelopes.plain,
        summary="Make a call that is open to those without a token; answers as it does.",
        query=(NO_DRY_RUN,),
        body=OpenCallBody,
        auth="none",
    )
