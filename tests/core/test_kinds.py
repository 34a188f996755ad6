"""Each field kind takes what it says, refuses the rest in words, and reads back what it shows."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from hikidashi.core.errors import InvalidValueError
from hikidashi.core.kinds import KINDS, Option, Settings
from hikidashi.core.kinds.derived import format_auto_number
from hikidashi.core.limits import NUMBER_DIGITS_MAX
from tests.core import kind_cases as cases

WRITABLE = [case for case in cases.CASES.values() if case.kind.writable]


def _shown(given_to: str, raw: object) -> str:
    return f"{given_to}-{str(raw)[:20]!r}"


GOOD = [
    pytest.param(case.kind, good, id=_shown(case.name, good.raw))
    for case in cases.CASES.values()
    for good in case.good
]
BAD = [
    pytest.param(case.kind, bad, id=_shown(case.name, bad.raw))
    for case in cases.CASES.values()
    for bad in case.bad
]


def test_every_kind_has_a_case():
    assert set(cases.CASES) == set(KINDS)


@pytest.mark.parametrize(("kind", "good"), GOOD)
def test_a_value_is_taken_and_shown(kind, good):
    cases.check_takes(kind, good)


@pytest.mark.parametrize(("kind", "bad"), BAD)
def test_a_value_is_refused_in_words(kind, bad):
    cases.check_refuses(kind, bad)


@pytest.mark.parametrize("case", WRITABLE, ids=lambda case: case.name)
def test_a_kind_reads_back_what_it_shows(case):
    cases.check_round_trip(case)


@pytest.mark.parametrize("case", WRITABLE, ids=lambda case: case.name)
def test_any_json_is_taken_or_refused(case):
    cases.check_never_crashes(case.kind, case.settings)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_an_empty_field_is_nothing(kind):
    cases.check_empty(kind)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_kind_that_takes_values_keeps_them(kind):
    assert kind.storage is not None or not kind.writable


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_only_choices_may_have_options(kind):
    settings = Settings(options=(Option("a" * 24, "a", {}),))
    if kind.has_options:
        kind.check_settings(settings)
        return
    with pytest.raises(InvalidValueError, match="has no options"):
        kind.check_settings(settings)


@given(st.text())
def test_every_text_is_refused_or_kept_as_it_came(raw):
    kind = KINDS["text"]
    try:
        value = kind.parse(raw, Settings())
    except InvalidValueError:
        assert "\0" in raw
    else:
        assert value == (raw or None)


# --- what a value names -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("users", ("u1", "u2"), ("u1", "u2")),
        ("dslookup", "i1", ("i1",)),
        ("text", "i1", ()),
        ("checkbox", ("o1",), ()),
    ],
)
def test_only_references_name_others(name, value, named):
    assert KINDS[name].ids(value) == named


def test_an_option_that_is_gone_is_shown_by_its_id():
    assert KINDS["select"].dump("e" * 24, cases.OPTIONS) == "e" * 24
    assert KINDS["select"].text("e" * 24, cases.OPTIONS) == ""
    assert KINDS["checkbox"].dump((cases.A, "e" * 24), cases.OPTIONS) == ["red", "e" * 24]


# --- auto numbers -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "branch", "settings", "overrides", "text"),
    [
        (7, "", Settings(), {}, "7"),
        (7, "", Settings(prefix="A-"), {}, "A-7"),
        (7, "tokyo", Settings(prefix="A-", digits=4, zero_padding=True), {}, "A-tokyo0007"),
        (7, "", Settings(digits=4), {}, "7"),
        (7, "", Settings(digits=4), {"pad": True}, "0007"),
        (7, "", Settings(zero_padding=True), {"digits": 3}, "007"),
        (7, "", Settings(digits=4, zero_padding=True), {"pad": False}, "7"),
        (12345, "", Settings(digits=4, zero_padding=True), {}, "12345"),
    ],
)
def test_an_auto_number_is_prefix_branch_and_digits(number, branch, settings, overrides, text):
    assert format_auto_number(number, branch, settings, **overrides) == text


@pytest.mark.parametrize("digits", [-1, NUMBER_DIGITS_MAX + 1])
def test_the_digits_of_an_auto_number_are_bounded(digits):
    KINDS["autonum"].check_settings(Settings(digits=NUMBER_DIGITS_MAX))
    with pytest.raises(InvalidValueError, match="digit must be between 0 and 30"):
        KINDS["autonum"].check_settings(Settings(digits=digits))
