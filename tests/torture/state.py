"""Everything a database holds of a world, read straight from its tables."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from hikidashi.core.items import Item
from hikidashi.storage.definitions import load_catalog
from hikidashi.storage.engines import Connection
from hikidashi.storage.tables import ACL_AT, item_table

_decode = msgspec.json.decode


class HistoryRow(NamedTuple):
    """A row of `histories`."""

    item: str
    seq: int
    id: str
    datastore: str
    rev: int
    operation: str
    user: str
    comment: str
    transaction: str
    created_at: int
    changes: dict[str, list[Any]]


class EventRow(NamedTuple):
    """A row of `outbox`."""

    item: str
    seq: int
    datastore: str
    kind: str
    body: dict[str, Any]


@dataclass
class State:
    """A whole database, as one moment has it."""

    items: dict[str, Item] = field(default_factory=dict)
    histories: dict[str, list[HistoryRow]] = field(default_factory=lambda: defaultdict(list))
    events: dict[str, list[EventRow]] = field(default_factory=lambda: defaultdict(list))
    links: list[tuple[str, str, str, str, str]] = field(default_factory=list)
    counters: dict[tuple[str, str], int] = field(default_factory=dict)
    titles: dict[str, list[str]] = field(default_factory=dict)  # datastore -> title fields
    unique: dict[str, list[str]] = field(default_factory=dict)  # datastore -> unique fields
    computed: set[str] = field(default_factory=set)  # fields whose values no history need tell
    fields: dict[str, set[str]] = field(default_factory=dict)  # datastore -> fields that are there

    @property
    def transactions(self) -> dict[str, list[HistoryRow]]:
        """Histories by the transaction that wrote them."""
        found: dict[str, list[HistoryRow]] = defaultdict(list)
        for rows in self.histories.values():
            for one in rows:
                found[one.transaction].append(one)
        return found


def read_state(connection: Connection, workspace: str) -> State:
    """Read everything, in one transaction, so that it is of one moment."""
    connection.query(
        "BEGIN ISOLATION LEVEL REPEATABLE READ" if _is_postgres(connection) else "BEGIN"
    )
    try:
        return _read(connection, workspace)
    finally:
        connection.query("COMMIT")


def _is_postgres(connection: Connection) -> bool:
    return "Postgres" in type(connection).__name__


def _read(connection: Connection, workspace: str) -> State:
    state = State()
    keys: dict[int, set[str]] = defaultdict(set)
    for acl, key in connection.query("SELECT acl, key FROM access_sets"):
        keys[acl].add(key)
    for project in load_catalog(connection, workspace).projects:
        for datastore in project.datastores:
            table = item_table(datastore)
            state.titles[datastore.id] = [one.id for one in datastore.title_fields]
            state.unique[datastore.id] = [one.id for one in datastore.unique_fields]
            state.fields[datastore.id] = {one.id for one in datastore.stored_fields}
            for row in connection.query(table.select):
                item = table.item(row, frozenset(keys[row[ACL_AT]]))
                state.items[item.id] = item
    calc = """SELECT id FROM definitions WHERE kind = 'field' AND body LIKE '%"calc"%'"""
    state.computed = {row[0] for row in connection.query(calc)}
    for row in connection.query(
        "SELECT item_id, seq, id, datastore_id, rev, operation, user_id, comment, transaction_id,"
        " created_at, changes FROM histories ORDER BY item_id, seq"
    ):
        history = HistoryRow._make((*row[:-1], _decode(row[-1])))
        state.histories[history.item].append(history)
    for row in connection.query(
        "SELECT item_id, seq, datastore_id, kind, body FROM outbox ORDER BY item_id, seq"
    ):
        event = EventRow._make((*row[:-1], _decode(row[-1])))
        state.events[event.item].append(event)
    state.links = [
        (row[0], row[1], row[2], row[3], row[4])
        for row in connection.query(
            "SELECT from_item, to_item, kind, from_datastore, to_datastore FROM links"
        )
    ]
    for name, branch, last in connection.query("SELECT field_id, branch, last FROM counters"):
        state.counters[name, branch] = last
    return state
