"""Comments on an item: posted, edited and deleted as steps like any write's. Pure."""

from __future__ import annotations

from dataclasses import replace

from .access import Actor, may_design
from .catalog import Project
from .commands import CommentRequest, EditComment, PostComment, RemoveComment
from .errors import forbidden, no_comment, no_item
from .events import Event, EventKind
from .full_text import comment_text
from .ids import IdSource
from .items import HistoryEntry, Item, Snapshot
from .plan import (
    CommentResult,
    EmitEvent,
    IndexText,
    InsertHistory,
    Step,
    UpdateComment,
    UpdateItem,
    WritePlan,
)


def plan_comment(
    request: CommentRequest, snapshot: Snapshot, actor: Actor, now: int, ids: IdSource
) -> WritePlan:
    """The item's sequence moves and its revision does not, as with links."""
    command = request.command
    before = visible_item(snapshot, actor, request.datastore.id, command.item)
    item = replace(before, seq=before.seq + 1)
    step: Step
    match command:
        case PostComment():
            if not actor.may_write:
                raise forbidden("no privileges to post a comment")
            entry = _new_entry(command, item, actor, now, ids)
            step, kind = InsertHistory(entry), EventKind.COMMENT_CREATED
            snapshot.put_comment(entry.id, entry)
        case EditComment():
            held = _own_comment(request, snapshot, actor, "update")
            entry = replace(held, comment=command.comment, updated_at=now, updated_by=actor.user)
            step, kind = UpdateComment(entry), EventKind.COMMENT_UPDATED
            snapshot.put_comment(entry.id, entry)
        case RemoveComment():
            held = _own_comment(request, snapshot, actor, "delete")
            # Who deletes a comment expects its text to be gone; the row keeps its place.
            entry = replace(held, comment="", deleted_at=now, updated_at=now, updated_by=actor.user)
            step, kind = UpdateComment(entry), EventKind.COMMENT_DELETED
            snapshot.put_comment(entry.id, None)
    snapshot.put_item(item.datastore, item.id, item)
    is_new = kind is EventKind.COMMENT_CREATED
    event = Event(
        entry.id if is_new else ids.next_id(),
        kind,
        actor.workspace,
        request.datastore.project,
        item.datastore,
        item.id,
        item.seq,
        item.rev,
        actor.user,
        now,
        entry.transaction if is_new else ids.next_id(),
        entry.id,
        run_post=is_new,
    )
    steps: list[Step] = [UpdateItem(item, (), is_action=False), step]
    if request.datastore.text_fields:
        steps.append(IndexText(item, (comment_text(entry),)))
    steps.append(EmitEvent(event))
    return WritePlan(tuple(steps), CommentResult(entry))


def _new_entry(
    command: PostComment, item: Item, actor: Actor, now: int, ids: IdSource
) -> HistoryEntry:
    return HistoryEntry(
        ids.next_id(),
        actor.workspace,
        item.datastore,
        item.id,
        item.seq,
        item.rev,
        "",
        "",
        actor.user,
        command.comment,
        ids.next_id(),
        now,
        {},
        command.marks_unread,
    )


def _own_comment(
    request: CommentRequest, snapshot: Snapshot, actor: Actor, verb: str
) -> HistoryEntry:
    """The comment, if the actor wrote it or administers the project. Raises 404, then 403."""
    command = request.command
    if isinstance(command, PostComment):
        raise TypeError(command)
    found = snapshot.find_comment(command.history)
    if found is None or found.item != command.item:
        raise no_comment(command.history)
    if not _may_change(actor, found, request.project):
        raise forbidden(f"no privileges to {verb} history")
    return found


def _may_change(actor: Actor, comment: HistoryEntry, project: Project) -> bool:
    return actor.may_write and (comment.user == actor.user or may_design(actor, project))


def visible_item(snapshot: Snapshot, actor: Actor, datastore: str, item: str) -> Item:
    """An item that the actor's keys open. Raises 404."""
    found = snapshot.find_item(datastore, item)
    if found is None or found.keys.isdisjoint(actor.keyring):
        raise no_item(item)
    return found
