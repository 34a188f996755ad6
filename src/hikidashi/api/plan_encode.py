"""A plan as readable JSON: its steps in order, in display ids, as far as the caller may see."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import assert_never

from ..core.access import may_use_datastore, may_use_field
from ..core.catalog import Datastore, Field
from ..core.events import Event, EventKind
from ..core.items import HistoryEntry, Item, Link
from ..core.plan import (
    AttachFile,
    DeleteFile,
    DeleteItem,
    DeleteLink,
    EmitEvent,
    IndexText,
    InsertHistory,
    InsertItem,
    InsertLink,
    ReserveId,
    SetCounter,
    Step,
    UpdateComment,
    UpdateItem,
    UseReservedId,
)
from ..service.app import View
from ..service.reads import visible_ids
from ..service.shown import show, shown_value

Shape = dict[str, object]


def encode_plan(view: View, steps: Sequence[Step]) -> list[Shape]:
    """The steps; those on items, fields and keys that are hidden from the caller are left out."""
    encoder = _Encoder(view, steps)
    shapes = (encoder.step(one) for one in steps)
    return [one for one in shapes if one is not None]


class _Encoder:
    """Knows the names of what the steps of one plan speak of."""

    def __init__(self, view: View, steps: Sequence[Step]) -> None:
        self._view = view
        self._seen = {
            one.item.id
            for one in steps
            if isinstance(one, InsertItem | DeleteItem)
            or (isinstance(one, UpdateItem) and one.is_action)
        }
        others: dict[str, set[str]] = {}
        for link in _links(steps):
            for place, item in (
                (link.from_datastore, link.from_item),
                (link.to_datastore, link.to_item),
            ):
                if item not in self._seen:
                    others.setdefault(place, set()).add(item)
        for place, items in others.items():
            datastore = view.catalog.find_datastore(place)
            if datastore is not None and may_use_datastore(view.actor, datastore):
                self._seen |= visible_ids(view, datastore, items)

    def step(self, step: Step) -> Shape | None:
        match step:
            case InsertItem(item):
                return self._item("insert_item", item, tuple(item.values))
            case UpdateItem(item, fields, is_action):
                return self._item("update_item", item, fields) if is_action else None
            case DeleteItem(item):
                return self._item("delete_item", item, ())
            case InsertLink(link):
                return self._link("insert_link", link)
            case DeleteLink(link):
                return self._link("delete_link", link)
            case InsertHistory(entry):
                return self._history("insert_history", entry)
            case UpdateComment(entry):
                return self._history("update_comment", entry)
            case EmitEvent(event):
                return self._event(event)
            case SetCounter(field, branch, last):
                return self._counter(field, branch, last)
            case ReserveId(reservation):
                name = self._name(reservation.datastore)
                return {"step": "reserve_id", "datastore": name, "i_id": reservation.item}
            case UseReservedId(used):
                return {"step": "use_reserved_id", "i_id": used}
            case IndexText() | AttachFile() | DeleteFile():
                return None  # it follows from the item's own step
            case _:
                assert_never(step)

    def _item(self, name: str, item: Item, fields: Iterable[str]) -> Shape | None:
        datastore = self._view.catalog.find_datastore(item.datastore)
        if datastore is None:
            return None
        told: Shape = {
            "step": name,
            "datastore": datastore.display_id,
            "i_id": item.id,
            "rev_no": item.rev,
        }
        if name == "delete_item":
            return told
        status = datastore.find_status(item.status)
        if status is not None:
            told["status"] = status.display_id
        told["title"] = item.title
        shown = show(self._view, datastore, [item])
        wanted = set(fields)
        told["values"] = {
            field.display_id: shown_value(field, item, datastore, shown.known)
            for field in shown.fields
            if field.id in wanted
        }
        told["access_keys"] = self._keys(item)
        return told

    def _keys(self, item: Item) -> list[str]:
        """Those that the caller holds, by display id; the caller's own by id."""
        catalog = self._view.catalog
        names: list[str] = []
        for key in item.keys & self._view.actor.keyring:
            role, group = catalog.find_role(key), catalog.find_group(key)
            named = role or group
            names.append(named.display_id if named is not None else key)
        return sorted(names)

    def _link(self, name: str, link: Link) -> Shape | None:
        if not {link.from_item, link.to_item} <= self._seen:
            return None
        return {
            "step": name,
            "datastore": self._name(link.from_datastore),
            "i_id": link.from_item,
            "link_datastore": self._name(link.to_datastore),
            "link_i_id": link.to_item,
            "type": link.kind,
        }

    def _history(self, name: str, entry: HistoryEntry) -> Shape:
        datastore = self._view.catalog.find_datastore(entry.datastore)
        action = datastore.find_action(entry.action) if datastore is not None else None
        return {
            "step": name,
            "datastore": self._name(entry.datastore),
            "i_id": entry.item,
            "rev_no": entry.rev,
            "action": action.display_id if action is not None else "",
            "comment": entry.comment,
        }

    def _event(self, event: Event) -> Shape | None:
        if event.kind is EventKind.LINKS_CHANGED and event.item not in self._seen:
            return None  # a rule has linked it to what was written
        return {
            "step": "emit_event",
            "kind": event.kind.value,
            "datastore": self._name(event.datastore),
            "i_id": event.item,
            "is_changed": event.is_changed,
            "post_procs": event.run_post,
        }

    def _counter(self, field_id: str, branch: str | None, last: int) -> Shape | None:
        found = self._field(field_id)
        if found is None:
            return None
        datastore, field = found
        told: Shape = {
            "step": "set_counter",
            "datastore": datastore.display_id,
            "field": field.display_id,
        }
        if branch is not None:
            told["branch_key"] = branch
        return {**told, "last": last}

    def _field(self, field_id: str) -> tuple[Datastore, Field] | None:
        for project in self._view.catalog.projects:
            for datastore in project.datastores:
                for field in datastore.number_fields:
                    if field.id == field_id and may_use_field(self._view.actor, field):
                        return datastore, field
        return None

    def _name(self, datastore: str) -> str:
        found = self._view.catalog.find_datastore(datastore)
        return found.display_id if found is not None else datastore


def _links(steps: Sequence[Step]) -> list[Link]:
    return [one.link for one in steps if isinstance(one, InsertLink | DeleteLink)]
