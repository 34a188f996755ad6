"""What a field kind must say of itself, and the settings that a field gives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import Enum
from typing import Literal

from ..errors import InvalidValueError
from ..formula.values import Operand
from ..record import record
from ..values import Value


class Storage(Enum):
    """How a value is kept in a column."""

    TEXT = "text"
    NUMBER = "number"  # IEEE double
    INTEGER = "integer"  # 64 bits
    BOOLEAN = "boolean"  # integer 0 or 1
    LIST = "list"  # JSON array of strings, as text


@record
class Option:
    """One choice of a select, radio or checkbox field."""

    id: str
    display_id: str
    label: Mapping[str, str]  # "en", "ja"
    enabled: bool = True
    color: str = ""


@record
class Settings:
    """What the definition of a field tells its kind."""

    options: tuple[Option, ...] = ()
    selected: str = ""  # id of the option a new item gets
    min_value: float | None = None  # for instants: milliseconds
    max_value: float | None = None
    indexed: bool = False  # unique or has_index: the text must fit an index entry
    prefix: str = ""
    digits: int = 0
    zero_padding: bool = False
    single: bool = False  # users: at most one
    lookup_datastore: str = ""
    lookup_field: str = ""
    link_back: bool = False  # dslookup: what is looked up is linked back, too
    formula: str = ""  # calc; names fields by their ids
    result: str = "number"  # calc: number, text, datetime or boolean
    extra: Mapping[str, object] = field(default_factory=dict)


class Kind:
    """A field kind: parse what a caller sends, dump what a caller is shown.

    It knows values and settings, and none of its consumers (wire, SQL, search).
    A new kind is a subclass in a file of its own and a line in the registry.
    """

    name: str
    storage: Storage | None = None  # None: nothing is kept
    writable: bool = True  # False: never taken from a caller
    has_options: bool = False
    refers_to: Literal["", "item", "user", "file"] = ""
    can_be_unique: bool = False
    can_be_title: bool = True
    match: Literal["none", "text", "range", "choice"] = "none"  # how a search compares it
    operand: Literal["", "number", "text", "datetime", "boolean"] = ""  # what formulas take it as
    is_computed: bool = False  # True: its values follow from those of other fields

    def parse(self, raw: object, settings: Settings) -> Value:
        """Turn a JSON value into a stored one; None when it empties the field.

        Raises InvalidValueError with the reason. Nothing is coerced but what the pages document.
        """
        raise InvalidValueError("this field does not take a value")

    def dump(self, value: Value, settings: Settings) -> object:
        """The JSON form; what `parse` reads back as the same value."""
        return value

    def text(self, value: Value, settings: Settings) -> str:
        """One line for people: in titles and in lists."""
        return "" if value is None else str(value)

    def to_operand(self, value: Value, settings: Settings) -> Operand:
        """The value as formulas compute with it (see `operand`)."""
        return None if isinstance(value, (tuple, float)) else value

    def values_of(self, settings: Settings) -> Kind:
        """The kind that a field's values are of: itself, unless settings say another."""
        return self

    def ids(self, value: Value) -> tuple[str, ...]:
        """The items, users or files (see `refers_to`) that the value names."""
        return ()

    def check_settings(self, settings: Settings) -> None:
        """Raise InvalidValueError when the definition can't work."""
        if settings.options and not self.has_options:
            raise InvalidValueError(f"a {self.name} field has no options")


def parse_ids(raw: object, what: str, most: int) -> tuple[str, ...]:
    """Read an array of distinct, non-empty strings."""
    if not isinstance(raw, (list, tuple)):
        raise InvalidValueError(f"must be an array of {what}")
    if len(raw) > most:
        raise InvalidValueError(f"has {len(raw)} {what}, at most {most} are allowed")
    for one in raw:
        if not isinstance(one, str) or not one:
            raise InvalidValueError(f"must be an array of {what}")
    return tuple(dict.fromkeys(raw))
