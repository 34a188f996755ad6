"""A link to an item that one can't see is not there for the one who would remove it."""

from __future__ import annotations

import asyncio

import pytest

from hikidashi.core.commands import AddLink, Entry, Op, Publish, RemoveLinks, WriteItem
from hikidashi.core.errors import FaultError, FaultKind
from hikidashi.core.plan import LinkResult, WriteResult
from tests.worlds import World, world

__all__ = ["world"]  # a fixture


async def make(world: World, publish: Publish | None = None) -> str:
    result = await world.run("ann", WriteItem("SHOP", Entry(Op.NEW, "parcels", publish=publish)))
    assert isinstance(result, WriteResult)
    return result.item.id


def test_a_link_to_a_hidden_item_is_told_apart_from_none_by_those_who_see_it(
    world: World, runner: asyncio.Runner
) -> None:
    async def check() -> None:
        seen = await make(world)
        hidden = await make(world, Publish(ignore_action_settings=True))
        add = AddLink("SHOP", "parcels", seen, "parcels", hidden)
        remove = RemoveLinks("SHOP", "parcels", seen, "parcels", hidden)
        told = []
        await world.run("ann", add)
        for count in (1, 0):
            with pytest.raises(FaultError) as raised:
                await world.run("eve", remove)
            assert raised.value.kind is FaultKind.NO_LINK
            told.append(raised.value.faults)
            if count:
                assert await world.run("ann", remove) == LinkResult(count)
        assert told[0] == told[1]

    runner.run(check())
