"""Reading items by id, and what hangs on them: links, histories, read marks, names.

Each function that gives items takes a keyring; an item that no key of it opens is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from ..core.catalog import Datastore
from ..core.ids import is_id
from ..core.items import Item
from ..core.limits import ROW_NUMBER_END
from ..core.plan import Changes
from ..core.query import LookupTarget, UnreadTest
from ..core.record import record
from .access_sets import AccessSets
from .engines import Column, Connection, Query, QueryKeys, Row
from .search_sql import unread, visible
from .tables import ACL_AT, ID, N, field_column, item_table, table_name

_USERS = "SELECT id, name, email FROM users"
_HISTORIES = (
    "SELECT id, seq, rev, action_id, operation, user_id, comment, transaction_id, created_at,"
    " updated_at, coalesce(updated_by, ''), marks_unread, changes FROM histories WHERE item_id = ?"
)
_QUERIES_AT_ONCE = 200
_USERS_AT_ONCE = 500
_decode_changes = msgspec.json.Decoder(dict[str, tuple[Any, Any]]).decode


@record
class Person:
    """A user, as others see one."""

    id: str
    name: str
    email: str


@record
class History:
    """A history entry, as those see it who may see the item."""

    id: str
    seq: int
    rev: int
    action: str  # id; "" for a comment
    operation: str
    user: str  # id
    comment: str
    transaction: str
    created_at: int  # ms
    updated_at: int | None  # ms; of a comment that was edited
    updated_by: str  # id
    marks_unread: bool
    changes: Changes  # by field id or system key; lists stand for tuples


@record
class HistoryPage:
    """Which histories of an item are wanted, newest first."""

    first: int = 0
    count: int = 30
    since: int | None = None  # ms, included
    until: int | None = None
    actions: bool = True
    comments: bool = True


# --- items ------------------------------------------------------------------------------------


def read_item(
    connection: Connection,
    access: AccessSets,
    datastore: Datastore,
    item: str,
    keyring: frozenset[str],
) -> Item | None:
    """An item by id; None if it is not there for the keyring."""
    if not is_id(item):
        return None
    table = item_table(datastore)
    rows = connection.query(f"{table.select} WHERE id = ?", (item,))
    if not rows:
        return None
    row = rows[0]
    acl = row[ACL_AT]
    keys = access.find_keys(acl)
    if keys is None:
        keys = access.load_keys(connection, (acl,))[acl]
    if keys.isdisjoint(keyring):
        return None
    return table.item(row, keys)


def read_items(
    connection: Connection,
    access: AccessSets,
    datastore: Datastore,
    items: Iterable[str],
    keyring: frozenset[str],
) -> dict[str, Item]:
    """Those of the items that are there for the keyring, by id."""
    wanted = sorted({one for one in items if is_id(one)})
    if not wanted:
        return {}
    table = item_table(datastore)
    rows = connection.read([QueryKeys(table.select, ID, wanted)])[0]
    seen = _seen(connection, access, rows, ACL_AT, keyring)
    return {row[1]: table.item(row, keys) for row, keys in seen}


def read_titles(
    connection: Connection,
    access: AccessSets,
    target: LookupTarget,
    items: Iterable[str],
    keyring: frozenset[str],
) -> dict[str, str]:
    """What stands for each of the items that a lookup names, by id; only visible ones."""
    wanted = sorted({one for one in items if is_id(one)})
    if not wanted:
        return {}
    title = "title" if target.shown is None else field_column(target.shown).name
    select = f"SELECT id, acl, {title} FROM {table_name(target.datastore.id)}"  # noqa: S608
    rows = connection.read([QueryKeys(select, ID, wanted)])[0]
    return {row[0]: row[2] or "" for row, _ in _seen(connection, access, rows, 1, keyring)}


def read_numbers(
    connection: Connection,
    access: AccessSets,
    datastore: Datastore,
    items: Iterable[str],
    keyring: frozenset[str],
) -> dict[str, int]:
    """The row numbers of items, by id; only of visible ones."""
    wanted = sorted({one for one in items if is_id(one)})
    found = _numbered(connection, access, datastore, QueryKeys("", ID, wanted), keyring)
    return dict(found)


def read_numbered(
    connection: Connection,
    access: AccessSets,
    datastore: Datastore,
    numbers: Iterable[int],
    keyring: frozenset[str],
) -> dict[int, str]:
    """The ids of items, by row number; only of visible ones."""
    wanted = sorted({one for one in numbers if 0 < one < ROW_NUMBER_END})
    found = _numbered(connection, access, datastore, QueryKeys("", N, wanted), keyring)
    return {number: item for item, number in found}


def _numbered(
    connection: Connection,
    access: AccessSets,
    datastore: Datastore,
    wanted: QueryKeys,
    keyring: frozenset[str],
) -> list[tuple[str, int]]:
    """Ids with row numbers."""
    if not wanted.keys:
        return []
    select = f"SELECT id, acl, n FROM {table_name(datastore.id)}"  # noqa: S608  our own name
    rows = connection.read([wanted._replace(select=select)])[0]
    return [(row[0], row[2]) for row, _ in _seen(connection, access, rows, 1, keyring)]


def _seen(
    connection: Connection,
    access: AccessSets,
    rows: list[Row],
    acl_at: int,
    keyring: frozenset[str],
) -> list[tuple[Row, frozenset[str]]]:
    """The rows whose access set the keyring opens, with the set."""
    keys = access.load_keys(connection, {row[acl_at] for row in rows})
    return [(row, keys[row[acl_at]]) for row in rows if not keys[row[acl_at]].isdisjoint(keyring)]


def read_keys(
    connection: Connection, access: AccessSets, datastore: Datastore, items: Iterable[str]
) -> dict[str, frozenset[str]]:
    """The keys that open each of the items that are there: who may know of them, nothing else."""
    select = f"SELECT id, acl FROM {table_name(datastore.id)}"  # noqa: S608  our own name
    rows = connection.read([QueryKeys(select, ID, sorted(items))])[0]
    keys = access.load_keys(connection, {row[1] for row in rows})
    return {row[0]: keys[row[1]] for row in rows}


# --- links ------------------------------------------------------------------------------------


def list_linked_datastores(connection: Connection, item: str) -> list[str]:
    """The ids of the datastores that the item's links lead to, ascending."""
    rows = connection.query(
        "SELECT DISTINCT to_datastore FROM links WHERE from_item = ? ORDER BY to_datastore", (item,)
    )
    return [row[0] for row in rows]


