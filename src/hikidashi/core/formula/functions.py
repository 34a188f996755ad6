"""The functions of formulas: what each takes and gives, and how it is computed.

An empty text counts as "". A function that is given an empty number or instant is empty, unless
the table says that it takes one.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import reduce
from typing import Any, Final, Literal, TypeAlias

from ..limits import TEXT_BYTES_MAX
from ..record import record
from . import values
from .nodes import Type
from .values import CONTEXT, DAY_MS, HOUR_MS, Operand, TooMuchWorkError, show_operand, whole

# "any" takes every type, "same" numbers or instants, all arguments alike; "alike" every type, all
# arguments alike.
Parameter: TypeAlias = Type | Literal["any", "same", "alike"]


class Run:
    """One computation: what it knows of its surroundings, and how much it may still do."""

    __slots__ = ("now", "work")

    def __init__(self, now: int, work: int) -> None:
        self.now = now  # ms: the instant of the write
        self.work = work  # characters that may still be gone over

    def spend(self, chars: int) -> None:
        """Note work on text. Raises TooMuchWorkError."""
        self.work -= chars
        if self.work < 0:
            raise TooMuchWorkError


@record
class Function:
    """A function by name."""

    name: str
    parameters: tuple[Parameter, ...]
    result: Parameter
    compute: Callable[..., Operand]  # the run, then the arguments. May raise ArithmeticError
    optional: int = 0  # how many of the last parameters may be left out
    rest: bool = False  # the last parameter may be repeated
    takes_empty: bool = False

    @property
    def form(self) -> str:
        """How it is called, for those who called it otherwise."""
        shown = [str(one) for one in self.parameters]
        least = len(shown) - self.optional
        shown = [one if at < least else f"[{one}]" for at, one in enumerate(shown)]
        return f"{self.name}({', '.join(shown)}{', …' if self.rest else ''})"


def _bounded(run: Run, chars: int) -> None:
    """A text of this length is about to be made."""
    if chars > TEXT_BYTES_MAX:
        raise TooMuchWorkError
    run.spend(chars)


def _concat(run: Run, *given: Operand) -> Operand:
    texts = [show_operand(one) for one in given]
    _bounded(run, sum(map(len, texts)))
    return "".join(texts)


def _left(run: Run, text: str, count: Decimal) -> Operand:
    return _slice(run, text, 0, whole(count))


def _right(run: Run, text: str, count: Decimal) -> Operand:
    return _slice(run, text, len(text) - max(whole(count), 0), len(text))


def _mid(run: Run, text: str, start: Decimal, count: Decimal) -> Operand:
    first = whole(start) - 1
    return _slice(run, text, first, first + whole(count))


def _slice(run: Run, text: str, start: int, end: int) -> str:
    part = text[max(start, 0) : max(end, 0)]
    run.spend(len(part))
    return part


def _recased(run: Run, text: str, recase: Callable[[str], str]) -> Operand:
    _bounded(run, len(text) * 3)  # a letter may become three
    return recase(text)


def _replace(run: Run, text: str, old: str, new: str) -> Operand:
    if not old:
        return text
    run.spend(len(text))
    _bounded(run, len(text) + text.count(old) * (len(new) - len(old)))
    return text.replace(old, new)


def _contains(run: Run, text: str, part: str) -> Operand:
    run.spend(len(text))
    return part in text


def _trim(run: Run, text: str) -> Operand:
    run.spend(len(text))
    return text.strip()


def _text(value: Operand, digits: Operand = None) -> Operand:
    if isinstance(value, Decimal) and isinstance(digits, Decimal):
        places = whole(digits)
        if not 0 <= places <= 30:
            raise ArithmeticError("digits")
        return format(values.round_half_up(value, digits), f".{places}f")
    return show_operand(value)


def _sum(*given: Decimal | None) -> Operand:
    there = [one for one in given if one is not None]
    return reduce(CONTEXT.add, there) if there else None


def _least(*given: Any) -> Operand:
    return min((one for one in given if one is not None), default=None)


def _greatest(*given: Any) -> Operand:
    return max((one for one in given if one is not None), default=None)


def _coalesce(*given: Operand) -> Operand:
    return next((one for one in given if one is not None), None)


def _today(run: Run, hours: Decimal = Decimal(0)) -> Operand:
    local = values.add_span(run.now, hours, HOUR_MS)
    return local - local % DAY_MS


def _days_between(start: int, end: int) -> Operand:
    return Decimal(end // DAY_MS - start // DAY_MS)


def _plain(compute: Callable[..., Operand]) -> Callable[..., Operand]:
    """A computation that needs nothing of the run."""
    return lambda _run, *arguments: compute(*arguments)


def _part_of(name: str) -> Callable[..., Operand]:
    return _plain(lambda instant: Decimal(getattr(values.moment_of(instant), name)))


_TABLE: Final = (
    Function("coalesce", ("alike",), "alike", _plain(_coalesce), rest=True, takes_empty=True),
    Function("isempty", ("any",), "boolean", _plain(lambda one: one is None), takes_empty=True),
    # text
    Function("concat", ("any",), "text", _concat, rest=True, takes_empty=True),
    Function("left", ("text", "number"), "text", _left),
    Function("right", ("text", "number"), "text", _right),
    Function("mid", ("text", "number", "number"), "text", _mid),
    Function("len", ("text",), "number", _plain(lambda text: Decimal(len(text)))),
    Function("upper", ("text",), "text", lambda run, text: _recased(run, text, str.upper)),
    Function("lower", ("text",), "text", lambda run, text: _recased(run, text, str.lower)),
    Function("trim", ("text",), "text", _trim),
    Function("replace", ("text", "text", "text"), "text", _replace),
    Function("contains", ("text", "text"), "boolean", _contains),
    Function("text", ("any", "number"), "text", _plain(_text), optional=1, takes_empty=True),
    # numbers
    Function("number", ("text",), "number", _plain(values.read_number)),
    Function("round", ("number", "number"), "number", _plain(values.round_half_up), optional=1),
    Function("floor", ("number", "number"), "number", _plain(values.floor), optional=1),
    Function("ceil", ("number", "number"), "number", _plain(values.ceil), optional=1),
    Function("abs", ("number",), "number", _plain(CONTEXT.abs)),
    Function("min", ("same",), "same", _plain(_least), rest=True, takes_empty=True),
    Function("max", ("same",), "same", _plain(_greatest), rest=True, takes_empty=True),
    Function("sum", ("number",), "number", _plain(_sum), rest=True, takes_empty=True),
    # instants
    Function("now", (), "datetime", lambda run: run.now),
    Function("today", ("number",), "datetime", _today, optional=1),
    Function("year", ("datetime",), "number", _part_of("year")),
    Function("month", ("datetime",), "number", _part_of("month")),
    Function("day", ("datetime",), "number", _part_of("day")),
    Function("date", ("number", "number", "number"), "datetime", _plain(values.make_date)),
    Function(
        "adddays",
        ("datetime", "number"),
        "datetime",
        _plain(lambda instant, count: values.add_span(instant, count, DAY_MS)),
    ),
    Function(
        "addhours",
        ("datetime", "number"),
        "datetime",
        _plain(lambda instant, count: values.add_span(instant, count, HOUR_MS)),
    ),
    Function("addmonths", ("datetime", "number"), "datetime", _plain(values.add_months)),
    Function("daysbetween", ("datetime", "datetime"), "number", _plain(_days_between)),
)
FUNCTIONS: Final = {one.name: one for one in _TABLE}
NAMES: Final = frozenset(FUNCTIONS) | {"if"}  # `if` computes only one of its arguments
