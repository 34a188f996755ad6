"""The way in: an ASGI application that finds a Call by dictionary and answers in its dialect."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, MutableMapping
from itertools import count
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import parse_qsl, unquote

import msgspec

from ..core.access import Identity, MovedError
from ..core.errors import (
    FaultError,
    FaultKind,
    crashed,
    invalid_request,
    too_large,
    unauthorized,
    unavailable,
)
from ..core.limits import BODY_BYTES_MAX, URL_BYTES_MAX
from ..storage.written import begin_request, has_written
from .body import check_levels
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
from .routing import Cors, Routes, Target

if TYPE_CHECKING:
    from ..service.app import App

_QUERY_FIELDS_MAX: Final = 100
_REQUEST_ID_CHARS_MAX: Final = 128
_JSON: Final = (b"content-type", b"application/json")
_CLOSE: Final = (b"connection", b"close")
_BODILESS: Final = frozenset(("GET", "HEAD"))
_DRAIN_STEP_SECONDS: Final = 0.01
_MOVED: Final = "another workspace was selected meanwhile; send the request again"
_GONE: Final = 499  # told to the observer only: nobody is left to be answered


class RequestObserver(Protocol):
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

    def request_crashed(self, route: str, request_id: str, error: BaseException) -> None:
        """A request met a bug."""


class _GoneError(Exception):
    """The client left before its body was whole."""


class _Exchange(msgspec.Struct):
    """One request on its way through."""

    request: HttpRequest
    raw: Mapping[bytes, bytes]  # headers
    receive: Receive
    route: str = "-"
    has_begun: bool = False  # a body in chunks was asked for
    is_read: bool = False  # and came to its end
    headers: list[tuple[bytes, bytes]] = []  # of the answer; one of its own for each


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
    ) -> None:
        self._app = app
        self._routes = Routes(calls)
        self._observer = observer
        self._site = site
        self._hub = hub
        self._cors = Cors(origins)
        self._body_bytes_max = body_bytes_max
        self._drain_seconds = drain_seconds
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
        segments = _segments(scope)
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
        )
        if (client := scope.get("client")) is not None:
            request.client = client[0]
        exchange = _Exchange(request, raw, receive)
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
        except _GoneError:
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
        call = target.call
        request = exchange.request
        exchange.route = call.name
        request.params = {name: segments[at] for name, at in target.params}
        try:
            if scope.get("query_string"):
                request.query = _query(scope)
            identity: Identity | None = None
            if call.auth == "token":
                identity = await self._identify(request)
            if call.streams_body:
                request.chunks = _read_chunks(exchange)
            else:
                limit = call.body_bytes_max or self._body_bytes_max
                request.body = await _read_body(exchange, limit)
            if call.is_json and request.body:
                check_levels(request.body)
            begin_request()
            try:
                return await call.handle(self._app, request, identity)
            except MovedError:
                if has_written():  # a bug: done once, it must not be done again
                    raise
                return await self._begin_again(call, exchange)
        except FaultError as fault:
            if fault.kind is FaultKind.TOO_LARGE or (request.chunks and not exchange.is_read):
                exchange.headers.append(_CLOSE)  # the rest of the body is not worth reading
            return call.envelope(fault, request)
        except _GoneError:
            raise
        except Exception as error:  # noqa: BLE001  the client is told that it failed, the log why
            self._observer.request_crashed(call.name, request.id, error)
            return call.envelope(crashed(request.id), request)

    async def _begin_again(self, call: Call, exchange: _Exchange) -> Answer:
        """Handle a call once more: another workspace was selected since its token was known.

        Nothing was done, but a body that is read as it comes may have begun to. Raises 503.
        """
        request = exchange.request
        self._app.identities.forget_sessions(request.user)
        if exchange.has_begun:
            raise unavailable(_MOVED)
        identity = await self._identify(request) if call.auth == "token" else None
        try:
            return await call.handle(self._app, request, identity)
        except MovedError:
            if has_written():
                raise
            raise unavailable(_MOVED) from None

    async def _identify(self, request: HttpRequest) -> Identity:
        token = read_token(request.headers)
        if not token:
            raise unauthorized("there is no token in the Authorization header")
        identity: Identity = await self._app.identities.identify(token)
        request.user = identity.user
        return identity

    async def _refuse(
        self, method: str, scope: Scope, exchange: _Exchange, segments: list[str]
    ) -> Answer:
        """There is no Call: HEAD of a GET, OPTIONS, a wrong method, or no such path."""
        if not segments:
            if _url_bytes(scope) > URL_BYTES_MAX:
                return _plain(414, f"the address has over {URL_BYTES_MAX} bytes")
            return _plain(400, "the path is not percent-encoded UTF-8")
        if method == "HEAD":
            target = self._routes.find("GET", segments)
            if target is not None and target.call.allows_head:
                return await self._call(target, scope, exchange, segments)
        methods = self._routes.methods(segments)
        if not methods:
            return _plain(404, f"there is no {scope['path']}", "NOT_FOUND")
        if method == "OPTIONS":
            return self._cors.preflight(methods)
        allow = (b"allow", ", ".join(methods).encode())
        answer = _plain(405, f"{method} is not allowed for {scope['path']}")
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
            is_hub = exchange.request.path.startswith("/hub/")  # whose clients send cookies
            headers.extend(self._cors.headers(origin, credentials=is_hub))
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


def _url_bytes(scope: Scope) -> int:
    return len(scope.get("raw_path") or b"") + len(scope.get("query_string", b""))


def _segments(scope: Scope) -> list[str]:
    """The path, split and decoded, without a slash at its end; none if that can't be done."""
    raw: bytes = scope.get("raw_path") or b""
    if len(raw) + len(scope.get("query_string", b"")) > URL_BYTES_MAX:
        return []
    if b"%" in raw:  # split before decoding: %2F is part of a segment
        try:
            parts = raw.partition(b"?")[0].decode("ascii").split("/")
            segments = [unquote(one, errors="strict") if "%" in one else one for one in parts]
        except UnicodeDecodeError:
            return []
    else:
        segments = scope["path"].split("/")
    if not segments[-1] and len(segments) > 2:
        del segments[-1]
    return segments if len(segments) > 1 else []


