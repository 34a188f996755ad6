"""Days where a workspace is: when its distance from UTC changed."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..core.grouping import ZoneSteps

_FIRST = datetime(1900, 1, 1, tzinfo=timezone.utc)  # before it the distance is that of this day
_LAST = datetime(2100, 1, 1, tzinfo=timezone.utc)
_STRIDE = timedelta(days=7)  # less than any time between two changes
_SECOND = timedelta(seconds=1)


def find_zone(name: str) -> tzinfo:
    """A time zone by name; UTC if there is none of this name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return timezone.utc


def is_zone(name: str) -> bool:
    """There is a time zone of this name."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return name == "UTC"
    return True


@lru_cache(maxsize=64)
def zone_steps(name: str) -> ZoneSteps:
    """When a zone's distance from UTC changed, from 1900 to 2100."""
    zone = find_zone(name)
    steps = [(_ms(_FIRST), _offset(_FIRST, zone))]
    at = _FIRST
    while at < _LAST:
        after = at + _STRIDE
        if _offset(after, zone) != steps[-1][1]:
            steps.append((_ms(_find_change(at, after, zone)), _offset(after, zone)))
        at = after
    return tuple(steps)


def _find_change(early: datetime, late: datetime, zone: tzinfo) -> datetime:
    """The first second that has the distance of `late`."""
    before = _offset(early, zone)
    while late - early > _SECOND:
        middle = early + _SECOND * ((late - early) // _SECOND // 2)
        if _offset(middle, zone) == before:
            early = middle
        else:
            late = middle
    return late


def _offset(at: datetime, zone: tzinfo) -> int:
    return (at.astimezone(zone).utcoffset() or timedelta()) // timedelta(milliseconds=1)


def _ms(at: datetime) -> int:
    return int(at.timestamp()) * 1000
