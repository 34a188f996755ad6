"""Histories carried out again: forwards from nothing an item as it is, backwards as it was."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from hikidashi.core.commands import (
    AddLink,
    Command,
    Entry,
    Op,
    PostComment,
    Publish,
    RemoveLinks,
    WriteItem,
)
from hikidashi.core.errors import FaultError
from hikidashi.core.items import Item
from hikidashi.core.plan import WriteResult
from hikidashi.core.replay import Revision, replay, rewind
from hikidashi.service.app import View
from hikidashi.service.revisions import values_to_restore
from hikidashi.storage.engines import Connection
from hikidashi.storage.items import list_revisions, read_item
from tests.property.test_groups import Stage
from tests.worlds import World, world_now

items = st.integers(0, 3)
values = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(("", "x", "名前")),
        "code": st.sampled_from(("a", "b", "c", None)),
        "amount": st.sampled_from((0, 1.5, "7", None)),
        "due": st.sampled_from(("2026-01-05", "2026-01-05T09:00:00.123Z", None)),
        "size": st.sampled_from(("S", "L", None)),
        "extras": st.sampled_from(([], ["gift"], ["fast", "gift"])),
        "paid": st.sampled_from((True, False, None)),
        "secret": st.sampled_from(("s", None)),
    },
)
wishes = st.one_of(
    st.tuples(st.just("update"), items, values),
    st.tuples(st.just("create"), values),
    st.tuples(st.just("nested"), items, values, items, st.booleans()),
    st.tuples(st.just("finish"), items, values),
    st.tuples(st.just("publish"), items, st.booleans()),
    st.tuples(st.just("people"), items, st.booleans()),
    st.tuples(st.just("delete"), items),
    st.tuples(st.just("link"), items, items),
    st.tuples(st.just("unlink"), items, items),
    st.tuples(st.just("comment"), items),
    st.tuples(st.just("restore"), items, st.integers(1, 4)),
)
Images = dict[tuple[str, str, int], Item]  # by datastore, item and revision


async def command(stage: Stage, wish: tuple[Any, ...]) -> Command:
    ids = stage.ids
    match wish:
        case ("update", item, given):
            return _edit(ids[item], given)
        case ("create", given):
            return WriteItem("SHOP", Entry(Op.NEW, "orders", values=given))
        case ("nested", item, given, other, atomic):
            entries = (
                Entry(Op.NEW, "lines", values={"sku": "1", "code": given.get("code")}),
                Entry(Op.LINK, "parcels", ids[other]),
            )
            entry = Entry(Op.UPDATE, "orders", ids[item], values=given, related=entries)
            return WriteItem("SHOP", entry, force=True, all_or_nothing=atomic)
        case ("finish", item, given):
            entry = Entry(Op.UPDATE, "orders", ids[item], action="Finish", values=given)
            return WriteItem("SHOP", entry, force=True)
        case ("publish", item, overwrite):
            publish = Publish(overwrite=overwrite, roles=("ADMIN",), groups=("ALL",))
            entry = Entry(Op.UPDATE, "orders", ids[item], publish=publish)
            return WriteItem("SHOP", entry, force=True)
        case ("people", item, there):
            bob = (await stage.world.identity("bob")).user
            return _edit(ids[item], {"people": [bob] if there else None})
        case ("delete", item):
            return WriteItem("SHOP", Entry(Op.DELETE, "orders", ids[item]), force=True)
        case ("link", one, other):
            return AddLink("SHOP", "orders", ids[one], "orders", ids[other])
        case ("unlink", one, other):
            return RemoveLinks("SHOP", "orders", ids[one], "orders", ids[other])
        case ("comment", item):
            return PostComment("SHOP", "orders", ids[item], "a comment")
        case ("restore", item, to):
            return await _restore(stage, ids[item], to)
    raise AssertionError(wish)


def _edit(item: str, given: dict[str, Any]) -> WriteItem:
    return WriteItem("SHOP", Entry(Op.UPDATE, "orders", item, values=given), force=True)


async def _restore(stage: Stage, item: str, to: int) -> WriteItem:
    world = stage.world

    def read(view: View) -> tuple[int, dict[str, object]]:
        orders = world.datastore("orders")
        found = read_item(view.connection, view.access, orders, item, view.actor.keyring)
        rev = found.rev if found else 0
        return rev, values_to_restore(view, orders, item, rev, to)

    rev, given = await world.app.scan(await world.identity("ann"), read)
    return WriteItem("SHOP", Entry(Op.UPDATE, "orders", item, values=given, revision=rev))


def read_images(connection: Connection, world: World) -> Images:
    """Every item as it is."""
    found: Images = {}
    for datastore in world.catalog.projects[0].datastores:
        for (id_,) in connection.query(f"SELECT id FROM i_{datastore.id}"):
            row = connection.query(
                "SELECT a.key FROM access_sets a JOIN"
                f" i_{datastore.id} i ON i.acl = a.acl WHERE i.id = ?",
                (id_,),
            )
            keyring = frozenset(key for (key,) in row)
            item = read_item(connection, world.app.store.access, datastore, id_, keyring)
            assert item is not None
            found[datastore.id, id_, item.rev] = item
    return found


def filled(item: Item) -> dict[str, object]:
    return {key: one for key, one in item.values.items() if one is not None}


def check(connection: Connection, world: World, seen: Images) -> None:
    """Histories, carried out again, lead to each item and to each revision that was seen."""
    for (datastore_id, id_, _), item in read_images(connection, world).items():
        datastore = world.catalog.find_datastore(datastore_id)
        assert datastore is not None
        entries = list_revisions(connection, id_, 1)
        assert [one.rev for one in entries] == list(range(item.rev, 0, -1))
        revisions = [Revision(one.rev, one.user, one.created_at, one.changes) for one in entries]
        image = replay(datastore, revisions[::-1])
        assert (image.rev, image.status, image.keys) == (item.rev, item.status, item.keys)
        assert {k: v for k, v in image.values.items() if v is not None} == filled(item)
        assert image.gone == {}
        for rev in range(item.rev, 0, -1):
            then, gone = rewind(item, datastore, revisions[: item.rev - rev])
            was = seen[datastore_id, id_, rev]
            assert gone == {}
            assert filled(then) == filled(was)
            told = (then.rev, then.status, then.keys, then.title)
            assert told == (was.rev, was.status, was.keys, was.title)


@pytest.fixture(scope="module")
def stage(
    new_database: Callable[..., str],
    tmp_path_factory: pytest.TempPathFactory,
    runner: asyncio.Runner,
) -> Iterator[Stage]:
    with world_now("shop", new_database(tmp_path_factory.mktemp("replay")), runner) as world:
        yield Stage(world)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=st.lists(wishes, min_size=1, max_size=12))
def test_histories_lead_forwards_to_an_item_and_back_to_each_revision(
    stage: Stage, runner: asyncio.Runner, wanted: list[tuple[Any, ...]]
) -> None:
    async def run() -> None:
        world, store = stage.world, stage.world.app.store
        await stage.reset()
        seen = await store.scan(lambda one: read_images(one, world))
        for wish in wanted:
            with suppress(FaultError):
                await world.run("ann", await command(stage, wish))
            seen |= await store.scan(lambda one: read_images(one, world))
        await store.scan(lambda one: check(one, world, seen))

    runner.run(run())


def test_what_is_restored_is_what_was(stage: Stage, runner: asyncio.Runner) -> None:
    async def run() -> None:
        world, store = stage.world, stage.world.app.store
        await stage.reset()
        (item, *_) = stage.ids
        edits = ({"amount": 3, "extras": ["gift"]}, {"name": None, "code": "z"}, {"paid": True})
        for changed in edits:
            await world.run("ann", _edit(item, changed))
        seen = await store.scan(lambda one: read_images(one, world))
        for to in (1, 2, 3, 4, 1):
            made = await world.run("ann", await _restore(stage, item, to))
            assert isinstance(made, WriteResult)
            now = await store.scan(lambda one: read_images(one, world))
            seen |= now
            back = next(one for (_, id_, _), one in now.items() if id_ == item)
            was = [
                Revision(one.rev, one.user, one.created_at, one.changes)
                for one in await store.scan(lambda one: list_revisions(one, item, 1))
            ]
            then, _ = rewind(back, world.datastore("orders"), was[: back.rev - to])
            assert filled(back) == filled(then)

    runner.run(run())
