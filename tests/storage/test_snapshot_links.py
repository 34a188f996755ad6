"""Linking two items reads what is between them, however many links one of them has."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from hikidashi.core.commands import AddLink, Entry, Op, WriteItem
from hikidashi.core.plan import LinkResult, WriteResult
from hikidashi.storage.apply import LINK_COLUMNS
from hikidashi.storage.engines import Connection, Insert, Query, QueryKeys, Row
from hikidashi.storage.engines.postgres_connection import PostgresConnection
from hikidashi.storage.engines.sqlite import SqliteConnection
from tests.worlds import World, world

__all__ = ["world"]  # a fixture

MANY = 500


@pytest.fixture
def rows_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each query of a reading gave."""
    counts: list[int] = []
    for kind in (SqliteConnection, PostgresConnection):
        whole = kind.read

        def read(
            self: Connection, queries: Sequence[Query | QueryKeys], whole: Any = whole
        ) -> list[list[Row]]:
            found: list[list[Row]] = whole(self, queries)
            counts.extend(map(len, found))
            return found

        monkeypatch.setattr(kind, "read", read)
    return counts


def test_links_of_others_are_not_read(
    world: World, runner: asyncio.Runner, rows_read: list[int]
) -> None:
    async def link() -> LinkResult:
        ids = []
        for _ in range(2):
            made = await world.run("ann", WriteItem("SHOP", Entry(Op.NEW, "parcels")))
            assert isinstance(made, WriteResult)
            ids.append(made.item.id)
        one, other = ids
        datastore = world.datastore("parcels").id
        rows = [(one, f"{n:024x}", "link", datastore, datastore) for n in range(MANY)]
        rows += [(f"{n:024x}", one, "link", datastore, datastore) for n in range(MANY)]
        await world.app.store.change(
            lambda connection: connection.write([Insert("links", LINK_COLUMNS, rows)])
        )
        rows_read.clear()
        done = await world.run("ann", AddLink("SHOP", "parcels", one, "parcels", other))
        assert isinstance(done, LinkResult)
        return done

    assert runner.run(link()).count == 1
    assert rows_read
    assert max(rows_read) <= 2
