"""A call handled, whoever makes it: a client by the network, a script or a call that is open."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from ..core.access import Identity, MovedError
from ..core.errors import FaultError, crashed, too_large, unavailable
from ..storage.written import begin_request, has_written
from .address import read_query
from .body import check_levels
from .exchange import Answer, Call, HttpRequest
from .routing import Target

if TYPE_CHECKING:
    from ..service.app import App

_MOVED: Final = "another workspace was selected meanwhile; send the request again"


class GoneError(Exception):
    """The client left before its body was whole."""


class CrashObserver(Protocol):
    """Hears of every request that met a bug."""

    def request_crashed(self, route: str, request_id: str, error: BaseException) -> None:
        """A request met a bug."""


class Caller(Protocol):
    """Who makes a call, and what its body comes from."""

    @property
    def may_begin_again(self) -> bool:
        """Whether the call may be handled once more, by whoever `identify` then finds."""

    async def identify(self, request: HttpRequest) -> Identity:
        """Who calls, told to the request. Raises 401."""

    async def read_body(self, limit: int) -> bytes:
        """The whole body. Raises 413 before it has read more than the limit."""

    def read_chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises GoneError when the client leaves."""

    def refused(self, fault: FaultError) -> None:
        """The call is about to be answered with a fault."""


class Known:
    """A caller who is known, with a body that is there."""

    may_begin_again = False

    def __init__(self, identity: Identity, body: bytes) -> None:
        self._identity = identity
        self._body = body

    async def identify(self, request: HttpRequest) -> Identity:
        """Who it was said to be."""
        request.user = self._identity.user
        return self._identity

    async def read_body(self, limit: int) -> bytes:
        """The whole body. Raises 413."""
        return check_size(self._body, limit)

    async def read_chunks(self) -> AsyncIterator[bytes]:
        """The body, at once."""
        yield self._body

    def refused(self, fault: FaultError) -> None:
        """There is nothing left to be read."""


class Handling:
    """Handles calls, and tells what goes wrong in the words of their dialect."""

    def __init__(self, app: App, observer: CrashObserver, body_bytes_max: int) -> None:
        self._app = app
        self._observer = observer
        self._body_bytes_max = body_bytes_max

    async def answer(
        self,
        target: Target,
        segments: Sequence[str],
        query: bytes,
        request: HttpRequest,
        caller: Caller,
    ) -> Answer:
        """The answer of a call to a request without params, query and body, which come into it
        here. Raises GoneError."""
        call = target.call
        request.params = {name: segments[at] for name, at in target.params}
        try:
            if query:
                request.query = read_query(query)
            identity: Identity | None = None
            if call.auth == "token":
                identity = await caller.identify(request)
            if call.streams_body:
                request.chunks = caller.read_chunks()
            else:
                request.body = await caller.read_body(call.body_bytes_max or self._body_bytes_max)
            if call.is_json and request.body:
                check_levels(request.body)
            begin_request()
            try:
                return await call.handle(self._app, request, identity)
            except MovedError:
                if has_written():  # a bug: done once, it must not be done again
                    raise
                return await self._begin_again(call, request, caller)
        except FaultError as fault:
            caller.refused(fault)
            return call.envelope(fault, request)
        except GoneError:
            raise
        except Exception as error:  # noqa: BLE001  the caller is told that it failed, the log why
            self._observer.request_crashed(call.name, request.id, error)
            return call.envelope(crashed(request.id), request)

    async def _begin_again(self, call: Call, request: HttpRequest, caller: Caller) -> Answer:
        """Handle a call once more: another workspace was selected since its token was known.

        Nothing was done, but a body that is read as it comes may have begun to. Raises 503.
        """
        self._app.identities.forget_sessions(request.user)
        if not caller.may_begin_again:
            raise unavailable(_MOVED)
        identity = await caller.identify(request) if call.auth == "token" else None
        try:
            return await call.handle(self._app, request, identity)
        except MovedError:
            if has_written():
                raise
            raise unavailable(_MOVED) from None


def check_size(body: bytes, limit: int) -> bytes:
    """A body within its limit. Raises 413."""
    if len(body) > limit:
        raise too_large(f"the body has over {limit} bytes")
    return body
