"""A clock that moves when it is told to, and ids that are the same in every run."""

from __future__ import annotations

from hikidashi.core.ids import ObjectIds
from hikidashi.core.values import parse_instant

START_MS = parse_instant("2026-01-05T09:00:00.000Z") or 0


class FixedClock:
    """Says the same time until it is moved."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01T00:00:00Z."""
        return self._now_ms

    def advance(
        self, *, ms: int = 0, seconds: float = 0, minutes: float = 0, days: float = 0
    ) -> int:
        """Move by the sum of the arguments (back if it is negative); the new time."""
        self._now_ms += ms + round(seconds * 1_000 + minutes * 60_000 + days * 86_400_000)
        return self._now_ms

    def set(self, instant: str) -> int:
        """Move to an instant written as ISO 8601; the new time."""
        ms = parse_instant(instant)
        if ms is None:
            raise ValueError(f"{instant!r} is not an instant")
        self._now_ms = ms
        return ms


def fixed_ids(clock: FixedClock | None = None, counter: int = 0) -> ObjectIds:
    """Ids of process 0, counted from `counter`: the same calls, the same ids."""
    return ObjectIds(clock or FixedClock(), process=0, counter=counter)
