"""What must hold of relations for their rules to mean something."""

from __future__ import annotations

from ...core.catalog import Field
from ...core.kinds import Storage


def find_rule_problem(key: Field | None, other: Field | None) -> str:
    """Why two fields can't be compared by a rule; "" if they can."""
    if key is None or other is None:
        return "compares a field that is not in its datastore"
    for one in (key, other):
        if not _sort(one):
            return f"compares {one.display_id}, which has no key that could be compared"
        if not (one.unique or one.has_index):
            return f"compares {one.display_id}, which needs has_index or unique"
    if _sort(key) != _sort(other):
        return f"compares {key.display_id} with {other.display_id}, which is of another kind"
    return ""


def _sort(field: Field) -> str:
    """What values are compared as; "" if they are no key."""
    kind = field.value_kind
    if kind.has_options or kind.refers_to not in ("", "item"):
        return ""
    if kind.refers_to == "item":
        return f"item of {field.settings.lookup_datastore}"
    match field.storage:
        case Storage.TEXT:
            return "text"
        case Storage.NUMBER:
            return "number"
        case Storage.INTEGER:
            return kind.name
        case _:
            return ""
