"""What a field of an item may hold, and instants as text."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from typing import TypeAlias

# None: empty. str: text, an option, an item id. float: number. bool: boolean. int: an instant,
# milliseconds since 1970 UTC. tuple: several ids (checkbox, users, file).
Value: TypeAlias = None | str | float | int | bool | tuple[str, ...]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_DAY_ONE = _EPOCH.replace(tzinfo=None)
_ONE_MS = timedelta(milliseconds=1)
_DAY_MS = 86_400_000
_FIRST_DAY = _EPOCH.toordinal()
_DAYS = 16_384  # whose text is remembered: 45 years, 2 MB
_MINUTES = tuple(f"T{hour:02d}:{minute:02d}:" for hour in range(24) for minute in range(60))
_SECONDS = tuple(f"{one:02d}." for one in range(60))
_MILLISECONDS = tuple(f"{one:03d}Z" for one in range(1_000))
_PLAIN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z", re.ASCII)  # as it is written here
_INSTANT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?)?\Z",
    re.ASCII,
)


def parse_instant(text: str) -> int | None:
    """Read `YYYY-MM-DD[Thh:mm[:ss[.fff]][Z|±hh:mm]]`, UTC if it has no zone; None if it is not one."""
    if _PLAIN.match(text) is not None:
        try:
            ms = (datetime.fromisoformat(text[:-1]) - _DAY_ONE) // _ONE_MS
        except ValueError:
            return None
        return ms if FIRST_MS <= ms <= LAST_MS else None
    match = _INSTANT.match(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        moment = datetime(
            int(year),
            int(month),
            int(day),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            tzinfo=timezone.utc,
        )
    except ValueError:
        return None
    ms = (moment - _EPOCH) // _ONE_MS
    if fraction:
        ms += int(fraction[:3].ljust(3, "0"))
    if zone and zone != "Z":
        hours, minutes = int(zone[1:3]), int(zone[-2:])
        if hours > 14 or minutes > 59:
            return None
        offset = (hours * 60 + minutes) * 60_000
        ms += -offset if zone[0] == "+" else offset
    return ms if FIRST_MS <= ms <= LAST_MS else None


def format_instant(ms: int) -> str:
    """`YYYY-MM-DDThh:mm:ss.SSSZ`; lists and exports have several of them in each row."""
    days, rest = divmod(ms, _DAY_MS)
    minutes, rest = divmod(rest, 60_000)
    seconds, rest = divmod(rest, 1_000)
    return _format_day(days) + _MINUTES[minutes] + _SECONDS[seconds] + _MILLISECONDS[rest]


@lru_cache(_DAYS)
def _format_day(days: int) -> str:
    return date.fromordinal(_FIRST_DAY + days).isoformat()


FIRST_MS = (datetime(1, 1, 1, tzinfo=timezone.utc) - _EPOCH) // _ONE_MS
LAST_MS = (datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=timezone.utc) - _EPOCH) // _ONE_MS


def format_number(value: float) -> int | float:
    """A number as JSON shows it: integral ones without a fraction."""
    whole = int(value)
    return whole if whole == value else value
