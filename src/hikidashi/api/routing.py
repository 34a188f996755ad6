"""Calls found by dictionary, and which web origins may read what they answer."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import Any, Final

from .exchange import Answer, Call, HeaderList


class Target:
    """A Call with the positions of its parameters."""

    __slots__ = ("call", "params")

    def __init__(self, call: Call, params: tuple[tuple[str, int], ...]) -> None:
        self.call = call
        self.params = params


class Routes:
    """Calls found by the number of segments, then by the segments that are fixed."""

    def __init__(self, calls: Iterable[Call]) -> None:
        tables: dict[tuple[int, tuple[int, ...]], dict[object, dict[str, Target]]] = {}
        self.heads: set[str] = set()  # first segments: below them an unknown path is ours to refuse
        for call in calls:
            segments = call.path.split("/")
            fixed = tuple(at for at, one in enumerate(segments) if at and one[:1] != ":")
            if not fixed or fixed[0] != 1:
                raise ValueError(f"{call.path} does not begin with a fixed segment")
            params = tuple((one[1:], at) for at, one in enumerate(segments) if one[:1] == ":")
            key = itemgetter(*fixed)(segments)
            methods = tables.setdefault((len(segments), fixed), {}).setdefault(key, {})
            if call.method in methods:
                raise ValueError(f"{call.method} {call.path} is there twice")
            methods[call.method] = Target(call, params)
            self.heads.add(segments[1])
        self._shapes: dict[int, list[tuple[Any, dict[object, dict[str, Target]]]]] = {}
        for (length, fixed), table in sorted(
            tables.items(), key=lambda one: (-len(one[0][1]), one[0][1])
        ):  # the more fixed segments, the sooner it is looked at
            self._shapes.setdefault(length, []).append((itemgetter(*fixed), table))

    def find(self, method: str, segments: list[str]) -> Target | None:
        """The Call for a path, if there is one."""
        for key_of, table in self._shapes.get(len(segments), ()):
            methods = table.get(key_of(segments))
            if methods is not None:
                target = methods.get(method)
                if target is not None:
                    return target
        return None

    def list(self, segments: list[str]) -> list[Call]:
        """The Calls of a path, whatever their methods."""
        tables = (table.get(of(segments), {}) for of, table in self._shapes.get(len(segments), ()))
        return [target.call for methods in tables for target in methods.values()]


def list_methods(calls: Iterable[Call]) -> list[str]:
    """The methods that the Calls of a path allow."""
    allowed: set[str] = set()
    for call in calls:
        allowed.add(call.method)
        if call.method == "GET" and call.allows_head:
            allowed.add("HEAD")
    return sorted(allowed)


# --- CORS -------------------------------------------------------------------------------------

_ALLOWED_HEADERS: Final = (
    b"authorization, content-type, customauth, referrerinfo, idempotency-key, x-request-id,"
    b" x-requested-with, x-signalr-user-agent"
)
_EXPOSED: Final = (
    b"access-control-expose-headers",
    b"x-request-id, idempotent-replay, retry-after, content-disposition, content-range, etag",
)
_VARY: Final = (b"vary", b"Origin")
_CREDENTIALS: Final = (b"access-control-allow-credentials", b"true")


class Cors:
    """Which web origins may read the answers. No cookie is ever looked at, so none is allowed."""

    def __init__(self, origins: tuple[str, ...]) -> None:
        self._any = "*" in origins
        self._origins = frozenset(one.encode("latin-1") for one in origins)

    def allows(self, origin: bytes) -> bool:
        """Whether pages of that origin may call."""
        return self._any or origin in self._origins

    def headers(self, origin: bytes, *, credentials: bool = False) -> HeaderList:
        """What every answer to a page of that origin bears. `credentials`: the page's client sends
        cookies, which we do not read, and wants to be told that it may."""
        if credentials and self.allows(origin):
            name = (b"access-control-allow-origin", origin)
            return (name, _CREDENTIALS, _VARY, _EXPOSED)
        if self._any:
            return ((b"access-control-allow-origin", b"*"), _EXPOSED)
        if origin in self._origins:
            return ((b"access-control-allow-origin", origin), _VARY, _EXPOSED)
        return (_VARY,)

    def preflight(self, methods: list[str]) -> Answer:
        """The answer to the browser's question; who may ask is in `headers`."""
        return Answer(
            204,
            b"",
            (
                (b"access-control-allow-methods", ", ".join(methods).encode()),
                (b"access-control-allow-headers", _ALLOWED_HEADERS),
                (b"access-control-max-age", b"7200"),
            ),
        )
