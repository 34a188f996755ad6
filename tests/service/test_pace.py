"""How much of the time those who give way have while others write."""

from __future__ import annotations

import pytest

from hikidashi.service.pace import (
    BUSY_COMMANDS,
    LATE_S,
    LATE_SHARE,
    PERIOD_S,
    SHARE,
    WATCHED_S,
    Pace,
)

BEGIN = 1_000.0  # a time at which a period begins


class Hands:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at = BEGIN + PERIOD_S / 1_000
        self.pace = Pace(lambda: self.at)

    def write(self, times: int) -> None:
        for _ in range(times):
            self.pace.note_written()

    def share(self) -> float:
        """The part of a period in which something may begin."""
        start, good = self.at, 0
        for step in range(100):
            self.at = start + PERIOD_S * step / 100
            good += not self.pace.pause()
        self.at = start
        return good / 100


@pytest.fixture
def hands() -> Hands:
    return Hands()


def test_all_of_it_where_nobody_writes(hands):
    assert hands.share() == 1
    hands.write(BUSY_COMMANDS - 1)
    assert hands.share() == 1


def test_a_part_of_it_while_others_write(hands):
    hands.write(BUSY_COMMANDS)
    assert hands.share() == pytest.approx(SHARE, abs=0.011)
    hands.at += PERIOD_S * 0.5
    assert hands.pace.pause() == pytest.approx(PERIOD_S * 0.499)


def test_half_of_it_once_something_is_late(hands):
    hands.write(BUSY_COMMANDS)
    hands.pace.lag_s = LATE_S + 1
    assert hands.share() == pytest.approx(LATE_SHARE, abs=0.011)


def test_all_of_it_again_when_they_have_written(hands):
    hands.write(BUSY_COMMANDS)
    hands.at += WATCHED_S
    assert hands.share() < 1
    hands.at += WATCHED_S
    assert hands.share() == 1
    hands.write(BUSY_COMMANDS)
    hands.at += 7 * WATCHED_S
    assert hands.share() == 1
