"""SQLite's sums are those of PostgreSQL's decimals: of what numbers show, without an error."""

from __future__ import annotations

from decimal import Context, Decimal

import pytest
from hypothesis import given, strategies as st

from hikidashi.storage.engines.totals import Total

EXACT = Context(prec=2_000)
SHORT = st.decimals(-(10**12), 10**12, places=2).map(float)
ANY = st.floats(-(2.0**53), 2.0**53, allow_nan=False)


def total(values: list[float | None]) -> Decimal | None:
    made = Total()
    for one in values:
        made.step(one)
    found = made.final()
    return None if found is None else Decimal(found)


@given(st.lists(st.one_of(SHORT, ANY), min_size=1))
def test_a_sum_is_that_of_the_decimals_shown(values):
    expected = Decimal(0)
    for one in values:
        expected = EXACT.add(expected, Decimal(repr(one)))
    assert total(values) == expected


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([0.1, 0.2], "0.3"),
        ([0.1] * 10, "1"),
        ([2.0**53, 1.0], "9007199254740993"),
        ([1e-7, None, -1e-7], "0"),
        ([5e-324, 2.0**53, -(2.0**53)], "5E-324"),
        ([99999999999.99995, 0.00005], "100000000000"),
    ],
)
def test_nothing_is_lost(values, told):
    assert total(values) == Decimal(told)


def test_there_is_no_sum_of_nothing():
    assert total([]) is None
    assert total([None, None]) is None
