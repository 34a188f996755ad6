"""Searching: pages, walks, streams and counts of the items of a query that a keyring opens."""

from __future__ import annotations

import time
from collections.abc import Iterator
from weakref import WeakKeyDictionary

from ..core.catalog import Datastore
from ..core.items import Item
from ..core.query import Position, Query
from ..core.record import record
from .engines import Connection, Row
from .narrowing import Narrowing, count_narrowed, narrow
from .search_sql import (
    Among,
    Reach,
    has_indexed_order,
    marks,
    select_behind,
    select_count,
    select_ids,
    select_items,
)
from .tables import item_table, table_name

_FEW_SETS = 1_000  # rows of access_sets: gathered in about a millisecond
_FEW_ITEMS = 5_000  # items: found by their sets, tested and sorted in some milliseconds
_SORTED_ROWS = 1_000  # rows: read from all over a table and sorted in some milliseconds
_REACH_S = 1.0  # for which it is remembered
_REACHES_MAX = 1_000  # remembered for a connection
_NOT_READ = frozenset[str]()  # a listed item's keys are not read


_reaches: WeakKeyDictionary[Connection, dict[tuple[str, frozenset[str]], tuple[float, Reach]]] = (
    WeakKeyDictionary()
)


@record
class Sight:
    """What some looks at indexes tell before a search: whom to begin with."""

    reach: Reach
    narrowing: Narrowing | None


def look(connection: Connection, query: Query, keyring: frozenset[str]) -> Sight:
    """How a search is best gone about. It may be used for the list and the count of one query."""
    reach = _reach(connection, query.datastore, keyring)
    return Sight(reach, narrow(connection, query, keyring, reach))


def _among(connection: Connection, sight: Sight, query: Query | None = None) -> Among | None:
    """The rows that are worth a look, if they are known; for a page of a query, in its order.

    To read and sort more than a page takes longer than to go over an index that has their order.
    """
    if sight.narrowing is None or sight.narrowing.rows is None:
        return None
    rows = sight.narrowing.rows
    in_order = len(rows) > _SORTED_ROWS and query is not None and has_indexed_order(query)
    return connection.among("i.n", rows, in_order=in_order)


def list_items(
    connection: Connection, query: Query, keyring: frozenset[str], sight: Sight | None = None
) -> list[Item]:
    """One page of visible items, or all of them. Their `keys` are left empty."""
    seen = sight or look(connection, query, keyring)
    statement = select_items(query, keyring, seen.reach, _among(connection, seen, query))
    return _loaded(query.datastore, connection.query(statement.sql, statement.params))


def list_behind(
    connection: Connection, query: Query, keyring: frozenset[str], sight: Sight | None = None
) -> tuple[list[Item], Position | None]:
    """The next `per_page` visible items behind `query.after`, and where the walk then stands.

    That is None where nothing lies behind them. Their `keys` are left empty.
    """
    seen = sight or look(connection, query, keyring)
    wanted = query.per_page + 1  # one more tells whether there is more
    rows: list[Row] = []
    among = _among(connection, seen, query)
    for statement in select_behind(query, keyring, seen.reach, wanted, among):
        rows += connection.query(statement.sql, statement.params)
        if len(rows) >= wanted:
            break
    has_more = len(rows) > query.per_page
    rows = rows[: query.per_page]
    width = len(item_table(query.datastore).columns)
    items = _loaded(query.datastore, [row[:width] for row in rows])
    return items, Position(rows[-1][width:], rows[-1][0]) if has_more else None


def stream_items(
    connection: Connection, query: Query, keyring: frozenset[str], rows_max: int
) -> Iterator[list[Item]]:
    """Visible items in portions as they come. Their `keys` are left empty."""
    seen = look(connection, query, keyring)
    statement = select_items(query, keyring, seen.reach, _among(connection, seen, query))
    portion: list[Row] = []
    for row in connection.stream(statement.sql, statement.params):
        portion.append(row)
        if len(portion) == rows_max:
            yield _loaded(query.datastore, portion)
            portion = []
    if portion:
        yield _loaded(query.datastore, portion)


def count_items(
    connection: Connection,
    query: Query,
    keyring: frozenset[str],
    most: int = 0,
    sight: Sight | None = None,
) -> int:
    """How many visible items the condition holds for, on all pages; at most so many, 0: all."""
    seen = sight or look(connection, query, keyring)
    if seen.narrowing is not None:
        counted = count_narrowed(connection, seen.narrowing, keyring, seen.reach, most)
        if counted is not None:
            return counted
    statement = select_count(query, keyring, seen.reach, most, _among(connection, seen))
    return int(connection.query(statement.sql, statement.params)[0][0])


def list_ids(
    connection: Connection, query: Query, keyring: frozenset[str], most: int
) -> list[tuple[str, int, int]]:
    """Ids, revisions and row numbers of visible items, at most so many, in the query's order."""
    seen = look(connection, query, keyring)
    statement = select_ids(query, keyring, seen.reach, most, _among(connection, seen, query))
    rows = connection.query(statement.sql, statement.params)
    return [(row[0], row[1], row[2]) for row in rows]


def find_reach(connection: Connection, datastore: Datastore, keyring: frozenset[str]) -> Reach:
    """How many items and sets a keyring opens, as far as it matters; two looks at indexes.

    Where it opens few items of a large datastore, going over all in their order would find the
    first of them late.
    """
    keys = sorted(keyring)
    if not keys:
        return Reach.FEW_ITEMS
    sets = f"SELECT a.acl FROM access_sets a WHERE a.key IN ({marks(keys)})"  # noqa: S608
    counted = connection.query(
        f"SELECT count(*) FROM ({sets} LIMIT ?) s",  # noqa: S608
        (*keys, _FEW_SETS + 1),
    )[0][0]
    if counted > _FEW_SETS:
        return Reach.MANY_SETS
    most = _FEW_ITEMS // max(1, counted) + 1  # of one set: no look is long
    largest = connection.query(
        "SELECT max((SELECT count(*) FROM (SELECT 1 FROM"  # noqa: S608
        f" {table_name(datastore.id)} i WHERE i.acl = s.acl LIMIT ?) o)) FROM ({sets}) s",
        (most, *keys),
    )[0][0]
    return Reach.FEW_ITEMS if (largest or 0) < most else Reach.FEW_SETS


def _reach(connection: Connection, datastore: Datastore, keyring: frozenset[str]) -> Reach:
    """The same as it was a moment ago: it only tells which way is quicker."""
    known = _reaches.setdefault(connection, {})
    at = time.monotonic()
    found = known.get((datastore.id, keyring))
    if found is None or at - found[0] > _REACH_S:
        if len(known) >= _REACHES_MAX:
            known.clear()
        found = known[datastore.id, keyring] = (at, find_reach(connection, datastore, keyring))
    return found[1]


def _loaded(datastore: Datastore, rows: list[Row]) -> list[Item]:
    make = item_table(datastore).item
    return [make(row, _NOT_READ) for row in rows]


__all__ = [
    "Reach",
    "Sight",
    "count_items",
    "find_reach",
    "list_behind",
    "list_ids",
    "list_items",
    "look",
    "stream_items",
]
