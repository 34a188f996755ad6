"""The way in: an ASGI application that finds a Call by dictionary and answers in its dialect."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Iterable,
    Mapping,
    MutableMapping,
)
from itertools import count
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from ..core.access import Identity
from ..core.errors import FaultError, FaultKind, too_large, unauthorized
from ..core.limits import BODY_BYTES_MAX
from .address import refuse, refuse_path, split_path
from .exchange import (
    CUT,
    Answer,
    Asgi,
    Call,
    Envelope,
    Handle,
    Headers,
    HttpRequest,
    Receive,
    Scope,
    Send,
    answer_json,
    read_token,
)
from .handling import CrashObserver, GoneError, Handling, check_size
from .routing import Cors, Routes, Target, list_methods

if TYPE_CHECKING:
    from ..service.app import App
    from ..service.identity import Identities

_REQUEST_ID_CHARS_MAX: Final = 128
_JSON: Final = (b"content-type", b"application/json")
_CLOSE: Final = (b"connection", b"close")
_BODILESS: Final = frozenset(("GET", "HEAD"))
_DRAIN_STEP_SECONDS: Final = 0.01
_GONE: Final = 499  # told to the observer only: nobody is left to be answered


class RequestObserver(CrashObserver, Protocol):
    """Hears of every request that the edge answers."""

    def request_done(  # noqa: PLR0913  what is worth a line in a log
        self,
        route: str,
        method: str,
        status: int,
        seconds: float,
        request_id: str = "",
        user: str = "",
    ) -> None:
        """A request was answered."""


class _Exchange(msgspec.Struct):
    """One request on its way through: the Caller that comes by the network."""

    request: HttpRequest
    raw: Mapping[bytes, bytes]  # headers
    receive: Receive
    identities: Identities
    route: str = "-"
    has_cookies: bool = False  # by a call whose clients send them
    has_begun: bool = False  # a body in chunks was asked for
    is_read: bool = False  # and came to its end
    headers: list[tuple[bytes, bytes]] = []  # of the answer; one of its own for each

    @property
    def may_begin_again(self) -> bool:
        return not self.has_begun

    async def identify(self, request: HttpRequest) -> Identity:
        token = read_token(request.headers)
        if not token:
            raise unauthorized("there is no token in the Authorization header")
        identity = await self.identities.identify(token)
        request.user = identity.user
        return identity

    async def read_body(self, limit: int) -> bytes:
        length = self.raw.get(b"content-length")
        if length is None:
            if self.request.method in _BODILESS and b"transfer-encoding" not in self.raw:
                return b""
        elif length.isdigit() and int(length[:20]) > limit:
            raise too_large(f"the body has over {limit} bytes")
        message = await self._receive()
        body: bytes = message.get("body", b"")
        if not message.get("more_body", False):
            return check_size(body, limit)
        chunks = [body]
        size = len(body)
        while message.get("more_body", False) and size <= limit:
            message = await self._receive()
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
        return check_size(b"".join(chunks), limit)

    async def read_chunks(self) -> AsyncIterator[bytes]:
        self.has_begun = True
        while not self.is_read:
            message = await self._receive()
            self.is_read = not message.get("more_body", False)
            yield message.get("body", b"")

    def refused(self, fault: FaultError) -> None:
        if fault.kind is FaultKind.TOO_LARGE or (self.request.chunks and not self.is_read):
            self.headers.append(_CLOSE)  # the rest of the body is not worth reading

    async def _receive(self) -> MutableMapping[str, Any]:
        message = await self.receive()
        if message["type"] == "http.disconnect":
            raise GoneError
        return message


class Edge:
    """Answers the calls of the dialects; hands every other path to the site."""

    def __init__(  # noqa: PLR0913  what the way in is made of
        self,
        app: App,
        calls: Iterable[Call],
        observer: RequestObserver,
        *,
        site: Asgi | None = None,
        hub: Asgi | None = None,
        origins: tuple[str, ...] = ("*",),
        body_bytes_max: int = BODY_BYTES_MAX,
        drain_seconds: float = 30,
        strangers: Mapping[str, Callable[[str], Answer]] | None = None,
    ) -> None:
        self._app = app
        self._routes = Routes(calls)
        self._handling = Handling(app, observer, body_bytes_max)
        self._observer = observer
        self._site = site
        self._hub = hub
        self._cors = Cors(origins)
        self._drain_seconds = drain_seconds
        # By first segment: how a dialect refuses a path that none of its calls has.
        self._strangers = strangers or {}
        self._stem = secrets.token_hex(6)
        self._counter = count(1)
        self.in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; a WebSocket is the hub's, anything else the site's."""
        if scope["type"] != "http":
            if scope["type"] == "websocket" and self._hub is not None:
                await self._hub(scope, receive, send)
                return
            if self._site is not None:
                await self._site(scope, self._draining(receive), send)
            return
        segments = split_path(
            scope.get("raw_path") or b"", scope.get("query_string", b""), scope["path"]
        )
        method = scope["method"]
        target = self._routes.find(method, segments)
        if target is None and self._site is not None and self._is_for_site(segments):
            await self._site(scope, receive, send)
            return
        started = perf_counter()
        raw = dict(scope["headers"])
        given_id = raw.get(b"x-request-id")
        request = HttpRequest(
            method,
            scope["path"],
            {},
            {},
            Headers(raw),
            b"",
            _clean_id(given_id) if given_id else f"{self._stem}{next(self._counter):08x}",
            cut=scope.get(CUT),
            scheme=scope.get("scheme", "http"),
        )
        if (client := scope.get("client")) is not None:
            request.client = client[0]
        exchange = _Exchange(request, raw, receive, self._app.identities)
        self.in_flight += 1
        try:
            if target is not None:
                answer = await self._call(target, scope, exchange, segments)
            else:
                answer = await self._refuse(method, scope, exchange, segments)
            start = self._start(answer, exchange)
            if answer.chunks is not None:
                await self._send_chunks(start, answer.chunks, exchange, send)
            else:
                await send(start)
                body = b"" if method == "HEAD" else answer.body
                await send({"type": "http.response.body", "body": body})
        except GoneError:
            answer = Answer(_GONE)
        finally:
            self.in_flight -= 1
        seconds = perf_counter() - started
        self._observer.request_done(
            exchange.route, method, answer.status, seconds, request.id, request.user
        )

    def _draining(self, receive: Receive) -> Receive:
        """Hold the order to shut down back until what was accepted is answered."""

        async def receive_when_drained() -> MutableMapping[str, Any]:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                deadline = perf_counter() + self._drain_seconds
                while self.in_flight and perf_counter() < deadline:  # noqa: ASYNC110  once, at the end
                    await asyncio.sleep(_DRAIN_STEP_SECONDS)
            return message

        return receive_when_drained

    def _is_for_site(self, segments: list[str]) -> bool:
        return bool(segments) and segments[1] not in self._routes.heads

    # -- a call --------------------------------------------------------------------------------

    async def _call(
        self, target: Target, scope: Scope, exchange: _Exchange, segments: list[str]
    ) -> Answer:
        exchange.route = target.call.name
        exchange.has_cookies = target.call.has_cookies
        query = scope.get("query_string", b"")
        return await self._handling.answer(target, segments, query, exchange.request, exchange)

    async def _refuse(
        self, method: str, scope: Scope, exchange: _Exchange, segments: list[str]
    ) -> Answer:
        """There is no Call: HEAD of a GET, OPTIONS, a wrong method, or no such path."""
        if not segments:
            return refuse_path(scope.get("raw_path") or b"", scope.get("query_string", b""))
        if method == "HEAD":
            target = self._routes.find("GET", segments)
            if target is not None and target.call.allows_head:
                return await self._call(target, scope, exchange, segments)
        calls = self._routes.list(segments)
        stranger = None if calls else self._strangers.get(segments[1])
        if stranger is not None:
            is_asked = method == "OPTIONS"  # a browser reads no refusal before it may call
            return self._cors.preflight(["GET", "POST"]) if is_asked else stranger(scope["path"])
        if not calls:
            return refuse(404, f"there is no {scope['path']}", "NOT_FOUND")
        exchange.has_cookies = any(one.has_cookies for one in calls)
        methods = list_methods(calls)
        if method == "OPTIONS":
            return self._cors.preflight(methods)
        allow = (b"allow", ", ".join(methods).encode())
        answer = refuse(405, f"{method} is not allowed for {scope['path']}")
        answer.headers = (allow,)
        return answer

    # -- the answer ----------------------------------------------------------------------------

    def _start(self, answer: Answer, exchange: _Exchange) -> dict[str, Any]:
        """The message that an answer begins with."""
        headers = exchange.headers
        if answer.headers:
            headers.extend(answer.headers)
        if answer.status not in (204, 304):  # which have neither type nor length
            told = [name for name, _ in answer.headers] if answer.headers else ()
            if b"content-type" not in told:
                headers.append(_JSON)
            if answer.chunks is None and b"content-length" not in told:
                headers.append((b"content-length", b"%d" % len(answer.body)))
        headers.append((b"x-request-id", exchange.request.id.encode()))
        origin = exchange.raw.get(b"origin")
        if origin is not None:
            headers.extend(self._cors.headers(origin, credentials=exchange.has_cookies))
        return {"type": "http.response.start", "status": answer.status, "headers": headers}

    async def _send_chunks(
        self,
        start: dict[str, Any],
        chunks: AsyncGenerator[bytes, None],
        exchange: _Exchange,
        send: Send,
    ) -> None:
        """Send a long body until it ends or the client leaves."""
        try:
            await send(start)
            if exchange.request.method != "HEAD":
                await self._pass_on(chunks, exchange, send)
        finally:
            await chunks.aclose()
        await send({"type": "http.response.body", "body": b""})

    async def _pass_on(
        self, chunks: AsyncGenerator[bytes, None], exchange: _Exchange, send: Send
    ) -> None:
        """Send chunk after chunk. What fails cuts the connection."""
        leaving = asyncio.ensure_future(_leave(exchange.receive))
        on_leave = exchange.request.on_leave
        if on_leave is not None:
            leaving.add_done_callback(lambda _: on_leave())
        try:
            async for chunk in chunks:
                if leaving.done():
                    break
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except Exception as error:
            self._observer.request_crashed(exchange.route, exchange.request.id, error)
            raise
        finally:
            leaving.cancel()


async def _leave(receive: Receive) -> None:
    """Return when the client has left; a body that was not read comes before that."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _clean_id(given: bytes) -> str:
    """A client's request id, cut to what is safe in a log and a header."""
    text = given[:_REQUEST_ID_CHARS_MAX].decode("latin-1")
    return "".join(one for one in text if "!" <= one <= "~")


__all__ = [
    "Answer",
    "Call",
    "Edge",
    "Envelope",
    "Handle",
    "HttpRequest",
    "RequestObserver",
    "answer_json",
    "read_token",
]
