"""Commands planned over one snapshot see what those before them do, and nothing that was undone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hikidashi.core.commands import (
    AddLink,
    Command,
    Entry,
    Op,
    Publish,
    RemoveLinks,
    SetNumber,
    TakeNumber,
    WriteItem,
)
from hikidashi.core.errors import FaultError, FaultKind
from hikidashi.core.plan import NumberResult, WriteResult
from tests.worlds import World, world

__all__ = ["world"]  # a fixture


@asynccontextmanager
async def held_up(world: World) -> AsyncIterator[None]:
    """No group begins meanwhile: every writer waits in a change of its own."""
    store = world.app.store
    held = threading.Event()
    begun: list[object] = []

    def hold(connection: object) -> bool:
        begun.append(connection)
        return held.wait(60)

    writers = 1 if store.engine.name == "sqlite" else world.app.config.writers
    changes = [asyncio.create_task(store.change(hold)) for _ in range(writers)]
    try:
        for _ in range(1_000):
            if len(begun) >= writers:
                break
            await asyncio.sleep(0.01)
        assert len(begun) >= writers, "a writer has something else to do"
        yield
    finally:
        held.set()
        await asyncio.gather(*changes)


async def in_one_group(world: World, *commands: Command) -> list[Any]:
    """What each command came to, all of them committed together."""
    async with held_up(world):
        waiting = world.app.store.queue_length
        calls = [asyncio.create_task(world.run("ann", one)) for one in commands]
        await asyncio.sleep(0.05)
        assert world.app.store.queue_length >= waiting + len(commands)
    return await asyncio.gather(*calls, return_exceptions=True)


async def made(world: World, datastore: str, **values: object) -> str:
    result = await world.run("ann", new(datastore, **values))
    assert isinstance(result, WriteResult)
    return result.item.id


def new(datastore: str, **values: object) -> WriteItem:
    return WriteItem("SHOP", Entry(Op.NEW, datastore, values=values))


def with_related(datastore: str, item: str, *related: Entry) -> WriteItem:
    return WriteItem("SHOP", Entry(Op.UPDATE, datastore, item, related=related), force=True)


def line(sku: str, publish: Publish | None = None) -> Entry:
    return Entry(Op.NEW, "lines", values={"sku": sku}, publish=publish)


def test_a_plan_that_has_to_read_more_finds_its_row_numbers_again(
    world: World, runner: asyncio.Runner
) -> None:
    """The numbers of an order are looked up when its turn comes, after two lines were made."""

    async def write() -> Any:
        parcel = await made(world, "parcels", label="p")
        order = Entry(Op.NEW, "orders", values={"name": "o"})
        first = await world.run("ann", with_related("parcels", parcel, line("1"), line("2"), order))
        eve = Publish(users=((await world.identity("eve")).user,))
        lines = (line("3"), line("4"), line("5", eve))
        second = await world.run("ann", with_related("parcels", parcel, *lines))
        return first, second

    first, second = runner.run(write())
    assert len(first.related_items) == len(second.related_items) == 3
    assert (first.faults, second.faults) == ((), ())


def test_row_numbers_of_a_command_that_fails_go_to_the_next_one(
    world: World, runner: asyncio.Runner
) -> None:
    async def write() -> list[Any]:
        await made(world, "shipments", tracking="a")
        return await in_one_group(
            world,
            WriteItem(
                "SHOP",
                Entry(
                    Op.NEW,
                    "parcels",
                    related=(
                        Entry(Op.NEW, "shipments", values={"tracking": "b"}),
                        Entry(Op.NEW, "shipments", values={"tracking": "a"}),
                    ),
                ),
                all_or_nothing=True,
            ),
            new("shipments", tracking="c"),
            new("shipments", tracking="b"),
        )

    failed, *others = runner.run(write())
    assert failed.kind is FaultKind.ABORTED
    assert [one.item.n for one in others] == [2, 3]


def test_a_branch_is_not_there_before_its_first_number_is_taken(
    world: World, runner: asyncio.Runner
) -> None:
    async def write() -> list[Any]:
        await made(world, "parcels")
        return await in_one_group(
            world,
            SetNumber("SHOP", "orders", "number", 41, "b-"),
            TakeNumber("SHOP", "orders", "number", "b-"),
            SetNumber("SHOP", "orders", "number", 41, "b-"),
            TakeNumber("SHOP", "orders", "number", "b-"),
        )

    early, *others = runner.run(write())
    assert isinstance(early, FaultError)
    assert all(isinstance(one, NumberResult) for one in others)
    assert [one.number for one in others] == [1, 41, 42]


@pytest.mark.parametrize("names_target", [False, True])
def test_links_to_an_item_go_with_it_for_the_commands_after(
    world: World, runner: asyncio.Runner, names_target: bool
) -> None:
    async def write() -> list[Any]:
        one, other = [await made(world, "parcels") for _ in range(2)]
        await world.run("ann", AddLink("SHOP", "parcels", one, "parcels", other))
        return await in_one_group(
            world,
            WriteItem("SHOP", Entry(Op.DELETE, "parcels", other), force=True),
            RemoveLinks("SHOP", "parcels", one, "parcels", other if names_target else ""),
        )

    deleted, unlinked = runner.run(write())
    assert isinstance(deleted, WriteResult)
    assert isinstance(unlinked, FaultError)
    assert unlinked.kind is FaultKind.NO_LINK
