"""Values as a template keeps them: in words that mean the same in another application. Pure.

Options and statuses go by display ids, items and files by the ids that they had, which become
others wherever they are made again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from .catalog import Field
from .errors import InvalidValueError
from .kinds import Storage
from .kinds.derived import parse_auto_number
from .limits import CHOICES_MAX
from .record import record
from .replay import held_value
from .values import Value


@record
class Reach:
    """What of that which values name is kept too."""

    items: Mapping[str, Collection[str]]  # by lookup field: the items
    files: Collection[str]


@record
class Renaming:
    """What stands here for what a template names."""

    item: Callable[[str], str]  # the id of an item or file, by the id that it had
    has_files: bool
    is_user: Callable[[str], bool]  # whether a user is a member here


def dump_value(field: Field, held: object, reach: Reach) -> object:
    """A value, or what a history tells of one, as JSON; None where nothing of it is kept."""
    value = held_value(field, held)
    kind, settings = field.value_kind, field.settings
    if value is None:
        return None
    if kind.has_options:
        known = {one.id: one.display_id for one in settings.options}
        if isinstance(value, tuple):
            return [known[one] for one in value if one in known] or None
        return known.get(str(value))
    if kind.refers_to == "item":
        return value if value in reach.items.get(field.id, ()) else None
    if kind.refers_to == "file":
        return [one for one in kind.ids(value) if one in reach.files] or None
    return kind.dump(value, settings)


def load_value(field: Field, raw: object, renaming: Renaming) -> Value:
    """What a template's value is here. Raises InvalidValueError.

    Rules that came after a value, as a least number or an option that is offered no longer, do not
    speak against it.
    """
    kind, settings = field.value_kind, field.settings
    if raw is None:
        return None
    if kind.has_options:
        return _load_options(field, raw)
    if kind.name == "autonum":
        return parse_auto_number(raw, settings)
    loose = replace(settings, min_value=None, max_value=None, single=False)
    value = kind.parse(raw, loose)
    if kind.refers_to == "item":
        return renaming.item(value) if isinstance(value, str) else None
    if kind.refers_to == "file":
        if not renaming.has_files:
            return None
        return tuple(renaming.item(one) for one in kind.ids(value)) or None
    if kind.refers_to == "user":
        return tuple(one for one in kind.ids(value) if renaming.is_user(one)) or None
    return value


def _load_options(field: Field, raw: object) -> Value:
    known = {one.display_id: one.id for one in field.settings.options}
    is_list = field.storage is Storage.LIST
    given = raw if is_list else [raw]
    if not isinstance(given, list) or len(given) > CHOICES_MAX:
        raise InvalidValueError(f"must be an array of at most {CHOICES_MAX} options")
    for one in given:
        if not isinstance(one, str) or one not in known:
            raise InvalidValueError(f"has no option {repr(one)[:80]}")
    found = tuple(dict.fromkeys(known[one] for one in given))
    if is_list:
        return found or None
    return found[0]


__all__ = ["Reach", "Renaming", "dump_value", "load_value"]
