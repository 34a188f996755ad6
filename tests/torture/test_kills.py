"""Nothing acknowledged is lost when the server is killed under load."""

from __future__ import annotations

import asyncio

from .kills import kill_under_load
from .servers import Spawner

SEED = 20260105


def test_a_killed_server_loses_no_acknowledged_write(engine_url: str, spawner: Spawner):
    done = asyncio.run(kill_under_load(engine_url, spawner, kills=5, seed=SEED, check_each=5))
    print(done)
    assert done.problems == []
    assert done.turns == 5
    assert done.done > 50
