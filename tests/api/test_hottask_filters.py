"""Filters of HotTask's rows: on both engines they find what a plain reading of the rules finds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tests.api.rows_world import (
    INSTANTS,
    KEY,
    KINDS,
    NUMBERS,
    ROWS,
    SIZES,
    STATUSES,
    TAKEN,
    TEXTS,
    UNSORTED,
    WORDS,
    WORLD,
    Rows,
    Wish,
)


@pytest.fixture(scope="module")
def rows(new_database, tmp_path_factory) -> Iterator[Rows]:
    served = Rows(new_database(tmp_path_factory.mktemp("rows")), WORLD)
    served.fill()
    yield served
    served.close()


PIECES = ("2025", "-03", "-03-01", "T09", "09:0", ":00.000Z", "z", "0", "2025-0", "1969-12-31t")
DAYS = ("2025-03-01", "2025-03-01T09:00:00Z", "2025-03-01T10:00:00+01:00", "0001-01-01")
words = st.one_of(
    st.sampled_from((*TEXTS, *PIECES)),
    st.text(st.sampled_from("aAb%_!'\\é0京"), max_size=4),
)
patterns = st.lists(st.sampled_from(("%", "_", *TEXTS, *PIECES)), max_size=4).map("".join)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": words,
    "number": st.sampled_from((*NUMBERS, "1.5", 3)),
    "whole": st.sampled_from((1, 2, 3, 10, 40, "5", ROWS + 1, -1, 2**53)),
    "instant": st.sampled_from((*INSTANTS, *DAYS)),
    "boolean": st.booleans(),
    "option": st.sampled_from((*SIZES, *STATUSES, "nothing")),
    "item": st.sampled_from((1, 2, 3, 4, "5", 99)),
}


def filters() -> st.SearchStrategy[Wish]:
    def of(name: str) -> st.SearchStrategy[Wish]:
        values = VALUES[KINDS[name]]
        parts = []
        for op in TAKEN[KINDS[name]]:
            if op == "Like":
                value: st.SearchStrategy[Any] = patterns | words
            elif op in WORDS:
                value = words
            elif op == "In":
                value = st.lists(st.none() | values, max_size=4)
            elif op in ("Equal", "NotEqual"):
                value = values | st.sampled_from((None, ""))
            elif op in ("IsNull", "IsNotNull"):
                value = st.none()
            else:
                value = values.filter(bool if KINDS[name] == "text" else lambda _: True)
            parts.append(st.builds(Wish, st.just(name), st.just(op), value))
        return st.one_of(parts)

    return st.one_of([of(name) for name in KINDS])


@given(
    wishes=st.lists(filters(), max_size=3),
    order=st.sampled_from([one for one in KINDS if one not in UNSORTED]),
    ascending=st.booleans(),
    page=st.integers(1, 4),
    size=st.sampled_from((1, 7, 20, 100)),
)
@settings(max_examples=100, deadline=None)
def test_rows_are_found_as_the_rules_say(rows, wishes, order, ascending, page, size):
    wanted = rows.find(wishes, order, ascending=ascending)
    sorting = {"OrderByField": order, "IsAsc": ascending}
    told = rows.ask("Page", wishes, PageNo=page, PageSize=size, **sorting)
    assert [one["id"] for one in told["List"]] == wanted[(page - 1) * size : page * size]
    assert told["VirtualCount"] == len(wanted)
    listed = rows.ask("List", wishes, **sorting)
    assert [one["id"] for one in listed] == wanted
    assert rows.ask("Count", wishes) == len(wanted)


def test_each_operator_finds_what_it_should_of_each_kind(rows):
    """Of values that are there: what is above may draw others."""
    for name, kind in KINDS.items():
        values = [row[name] for row in rows.rows if row[name] is not None]
        one = values[len(values) // 2]
        one = one[0] if isinstance(one, list) else one
        for op in TAKEN[kind]:
            wish = Wish(name, op, {"In": [one]}.get(op, one))
            assert [row["id"] for row in rows.ask("List", [wish])] == rows.find([wish])
        assert 0 < rows.ask("Count", [Wish(name, "Equal", one)]) <= len(values)


@pytest.mark.parametrize(
    ("name", "op", "value", "words"),
    [
        ("nothing", "Equal", 1, "there is no field nothing; the table has id, name, note, amount"),
        ("secret", "Equal", "x", "there is no field secret"),  # not for the key's role
        ("line", "IsNull", None, "there is no field line"),
        ("NAME", "Equal", "x", "there is no field NAME"),
        ("name", "Matches", "x", "there is no operator Matches; there are Equal, NotEqual"),
        ("amount", "StringContains", "1", "StringContains is not for amount, whose kind is number"),
        ("done", "GreaterThan", True, "GreaterThan is not for done, whose kind is boolean"),
        ("size", "LessThan", "M", "LessThan is not for size, whose kind is select"),
        ("state", "LessThan", "x", "LessThan is not for state, whose kind is status"),
        ("owner", "Like", "a%", "Like is not for owner, whose kind is dslookup"),
        ("people", "StringContains", "a", "StringContains is not for people, whose kind is users"),
        ("paper", "Equal", 1, "that takes IsNull, IsNotNull"),
        ("id", "StringContains", "1", "StringContains is not for id, whose kind is number"),
        ("name", "Equal", 5, "value of name must be a text, not 5"),
        ("name", "Equal", ["a"], "value of name must be a text"),
        ("name", "Equal", "a\0", "value of name holds U+0000"),
        ("name", "GreaterThan", None, "value of name must be something for GreaterThan"),
        ("name", "StringContains", None, "value of name must be a text, not None"),
        ("name", "StringContains", "x" * 1_001, "value of name has over 1000 characters"),
        ("name", "In", "a", "value of name must be an array, not 'a'"),
        ("name", "In", None, "value of name must be an array, not None"),
        ("name", "In", ["x"] * 10_001, "over 10000 values in all filters"),
        ("amount", "Equal", "many", "value of amount: must be a number"),
        ("amount", "Equal", True, "value of amount: must be a number"),
        ("amount", "In", [1, "x"], "value of amount: must be a number"),
        ("amount", "LessThan", {}, "value of amount: must be a number"),
        ("due", "Equal", "tomorrow", "value of due: must be a date and time"),
        ("due", "Equal", 20250301, "value of due: must be an ISO 8601 string"),
        ("done", "Equal", "perhaps", "value of done: must be true or false"),
        ("done", "Equal", 1, "value of done: must be true or false"),
        ("id", "Equal", 1.5, "value of id must be a whole number"),
        ("id", "Equal", "first", "value of id must be a whole number"),
        ("id", "In", [1, 2**60], "value of id must be a whole number"),
        ("owner", "Equal", "Ann", "owner must be a whole number"),
    ],
)
def test_a_filter_that_can_mean_nothing_is_refused_with_the_name(rows, name, op, value, words):
    body = {"Filters": [{"name": name, "op": op, "value": value}]}
    for verb in ("Page", "List", "Count"):
        told = rows.post(verb, body, {"customauth": KEY})
        assert (told["Code"], told["Data"]) == (400, 0)
        assert words in told["Message"]
