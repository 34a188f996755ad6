"""Filters of rows to the search tree: a name, an operator and one value each, all of which hold.

What an operator means depends on the kind of the field; an empty value is neither greater nor less
than anything, equals null alone, and so is not equal to whatever else is asked.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Final, Literal, TypeAlias

from .actions import Status
from .catalog import Datastore, Field
from .errors import FaultError, InvalidValueError, invalid_request
from .ids import is_id
from .kinds import KINDS, Option, Settings
from .kinds.choice import find_option
from .limits import CONDITIONS_MAX, INTEGER_MAX, SEARCH_TEXT_CHARS_MAX, SEARCH_VALUES_MAX
from .query import (
    AllOf,
    AnyOf,
    ChoiceTest,
    Condition,
    EmptyTest,
    Not,
    RangeTest,
    Subject,
    SystemKey,
    TextMode,
    TextTest,
    fold,
    is_instant,
    split_like,
)
from .record import record
from .values import FIRST_MS, LAST_MS, format_instant


class Operator(Enum):
    """How a row's value stands to that of a filter; the values are the wire's names."""

    EQUAL = "Equal"
    NOT_EQUAL = "NotEqual"
    GREATER = "GreaterThan"
    GREATER_OR_EQUAL = "GreaterThanOrEqual"
    LESS = "LessThan"
    LESS_OR_EQUAL = "LessThanOrEqual"
    CONTAINS = "StringContains"
    STARTS = "StringStartsWith"
    ENDS = "StringEndsWith"
    LIKE = "Like"
    IN = "In"
    IS_NULL = "IsNull"
    IS_NOT_NULL = "IsNotNull"


@record
class Filter:
    """One wish: what it looks at, how, and the value."""

    name: str
    operator: Operator
    value: object = None


@record
class RowScope:
    """What filters are read against."""

    datastore: Datastore
    fields: tuple[Field, ...]  # that the actor may search by
    # Of what a lookup field leads to: the ids of visible items, by row number.
    find_items: Callable[[Field, Sequence[int]], Mapping[int, str]]


_Nature: TypeAlias = Literal[
    "text", "number", "whole", "instant", "boolean", "option", "item", "user", "file"
]
_EQUALITY: Final = (
    *(Operator.EQUAL, Operator.NOT_EQUAL, Operator.IN),
    *(Operator.IS_NULL, Operator.IS_NOT_NULL),
)
_ORDER: Final = {  # with which bound, and whether it is within
    Operator.GREATER: ("low", False),
    Operator.GREATER_OR_EQUAL: ("low", True),
    Operator.LESS: ("high", False),
    Operator.LESS_OR_EQUAL: ("high", True),
}
_MODES: Final = {
    Operator.CONTAINS: TextMode.CONTAINS,
    Operator.STARTS: TextMode.STARTS,
    Operator.ENDS: TextMode.ENDS,
    Operator.LIKE: TextMode.LIKE,
}
_TAKEN: Final[Mapping[_Nature, tuple[Operator, ...]]] = {
    "text": tuple(Operator),
    "instant": tuple(Operator),
    "number": (*_EQUALITY, *_ORDER),
    "whole": (*_EQUALITY, *_ORDER),
    "option": (*_EQUALITY, *_MODES),
    "boolean": _EQUALITY,
    "item": _EQUALITY,
    "user": _EQUALITY,
    "file": (Operator.IS_NULL, Operator.IS_NOT_NULL),
}
_SYSTEM: Final = {
    "rev_no": SystemKey.REVISION,
    "CreateTime": SystemKey.CREATED_AT,
    "UpdateTime": SystemKey.UPDATED_AT,
}
_PLAIN: Final = Settings()
_YEAR: Final = re.compile(r"\d{4}-", re.ASCII)  # is nowhere in an instant but at its beginning
_NEVER: Final = AnyOf(())
FIELDS_SHOWN_MAX: Final = 30  # named in the message about a field that is not there


def find_operator(name: str) -> Operator:
    """An operator by its name, in whatever case. Raises 400 naming it."""
    found = _OPERATORS.get(name.lower())
    if found is None:
        known = ", ".join(one.value for one in Operator)
        raise invalid_request(f"there is no operator {name[:80]}; there are {known}")
    return found


_OPERATORS: Final = {one.value.lower(): one for one in Operator}


def read_filters(filters: Sequence[Filter], scope: RowScope) -> Condition:
    """The search tree of filters that all have to hold. Raises 400 for what can't be meant."""
    if len(filters) > CONDITIONS_MAX:
        raise invalid_request(f"over {CONDITIONS_MAX} filters")
    values = sum(len(one.value) if isinstance(one.value, list) else 1 for one in filters)
    if values > SEARCH_VALUES_MAX:
        raise invalid_request(f"over {SEARCH_VALUES_MAX} values in all filters")
    return AllOf(tuple(_read(one, scope) for one in filters))


