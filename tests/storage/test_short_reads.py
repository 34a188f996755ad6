"""PostgreSQL: short reads wait for the server on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

from hikidashi.storage.engines import Connection, EngineError, UnreachableError
from hikidashi.storage.engines.postgres import PostgresEngine
from hikidashi.storage.short_reads import ShortReads
from tests.conftest import Databases
from tests.storage.locks import LOCK, UNLOCK, held_up
from tests.waiting import SECONDS_MAX

PID = "SELECT pg_backend_pid()"


@pytest.fixture
def engine(databases: Databases) -> Iterator[PostgresEngine]:
    url = databases.create()
    yield PostgresEngine(url)
    databases.drop(url)


@pytest.fixture
def other(engine: PostgresEngine) -> Iterator[Connection]:
    """What another process has open."""
    connection = engine.connect()
    yield connection
    connection.close()


def ask(reads: ShortReads, sql: str) -> asyncio.Task[list[tuple[object, ...]]]:
    return asyncio.get_running_loop().create_task(reads.run(lambda one: one.query(sql)))


def carry_out(runner: asyncio.Runner, reads: ShortReads, course: Coroutine[Any, Any, None]) -> None:
    """Run a course, then close."""
    try:
        runner.run(asyncio.wait_for(course, SECONDS_MAX))
    finally:
        runner.run(asyncio.wait_for(reads.close(), SECONDS_MAX))


def test_they_do_not_wait_for_each_other_while_there_are_connections(engine, other, runner):
    reads = ShortReads(engine, 2)

    async def run() -> None:
        other.query(LOCK)
        late = ask(reads, LOCK)
        await held_up(other)
        assert [await ask(reads, f"SELECT {at}") for at in range(5)] == [[(at,)] for at in range(5)]
        queued = [ask(reads, "SELECT pg_advisory_unlock(8)"), ask(reads, "SELECT 2")]
        assert not late.done()
        other.query(UNLOCK)
        assert await late == [("",)]
        assert await asyncio.gather(*queued) == [[(False,)], [(2,)]]

    carry_out(runner, reads, run())


def test_one_that_is_cut_off_leaves_no_answer_to_the_next(engine, other, runner):
    reads = ShortReads(engine, 1)

    async def run() -> None:
        before = await ask(reads, PID)
        other.query(LOCK)
        cut_off = ask(reads, LOCK)
        await held_up(other)
        cut_off.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cut_off
        assert await ask(reads, "SELECT 1") == [(1,)]
        assert await ask(reads, PID) != before
        other.query(UNLOCK)

    carry_out(runner, reads, run())


@pytest.mark.parametrize("steps", range(4))
def test_one_that_is_cut_off_at_its_beginning_leaves_no_connection_open(engine, steps):
    reads = ShortReads(engine, 1)

    async def run() -> None:
        cut_off = ask(reads, "SELECT 1")
        for _ in range(steps):
            await asyncio.sleep(0)
        cut_off.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cut_off
        await reads.close()

    asyncio.run(asyncio.wait_for(run(), SECONDS_MAX))  # waits for threads; an open one is a warning


def test_one_that_fails_leaves_its_connection_to_the_next(engine, runner):
    reads = ShortReads(engine, 1)

    async def run() -> None:
        before = await ask(reads, PID)
        with pytest.raises(EngineError, match="division by zero"):
            await ask(reads, "SELECT 1 / 0")
        with pytest.raises(EngineError, match="read-only"):
            await ask(reads, "CREATE TABLE t (n INT)")
        assert await ask(reads, PID) == before

    carry_out(runner, reads, run())


def test_closing_lets_those_under_way_end(engine, other, runner):
    reads = ShortReads(engine, 2)

    async def run() -> None:
        other.query(LOCK)
        late = ask(reads, LOCK)
        await held_up(other)
        closing = asyncio.create_task(reads.close())
        await asyncio.sleep(0)
        assert not closing.done()
        other.query(UNLOCK)
        assert await late == [("",)]
        await closing
        with pytest.raises(UnreachableError, match="closed"):
            await ask(reads, "SELECT 1")

    runner.run(asyncio.wait_for(run(), SECONDS_MAX))
