"""How much is committed together: a group is bounded by commands, entries and text."""

from __future__ import annotations

import asyncio

import pytest

from hikidashi.core.commands import Entry, Op, WriteItem
from hikidashi.core.limits import CHARS_PER_ENTRY, GROUP_JOBS_MAX, GROUP_STEPS_MAX
from hikidashi.storage.driver import Queue
from hikidashi.storage.group import Job
from tests.worlds import World, world

__all__ = ["world"]  # a fixture


@pytest.mark.parametrize(
    ("text", "lines", "taken"),
    [
        (1, 0, GROUP_JOBS_MAX),
        (1, 100, GROUP_STEPS_MAX // 101),
        (CHARS_PER_ENTRY * 127, 0, GROUP_STEPS_MAX // 128),
        (CHARS_PER_ENTRY * 128, 9, 1),
    ],
)
def test_a_group_is_bounded(
    world: World, runner: asyncio.Runner, text: int, lines: int, taken: int
) -> None:
    async def take() -> int:
        identity = await world.identity("ann")
        standing = world.app.store.standing
        held = await world.app.store.read(lambda one: standing.get(one, identity))
        related = (Entry(Op.NEW, "lines", values={"sku": "x" * text}),) * lines
        entry = Entry(Op.NEW, "orders", values={"name": "x" * text}, related=related)
        queue = Queue()
        for _ in range(GROUP_JOBS_MAX + 1):
            future = asyncio.get_running_loop().create_future()
            job = Job(identity, WriteItem("SHOP", entry), future)
            job.resolve(*held)
            queue.put(job)
        jobs = queue.take()
        assert isinstance(jobs, list)
        return len(jobs)

    assert runner.run(take()) == taken