def find_row_subject(name: str, scope: RowScope) -> Subject:
    """What a name of a row's key stands for. Raises 400 naming it if there is none."""
    if name.lower() == "id":
        return SystemKey.ROW
    if name == "rev_no":  # an update takes it as the revision, whatever fields there are
        return SystemKey.REVISION
    for field in scope.fields:
        if name in (field.display_id, field.id) and field.kind.name not in ("label", "separator"):
            return SystemKey.STATUS if field.kind.name == "status" else field
    if name in _SYSTEM:
        return _SYSTEM[name]
    shown = list_names(["id", *(one.display_id for one in scope.fields)])
    raise invalid_request(f"there is no field {name[:200]}; the table has {shown}")


def list_names(names: Sequence[str]) -> str:
    """The names of fields, as a message tells them: not more than some."""
    more = ", …" if len(names) > FIELDS_SHOWN_MAX else ""
    return ", ".join(names[:FIELDS_SHOWN_MAX]) + more


def _read(wish: Filter, scope: RowScope) -> Condition:
    subject = find_row_subject(wish.name, scope)
    nature = _nature(subject)
    if wish.operator not in _TAKEN[nature]:
        taken = ", ".join(one.value for one in _TAKEN[nature])
        raise invalid_request(
            f"{wish.operator.value} is not for {wish.name}, whose kind is {_kind(subject)}; that"
            f" takes {taken}"
        )
    match wish.operator:
        case Operator.IS_NULL:
            return EmptyTest(subject)
        case Operator.IS_NOT_NULL:
            return Not(EmptyTest(subject))
        case Operator.EQUAL:
            return _one_of((wish.value,), wish, subject, scope)
        case Operator.NOT_EQUAL:
            return Not(_one_of((wish.value,), wish, subject, scope))
        case Operator.IN:
            if not isinstance(wish.value, list):
                raise _wrong(wish, "must be an array")
            return _one_of(wish.value, wish, subject, scope)
        case _:
            if wish.operator in _ORDER:
                return _compared(wish, subject)
            return _worded(wish, subject, scope)


def _nature(subject: Subject) -> _Nature:
    if is_instant(subject):
        return "instant"
    if isinstance(subject, SystemKey):
        return "option" if subject is SystemKey.STATUS else "whole"
    kind = subject.value_kind
    if kind.has_options:
        return "option"
    if kind.refers_to:
        return kind.refers_to
    return {"text": "text", "range": "number", "choice": "boolean"}[kind.match]  # type: ignore[return-value]


def _kind(subject: Subject) -> str:
    if isinstance(subject, Field):
        return subject.kind.name
    return (
        "status" if subject is SystemKey.STATUS else "datetime" if is_instant(subject) else "number"
    )


def _wrong(wish: Filter, reason: str) -> FaultError:
    return invalid_request(f"value of {wish.name} {reason}, not {repr(wish.value)[:80]}", wish.name)


# --- equality ---------------------------------------------------------------------------------


def _one_of(given: Iterable[object], wish: Filter, subject: Subject, scope: RowScope) -> Condition:
    """The value is one of those given; null and an empty text stand for none."""
    given = list(given)
    values = [one for one in given if one is not None and one != ""]
    parts: list[Condition] = [EmptyTest(subject)] if len(values) < len(given) else []
    if values:
        parts.append(_chosen(values, wish, subject, scope))
    return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))


def _chosen(values: list[object], wish: Filter, subject: Subject, scope: RowScope) -> Condition:
    match _nature(subject):
        case "text":
            return TextTest(subject, tuple(_text(one, wish) for one in values), TextMode.EQUALS)
        case "option":
            ids = [_option(_text(one, wish), subject, scope) for one in values]
            return ChoiceTest(subject, tuple(one for one in ids if one))
        case "item":
            return ChoiceTest(subject, tuple(_items(values, wish, subject, scope)))
        case "user":
            return ChoiceTest(subject, tuple(_text(one, wish) for one in values))
        case _:
            return ChoiceTest(subject, tuple(_value(one, wish, subject) for one in values))


def _items(values: list[object], wish: Filter, subject: Subject, scope: RowScope) -> list[str]:
    """The ids of items that are given by row number or id; those that are not there left out."""
    ids = [one for one in values if isinstance(one, str) and is_id(one)]
    numbers = [read_whole(one, wish.name) for one in values if one not in ids]
    if numbers and isinstance(subject, Field):
        ids += scope.find_items(subject, numbers).values()
    return ids


def _option(word: str, subject: Subject, scope: RowScope) -> str:
    """The id of an option or status; "" if there is none."""
    if isinstance(subject, SystemKey):
        status = scope.datastore.find_status(word)
        return status.id if status else ""
    option = find_option(word, subject.settings)
    return option.id if option else ""


# --- order and words --------------------------------------------------------------------------


def _compared(wish: Filter, subject: Subject) -> Condition:
    if wish.value is None or wish.value == "":
        raise _wrong(wish, f"must be something for {wish.operator.value}")
    is_text = _nature(subject) == "text"
    value = _text(wish.value, wish) if is_text else _value(wish.value, wish, subject)
    side, is_within = _ORDER[wish.operator]
    if side == "low":
        return RangeTest(subject, low=value, low_included=is_within)
    return RangeTest(subject, high=value, high_included=is_within)


