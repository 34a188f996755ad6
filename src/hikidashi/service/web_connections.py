"""A connection to a web server of somebody else: one request after another, HTTP/1.1.

The event loop has the socket and TLS, httptools reads what is answered; here is only which bytes
belong to which answer, and how many of them are wanted.
"""

from __future__ import annotations

import asyncio
from typing import Final, cast

import httptools

from ..core.record import record

HEAD_BYTES_MAX: Final = 65_536  # of an answer before its body
_SWITCHED: Final = 101  # the only status below 200 that no other follows


class BrokenError(Exception):
    """The connection ended before an answer, or what came is none."""


class SilentError(BrokenError):
    """The same, and not a byte came."""


@record
class Reply:
    """What somebody answered; `body` only as far as it was read."""

    status: int
    body: bytes


class Connection(asyncio.Protocol):
    """Reads up to `most` bytes of the body of each answer; whoever says more is hung up on."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Reply] | None = None
        self._begin()

    @property
    def is_open(self) -> bool:
        """Whether another request may be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, message: bytes) -> asyncio.Future[Reply]:
        """Send a request, head and body; none other may be under way. What comes of it may be a
        BrokenError."""
        self._begin()
        answer = self._answer = asyncio.get_running_loop().create_future()
        if self._transport is None:
            self._fail()
        else:
            self._transport.write(message)
        return answer

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._received = 0
        self._status = 0
        self._body = b""
        self._is_framed = False  # the head says where the body ends

    def _finish(self, *, keeps: bool) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_result(Reply(self._status, self._body[: self._most]))
        if not keeps:
            self.abort()

    def _fail(self, words: str = "the connection was closed before an answer") -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            kind = BrokenError if self._received else SilentError
            answer.set_exception(kind(words))
        self.abort()

    # --- what the event loop says -------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """A piece of an answer."""
        if self._answer is None:  # nobody has asked
            self.abort()
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail("what was answered is no HTTP")
        if self._answer is None or self._received <= HEAD_BYTES_MAX + self._most:
            return
        if self._status:
            self._finish(keeps=False)
        else:
            self._fail(f"the head of the answer has over {HEAD_BYTES_MAX} bytes")

    def connection_lost(self, _error: Exception | None) -> None:
        """It is gone; where nothing else tells it, that is the end of an answer."""
        self._transport = None
        if self._status and not self._is_framed:
            self._finish(keeps=False)
        else:
            self._fail()

    # --- what the parser says -----------------------------------------------------------------

    def on_message_begin(self) -> None:
        """An answer begins."""
        if self._answer is None:  # a second one
            self.abort()

    def on_header(self, name: bytes, _value: bytes) -> None:
        """One line of a head."""
        self._is_framed |= name.lower() in (b"content-length", b"transfer-encoding")

    def on_headers_complete(self) -> None:
        """A head is there."""
        status = self._parser.get_status_code()
        if status >= 200 or status == _SWITCHED:
            self._status = status

    def on_body(self, piece: bytes) -> None:
        """A piece of a body."""
        if self._answer is None:
            return
        self._body += piece
        if len(self._body) > self._most:
            self._finish(keeps=False)

    def on_message_complete(self) -> None:
        """An answer is whole."""
        if self._status:
            self._finish(keeps=self._parser.should_keep_alive())
        else:  # another one follows
            self._is_framed = False
