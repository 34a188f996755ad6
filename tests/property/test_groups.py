"""A group of commands ends exactly as the same commands one at a time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from hikidashi.core.commands import (
    AddLink,
    Command,
    Entry,
    Linked,
    Op,
    RemoveLinks,
    ReserveItem,
    TakeNumber,
    Target,
    WriteBatch,
    WriteFound,
    WriteItem,
)
from hikidashi.core.errors import FaultError
from hikidashi.core.plan import (
    ItemsResult,
    LinkResult,
    NumberResult,
    ReservationResult,
    WriteResult,
)
from hikidashi.storage.engines import Connection
from tests.worlds import World, world_now

ITEMS = 4  # few, so that commands meet
CODES = ("a", "b", "c")
COPIED = re.compile(r',?"copied_from":\[null,"[0-9a-f]+"\]')  # an id that differs from run to run

items = st.integers(0, ITEMS - 1)
codes = st.sampled_from((*CODES, None))
wishes = st.one_of(
    st.tuples(st.just("update"), items, codes, st.integers(0, 9), st.booleans()),
    st.tuples(st.just("rename"), items, st.sampled_from(("x", "y", ""))),
    st.tuples(st.just("create"), codes, st.booleans()),
    st.tuples(st.just("bad"), items),
    st.tuples(st.just("delete"), items),
    st.tuples(st.just("link"), items, items),
    st.tuples(st.just("unlink"), items, items),
    st.tuples(st.just("number"), st.sampled_from(("", "n-"))),
    st.tuples(st.just("nested"), items, codes, codes, items, st.booleans()),
    st.tuples(st.just("finish"), items),
    st.tuples(st.just("act"), items, st.sampled_from(("Finish", "DeleteItem", "CreateItem"))),
    st.tuples(st.just("copy"), items, codes),
    st.tuples(st.just("delete linked"), items),
    st.tuples(st.just("bulk"), st.lists(items, unique=True, max_size=4), codes),
    st.tuples(st.just("batch"), items, items, codes, st.booleans()),
    st.tuples(st.just("reserve")),
)


class Stage:
    """A world that is brought back to the same few items before each run."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ids: list[str] = []

    async def reset(self) -> None:
        await self.world.app.store.change(self._empty)
        self.ids = []
        for number in range(ITEMS):
            values = {"name": f"item {number}", "code": CODES[number] if number < 2 else None}
            made = await self.world.run("ann", _new("orders", values))
            assert isinstance(made, WriteResult)
            self.ids.append(made.item.id)

    def _empty(self, connection: Connection) -> None:
        catalog = self.world.catalog
        for datastore in catalog.projects[0].datastores:
            connection.query(f"DELETE FROM i_{datastore.id}")
            if self.world.app.store.engine.name == "postgresql":
                connection.query(f"ALTER SEQUENCE rows_{datastore.id} RESTART")
        for table in ("links", "histories", "outbox", "reserved_items"):
            connection.query(f"DELETE FROM {table}")
        connection.query("DELETE FROM counters WHERE branch NOT IN ('-', '+')")
        connection.query("UPDATE counters SET last = 0")
        if self.world.app.store.engine.name == "sqlite":
            connection.query("UPDATE row_numbers SET last = 0")

    def command(self, wish: tuple[Any, ...]) -> Command:
        match wish:
            case ("update", item, code, amount, forced):
                values = {"code": code, "amount": amount}
                return _edit(self.ids[item], values, revision=1, force=forced)
            case ("rename", item, name):
                return _edit(self.ids[item], {"name": name}, force=True)
            case ("create", code, with_line):
                line = Entry(Op.NEW, "lines", values={"sku": "s"}, link_to_parent=True)
                related = (line,) if with_line else ()
                return _new("orders", {"name": "made", "code": code}, related)
            case ("bad", item):
                return _edit(self.ids[item], {"amount": "many", "code": "z"}, force=True)
            case ("delete", item):
                entry = Entry(Op.DELETE, "orders", self.ids[item])
                return WriteItem("SHOP", entry, force=True)
            case ("link", one, other):
                return AddLink("SHOP", "orders", self.ids[one], "orders", self.ids[other])
            case ("unlink", one, other):
                return RemoveLinks("SHOP", "orders", self.ids[one], "orders", self.ids[other])
            case ("number", branch):
                return TakeNumber("SHOP", "orders", "number", branch)
            case ("nested", item, first, second, customer, atomic):
                return self._nested(item, first, second, customer, atomic)
            case ("finish", item):
                entry = Entry(Op.UPDATE, "orders", self.ids[item], action="Finish")
                return WriteItem("SHOP", entry, force=True)
        return self._command_on_many(wish)

    def _nested(
        self, item: int, first: str | None, second: str | None, other: int, atomic: bool
    ) -> Command:
        """Lines whose unique code may be taken, and one hangs under them."""
        lines = (
            Entry(Op.NEW, "lines", values={"sku": "1", "code": first}),
            Entry(Op.NEW, "lines", values={"sku": "2", "code": second}, link_to_parent=True),
            Entry(Op.UNLINK, "parcels", self.ids[other]),
        )
        entry = Entry(Op.UPDATE, "orders", self.ids[item], values={"amount": 5}, related=lines)
        return WriteItem("SHOP", entry, force=True, all_or_nothing=atomic)

    def _command_on_many(self, wish: tuple[Any, ...]) -> Command:
        """Actions, and what writes several items or none."""
        match wish:
            case ("act", item, action):
                entry = Entry(Op.ACT, "orders", self.ids[item], action=action)
                return WriteItem("SHOP", entry, force=True)
            case ("copy", item, code):
                values = {"name": "copy", "code": code}
                entry = Entry(Op.COPY, "orders", self.ids[item], action="Copy", values=values)
                return WriteItem("SHOP", entry, force=True)
            case ("delete linked", item):
                entry = Entry(Op.DELETE, "orders", self.ids[item])
                return WriteItem("SHOP", entry, linked=Linked(("orders", "lines")))
            case ("bulk", chosen, code):
                each = Entry(Op.ACT, "orders", action="UpdateItem", values={"code": code})
                targets = tuple(Target(self.ids[one], 1) for one in chosen)
                return WriteFound("SHOP", each, targets, len(targets), is_final=True)
            case ("batch", item, other, code, atomic):
                entries = (
                    Entry(Op.NEW, "orders", values={"name": "batch", "code": code}),
                    Entry(Op.UPDATE, "orders", self.ids[item], values={"code": code}, force=True),
                    Entry(Op.DELETE, "orders", self.ids[other]),
                )
                return WriteBatch("SHOP", entries, all_or_nothing=atomic)
            case ("reserve",):
                return ReserveItem("SHOP", "orders")
        raise AssertionError(wish)


