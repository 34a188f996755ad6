"""When cron lines are due, and what changes of clocks do to them."""

from __future__ import annotations

import pytest

from hikidashi.core.values import format_instant, parse_instant
from hikidashi.service.schedule_times import cron_problem, next_time

TIMES = {
    "in UTC": ("0 9 * * *", "UTC", "2026-01-05T09:00:00Z", "2026-01-06T09:00:00.000Z"),
    "in Tokyo": ("0 9 * * *", "Asia/Tokyo", "2026-01-05T09:00:00Z", "2026-01-06T00:00:00.000Z"),
    "a second before": ("0 9 * * *", "UTC", "2026-01-05T08:59:59Z", "2026-01-05T09:00:00.000Z"),
    "the last day": ("0 0 L 2 *", "UTC", "2026-01-05T09:00:00Z", "2026-02-28T00:00:00.000Z"),
    "a leap day": ("0 0 29 2 *", "UTC", "2026-01-05T09:00:00Z", "2028-02-29T00:00:00.000Z"),
    "left out in spring": (
        *("30 2 * * *", "Europe/Berlin"),
        *("2026-03-28T12:00:00Z", "2026-03-29T01:00:00.000Z"),
    ),
    "twice in autumn, the first": (
        *("30 2 * * *", "Europe/Berlin"),
        *("2026-10-24T12:00:00Z", "2026-10-25T00:30:00.000Z"),
    ),
    "twice in autumn, not again": (
        *("30 2 * * *", "Europe/Berlin"),
        *("2026-10-25T00:30:00Z", "2026-10-26T01:30:00.000Z"),
    ),
    "not again, looked at in the second hour": (
        *("30 2 * * *", "Europe/Berlin"),
        *("2026-10-25T01:15:00Z", "2026-10-26T01:30:00.000Z"),
    ),
    "each hour of a long day": (
        *("30 * * * *", "Europe/Berlin"),
        *("2026-10-25T00:30:00Z", "2026-10-25T01:30:00.000Z"),
    ),
}


@pytest.mark.parametrize("name", TIMES)
def test_the_next_time(name):
    line, zone, after, wanted = TIMES[name]
    found = next_time(line, zone, parse_instant(after))
    assert (found and format_instant(found)) == wanted


@pytest.mark.parametrize(
    "line", ["", "* * * *", "0 * * * * *", "60 * * * *", "@daily", "0 0 30 2 *", "a b c d e"]
)
def test_what_is_no_line(line):
    assert cron_problem(line)
    assert next_time("0 0 30 2 *", "UTC", 0) is None
