"""Rows of items as the Hexabase lists show them: display values, mostly as text (items/ItemList)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field as record_field
from typing import Any, Final

from ...core.catalog import Datastore, Field
from ...core.items import IMPORT, Item
from ...core.query import UnreadTest
from ...core.record import record
from ...core.values import format_instant, format_number
from ...service.app import View
from ...service.lists import count_unread
from ...service.reads import Histories, links_of, lookup_targets
from ...service.shown import Shown, localized, show
from .definitions_encode import CRUD_TYPES, encode_row_field
from .write_answers import EMPTY_COMMENT

_LOOKUP_LEVELS_MAX: Final = 8
_EXPANDED_MAX: Final = 2  # times one datastore is expanded along a path of lookups


@record
class RowOptions:
    """What a caller wants of rows."""

    language: str = "en"
    by_display_id: bool = False
    numbers: bool = False  # as JSON numbers, not as text
    links: bool = False
    lookups: bool = False
    lookup_levels_max: int = 0  # 0: as deep as we go
    # By datastore, the fields of the items that lookups name; absent: all.
    lookup_fields: Mapping[str, tuple[Field, ...]] = record_field(default_factory=dict)
    unread: UnreadTest | None = None  # None: not counted


Show = Callable[[Item], object]


def list_time(ms: int) -> str:
    """An instant as lists show it: without a fraction where there is none."""
    text = format_instant(ms)
    return text if ms % 1_000 else f"{text[:-5]}Z"


def encode_rows(
    view: View, shown: Shown, options: RowOptions, above: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """The items shown, as rows. `above` holds the datastores of the lookups that led here."""
    datastore = shown.datastore
    fields = [
        (one.display_id if options.by_display_id else one.id, one)
        for one in shown.fields
        if one.kind.name not in ("label", "separator")
    ]
    parts = [(name, one.id, _value_shower(one, shown, options)) for name, one in fields]
    of_status = [name for name, one in fields if one.kind.name == "status"]
    statuses = _status_names(shown, options) if of_status else {}
    unread = count_unread(view, shown, options.unread) if options.unread and not above else None
    links = links_of(view, shown) if options.links and not above else None
    number = _number(options)
    rows = []
    for item in shown.items:
        get = item.values.get
        row: dict[str, Any] = {
            name: value if (value := get(id_)) is None or show_value is None else show_value(value)
            for name, id_, show_value in parts
        }
        for name in of_status:  # is no value
            row[name] = statuses.get(item.status)
        row["i_id"] = item.id
        row["d_id"] = datastore.id
        row["p_id"] = datastore.project
        row["rev_no"] = number(item.rev)
        row["title"] = item.title
        row["created_at"] = list_time(item.created_at)
        row["created_by"] = item.created_by
        if item.status:
            row["status_id"] = item.status
        if item.updated_at is not None:
            row["updated_at"] = list_time(item.updated_at)
            row["updated_by"] = item.updated_by
        if unread is not None:
            row["unread"] = number(unread.get(item.id, 0))
        if links is not None:
            row["item_links"] = _links(links.get(item.id, {}))
        rows.append(row)
    if options.lookups:
        _add_lookups(view, shown, rows, options, above)
    return rows


def _number(options: RowOptions) -> Callable[[float], object]:
    return format_number if options.numbers else _number_text


def _number_text(value: float) -> str:
    return str(format_number(value))


def shower(field: Field, shown: Shown, options: RowOptions) -> Show:
    """How rows show an item's value of a field."""
    if field.kind.name == "status":
        statuses = _status_names(shown, options)
        return lambda item: statuses.get(item.status)
    key, show_value = field.id, _value_shower(field, shown, options)
    if show_value is None:
        return lambda item: item.values.get(key)
    return lambda item: None if (value := item.values.get(key)) is None else show_value(value)


def _value_shower(
    field: Field, shown: Shown, options: RowOptions
) -> Callable[[Any], object] | None:
    """How rows show a value that is not empty; None: as it is."""
    known = shown.known
    match field.value_kind.name:
        case "text" | "textarea" | "autonum":
            return None
        case "number":
            return _number(options)
        case "datetime" | "date" | "time":
            return list_time
        case "boolean":
            return lambda value: "true" if value else "false"
        case "select" | "radio" | "checkbox":
            labels = {
                one.id: localized(one.label, options.language) for one in field.settings.options
            }
            if field.kind.name == "checkbox":
                return _joiner(labels)
            return lambda value: labels.get(value, "")
        case "users":
            return _joiner({id_: one.name for id_, one in known.users.items()})
        case "file":
            return ",".join
        case "dslookup":
            return known.titles.get(field.id, {}).get
        case _:
            return lambda _value: None


