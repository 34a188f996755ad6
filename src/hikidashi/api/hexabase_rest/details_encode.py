"""One item as GetItemDetails shows it, in its two forms (items-search/GetItemDetails).

Everything but the values is the same for all items of a datastore, so it is encoded once for each
catalogue, language and set of roles; an item's answer is those pieces with its values between.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from weakref import WeakKeyDictionary

from ...core.access import may_execute
from ...core.actions import Action
from ...core.catalog import Datastore, Field
from ...core.items import Item
from ...core.record import record
from ...core.values import format_instant, format_number
from ...service.app import View
from ...service.shown import Known, Shown, aspect, localized, show_held
from ..body import encode
from .definitions_encode import CRUD_TYPES, data_type

_FRAMES_MAX: Final = 1_000  # for one datastore
_STATUS_ACTIONS: Final = b',"status_actions":'
_STATUS_ACTION_ORDER: Final = b',"status_action_order":'


# How a value is encoded; the second argument is what stands for ids, the third the rows of the
# items that lookups name, if those are wanted.
Encode = Callable[[Any, Known, "dict[str, Any] | None"], bytes]


@record
class Frame:
    """What does not change from item to item."""

    # Of each field: its id ("" for the status), all that stands before its value, its encoder.
    slots: tuple[tuple[str, bytes, Encode], ...]
    between: bytes  # from the last value to the status actions
    status_actions: dict[str, tuple[bytes, bytes]]  # by status: the actions, their order
    after: bytes


_frames: WeakKeyDictionary[Datastore, dict[Any, Frame]] = WeakKeyDictionary()


def encode_details(  # noqa: PLR0913  an item, and what is wanted beside it
    view: View,
    shown: Shown,
    *,
    mapped: bool,
    language: str,
    lookup_items: dict[str, Any] | None = None,
    linked: dict[str, Any] | None = None,
) -> bytes:
    """The answer; `mapped`: keyed by display ids, else as lists."""
    frame = _frame(view, shown.datastore, language, mapped=mapped)
    item = shown.items[0]
    known = shown.known
    pieces = [_head(item, known)]
    append = pieces.append
    value_of = item.values.get
    for key, before, encode_value in frame.slots:
        append(before)
        value = value_of(key) if key else item.status
        append(b"null" if value is None else encode_value(value, known, lookup_items))
    pieces.append(frame.between)
    actions, order = frame.status_actions.get(item.status, _NO_ACTIONS[mapped])
    pieces += (_STATUS_ACTIONS, actions)
    if mapped:
        pieces += (_STATUS_ACTION_ORDER, order)
    pieces.append(frame.after)
    if linked is not None:
        pieces += (b',"linked_items":', encode(linked))
    pieces.append(b"}")
    return b"".join(pieces)


_NO_ACTIONS: Final = {True: (b"{}", b"[]"), False: (b"[]", b"[]")}


def _head(item: Item, known: Known) -> bytes:
    told: dict[str, object] = {
        "title": item.title,
        "rev_no": item.rev,
        "created_at": format_instant(item.created_at),
        "created_by": _name(item.created_by, known),
    }
    if item.updated_at is not None:
        told["updated_at"] = format_instant(item.updated_at)
        told["updated_by"] = _name(item.updated_by, known)
    return encode(told)[:-1]


def _name(user: str, known: Known) -> str:
    person = known.users.get(user)
    return person.name if person else user


def _frame(view: View, datastore: Datastore, language: str, *, mapped: bool) -> Frame:
    actor = view.actor
    made = _frames.get(datastore)
    if made is None:
        made = _frames[datastore] = {}
    key = (actor.roles, actor.project, actor.may_write, language, mapped)
    found = made.get(key)
    if found is None:
        if len(made) >= _FRAMES_MAX:
            made.clear()
        found = made[key] = _make_frame(view, datastore, language, mapped=mapped)
    return found


def _make_frame(view: View, datastore: Datastore, language: str, *, mapped: bool) -> Frame:
    fields = aspect(view.catalog, view.actor, datastore).fields
    actions = [one for one in datastore.actions if may_execute(view.actor, one)]
    places = {one.id: at for at, one in enumerate(datastore.actions)}
    item_actions = [one for one in actions if not one.status]

    def told(chosen: list[Action]) -> tuple[bytes, bytes]:
        order = encode([one.display_id for one in chosen])
        shapes = [_action(one, datastore, language, places[one.id], mapped) for one in chosen]
        if not mapped:
            return encode(shapes), order
        return encode({one["action_id"]: one for one in shapes}), order

    by_status = {
        status.id: told([one for one in actions if one.status == status.id])
        for status in datastore.statuses
    }
    shown, order = told(item_actions)
    after = b',"item_actions":' + shown
    if mapped:
        statuses = encode([one.display_id for one in datastore.statuses])
        after += b',"status_order":' + statuses + b',"item_action_order":' + order
    slots, closed = _slots(datastore, fields, language, mapped=mapped)
    return Frame(
        slots,
        closed + b',"status_list":' + _statuses(datastore, language, mapped=mapped),
        by_status,
        after,
    )


def _slots(
    datastore: Datastore, fields: tuple[Field, ...], language: str, *, mapped: bool
) -> tuple[tuple[tuple[str, bytes, Encode], ...], bytes]:
    """The slots, and what closes the last one."""
    slots: list[tuple[str, bytes, Encode]] = []
    before = b',"field_values":' + (b"{" if mapped else b"[")
    for field in fields:
        if field.kind.name in ("label", "separator"):
            continue
        head, tail = _around(field, language, mapped=mapped)
        key = "" if field.kind.name == "status" else field.id
        slots.append((key, before + head, _encoder(field, datastore)))
        before = tail + b","
    return tuple(slots), before.removesuffix(b",") + (b"}" if mapped else b"]")


def _encoder(field: Field, datastore: Datastore) -> Encode:
    match field.value_kind.name:
        case "text" | "textarea" | "autonum":
            return lambda value, _known, _rows: encode(value)
        case "number":
            return lambda value, _known, _rows: encode(format_number(value))
        case "datetime" | "date" | "time":
            return lambda value, _known, _rows: b'"%b"' % format_instant(value).encode()
        case "select" | "radio":
            options = {one.id: encode(one.display_id) for one in field.settings.options}
            return lambda value, _known, _rows: options.get(value) or encode(value)
        case "status":
            statuses = {one.id: encode(one.display_id) for one in datastore.statuses}
            return lambda value, _known, _rows: statuses.get(value, b"null")
        case "dslookup":
            return lambda value, known, rows: encode(_lookup(field, value, known, rows))
        case _:
            return lambda value, known, _rows: encode(show_held(field, value, known))


def _lookup(field: Field, value: Any, known: Known, rows: dict[str, Any] | None) -> object:
    shown = show_held(field, value, known)
    if rows is not None and field.id in rows and isinstance(shown, dict):
        shown["lookup_item"] = rows[field.id]
    return shown


def _around(field: Field, language: str, *, mapped: bool) -> tuple[bytes, bytes]:
    told = {
        "field_id": field.display_id,
        "field_name": localized(field.names, language),
        "dataType": data_type(field),
    }
    if mapped:
        col, row, size_x, size_y = field.layout
        head = encode(field.display_id) + b":" + encode(told)[:-1] + b',"value":'
        tail = {"sizeX": size_x, "sizeY": size_y, "col": col, "row": row}
        return head, b"," + encode(tail)[1:]
    after = {"use_as_search": field.search, "show_in_list": field.show_list}
    return encode(told)[:-1] + b',"value":', b"," + encode(after)[1:]


def _statuses(datastore: Datastore, language: str, *, mapped: bool) -> bytes:
    if not mapped:
        return encode(
            [
                {
                    "status_id": one.id,
                    "status_name": localized(one.names, language),
                    "sort_id": at,
                }
                for at, one in enumerate(datastore.statuses)
            ]
        )
    return encode(
        {
            one.display_id: {
                "status_id": one.display_id,
                "s_id": one.id,
                "status_name": localized(one.names, language),
            }
            for one in datastore.statuses
        }
    )


def _action(
    action: Action,
    datastore: Datastore,
    language: str,
    at: int,
    mapped: bool,
) -> dict[str, Any]:
    told: dict[str, Any] = {"action_id": action.display_id if mapped else action.id}
    if mapped:
        told["a_id"] = action.id
    told["action_name"] = localized(action.names, language)
    told["display_order"] = at
    if not mapped and action.description:
        told["description"] = action.description
    told["crud_type"] = CRUD_TYPES[action.operation]
    next_status = datastore.find_status(action.next_status)
    if next_status is not None:
        told["next_status_id"] = next_status.display_id if mapped else next_status.id
    return told