def list_linked_ids(
    connection: Connection, datastore: Datastore, item: str, keyring: frozenset[str]
) -> list[str]:
    """The items of a datastore that the item's links lead to, in the order of their creation."""
    text, params = _linked("i.id", datastore, item, keyring)
    return [row[0] for row in connection.query(text, params)]


def list_linked_items(
    connection: Connection, datastore: Datastore, item: str, keyring: frozenset[str], most: int
) -> list[Item]:
    """The same items whole, at most so many. Their `keys` are left empty."""
    table = item_table(datastore)
    columns = ", ".join(f"i.{one.name}" for one in table.columns)
    text, params = _linked(columns, datastore, item, keyring)
    rows = connection.query(f"{text} LIMIT ?", (*params, most))
    return [table.item(row, frozenset()) for row in rows]


def list_links(
    connection: Connection, datastore: Datastore, items: list[str], keyring: frozenset[str]
) -> list[tuple[str, str, str]]:
    """The links from some items to visible ones of a datastore: from, to, kind."""
    params: list[Any] = [datastore.id, *items]
    seen = visible("i", keyring, params)
    rows = connection.query(
        "SELECT l.from_item, l.to_item, l.kind FROM links l"  # noqa: S608  names of our own
        f" JOIN {table_name(datastore.id)} i ON i.id = l.to_item WHERE l.to_datastore = ?"
        f" AND l.from_item IN ({', '.join('?' * len(items))}) AND {seen} ORDER BY i.n, l.kind",
        params,
    )
    return [(row[0], row[1], row[2]) for row in rows]


def list_linked_to(
    connection: Connection,
    datastore: Datastore,
    items: list[str],
    keyring: frozenset[str],
    most: int,
) -> list[str]:
    """The visible items of a datastore that links of some items lead to, at most so many."""
    params: list[Any] = [datastore.id, *items]
    seen = visible("i", keyring, params)
    rows = connection.query(
        "SELECT DISTINCT l.to_item FROM links l"  # noqa: S608  names of our own
        f" JOIN {table_name(datastore.id)} i ON i.id = l.to_item WHERE l.to_datastore = ?"
        f" AND l.from_item IN ({', '.join('?' * len(items))}) AND {seen} LIMIT ?",
        (*params, most),
    )
    return [row[0] for row in rows]


def list_linked_datastores_of(connection: Connection, items: list[str]) -> list[str]:
    """The ids of the datastores that links of any of the items lead to, ascending."""
    select = "SELECT to_datastore FROM links"
    rows = connection.read([QueryKeys(select, Column("from_item", "text"), items)])[0]
    return sorted({row[0] for row in rows})


def _linked(
    columns: str, datastore: Datastore, item: str, keyring: frozenset[str]
) -> tuple[str, list[Any]]:
    params: list[Any] = [item, datastore.id]
    seen = visible("i", keyring, params)
    text = (
        f"SELECT {columns} FROM {table_name(datastore.id)} i WHERE i.id IN"  # noqa: S608
        " (SELECT to_item FROM links WHERE from_item = ? AND to_datastore = ?)"
        f" AND {seen} ORDER BY i.n"
    )
    return text, params


# --- histories --------------------------------------------------------------------------------


