"""number: an IEEE double."""

from __future__ import annotations

import math
import re
from decimal import Decimal

from ..errors import InvalidValueError
from ..formula.values import Operand, number_of
from ..limits import INTEGER_MAX
from ..values import Value, format_number
from .base import Kind, Settings, Storage

_NUMERAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?\Z", re.ASCII)


class Number(Kind):
    """A number, or a string that is one."""

    name = "number"
    storage = Storage.NUMBER
    can_be_unique = True
    match = "range"
    operand = "number"

    def parse(self, raw: object, settings: Settings) -> Value:
        """Take a JSON number or a numeric string; nothing that a double can't hold exactly enough."""
        if isinstance(raw, bool) or not isinstance(raw, (int, float, str)):
            raise InvalidValueError("must be a number")
        if isinstance(raw, str):
            if not raw:
                return None
            if _NUMERAL.match(raw) is None:
                raise InvalidValueError("must be a number")
        try:
            value = float(raw)
        except (OverflowError, ValueError) as error:
            raise InvalidValueError("is out of range") from error
        if not math.isfinite(value):
            raise InvalidValueError("is out of range")
        if abs(value) >= INTEGER_MAX and abs(Decimal(raw)) > INTEGER_MAX:  # exactly, not as rounded
            raise InvalidValueError("is an integer beyond 2^53")
        if settings.min_value is not None and value < settings.min_value:
            raise InvalidValueError(f"must be at least {format_number(settings.min_value)}")
        if settings.max_value is not None and value > settings.max_value:
            raise InvalidValueError(f"must be at most {format_number(settings.max_value)}")
        return value + 0.0  # -0.0 becomes 0.0

    def dump(self, value: Value, settings: Settings) -> object:
        """Integral numbers without a fraction."""
        return None if value is None else format_number(value)  # type: ignore[arg-type]

    def to_operand(self, value: Value, settings: Settings) -> Operand:
        """The decimal that is shown."""
        return None if value is None else number_of(value)  # type: ignore[arg-type]

    def text(self, value: Value, settings: Settings) -> str:
        """The shortest numeral that reads back the same."""
        return "" if value is None else str(format_number(value))  # type: ignore[arg-type]
