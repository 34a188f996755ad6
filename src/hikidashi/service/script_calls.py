"""What a script calls on the server: the APIs, as the user whom it runs for.

`callAPIAsync(method, path, payload)` goes the way of a request, without the network: the same
routes, rights and limits. No transaction is open meanwhile.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from contextvars import ContextVar
from itertools import count
from typing import Any, Final

import msgspec

from ..core.access import Identity
from ..core.errors import invalid_request
from ..core.limits import SCRIPT_ANSWER_BYTES_MAX, SCRIPT_CALLS_MAX, SCRIPT_DEPTH_MAX
from ..core.record import record
from ..sandbox.runs import Host, HostError, message
from ..storage.written import note_scripts, only_reading, scripts_behind

_METHODS: Final = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE"))
_made: ContextVar[count[int] | None] = ContextVar("calls_made", default=None)


@record
class InnerCall:
    """A call of the APIs that a script makes."""

    method: str
    path: str  # with its query
    body: bytes
    identity: Identity


# Carries an inner call out: its status and its body.
Carry = Callable[[InnerCall], Awaitable[tuple[int, bytes]]]


def check_depth() -> None:
    """Raises 400 when scripts call each other without end."""
    if scripts_behind() >= SCRIPT_DEPTH_MAX:
        raise invalid_request(f"scripts call each other over {SCRIPT_DEPTH_MAX} deep")


def make_host(carry: Carry, identity: Identity, *, may_write: bool) -> Host:
    """The functions that a script of this user finds."""
    below = scripts_behind() + 1
    made = _made.get() or count(1)  # by the scripts that called this one, and those beside it

    async def host(name: str, given: list[Any]) -> str:
        if name != "api":
            raise HostError(message("there is no such function"))
        if next(made) > SCRIPT_CALLS_MAX:
            raise HostError(message(f"scripts may make {SCRIPT_CALLS_MAX} calls in all"))
        call = _read(given, identity)
        _made.set(made)
        note_scripts(below)  # of the task that this call is
        with nullcontext() if may_write else only_reading():
            status, body = await carry(call)
        if len(body) > SCRIPT_ANSWER_BYTES_MAX:
            told = f"the answer has over {SCRIPT_ANSWER_BYTES_MAX} bytes"
            raise HostError(msgspec.json.encode({"status": status, "body": told}).decode())
        json = _as_json(body)
        if 200 <= status < 300:
            return json
        raise HostError(f'{{"status":{status},"body":{json}}}')

    return host


def _read(given: list[Any], identity: Identity) -> InnerCall:
    parts: list[Any] = [*given, None, None, None]
    method, path, payload = parts[:3]
    if not isinstance(method, str) or method.upper() not in _METHODS:
        raise HostError(message("callAPIAsync(method, path, payload): the method is none"))
    if not isinstance(path, str) or "://" in path.partition("?")[0]:
        raise HostError(message("callAPIAsync(method, path, payload): a path of this server"))
    try:
        body = b"" if payload is None else msgspec.json.encode(payload)
    except (msgspec.MsgspecError, RecursionError, TypeError):
        raise HostError(message("the payload is no JSON")) from None
    return InnerCall(method.upper(), "/" + path.lstrip("/"), body, identity)


def _as_json(body: bytes) -> str:
    """A body as JSON: as it is, or as a text."""
    if not body:
        return "null"
    try:
        text = body.decode()
        msgspec.json.decode(body)
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        return msgspec.json.encode(body.decode("utf-8", "replace")).decode()
    return text
