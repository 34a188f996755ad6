"""Who may run now: as many workers at once as there are cores, the others in the order they came."""

from __future__ import annotations

from collections import deque
from typing import Protocol


class Turn(Protocol):
    """One that waits for its turn."""

    def begin_turn(self) -> None:
        """It is there; `Gate.leave` ends it."""


class Gate:
    """Hands out turns."""

    def __init__(self, width: int) -> None:
        self._free = width
        self._waiting: deque[Turn] = deque()

    @property
    def is_wanted(self) -> bool:
        """Whether somebody waits, so that whoever has a turn should end it."""
        return bool(self._waiting)

    def enter(self, one: Turn) -> None:
        """Begin a turn now or when there is one. Not twice for the same."""
        if self._free:
            self._free -= 1
            one.begin_turn()
        else:
            self._waiting.append(one)

    def leave(self) -> None:
        """End a turn; the next one begins."""
        if self._waiting:
            self._waiting.popleft().begin_turn()
        else:
            self._free += 1

    def forget(self, one: Turn) -> None:
        """Take one that waits out of the line."""
        self._waiting.remove(one)