def _status_names(shown: Shown, options: RowOptions) -> dict[str, str]:
    return {one.id: localized(one.names, options.language) for one in shown.datastore.statuses}


def _joiner(words: Mapping[str, str]) -> Callable[[Any], object]:
    return lambda value: (
        ",".join([words.get(one, "") for one in value]) if isinstance(value, tuple) else None
    )


def _links(found: dict[str, list[tuple[str, str]]]) -> Any:
    links = [
        {
            "d_id": datastore,
            "item_count": len(items),
            "items": [{"i_id": item, "type": kind} for item, kind in items],
        }
        for datastore, items in found.items()
    ]
    count = sum(len(items) for items in found.values())
    return {"db_count": len(links), "item_count": count, "links": links}


def _add_lookups(
    view: View,
    shown: Shown,
    rows: list[dict[str, Any]],
    options: RowOptions,
    above: tuple[str, ...],
) -> None:
    """Put the items that lookups name under `lookup_items`; those of such items under theirs."""
    if len(above) >= (options.lookup_levels_max or _LOOKUP_LEVELS_MAX):
        return
    fields = {one.id: one for one in shown.fields}
    for key, (target, items) in lookup_targets(view, shown).items():
        if above.count(target.id) >= _EXPANDED_MAX or not items:
            continue
        wanted = options.lookup_fields.get(target.id)
        known = show(view, target, list(items.values()), wanted)
        found = encode_rows(view, known, options, (*above, target.id))
        expanded = dict(zip(items, found, strict=True))
        name = fields[key].display_id if options.by_display_id else key
        for item, row in zip(shown.items, rows, strict=True):
            there = expanded.get(str(item.values.get(key)))
            if there is not None:
                row.setdefault("lookup_items", {})[name] = there


def encode_row_fields(
    view: View, datastore: Datastore, fields: tuple[Field, ...], options: RowOptions
) -> dict[str, Any]:
    """The definitions of the fields in rows, keyed as the rows are."""
    places = {one.id: at for at, one in enumerate(datastore.fields)}
    return {
        (one.display_id if options.by_display_id else one.id): encode_row_field(
            one, places[one.id], options.language, view.catalog
        )
        for one in fields
        if one.kind.name not in ("label", "separator")
    }


def encode_linked(view: View, linked: list[Shown], options: RowOptions) -> dict[str, Any]:
    """Linked items by datastore (item-links/GetLinkedItems)."""
    told: dict[str, Any] = {}
    for shown in linked:
        datastore = shown.datastore
        key = datastore.display_id if options.by_display_id else datastore.id
        if key in told:  # display ids are unique in one application only
            key = datastore.id
        told[key] = {
            "d_id": datastore.id,
            "ds_name": localized(datastore.names, options.language),
            "display_id": datastore.display_id,
            "fields": encode_row_fields(view, datastore, shown.fields, options),
            "items": encode_rows(view, shown, options),
        }
    return told


def encode_histories(found: Histories, first: int, language: str) -> dict[str, Any]:
    """Histories of an item (item-histories/GetItemHistories), newest first."""
    datastore = found.datastore
    name = localized(datastore.names, language)
    told = []
    for at, (entry, changes) in enumerate(zip(found.entries, found.changes, strict=True), first):
        person = found.users.get(entry.user)
        created = format_instant(entry.created_at)
        one: dict[str, Any] = {
            "history_id": entry.id,
            "display_order": at,
            "is_unread": entry.id in found.unread_entries,
            "comment": entry.comment or EMPTY_COMMENT,
            "created_at": created,
            "datastore_id": datastore.id,
            "datastore_name": name,
            "user_id": entry.user,
            "username": person.name if person else "",
            "email": person.email if person else "",
            "media_link": "",
            "updated_at": created,
            "is_updated": entry.updated_at is not None,
        }
        if entry.updated_at is not None:
            one["updated_at"] = format_instant(entry.updated_at)
            one["updated_by"] = entry.updated_by
        if entry.action:
            action = datastore.find_action(entry.action)
            one["action_id"] = entry.action
            one["action_name"] = localized(action.names, language) if action else ""
            one["transaction_id"] = entry.transaction
            one["action_operation"] = _OPERATIONS.get(entry.operation, "")
            one["is_status_action"] = action.is_status_action if action else False
            one["changes"] = changes
        told.append(one)
    return {"unread": found.unread, "histories": told}


_OPERATIONS: Final = {operation.value: word for operation, word in CRUD_TYPES.items()} | {
    IMPORT: IMPORT
}

__all__ = [
    "RowOptions",
    "encode_histories",
    "encode_linked",
    "encode_row_fields",
    "encode_rows",
    "list_time",
    "shower",
]
