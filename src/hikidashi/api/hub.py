"""The hub: live events over WebSocket, in the JSON protocol of SignalR.

A record is a JSON object that ends with 0x1E. The client's first one names the protocol, ours
answers `{}`. We invoke methods of the client; the hub has none that a client could invoke.
"""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

import msgspec

from ..core.errors import FaultError
from ..core.limits import HUB_MESSAGE_BYTES_MAX, URL_BYTES_MAX
from ..service.live_listeners import GONE, Ending, Listener, Message
from .exchange import CUT, STATUS, Receive, Scope, Send
from .live import PING_S, split_channels
from .routing import Cors

if TYPE_CHECKING:
    from ..service.app import App

END: Final = "\x1e"
HANDSHAKE_S: Final = 15.0  # for the client's first record
CLOSE_S: Final = 5.0  # for the last record to leave
PING: Final = f'{{"type":6}}{END}'
_INVOCATION, _STREAM, _PING, _CLOSE = 1, 4, 6, 7
_NO_METHODS: Final = "the hub has no methods that a client could invoke"
_BY_CLIENT: Final = 1000  # codes of WebSocket
_BAD: Final = 1008
_to_json: Final = msgspec.json.Encoder().encode


class _Greeting(msgspec.Struct):
    protocol: str
    version: int


class _Said(msgspec.Struct, rename="camel"):
    """What of a client's record matters."""

    type: int
    invocation_id: str | None = None


_greeting: Final = msgspec.json.Decoder(_Greeting).decode
_said: Final = msgspec.json.Decoder(_Said).decode


class _ProtocolError(Exception):
    """The client says what the protocol does not know."""


class _LeftError(Exception):
    """The client has left."""


class Hub:
    """Accepts connections and tells each what it may know."""

    def __init__(self, app: App, origins: tuple[str, ...]) -> None:
        self._app = app
        self._cors = Cors(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection, from its beginning to its end."""
        await receive()  # websocket.connect
        if scope["path"].rstrip("/") != "/hub":
            await _refuse(send, 404, f"there is no {scope['path']}")
            return
        if not self._is_allowed(dict(scope["headers"])):
            await _refuse(
                send, 403, "pages of this origin may not call (HIKIDASHI_ALLOWED_ORIGINS)"
            )
            return
        try:
            given = _query(scope)
            token = given.get("token") or given.get("access_token", "")
            channels = split_channels(given.get("channel", ""))
            listener = await self._app.live.listen(token, channels, scope.get(CUT))
        except FaultError as fault:
            words = fault.faults[0].description or fault.faults[0].error
            await _refuse(send, STATUS[fault.kind], words)
            return
        try:
            await send({"type": "websocket.accept"})
            await _Connection(listener, receive, send).run()
        finally:
            self._app.live.leave(listener)

    def _is_allowed(self, headers: dict[bytes, bytes]) -> bool:
        """As for CORS, which browsers do not ask about WebSockets; our own pages may always."""
        origin = headers.get(b"origin")
        if origin is None or self._cors.allows(origin):
            return True
        return urlsplit(origin).netloc == headers.get(b"host")


class _Connection:
    """One client that was accepted."""

    def __init__(self, listener: Listener, receive: Receive, send: Send) -> None:
        self._listener = listener
        self._receive = receive
        self._send = send

    async def run(self) -> None:
        """Until one of the two has enough."""
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                rest = await self._greet()
        except (TimeoutError, _ProtocolError) as error:
            words = str(error) or f"no handshake came within {HANDSHAKE_S:g} seconds"
            await self._close(_to_json({"error": words}).decode() + END, _BAD)
            return
        except _LeftError:
            return
        reading = asyncio.ensure_future(self._read(rest))
        writing = asyncio.ensure_future(self._write())
        try:
            await asyncio.wait((reading, writing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._listener.end(GONE)  # unless there is another reason already
            for one in (reading, writing):
                one.cancel()
            outcomes = await asyncio.gather(reading, writing, return_exceptions=True)
        if any(isinstance(one, _LeftError) for one in outcomes):
            return
        wrong = [str(one) for one in outcomes if isinstance(one, _ProtocolError)]
        ending = Ending(wrong[0], may_return=False) if wrong else self._listener.ending
        await self._close(_closing(ending or GONE), _BAD if wrong else _BY_CLIENT)

    async def _greet(self) -> list[str]:
        """Shake hands; gives the records that came with the first one."""
        first, *rest = await self._records()
        try:
            greeting = _greeting(first)
        except msgspec.MsgspecError:
            raise _ProtocolError("the first record is not a handshake") from None
        if greeting.protocol != "json" or greeting.version != 1:
            raise _ProtocolError("only version 1 of the protocol json is spoken here")
        await self._say("{}" + END)
        return rest

    async def _records(self) -> list[str]:
        """The records of the client's next message."""
        message = await self._receive()
        if message["type"] != "websocket.receive":
            raise _LeftError
        text = _text(message)
        records = text.split(END)
        if records.pop() or not records:
            raise _ProtocolError("a record does not end with 0x1E")
        return records

    async def _read(self, records: list[str]) -> None:
        """Hear what the client says until it closes."""
        while True:
            for one in records:
                try:
                    said = _said(one)
                except msgspec.MsgspecError:
                    raise _ProtocolError("a record is not an object with a type") from None
                if said.type == _CLOSE:
                    return
                if said.type in (_INVOCATION, _STREAM) and said.invocation_id is not None:
                    refusal = {"type": 3, "invocationId": said.invocation_id, "error": _NO_METHODS}
                    await self._say(_to_json(refusal).decode() + END)
            records = await self._records()

    async def _write(self) -> None:
        """Tell the client what there is, and that we are here, until the listener is ended."""
        while (messages := await self._listener.take(PING_S)) is not None:
            await self._say("".join(map(_invocation, messages)) or PING)

    async def _say(self, text: str) -> None:
        try:
            await self._send({"type": "websocket.send", "text": text})
        except OSError:  # the server's word for a client that has gone
            raise _LeftError from None

    async def _close(self, last: str, code: int) -> None:
        """Say why, if the client still reads, and close."""
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._say(last)
                await self._send({"type": "websocket.close", "code": code})
        except (TimeoutError, OSError, _LeftError):
            if self._listener.cut is not None:
                self._listener.cut()


def _invocation(message: Message) -> str:
    """The names of channels need no escaping."""
    return f'{{"type":1,"target":"{message.channel}","arguments":[{message.data}]}}{END}'


def _closing(ending: Ending) -> str:
    told: dict[str, Any] = {"type": _CLOSE}
    if ending.reason:
        told["error"] = ending.reason
    if ending.may_return:
        told["allowReconnect"] = True
    return _to_json(told).decode() + END


def _text(message: MutableMapping[str, Any]) -> str:
    """A message as text; the protocol is JSON, however it is framed."""
    text: str | None = message.get("text")
    if text is None:
        try:
            text = bytes(message.get("bytes") or b"").decode()
        except UnicodeDecodeError:
            raise _ProtocolError("a record is not UTF-8") from None
    if len(text) > HUB_MESSAGE_BYTES_MAX:
        raise _ProtocolError(f"a message has over {HUB_MESSAGE_BYTES_MAX} bytes")
    return text


def _query(scope: Scope) -> dict[str, str]:
    raw: bytes = scope.get("query_string", b"")
    return dict(parse_qsl(raw[:URL_BYTES_MAX].decode("latin-1")))


async def _refuse(send: Send, status: int, words: str) -> None:
    """Answer the request to connect as an HTTP request."""
    body = _to_json({"error": words})
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    start = "websocket.http.response.start"
    await send({"type": start, "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})
