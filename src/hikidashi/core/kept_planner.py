"""Items of a template as new items, with the histories and links that were kept of them. Pure.

They are nobody else's yet: the datastore was made for them, so there is nothing to be checked
against but what the template itself says, and that was checked when it was taken in.
"""

from __future__ import annotations

from .access import Actor, may_administer
from .actions import Action, Operation
from .catalog import Catalog, Datastore
from .commands import KeptEntry, KeptItem, KeptRequest, Publish, WriteKept
from .computed import make_title
from .draft import Scope, make_keys
from .errors import no_place
from .events import Event, EventKind
from .full_text import comment_text, value_texts
from .ids import IdSource
from .items import HistoryEntry, Item, Link, Snapshot
from .plan import (
    EmitEvent,
    IndexText,
    InsertHistory,
    InsertItem,
    InsertLink,
    RowsResult,
    SetCounter,
    Step,
    Text,
    WritePlan,
)
from .touches import Touches

_PLAIN = Publish()


def resolve_kept(command: WriteKept, catalog: Catalog, actor: Actor) -> KeptRequest:
    """Only who may make applications may fill one that nobody has been let into yet."""
    datastore = catalog.find_datastore(command.datastore)
    if datastore is None or datastore.project != command.project or not may_administer(actor):
        raise no_place("datastore", command.datastore)
    touches = Touches()
    new = sum(one.is_new for one in command.items)
    if new:
        touches.new_row(datastore.id, new)
    return KeptRequest(command, datastore, touches)


def plan_kept(  # noqa: PLR0913  everything a plan depends on, and nothing else
    request: KeptRequest,
    snapshot: Snapshot,
    actor: Actor,
    catalog: Catalog,
    now: int,
    ids: IdSource,
) -> WritePlan:
    """The items with all that is kept of them, each with an event that says it was made."""
    planner = _KeptPlanner(request, Scope(snapshot, actor, catalog, force=True), now, ids)
    return planner.plan()


class _KeptPlanner:
    """Gathers the steps of one portion."""

    def __init__(self, request: KeptRequest, scope: Scope, now: int, ids: IdSource) -> None:
        self._request = request
        self._datastore: Datastore = request.datastore
        self._action: Action | None = request.datastore.default_action(Operation.NEW)
        self._scope = scope
        self._now = now
        self._ids = ids
        self._steps: list[Step] = []

    def plan(self) -> WritePlan:
        for field, branch, last in self._request.command.counters:
            self._steps.append(SetCounter(field, branch, last))
        for kept in self._request.command.items:
            self._write(kept)
        return WritePlan(tuple(self._steps), RowsResult(()))

    def _write(self, kept: KeptItem) -> None:
        item = self._item(kept)
        if kept.is_new:
            self._steps.append(InsertItem(item))
        first = None
        if self._request.command.has_histories:
            entries = [self._entry(item, one) for one in kept.histories]
        else:
            entries = [self._made(item)] if kept.is_new else []
        if entries and kept.is_first:
            first = entries[0]
        self._steps.extend(InsertHistory(one) for one in entries)
        for datastore, target, kind in kept.links:
            self._steps.append(InsertLink(Link(item.datastore, item.id, datastore, target, kind)))
        texts = self._texts(kept, item) if kept.is_new else []
        texts += [comment_text(one) for one in entries if one.comment]
        if texts and self._datastore.text_fields:
            self._steps.append(IndexText(item, tuple(texts)))
        if first is not None:
            self._steps.append(EmitEvent(self._event(item, first)))

    def _item(self, kept: KeptItem) -> Item:
        actor, datastore = self._scope.actor, self._datastore
        is_dated = kept.created_at is not None
        return Item(
            datastore.id,
            kept.id,
            self._scope.snapshot.take_row(datastore.id) if kept.is_new else 0,
            kept.rev,
            kept.seq,
            kept.status,
            make_title(datastore, kept.values),
            kept.created_at if kept.created_at is not None else self._now,
            kept.created_by if is_dated else actor.user,
            kept.updated_at,
            kept.updated_by,
            self._keys(kept),
            kept.values,
        )

    def _keys(self, kept: KeptItem) -> frozenset[str]:
        """Those that a new item gets."""
        if self._action is None:
            return frozenset((self._scope.actor.user,))
        keys, _ = make_keys(
            frozenset(), self._datastore, self._action, kept.values, _PLAIN, self._scope
        )
        return keys

    def _entry(self, item: Item, kept: KeptEntry) -> HistoryEntry:
        changes = dict(kept.changes)
        if kept.rev == 1 and kept.action:
            changes["keys"] = (None, sorted(item.keys))
        return HistoryEntry(
            self._ids.next_id(),
            self._datastore.workspace,
            item.datastore,
            item.id,
            kept.seq,
            kept.rev,
            kept.action,
            kept.operation,
            kept.user,
            kept.comment,
            self._ids.next_id(),
            kept.at,
            changes,
            kept.marks_unread,
            kept.updated_at,
            kept.updated_by,
        )

    def _made(self, item: Item) -> HistoryEntry:
        """The history of an item without one."""
        changes: dict[str, tuple[object, object]] = {
            key: (None, value) for key, value in item.values.items() if value is not None
        }
        if item.status:
            changes["status"] = (None, item.status)
        changes["keys"] = (None, sorted(item.keys))
        action = self._action.id if self._action is not None else item.id
        return HistoryEntry(
            self._ids.next_id(),
            self._datastore.workspace,
            item.datastore,
            item.id,
            item.seq,
            item.rev,
            action,
            Operation.NEW.value,
            self._scope.actor.user,
            "",
            self._ids.next_id(),
            self._now,
            changes,
        )

    def _texts(self, kept: KeptItem, item: Item) -> list[Text]:
        """Those of its values, and the names of the files among them."""
        return value_texts(self._datastore, item) + [
            Text("files", field.id, file, kept.file_names.get(file, ""))
            for field in self._datastore.text_fields
            if field.kind.refers_to == "file"
            for file in field.kind.ids(item.values.get(field.id))
        ]

    def _event(self, item: Item, history: HistoryEntry) -> Event:
        return Event(
            history.id,
            EventKind.CREATED,
            self._datastore.workspace,
            self._datastore.project,
            item.datastore,
            item.id,
            item.seq,
            item.rev,
            self._scope.actor.user,
            self._now,
            history.transaction,
            history.id,
            history.action,
            run_post=False,
        )