def _worded(wish: Filter, subject: Subject, scope: RowScope) -> Condition:
    word, mode = _text(wish.value, wish), _MODES[wish.operator]
    if len(word) > SEARCH_TEXT_CHARS_MAX or len(fold(word)) > SEARCH_TEXT_CHARS_MAX:
        raise invalid_request(f"value of {wish.name} has over {SEARCH_TEXT_CHARS_MAX} characters")
    if mode is TextMode.LIKE:
        word, mode = _plain(word)
    if not word:  # every text holds nothing; a search box that is empty finds all
        return (
            EmptyTest(subject) if wish.operator is Operator.LIKE and not wish.value else AllOf(())
        )
    match _nature(subject):
        case "option":
            ids = [
                one.id for one in _options(subject, scope) if matches(one.display_id, word, mode)
            ]
            return ChoiceTest(subject, tuple(ids))
        case "instant" if mode is TextMode.STARTS or (
            mode is TextMode.CONTAINS and _YEAR.match(word)
        ):
            return _beginning(word, subject)
        case _:
            return TextTest(subject, (word,), mode)


def _plain(pattern: str) -> tuple[str, TextMode]:
    """A pattern as the plainest test that means the same; an index may serve that."""
    word = pattern.strip("%")
    if not word or "%" in word or "_" in word:
        return ("", TextMode.CONTAINS) if pattern and not word else (pattern, TextMode.LIKE)
    match pattern.startswith("%"), pattern.endswith("%"):
        case True, True:
            return word, TextMode.CONTAINS
        case True, False:
            return word, TextMode.ENDS
        case False, True:
            return word, TextMode.STARTS
        case _:
            return pattern, TextMode.LIKE


def _beginning(word: str, subject: Subject) -> Condition:
    """Instants whose ISO text begins so: those from one to another, as that text has their order."""
    start = fold(word).upper()
    instants = range(FIRST_MS, LAST_MS + 1)
    low = bisect_left(instants, start, key=format_instant)
    end = bisect_left(instants, f"{start}~", key=format_instant)  # "~" is behind all they hold
    if low == end:
        return _NEVER
    return RangeTest(subject, instants[low], instants[end - 1])


def _options(subject: Subject, scope: RowScope) -> tuple[Option, ...] | tuple[Status, ...]:
    if isinstance(subject, SystemKey):
        return scope.datastore.statuses
    return subject.settings.options


def matches(text: str, word: str, mode: TextMode) -> bool:
    """Whether a text, in memory, matches as a search would say; in any mode but EQUALS."""
    held = fold(text)
    match mode:
        case TextMode.CONTAINS:
            return fold(word) in held
        case TextMode.STARTS:
            return held.startswith(fold(word))
        case TextMode.ENDS:
            return held.endswith(fold(word))
        case _:
            wanted: list[str] = []  # characters, and wildcards as "any" and "one"
            for at, one in enumerate(split_like(word)):
                wanted += [_WILDCARDS[one]] if at % 2 else fold(one)
            return _is_like(held, wanted)


_WILDCARDS: Final = {"%": "any", "_": "one"}


def _is_like(text: str, wanted: list[str]) -> bool:
    """Go along both, and back to the last "any" where they part: never more than their product."""
    at = place = tried = 0
    last = -1
    while at < len(text):
        here = wanted[place] if place < len(wanted) else ""
        if here == "any":
            last, tried, place = place, at, place + 1
        elif here in ("one", text[at]):
            at, place = at + 1, place + 1
        elif last >= 0:
            tried += 1
            at, place = tried, last + 1
        else:
            return False
    return all(one == "any" for one in wanted[place:])


# --- values -----------------------------------------------------------------------------------


def read_whole(raw: object, name: str) -> int:
    """A whole number, or a string that is one, as for number fields. Raises 400."""
    is_numeral = (
        isinstance(raw, str)
        and raw.isascii()
        and len(raw) <= _DIGITS_MAX
        and raw.removeprefix("-").isdigit()
    )
    is_integral = isinstance(raw, float) and raw.is_integer()
    number = int(raw) if is_numeral or is_integral else raw  # type: ignore[call-overload]
    if isinstance(number, bool) or not isinstance(number, int) or abs(number) > INTEGER_MAX:
        raise invalid_request(f"{name} must be a whole number, not {repr(raw)[:80]}")
    return number


_DIGITS_MAX: Final = 18


def _text(raw: object, wish: Filter) -> str:
    if not isinstance(raw, str):
        raise _wrong(wish, "must be a text")
    if "\0" in raw:
        raise invalid_request(f"value of {wish.name} holds U+0000")
    return raw


def _value(raw: object, wish: Filter, subject: Subject) -> float | bool:
    """A number, an instant or a boolean as the field keeps it."""
    if _nature(subject) == "whole":
        return read_whole(raw, f"value of {wish.name}")
    kind = subject.value_kind if isinstance(subject, Field) else KINDS["datetime"]
    try:
        value = kind.parse(raw, _PLAIN)
    except InvalidValueError as error:
        raise invalid_request(f"value of {wish.name}: {error}", wish.name) from error
    if not isinstance(value, (bool, int, float)):
        raise _wrong(wish, "must be something")
    return value
