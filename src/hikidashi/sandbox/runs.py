"""What a run of a script is given, and what comes of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

import msgspec

Kind: TypeAlias = Literal[
    "done",  # the script gave a value
    "thrown",  # it threw or rejected: an Error with name, message and stack, or a value
    "load",  # it can't be compiled
    "script",  # it broke off otherwise: no result, a promise that never settles, a full stack
    "timeout",  # over its CPU time or its time by the clock
    "memory",  # over its heap
    "too_large",  # its data or its result
    "killed",  # its worker had to be stopped, or broke down
    "more",  # it needs data that it was not given; nothing that it did has any effect
    "busy",  # too many scripts of the workspace are running
    "unavailable",  # this server runs no scripts; the message says why
]
KINDS: Final[frozenset[str]] = frozenset(get_args(Kind))

# A function of the server that a script calls: its name and arguments to JSON. Raises HostError.
Host: TypeAlias = Callable[[str, list[Any]], Awaitable[str]]


class HostError(Exception):
    """The script's promise is rejected with this JSON."""

    def __init__(self, json: str) -> None:
        super().__init__(json)
        self.json = json


@dataclass(frozen=True, slots=True)
class Script:
    """A script, by a key that no other text has."""

    key: str
    source: str
    is_fresh: bool = False  # a context of its own for each run: nothing is left of the one before


@dataclass(frozen=True, slots=True)
class Budget:
    """What one run may use."""

    cpu_seconds: float = 0.25
    wall_seconds: float = 10.0  # waiting for calls included
    heap_bytes: int = 64 << 20
    calls: int = 50
    log_bytes: int = 64 * 1024


@dataclass(frozen=True, slots=True)
class LogLine:
    """What a script said."""

    level: str  # debug, info, warn, error
    message: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    kind: Kind
    json: str  # of "done" the value; of all else {"message", "stack"?, "name"?} or {"value"}
    told: Any  # what the JSON says
    logs: tuple[LogLine, ...] = ()


def failed(kind: Kind, text: str, logs: tuple[LogLine, ...] = ()) -> Outcome:
    """A run that came to nothing, and why."""
    return Outcome(kind, message(text), {"message": text}, logs)


def message(text: str) -> str:
    """A text as JSON of the same shape as what a script throws."""
    return msgspec.json.encode({"message": text}).decode()
