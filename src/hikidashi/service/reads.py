"""What may be read of items: each function takes a View and gives only what its actor may see."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from ..core.access import may_use_datastore
from ..core.catalog import Datastore, Field
from ..core.errors import FaultError, invalid_request, item_not_found, no_item, no_place
from ..core.items import Item
from ..core.limits import HISTORIES_PER_PAGE_MAX, PAGE_ITEMS_MAX
from ..core.places import get_datastore
from ..core.query import UnreadTest
from ..core.record import record
from ..core.values import format_instant
from ..storage import items as stored
from ..storage.engines import EngineError
from ..storage.items import History, HistoryPage, Person
from .app import App, View
from .revisions import shown_changes
from .shown import Shown, aspect, find_users, show, shown_value

# --- places -----------------------------------------------------------------------------------


def find_place(view: View, datastore: str, project: str = "") -> Datastore:
    """A datastore that the actor may use, by id or display id. Raises 404."""
    return get_datastore(view.catalog, view.actor, project, datastore)


def find_near(view: View, datastore: Datastore, ref: str, project: str = "") -> Datastore:
    """Another datastore: of the project named, else of the same project, else by id alone."""
    if project:
        return find_place(view, ref, project)
    own = view.catalog.find_project(datastore.project)
    found = own.find_datastore(ref) if own else None
    if found is not None and may_use_datastore(view.actor, found):
        return found
    return find_place(view, ref)


def get_item(view: View, datastore: Datastore, item: str) -> Item:
    """An item that the actor's keys open. Raises 404."""
    found = stored.read_item(view.connection, view.access, datastore, item, view.actor.keyring)
    if found is None:
        raise no_item(item)
    return found


def visible_ids(view: View, datastore: Datastore, items: Iterable[str]) -> set[str]:
    """Those of the items that the actor's keys open."""
    return set(
        stored.read_items(view.connection, view.access, datastore, items, view.actor.keyring)
    )


# --- one item ---------------------------------------------------------------------------------


def item_details(view: View, datastore: Datastore, item: str) -> Shown:
    """One item with the names behind its ids. Raises 404, in the words of its page."""
    found = stored.read_item(view.connection, view.access, datastore, item, view.actor.keyring)
    if found is None:
        raise item_not_found(item)
    return show(view, datastore, [found], whole=True)


def item_result(view: View, item: Item, by_display_id: bool) -> dict[str, object]:
    """An item as the answer to a write shows it: system keys, and fields that hold something.

    Fields are keyed by id or by display id; `links` names only items that the actor may see.
    """
    datastore = view.catalog.find_datastore(item.datastore)
    if datastore is None:
        raise no_place("datastore", item.datastore)
    shown = show(view, datastore, [item], whole=True)
    result: dict[str, object] = {
        "i_id": item.id,
        "d_id": datastore.id,
        "p_id": datastore.project,
        "w_id": datastore.workspace,
        "rev_no": item.rev,
        "title": item.title,
        "created_at": format_instant(item.created_at),
        "created_by": item.created_by,
    }
    if item.status:
        result["status_id"] = item.status
    if item.updated_at is not None:
        result["updated_at"] = format_instant(item.updated_at)
        result["updated_by"] = item.updated_by
    for field in shown.fields:
        value = shown_value(field, item, datastore, shown.known)
        if value is not None:
            result[field.display_id if by_display_id else field.id] = value
    result["links"] = [{"d_id": one, "i_ids": ids} for one, ids in linked_ids(view, item.id)]
    return result


# --- links ------------------------------------------------------------------------------------


def linked_places(view: View, item: str) -> list[Datastore]:
    """The datastores that an item's links lead to and that the actor may use, by id."""
    return _usable(view, stored.list_linked_datastores(view.connection, item))


def linked_ids(view: View, item: str) -> list[tuple[str, list[str]]]:
    """The visible items that an item links to, by datastore and creation."""
    keyring = view.actor.keyring
    found = (
        (one.id, stored.list_linked_ids(view.connection, one, item, keyring))
        for one in linked_places(view, item)
    )
    return [(datastore, ids) for datastore, ids in found if ids]


