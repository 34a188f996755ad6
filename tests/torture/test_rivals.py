"""Processes that share a database lose nothing, give nothing twice, and see what the others do."""

from __future__ import annotations

import asyncio

from tests.conftest import Databases

from .rivals import share_under_load
from .servers import Spawner

SEED = 20260105


def test_one_of_many_writers_of_a_revision_wins(engine_url: str, spawner: Spawner):
    done = asyncio.run(
        share_under_load(engine_url, spawner, servers=1, seconds=1.0, seed=SEED, races=3, changes=1)
    )
    print(done)
    assert done.problems == []


def test_two_servers_share_a_database(databases: Databases, spawner: Spawner):
    url = databases.create()
    done = asyncio.run(
        share_under_load(url, spawner, servers=2, seconds=4.0, seed=SEED, races=3, changes=2)
    )
    print(done)
    databases.drop(url)
    assert done.problems == []
