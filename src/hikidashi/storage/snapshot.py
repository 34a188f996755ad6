"""Reading, and locking in one global order, what a group of commands touches.

The order on PostgreSQL: workspaces (shared), counters, unique values, reserved ids, then items by
datastore and id, then files by id. Two groups that follow it never wait for each other in a circle.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Set as AbstractSet
from typing import Any, Literal

from ..core.catalog import Datastore
from ..core.items import HistoryEntry, Link, Reservation, Snapshot
from ..core.kinds import Storage
from ..core.limits import LINKED_READ_MAX
from ..core.relations import Question
from ..core.touches import Touches
from .access_sets import AccessSets
from .engines import Column, Connection, Engine, Query, QueryKeys, Row
from .files import STATE, file_state
from .reservations import ID as RESERVED_ID, SELECT as RESERVED
from .rules import Finding
from .tables import ACL_AT, ID, ItemTable, N, field_column, item_table

FIELD = Column("field_id", "text")
_NO_KEYS = frozenset[str]()  # nobody is shown what is read for formulas
# How unique values are locked: each; all of a datastore at once, where job after job takes more; or
# not at all, where nobody else writes in the workspace.
ValueLocks = Literal["each", "whole", "none"]
FindDatastore = Callable[[str], Datastore | None]
_LINKS = "SELECT from_datastore, from_item, to_datastore, to_item, kind FROM links"
_COMMENT = (
    "SELECT id, workspace_id, datastore_id, item_id, seq, rev, action_id, operation, user_id,"
    " comment, transaction_id, created_at, marks_unread, updated_at, coalesce(updated_by, ''),"
    " deleted_at"
    " FROM histories WHERE id = ? AND action_id = ''"
)


def branch_key(branch: str | None) -> str:
    """A counter's branch as its column keeps it: "-" for None, else "+" and the key."""
    return "-" if branch is None else f"+{branch}"


def needs_locks(touches: Touches) -> bool:
    """Whether what is asked for late would have had to be locked earlier."""
    return bool(
        touches.items
        or touches.rows
        or touches.holders
        or touches.counters
        or touches.reserved
        or touches.files
    )


