"""What a process holds in memory of the database: sets of access keys, definitions and actors."""

from __future__ import annotations

import asyncio

import pytest

from hikidashi.core.commands import Entry, Op, Publish, WriteItem
from hikidashi.core.plan import WriteResult
from hikidashi.storage import access_sets
from hikidashi.storage.access_sets import AccessSets
from hikidashi.storage.engines import Connection
from hikidashi.storage.standing import Standing
from tests.worlds import World, world

__all__ = ["world"]  # a fixture


async def make_with_groups(world: World, *groups: str) -> int:
    """Make an item that some groups may see; the place of its keys."""
    publish = Publish(groups=groups, ignore_action_settings=True)
    result = await world.run("ann", WriteItem("SHOP", Entry(Op.NEW, "parcels", publish=publish)))
    assert isinstance(result, WriteResult)
    table, item = world.datastore("parcels").id, result.item.id
    rows = await world.app.store.read(
        lambda one: one.query(f"SELECT acl FROM i_{table} WHERE id = ?", (item,))
    )
    return int(rows[0][0])


def test_sets_that_are_dropped_from_memory_are_still_given(
    world: World, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that is read makes room for itself; the others were asked for all the same."""
    monkeypatch.setattr(access_sets, "_CACHED_MAX", 0)
    memory = AccessSets(b"secret")

    async def read() -> list[dict[int, frozenset[str]]]:
        acls = [await make_with_groups(world, *groups) for groups in ((), ("EAST",), ("WEST",))]
        store = world.app.store
        apart: dict[int, frozenset[str]] = {}
        for acl in acls:
            apart |= await store.read(lambda one: memory.load_keys(one, [acl]))  # noqa: B023
        together = await store.read(lambda one: memory.load_keys(one, acls))
        return [apart, together]

    apart, together = runner.run(read())
    assert len(apart) == 3
    assert all(apart.values())
    assert together == apart


def test_sets_that_are_made_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_sets, "_CACHED_MAX", 10)
    memory = AccessSets(b"secret")
    for number in range(100):
        memory.remember({("w", frozenset((str(number),))): number})
    assert sum(memory.find_keys(number) is not None for number in range(100)) <= 12
    assert memory.find_acl("w", frozenset(("99",))) == 99


def test_an_actor_is_as_old_as_the_catalogue_it_is_given_with(
    world: World, runner: asyncio.Runner
) -> None:
    """A thread that read the number before a change meets the catalogue read after it."""
    standing = Standing()

    async def read() -> tuple[bool, bool]:
        identity = await world.identity("bob")
        store = world.app.store
        catalog, actor = await store.read(lambda one: standing.get(one, identity))
        numbers = (catalog.number, actor.number)
        (group,) = actor.groups

        def delete_group(connection: Connection) -> None:
            connection.query("UPDATE definitions SET deleted_at = 1 WHERE id = ?", (group,))
            connection.query("UPDATE workspaces SET catalog_number = catalog_number + 1")

        await store.change(delete_group, world.workspace)
        eve = await world.identity("eve")
        await store.read(lambda one: standing.get(one, eve))
        late = await store.read(lambda one: standing.get(one, identity, numbers))
        return group in actor.keyring, group in late[1].keyring

    before, after = runner.run(read())
    assert (before, after) == (True, False)
