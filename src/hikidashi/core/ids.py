"""Ids of ObjectId shape, and the two sources that everything else takes as arguments."""

from __future__ import annotations

import re
from typing import Protocol

ID_LENGTH = 24
_match_id = re.compile(r"[0-9a-f]{24}\Z").match
_COUNTER_MODULUS = 1 << 24


class Clock(Protocol):
    """Says what time it is."""

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01T00:00:00Z."""


class IdSource(Protocol):
    """Gives ids that sort in the order in which they were given."""

    def next_id(self) -> str:
        """Give a new id: 24 lower-case hex digits."""


class ObjectIds:
    """Seconds, process, counter: neighbours in time are neighbours in every index."""

    __slots__ = ("_counter", "_now_ms", "_process", "_second", "_stem")

    def __init__(self, clock: Clock, process: int, counter: int = 0) -> None:
        self._now_ms = clock.now_ms
        self._process = f"{process % (1 << 40):010x}"
        self._counter = counter % _COUNTER_MODULUS
        self._second = -1
        self._stem = ""

    def next_id(self) -> str:
        """Give an id that no other call, in this or another process, gives."""
        second = self._now_ms() // 1000
        if second > self._second:  # a clock set back does not make ids go back
            self._second = second
            self._stem = f"{second & 0xFFFFFFFF:08x}{self._process}"
        counter = self._counter = (self._counter + 1) % _COUNTER_MODULUS
        if counter == 0:
            self._second += 1
            self._stem = f"{self._second & 0xFFFFFFFF:08x}{self._process}"
        return f"{self._stem}{counter:06x}"


def is_id(text: str) -> bool:
    """Tell whether a text has the shape of one of our ids."""
    return len(text) == ID_LENGTH and _match_id(text) is not None
