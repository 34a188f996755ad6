"""An item as scripts and webhooks are shown it: the `data` object, alike for both.

Names instead of ids where the page shows names, and times as `YYYY/MM/DD hh:mm:ss`, in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from weakref import WeakKeyDictionary

import msgspec

from ..core.actions import Action
from ..core.catalog import Datastore
from ..core.items import Item
from ..core.record import record
from ..core.values import format_instant
from ..storage.items import Person
from .app import View
from .reads import linked_ids
from .shown import Shown, localized, show, shown_value

LARGE = ("fields_data", "old_item", "related_items", "statuses")
LANGUAGE = "ja"  # of the names of statuses, where they have one in it


@record
class Act:
    """What `data` says of a write beside its item."""

    id: str  # of its action
    action: Action | None  # None: it is gone
    history: str = ""  # id; "" while it is not made
    transaction: str = ""  # id
    comment: str = ""  # of a write that was made it is in the histories
    as_params: object = None


def item_data(  # noqa: PLR0913  an item, who looks, and what write it is of
    view: View,
    datastore: Datastore,
    item: Item,
    act: Act,
    *,
    before: Item | None = None,
    is_whole: bool = True,
) -> dict[str, object]:
    """`data` of a write of an item, for the actor who acts on it.

    `before`: what is held until the write is done, if there is anything; each field that the
    write changes then has an `uncommitted_value`. `is_whole`: False leaves out what `LARGE` names.
    """
    shown = show(view, datastore, [item], whole=True)
    values = _values(datastore, shown)
    people = shown.known.users
    actor = view.actor
    data: dict[str, object] = {
        "u_id": actor.user,
        "user_name": actor.name,
        "email": actor.email,
        "w_id": datastore.workspace,
        "p_id": datastore.project,
        "d_id": datastore.id,
        "d_disp_id": datastore.display_id,
        "i_id": item.id,
        "rev_no": item.rev,
        "title": item.title,
        "status_id": item.status,
        "created_at": told_instant(item.created_at),
        "created_by": _name(people, item.created_by),
        "updated_at": told_instant(item.updated_at),
        "updated_by": _name(people, item.updated_by),
        "history_id": act.history,
        "trans_id": act.transaction,
        "a_id": act.id,
        "action_id": act.action.display_id if act.action is not None else "",
        "action": act.action.operation.value if act.action is not None else "",
        "comment": act.comment,
        "as_params": act.as_params,
        "item": values,
    }
    if is_whole:
        held = show(view, datastore, [before], shown.fields) if before is not None else None
        data["fields_data"] = _fields_data(shown, values, held)
        data["old_item"] = None if held is None else _values(datastore, held)
        data["related_items"] = {} if not item.id else dict(linked_ids(view, item.id))
        data["statuses"] = _statuses(datastore)
    return data


def told_instant(ms: int | None) -> str:
    """A time as `data` tells it; "" for none."""
    if ms is None:
        return ""
    text = format_instant(ms)
    return f"{text[:4]}/{text[5:7]}/{text[8:10]} {text[11:19]}"


def _name(people: Mapping[str, Person], user: str) -> str:
    found = people.get(user)
    return found.name if found is not None else user


_told_statuses: WeakKeyDictionary[Datastore, msgspec.Raw] = WeakKeyDictionary()


def _statuses(datastore: Datastore) -> msgspec.Raw:
    """The statuses by id; encoded once for each catalogue."""
    told = _told_statuses.get(datastore)
    if told is None:
        statuses = {
            one.id: {
                "s_id": one.id,
                "status_id": one.display_id,
                "name": localized(one.names, LANGUAGE),
                "color": "",
                "order": one.position,
            }
            for one in datastore.statuses
        }
        told = _told_statuses[datastore] = msgspec.Raw(msgspec.json.encode(statuses))
    return told


def _values(datastore: Datastore, shown: Shown) -> dict[str, object]:
    """The values alone, by display id."""
    item = shown.items[0]
    return {
        field.display_id: shown_value(field, item, datastore, shown.known) for field in shown.fields
    }


def _fields_data(
    shown: Shown, values: Mapping[str, object], held: Shown | None
) -> dict[str, object]:
    item, before = shown.items[0].values, held.items[0].values if held is not None else None
    data: dict[str, object] = {}
    for field in shown.fields:
        value = values[field.display_id]
        is_changed = before is not None and item.get(field.id) != before.get(field.id)
        data[field.display_id] = {
            "f_id": field.id,
            "display_id": field.display_id,
            "dataType": field.kind.name,
            "value": value,
            "uncommitted_value": value if is_changed else None,
        }
    return data