def _new(datastore: str, values: dict[str, Any], related: tuple[Entry, ...] = ()) -> WriteItem:
    return WriteItem("SHOP", Entry(Op.NEW, datastore, values=values, related=related))


def _edit(item: str, values: dict[str, Any], revision: int | None = None, force: bool = False):
    entry = Entry(Op.UPDATE, "orders", item, values=values, revision=revision)
    return WriteItem("SHOP", entry, force=force)


async def run_all(stage: Stage, wishes: list[tuple[Any, ...]], *, at_once: bool) -> list[object]:
    """What each command answered, in words that do not depend on ids of new things."""
    calls = [stage.world.run("ann", stage.command(wish)) for wish in wishes]
    if at_once:
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    else:
        outcomes = []
        for call in calls:
            outcomes += await asyncio.gather(call, return_exceptions=True)
    return [_told(outcome, stage) for outcome in outcomes]


def _told(outcome: object, stage: Stage) -> object:
    match outcome:
        case FaultError():
            told = repr((outcome.kind, outcome.faults))
            for place, item in enumerate(stage.ids):
                told = told.replace(item, f"item {place}")
            return told
        case WriteResult():
            codes = [(fault.code, fault.error) for fault in outcome.faults]
            return (outcome.item.title, outcome.item.rev, outcome.is_changed, codes)
        case ItemsResult():
            codes = [(fault.code, fault.error) for fault in outcome.faults]
            return ([one.rev for one in outcome.written], codes)
        case ReservationResult():
            return "reserved"
        case NumberResult() | LinkResult():
            return outcome
    raise AssertionError(outcome)


