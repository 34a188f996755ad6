"""A client may send back all it has read, though what a value names has gone since."""

from __future__ import annotations

import asyncio

import pytest

from hikidashi.core.commands import Entry, Op, WriteItem
from hikidashi.core.errors import FaultError
from hikidashi.core.plan import WriteResult
from tests.worlds import World, open_world


async def _made(world: World, datastore: str, values: dict[str, object]) -> str:
    entry = Entry(Op.NEW, datastore, values=values)
    result = await world.run("ann", WriteItem("SHOP", entry))
    assert isinstance(result, WriteResult)
    return result.item.id


def _update(item: str, values: dict[str, object]) -> WriteItem:
    return WriteItem("SHOP", Entry(Op.UPDATE, "orders", item, values=values), force=True)


def test_an_unchanged_lookup_of_a_deleted_item_is_no_fault(engine_url: str) -> None:
    async def run() -> None:
        async for world in open_world("shop", engine_url):
            customer = await _made(world, "customers", {"name": "Gone"})
            order = await _made(world, "orders", {"customer": customer})
            other = await _made(world, "orders", {})
            gone = Entry(Op.DELETE, "customers", customer)
            await world.run("ann", WriteItem("SHOP", gone, force=True))

            kept = await world.run("ann", _update(order, {"customer": customer, "name": "x"}))
            assert isinstance(kept, WriteResult)
            assert kept.item.values[world.field("orders", "customer")] == customer
            with pytest.raises(FaultError, match="has no item"):
                await world.run("ann", _update(other, {"customer": customer}))

    asyncio.run(run())
