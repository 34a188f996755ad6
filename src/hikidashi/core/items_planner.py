"""Commands that write items, as plans: one, those a search has found, a batch. Pure."""

from __future__ import annotations

from dataclasses import replace

from .access import Actor
from .catalog import Catalog
from .commands import (
    EntryRequest,
    ItemsRequest,
    Op,
    Publish,
    WriteBatch,
    WriteFound,
    WriteItem,
    WriteRequest,
)
from .draft import HandedBackError, Scope
from .errors import (
    Fault,
    FaultError,
    FaultKind,
    aborted,
    too_many_found,
    unknown_publish,
)
from .ids import IdSource
from .items import HistoryEntry, Snapshot
from .linked import find_linked
from .plan import ItemsResult, WritePlan, WriteResult
from .related_planner import RelatedPlanner
from .rule_links import Writer, follow_rules
from .write_planner import Frame


def plan_write(  # noqa: PLR0913  everything a plan depends on, and nothing else
    request: WriteRequest,
    snapshot: Snapshot,
    actor: Actor,
    catalog: Catalog,
    now: int,
    ids: IdSource,
) -> WritePlan:
    """One item; its own faults are raised, those of related entries are gathered."""
    command = request.command
    scope = Scope(snapshot, actor, catalog, command.force, request.judged_revision)
    return _ItemPlanner(command, request.project.id, scope, now, ids).plan(request, command)


def plan_items(  # noqa: PLR0913
    request: ItemsRequest,
    snapshot: Snapshot,
    actor: Actor,
    catalog: Catalog,
    now: int,
    ids: IdSource,
) -> WritePlan:
    """Several items that hang on none other; the faults of each are gathered."""
    command = request.command
    hands_back = isinstance(command, WriteFound) and not command.is_final
    scope = Scope(snapshot, actor, catalog, command.force, hands_back=hands_back)
    if isinstance(command, WriteFound):
        _check_found(command)
        for one in request.items[:1]:  # all have the same action
            _check_judged(one, command.judged)
    return _ItemsPlanner(command, request.project.id, scope, now, ids).plan(request)


def _check_found(command: WriteFound) -> None:
    if command.most and command.matched > command.most and not command.goes_on:
        raise too_many_found(command.matched, command.most)


def _check_judged(entry: EntryRequest, judged: str) -> None:
    """The action may have been given a script since whoever sent the command looked at it."""
    if entry.action is not None and entry.action.pre_script != judged:
        raise HandedBackError


class _ItemPlanner(RelatedPlanner):
    """An item, what hangs on it, and what a delete takes along."""

    def plan(self, request: WriteRequest, command: WriteItem) -> WritePlan:
        entry = request.entry
        if not command.is_import:
            _check_judged(entry, command.judged)
        publish = entry.publish
        if command.legacy_groups:
            publish = self._root_publish(command, publish)
        frame, history = self._write(entry, publish)
        if entry.related:
            self._related(entry, frame, publish)
        if command.realtime_auto_link and entry.operation is not Op.DELETE:
            self._follow_rules(frame)
        self._close(frame, run_post=not command.is_import, is_awaited=command.awaits_post)
        if request.linked:
            self._delete_linked(frame, request)
        if self._failed and command.all_or_nothing:
            raise FaultError(FaultKind.ABORTED, aborted(), *self._faults)
        result = WriteResult(
            frame.item,
            history,
            bool(history.changes),
            tuple(self._faults),
            tuple(self._made),
            self._project,
        )
        return WritePlan(tuple(self._steps), result)

    def _follow_rules(self, frame: Frame) -> None:
        """Link the item by rule; what is linked from it is told with its own event."""
        scope = self._scope
        writer = Writer(scope.actor, self._now, self._ids, self._transaction)
        found = follow_rules(frame.item, scope.catalog, scope.snapshot, writer)
        self._steps.extend(found.steps)
        frame.added.extend(found.added)
        frame.removed.extend(found.removed)

    def _root_publish(self, command: WriteItem, publish: Publish | None) -> Publish | None:
        """Add the legacy top-level groups, all by display id or all by id."""
        by_display_id = command.legacy_by_display_id
        groups: list[str] = []
        for ref in command.legacy_groups:
            group = self._scope.catalog.find_group(ref)
            if group is not None and ref == (group.display_id if by_display_id else group.id):
                groups.append(ref)
            else:
                self._faults.append(unknown_publish("group", ref))
        base = publish or Publish()
        return replace(base, groups=(*base.groups, *groups))

    def _delete_linked(self, root: Frame, request: WriteRequest) -> None:
        entries, notes = find_linked(root.item, request.linked, self._scope)
        self._faults.extend(notes)
        for entry in entries:
            frame, _ = self._write(entry, None)
            self._close(frame, run_post=self._command.run_related_post)


class _ItemsPlanner(RelatedPlanner):
    """Items side by side."""

    def plan(self, request: ItemsRequest) -> WritePlan:
        written: list[HistoryEntry] = []
        paths: list[str] = []
        command = request.command
        if isinstance(command, WriteFound) and command.refused:
            self._faults.extend(command.refused)
            self._failed = True
        for entry in request.items:
            mark, steps, faults = self._snapshot.mark(), len(self._steps), len(self._faults)
            try:
                written.append(self._write_one(entry))
                paths.append(entry.path)
            except FaultError as error:
                self._snapshot.undo_to(mark)
                del self._steps[steps:], self._faults[faults:]
                self._failed = True
                self._faults.extend(self._told(entry, error))
        if self._failed and command.all_or_nothing:
            raise FaultError(FaultKind.ABORTED, aborted(), *self._faults)
        matched = command.matched if isinstance(command, WriteFound) else len(request.items)
        result = ItemsResult(tuple(written), tuple(paths), tuple(self._faults), matched)
        return WritePlan(tuple(self._steps), result)

    def _write_one(self, entry: EntryRequest) -> HistoryEntry:
        frame, history = self._write(entry, entry.publish)
        if entry.related:
            self._related(entry, frame, entry.publish)
        self._close(frame, run_post=True)
        return history

    def _told(self, entry: EntryRequest, error: FaultError) -> list[Fault]:
        if isinstance(self._command, WriteBatch):
            return self._told_of(entry, error)
        return [fault.at(entry.item, "") for fault in error.faults]