def list_histories(connection: Connection, item: str, page: HistoryPage) -> list[History]:
    """One page of an item's histories, newest first."""
    text = f"{_HISTORIES} AND deleted_at IS NULL"
    params: list[Any] = [item]
    if page.since is not None:
        text += " AND created_at >= ?"
        params.append(page.since)
    if page.until is not None:
        text += " AND created_at <= ?"
        params.append(page.until)
    if not page.actions:
        text += " AND action_id = ''"
    if not page.comments:
        text += " AND action_id <> ''"
    text += " ORDER BY seq DESC LIMIT ? OFFSET ?"
    rows = connection.query(text, (*params, page.count, page.first))
    return [_history(row) for row in rows]


def list_histories_after(connection: Connection, item: str, seq: int, most: int) -> list[History]:
    """The next histories of an item behind one, oldest first."""
    text = f"{_HISTORIES} AND deleted_at IS NULL AND seq > ? ORDER BY seq LIMIT ?"
    return [_history(row) for row in connection.query(text, (item, seq, most))]


def list_revisions(connection: Connection, item: str, first: int) -> list[History]:
    """What raised an item's revision to `first` and beyond, newest first."""
    text = f"{_HISTORIES} AND seq >= ? AND rev >= ? AND action_id <> '' ORDER BY seq DESC"
    return [_history(row) for row in connection.query(text, (item, first, first))]


def read_entries(
    connection: Connection, wanted: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], History]:
    """Entries by item and sequence number, without those that were deleted; for who may see them."""
    found: dict[tuple[str, int], History] = {}
    text = f"{_HISTORIES} AND seq = ? AND deleted_at IS NULL"
    for at in range(0, len(wanted), _QUERIES_AT_ONCE):
        some = wanted[at : at + _QUERIES_AT_ONCE]
        answers = connection.read([Query(text, one) for one in some])
        found |= {one: _history(rows[0]) for one, rows in zip(some, answers, strict=True) if rows}
    return found


def find_datastore_of(connection: Connection, item: str) -> str:
    """The id of the datastore that an item is or was in; "" if there never was such an item."""
    rows = connection.query("SELECT datastore_id FROM histories WHERE item_id = ? LIMIT 1", (item,))
    return str(rows[0][0]) if rows else ""


def _history(row: Row) -> History:
    parts: list[Any] = [*row[:-2], bool(row[-2]), _decode_changes(row[-1])]
    return History(*parts)


def count_unread(
    connection: Connection, datastore: Datastore, items: list[str], test: UnreadTest
) -> dict[str, int]:
    """How many histories of each item the user has not read; items without any are left out."""
    if not items:
        return {}
    params: list[Any] = []
    counted = unread("i", test, params)
    rows = connection.query(
        f"SELECT i.id, (SELECT count(*) {counted}) FROM {table_name(datastore.id)} i"  # noqa: S608
        f" WHERE i.id IN ({', '.join('?' * len(items))})",
        (*params, *items),
    )
    return {row[0]: row[1] for row in rows if row[1]}


def count_unread_of(connection: Connection, item: str, users: Sequence[str]) -> dict[str, int]:
    """How many histories of one item each of some users has not read."""
    found: dict[str, int] = {}
    for at in range(0, len(users), _USERS_AT_ONCE):
        some = users[at : at + _USERS_AT_ONCE]
        rows = connection.query(
            "SELECT u.id, (SELECT count(*) FROM histories h WHERE h.item_id = ?"  # noqa: S608
            " AND h.user_id <> u.id AND h.marks_unread = 1 AND h.deleted_at IS NULL"
            " AND h.seq > coalesce((SELECT m.upto FROM read_marks m"
            f" WHERE m.user_id = u.id AND m.item_id = ?), 0)) FROM users u WHERE u.id IN"
            f" ({', '.join('?' * len(some))})",
            (item, item, *some),
        )
        found.update(rows)
    return found


def read_mark(connection: Connection, user: str, item: str) -> int:
    """Up to which sequence number the user has read the item's histories; 0: none."""
    rows = connection.query(
        "SELECT upto FROM read_marks WHERE user_id = ? AND item_id = ?", (user, item)
    )
    return int(rows[0][0]) if rows else 0


def put_read_mark(connection: Connection, user: str, item: str, upto: int) -> None:
    """Note what the user has read; a mark never goes back."""
    connection.query(
        "INSERT INTO read_marks (user_id, item_id, upto) VALUES (?, ?, ?)"
        " ON CONFLICT (user_id, item_id) DO UPDATE SET upto = excluded.upto"
        " WHERE excluded.upto > read_marks.upto",
        (user, item, upto),
    )


# --- people -----------------------------------------------------------------------------------


def read_users(connection: Connection, users: Iterable[str]) -> dict[str, Person]:
    """Users by id; those who are not there are left out."""
    wanted = sorted({one for one in users if one})
    if not wanted:
        return {}
    rows = connection.read([QueryKeys(_USERS, ID, wanted)])[0]
    return {row[0]: Person(row[0], row[1], row[2] or "") for row in rows}
