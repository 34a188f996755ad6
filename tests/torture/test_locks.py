"""PostgreSQL connections after an error, and groups that are run job by job beside others."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections import Counter

import pytest

from hikidashi.core.commands import Entry, Op, WriteItem
from hikidashi.storage.engines import Connection, IntegrityError, OutdatedSchemaError, Query
from hikidashi.storage.engines.postgres import PostgresEngine
from hikidashi.storage.store import Store
from tests.conftest import Databases

from .doors import StoreDoor
from .ledger import Reply, Verdict
from .stepped import SteppedEngine, Trap
from .world import LINES, ORDERS, PROJECT, build_world, make_store

SEED = 20260105
GOOD, BAD = Query("SELECT 2"), Query("SELECT nothing")


@pytest.mark.parametrize("in_transaction", [False, True])
def test_a_connection_works_on_after_an_error_in_a_pipeline(
    databases: Databases, in_transaction: bool
):
    url = databases.create()
    connection = PostgresEngine(url).connect()
    assert connection.read([GOOD, GOOD]) == [[(2,)], [(2,)]]  # the next time it is prepared
    _fail(connection, in_transaction=in_transaction)
    for _ in range(4):
        assert connection.read([GOOD, GOOD]) == [[(2,)], [(2,)]]
    connection.close()
    databases.drop(url)


def _fail(connection: Connection, *, in_transaction: bool) -> None:
    if in_transaction:
        connection.begin()
        connection.savepoint()
    with pytest.raises(OutdatedSchemaError):
        connection.read([BAD, GOOD])
    if in_transaction:
        connection.rollback_to()
        assert connection.read([GOOD, GOOD]) == [[(2,)], [(2,)]]
        connection.commit()


def test_a_server_that_is_gone_without_a_word_is_noticed(databases: Databases):
    url = databases.create()
    for more, seconds in (("", "10"), ("&connect_timeout=25", "25")):
        connection = PostgresEngine(f"{url}{more}").connect()
        told = connection._psycopg.info.get_parameters()
        assert told["connect_timeout"] == seconds
        assert (told["keepalives_idle"], told["tcp_user_timeout"]) == ("30", "60000")
        connection.close()
    databases.drop(url)


class _Retries:
    """Counts why groups were run again."""

    def __init__(self) -> None:
        self.reasons: Counter[str] = Counter()

    def group_committed(self, jobs: int, seconds: float) -> None:
        """Nothing."""

    def group_retried(self, reason: str) -> None:
        """Count it."""
        self.reasons[reason] += 1


class _Turns(Trap):
    """Refuses the group's first write, so that its jobs are run one by one; after the first of
    them it waits for the other process, which has its own locks by then or waits for ours."""

    def __init__(self, barrier: threading.Barrier) -> None:
        super().__init__()
        self.is_set = False
        self._barrier = barrier
        self._is_refused = False
        self._is_met = False

    def step(self, what: str) -> None:
        """A statement is about to be run."""
        if not self.is_set:
            return
        if what.startswith("Insert") and not self._is_refused:
            self._is_refused = True
            raise IntegrityError("as told")
        if what == "RELEASE" and not self._is_met:
            self._is_met = True
            with contextlib.suppress(threading.BrokenBarrierError):  # it waits for our locks
                self._barrier.wait(1.0)


def test_groups_run_job_by_job_do_not_wait_for_each_other_in_a_circle(databases: Databases):
    url = databases.create()
    replies, reasons = asyncio.run(_meet(url))
    databases.drop(url)
    assert [one.verdict for one in replies] == [Verdict.DONE] * 4
    assert reasons == {"IntegrityError": 2}


async def _meet(url: str) -> tuple[list[Reply], Counter[str]]:
    rng, retries, barrier = random.Random(SEED), _Retries(), threading.Barrier(2)
    turns = [_Turns(barrier), _Turns(barrier)]
    stores = [
        make_store(SteppedEngine(PostgresEngine(url), one, by_row=False), rng, retries, writers=1)
        for one in turns
    ]
    for store in stores:
        await store.open()
    try:
        world = await build_world(stores[0], rng)
        doors = [StoreDoor(store, world.me) for store in stores]
        for door in doors:  # definitions are in memory, statements prepared
            await asyncio.gather(*[door.send(_new(one)) for one in (ORDERS, LINES)])
        retries.reasons.clear()
        for one in turns:
            one.is_set = True
        return await _run_both(stores, doors), retries.reasons
    finally:
        for store in stores:
            await store.close()


async def _run_both(stores: list[Store], doors: list[StoreDoor]) -> list[Reply]:
    """One group each, of the same two counters in opposite orders."""
    gates = [threading.Event(), threading.Event()]
    held = [
        asyncio.create_task(store.change(lambda _, gate=gate: gate.wait(10)))
        for store, gate in zip(stores, gates, strict=True)
    ]
    await asyncio.sleep(0.05)
    orders = (ORDERS, LINES), (LINES, ORDERS)
    work = [
        asyncio.create_task(door.send(_new(one)))
        for door, names in zip(doors, orders, strict=True)
        for one in names
    ]
    await asyncio.sleep(0.05)
    for gate in gates:
        gate.set()
    await asyncio.gather(*held)
    return list(await asyncio.gather(*work))


def _new(datastore: str) -> WriteItem:
    return WriteItem(PROJECT, Entry(Op.NEW, datastore, values={"name": datastore}))


def test_writers_by_id_and_by_row_number_do_not_wait_for_each_other_in_a_circle(
    databases: Databases,
):
    url = databases.create()
    replies, reasons = asyncio.run(_write_by_id_and_row(url, seconds=1.5))
    databases.drop(url)
    assert {one.verdict for one in replies} == {Verdict.DONE}
    assert reasons == {}


async def _write_by_id_and_row(url: str, seconds: float) -> tuple[list[Reply], Counter[str]]:
    rng, retries = random.Random(SEED), _Retries()
    stores = [make_store(PostgresEngine(url), rng, retries) for _ in range(2)]
    for store in stores:
        await store.open()
    try:
        world = await build_world(stores[0], rng)
        doors = [StoreDoor(store, world.me) for store in stores]
        made = [await doors[0].send(_new(LINES)) for _ in range(5)]
        rows = dict(enumerate((one.item for one in made), 1))  # numbered from 1
        replies: list[Reply] = []
        end = asyncio.get_running_loop().time() + seconds

        async def write(door: StoreDoor) -> None:
            while asyncio.get_running_loop().time() < end:
                row, item = rng.choice(list(rows.items()))
                by_row = rng.random() < 0.5
                entry = Entry(
                    Op.UPDATE,
                    LINES,
                    "" if by_row else item,
                    row if by_row else None,
                    values={"note": "x"},
                )
                replies.append(await door.send(WriteItem(PROJECT, entry, force=True)))

        await asyncio.gather(*[write(doors[at % 2]) for at in range(16)])
        return replies, retries.reasons
    finally:
        for store in stores:
            await store.close()
