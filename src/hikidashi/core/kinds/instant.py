"""datetime and its older names date and time: an instant in UTC, to the millisecond."""

from __future__ import annotations

from ..errors import InvalidValueError
from ..values import Value, format_instant, parse_instant
from .base import Kind, Settings, Storage


class DateTime(Kind):
    """An instant, written as ISO 8601 text."""

    name = "datetime"
    storage = Storage.INTEGER
    match = "range"
    operand = "datetime"

    def parse(self, raw: object, settings: Settings) -> Value:
        """Take `YYYY-MM-DDThh:mm:ss[.SSS]Z`, or with an offset, or a date alone (midnight UTC)."""
        if not isinstance(raw, str):
            raise InvalidValueError("must be an ISO 8601 string")
        if not raw:
            return None
        value = parse_instant(raw)
        if value is None:
            raise InvalidValueError("must be a date and time like 2020-01-31T15:00:00.000Z")
        if settings.min_value is not None and value < settings.min_value:
            raise InvalidValueError(f"must not be before {format_instant(int(settings.min_value))}")
        if settings.max_value is not None and value > settings.max_value:
            raise InvalidValueError(f"must not be after {format_instant(int(settings.max_value))}")
        return value

    def dump(self, value: Value, settings: Settings) -> object:
        """ISO 8601 with three decimals and Z."""
        return None if value is None else format_instant(value)  # type: ignore[arg-type]

    def text(self, value: Value, settings: Settings) -> str:
        """The same as JSON."""
        return "" if value is None else format_instant(value)  # type: ignore[arg-type]


class Date(DateTime):
    """An instant that is shown as a day."""

    name = "date"


class Time(DateTime):
    """An instant that is shown as a time of day."""

    name = "time"
