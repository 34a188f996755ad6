"""What the outbox carries: one event a real change, written by the change's own transaction."""

from __future__ import annotations

from enum import Enum

from .record import record


class EventKind(str, Enum):
    """What happened to an item."""

    CREATED = "item.created"
    UPDATED = "item.updated"
    DELETED = "item.deleted"
    LINKS_CHANGED = "links.changed"
    COMMENT_CREATED = "comment.created"
    COMMENT_UPDATED = "comment.updated"
    COMMENT_DELETED = "comment.deleted"


@record
class Event:
    """One thing that happened to one item; `seq` orders the events of an item."""

    id: str  # the history entry's, if the event has one
    kind: EventKind
    workspace: str
    project: str
    datastore: str
    item: str
    seq: int
    rev: int
    user: str
    at: int  # ms
    transaction: str
    history: str = ""  # id
    action: str = ""  # id
    is_changed: bool = True
    run_post: bool = True  # scripts, webhooks and notifications follow it
    links_added: tuple[tuple[str, str], ...] = ()  # (datastore, item)
    links_removed: tuple[tuple[str, str], ...] = ()
    is_awaited: bool = False  # whoever wrote runs a synchronous POST script of the action there
    as_params: object = None  # what the caller told the POST script of the action
    scripts: int = 0  # that stand behind the write; known once it is kept
