"""PostgreSQL's statements: queries and batches as text with numbered parameters."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from . import Batch, Column, Delete, Insert, Query, QueryKeys, Row, Update

_to_json = msgspec.json.Encoder().encode


@lru_cache(maxsize=4_096)
def numbered(text: str) -> str:
    """`?` parameters as `$1`, `$2` …; our SQL has no `?` elsewhere."""
    head, *rest = text.split("?")
    return head + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))


def rendered(query: Query | QueryKeys) -> tuple[str, Sequence[Any]]:
    """A query as text and parameters."""
    if isinstance(query, QueryKeys):
        return _by_keys(query.select, query.key, query.order, query.lock), (list(query.keys),)
    return numbered(query.sql), query.params


@lru_cache(maxsize=4_096)
def _by_keys(select: str, key: Column, order: str, lock: bool) -> str:
    ordered = f" ORDER BY {order}" if order else ""
    locked = " FOR UPDATE" if lock else ""
    return f"{select} WHERE {key.name} = ANY($1::{key.type}[]){ordered}{locked}"


def statement(batch: Batch) -> tuple[str, Sequence[Any]]:
    """A batch as one statement with one parameter: its rows as JSON."""
    match batch:
        case Insert(table, columns, rows, conflict, update):
            return _insert(table, columns, conflict, update), (_json(columns, rows),)
        case Update(table, key, columns, rows):
            return _update(table, key, columns), (_json((*columns, key), rows),)
        case Delete(table, columns, rows):
            return _delete(table, columns), (_json(columns, rows),)


def _json(columns: tuple[Column, ...], rows: Sequence[Row]) -> str:
    names = [one.name for one in columns]
    return _to_json([dict(zip(names, row, strict=True)) for row in rows]).decode()


def _source(columns: tuple[Column, ...]) -> str:
    typed = ", ".join(f"{one.name} {one.type}" for one in columns)
    return f"json_to_recordset($1::json) AS given({typed})"


@lru_cache(maxsize=4_096)
def _insert(
    table: str, columns: tuple[Column, ...], conflict: tuple[str, ...], update: tuple[str, ...]
) -> str:
    names = ", ".join(one.name for one in columns)
    text = f"INSERT INTO {table} ({names}) SELECT {names} FROM {_source(columns)}"  # noqa: S608
    if update:
        settings = ", ".join(f"{one} = excluded.{one}" for one in update)
        return f"{text} ON CONFLICT ({', '.join(conflict)}) DO UPDATE SET {settings}"
    return f"{text} ON CONFLICT DO NOTHING" if conflict else text


@lru_cache(maxsize=4_096)
def _update(table: str, key: Column, columns: tuple[Column, ...]) -> str:
    settings = ", ".join(f"{one.name} = given.{one.name}" for one in columns)
    source = _source((*columns, key))
    return (
        f"UPDATE {table} SET {settings} FROM {source} WHERE {table}.{key.name} = given.{key.name}"  # noqa: S608
    )


@lru_cache(maxsize=4_096)
def _delete(table: str, columns: tuple[Column, ...]) -> str:
    match = " AND ".join(f"{table}.{one.name} = given.{one.name}" for one in columns)
    return f"DELETE FROM {table} USING {_source(columns)} WHERE {match}"  # noqa: S608