def _query(scope: Scope) -> dict[str, str]:
    """The query string; of a repeated name, the last. Raises 400."""
    try:
        pairs = parse_qsl(
            scope["query_string"].decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_QUERY_FIELDS_MAX,
        )
    except ValueError:
        raise invalid_request(
            f"the query is not percent-encoded UTF-8 or has over {_QUERY_FIELDS_MAX} parts"
        ) from None
    return dict(pairs)


async def _read_body(exchange: _Exchange, limit: int) -> bytes:
    """The whole body. Raises 413 before it has read more than the limit."""
    raw = exchange.raw
    length = raw.get(b"content-length")
    if length is None:
        if exchange.request.method in _BODILESS and b"transfer-encoding" not in raw:
            return b""
    elif length.isdigit() and int(length[:20]) > limit:
        raise too_large(f"the body has over {limit} bytes")
    message = await exchange.receive()
    if message["type"] == "http.disconnect":
        raise _GoneError
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        if len(body) > limit:
            raise too_large(f"the body has over {limit} bytes")
        return body
    chunks = [body]
    size = len(body)
    while message.get("more_body", False):
        if size > limit:
            raise too_large(f"the body has over {limit} bytes")
        message = await exchange.receive()
        if message["type"] == "http.disconnect":
            raise _GoneError
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
    if size > limit:
        raise too_large(f"the body has over {limit} bytes")
    return b"".join(chunks)


async def _read_chunks(exchange: _Exchange) -> AsyncIterator[bytes]:
    """The body as it comes. Ends with an error when the client leaves."""
    exchange.has_begun = True
    while not exchange.is_read:
        message = await exchange.receive()
        if message["type"] == "http.disconnect":
            raise _GoneError
        exchange.is_read = not message.get("more_body", False)
        yield message.get("body", b"")


async def _leave(receive: Receive) -> None:
    """Return when the client has left; a body that was not read comes before that."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _clean_id(given: bytes) -> str:
    """A client's request id, cut to what is safe in a log and a header."""
    text = given[:_REQUEST_ID_CHARS_MAX].decode("latin-1")
    return "".join(one for one in text if "!" <= one <= "~")


def _plain(status: int, description: str, code: str = "INVALID_PARAMS") -> Answer:
    error = {400: "bad request", 404: "not found", 405: "method not allowed", 414: "too long"}
    return answer_json(
        {"description": description, "error": error[status], "error_code": code}, status
    )


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
