"""How much of the time those who give way have: all of it, or a part while others write."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

PERIOD_S: Final = 0.1
SHARE: Final = 0.05  # of each period while others write
LATE_SHARE: Final = 0.5  # the same once what waits has waited for so long
LATE_S: Final = 10.0
WATCHED_S: Final = 0.1  # so many commands in so long a time: others write
BUSY_COMMANDS: Final = 10


class Pace:
    """Counts commands as they are written; says how long to wait before anything is begun.

    What takes its turn at the beginning of a period costs those who write a share of their time
    at most, however much of it there is.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._slot = 0
        self._count = 0  # of commands in this slot of time
        self._before = 0  # the same of the slot before it
        self.lag_s = 0.0  # how long what waits has waited; whoever measures it sets it

    def note_written(self) -> None:
        """A command was written."""
        self._move()
        self._count += 1

    @property
    def is_busy(self) -> bool:
        """Whether others write."""
        self._move()
        return max(self._count, self._before) >= BUSY_COMMANDS

    def pause(self) -> float:
        """How many seconds to wait; 0: begin."""
        if not self.is_busy:
            return 0.0
        at = self._now() % PERIOD_S
        share = LATE_SHARE if self.lag_s > LATE_S else SHARE
        return 0.0 if at < PERIOD_S * share else PERIOD_S - at

    async def wait(self) -> None:
        """Wait until something may begin."""
        while pause := self.pause():  # noqa: ASYNC110  time is what is waited for
            await asyncio.sleep(pause)

    def _move(self) -> None:
        slot = int(self._now() / WATCHED_S)
        if slot != self._slot:
            self._before = self._count if slot == self._slot + 1 else 0
            self._count, self._slot = 0, slot
