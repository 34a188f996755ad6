"""autonum, calc, status, label and separator: fields that no caller writes."""

from __future__ import annotations

from ..errors import InvalidValueError
from ..limits import NUMBER_DIGITS_MAX
from ..values import Value
from .base import Kind, Settings, Storage


class AutoNumber(Kind):
    """A number given to an item when it is made."""

    name = "autonum"
    storage = Storage.TEXT
    writable = False
    can_be_unique = True
    match = "text"

    def check_settings(self, settings: Settings) -> None:
        """Digits have a limit."""
        super().check_settings(settings)
        if not 0 <= settings.digits <= NUMBER_DIGITS_MAX:
            raise InvalidValueError(f"digit must be between 0 and {NUMBER_DIGITS_MAX}")


def format_auto_number(
    number: int, branch: str, settings: Settings, digits: int | None = None, pad: bool | None = None
) -> str:
    """Prefix, branch key, digits; padded as the field says unless told otherwise."""
    width = settings.digits if digits is None else digits
    padded = settings.zero_padding if pad is None else pad
    numeral = str(number).zfill(width) if padded else str(number)
    return f"{settings.prefix}{branch}{numeral}"


class Calc(Kind):
    """A value computed from others. Definitions only: it computes nothing yet."""

    name = "calc"
    storage = Storage.TEXT
    writable = False
    can_be_title = False


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
