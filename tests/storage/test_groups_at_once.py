"""PostgreSQL: what a group waits for holds up neither the event loop nor other groups."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar

import pytest

from hikidashi.core.commands import Entry, Op, WriteItem
from hikidashi.core.plan import Result, WriteResult
from hikidashi.storage import driver
from hikidashi.storage.engines import Connection, UnreachableError
from hikidashi.storage.engines.postgres import PostgresEngine
from tests.conftest import Databases
from tests.storage.locks import LOCK, UNLOCK, held_up
from tests.waiting import SECONDS_MAX
from tests.worlds import World, world_now

NEVER_S = 3_600.0  # until what waits begins all the same
ASKED: ContextVar[str] = ContextVar("ASKED")


@pytest.fixture
def url(databases: Databases) -> Iterator[str]:
    made = databases.create(with_tables=True)
    yield made
    databases.drop(made)


@pytest.fixture
def shop(url: str, runner: asyncio.Runner) -> Iterator[World]:
    with world_now("shop", url, runner) as made:
        yield made


@pytest.fixture
def other(url: str) -> Iterator[Connection]:
    """What another process has open."""
    connection = PostgresEngine(url).connect()
    yield connection
    connection.close()


def order(name: str, item: str = "") -> WriteItem:
    op = Op.UPDATE if item else Op.NEW
    return WriteItem("SHOP", Entry(op, "orders", item or None, values={"name": name}), force=True)


async def made(shop: World, name: str) -> str:
    result = await shop.run("ann", order(name))
    assert isinstance(result, WriteResult)
    return result.item.id


def test_others_go_on_while_a_function_waits_for_the_server(url: str, runner: asyncio.Runner):
    """Each of two waits for what only the other can do next."""
    engine = PostgresEngine(url)
    first, second = engine.connect(), engine.connect()

    async def run() -> list[object]:
        await engine.run(first.query, LOCK)
        waiting = asyncio.create_task(engine.run(second.query, LOCK))
        await held_up(first)
        return [*await engine.run(first.query, UNLOCK), *await waiting]

    try:
        assert runner.run(run()) == [(True,), ("",)]
    finally:
        first.close()
        second.close()


def test_a_function_has_the_context_of_who_called_it_and_its_errors_reach_them(url, runner):
    engine = PostgresEngine(url)
    connection = engine.connect()

    def ask(sql: str) -> object:
        return ASKED.get(), connection.query(sql)

    async def run() -> None:
        ASKED.set("ann")
        assert await engine.run(ask, "SELECT 1") == ("ann", [(1,)])
        with pytest.raises(Exception, match="division by zero"):
            await engine.run(ask, "SELECT 1 / 0")
        assert await engine.run(ask, "SELECT 2") == ("ann", [(2,)])

    try:
        runner.run(run())
    finally:
        connection.close()


def test_a_connection_that_was_lost_is_opened_again_on_the_event_loop(url, other, runner):
    engine = PostgresEngine(url)
    connection = engine.connect()

    async def run() -> None:
        pid = connection.query("SELECT pg_backend_pid()")[0][0]
        other.query("SELECT pg_terminate_backend(?, 5000)", (pid,))
        with pytest.raises(UnreachableError):
            await engine.run(connection.query, "SELECT 1")
        again = await engine.run(connection.query, "SELECT pg_backend_pid()")
        assert again[0][0] != pid

    try:
        runner.run(run())
    finally:
        connection.close()


def lock_row(other: Connection, shop: World, item: str) -> None:
    table = f"i_{shop.datastore('orders').id}"
    other.query(f"SELECT n FROM {table} WHERE id = ? FOR UPDATE", (item,))


def take_entry(other: Connection, shop: World, item: str) -> None:
    """The place of the next entry of an item's history is taken, perhaps."""
    del shop
    columns = "SELECT column_name FROM information_schema.columns WHERE table_name = 'histories'"
    names = [name for (name,) in other.query(columns)]
    values = ", ".join("seq + 1" if name == "seq" else name for name in names)
    into = f"INSERT INTO histories ({', '.join(names)})"
    other.query(f"{into} SELECT {values} FROM histories WHERE item_id = ?", (item,))


@pytest.mark.parametrize(
    ("lock", "long_s"),
    [(lock_row, driver.LONG_S), (take_entry, NEVER_S)],
    ids=["is planned", "commits"],
)
def test_a_write_that_another_process_holds_up_holds_up_no_other(
    shop: World,
    other: Connection,
    runner: asyncio.Runner,
    monkeypatch: pytest.MonkeyPatch,
    lock: Callable[[Connection, World, str], None],
    long_s: float,
):
    """It waits for the row of its item while it is planned, which the others give a while; or for
    anything in its commit, beside which they are planned at once."""
    monkeypatch.setattr(driver, "LONG_S", long_s)

    async def run() -> tuple[Result, list[Result]]:
        held, *free = [await made(shop, name) for name in "abcd"]
        other.begin()
        lock(other, shop, held)
        late = asyncio.create_task(shop.run("ann", order("late", held)))
        await held_up(other)
        soon = [await shop.run("ann", order("soon", item)) for item in free]
        assert not late.done()
        other.rollback()
        return await late, soon

    late, soon = runner.run(asyncio.wait_for(run(), SECONDS_MAX))
    assert isinstance(late, WriteResult)
    assert [late.item.rev, *(one.item.rev for one in soon)] == [2, 2, 2, 2]


