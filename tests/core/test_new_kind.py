"""A field kind is one class and one line of the registry; nothing else has to know of it."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from hikidashi.core.errors import InvalidValueError
from hikidashi.core.kinds import KINDS, Kind, Settings, Storage
from hikidashi.core.values import Value
from tests.core import kind_cases as cases


class Rating(Kind):
    """One to five stars."""

    name = "rating"
    storage = Storage.INTEGER
    match = "range"

    def parse(self, raw: object, settings: Settings) -> Value:
        """Take a whole number of stars, or as many asterisks."""
        if isinstance(raw, str) and set(raw) <= {"*"}:
            raw = len(raw)
        if isinstance(raw, bool) or not isinstance(raw, int) or not 0 <= raw <= 5:
            raise InvalidValueError("must be one to five stars")
        return raw or None

    def text(self, value: Value, settings: Settings) -> str:
        """The stars."""
        return "*" * value if isinstance(value, int) else ""


CASE = cases.Case(
    "rating",
    [
        cases.Good(3, 3, 3, "***"),
        cases.Good("**", 2, 2, "**"),
        cases.Good("", None),
        cases.Good(0, None),
    ],
    [
        cases.Bad(6, "one to five"),
        cases.Bad(True, "one to five"),
        cases.Bad("good", "one to five"),
        cases.Bad(2.5, "one to five"),
    ],
    st.integers(1, 5),
)


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setitem(KINDS, "rating", Rating())


@pytest.mark.parametrize("good", CASE.good, ids=lambda good: repr(good.raw))
def test_its_values_are_taken_and_shown(good):
    cases.check_takes(CASE.kind, good)


@pytest.mark.parametrize("bad", CASE.bad, ids=lambda bad: repr(bad.raw))
def test_other_values_are_refused_in_words(bad):
    cases.check_refuses(CASE.kind, bad)


def test_it_is_held_to_what_every_kind_is_held_to():
    cases.check_round_trip(CASE)
    cases.check_never_crashes(CASE.kind, CASE.settings)
    cases.check_empty(CASE.kind)
    CASE.kind.check_settings(Settings())
