"""Ids are unique and sort in the order in which they were given, whatever the clock does."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from hikidashi.core.ids import ObjectIds, is_id
from tests.deterministic import FixedClock, fixed_ids

SECOND = 1_000
WRAP = 1 << 24


def test_an_id_is_seconds_process_and_counter():
    clock = FixedClock(0x6A5B4C3D * SECOND + 999)
    ids = ObjectIds(clock, process=0x0123456789, counter=0xABCDEE)
    assert ids.next_id() == "6a5b4c3d" + "0123456789" + "abcdef"


def test_ids_sort_over_the_end_of_the_counter():
    ids = fixed_ids(counter=WRAP - 3)
    given_out = [ids.next_id() for _ in range(6)]
    assert given_out == sorted(set(given_out))
    assert given_out[2][-6:] == "000000"


def test_the_second_after_the_end_of_the_counter_is_not_given_twice():
    clock = FixedClock()
    ids = fixed_ids(clock, counter=WRAP - 1)
    before = ids.next_id()  # already a second ahead of the clock
    clock.advance(seconds=1)
    assert ids.next_id() > before


def test_ids_do_not_go_back_with_the_clock():
    clock = FixedClock()
    ids = fixed_ids(clock)
    before = ids.next_id()
    clock.advance(days=-1)
    assert ids.next_id() > before


@given(
    st.integers(0, WRAP - 1) | st.integers(WRAP - 50, WRAP - 1),
    st.lists(st.integers(-5_000, 5_000), min_size=1, max_size=200),
)
def test_ids_sort_and_never_repeat_whatever_the_clock_does(counter, moves):
    clock = FixedClock()
    ids = fixed_ids(clock, counter)
    given_out = []
    for ms in moves:
        clock.advance(ms=ms)
        given_out.append(ids.next_id())
    assert given_out == sorted(set(given_out))
    assert all(is_id(one) for one in given_out)


def test_processes_give_different_ids_at_the_same_moment():
    clock = FixedClock()
    one, other = ObjectIds(clock, process=1), ObjectIds(clock, process=2)
    assert one.next_id() != other.next_id()


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("0" * 24, True),
        ("0123456789abcdef01234567", True),
        ("0123456789ABCDEF01234567", False),
        ("0" * 23, False),
        ("0" * 25, False),
        ("g" * 24, False),
        ("0" * 23 + "\n", False),
        ("０" * 24, False),
        ("", False),
    ],
)
def test_an_id_is_24_lower_case_hex_digits(text, is_one):
    assert is_id(text) is is_one
