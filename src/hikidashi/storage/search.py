"""Searching: pages, walks, streams and counts of the items of a query that a keyring opens."""

from __future__ import annotations

from collections.abc import Iterator

from ..core.catalog import Datastore
from ..core.items import Item
from ..core.query import Position, Query
from .engines import Connection, Row
from .search_sql import (
    Reach,
    marks,
    select_behind,
    select_count,
    select_ids,
    select_items,
)
from .tables import item_table, table_name

_FEW_SETS = 1_000  # rows of access_sets: gathered in about a millisecond
_FEW_ITEMS = 5_000  # items: found by their sets, tested and sorted in some milliseconds
_NOT_READ = frozenset[str]()  # a listed item's keys are not read


def list_items(connection: Connection, query: Query, keyring: frozenset[str]) -> list[Item]:
    """One page of visible items, or all of them. Their `keys` are left empty."""
    statement = select_items(query, keyring, find_reach(connection, query.datastore, keyring))
    return _loaded(query.datastore, connection.query(statement.sql, statement.params))


def list_behind(
    connection: Connection, query: Query, keyring: frozenset[str]
) -> tuple[list[Item], Position | None]:
    """The next `per_page` visible items behind `query.after`, and where the walk then stands.

    That is None where nothing lies behind them. Their `keys` are left empty.
    """
    reach = find_reach(connection, query.datastore, keyring)
    wanted = query.per_page + 1  # one more tells whether there is more
    rows: list[Row] = []
    for statement in select_behind(query, keyring, reach, wanted):
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
    statement = select_items(query, keyring, find_reach(connection, query.datastore, keyring))
    portion: list[Row] = []
    for row in connection.stream(statement.sql, statement.params):
        portion.append(row)
        if len(portion) == rows_max:
            yield _loaded(query.datastore, portion)
            portion = []
    if portion:
        yield _loaded(query.datastore, portion)


def count_items(connection: Connection, query: Query, keyring: frozenset[str]) -> int:
    """How many visible items the condition holds for, on all pages."""
    statement = select_count(query, keyring, find_reach(connection, query.datastore, keyring))
    return int(connection.query(statement.sql, statement.params)[0][0])


def list_ids(
    connection: Connection, query: Query, keyring: frozenset[str], most: int
) -> list[tuple[str, int, int]]:
    """Ids, revisions and row numbers of visible items, at most so many, in the query's order."""
    reach = find_reach(connection, query.datastore, keyring)
    statement = select_ids(query, keyring, reach, most)
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


def _loaded(datastore: Datastore, rows: list[Row]) -> list[Item]:
    make = item_table(datastore).item
    return [make(row, _NOT_READ) for row in rows]


__all__ = [
    "Reach",
    "count_items",
    "find_reach",
    "list_behind",
    "list_ids",
    "list_items",
    "stream_items",
]