def linked_items(view: View, item: Item, only: Datastore | None = None) -> list[Shown]:
    """The visible items that an item links to, whole, by datastore. Raises 400 if too many."""
    shown: list[Shown] = []
    for one in linked_places(view, item.id):
        if only is not None and one.id != only.id:
            continue
        found = stored.list_linked_items(
            view.connection, one, item.id, view.actor.keyring, PAGE_ITEMS_MAX + 1
        )
        if len(found) > PAGE_ITEMS_MAX:
            raise invalid_request(f"over {PAGE_ITEMS_MAX} items of {one.display_id} are linked")
        if found:
            shown.append(show(view, one, found))
    return shown


def links_of(view: View, shown: Shown) -> dict[str, dict[str, list[tuple[str, str]]]]:
    """For each item shown: by datastore, the visible items it links to with the links' kinds."""
    ids = [item.id for item in shown.items]
    found: dict[str, dict[str, list[tuple[str, str]]]] = {}
    for one in _usable(view, stored.list_linked_datastores_of(view.connection, ids)):
        for source, target, kind in stored.list_links(
            view.connection, one, ids, view.actor.keyring
        ):
            found.setdefault(source, {}).setdefault(one.id, []).append((target, kind))
    return found


def lookup_targets(view: View, shown: Shown) -> dict[str, tuple[Datastore, dict[str, Item]]]:
    """By lookup field, the datastore it leads to and the visible items that are named, by id."""
    seen = aspect(view.catalog, view.actor, shown.datastore)
    found: dict[str, tuple[Datastore, dict[str, Item]]] = {}
    for field in _among(seen.lookup_fields, shown.fields):
        target = seen.lookups[field.id].datastore
        ids = {str(item.values[field.id]) for item in shown.items if item.values.get(field.id)}
        read = stored.read_items(view.connection, view.access, target, ids, view.actor.keyring)
        found[field.id] = (target, read)
    return found


def _among(fields: tuple[Field, ...], wanted: tuple[Field, ...]) -> list[Field]:
    ids = {one.id for one in wanted}
    return [one for one in fields if one.id in ids]


def _usable(view: View, ids: list[str]) -> list[Datastore]:
    found = (view.catalog.find_datastore(one) for one in ids)
    return [one for one in found if one is not None and may_use_datastore(view.actor, one)]


# --- histories --------------------------------------------------------------------------------


@record
class Mark:
    """What a user has now read of an item; to be written when the answer is on its way."""

    user: str
    item: str
    upto: int
    datastore: str = ""


@record
class Histories:
    """One page of an item's histories, newest first."""

    datastore: Datastore
    unread: int  # of the whole item
    entries: tuple[History, ...]
    changes: tuple[dict[str, dict[str, object]], ...]  # of each entry, as the actor may see it
    unread_entries: frozenset[str]  # ids
    users: dict[str, Person]
    mark: Mark | None  # None: nothing new was shown


def item_histories(view: View, datastore: Datastore, item: str, page: HistoryPage) -> Histories:
    """Histories of an item that the actor may see. Raises 404; 400 for too large a page."""
    if page.first < 0 or not 0 <= page.count <= HISTORIES_PER_PAGE_MAX:
        raise invalid_request(f"a page holds 0 to {HISTORIES_PER_PAGE_MAX} histories")
    found = get_item(view, datastore, item)
    connection, user = view.connection, view.actor.user
    upto = stored.read_mark(connection, user, found.id)
    entries = tuple(stored.list_histories(connection, found.id, page))
    counted = stored.count_unread(connection, datastore, [found.id], UnreadTest(user))
    new = [one for one in entries if one.seq > upto and one.user != user and one.marks_unread]
    mark = Mark(user, found.id, max(one.seq for one in new), datastore.id) if new else None
    return Histories(
        datastore,
        counted.get(found.id, 0),
        entries,
        tuple(shown_changes(view, datastore, found, entries)),
        frozenset(one.id for one in new),
        find_users(view, {one.user for one in entries}),
        mark,
    )


_notes: set[asyncio.Task[None]] = set()  # marks on their way; nobody waits for them


def note_read(app: App, mark: Mark) -> None:
    """Write a mark while the answer is already on its way. One that is lost is no harm."""
    task = asyncio.get_running_loop().create_task(_note(app, mark))
    _notes.add(task)
    task.add_done_callback(_notes.discard)


async def _note(app: App, mark: Mark) -> None:
    with suppress(FaultError, EngineError):
        await app.store.change(
            lambda connection: stored.put_read_mark(connection, mark.user, mark.item, mark.upto)
        )
        app.live.note_read(mark.user, mark.datastore, mark.item)