class SnapshotReader:
    """Fills snapshots over one connection."""

    def __init__(  # noqa: PLR0913  what it reads with, and how it locks
        self,
        engine: Engine,
        connection: Connection,
        access: AccessSets,
        find: FindDatastore,
        *,
        value_locks: ValueLocks = "each",
        locks: bool = True,
    ) -> None:
        self._value_locks = value_locks if locks else "none"
        self._locks = locks  # False: only to look, over a connection that can't write
        self._engine = engine
        self._connection = connection
        self._access = access
        self._find = find
        self._queries: list[Query | QueryKeys] = []
        self._handlers: list[Callable[[list[Row]], None]] = []
        self._rows: list[tuple[Datastore, list[Row]]] = []

    def read(
        self,
        snapshot: Snapshot,
        touches: Touches,
        workspaces: Iterable[str] = (),
        numbers: Callable[[list[Row]], None] | None = None,
    ) -> None:
        """Read all that `touches` names; `numbers` is given the workspaces' rows."""
        if numbers is not None:
            self._ask_numbers(sorted(workspaces), numbers)
        if touches.counters:
            self._ask_counters(snapshot, touches)
        if touches.holders and self._value_locks != "none":
            self._lock_values(touches)
        if touches.reserved:
            self._ask_reserved(snapshot, touches.reserved)
        for datastore_id in sorted({*touches.items, *touches.rows}):
            self._ask_items(snapshot, touches, datastore_id)
        if touches.seen:
            self._ask_seen(snapshot, touches.seen)
        if touches.files:
            self._ask_files(snapshot, sorted(touches.files))
        if touches.holders or touches.numbers:
            self._ask_holders(snapshot, touches)
        self._ask_links(snapshot, touches)
        for question in touches.questions:
            self._ask_rules(snapshot, question)
        if touches.users:
            self._ask_users(snapshot, touches)
        if touches.comments:
            self._ask_comments(snapshot, touches)
        for datastore_id, count in touches.new_rows.items():
            self._ask_new_rows(snapshot, datastore_id, count)
        self._run()
        followed = self._load_items(snapshot)
        if followed:
            self._ask_seen(snapshot, followed)
            self._run()

    def _run(self) -> None:
        queries, handlers = self._queries, self._handlers
        self._queries, self._handlers = [], []
        if queries:
            for handle, rows in zip(handlers, self._connection.read(queries), strict=True):
                handle(rows)

    def _ask(self, query: Query | QueryKeys, handle: Callable[[list[Row]], None]) -> None:
        self._queries.append(query)
        self._handlers.append(handle)

    def _ask_numbers(self, workspaces: list[str], handle: Callable[[list[Row]], None]) -> None:
        lock = self._engine.lock_workspaces(workspaces, exclusive=False)
        if lock is not None and self._locks:
            self._ask(lock, _ignore)
        select = "SELECT id, catalog_number, people_number FROM workspaces"
        self._ask(QueryKeys(select, ID, workspaces), handle)

    def _ask_counters(self, snapshot: Snapshot, touches: Touches) -> None:
        wanted = {
            (field, branch_key(branch)): (field, branch) for field, branch in touches.counters
        }
        made: set[tuple[str, str | None]] = set()
        locks = self._engine.name == "postgresql"
        if locks:  # FOR UPDATE locks nothing where there is no row
            for field, branch in sorted(wanted):
                key = wanted[field, branch]
                if touches.counters[key]:
                    text = (
                        "INSERT INTO counters (field_id, branch, last) VALUES (?, ?, 0) "
                        "ON CONFLICT DO NOTHING RETURNING 1"
                    )

                    def note(rows: list[Row], key: tuple[str, str | None] = key) -> None:
                        made.update([key] if rows else ())

                    self._ask(Query(text, (field, branch)), note)
        for field, branch in sorted(wanted):
            key = wanted[field, branch]
            text = "SELECT last FROM counters WHERE field_id = ? AND branch = ?"

            def handle(rows: list[Row], key: tuple[str, str | None] = key) -> None:
                snapshot.counters[key] = rows[0][0] if rows and key not in made else None

            self._ask(Query(f"{text} FOR UPDATE" if locks else text, (field, branch)), handle)

    def _lock_values(self, touches: Touches) -> None:
        hashes: dict[str, list[int]] = {}
        for datastore, field, value in touches.holders:
            hashes.setdefault(datastore, []).append(_value_hash(field, value))
        for lock in self._engine.lock_values(hashes, whole=self._value_locks == "whole"):
            self._ask(lock, _ignore)

    def _ask_items(self, snapshot: Snapshot, touches: Touches, datastore_id: str) -> None:
        ids = touches.items.get(datastore_id)
        datastore = self._find(datastore_id)
        if datastore is None:  # what a lookup field points to may be gone
            snapshot.expect(datastore_id, ids or (), ())
            return
        rows = touches.rows.get(datastore_id)
        snapshot.expect(datastore_id, ids or (), rows or ())

        def handle(found: list[Row]) -> None:
            self._rows.append((datastore, found))

        table = item_table(datastore)
        if (
            ids and rows and self._locks and self._engine.name == "postgresql"
        ):  # two reads would lock in two orders
            text = (
                f"{table.select} WHERE id = ANY(?::text[] || "  # noqa: S608  our own hex ids
                f"ARRAY(SELECT id FROM {table.name} WHERE n = ANY(?::bigint[])))"
                " ORDER BY id FOR UPDATE"
            )
            self._ask(Query(text, (sorted(ids), sorted(rows))), handle)
            return
        for key, keys in ((ID, ids), (N, rows)):
            if keys:
                self._ask(
                    QueryKeys(table.select, key, sorted(keys), lock=self._locks, order="id"), handle
                )

    def _ask_seen(self, snapshot: Snapshot, wanted: Mapping[str, AbstractSet[str]]) -> None:
        """Items that formulas read: as they are committed, without a lock, without their keys."""
        for datastore_id, items in wanted.items():
            unknown = sorted(one for one in items if not snapshot.knows(datastore_id, one))
            for item in unknown:
                snapshot.load_seen(datastore_id, item, None)
            datastore = self._find(datastore_id)
            if datastore is None or not unknown:
                continue
            table = item_table(datastore)

            def handle(rows: list[Row], table: ItemTable = table) -> None:
                for row in rows:
                    item = table.item(row, _NO_KEYS)
                    snapshot.load_seen(item.datastore, item.id, item)

            self._ask(QueryKeys(table.select, ID, unknown), handle)

    def _load_items(self, snapshot: Snapshot) -> dict[str, set[str]]:
        """Turn the rows read into items, with their keys from memory or one more read.

        Gives what the formulas of these items read, by datastore.
        """
        followed: dict[str, set[str]] = {}
        gathered, self._rows = self._rows, []
        acls = {row[ACL_AT] for _, rows in gathered for row in rows}
        keys = self._access.load_keys(self._connection, acls) if acls else {}
        for datastore, rows in gathered:
            make = item_table(datastore).item
            for row in rows:
                item = make(row, keys[row[ACL_AT]])
                snapshot.load_item(item)
                for field in datastore.followed_fields:
                    target = item.values.get(field.id)
                    if isinstance(target, str):
                        followed.setdefault(field.settings.lookup_datastore, set()).add(target)
        return followed

    def _ask_files(self, snapshot: Snapshot, files: list[str]) -> None:
        for one in files:
            snapshot.files[one] = None

        def handle(rows: list[Row]) -> None:
            snapshot.files.update((row[0], file_state(row)) for row in rows)

        self._ask(QueryKeys(STATE, ID, files, lock=self._locks, order="id"), handle)

    def _ask_holders(self, snapshot: Snapshot, touches: Touches) -> None:
        by_field: dict[tuple[str, str], list[object]] = {}
        for datastore_id, field_id, value in (*touches.holders, *touches.numbers):
            by_field.setdefault((datastore_id, field_id), []).append(value)
            snapshot.holders[field_id, value] = ""
        for (datastore_id, field_id), values in by_field.items():
            datastore = self._find(datastore_id)
            field = datastore.find_field(field_id) if datastore is not None else None
            if datastore is None or field is None or field.storage is Storage.LIST:
                continue
            column = field_column(field)
            name = item_table(datastore).name
            select = f"SELECT {column.name}, id FROM {name}"  # noqa: S608  our own hex ids

            def handle(rows: list[Row], field_id: str = field_id) -> None:
                for value, item in rows:
                    snapshot.holders[field_id, value] = item

            self._ask(QueryKeys(select, column, values), handle)

    def _ask_links(self, snapshot: Snapshot, touches: Touches) -> None:
        if not touches.link_pairs and not touches.links_into:
            return

        def handle(rows: list[Row]) -> None:
            snapshot.load_links(touches, [Link(*row) for row in rows])

        for item, datastore in sorted(touches.links_into):
            text = f"{_LINKS} WHERE from_item = ? AND to_datastore = ? LIMIT ?"
            self._ask(Query(text, (item, datastore, LINKED_READ_MAX + 1)), handle)
        # Never all links of one end: it may have any number of them.
        pairs = sorted({pair for one in touches.link_pairs for pair in (one, one[::-1])})
        if self._engine.name == "sqlite":
            for pair in pairs:
                self._ask(Query(f"{_LINKS} WHERE from_item = ? AND to_item = ?", pair), handle)
        elif pairs:
            wanted = "unnest(?::text[], ?::text[]) AS wanted (one, other)"
            text = f"{_LINKS} JOIN {wanted} ON from_item = one AND to_item = other"
            sources, targets = zip(*pairs, strict=True)
            self._ask(Query(text, (list(sources), list(targets))), handle)

    def _ask_rules(self, snapshot: Snapshot, question: Question) -> None:
        finding = Finding(question, self._find)
        asked = finding.queries()
        for at, (query, handle) in enumerate(asked, 1):

            def note(
                rows: list[Row],
                handle: Callable[[list[Row]], None] = handle,
                *,
                is_last: bool = at == len(asked),
            ) -> None:
                handle(rows)
                if is_last:
                    snapshot.differences[question] = finding.answer()

            self._ask(query, note)

    def _ask_users(self, snapshot: Snapshot, touches: Touches) -> None:
        by_workspace: dict[str, list[str]] = {}
        for workspace, user in touches.users:
            by_workspace.setdefault(workspace, []).append(user)
            snapshot.users[workspace, user] = False

        def handle(rows: list[Row]) -> None:
            for workspace, user in rows:
                if (workspace, user) in touches.users:
                    snapshot.users[workspace, user] = True

        for users in by_workspace.values():
            select = (
                "SELECT workspace_id, user_id FROM (SELECT workspace_id, user_id FROM members"
                " UNION ALL SELECT workspace_id, user_id FROM end_users) AS people"
            )
            self._ask(QueryKeys(select, Column("user_id", "text"), users), handle)

    def _ask_reserved(self, snapshot: Snapshot, items: AbstractSet[str]) -> None:
        def handle(rows: list[Row]) -> None:
            for row in rows:
                snapshot.reserved[row[0]] = Reservation(*row)

        for item in items:
            snapshot.reserved[item] = None
        keys = QueryKeys(RESERVED, RESERVED_ID, sorted(items), lock=self._locks, order="id")
        self._ask(keys, handle)

    def _ask_comments(self, snapshot: Snapshot, touches: Touches) -> None:
        def handle(rows: list[Row]) -> None:
            for row in rows:
                entry = _comment(row)
                if entry.deleted_at is None:
                    snapshot.comments[entry.id] = entry

        for history in sorted(touches.comments):
            snapshot.comments[history] = None
            self._ask(Query(_COMMENT, (history,)), handle)

    def _ask_new_rows(self, snapshot: Snapshot, datastore_id: str, count: int) -> None:
        def handle(rows: list[Row]) -> None:
            reserved = sorted(n for first, last in rows for n in range(first, last + 1))
            snapshot.new_rows.setdefault(datastore_id, []).extend(reserved)

        self._ask(self._engine.reserve_rows(datastore_id, count), handle)


def _comment(row: Row) -> HistoryEntry:
    parts: list[Any] = [*row[:12], {}, bool(row[12]), *row[13:]]
    return HistoryEntry(*parts)


def _ignore(rows: list[Row]) -> None:
    """The query was run for its effect."""


def _value_hash(field: str, value: object) -> int:
    text = f"{field} {value!r}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), signed=True)
