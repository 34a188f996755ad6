"""What was changed in an item, and the item as it was: for who may see it now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..core.catalog import Datastore, Field
from ..core.computed import make_title
from ..core.errors import invalid_request, item_not_found
from ..core.items import Item
from ..core.replay import Revision, held_value, replay, rewind
from ..core.values import Value
from ..storage import items as stored
from ..storage.items import History
from .app import View
from .shown import Shown, aspect, show, show_held

Change = dict[str, object]  # "from" and "to"


def shown_changes(
    view: View, datastore: Datastore, item: Item, entries: Sequence[History]
) -> list[dict[str, Change]]:
    """For each entry, by display id, what it changed of that which the actor may see."""
    fields = {
        one.id: one
        for one in aspect(view.catalog, view.actor, datastore).fields
        if one.storage is not None
    }
    told = [
        [
            (fields[key], held_value(fields[key], before), held_value(fields[key], after))
            for key, (before, after) in entry.changes.items()
            if key in fields
        ]
        for entry in entries
    ]
    known = show(view, datastore, [_holding(item, one, at) for one in told for at in (1, 2)]).known
    found: list[dict[str, Change]] = []
    for entry, changed in zip(entries, told, strict=True):
        shown: dict[str, Change] = {}
        if "status" in entry.changes:
            before, after = entry.changes["status"]
            shown["status_id"] = {
                "from": _status(datastore, before),
                "to": _status(datastore, after),
            }
        for field, before, after in changed:
            shown[field.display_id] = {
                "from": None if before is None else show_held(field, before, known),
                "to": None if after is None else show_held(field, after, known),
            }
        found.append(shown)
    return found


def _holding(item: Item, changed: list[tuple[Field, Value, Value]], at: int) -> Item:
    """The item as if it held one side of what was changed, to find the names behind it."""
    values = {one[0].id: one[1] if at == 1 else one[2] for one in changed}
    return replace(item, values=values)


def _status(datastore: Datastore, id_: object) -> str | None:
    found = datastore.find_status(str(id_)) if id_ else None
    return found.display_id if found else None


def item_at(view: View, datastore: Datastore, item: str, rev: int) -> Shown:
    """The item as it was at a revision. Raises 404 if the actor may not see it now, and 400."""
    found = stored.read_item(view.connection, view.access, datastore, item, view.actor.keyring)
    if found is None:
        raise item_not_found(item)
    if rev != found.rev:
        found, _ = _rewound(view, datastore, found, rev)
    return show(view, datastore, [found], whole=True)


def values_to_restore(
    view: View, datastore: Datastore, item: str, known: int, to: int
) -> dict[str, object]:
    """What an update has to write to bring an item back, as a caller would send it. Raises 400.

    Nothing where the update will be refused anyway: the item is hidden, or at another revision.
    """
    found = stored.read_item(view.connection, view.access, datastore, item, view.actor.keyring)
    if found is None or found.rev != known:
        return {}
    then, gone = _rewound(view, datastore, found, to)
    values: dict[str, object] = {key: one for key, one in gone.items() if one is not None}
    for field in datastore.stored_fields:
        value = then.values.get(field.id)
        if field.kind.writable and value != found.values.get(field.id):
            values[field.id] = None if value is None else field.kind.dump(value, field.settings)
    return values


def _rewound(
    view: View, datastore: Datastore, item: Item, rev: int
) -> tuple[Item, Mapping[str, object]]:
    if not 0 < rev <= item.rev:
        raise invalid_request(f"the item has no revision {rev}: it is at {item.rev}", item.id)
    entries = stored.list_revisions(view.connection, item.id, rev)
    if [one.rev for one in entries] != list(range(item.rev, rev - 1, -1)):
        raise invalid_request(f"the histories of the item do not reach back to {rev}", item.id)
    made = entries[-1]
    later = [Revision(one.rev, one.user, one.created_at, one.changes) for one in entries[:-1]]
    then, gone = rewind(item, datastore, later)
    if rev == 1:
        return replace(then, updated_at=None, updated_by=""), gone
    return replace(then, updated_at=made.created_at, updated_by=made.user), gone


def item_after(view: View, datastore: Datastore, item: str, rev: int, *, is_deleted: bool) -> Item:
    """The item as a write of the actor left it; `is_deleted`: as it was before the write took it.

    Where the actor may not see what it was, nothing but its id is told.
    """
    found = stored.read_item(view.connection, view.access, datastore, item, view.actor.keyring)
    if found is not None and found.rev == rev:
        return found
    entries = stored.list_revisions(view.connection, item, 1)[::-1]
    made = [one for one in entries if one.rev <= rev - is_deleted]
    image = replay(
        datastore, [Revision(one.rev, one.user, one.created_at, one.changes) for one in made]
    )
    if not made or (found is None and view.actor.keyring.isdisjoint(image.keys)):
        return Item(datastore.id, item, 0, rev, 0, "", "", 0, "", None, "", frozenset(), {})
    first, last = made[0], made[-1]
    is_new = len(made) == 1
    return Item(
        datastore=datastore.id,
        id=item,
        n=0,
        rev=rev,
        seq=last.seq,
        status=image.status,
        title=make_title(datastore, image.values),
        created_at=first.created_at,
        created_by=first.user,
        updated_at=None if is_new else last.created_at,
        updated_by="" if is_new else last.user,
        keys=image.keys,
        values=image.values,
    )