def test_a_change_on_its_thread_holds_up_no_write(shop, runner, monkeypatch):
    monkeypatch.setattr(driver, "LONG_S", NEVER_S)
    goes_on = threading.Event()

    async def run() -> list[Result]:
        item = await made(shop, "a")
        change = asyncio.create_task(shop.app.store.change(lambda _: goes_on.wait(SECONDS_MAX)))
        await asyncio.sleep(0)
        results = [await shop.run("ann", order(str(at), item)) for at in range(3)]
        assert not change.done()
        goes_on.set()
        assert await change
        return results

    results = runner.run(asyncio.wait_for(run(), SECONDS_MAX))
    assert [one.item.rev for one in results] == [2, 3, 4]


def test_writes_of_one_item_at_once_all_count(shop: World, other: Connection, runner):
    """A group that is planned while another commits sees what that has written."""

    async def run() -> list[Result]:
        item = await made(shop, "a")
        other.begin()
        take_entry(other, shop, item)
        first = asyncio.create_task(shop.run("ann", order("1", item)))
        await held_up(other)
        rest = [asyncio.create_task(shop.run("ann", order(str(at), item))) for at in range(2, 9)]
        await held_up(other, 2)  # the next group waits for the row of the first
        other.rollback()
        return await asyncio.gather(first, *rest)

    results = runner.run(asyncio.wait_for(run(), SECONDS_MAX))
    assert [one.item.rev for one in results] == list(range(2, 10))


async def make_many(shop: World, count: int) -> list[Result]:
    """Make one, so that who asks is known, then so many at once."""
    await made(shop, "first")
    runs = [asyncio.create_task(shop.run("ann", order(f"{at}"))) for at in range(count)]
    return await asyncio.gather(*runs)


async def wait_in_vain(shop: World, run: asyncio.Task[Result]) -> None:
    """Return when one write waits for others to come, which it goes on doing."""
    for _ in range(int(SECONDS_MAX / 0.01)):
        await asyncio.sleep(0.01)
        if shop.app.store.queue_length:
            break
    await asyncio.sleep(0.01)
    assert not run.done()


def groups(other: Connection) -> list[int]:
    """How many entries of histories each transaction has written."""
    sizes = "SELECT count(*) FROM histories GROUP BY xmin::text::bigint ORDER BY xmin::text::bigint"
    return [size for (size,) in other.query(sizes)]


def test_a_group_takes_half_of_what_is_outstanding(shop, other, runner):
    """So the event loop reads requests while the database works on the other half."""
    runner.run(make_many(shop, 64))
    assert groups(other) == [1, 32, 32]


def test_a_few_writes_are_not_parted(shop, other, runner):
    runner.run(make_many(shop, driver.SMALL_GROUP))
    assert groups(other) == [1, driver.SMALL_GROUP]


def test_under_load_a_few_writes_wait_for_others_to_come(shop, other, runner, monkeypatch):
    monkeypatch.setattr(driver, "SOON_S", NEVER_S)

    async def run() -> None:
        await make_many(shop, 64)
        first = asyncio.create_task(shop.run("ann", order("first")))
        await wait_in_vain(shop, first)
        others = [asyncio.create_task(shop.run("ann", order(f"{at}"))) for at in range(19)]
        await asyncio.gather(first, *others)

    runner.run(asyncio.wait_for(run(), SECONDS_MAX))
    assert groups(other) == [1, 32, 32, 20]


def test_a_write_for_which_no_others_come_is_done_after_a_moment(shop, other, runner):
    async def run() -> None:
        await make_many(shop, 64)
        await shop.run("ann", order("alone"))

    runner.run(asyncio.wait_for(run(), SECONDS_MAX))
    assert groups(other) == [1, 32, 32, 1]


def test_what_waits_for_others_is_done_when_the_server_stops(url, runner, monkeypatch):
    monkeypatch.setattr(driver, "SOON_S", NEVER_S)

    async def run(shop: World) -> asyncio.Task[Result]:
        await make_many(shop, 64)
        alone = asyncio.create_task(shop.run("ann", order("alone")))
        await wait_in_vain(shop, alone)
        return alone

    with world_now("shop", url, runner) as shop:
        alone = runner.run(run(shop))
    assert isinstance(alone.result(), WriteResult)
