"""The calls of live events over HTTP: events as they happen (SSE), and the hub's negotiation."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator
from functools import partial
from typing import Final

import msgspec

from ..core.access import Identity
from ..core.errors import invalid_request
from ..service.app import App
from ..service.live_listeners import GONE, Listener, Message
from .body import encode
from .exchange import Answer, Call, HttpRequest, QueryKey, answer_json, read_token
from .hexabase_rest import envelopes

PING_S: Final = 15.0  # without anything to tell, so that neither side takes the other for gone
_HEADERS: Final = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would hold events back
)
_UPGRADE: Final = ((b"upgrade", b"websocket"),)
_TOKEN: Final = QueryKey(
    "token", "string", "The token, for clients that can't send it as a header."
)
_CHANNEL: Final = QueryKey("channel", "string", "The names of channels, separated by commas.")
_VERSION: Final = QueryKey("negotiateVersion", "integer", "1 for an answer with a connectionToken.")


class Transport(msgspec.Struct, rename="camel"):
    """A way to connect to the hub."""

    transport: str
    transfer_formats: list[str]


class Negotiated(msgspec.Struct, rename="camel"):
    """How to connect to the hub."""

    connection_id: str
    negotiate_version: int
    available_transports: list[Transport]
    connection_token: str | msgspec.UnsetType = msgspec.UNSET


def split_channels(text: str) -> list[str]:
    """The channels of a `channel` in a query string."""
    return [one for one in text.split(",") if one]


async def listen(app: App, request: HttpRequest, _identity: Identity | None) -> Answer:
    """Events of channels, until the client leaves."""
    token = request.query.get("token") or read_token(request.headers)
    channels = split_channels(request.query.get("channel", ""))
    if not channels and token:
        raise invalid_request("channel: name at least one")
    listener = await app.live.listen(token, channels, request.cut)
    request.user = listener.identity.user
    request.on_leave = partial(listener.end, GONE)
    stream = _stream(app, listener)
    await anext(stream)  # from now on closing it lets the listener go
    return Answer(200, headers=_HEADERS, chunks=stream)


async def _stream(app: App, listener: Listener) -> AsyncGenerator[bytes, None]:
    try:
        yield b""
        yield b": listening\n\n"
        while (messages := await listener.take(PING_S)) is not None:
            yield b"".join(map(_encode, messages)) or b": ping\n\n"
        ending = listener.ending
        if ending is not None and ending is not GONE:
            told = encode({"error": ending.reason, "may_return": ending.may_return})
            yield b"event: end\ndata: " + told + b"\n\n"
    finally:
        app.live.leave(listener)


def _encode(message: Message) -> bytes:
    """JSON has no line breaks, so an event's data is one line."""
    return f"event: {message.event}\ndata: {message.data}\n\n".encode()


async def negotiate(app: App, request: HttpRequest, _identity: Identity | None) -> Answer:
    """Say that the hub speaks WebSocket; nothing is kept of it."""
    token = request.query.get("token") or read_token(request.headers)
    await app.live.check_token(token)
    name = secrets.token_urlsafe(16)
    transport = Transport("WebSockets", ["Text"])
    if request.query.get("negotiateVersion", "0") == "0":
        return answer_json(Negotiated(name, 0, [transport]))
    return answer_json(Negotiated(name, 1, [transport], name))


async def upgrade(_app: App, _request: HttpRequest, _identity: Identity | None) -> Answer:
    """The hub is no page."""
    return answer_json({"error": "the hub speaks WebSocket"}, 426, _UPGRADE)


CALLS: Final[tuple[Call, ...]] = (
    Call(
        name="ListenToEvents",
        method="GET",
        path="/sse",
        handle=listen,
        envelope=envelopes.plain,
        summary="Events of channels as they happen, as `text/event-stream`.",
        query=(_CHANNEL, _TOKEN),
        auth="none",
        allows_head=False,
    ),
    Call(
        name="NegotiateHub",
        method="POST",
        path="/hub/negotiate",
        handle=negotiate,
        envelope=envelopes.plain,
        summary="How to connect to the hub, for SignalR clients that ask first.",
        query=(_TOKEN, _VERSION),
        answer=Negotiated,
        auth="none",
        is_json=False,
        has_cookies=True,
    ),
    Call(
        name="ConnectToHub",
        method="GET",
        path="/hub",
        handle=upgrade,
        envelope=envelopes.plain,
        summary="Events over WebSocket, in SignalR's JSON protocol, with `token` and `channel`; see docs/live.md.",
        auth="none",
        allows_head=False,
    ),
)
