"""Instants as text, and numbers as JSON shows them."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from hikidashi.core.values import format_instant, format_number, parse_instant

FIRST = parse_instant("0001-01-01")
LAST = parse_instant("9999-12-31T23:59:59.999Z")


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01", 0),
        ("1970-01-01T00:00:00.001Z", 1),
        ("1970-01-01T09:00:00+09:00", 0),
        ("1969-12-31T23:59:59.999Z", -1),
        ("2000-02-29T12:00Z", 951_825_600_000),
        ("2001-02-29", None),
        ("1970-01-01T00", None),
        ("1970-01-01Z", None),
        ("1970-01-01T00:00:00.Z", None),
        ("1970-01-01T00:00:00.0000000001Z", None),
        ("1970-01-01T00:00:00+00:60", None),
        ("1970-01-01t00:00:00z", None),
        ("1970-1-1", None),
        (" 1970-01-01", None),
        ("", None),
    ],
)
def test_an_instant_is_read_from_iso_8601(text, ms):
    assert parse_instant(text) == ms


@given(st.integers(FIRST, LAST))
def test_an_instant_reads_back_what_it_shows(ms):
    assert parse_instant(format_instant(ms)) == ms


@given(st.integers(FIRST, LAST), st.integers(FIRST, LAST))
def test_instants_sort_as_text_as_they_do_in_time(one, other):
    assert (one < other) == (format_instant(one) < format_instant(other))


@given(st.integers(-14 * 60, 14 * 60), st.integers(0, 4_000_000_000_000))
def test_an_offset_names_the_same_instant(minutes, ms):
    local = format_instant(ms + minutes * 60_000).removesuffix("Z")
    sign, rest = ("-" if minutes < 0 else "+"), divmod(abs(minutes), 60)
    assert parse_instant(f"{local}{sign}{rest[0]:02d}:{rest[1]:02d}") == ms


@given(st.text())
def test_no_text_makes_it_fail(text):
    ms = parse_instant(text)
    assert ms is None or FIRST <= ms <= LAST


@pytest.mark.parametrize(
    ("value", "shown"), [(1.0, "1"), (0.1, "0.1"), (-2.0, "-2"), (1e22, "1" + "0" * 22)]
)
def test_an_integral_number_has_no_fraction(value, shown):
    assert repr(format_number(value)) == shown
