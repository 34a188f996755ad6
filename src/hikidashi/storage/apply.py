"""Carrying plans out: steps folded into sets, written in one fixed order of statements."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

import msgspec

from ..core.full_text import grams
from ..core.items import HistoryEntry, Item, Link, Reservation
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
    Text,
    UpdateComment,
    UpdateItem,
    UseReservedId,
)
from .access_sets import ACL
from .engines import Batch, Column, Delete, Insert, Row, Update
from .outbox import OUTBOX_COLUMNS, event_row
from .reservations import reservation_batches
from .snapshot import FindDatastore, branch_key
from .tables import CHANGING_COLUMNS, ID, item_table, table_name

HISTORY_COLUMNS = (
    Column("item_id", "text"),
    Column("seq", "bigint"),
    Column("id", "text"),
    Column("workspace_id", "text"),
    Column("datastore_id", "text"),
    Column("rev", "bigint"),
    Column("action_id", "text"),
    Column("operation", "text"),
    Column("user_id", "text"),
    Column("comment", "text"),
    Column("transaction_id", "text"),
    Column("created_at", "bigint"),
    Column("changes", "text"),
)
COMMENT_COLUMNS = (
    *HISTORY_COLUMNS,
    Column("marks_unread", "bigint"),
    Column("updated_at", "bigint"),
    Column("updated_by", "text"),
    Column("deleted_at", "bigint"),
)
LINK_COLUMNS = (
    Column("from_item", "text"),
    Column("to_item", "text"),
    Column("kind", "text"),
    Column("from_datastore", "text"),
    Column("to_datastore", "text"),
)
COUNTER_COLUMNS = (
    Column("field_id", "text"),
    Column("branch", "text"),
    Column("last", "bigint"),
)
_HISTORY_KEY = ("item_id", "seq")
_EDITED = ("comment", "updated_at", "updated_by", "deleted_at")
TEXT_COLUMNS = (
    Column("item_id", "text"),
    Column("source", "text"),
    Column("category", "text"),
    Column("field_id", "text"),
    Column("workspace_id", "text"),
    Column("datastore_id", "text"),
    Column("acl", "bigint"),
    Column("grams", "text"),
)
_TEXT_KEY = TEXT_COLUMNS[:2]
_ITEM_ID = TEXT_COLUMNS[0]
_ATTACHED = (
    Column("datastore_id", "text"),
    Column("field_id", "text"),
    Column("item_id", "text"),
    Column("attached_at", "bigint"),
    Column("deleted_at", "bigint"),
)
_DELETED = (Column("deleted_at", "bigint"),)
_LINK_KEY = LINK_COLUMNS[:3]
_FROM = LINK_COLUMNS[:1]
_TO = LINK_COLUMNS[1:2]
_encode = msgspec.json.Encoder().encode
_Key = tuple[str, str]


class Fold:
    """The steps of a group's plans, an item written once, as its final image."""

    def __init__(self, find: FindDatastore) -> None:
        self._find = find
        self._inserts: dict[_Key, Item] = {}
        self._updates: dict[_Key, tuple[Item, frozenset[str], bool]] = {}  # fields, keys changed
        self._deletes: dict[_Key, Item] = {}
        self._links: dict[tuple[str, str, str], tuple[bool, Link]] = {}
        self._cut: list[str] = []  # items whose links go with them
        self._histories: list[Row] = []
        self._comments: dict[str, Row] = {}
        self._texts: dict[_Key, tuple[Item, Text]] = {}  # by item and source
        self._published: dict[str, Item] = {}  # items whose texts other keys open
        self._unsearched: list[str] = []  # items whose texts go with them
        self._events: list[Row] = []
        self._counters: dict[tuple[str, str], int] = {}
        self._reserved: dict[str, Reservation] = {}
        self._used: list[str] = []  # ids that are reserved no longer
        self._attached: dict[str, Row] = {}
        self._deleted_files: dict[str, Row] = {}

    def add(self, steps: Iterable[Step], scripts: int = 0) -> None:
        """Fold the steps of one plan in, after those of the plans before it.

        `scripts`: how many stand behind it.
        """
        for step in steps:
            match step:  # the most frequent ones first, and without taking them apart
                case UpdateItem():
                    self._update(step.item, step.fields, keys_changed=step.keys_changed)
                case InsertHistory() if step.entry.action:
                    self._histories.append(_history_row(step.entry))
                case EmitEvent():
                    self._events.append(event_row(step.event, scripts))
                case InsertItem():
                    self._inserts[step.item.datastore, step.item.id] = step.item
                case InsertLink():
                    self._links[step.link.key] = (True, step.link)
                case SetCounter(field, branch, last):
                    self._counters[field, branch_key(branch)] = last
                case DeleteItem(item):
                    self._delete(item)
                case DeleteLink(link):
                    self._links[link.key] = (False, link)
                case IndexText(item, texts, is_published):
                    for text in texts:
                        self._texts[item.id, text.source] = (item, text)
                    if is_published:
                        self._published[item.id] = item
                case ReserveId(reservation):
                    self._reserved[reservation.item] = reservation
                case UseReservedId(used):
                    if self._reserved.pop(used, None) is None:
                        self._used.append(used)
                case InsertHistory(entry) | UpdateComment(entry):
                    self._comments[entry.id] = _comment_row(entry)
                case AttachFile(file, datastore, field, item_id, at):
                    self._attached[file] = (datastore, field, item_id, at, None, file)
                    self._deleted_files.pop(file, None)
                case DeleteFile(file, at):
                    self._deleted_files[file] = (at, file)
                case _:
                    assert_never(step)

    def _update(self, item: Item, fields: tuple[str, ...], *, keys_changed: bool) -> None:
        key = (item.datastore, item.id)
        if key in self._inserts:
            self._inserts[key] = item
            return
        earlier = self._updates.get(key)
        if earlier is None:
            self._updates[key] = (item, frozenset(fields), keys_changed)
        else:
            self._updates[key] = (item, earlier[1].union(fields), earlier[2] or keys_changed)

    def _delete(self, item: Item) -> None:
        key = (item.datastore, item.id)
        if self._inserts.pop(key, None) is None:
            self._updates.pop(key, None)
            self._deletes[key] = item
        self._cut.append(item.id)
        datastore = self._find(item.datastore)
        if datastore is not None and datastore.text_fields:
            self._unsearched.append(item.id)
            self._published.pop(item.id, None)
            for text_key in [one for one in self._texts if one[0] == item.id]:
                del self._texts[text_key]
        for link_key in [one for one in self._links if item.id in one[:2]]:
            del self._links[link_key]

    @property
    def events(self) -> list[Row]:
        """The rows of the outbox."""
        return self._events

    def workspace_sets(self) -> set[tuple[str, frozenset[str]]]:
        """The sets of access keys that rows will name, each with the workspace of its items."""
        found: set[tuple[str, frozenset[str]]] = set()
        items = [
            *self._inserts.values(),
            *[item for item, _, keys_changed in self._updates.values() if keys_changed],
        ]
        if self._texts or self._published:
            items += [*[item for item, _ in self._texts.values()], *self._published.values()]
        for item in items:
            datastore = self._find(item.datastore)
            if datastore is not None:
                found.add((datastore.workspace, item.keys))
        return found

    def batches(self, acls: dict[tuple[str, frozenset[str]], int]) -> list[Batch]:
        """Deletes, inserts, updates, links, histories, outbox, counters, files: in this order."""
        batches: list[Batch] = []
        batches.extend(self._delete_batches())
        batches.extend(self._insert_batches(acls))
        batches.extend(self._update_batches(acls))
        added = [link for is_made, link in self._links.values() if is_made]
        removed = [link.key for is_made, link in self._links.values() if not is_made]
        if removed:
            batches.append(Delete("links", _LINK_KEY, removed))
        if added:
            rows = [(*link.key, link.from_datastore, link.to_datastore) for link in added]
            batches.append(Insert("links", LINK_COLUMNS, rows, ("from_item", "to_item", "kind")))
        if self._histories:
            batches.append(Insert("histories", HISTORY_COLUMNS, self._histories))
        if self._comments:
            rows = list(self._comments.values())
            batches.append(Insert("histories", COMMENT_COLUMNS, rows, _HISTORY_KEY, _EDITED))
        if self._events:
            batches.append(Insert("outbox", OUTBOX_COLUMNS, self._events))
        if self._counters:
            counters = [(*key, last) for key, last in self._counters.items()]
            key_names = ("field_id", "branch")
            batches.append(Insert("counters", COUNTER_COLUMNS, counters, key_names, ("last",)))
        if self._texts or self._published or self._unsearched:
            batches.extend(self._text_batches(acls))
        if self._reserved or self._used:
            batches.extend(reservation_batches(list(self._reserved.values()), self._used))
        if self._attached:
            batches.append(Update("files", ID, _ATTACHED, list(self._attached.values())))
        if self._deleted_files:
            batches.append(Update("files", ID, _DELETED, list(self._deleted_files.values())))
        return batches

    def _text_batches(self, acls: dict[tuple[str, frozenset[str]], int]) -> list[Batch]:
        """Texts are deleted and written anew; they bear the keys that their item has at last."""
        old = [key for key, (item, _) in self._texts.items() if self._is_there(item)]
        rows: list[Row] = []
        for item, text in self._texts.values():
            kept = grams(text.text)
            if kept:
                acl = self._acl(item, acls)
                rows.append(text_row(item, text, self._workspace(item), acl, kept))
        published: list[Row] = [
            (self._acl(item, acls), item.id)
            for item in self._published.values()
            if self._is_there(item)
        ]
        return [
            Delete("texts", (_ITEM_ID,), [(one,) for one in self._unsearched], together=True),
            Delete("texts", _TEXT_KEY, old, together=True),
            Update("texts", _ITEM_ID, (ACL,), published, together=True),
            Insert("texts", TEXT_COLUMNS, rows, together=True),
        ]

    def _is_there(self, item: Item) -> bool:
        return (item.datastore, item.id) not in self._inserts

    def _acl(self, item: Item, acls: dict[tuple[str, frozenset[str]], int]) -> int:
        key = (item.datastore, item.id)
        updated = self._updates.get(key)
        last = updated[0] if updated else self._inserts.get(key, item)
        return acls[self._workspace(last), last.keys]

    def _workspace(self, item: Item) -> str:
        datastore = self._find(item.datastore)
        if datastore is None:
            raise KeyError(item.datastore)
        return datastore.workspace

    def _delete_batches(self) -> list[Batch]:
        batches: list[Batch] = []
        by_datastore: dict[str, list[Row]] = {}
        for datastore, item in self._deletes:
            by_datastore.setdefault(datastore, []).append((item,))
        for datastore, rows in by_datastore.items():
            batches.append(Delete(table_name(datastore), (ID,), rows, together=True))
        if self._cut:
            cut: list[Row] = [(item,) for item in self._cut]
            batches.append(Delete("links", _FROM, cut))
            batches.append(Delete("links", _TO, cut))
        return batches

    def _insert_batches(self, acls: dict[tuple[str, frozenset[str]], int]) -> list[Batch]:
        by_datastore: dict[str, list[Item]] = {}
        for item in self._inserts.values():
            by_datastore.setdefault(item.datastore, []).append(item)
        batches: list[Batch] = []
        for datastore_id, items in by_datastore.items():
            datastore = self._find(datastore_id)
            if datastore is None:
                raise KeyError(datastore_id)
            table = item_table(datastore)
            rows = [table.row(item, acls[datastore.workspace, item.keys]) for item in items]
            together = bool(table.searched)
            batches.append(Insert(table.name, table.columns, rows, together=together))
        return batches

    def _update_batches(self, acls: dict[tuple[str, frozenset[str]], int]) -> list[Batch]:
        """Items of which the same changed go together."""
        shapes: dict[tuple[str, frozenset[str], bool], list[Item]] = {}
        for item, changed, moved in self._updates.values():
            shapes.setdefault((item.datastore, changed, moved), []).append(item)
        batches: list[Batch] = []
        for (datastore_id, changed, moved), items in shapes.items():
            fields = sorted(changed)
            datastore = self._find(datastore_id)
            if datastore is None:
                raise KeyError(datastore_id)
            table = item_table(datastore)
            keys = (ACL,) if moved else ()
            columns = (*CHANGING_COLUMNS, *keys, *[table.column_of[one] for one in fields])
            workspace = datastore.workspace
            rows = [
                (
                    item.rev,
                    item.seq,
                    item.status,
                    item.title,
                    item.updated_at,
                    item.updated_by,
                    *([acls[workspace, item.keys]] if moved else ()),
                    *table.values(item, fields),
                    item.id,
                )
                for item in items
            ]
            together = not table.searched.isdisjoint(fields)
            batches.append(Update(table.name, ID, columns, rows, together))
        return batches


def text_row(item: Item, text: Text, workspace: str, acl: int, kept: str) -> Row:
    """A row of `texts`."""
    source = (text.source, text.category, text.field)
    return (item.id, *source, workspace, item.datastore, acl, kept)


def _history_row(entry: HistoryEntry) -> Row:
    return (
        entry.item,
        entry.seq,
        entry.id,
        entry.workspace,
        entry.datastore,
        entry.rev,
        entry.action,
        entry.operation,
        entry.user,
        entry.comment,
        entry.transaction,
        entry.created_at,
        _encode(entry.changes).decode(),
    )


def _comment_row(entry: HistoryEntry) -> Row:
    return (
        *_history_row(entry),
        int(entry.marks_unread),
        entry.updated_at,
        entry.updated_by,
        entry.deleted_at,
    )