def read_state(connection: Connection, world: World) -> dict[str, Any]:
    """Everything the commands could have changed, with row numbers in the place of ids."""
    state: dict[str, Any] = {}
    numbers: dict[str, str] = {}
    for datastore in world.catalog.projects[0].datastores:
        rows = connection.query(f"SELECT id, n FROM i_{datastore.id} ORDER BY n")
        order = {n: place for place, (_, n) in enumerate(rows)}  # a failed create leaves a gap
        numbers |= {id_: f"{datastore.display_id} {order[n]}" for id_, n in rows}
        columns = ", ".join(
            [
                "rev",
                "seq",
                "status",
                "title",
                "acl",
                *(f"f_{f.id}" for f in datastore.stored_fields),
            ]
        )
        state[datastore.display_id] = connection.query(
            f"SELECT {columns} FROM i_{datastore.id} ORDER BY n"
        )
    links = connection.query("SELECT from_item, to_item, kind FROM links")
    state["links"] = sorted((numbers[a], numbers[b], kind) for a, b, kind in links)
    state["counters"] = connection.query(
        "SELECT field_id, branch, last FROM counters ORDER BY field_id, branch"
    )
    columns = "item_id, seq, rev, action_id, operation, comment, changes"
    histories = connection.query(f"SELECT {columns} FROM histories ORDER BY item_id, seq")
    state["histories"] = sorted(
        (numbers.get(row[0], ""), *row[1:-1], COPIED.sub("", row[-1])) for row in histories
    )
    outbox = connection.query("SELECT item_id, seq, kind FROM outbox ORDER BY item_id, seq")
    state["reserved"] = connection.query("SELECT COUNT(*) FROM reserved_items")
    state["outbox"] = sorted((numbers.get(row[0], ""), *row[1:]) for row in outbox)
    return state


@pytest.fixture(scope="module")
def stage(
    new_database: Callable[..., str],
    tmp_path_factory: pytest.TempPathFactory,
    runner: asyncio.Runner,
) -> Iterator[Stage]:
    url = new_database(tmp_path_factory.mktemp("groups"))
    with world_now("shop", url, runner, writers=1) as world:  # of two, each takes what it gets
        yield Stage(world)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=st.lists(wishes, min_size=2, max_size=8))
def test_a_group_ends_as_its_commands_one_at_a_time(
    stage: Stage, runner: asyncio.Runner, wanted: list[tuple[Any, ...]]
) -> None:
    async def both() -> tuple[Any, Any]:
        ends = []
        for at_once in (False, True):
            await stage.reset()
            told = await run_all(stage, wanted, at_once=at_once)
            state = await stage.world.app.store.read(lambda one: read_state(one, stage.world))
            ends.append((told, state))
        return ends[0], ends[1]

    singly, together = runner.run(both())
    assert together == singly


def test_values_handed_over_in_a_circle_within_a_group(
    stage: Stage, runner: asyncio.Runner
) -> None:
    """Folded statements would trip over the unique index; the rerun settles it."""

    async def circle() -> dict[str, Any]:
        await stage.reset()
        wanted = [
            ("update", 0, None, 1, True),
            ("update", 1, "a", 1, True),
            ("update", 0, "b", 2, True),
            ("update", 2, "c", 1, True),
        ]
        told = await run_all(stage, wanted, at_once=True)
        assert all(isinstance(one, tuple) and isinstance(one[0], str) for one in told), told
        return await stage.world.app.store.read(lambda one: read_state(one, stage.world))

    orders = runner.run(circle())["orders"]
    code = next(
        place
        for place, field in enumerate(stage.world.datastore("orders").stored_fields)
        if field.display_id == "code"
    )
    assert [row[5 + code] for row in orders] == ["b", "a", "c", None]
