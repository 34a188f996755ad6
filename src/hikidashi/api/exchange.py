"""What passes between the edge and a dialect: a request, an answer, and the Call that joins them."""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
    Mapping,
    MutableMapping,
)
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec

from ..core.errors import FaultError, FaultKind
from .body import encode

if TYPE_CHECKING:
    from ..service.app import App

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
HeaderList: TypeAlias = tuple[tuple[bytes, bytes], ...]


class Headers(Mapping[str, str]):
    """Request headers by lower-case name; of a repeated one, the last."""

    __slots__ = ("_raw",)

    def __init__(self, raw: Mapping[bytes, bytes]) -> None:
        self._raw = raw

    def __getitem__(self, name: str) -> str:
        """The header's value. Raises KeyError."""
        try:
            return self._raw[name.encode("latin-1")].decode("latin-1")
        except (KeyError, UnicodeEncodeError):
            raise KeyError(name) from None

    def get(self, name: str, default: Any = None) -> Any:
        """The header's value, without the cost of an exception where there is none."""
        found = self._raw.get(name.encode("latin-1", "replace"))
        return default if found is None else found.decode("latin-1")

    def __iter__(self) -> Iterator[str]:
        """Their names."""
        return (one.decode("latin-1") for one in self._raw)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._raw)


class HttpRequest(msgspec.Struct):
    """What a client sent, taken apart but not yet understood."""

    method: str
    path: str
    params: dict[str, str]  # the ":name" segments of the path, decoded
    query: dict[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: bytes = b""
    id: str = ""  # the client's X-Request-Id, or one of ours
    user: str = ""  # id, once it is known who calls
    client: str = ""  # address of who calls, as far as the server sees it
    scheme: str = "http"  # or "https", as far as the server sees it
    chunks: AsyncIterator[bytes] | None = None  # in place of `body`, where the call asks for it
    cut: Callable[[], None] | None = None  # ends the connection, if the server can
    on_leave: Callable[[], None] | None = None  # set by a call that answers for long: told at once


class Answer(msgspec.Struct):
    """What a client gets: a body at once, or the chunks of a long one as they are made."""

    status: int
    body: bytes = b""
    headers: HeaderList = ()  # content-type is application/json unless it is among them
    chunks: AsyncGenerator[bytes, None] | None = None  # in place of `body`


# Of the three arguments the last is an Identity where auth is "token", else None.
Handle: TypeAlias = "Callable[[App, HttpRequest, Any], Awaitable[Answer]]"
Envelope: TypeAlias = Callable[[FaultError, HttpRequest], Answer]


@dataclass(frozen=True, slots=True)
class QueryKey:
    """A key of the query string that a call reads, for OpenAPI."""

    name: str
    type: Literal["boolean", "integer", "string"]
    sentence: str


DRY_RUN = QueryKey(
    "dry_run",
    "boolean",
    "Only for show: nothing is written or kept, and the answer's `plan` tells the steps of the write.",
)

NO_DRY_RUN = QueryKey(
    "dry_run", "boolean", "Not available: anything but `false` is refused and nothing is written."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One route of a dialect: where it is, what carries it out, how its faults are told."""

    name: str
    method: str
    path: str  # ":app-id" names a segment
    handle: Handle
    envelope: Envelope
    summary: str = ""
    query: tuple[QueryKey, ...] = ()  # the keys that it reads
    body: Any = None  # the type of the body, for OpenAPI
    body_type: str = "application/json"
    answer: Any = None
    auth: Literal["token", "none", "hottask"] = "token"
    allows_head: bool = True  # a GET without side effects also answers HEAD
    is_json: bool = True  # False: the body is anything
    streams_body: bool = False  # True: it is read, and bounded, by `handle`, from `chunks`
    body_bytes_max: int | None = None  # None: the server's own limit
    has_cookies: bool = False  # its clients send them, though we read none; CORS has to allow it


# The HTTP status of each kind of fault, or its code, unless a dialect says otherwise.
STATUS: Final[Mapping[FaultKind, int]] = {  # docs/semantics.md has the same table, in words
    FaultKind.INVALID: 400,
    FaultKind.ABORTED: 400,
    FaultKind.NUMBER: 400,
    FaultKind.UNAUTHORIZED: 401,
    FaultKind.FORBIDDEN: 403,
    FaultKind.FORBIDDEN_FIELD: 403,
    FaultKind.NO_PLACE: 404,
    FaultKind.NO_ITEM: 404,
    FaultKind.NO_LINK: 404,
    FaultKind.REJECTED: 400,
    FaultKind.CONFLICT: 409,
    FaultKind.TOO_LARGE: 413,
    FaultKind.KEY_REUSED: 422,
    FaultKind.LOCKED: 423,
    FaultKind.CRASHED: 500,
    FaultKind.UNAVAILABLE: 503,
}
CUT: Final = "hikidashi.cut"  # a key of a scope: what ends the connection, whatever it is doing


def answer_json(value: object, status: int = 200, headers: HeaderList = ()) -> Answer:
    """A value as JSON."""
    return Answer(status, encode(value), headers)


def read_token(headers: Mapping[str, str]) -> str:
    """The token of an `Authorization` header, with or without its scheme; "" if there is none."""
    given = headers.get("authorization", "")
    return given[7:].strip() if given[:7].lower() == "bearer " else given.strip()
