"""When a cron line means: five fields, in a time zone. Pure."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Final

from cronsim import CronSim, CronSimError

from .periods import find_zone

FIELDS: Final = 5  # minute, hour, day of the month, month, day of the week
_ANY_DAY: Final = datetime(2024, 1, 1, tzinfo=timezone.utc)


def cron_problem(line: str) -> str:
    """Why a cron line means nothing; "" if it means something."""
    if len(line.split()) != FIELDS:
        return "must have five fields: minute, hour, day of the month, month, day of the week"
    try:
        next(CronSim(line, _ANY_DAY))
    except (CronSimError, StopIteration) as error:
        return f"is no cron line that means a time: {error}".rstrip(": ")
    return ""


def next_time(line: str, zone: str, after_ms: int) -> int | None:
    """The first time behind an instant, in milliseconds; None if there is none.

    A time that a change of clocks leaves out comes with the first one after it; one that a change
    has twice comes once, unless the line goes by stars in minutes or hours.
    """
    try:
        times = CronSim(line, datetime.fromtimestamp(after_ms / 1000, find_zone(zone)))
        while True:
            at = int(next(times).timestamp()) * 1000
            if at > after_ms:  # in an hour that comes twice it may be of the first one
                return at
    except (CronSimError, StopIteration):
        return None
