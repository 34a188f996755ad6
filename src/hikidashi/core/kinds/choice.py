"""select, radio and checkbox: choices among the options of the field."""

from __future__ import annotations

from ..errors import InvalidValueError
from ..formula.values import Operand
from ..limits import CHOICES_MAX
from ..values import Value
from .base import Kind, Option, Settings, Storage, parse_ids


def find_option(ref: object, settings: Settings) -> Option | None:
    """An option by id, by display id, or by a label that exactly one option bears."""
    if not isinstance(ref, str):
        return None
    labelled = []
    for option in settings.options:
        if ref in (option.id, option.display_id):
            return option
        if ref in option.label.values():
            labelled.append(option)
    return labelled[0] if len(labelled) == 1 else None


def _chosen(ref: object, settings: Settings) -> str:
    option = find_option(ref, settings)
    if option is None:
        shown = repr(ref)[:80]
        raise InvalidValueError(f"has no option {shown}")
    if not option.enabled:
        raise InvalidValueError(f"option {option.display_id} is disabled")
    return option.id


def _shown(id_: str, settings: Settings, language: str = "en") -> str:
    for option in settings.options:
        if option.id == id_:
            return option.label.get(language) or next(iter(option.label.values()), "")
    return ""


def _display_id(id_: str, settings: Settings) -> str:
    for option in settings.options:
        if option.id == id_:
            return option.display_id
    return id_


class Select(Kind):
    """One option."""

    name = "select"
    storage = Storage.TEXT
    has_options = True
    match = "choice"
    operand = "text"

    def parse(self, raw: object, settings: Settings) -> Value:
        """Take an option id, display id or unambiguous label."""
        return _chosen(raw, settings) if raw != "" else None

    def dump(self, value: Value, settings: Settings) -> object:
        """The display id of the option."""
        return _display_id(value, settings) if isinstance(value, str) else None

    def text(self, value: Value, settings: Settings) -> str:
        """The label."""
        return _shown(value, settings) if isinstance(value, str) else ""

    def to_operand(self, value: Value, settings: Settings) -> Operand:
        """The display id."""
        return _display_id(value, settings) if isinstance(value, str) else None


class Radio(Select):
    """One option, shown as buttons."""

    name = "radio"


class Checkbox(Kind):
    """Any number of options, in the order given."""

    name = "checkbox"
    storage = Storage.LIST
    has_options = True
    can_be_title = False
    match = "choice"
    operand = "text"

    def parse(self, raw: object, settings: Settings) -> Value:
        """Take an array of options; the empty one clears the field."""
        refs = parse_ids(raw, "options", CHOICES_MAX) if raw != "" else ()
        return tuple(dict.fromkeys(_chosen(ref, settings) for ref in refs)) or None

    def dump(self, value: Value, settings: Settings) -> object:
        """The display ids of the options."""
        if not isinstance(value, tuple):
            return []
        return [_display_id(one, settings) for one in value]

    def text(self, value: Value, settings: Settings) -> str:
        """The labels, joined by commas."""
        return ",".join(_shown(one, settings) for one in value) if isinstance(value, tuple) else ""

    def to_operand(self, value: Value, settings: Settings) -> Operand:
        """The display ids, joined by commas."""
        if not isinstance(value, tuple):
            return None
        return ",".join(_display_id(one, settings) for one in value)
