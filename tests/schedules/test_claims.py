"""Each due time is run once: by whichever process, and on behind one that died."""

from __future__ import annotations

import asyncio
import threading

import pytest

from hikidashi.bootstrap import build
from hikidashi.config import Config
from hikidashi.core.errors import unavailable
from hikidashi.core.limits import (
    BULK_ITEMS_MAX,
    SCHEDULE_PAUSE_MS,
    SCHEDULE_TRIES_MAX,
)
from hikidashi.service import schedules
from hikidashi.service.schedules import Schedules
from tests.deterministic import fixed_ids
from tests.schedules.world import APP

WAIT_SECONDS = 30
CLAIM_MS = 30_000
COUNT = {"action": "Count", "query": None, "conditions": []}


def test_several_that_look_at_once_run_it_once(open_shop):
    shop = open_shop(COUNT)
    shop.make("pen")
    shop.turn()
    others = [Schedules(shop.app) for _ in range(3)]
    for day in range(5, 8):
        shop.clock.set(f"2026-01-0{day}T18:00:00Z")
        shop.turn(*others)
    assert shop.runs() == [("done", 1, 1)] * 3
    assert shop.orders()[0]["times"] == 3.0


def test_two_processes_on_one_database_run_it_once(open_shop, engine_url):
    if engine_url.startswith("sqlite"):
        pytest.skip("has one process")
    shop = open_shop({**COUNT, "cron": "* * * * *"})
    shop.make("pen")
    shop.turn()
    shop.clock.advance(minutes=1)
    go = threading.Barrier(2)

    def other() -> None:
        async def run() -> None:
            app = build(Config(database=engine_url), clock=shop.clock, ids=fixed_ids(counter=9_000))
            await app.open()
            own = app.schedules
            assert isinstance(own, Schedules)
            go.wait(20)
            for _ in range(8):
                await own.turn()
                await asyncio.gather(*own.under_way)
                await asyncio.to_thread(go.wait, 20)
            await app.close()

        asyncio.run(run())

    thread = threading.Thread(target=other)
    thread.start()
    go.wait(20)
    for _ in range(8):
        shop.turn()
        shop.clock.advance(minutes=1)
        go.wait(20)
    thread.join(20)
    done = shop.rows("SELECT due_at, state, attempts FROM schedule_runs")
    assert {state for _, state, _ in done} == {"done"}
    assert len({due for due, _, _ in done}) == len(done)
    item = shop.orders()[0]
    assert (item["times"], item["rev"]) == (float(len(done)), len(done) + 1)


def die(*_: object) -> None:
    """What is under way comes to no end, and says nothing more."""
    raise asyncio.CancelledError


@pytest.mark.parametrize("where", ["before it was noted", "in the middle of its second portion"])
def test_another_goes_on_with_a_run_whose_process_died(open_shop, monkeypatch, where):
    shop = open_shop(COUNT)
    shop.make("pen")
    shop.copy_rows(BULK_ITEMS_MAX + 9)
    shop.turn()
    shop.clock.set("2026-01-05T18:00:00Z")
    with monkeypatch.context() as patch:
        portions = []
        usual = schedules._Course._portion

        async def portion(course, place):
            portions.append(course)
            if where.startswith("before"):
                course._note = die
            elif len(portions) == 2:
                die()
            return await usual(course, place)

        patch.setattr(schedules._Course, "_portion", portion)
        shop.turn_and_lose()
    assert shop.runs()[0][0] == "running"
    shop.turn()  # its claim holds
    assert shop.runs()[0][0] == "running"
    shop.clock.advance(ms=CLAIM_MS)
    shop.turn()
    whole = BULK_ITEMS_MAX + 10
    assert shop.runs() == [("done", whole, whole)]
    assert {(one["times"], one["rev"]) for one in shop.orders()} == {(1.0, 2)}
    assert shop.told()["runs"][0]["attempts"] == 2


