"""Items of one query in groups: by what, what is computed of each, and the order of the groups.

The store makes the groups; periods come from it as numbers that are read here.
"""

from __future__ import annotations

from bisect import bisect_right
from decimal import Decimal
from typing import TypeAlias

from .formula.values import CONTEXT
from .query import Query, Subject
from .record import record
from .saved import Aggregate, Period

# When a time zone's distance from UTC changed: from which instant on it was what, both in ms. The
# first holds for all that was before.
ZoneSteps: TypeAlias = tuple[tuple[int, int], ...]

EPOCH_DAYS = 719_468  # days from 0000-03-01, where calendars of whole numbers begin, to 1970-01-01
DAY_MS = 86_400_000


@record
class GroupKey:
    """What items of one group have in common. Of several values an item is in a group for each."""

    subject: Subject
    period: Period | None = None  # the instants of one group lie in the same


@record
class Computed:
    """What is computed of a group; without a subject its items are counted."""

    aggregate: Aggregate
    subject: Subject | None = None


@record
class Grouping:
    """The groups of a query's items. Pages and sorts of the query mean nothing here."""

    query: Query
    keys: tuple[GroupKey, ...]
    values: tuple[Computed, ...]
    zone: ZoneSteps = ((0, 0),)  # of the days that instants lie in
    groups_max: int = 0  # 0: all


# None: empty. Of a period, its number.
Key: TypeAlias = None | str | float | int
Amount: TypeAlias = None | Decimal | int | float


@record
class Group:
    """One group."""

    keys: tuple[Key, ...]
    values: tuple[Amount, ...]


def average(total: Decimal, count: int) -> Decimal | None:
    """The mean; None of nothing."""
    return CONTEXT.divide(total, Decimal(count)) if count else None


def format_period(number: int, period: Period) -> str:
    """A period by its number: a week by its Monday."""
    match period:
        case Period.DAY:
            return format_day(number)
        case Period.WEEK:
            return format_day(number * 7 - 2)
        case Period.MONTH:
            return f"{number // 12:04d}/{number % 12 + 1:02d}"
        case Period.QUARTER:
            return f"{number // 4:04d}/Q{number % 4 + 1}"
        case Period.YEAR:
            return f"{number:04d}"


def format_day(number: int) -> str:
    """`YYYY/MM/DD` of the day that lies so many days behind 0000-03-01."""
    place = 4 * number + 3
    in_century = place % 146_097 // 4 * 4 + 3
    year = 100 * (place // 146_097) + in_century // 1_461
    months, day = divmod(5 * (in_century % 1_461 // 4) + 2, 153)
    year, month = (year + 1, months - 9) if months >= 10 else (year, months + 3)
    return f"{year:04d}/{month:02d}/{day // 5 + 1:02d}"


def local_time(instant: int, zone: ZoneSteps) -> tuple[int, int]:
    """The number of the day, and the milliseconds of it, that it is in a time zone."""
    at = bisect_right(zone, instant, key=lambda step: step[0])
    local = instant + zone[max(0, at - 1)][1]
    return local // DAY_MS + EPOCH_DAYS, local % DAY_MS
