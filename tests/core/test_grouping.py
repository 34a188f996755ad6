"""Days and periods by whole numbers, against the calendar of Python."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from hikidashi.core.grouping import EPOCH_DAYS, format_day, format_period, local_time
from hikidashi.core.saved import Period
from hikidashi.service.periods import zone_steps

EPOCH = date(1970, 1, 1)
ZONES = ("UTC", "Asia/Tokyo", "America/New_York", "Europe/London", "Australia/Lord_Howe")


@given(st.dates())
def test_a_day_is_written_as_the_calendar_has_it(day):
    number = (day - EPOCH).days + EPOCH_DAYS
    assert format_day(number) == f"{day.year:04d}/{day.month:02d}/{day.day:02d}"
    monday = day - timedelta(days=day.weekday())
    if day.year > 1:
        assert format_period((number + 2) // 7, Period.WEEK) == format_day(
            (monday - EPOCH).days + EPOCH_DAYS
        )


def test_days_beyond_the_calendar_have_a_name_too():
    first = (date.min - EPOCH).days + EPOCH_DAYS
    last = (date.max - EPOCH).days + EPOCH_DAYS
    assert [format_day(first - 1), format_day(last + 1)] == ["0000/12/31", "10000/01/01"]


@pytest.mark.parametrize("name", ZONES)
@given(at=st.datetimes(datetime(1900, 1, 2), datetime(2099, 12, 30)))  # noqa: DTZ001
def test_the_time_in_a_zone_is_that_of_the_zone(name, at):
    moment = at.replace(microsecond=0, tzinfo=timezone.utc)
    there = moment.astimezone(ZoneInfo(name))
    day, rest = local_time(int(moment.timestamp()) * 1000, zone_steps(name))
    assert format_day(day) == there.strftime("%Y/%m/%d")
    assert rest == ((there.hour * 60 + there.minute) * 60 + there.second) * 1000


def test_a_zone_that_is_not_there_is_utc():
    assert len(zone_steps("Nowhere/Land")) == 1
