"""Two processes over one PostgreSQL: each tells its listeners what the other has committed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hikidashi.core.ids import ObjectIds
from hikidashi.storage.engines import Column, Insert
from hikidashi.storage.outbox import OUTBOX_COLUMNS
from hikidashi.storage.tail import Tail
from tests.live.served import PROJECT, USERS, Live

ANN, BOB, EVE = USERS.values()


@pytest.fixture(scope="module")
def other(opened) -> Iterator[Live]:
    """The second process; none on SQLite, which one process alone serves."""
    if opened.app.config.engine == "sqlite":
        pytest.skip("one process alone serves SQLite")

    class Runner:
        run = opened.run

    ids = ObjectIds(opened.clock, process=1)
    made = Live(opened.app.config.database, opened.clock, ids, Runner)  # type: ignore[arg-type]
    made._tokens = opened._tokens
    made.run(made.relaying())
    made.serve()
    yield made
    made.stop()
    made.close()


@pytest.fixture
def both(live, other) -> Live:
    """The second process, at rest like the first."""
    live.run(other.rest())
    return other


def test_a_listener_hears_what_another_process_commits_once(live, both, car):
    async def run() -> None:
        await live.drained()
        async with both.hub("ann") as far, live.hub("ann") as near, both.hub("eve") as eve:
            await both.until(2)
            await live.until(1)
            for at in range(5):
                await live.comment(car, f"{at} here")
                await both.comment(car, f"{at} there")
            for one in (far, near):
                told = sorted(await one.comments(10))
                assert told == [f"{at} {where}" for at in range(5) for where in ("here", "there")]
                assert await one.is_quiet()
            assert await eve.is_quiet()

    live.run(run())


def test_logs_and_marks_reach_the_other_process(live, both, car):
    async def run() -> None:
        channel = f"logs_{ANN}_{PROJECT},unread_{ANN}"
        await live.drained()
        async with both.sse("ann", channel) as far:
            await far.began()
            live.app.live.publish_log(ANN, PROJECT, "a line")
            assert await far.event() == ("log_actionscript", {"message": "a line"})
            await live.comment(car)
            assert (await far.event())[1]["unread"] == 2
            assert (await live.acall("GET", f"/items/histories/{car}")).status == 200
            assert (await far.event())[1]["unread"] == 0

    live.run(run())


def test_a_row_that_is_seen_late_is_told_all_the_same(live, other):
    """Ids are given before rows are seen: a transaction may end after one that began later."""
    stem = f"{live.clock.now_ms() // 1000:08x}00000000ff"
    now = live.clock.now_ms()
    rows = [(f"{stem}{at:06x}", "i", at, "w", "d", "item.created", 0, "{}", now) for at in range(4)]
    columns = (*OUTBOX_COLUMNS, Column("kept_at", "bigint"))

    async def put(*some) -> None:
        await live.app.store.change(
            lambda one: one.write([Insert("live_events", columns, list(some))])
        )

    async def run() -> None:
        tail = Tail(live.app.ids, is_alone=False)
        tail.start(lambda: None)

        async def look(**more) -> list[int]:
            now = live.clock.now_ms()
            await live.app.store.scan(lambda one: tail.look(one, now, **more))
            return [row[2] for row in tail.take().events]

        await put(rows[1])
        assert await look(is_first=True) == []
        await put(rows[3])
        assert await look() == [3]
        await put(rows[0], rows[2])
        assert await look() == [0, 2]
        assert await look() == []

    live.run(run())
