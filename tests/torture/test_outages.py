"""A database that goes away costs 503, never a wrong 200, and its return is noticed."""

from __future__ import annotations

import asyncio

from tests.postgres import Server

from .outages import stop_database_under_load
from .proxies import cut_commits
from .servers import Spawner

SEED = 20260105


def test_a_server_outlives_its_database_and_cut_connections(
    durable_postgres: Server, spawner: Spawner
):
    done = asyncio.run(
        stop_database_under_load(
            durable_postgres, durable_postgres.url, spawner, stops=1, cuts=2, seed=SEED
        )
    )
    print(done)
    assert done.problems == []
    assert done.done > 20


def test_a_commit_cut_on_the_wire_is_answered_with_what_came_of_it(durable_postgres: Server):
    done = asyncio.run(cut_commits(durable_postgres.url, turns=3, seed=SEED))
    print(done)
    assert done.problems == []
    assert done.done >= 3
