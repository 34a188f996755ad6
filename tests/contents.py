"""What a database holds of items, in words that are the same on each engine and in each run."""

from __future__ import annotations

import json
import re
from typing import Any

from hikidashi.core.catalog import Catalog, Datastore
from hikidashi.core.items import Item
from hikidashi.storage.engines import Connection
from hikidashi.storage.tables import ACL_AT, ItemTable

Contents = dict[str, list[Any]]

_ID = re.compile(r"\b[0-9a-f]{24}\b")
_WRITTEN = (
    "reserved_items",
    "links",
    "histories",
    "outbox",
    "idempotency",
    "read_marks",
    "access_sets",
    "staged_sets",
    "texts",
    "files",
    "file_numbers",
    "uploads",
)


def empty(connection: Connection, catalogs: list[Catalog], engine: str) -> None:
    """Take away all items and all that was written with them; definitions and people stay."""
    datastores = [one.id for one in _datastores(catalogs)]
    for one in _filled(connection, [f"i_{one}" for one in datastores]):
        connection.query(f"DELETE FROM {one}")
    if engine == "postgresql":
        sequences = [f"rows_{one}" for one in datastores]
        for one in _filled(connection, sequences, "is_called"):
            connection.query(f"ALTER SEQUENCE {one} RESTART")
    if engine == "sqlite":
        connection.query("UPDATE row_numbers SET last = 0")
    for table in (*_WRITTEN, "login_failures"):
        connection.query(f"DELETE FROM {table}")
    connection.query("DELETE FROM counters WHERE branch NOT IN ('-', '+')")
    connection.query("UPDATE counters SET last = 0")


def contents(connection: Connection, catalogs: list[Catalog]) -> Contents:
    """Every item, link, history entry, event, counter and remembered answer.

    A definition is called by its display id, an item by its datastore and how many were made
    there before it (`orders 1`), a transaction by its turn. Row numbers are left out: they have gaps.
    """
    names = {
        one: name for catalog in catalogs for one, name in _definitions(connection, catalog).items()
    }
    datastores = _datastores(catalogs)
    filled = _filled(connection, [f"i_{one.id}" for one in datastores])
    items: dict[str, list[Item]] = {one.id: [] for one in datastores}
    acls: dict[str, int] = {}  # of items
    for one in datastores:
        table = ItemTable(one)
        if table.name in filled:
            for row in connection.query(f"{table.select} ORDER BY n"):
                items[one.id].append(table.item(row, frozenset()))
                acls[items[one.id][-1].id] = row[ACL_AT]
    places = {field.id: names[one.id] for one in datastores for field in one.fields}
    histories = connection.query(
        "SELECT datastore_id, item_id, seq, rev, action_id, operation, user_id, comment,"
        " transaction_id, created_at, changes FROM histories ORDER BY item_id, seq"
    )
    for one in datastores:
        made = {item.id for item in items[one.id]} | {
            row[1] for row in histories if row[0] == one.id
        }
        for at, item in enumerate(sorted(made), 1):
            names[item] = f"{names[one.id]} {at}"
    keys = _access_sets(connection)
    events = connection.query(
        "SELECT item_id, seq, kind, created_at, body FROM outbox ORDER BY item_id, seq"
    )
    for at, transaction in enumerate(_transactions(histories, events), 1):
        names[transaction] = f"transaction {at}"
    found: Contents = {
        "items": [
            {
                "item": item.id,
                "rev": item.rev,
                "seq": item.seq,
                "status": item.status,
                "title": item.title,
                "created": (item.created_at, item.created_by),
                "updated": (item.updated_at, item.updated_by),
                "keys": sorted(names.get(key, key) for key in keys[acls[item.id]]),
                "values": {names[key]: one for key, one in item.values.items() if one is not None},
            }
            for one in datastores
            for item in items[one.id]
        ],
        "links": connection.query(
            "SELECT from_item, to_item, kind FROM links ORDER BY from_item, to_item, kind"
        ),
        "histories": [(*row[1:-1], json.loads(row[-1])) for row in histories],
        "events": [(*row[:-1], _body(row[-1])) for row in events],
        "counters": [
            (f"{places[field]} {names[field]}", branch, last)
            for field, branch, last in connection.query(
                "SELECT field_id, branch, last FROM counters"
                " WHERE last > 0 OR branch NOT IN ('-', '+')"
            )
        ],
        **_beside(connection),
        "access sets": [sorted(names.get(key, key) for key in one) for one in keys.values()],
    }
    return {key: sorted(_named(value, names), key=repr) for key, value in found.items()}


def _access_sets(connection: Connection) -> dict[int, list[str]]:
    keys: dict[int, list[str]] = {}
    for acl, key in connection.query("SELECT acl, key FROM access_sets"):
        keys.setdefault(acl, []).append(key)
    return keys


def _beside(connection: Connection) -> Contents:
    """What belongs to requests and readers rather than to items."""
    return {
        "remembered": connection.query("SELECT status FROM idempotency ORDER BY status"),
        "reserved": connection.query(
            "SELECT datastore_id, user_id, created_at FROM reserved_items"
        ),
        "read marks": connection.query("SELECT user_id, item_id, upto FROM read_marks"),
    }


def _definitions(connection: Connection, catalog: Catalog) -> dict[str, str]:
    rows = connection.query(
        "SELECT id, display_id FROM definitions WHERE workspace_id = ?", (catalog.workspace,)
    )
    people = connection.query(
        "SELECT id, email FROM users WHERE id IN"
        " (SELECT user_id FROM members WHERE workspace_id = ?)",
        (catalog.workspace,),
    )
    named = {id_: (email or "bot").partition("@")[0] for id_, email in people}
    return dict(rows) | named


def _datastores(catalogs: list[Catalog]) -> list[Datastore]:
    return [one for catalog in catalogs for place in catalog.projects for one in place.datastores]


def _filled(connection: Connection, tables: list[str], condition: str = "true") -> list[str]:
    """Those tables that have a row."""
    parts = (
        f"SELECT '{one}' WHERE EXISTS (SELECT 1 FROM {one} WHERE {condition})" for one in tables
    )
    return [name for (name,) in connection.query(" UNION ALL ".join(parts))]


def _transactions(histories: list[Any], events: list[Any]) -> list[str]:
    """In the order in which they began: ids grow with time."""
    return sorted({row[8] for row in histories} | {_body(row[-1])["transaction"] for row in events})


def _body(text: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(text)
    body.pop("history")  # the event's own id
    return body


def _named(value: Any, names: dict[str, str]) -> Any:
    """The same with every id called by its name."""
    match value:
        case str():
            return _ID.sub(lambda found: names.get(found[0], found[0]), value)
        case dict():
            return {_named(key, names): _named(one, names) for key, one in value.items()}
        case list() | tuple():
            return [_named(one, names) for one in value]
        case _:
            return value
