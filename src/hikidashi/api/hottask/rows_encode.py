"""Rows as this API shows them: typed values by field name, null where there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from ...core.catalog import Datastore, Field
from ...core.items import Item
from ...core.values import format_instant, format_number
from ...service.rows import Rows
from ..body import encode

TIMES: Final = ("CreateTime", "UpdateTime")  # keys of a row that are no fields
Show: TypeAlias = Callable[[Any], object]  # of a value that is not empty


def encode_rows(rows: Rows) -> bytes:
    """The rows as JSON, without the brackets around them."""
    return encode(list_rows(rows))[1:-1]


def list_rows(rows: Rows) -> list[dict[str, Any]]:
    """The rows. A field that is called as a system key stands in its place, but for the row's
    number and revision, by which the row is updated."""
    parts = [
        (one.display_id, one.id, shower(one, rows))
        for one in rows.fields
        if one.display_id != "rev_no"
        and one.display_id.lower() != "id"
        and one.kind.name not in ("status", "label", "separator")
    ]
    status = [one.display_id for one in rows.fields if one.kind.name == "status"]
    listed = []
    for item in rows.items:
        get = item.values.get
        row = _system(item)
        for name, key, show in parts:
            value = get(key)
            row[name] = value if value is None or show is None else show(value)
        for name in status:
            row[name] = _status(item, rows.datastore)
        listed.append(row)
    return listed


def _system(item: Item) -> dict[str, Any]:
    changed = item.updated_at
    return {
        "ID": item.n,
        "id": item.n,
        "rev_no": item.rev,
        "CreateTime": format_instant(item.created_at),
        "UpdateTime": None if changed is None else format_instant(changed),
    }


def _status(item: Item, datastore: Datastore) -> str | None:
    status = datastore.find_status(item.status)
    return status.display_id if status else None


def shower(field: Field, rows: Rows) -> Show | None:
    """How rows show the values of a field; None: as they are kept."""
    kind, settings = field.value_kind, field.settings
    match kind.name:
        case "text" | "textarea" | "autonum" | "boolean":
            return None
        case "number":
            return format_number
        case "datetime" | "date" | "time":
            return format_instant
        case "select" | "radio":
            names = {one.id: one.display_id for one in settings.options}
            return lambda value: names.get(value, value)
        case "dslookup":
            return rows.numbers.get(field.id, {}).get
        case "file":
            numbers = rows.numbers.get(field.id, {})
            return lambda value: _one_or_all([numbers[one] for one in value if one in numbers])
        case _:  # users by id, options by display id, as an update takes them
            return lambda value: kind.dump(value, settings)


def _one_or_all(numbers: list[int]) -> int | list[int] | None:
    """One file is shown as the number that it is, as clients write it."""
    return numbers if len(numbers) > 1 else numbers[0] if numbers else None
