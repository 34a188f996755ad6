"""Who may run now: as many workers at once as there are cores, and of those that wait whoever had least.

What each has had is counted in seconds of turns. One that was away counts from where the others
are: it comes before those that never leave, but has saved nothing up.
"""

from __future__ import annotations

from time import monotonic
from typing import Protocol


class Turn(Protocol):
    """One that waits for its turn."""

    had: float  # seconds, as the gate counts them
    began_at: float

    def begin_turn(self) -> None:
        """It is there; `Gate.leave` ends it."""


class Gate:
    """Hands out turns."""

    def __init__(self, width: int) -> None:
        self._free = width
        self._waiting: list[Turn] = []  # in the order in which they came
        self._least = 0.0  # what whoever began last had had

    @property
    def is_wanted(self) -> bool:
        """Whether somebody waits, so that whoever has a turn should end it."""
        return bool(self._waiting)

    def enter(self, one: Turn) -> None:
        """Begin a turn now or when there is one. Not twice for the same."""
        one.had = max(one.had, self._least)
        if self._free:
            self._free -= 1
            self._begin(one)
        else:
            self._waiting.append(one)

    def leave(self, one: Turn) -> None:
        """End a turn; the next one begins."""
        one.had += monotonic() - one.began_at
        if self._waiting:
            self._begin_next()
        else:
            self._free += 1

    def pass_on(self, one: Turn) -> None:
        """End a turn and wait for another, which may begin at once."""
        one.had += monotonic() - one.began_at
        self._waiting.append(one)
        self._begin_next()

    def forget(self, one: Turn) -> None:
        """Take one that waits out of the line."""
        self._waiting.remove(one)

    def _begin_next(self) -> None:
        following = min(self._waiting, key=lambda each: each.had)
        self._waiting.remove(following)
        self._begin(following)

    def _begin(self, one: Turn) -> None:
        self._least = max(self._least, one.had)
        one.began_at = monotonic()
        one.begin_turn()
