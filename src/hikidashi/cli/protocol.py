"""HTTP and WebSocket by uvicorn, the head and the first bytes of an answer sent together.

uvicorn writes them apart, and each write is a system call, a packet, and a wake-up of the client.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from ..api.exchange import CUT

_HEAD: Final = b"HTTP/1."
CUT_S: Final = 5.0  # for what was said last to reach a client, before its connection is cut


class OneWriteTransport:
    """A transport that holds the head of an answer until its body comes.

    It waits to the end of the event loop's turn at most. All else is the transport's behind it.
    """

    __slots__ = ("_head", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""

    def write(self, data: bytes) -> None:
        """Send, or hold a head."""
        if self._head:
            data = self._head + data
            self._head = b""
        elif data.startswith(_HEAD):
            self._head = data
            self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def _flush(self) -> None:
        if self._head:
            data, self._head = self._head, b""
            self._transport.write(data)

    def close(self) -> None:
        """Send what waits, then close."""
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        """Whatever else a transport can do."""
        return getattr(self._transport, name)


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol over such transports."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has come."""
        one = OneWriteTransport(transport, self.loop)
        super().connection_made(cast("asyncio.Transport", one))

    def on_message_begin(self) -> None:
        """A request begins; what answers it for long may have to cut the connection."""
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)[CUT] = self.transport.abort


class HubProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket, whose connections can be cut: closing one waits for its client."""

    def handle_connect(self, event: Request) -> None:
        """A client wants to speak WebSocket."""
        super().handle_connect(event)
        if self.response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            cast("dict[str, Any]", self.scope)[CUT] = self.transport.abort

    async def send(self, message: Any) -> None:
        """Say something to the client; an answer instead of a handshake is complete, too."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """The application is through with it."""
        super().on_task_complete(task)
        self.loop.call_later(CUT_S, self.transport.abort)