def test_one_that_is_long_stays_with_its_process_as_long_as_that_lives(open_shop, monkeypatch):
    shop = open_shop(COUNT)
    shop.make("pen")
    shop.turn()
    usual, is_over = schedules._Course.go, asyncio.Event()

    async def long(course):
        await asyncio.wait_for(is_over.wait(), WAIT_SECONDS)
        await usual(course)

    monkeypatch.setattr(schedules._Course, "go", long)
    own, other = Schedules(shop.app), Schedules(shop.app)

    async def course() -> None:
        shop.clock.set("2026-01-05T18:00:00Z")
        await own.turn()
        for _ in range(6):
            shop.clock.advance(ms=CLAIM_MS // 2)
            await own.turn()
            await other.turn()
        assert not other.under_way
        is_over.set()
        await asyncio.gather(*own.under_way)

    shop.run(course())
    assert shop.runs() == [("done", 1, 1)]
    assert shop.told()["runs"][0]["attempts"] == 1


def test_a_new_item_is_made_once_though_its_process_died(open_shop, monkeypatch):
    shop = open_shop({"action": "Create", "query": None, "values": {"name": "made"}})
    shop.make("pen")
    shop.turn()
    shop.clock.set("2026-01-05T18:00:00Z")
    with monkeypatch.context() as patch:
        patch.setattr(schedules._Course, "_add", die)
        shop.turn_and_lose()
    shop.clock.advance(ms=CLAIM_MS)
    shop.turn()
    assert shop.runs() == [("done", 1, 1)]
    assert [one["name"] for one in shop.orders()] == ["pen", "made"]


def test_one_that_lost_its_claim_writes_nothing_more(open_shop, monkeypatch):
    shop = open_shop(COUNT)
    shop.make("pen")
    shop.turn()
    usual, is_taken = schedules._Course._find, threading.Event()

    def find(course, connection):
        if course.run.attempts == 1:
            assert is_taken.wait(WAIT_SECONDS), "nobody else has taken the run"
            shop.clock.advance(ms=CLAIM_MS)
        return usual(course, connection)

    monkeypatch.setattr(schedules._Course, "_find", find)
    slow, quick = Schedules(shop.app), Schedules(shop.app)

    async def race() -> None:
        shop.clock.set("2026-01-05T18:00:00Z")
        await slow.turn()
        shop.clock.advance(ms=CLAIM_MS)
        await quick.turn()
        is_taken.set()
        await asyncio.gather(*slow.under_way, *quick.under_way)

    shop.run(race())
    assert shop.runs() == [("done", 1, 1)]
    assert (shop.orders()[0]["times"], shop.told()["runs"][0]["attempts"]) == (1.0, 2)


def test_what_the_database_has_no_time_for_is_tried_again_and_given_up(open_shop, monkeypatch):
    shop = open_shop(COUNT)
    shop.make("pen")
    shop.turn()

    def busy(*_: object) -> None:
        raise unavailable("the database was busy")

    shop.clock.set("2026-01-05T18:00:00Z")
    with monkeypatch.context() as patch:
        patch.setattr(schedules._Course, "_find", busy)
        for attempt in range(1, SCHEDULE_TRIES_MAX + 1):
            shop.turn()
            (run,) = shop.told()["runs"]
            assert run["attempts"] == attempt
            shop.clock.advance(ms=SCHEDULE_PAUSE_MS)
    assert (run["state"], "busy" in run["error"]) == ("failed", True)


def test_one_that_kills_each_process_is_given_up(open_shop, monkeypatch):
    shop = open_shop(COUNT)
    shop.make("pen")
    shop.turn()
    shop.clock.set("2026-01-05T18:00:00Z")
    with monkeypatch.context() as patch:
        patch.setattr(schedules._Course, "go", die)
        for _ in range(SCHEDULE_TRIES_MAX):
            shop.turn_and_lose()
            shop.clock.advance(ms=CLAIM_MS)
    shop.turn()
    (run,) = shop.told()["runs"]
    assert (run["state"], run["error"]) == (
        "failed",
        f"given up: it was begun {SCHEDULE_TRIES_MAX} times and came to no end",
    )


def test_a_server_that_stops_gives_its_runs_back(open_shop, monkeypatch):
    shop = open_shop(COUNT)
    shop.make("pen")
    shop.turn()
    shop.call("POST", f"{APP}/schedules/nightly/run")
    begun = asyncio.Event()

    async def hang(_: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    async def serve() -> None:
        own = Schedules(shop.app)
        own.start()
        await asyncio.wait_for(begun.wait(), 20)
        await own.stop()

    with monkeypatch.context() as patch:
        patch.setattr(schedules._Course, "go", hang)
        shop.run(serve())
    shop.turn()
    assert shop.runs() == [("done", 1, 1)]
