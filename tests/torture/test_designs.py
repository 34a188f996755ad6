"""A design changes under full load: no write is lost, and every process follows within a second."""

from __future__ import annotations

import asyncio

from tests.conftest import Databases

from .designs import design_under_load
from .servers import Spawner

SEED = 20260105


def test_a_design_changes_while_another_process_writes(databases: Databases, spawner: Spawner):
    url = databases.create()
    done = asyncio.run(design_under_load(url, spawner, seconds=4.0, seed=SEED))
    print(done)
    databases.drop(url)
    assert done.problems == []
    assert done.turns >= 16
    assert done.done > 50
