"""What every field kind must do, as tables; and the checks that any kind is held to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, strategies as st

from hikidashi.core.errors import InvalidValueError
from hikidashi.core.kinds import KINDS, Kind, Option, Settings, Storage
from hikidashi.core.limits import CHOICES_MAX, INTEGER_MAX
from hikidashi.core.values import Value, parse_instant

STORED_AS = {
    Storage.TEXT: str,
    Storage.NUMBER: float,
    Storage.INTEGER: int,
    Storage.BOOLEAN: bool,
    Storage.LIST: tuple,
}

A, B, C, D = (f"{n:024x}" for n in (0xA, 0xB, 0xC, 0xD))
OPTIONS = Settings(
    options=(
        Option(A, "red", {"en": "Red", "ja": "赤"}),
        Option(B, "blue", {"en": "Blue", "ja": "青"}),
        Option(C, "old", {"en": "Gone"}, enabled=False),
        Option(D, "azure", {"ja": "青"}),
    )
)
PLAIN = Settings()
INDEXED = Settings(indexed=True)
SINGLE = Settings(single=True)
LOOKUP = Settings(lookup_datastore="1" * 24)
ITEM = "f" * 24


@dataclass(frozen=True)
class Good:
    """A raw value that is taken; `dumped` and `text` are what people and programs are shown."""

    raw: object
    value: Value
    dumped: object = None
    text: str = ""
    settings: Settings = PLAIN


@dataclass(frozen=True)
class Bad:
    """A raw value that is refused, and words of the reason."""

    raw: object
    reason: str
    settings: Settings = PLAIN


@dataclass(frozen=True)
class Case:
    """All that is said of one kind."""

    name: str
    good: Sequence[Good] = ()
    bad: Sequence[Bad] = ()
    values: st.SearchStrategy[Value] = field(default_factory=st.nothing)  # what it may hold
    settings: Settings = PLAIN  # under which it may

    @property
    def kind(self) -> Kind:
        return KINDS[self.name]


# --- the checks -------------------------------------------------------------------------------


def check_takes(kind: Kind, good: Good) -> None:
    value = kind.parse(good.raw, good.settings)
    assert value == good.value
    assert type(value) is type(good.value)
    assert kind.storage is not None
    if value is not None:
        assert type(value) is STORED_AS[kind.storage]
        assert kind.dump(value, good.settings) == good.dumped
        assert kind.text(value, good.settings) == good.text
        assert kind.parse(kind.dump(value, good.settings), good.settings) == value


def check_refuses(kind: Kind, bad: Bad) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        kind.parse(bad.raw, bad.settings)
    assert bad.reason in str(refusal.value)


def check_round_trip(case: Case) -> None:
    """Whatever a kind may hold, it reads back what it shows."""
    kind = case.kind

    @given(case.values)
    def round_trip(value: Value) -> None:
        assert kind.parse(kind.dump(value, case.settings), case.settings) == value
        assert isinstance(kind.text(value, case.settings), str)

    round_trip()


def check_empty(kind: Kind) -> None:
    """An empty field is shown, told and named as nothing."""
    assert kind.dump(None, PLAIN) in (None, [])
    assert kind.text(None, PLAIN) == ""
    assert kind.ids(None) == ()


def check_never_crashes(kind: Kind, settings: Settings) -> None:
    """Any JSON is taken or refused in words; nothing else is raised."""
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    json = st.recursive(
        scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5
    )

    @given(json.filter(lambda raw: raw is not None))
    def takes_or_refuses(raw: object) -> None:
        try:
            value = kind.parse(raw, settings)
        except InvalidValueError:
            return
        assert kind.storage is not None
        assert value is None or type(value) is STORED_AS[kind.storage]

    takes_or_refuses()


# --- the table --------------------------------------------------------------------------------


def _instant(text: str) -> int:
    ms = parse_instant(text)
    assert ms is not None
    return ms


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)
IDS = st.integers(0, 16**24 - 1).map(lambda number: f"{number:024x}")
DAY = _instant("2020-01-31")
RANGE = Settings(min_value=1.0, max_value=10.0)
YEAR_2020 = Settings(
    min_value=float(_instant("2020-01-01")), max_value=float(_instant("2020-12-31"))
)


def text_case(name: str) -> Case:
    good = [
        Good("a", "a", "a", "a"),
        Good("  a\n", "  a\n", "  a\n", "  a\n"),
        Good("引き出し", "引き出し", "引き出し", "引き出し"),
        Good("", None),
        Good("x" * 1_000_000, "x" * 1_000_000, "x" * 1_000_000, "x" * 1_000_000),
        Good("é" * 1_000, "é" * 1_000, "é" * 1_000, "é" * 1_000, INDEXED),
        Good("あ" * 900, "あ" * 900, "あ" * 900, "あ" * 900, INDEXED),
    ]
    bad = [
        Bad(12, "must be a string"),
        Bad(True, "must be a string"),
        Bad(["a"], "must be a string"),
        Bad({"a": "b"}, "must be a string"),
        Bad("a\0b", "must not contain U+0000"),
        Bad("x" * 1_000_001, "is over 1000000 bytes"),
        Bad("あ" * 333_334, "is over 1000000 bytes"),
        Bad("x" * 1_001, "has 1001 characters", INDEXED),
        Bad("あ" * 901, "is over 2700 bytes", INDEXED),
    ]
    return Case(name, good, bad, TEXTS)


def choice_case(name: str) -> Case:
    good = [
        Good(A, A, "red", "Red", OPTIONS),
        Good("red", A, "red", "Red", OPTIONS),
        Good("Red", A, "red", "Red", OPTIONS),
        Good("赤", A, "red", "Red", OPTIONS),
        Good("azure", D, "azure", "青", OPTIONS),
        Good("", None, settings=OPTIONS),
    ]
    bad = [
        Bad("RED", "has no option 'RED'", OPTIONS),
        Bad("青", "has no option '青'", OPTIONS),  # two options bear it
        Bad("old", "option old is disabled", OPTIONS),
        Bad(C, "option old is disabled", OPTIONS),
        Bad(ITEM, "has no option", OPTIONS),
        Bad(1, "has no option 1", OPTIONS),
        Bad(["red"], "has no option", OPTIONS),
        Bad("red", "has no option 'red'"),  # none configured yet
        Bad("y" * 500, "has no option", OPTIONS),
    ]
    return Case(name, good, bad, st.sampled_from((A, B, D)), OPTIONS)


def instant_case(name: str) -> Case:
    at = _instant("2020-01-31T15:00:00.000Z")
    good = [
        Good("2020-01-31T15:00:00.000Z", at, *["2020-01-31T15:00:00.000Z"] * 2),
        Good("2020-01-31T15:00:00Z", at, *["2020-01-31T15:00:00.000Z"] * 2),
        Good("2020-01-31T15:00Z", at, *["2020-01-31T15:00:00.000Z"] * 2),
        Good("2020-01-31T15:00:00", at, *["2020-01-31T15:00:00.000Z"] * 2),
        Good("2020-01-31 15:00:00", at, *["2020-01-31T15:00:00.000Z"] * 2),
        Good("2020-02-01T00:00:00+09:00", at, *["2020-01-31T15:00:00.000Z"] * 2),
        Good("2020-01-31T12:00:00-0300", at, *["2020-01-31T15:00:00.000Z"] * 2),
        Good("2020-01-31T15:00:00.123456789Z", at + 123, *["2020-01-31T15:00:00.123Z"] * 2),
        Good("2020-01-31T15:00:00.5Z", at + 500, *["2020-01-31T15:00:00.500Z"] * 2),
        Good("2020-01-31", DAY, *["2020-01-31T00:00:00.000Z"] * 2),
        Good("1969-12-31T23:59:59.999Z", -1, *["1969-12-31T23:59:59.999Z"] * 2),
        Good("2020-12-31", YEAR_2020.max_value and int(YEAR_2020.max_value),
             *["2020-12-31T00:00:00.000Z"] * 2, YEAR_2020),
        Good("", None),
    ]  # fmt: skip
    bad = [
        Bad(1580482800000, "must be an ISO 8601 string"),
        Bad(True, "must be an ISO 8601 string"),
        Bad([], "must be an ISO 8601 string"),
        Bad("tomorrow", "must be a date and time like"),
        Bad("2020-02-30", "must be a date and time like"),
        Bad("2020-01-31T24:00:00Z", "must be a date and time like"),
        Bad("2020-01-31T15:00:60Z", "must be a date and time like"),
        Bad("2020-01-31T15:00:00+15:00", "must be a date and time like"),
        Bad("2020-01-31T15:00:00Z\n", "must be a date and time like"),
        Bad("20200131", "must be a date and time like"),
        Bad("２０２０-０１-３１", "must be a date and time like"),
        Bad("0000-01-01", "must be a date and time like"),
        Bad("0001-01-01T00:00:00+09:00", "must be a date and time like"),
        Bad("9999-12-31T23:59:59-01:00", "must be a date and time like"),
        Bad("2019-12-31", "must not be before 2020-01-01T00:00:00.000Z", YEAR_2020),
        Bad("2021-01-01", "must not be after 2020-12-31T00:00:00.000Z", YEAR_2020),
    ]
    first, last = _instant("0001-01-01"), _instant("9999-12-31T23:59:59.999Z")
    return Case(name, good, bad, st.integers(first, last))


NUMBER = Case(
    "number",
    [
        Good(12, 12.0, 12, "12"),
        Good(-0.0, 0.0, 0, "0"),
        Good(1.5, 1.5, 1.5, "1.5"),
        Good("12", 12.0, 12, "12"),
        Good("1e3", 1000.0, 1000, "1000"),
        Good("-.5", -0.5, -0.5, "-0.5"),
        Good("+7.", 7.0, 7, "7"),
        Good("007", 7.0, 7, "7"),
        Good("", None),
        Good(INTEGER_MAX, float(INTEGER_MAX), INTEGER_MAX, str(INTEGER_MAX)),
        Good(-INTEGER_MAX, -float(INTEGER_MAX), -INTEGER_MAX, str(-INTEGER_MAX)),
        Good(1, 1.0, 1, "1", RANGE),
        Good(10, 10.0, 10, "10", RANGE),
    ],
    [
        Bad(True, "must be a number"),
        Bad([1], "must be a number"),
        Bad("12x", "must be a number"),
        Bad("1,000", "must be a number"),
        Bad(" 12", "must be a number"),
        Bad("12\n", "must be a number"),
        Bad("１２", "must be a number"),
        Bad("0x10", "must be a number"),
        Bad("1_000", "must be a number"),
        Bad("nan", "must be a number"),
        Bad("Infinity", "must be a number"),
        Bad(".", "must be a number"),
        Bad("1e999", "is out of range"),
        Bad(float("inf"), "is out of range"),
        Bad(float("nan"), "is out of range"),
        Bad(10**400, "is out of range"),
        Bad(INTEGER_MAX + 1, "is an integer beyond 2^53"),
        Bad(-INTEGER_MAX - 1, "is an integer beyond 2^53"),
        Bad(str(INTEGER_MAX + 1), "is an integer beyond 2^53"),
        Bad("1e300", "is an integer beyond 2^53"),
        Bad(0.5, "must be at least 1", RANGE),
        Bad(10.5, "must be at most 10", RANGE),
    ],
    st.floats(-float(INTEGER_MAX), float(INTEGER_MAX)).map(lambda number: number + 0.0),
)

CHECKBOX = Case(
    "checkbox",
    [
        Good(["red", B], (A, B), ["red", "blue"], "Red,Blue", OPTIONS),
        Good(["blue", "red", "Red"], (B, A), ["blue", "red"], "Blue,Red", OPTIONS),
        Good([], None, settings=OPTIONS),
        Good("", None, settings=OPTIONS),
    ],
    [
        Bad("red", "must be an array of options", OPTIONS),
        Bad([1], "must be an array of options", OPTIONS),
        Bad([""], "must be an array of options", OPTIONS),
        Bad([None], "must be an array of options", OPTIONS),
        Bad({"red": True}, "must be an array of options", OPTIONS),
        Bad(["red", "green"], "has no option 'green'", OPTIONS),
        Bad(["old"], "option old is disabled", OPTIONS),
        Bad(["red"] * (CHOICES_MAX + 1), "has 1001 options, at most 1000", OPTIONS),
    ],
    st.lists(st.sampled_from((A, B, D)), min_size=1, unique=True).map(tuple),
    OPTIONS,
)

BOOLEAN = Case(
    "boolean",
    [
        Good(True, True, True, "true"),
        Good(False, False, False, "false"),
        Good("true", True, True, "true"),
        Good("false", False, False, "false"),
        Good("", None),
    ],
    [
        Bad(1, "must be true or false"),
        Bad(0, "must be true or false"),
        Bad("True", "must be true or false"),
        Bad("yes", "must be true or false"),
        Bad([True], "must be true or false"),
    ],
    st.booleans(),
)

USERS = Case(
    "users",
    [
        Good([A, B], (A, B), [A, B], str((A, B))),
        Good([A, A], (A,), [A], str((A,)), SINGLE),
        Good([], None),
        Good("", None),
    ],
    [
        Bad(A, "must be an array of user ids"),
        Bad([{"user_id": A}], "must be an array of user ids"),
        Bad([""], "must be an array of user ids"),
        Bad([A, B], "takes one user", SINGLE),
        Bad([A] * (CHOICES_MAX + 1), "has 1001 user ids, at most 1000"),
    ],
    st.lists(IDS, min_size=1, max_size=20, unique=True).map(tuple),
)

DSLOOKUP = Case(
    "dslookup",
    [
        Good(ITEM, ITEM, ITEM, ITEM, LOOKUP),
        Good("", None, settings=LOOKUP),
    ],
    [
        Bad("x", "must be an item id", LOOKUP),
        Bad(ITEM.upper(), "must be an item id", LOOKUP),
        Bad([ITEM], "must be an item id", LOOKUP),
        Bad(1, "must be an item id", LOOKUP),
        Bad(ITEM, "looks up no datastore yet"),
    ],
    IDS,
    LOOKUP,
)


FILE = Case(
    "file",
    [
        Good([A, B], (A, B), [A, B], f"{A},{B}"),
        Good([B, A, B], (B, A), [B, A], f"{B},{A}"),
        Good([], None),
        Good("", None),
    ],
    [
        Bad(A, "must be an array of file ids"),
        Bad(1, "must be an array of file ids"),
        Bad([1], "must be an array of file ids"),
        Bad([""], "must be an array of file ids"),
        Bad(["x"], "must be an array of file ids"),
        Bad([A.upper()], "must be an array of file ids"),
        Bad([{"file_id": A}], "must be an array of file ids"),
        Bad([A] * (CHOICES_MAX + 1), "has 1001 file ids, at most 1000"),
    ],
    st.lists(IDS, min_size=1, max_size=20, unique=True).map(tuple),
)


def unwritten(name: str) -> Case:
    """A kind that takes no value from a caller."""
    return Case(name, bad=[Bad("a", "does not take a value"), Bad(1, "does not take a value")])


CASES: dict[str, Case] = {
    case.name: case
    for case in (
        text_case("text"),
        text_case("textarea"),
        NUMBER,
        choice_case("select"),
        choice_case("radio"),
        CHECKBOX,
        instant_case("datetime"),
        instant_case("date"),
        instant_case("time"),
        BOOLEAN,
        USERS,
        DSLOOKUP,
        FILE,
        unwritten("autonum"),
        unwritten("calc"),
        unwritten("status"),
        unwritten("label"),
        unwritten("separator"),
    )
}
