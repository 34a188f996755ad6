"""What formulas compute with, and the arithmetic of it: exact decimals and instants, bounded."""

from __future__ import annotations

import calendar
import decimal
import re
from datetime import datetime, timedelta, timezone
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Final, TypeAlias

from ..limits import FORMULA_DIGITS_MAX, FORMULA_EXPONENT_MAX
from ..values import FIRST_MS, LAST_MS, format_instant

# None: empty. Decimal: a number. str: text, never "". int: an instant, milliseconds. bool.
Operand: TypeAlias = None | Decimal | str | int | bool

CONTEXT: Final = decimal.Context(
    prec=FORMULA_DIGITS_MAX,
    rounding=decimal.ROUND_HALF_EVEN,
    Emin=-FORMULA_EXPONENT_MAX,
    Emax=FORMULA_EXPONENT_MAX,
    traps=[decimal.DivisionByZero, decimal.InvalidOperation, decimal.Overflow],
)
DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_ONE_MS: Final = timedelta(milliseconds=1)
_NUMERAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?\Z", re.ASCII)
_NUMERAL_CHARS_MAX = 400
_ZERO = Decimal(0)


class TooMuchWorkError(Exception):
    """The formulas of an item went over more text than they may."""


# --- numbers ----------------------------------------------------------------------------------


def number_of(value: float) -> Decimal:
    """A stored number as the decimal that it is shown as."""
    return Decimal(repr(value))


def add(left: Decimal, right: Decimal) -> Decimal:
    """Raises ArithmeticError, as all of these do, for what has no result."""
    return CONTEXT.add(left, right)


def modulo(left: Decimal, right: Decimal) -> Decimal:
    """What is left of a division to the whole below: it has the sign of the divisor."""
    rest = CONTEXT.remainder(left, right)
    return CONTEXT.add(rest, right) if rest and (rest < 0) != (right < 0) else rest


def round_to(value: Decimal, digits: Decimal, rounding: str) -> Decimal:
    """A number to so many digits after the point; before it, if they are fewer than none."""
    places = whole(digits)
    if not -FORMULA_EXPONENT_MAX <= places <= FORMULA_EXPONENT_MAX:
        raise ArithmeticError("digits")
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent >= -places:
        return value
    return value.quantize(Decimal((0, (1,), -places)), rounding, CONTEXT)


def round_half_up(value: Decimal, digits: Decimal = _ZERO) -> Decimal:
    """Halves go away from zero."""
    return round_to(value, digits, ROUND_HALF_UP)


def floor(value: Decimal, digits: Decimal = _ZERO) -> Decimal:
    """Down."""
    return round_to(value, digits, ROUND_FLOOR)


def ceil(value: Decimal, digits: Decimal = _ZERO) -> Decimal:
    """Up."""
    return round_to(value, digits, ROUND_CEILING)


def whole(value: Decimal) -> int:
    """The whole part, within what an index or a count may be."""
    if abs(value) >= 10**15:
        raise ArithmeticError("not a count")
    return int(value)


def read_number(text: str) -> Decimal:
    """The number that a text is."""
    trimmed = text.strip()
    if len(trimmed) > _NUMERAL_CHARS_MAX or _NUMERAL.match(trimmed) is None:
        raise ArithmeticError("not a number")
    return CONTEXT.plus(Decimal(trimmed))


def show_number(value: Decimal) -> str:
    """All digits, without an exponent and without zeros at the end of a fraction."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


# --- instants ---------------------------------------------------------------------------------


def moved(instant: int, ms: Decimal | int) -> int:
    """An instant so many milliseconds later."""
    later = instant + int(ms)
    if not FIRST_MS <= later <= LAST_MS:
        raise ArithmeticError("out of the calendar")
    return later


def add_span(instant: int, count: Decimal, unit_ms: int) -> int:
    """So many units of time later."""
    span = CONTEXT.multiply(count, Decimal(unit_ms))
    if abs(span) > 10**15:
        raise ArithmeticError("out of the calendar")
    return moved(instant, round_half_up(span))


def add_months(instant: int, count: Decimal) -> int:
    """The same day and time so many months later, or the last day of a shorter month."""
    moment = moment_of(instant)
    months = moment.year * 12 + moment.month - 1 + whole(count)
    year, month = divmod(months, 12)
    if not 1 <= year <= 9999:
        raise ArithmeticError("out of the calendar")
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return instant_of(moment.replace(year=year, month=month + 1, day=day))


def make_date(year: Decimal, month: Decimal, day: Decimal) -> int:
    """Midnight of a day."""
    try:
        return instant_of(datetime(whole(year), whole(month), whole(day), tzinfo=timezone.utc))
    except (ValueError, OverflowError) as error:
        raise ArithmeticError("not in the calendar") from error


def moment_of(instant: int) -> datetime:
    """An instant in the calendar, in UTC."""
    return _EPOCH + timedelta(milliseconds=instant)


def instant_of(moment: datetime) -> int:
    """The way back."""
    return (moment - _EPOCH) // _ONE_MS


# --- text -------------------------------------------------------------------------------------


def show_operand(value: Operand) -> str:
    """Any value as text; empty is the empty text."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case Decimal():
            return show_number(value)
        case int():
            return format_instant(value)
