"""Calls that an operator has opened to everybody: exactly those, with the rights of one user."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl, unquote

import msgspec
from msgspec import UNSET, UnsetType

from ...core.errors import FaultError, forbidden, too_large
from ...core.limits import BODY_BYTES_MAX, URL_BYTES_MAX
from ...service.app import App
from ..body import decode_body, told
from ..edge import Answer, Call, HttpRequest
from ..exchange import NO_DRY_RUN
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

    def find(self, method: str, url: str) -> tuple[Target, HttpRequest] | None:
        """What may be opened, as a request without a body: a call with a token and in JSON."""
        path, _, query = url.partition("?")
        if not (url.isascii() and url.isprintable() and path.startswith(_PREFIX)):
            return None
        if len(url) > URL_BYTES_MAX:
            return None
        segments = [unquote(one) for one in path.split("/")]
        target = self._routes.find(method, segments)
        if target is None or not _may_be_open(target.call):
            return None
        params = {name: segments[at] for name, at in target.params}
        keys = dict(parse_qsl(query, keep_blank_values=True))
        return target, HttpRequest(method, path, params, keys, {})

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
        target, inner = found
        inner.headers, inner.id, inner.user = request.headers, request.id, identity.user
        request.user = identity.user
        payload = b"" if body.payload is UNSET else bytes(body.payload)
        inner.body = b"" if payload == b"null" else payload
        try:
            if len(inner.body) > (target.call.body_bytes_max or BODY_BYTES_MAX):
                raise too_large("the payload is longer than the call takes")
            return await target.call.handle(app, inner, identity)
        except FaultError as fault:
            return target.call.envelope(fault, inner)


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
