"""autonum, calc, status, label and separator: fields that no caller writes."""

from __future__ import annotations

from typing import Final

from ..errors import InvalidValueError
from ..formula import FormulaError, parse
from ..limits import NUMBER_DIGITS_MAX
from ..values import Value
from .base import Kind, Settings, Storage
from .boolean import Boolean
from .instant import DateTime
from .number import Number
from .text import Text

_TEXT: Final = Text()


class AutoNumber(Kind):
    """A number given to an item when it is made."""

    name = "autonum"
    storage = Storage.TEXT
    writable = False
    can_be_unique = True
    match = "text"
    operand = "text"

    def check_settings(self, settings: Settings) -> None:
        """Digits have a limit."""
        super().check_settings(settings)
        if not 0 <= settings.digits <= NUMBER_DIGITS_MAX:
            raise InvalidValueError(f"digit must be between 0 and {NUMBER_DIGITS_MAX}")


def parse_auto_number(raw: object, settings: Settings) -> Value:
    """Read a number that was given before: only a file that is imported brings any."""
    return _TEXT.parse(raw, settings)


def format_auto_number(
    number: int, branch: str, settings: Settings, digits: int | None = None, pad: bool | None = None
) -> str:
    """Prefix, branch key, digits; padded as the field says unless told otherwise."""
    width = settings.digits if digits is None else digits
    padded = settings.zero_padding if pad is None else pad
    numeral = str(number).zfill(width) if padded else str(number)
    return f"{settings.prefix}{branch}{numeral}"


_RESULTS: Final[dict[str, Kind]] = {
    "number": Number(),
    "text": Text(),
    "datetime": DateTime(),
    "boolean": Boolean(),
}


class Calc(Kind):
    """A value computed from others by a formula; without one it is empty."""

    name = "calc"
    storage = Storage.NUMBER  # of the usual result: a field asks `values_of`
    writable = False
    is_computed = True

    def values_of(self, settings: Settings) -> Kind:
        """The kind of the formula's result."""
        return _RESULTS[settings.result]

    def dump(self, value: Value, settings: Settings) -> object:
        """As the result's kind does."""
        return self.values_of(settings).dump(value, settings)

    def text(self, value: Value, settings: Settings) -> str:
        """As the result's kind does."""
        return self.values_of(settings).text(value, settings)

    def check_settings(self, settings: Settings) -> None:
        """The formula can be read; what it names is checked where the other fields are known."""
        super().check_settings(settings)
        if settings.result not in _RESULTS:
            raise InvalidValueError(f"result must be one of {', '.join(_RESULTS)}")
        try:
            parse(settings.formula or "null")
        except FormulaError as error:
            raise InvalidValueError(f"formula: {error}") from error


class StatusField(Kind):
    """Shows the item's status."""

    name = "status"
    writable = False
    can_be_title = False
    match = "choice"


class Label(Kind):
    """A text on the form."""

    name = "label"
    writable = False
    can_be_title = False

    def dump(self, value: Value, settings: Settings) -> object:
        """Nothing."""
        return None


class Separator(Label):
    """A line on the form."""

    name = "separator"
