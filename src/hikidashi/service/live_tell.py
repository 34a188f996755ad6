"""One round of telling: what has happened, for those of the listeners who may know of it now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from ..core.access import Actor, Identity, MovedError, may_see_project, may_use_datastore
from ..core.catalog import Catalog, Datastore, localized
from ..core.errors import FaultError
from ..core.events import Event, EventKind
from ..core.values import format_instant
from ..storage import items as stored
from ..storage.definitions import read_numbers
from ..storage.engines import Connection, OutdatedSchemaError
from ..storage.items import History, Person
from ..storage.outbox import event_of
from ..storage.standing import Numbers
from ..storage.store import Store
from ..storage.tail import Taken
from ..storage.told import LOG, Note
from .live_channels import (
    LOG_EVENT,
    datastore_channel,
    item_channel,
    logs_channel,
    unread_channel,
)
from .live_listeners import Listener, Message

_NEW: Final = frozenset(
    one.value for one in (EventKind.CREATED, EventKind.UPDATED, EventKind.COMMENT_CREATED)
)
_ITEM_AT, _WORKSPACE_AT, _DATASTORE_AT, _KIND_AT = 1, 3, 4, 5  # in a row of the outbox
_LANGUAGE: Final = "en"
_NO_COMMENT: Final = "ITEM_DETAILS.POST_EMPTY_COMMENT"
_to_json = msgspec.json.Encoder().encode

Told = list[tuple[Listener, list[Message]]]


def tell(
    store: Store,
    connection: Connection,
    listeners: Sequence[tuple[Listener, Identity]],
    taken: Taken,
) -> Told:
    """What each listener is to be told. Each comes with its identity as it is at this moment."""
    by_workspace: dict[str, list[tuple[Listener, Identity]]] = {}
    for one in listeners:
        by_workspace.setdefault(one[1].workspace, []).append(one)
    told: dict[Listener, list[Message]] = {}
    for workspace, group in by_workspace.items():
        rows = [
            row
            for row in taken.events
            if row[_WORKSPACE_AT] == workspace
            and row[_KIND_AT] in _NEW
            and any(one.wants.fits(row[_ITEM_AT], row[_DATASTORE_AT]) for one, _ in group)
        ]
        concerned = {one.user for one in taken.notes}
        if not rows and all(identity.user not in concerned for _, identity in group):
            continue
        teller = _Teller(store, connection, group, told)
        if teller.is_ready(workspace):
            teller.tell_events([event_of(row) for row in rows])
            for note in taken.notes:
                teller.tell_note(note)
    return list(told.items())


class _Teller:
    """What happened in one workspace."""

    def __init__(
        self,
        store: Store,
        connection: Connection,
        group: Sequence[tuple[Listener, Identity]],
        told: dict[Listener, list[Message]],
    ) -> None:
        self._store = store
        self._connection = connection
        self._group = group
        self._told = told
        self._actors: list[tuple[Listener, Actor]] = []
        self._catalog: Catalog

    def is_ready(self, workspace: str) -> bool:
        """Find who everybody is now; who is not in the workspace any more is told nothing."""
        numbers = read_numbers(self._connection, workspace)
        if numbers is None:
            return False
        known: dict[str, Actor | None] = {}  # by session or token: some have many connections
        for listener, identity in self._group:
            key = listener.key
            if key not in known:
                known[key] = self._find_actor(identity, numbers)
            actor = known[key]
            if actor is not None:
                self._actors.append((listener, actor))
        return bool(self._actors)

    def _find_actor(self, identity: Identity, numbers: Numbers) -> Actor | None:
        try:
            self._catalog, actor = self._store.standing.get(self._connection, identity, numbers)
        except (FaultError, MovedError):
            return None
        return actor

    def tell_events(self, events: Sequence[Event]) -> None:
        """New histories, to those who may see their items."""
        places: dict[str, list[Event]] = {}
        for one in events:
            places.setdefault(one.datastore, []).append(one)
        keys: dict[str, frozenset[str]] = {}
        for id_, those in places.items():
            datastore = self._catalog.find_datastore(id_)
            if datastore is not None:
                keys |= self._keys(datastore, {one.item for one in those})
        known = [one for one in events if one.item in keys]
        entries = stored.read_entries(self._connection, [(one.item, one.seq) for one in known])
        users = {one.user for one in entries.values()}
        people = stored.read_users(self._connection, users)
        for one in known:
            entry = entries.get((one.item, one.seq))
            datastore = self._catalog.find_datastore(one.datastore)
            if entry is not None and datastore is not None:
                self._tell_entry(one, entry, datastore, keys[one.item], people)

    def _keys(self, datastore: Datastore, items: Iterable[str]) -> Mapping[str, frozenset[str]]:
        try:
            return stored.read_keys(self._connection, self._store.access, datastore, items)
        except OutdatedSchemaError:  # its table went meanwhile: nobody sees anything of it
            self._store.standing.forget()
            return {}

    def _tell_entry(
        self,
        event: Event,
        entry: History,
        datastore: Datastore,
        keys: frozenset[str],
        people: Mapping[str, Person],
    ) -> None:
        data = _to_json(_entry_told(event, entry, datastore, people.get(entry.user))).decode()
        becoming_unread: list[tuple[Listener, Actor]] = []
        for listener, actor in self._actors:
            wants = listener.wants
            if not wants.fits(event.item, event.datastore) or not _may_see(actor, datastore, keys):
                continue
            if wants.all_items or event.item in wants.items:
                self._put(listener, item_channel(event.item, actor.user), data)
            if event.datastore in wants.datastores:
                self._put(listener, datastore_channel(event.datastore, actor.user), data)
            if wants.unread and entry.marks_unread and entry.user != actor.user:
                becoming_unread.append((listener, actor))
        self._tell_unread(becoming_unread, datastore, event.item)

    def tell_note(self, note: Note) -> None:
        """A line of a log, or that a user has read an item: to that user."""
        own = [one for one in self._actors if one[1].user == note.user]
        if note.kind == LOG:
            project = self._catalog.find_project(note.place)
            for listener, actor in own:
                wanted = note.place in listener.wants.projects
                if wanted and project is not None and may_see_project(actor, project):
                    data = _to_json({"message": note.line}).decode()
                    name = logs_channel(actor.user, project.id)
                    self._put(listener, name, data, LOG_EVENT)
            return
        datastore = self._catalog.find_datastore(note.place)
        own = [one for one in own if one[0].wants.unread]
        if datastore is None or not own:
            return
        keys = self._keys(datastore, [note.item]).get(note.item, frozenset())
        seen = [one for one in own if _may_see(one[1], datastore, keys)]
        self._tell_unread(seen, datastore, note.item)

    def _tell_unread(
        self, to: Sequence[tuple[Listener, Actor]], datastore: Datastore, item: str
    ) -> None:
        users = sorted({actor.user for _, actor in to})
        counts = stored.count_unread_of(self._connection, item, users) if users else {}
        for listener, actor in to:
            told = {
                "workspace_id": datastore.workspace,
                "project_id": datastore.project,
                "datastore_id": datastore.id,
                "i_id": item,
                "unread": counts.get(actor.user, 0),
            }
            self._put(listener, unread_channel(actor.user), _to_json(told).decode())

    def _put(self, listener: Listener, channel: str, data: str, event: str = "") -> None:
        self._told.setdefault(listener, []).append(Message(channel, event or channel, data))


def _may_see(actor: Actor, datastore: Datastore, keys: frozenset[str]) -> bool:
    return may_use_datastore(actor, datastore) and not keys.isdisjoint(actor.keyring)


def _entry_told(
    event: Event, entry: History, datastore: Datastore, person: Person | None
) -> dict[str, Any]:
    """A history entry with the keys that clients of the hub know; some of them refuse any other."""
    action = datastore.find_action(entry.action) if entry.action else None
    return {
        "_id": entry.id,
        "actionname": localized(action.names, _LANGUAGE) if action else "",
        "comment": entry.comment or _NO_COMMENT,
        "created_at": format_instant(entry.created_at),
        "datastore_id": datastore.id,
        "displayorder": 0,
        "email": person.email if person else "",
        "file_ids": [],
        "i_id": event.item,
        "is_fetchreplymail": False,
        "is_notify": True,
        "ischanged": event.is_changed,
        "isnotifytosender": False,
        "issenditemunread": entry.marks_unread,
        "post_for_rel": False,
        "post_mode": "ExecuteAction" if entry.action else "",
        "project_id": datastore.project,
        "user_id": entry.user,
        "user_obj_id": entry.user,
        "username": person.name if person else "",
        "workspace_id": datastore.workspace,
    }
