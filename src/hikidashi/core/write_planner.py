"""Items written one after the other, as steps. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from .access import Actor
from .actions import Operation
from .catalog import Datastore
from .commands import EntryRequest, Op, Publish, WriteBatch, WriteFound, WriteItem
from .computed import calc_plan, make_title
from .draft import (
    Draft,
    Scope,
    make_draft,
)
from .errors import (
    Fault,
    FaultError,
    FaultKind,
    bad_value,
)
from .events import Event, EventKind
from .file_rules import move_files, searched_names
from .full_text import index_step
from .ids import IdSource
from .items import COPIED_FROM, IMPORT, HistoryEntry, Item
from .kinds.derived import format_auto_number
from .limits import GROUP_JOBS_MAX, INTEGER_MAX
from .lookup_links import follow_lookups, looks_up
from .plan import (
    Changes,
    DeleteItem,
    DeleteLink,
    EmitEvent,
    InsertHistory,
    InsertItem,
    InsertLink,
    SetCounter,
    Step,
    UpdateItem,
    UseReservedId,
)
from .reservations import check_reserved
from .values import Value

_OPERATION_NAMES: Final = {one: one.value for one in Operation}
_EVENT_KINDS: Final = {
    Op.NEW: EventKind.CREATED,
    Op.COPY: EventKind.CREATED,
    Op.UPDATE: EventKind.UPDATED,
    Op.DELETE: EventKind.DELETED,
}


class Frame:
    """An item that related entries hang on, and the links they made or removed."""

    __slots__ = ("added", "draft", "history", "item", "removed")

    def __init__(self, item: Item, draft: Draft | None, history: str) -> None:
        self.item = item
        self.draft = draft  # None: the item itself is not written
        self.history = history
        self.added: list[tuple[str, str]] = []
        self.removed: list[tuple[str, str]] = []


class WritePlanner:
    """Gathers the steps of one command's items."""

    def __init__(
        self,
        command: WriteItem | WriteFound | WriteBatch,
        project: str,
        scope: Scope,
        now: int,
        ids: IdSource,
    ) -> None:
        self._command = command
        self._is_import = isinstance(command, WriteItem) and command.is_import
        self._project = project  # id
        self._scope = scope
        self._snapshot = scope.snapshot
        self._actor = scope.actor
        self._now = now
        self._ids = ids
        self._transaction = ids.next_id()
        self._steps: list[Step] = []
        self._faults: list[Fault] = []
        self._failed = False
        self._made: list[str] = []

    # -- one item ------------------------------------------------------------------------------

    def _write(self, entry: EntryRequest, publish: Publish | None) -> tuple[Frame, HistoryEntry]:
        """Plan one item by its operation (NEW, UPDATE, DELETE or COPY)."""
        if entry.operation is Op.NEW and entry.item:
            check_reserved(entry, self._snapshot, self._actor, self._now)
        draft = make_draft(entry, self._scope, publish)
        if entry.operation in (Op.NEW, Op.COPY):
            item, changes = self._insert(draft)
        elif entry.operation is Op.UPDATE:
            if entry.datastore.calc_fields:
                draft = self._with_computed(draft)
            item, changes = self._update(draft)
        else:
            item, changes = self._delete(draft)
        if draft.notes:
            self._faults.extend(
                note.at(note.reference, entry.path) if entry.path else note for note in draft.notes
            )
        history = self._history(item, draft, changes)
        if entry.datastore.text_fields and entry.operation is not Op.DELETE:
            self._index(entry.datastore, draft, item, history, is_published="keys" in changes)
        frame = Frame(item, draft, history.id)
        if entry.operation is not Op.DELETE and looks_up(entry.datastore, draft.changed):
            held = draft.before.values if draft.before is not None else {}
            self._follow_lookups(frame, entry.datastore, held)
        return frame, history

    def _follow_lookups(
        self, frame: Frame, datastore: Datastore, held: Mapping[str, Value]
    ) -> None:
        """Link the item to what it looks up; its own event tells of it."""
        item = frame.item
        steps = follow_lookups(datastore, item.id, held, item.values, self._snapshot)
        self._steps.extend(steps)
        for step in steps:
            if isinstance(step, InsertLink | DeleteLink) and step.link.from_item == item.id:
                ends = frame.added if isinstance(step, InsertLink) else frame.removed
                ends.append((step.link.to_datastore, step.link.to_item))

    def _index(
        self,
        datastore: Datastore,
        draft: Draft,
        item: Item,
        history: HistoryEntry,
        *,
        is_published: bool,
    ) -> None:
        """Keep what the search over all datastores looks at in line with the item."""
        held = draft.before.values if draft.before is not None else {}
        names = searched_names(self._snapshot, datastore, held, item.values)
        step = index_step(datastore, item, draft.changed, history, names, is_published=is_published)
        if step is not None:
            self._steps.append(step)

    def _insert(self, draft: Draft) -> tuple[Item, Changes]:
        datastore = draft.entry.datastore
        snapshot = self._snapshot
        values = draft.values
        for field in datastore.number_fields:
            if values.get(field.id) is None:
                values = {**values, field.id: self._next_number(datastore, field.id)}
        if datastore.calc_fields:
            values = {**values, **self._computed(datastore, values, draft.status)}
        item = Item(
            datastore.id,
            self._new_id(draft),
            snapshot.take_row(datastore.id),
            1,
            1,
            draft.status,
            make_title(datastore, values),
            self._now,
            IMPORT if self._is_import else self._actor.user,
            None,
            "",
            draft.keys,
            values,
        )
        self._claim(datastore, item.id, {}, values)
        self._move_files(datastore, item.id, {}, values)
        snapshot.put_item(datastore.id, item.id, item)
        snapshot.know_new_item(item.id)
        self._steps.append(InsertItem(item))
        changes: dict[str, tuple[object, object]] = {
            key: (None, value) for key, value in values.items() if value is not None
        }
        if item.status:
            changes["status"] = (None, item.status)
        changes["keys"] = (None, sorted(item.keys))
        if draft.seed:
            changes[COPIED_FROM] = (None, draft.seed)
        return item, changes

    def _computed(
        self, datastore: Datastore, values: Mapping[str, Value], status: str
    ) -> dict[str, Value]:
        """The values of the calc fields."""
        plan = calc_plan(datastore, self._scope.catalog)
        return plan.compute(values, status, self._now, self._snapshot.find_seen)

    def _with_computed(self, draft: Draft) -> Draft:
        """An update with the values that follow from it."""
        found = self._computed(draft.entry.datastore, draft.values, draft.status)
        held = draft.values
        changed = tuple(key for key, value in found.items() if held.get(key) != value)
        if not changed:
            return draft
        return replace(draft, values={**held, **found}, changed=(*draft.changed, *changed))

    def _new_id(self, draft: Draft) -> str:
        """The reserved id that the entry names, used up, or a new one."""
        reserved = draft.entry.item if draft.entry.operation is Op.NEW else ""
        if not reserved:
            return self._ids.next_id()
        self._snapshot.put_reserved(reserved, None)
        self._steps.append(UseReservedId(reserved))
        return reserved

    def _next_number(self, datastore: Datastore, field_id: str) -> str:
        """Take the next number of the field, past those that its items already hold."""
        field = datastore.find_field(field_id)
        if field is None:
            raise KeyError(field_id)
        snapshot = self._snapshot
        last = snapshot.find_counter(field.id, None, make=False) or 0
        taken = 0
        while True:
            last += 1
            if last > INTEGER_MAX:
                reason = "the counter has reached its end"
                raise FaultError(FaultKind.INVALID, bad_value(field.id, field.display_id, reason))
            text = format_auto_number(last, "", field.settings)
            if not field.unique:
                break
            span = min(max(GROUP_JOBS_MAX, taken * 8), 50_000)
            known = (field.id, text) in snapshot.holders
            ahead = [
                format_auto_number(last + one, "", field.settings)
                for one in range(1 if known else span)
            ]
            if not snapshot.find_number(datastore.id, field.id, ahead):
                break
            taken += 1
        snapshot.put_counter(field.id, None, last)
        self._steps.append(SetCounter(field.id, None, last))
        return text

    def _update(self, draft: Draft) -> tuple[Item, Changes]:
        before = draft.before
        if before is None:
            raise ValueError("an update has an item before it")
        datastore = draft.entry.datastore
        changed = draft.changed
        values = draft.values
        title = before.title
        if changed and not datastore.title_ids.isdisjoint(changed):
            title = make_title(datastore, values)
        item = Item(
            before.datastore,
            before.id,
            before.n,
            before.rev + 1,
            before.seq + 1,
            draft.status,
            title,
            before.created_at,
            before.created_by,
            self._now,
            self._actor.user,
            draft.keys,
            values,
        )
        self._claim(datastore, item.id, before.values, values)
        self._move_files(datastore, item.id, before.values, values)
        self._snapshot.put_item(item.datastore, item.id, item)
        keys_changed = before.keys != item.keys
        self._steps.append(UpdateItem(item, changed, keys_changed=keys_changed))
        held = before.values
        changes: dict[str, tuple[object, object]] = {
            key: (held.get(key), values[key]) for key in changed
        }
        if before.status != item.status:
            changes["status"] = (before.status, item.status)
        if keys_changed:
            changes["keys"] = (sorted(before.keys), sorted(item.keys))
        return item, changes

    def _delete(self, draft: Draft) -> tuple[Item, Changes]:
        before = draft.before
        if before is None:
            raise ValueError("a delete has an item before it")
        datastore = draft.entry.datastore
        self._claim(datastore, before.id, before.values, {})
        self._move_files(datastore, before.id, before.values, {})
        self._snapshot.put_item(before.datastore, before.id, None)
        item = replace(
            before,
            rev=before.rev + 1,
            seq=before.seq + 1,
            updated_at=self._now,
            updated_by=self._actor.user,
        )
        self._steps.append(DeleteItem(item))
        changes: dict[str, tuple[object, object]] = {
            key: (before.values[key], None) for key in draft.changed
        }
        return item, changes

    def _claim(
        self,
        datastore: Datastore,
        item: str,
        held: Mapping[str, Value],
        wanted: Mapping[str, Value],
    ) -> None:
        """Give up the unique values that go, take those that come."""
        for field in datastore.unique_fields:
            old, new = held.get(field.id), wanted.get(field.id)
            if old == new:
                continue
            if old is not None:
                self._snapshot.put_holder(field.id, old, "")
            if new is not None:
                self._snapshot.put_holder(field.id, new, item)

    def _move_files(
        self,
        datastore: Datastore,
        item: str,
        held: Mapping[str, Value],
        wanted: Mapping[str, Value],
    ) -> None:
        """Attach the files that come, delete those that go."""
        if datastore.file_fields:
            steps = move_files(self._snapshot, datastore, item, held, wanted, self._now)
            self._steps.extend(steps)

    def _history(self, item: Item, draft: Draft, changes: Changes) -> HistoryEntry:
        history = HistoryEntry(
            self._ids.next_id(),
            self._actor.workspace,
            item.datastore,
            item.id,
            item.seq,
            item.rev,
            draft.action.id,
            IMPORT if self._is_import else _OPERATION_NAMES[draft.action.operation],
            self._actor.user,
            self._command.comment if not draft.entry.path else "",
            self._transaction,
            self._now,
            changes,
        )
        self._steps.append(InsertHistory(history))
        return history

    # -- events --------------------------------------------------------------------------------

    def _close(self, frame: Frame, *, run_post: bool, is_awaited: bool = False) -> None:
        """Emit the frame's one event, with the links made or removed under it."""
        if frame.draft is None:
            if frame.added or frame.removed:
                step, event = links_changed(
                    frame.item,
                    self._actor,
                    self._now,
                    (self._ids.next_id(), self._transaction),
                    self._project,
                )
                self._snapshot.put_item(step.item.datastore, step.item.id, step.item)
                self._steps.append(step)
                self._steps.append(
                    EmitEvent(
                        replace(
                            event,
                            run_post=run_post,
                            links_added=tuple(frame.added),
                            links_removed=tuple(frame.removed),
                        )
                    )
                )
            return
        before, item = frame.draft.before, frame.item
        is_changed = bool(frame.draft.changed) or before is None or _moved(before, item)
        event = Event(
            frame.history,
            _EVENT_KINDS[frame.draft.entry.operation],
            self._actor.workspace,
            frame.draft.entry.datastore.project,
            item.datastore,
            item.id,
            item.seq,
            item.rev,
            self._actor.user,
            self._now,
            self._transaction,
            frame.history,
            frame.draft.action.id,
            is_changed,
            run_post,
            tuple(frame.added),
            tuple(frame.removed),
            is_awaited and frame.draft.action.is_synchronous,
            self._command.as_params if run_post and frame.draft.action.post_script else None,
        )
        self._steps.append(EmitEvent(event))


def _moved(before: Item, item: Item) -> bool:
    return before.status != item.status or before.keys != item.keys


def links_changed(
    item: Item, actor: Actor, now: int, ids: tuple[str, str], project: str
) -> tuple[UpdateItem, Event]:
    """Only the item's sequence moves: a link is not a revision. `ids`: of event, transaction."""
    after = replace(item, seq=item.seq + 1)
    event = Event(
        ids[0],
        EventKind.LINKS_CHANGED,
        actor.workspace,
        project,
        item.datastore,
        item.id,
        after.seq,
        item.rev,
        actor.user,
        now,
        ids[1],
    )
    return UpdateItem(after, (), is_action=False), event
