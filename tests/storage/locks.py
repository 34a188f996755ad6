"""PostgreSQL: what holds others up, and who is held up."""

from __future__ import annotations

import asyncio

from hikidashi.storage.engines import Connection
from tests.waiting import SECONDS_MAX

LOCK, UNLOCK = "SELECT pg_advisory_lock(7)", "SELECT pg_advisory_unlock(7)"
_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


async def held_up(other: Connection, count: int = 1) -> None:
    """Return once so many wait for a lock in the database of a connection."""
    for _ in range(int(SECONDS_MAX / 0.01)):
        if other.query(f"{_WAITING} AND datname = current_database()")[0][0] >= count:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waits")
