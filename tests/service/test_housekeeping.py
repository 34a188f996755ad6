"""What has outlived its time goes; what has not stays."""

from __future__ import annotations

import asyncio

from hikidashi.core.commands import TakeNumber
from hikidashi.core.limits import SESSION_IDLE_MS
from hikidashi.service.housekeeping import Housekeeping
from hikidashi.storage.idempotency import KEEP_MS, Remember, Replay
from hikidashi.storage.telling import Telling
from tests.worlds import World, world

__all__ = ["world"]  # a fixture


async def _take(world: World, key: str) -> object:
    remember = Remember(key, "body", lambda outcome: (200, repr(outcome)))
    command = TakeNumber("SHOP", "orders", "number")
    return await world.app.run_telling(await world.identity("ann"), command, Telling(remember))


async def _after(world: World, ms: int) -> tuple[bool, int]:
    """Let time pass and keep house: is the answer still remembered, how many sessions are left."""
    clock = world.app.clock
    clock.advance(ms=ms)  # type: ignore[attr-defined]
    app = world.app
    await Housekeeping(app.store, clock, app.files, app.imports, app.builds).round()
    sessions = await world.app.store.read(lambda one: one.query("SELECT count(*) FROM sessions"))
    return isinstance(await _take(world, "key"), Replay), sessions[0][0]


def test_answers_and_sessions_go_when_their_time_is_over(
    world: World, runner: asyncio.Runner
) -> None:
    async def run() -> list[tuple[bool, int]]:
        await _take(world, "key")
        await world.app.identities.login("ann@shop.test", "ann-password")
        return [
            await _after(world, KEEP_MS - 1),
            await _after(world, 2),
            await _after(world, SESSION_IDLE_MS),
        ]

    assert runner.run(run()) == [(True, 1), (False, 1), (False, 0)]
