"""The relay: every event reaches each who follows it, in order, whatever fails in between."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hikidashi.bootstrap import build
from hikidashi.config import Config
from hikidashi.core.events import Event
from hikidashi.core.limits import (
    DELIVERY_KEPT_MS,
    DELIVERY_PARKED_KEPT_MS,
    DELIVERY_PAUSE_MS_MAX,
    DELIVERY_TRIES_MS,
    EVENTS_TAKEN_MAX,
)
from hikidashi.service.consumers import FinalError, RetriableError
from hikidashi.service.events import EXPECTED_MAX
from hikidashi.storage import deliveries
from hikidashi.storage.deliveries import CHAIN_MAX
from tests.api.rest import Rest
from tests.deterministic import START_MS, FixedClock, fixed_ids
from tests.service.station import Listener, Station

SHOP = Path(__file__).parent.parent / "worlds" / "shop.yaml"
BASE = "/api/v0/applications/SHOP/datastores/orders"


@pytest.fixture(scope="module")
def shop(new_database, tmp_path_factory) -> Iterator[Rest]:
    clock = FixedClock()
    with asyncio.Runner() as runner:
        folder = tmp_path_factory.mktemp("shop")
        made = Rest(new_database(folder), clock, fixed_ids(clock), runner, SHOP, BASE)
        yield made
        made.close()


@pytest.fixture
def station(shop) -> Station:
    """Nothing has happened yet."""

    def forget(connection: Any) -> None:
        for table in ("outbox", "deliveries", "delivery_attempts"):
            connection.query(f"DELETE FROM {table}")

    shop.run(shop.app.store.change(forget))
    if "ann" not in shop._tokens:
        shop.token("ann")
    shop.clock.advance(ms=START_MS - shop.clock.now_ms())
    return Station(shop)


def test_each_change_comes_once_to_each_target_in_the_order_of_its_item(station):
    station.listener.targets = ("a", "b")
    one, two = station.rest.new({"name": "1"}), station.rest.new({"name": "2"})
    station.update(one, 3)
    station.drain()
    for target in "ab":
        assert station.listener.seqs(one, target) == [1, 2, 3, 4]
        assert station.listener.seqs(two, target) == [1]
    assert len(station.listener.got) == 10
    assert station.states() == [("done", 1)] * 10
    assert station.rest.rows("SELECT COUNT(*) FROM outbox") == [(0,)]
    event = station.listener.got[0][1]
    assert event.workspace == station.rest.catalogs[0].workspace
    assert event.run_post
    assert event.history == event.id
    station.drain()
    assert len(station.listener.got) == 10


def test_what_nobody_wants_leaves_the_outbox_and_nothing_else(station):
    station.listener.targets = ()
    station.update(station.rest.new(), 2)
    station.drain()
    assert station.rest.rows("SELECT COUNT(*) FROM outbox") == [(0,)]
    assert station.states() == []


def test_an_event_that_nothing_is_to_follow_is_not_asked_about(station):
    event = Event("0" * 24, "item.updated", "w", "p", "d", "i", 1, 1, "u", 0, "t", run_post=False)
    gone = Event("1" * 24, "item.updated", "w", "p", "d", "i", 2, 1, "u", 0, "t")  # no such w
    station.put(*(msgspec.convert(msgspec.to_builtins(one), Event) for one in (event, gone)))
    station.drain()
    assert station.listener.got == []
    assert station.rest.rows("SELECT COUNT(*) FROM outbox") == [(0,)]


def test_one_that_fails_holds_up_its_item_and_target_alone_and_is_tried_again(station):
    station.listener.targets = ("a", "b")
    station.listener.fails["a"] = RetriableError("not now", '{"status":500}')
    item = station.rest.new()
    station.update(item, 2)
    station.drain()
    assert station.listener.seqs(item, "a") == []
    assert station.listener.seqs(item, "b") == [1, 2, 3]
    station.drain()
    lane = "listener:a"
    first, *rest = station.run(
        station.rest.app.store.read(
            lambda one: deliveries.list_deliveries(one, lane, None, "", 10)[::-1]
        )
    )
    assert (first.state, first.attempts, first.failure) == ("waiting", 1, "not now")
    assert [(one.attempts, one.next_at) for one in rest] == [(0, first.next_at)] * 2
    assert 4_500 <= first.next_at - station.clock.now_ms() <= 5_500
    station.update(item)  # comes to wait behind the others
    station.listener.fails.clear()
    station.drain()
    assert station.listener.seqs(item, "a") == []
    station.clock.advance(seconds=6)
    station.drain()
    assert station.listener.seqs(item, "a") == [1, 2, 3, 4]
    tried = station.run(
        station.rest.app.store.read(lambda one: deliveries.list_attempts(one, first.id))
    )
    assert [(one.number, one.failure, one.log) for one in tried] == [
        (1, "not now", '{"status":500}'),
        (2, "", '{"told":1}'),
    ]


def test_pauses_grow_until_a_day_is_over_and_then_it_is_parked_and_successors_go_on(station):
    station.listener.fails["a"] = RetriableError("down")
    item = station.rest.new()
    pauses: list[int] = []
    for _ in range(40):
        station.drain()
        ((state, next_at),) = station.rest.rows("SELECT state, next_at FROM deliveries")
        if state == "parked":
            break
        pauses.append(next_at - station.clock.now_ms())
        station.clock.advance(ms=pauses[-1])
    assert state == "parked"
    assert station.clock.now_ms() == START_MS + DELIVERY_TRIES_MS
    assert pauses[:4] == sorted(pauses[:4])
    assert max(pauses) <= DELIVERY_PAUSE_MS_MAX * 1.1
    assert 15 <= len(pauses) <= 30
    station.listener.fails.clear()
    station.update(item)
    station.drain()
    assert station.listener.seqs(item) == [2]


def test_one_refused_for_good_is_parked_at_once_and_those_behind_it_follow(station):
    station.listener.fails["a"] = FinalError("gone")
    item = station.rest.new()
    station.update(item)
    station.drain()
    assert station.states() == [("parked", 1)] * 2


def test_what_is_parked_or_done_can_be_replayed(station):
    station.listener.fails["a"] = FinalError("gone")
    item = station.rest.new()
    station.drain()
    station.listener.fails.clear()
    ((event,),) = station.rest.rows("SELECT event_id FROM deliveries")
    for times in (1, 2):
        now = station.clock.advance(days=2)
        count = station.run(
            station.rest.app.store.change(
                lambda one, now=now: deliveries.replay(one, "listener:a", [event], now)
            )
        )
        assert count == 1
        station.drain()
        assert station.listener.seqs(item) == [1] * times
    assert station.states() == [("done", 3)]


def test_a_target_that_hangs_is_cut_off_and_delays_no_other(station):
    station.listener.timeout_s = 0.05
    station.listener.targets = ("a", "b")
    station.listener.hangs.add("a")
    items = [station.rest.new() for _ in range(6)]
    station.drain()
    assert [station.listener.seqs(one, "b") for one in items] == [[1]] * 6
    assert [station.listener.seqs(one, "a") for one in items] == [[]] * 6
    failures = station.rest.rows("SELECT DISTINCT failure FROM deliveries WHERE attempts > 0")
    assert ("took longer than 0.05 seconds",) in failures


def test_so_many_at_once_and_no_more_go_to_a_target(station):
    for _ in range(9):
        station.rest.new()
    station.drain()
    assert len(station.listener.got) == 9
    assert station.listener.most_at_once == Listener.concurrency


def test_a_consumer_is_told_of_events_some_at_a_time_before_they_come(station):
    items = [station.rest.new() for _ in range(2 * EXPECTED_MAX)]
    station.update(items[0], EXPECTED_MAX)
    station.drain()
    told = [len(ids) for _, ids in station.listener.expected]
    assert max(told) == EXPECTED_MAX
    assert len(told) == 3  # an item with many events, and the others in two parts
    expected = {id_ for _, ids in station.listener.expected for id_ in ids}
    assert {one.id for _, one in station.listener.got if one.item != items[0]} < expected


def test_one_that_gives_way_waits_while_others_write_and_no_other_does(station, monkeypatch):
    pauses = []

    def pause() -> float:
        pauses.append(len(station.listener.got))
        return 0.001 if len(pauses) < 4 else 0.0

    monkeypatch.setattr(station.relay._pace, "pause", pause)
    station.rest.new()
    station.drain()
    assert (len(station.listener.got), pauses) == (1, [])
    monkeypatch.setattr(station.listener, "gives_way", True)
    station.rest.new()
    station.drain()
    assert (len(station.listener.got), pauses) == (2, [1, 1, 1, 1, 1])


def test_a_bug_of_a_consumer_is_tried_again(station):
    station.listener.fails["a"] = ZeroDivisionError("oops")
    station.rest.new()
    station.drain()
    assert "hikidashi_crashes_total 0.0" not in station.rest.app.observe.metrics().decode()
    assert station.rest.rows("SELECT state, failure FROM deliveries") == [
        ("waiting", "ZeroDivisionError: oops")
    ]


def test_many_events_of_one_item_keep_their_order(station):
    item = station.rest.new()
    station.update(item, CHAIN_MAX + 5)
    station.drain()
    assert station.listener.seqs(item) == list(range(1, CHAIN_MAX + 7))


def test_events_whose_ids_lie_in_another_order_are_delivered_in_that_of_their_item(station):
    workspace = station.rest.catalogs[0].workspace
    item = "f" * 24
    events = [
        msgspec.convert(
            {
                "id": f"{EVENTS_TAKEN_MAX * 2 - seq:024x}",  # the last one sorts first
                "kind": "item.updated",
                "workspace": workspace,
                "project": "p",
                "datastore": "d",
                "item": item,
                "seq": seq,
                "rev": 1,
                "user": "u",
                "at": 0,
                "transaction": "t",
            },
            Event,
        )
        for seq in range(1, EVENTS_TAKEN_MAX + 6)
    ]
    station.put(*events)
    station.drain()
    assert station.listener.seqs(item) == list(range(1, EVENTS_TAKEN_MAX + 6))


def test_relays_over_one_database_share_what_there_is(station):
    items = [station.rest.new() for _ in range(30)]
    for one in items:
        station.update(one)

    async def race() -> None:
        relays = [station.another() for _ in range(4)]
        await asyncio.gather(*(station.adrain(one) for one in relays))
        await station.adrain(relays[0])

    station.run(race())
    assert [station.listener.seqs(one) for one in items] == [[1, 2]] * 30
    assert station.states() == [("done", 1)] * 60


def test_a_claim_of_a_process_that_is_gone_ends_and_another_delivers(station):
    station.listener.hangs.add("a")
    item = station.rest.new()
    station.update(item)
    lost = station.relay

    async def begin() -> None:
        await lost.turn()
        await asyncio.sleep(0.01)
        for lane in lost._lanes.values():
            for task in lane.tasks:
                task.cancel()

    station.run(begin())
    station.listener.hangs.clear()
    station.relay = station.another()
    station.drain()
    assert station.listener.seqs(item) == []
    station.clock.advance(seconds=36)
    station.drain()
    assert station.listener.seqs(item) == [1, 2]
    for outcome in lost._outcomes:  # what the lost one says afterwards counts no more
        assert outcome.state == "waiting"
    station.run(station.adrain(lost))
    assert station.states() == [("done", 1)] * 2


def test_a_relay_that_stops_gives_back_what_it_has(station):
    async def course() -> None:
        station.listener.hangs.add("a")
        station.relay.start()
        await station.rest.acall("POST", f"{BASE}/items/new", {"item": {}})
        await asyncio.wait_for(station.listener.called.wait(), 10)
        await station.relay.stop()

    station.rest.token("ann")
    station.run(course())
    assert station.rest.rows("SELECT state, attempts, is_claimed FROM deliveries") == [
        ("waiting", 0, 0)
    ]
    station.listener.hangs.clear()
    station.relay = station.another()
    station.drain()
    assert station.states() == [("done", 1)]


def test_it_is_woken_by_a_write(station):
    async def course() -> None:
        station.relay.start()
        await asyncio.sleep(0.2)  # it sleeps by now
        await station.rest.acall("POST", f"{BASE}/items/new", {"item": {}})
        await asyncio.wait_for(station.listener.called.wait(), 10)
        await asyncio.sleep(0.01)
        await station.relay.stop()

    station.rest.token("ann")
    station.run(course())
    assert station.states() == [("done", 1)]


def test_what_ends_while_more_is_claimed_begins_again(station, monkeypatch):
    store = station.rest.app.store
    change = store.change

    async def slow(run: Any, *, is_brief: bool) -> Any:
        found = await change(run, is_brief=is_brief)
        station.relay._lanes.clear()  # every delivery came to its end meanwhile
        return found

    items = [station.rest.new() for _ in range(9)]
    monkeypatch.setattr(store, "change", slow)
    station.drain()
    monkeypatch.undo()
    assert [station.listener.seqs(one) for one in items] == [[1]] * 9


def test_what_is_claimed_as_the_last_delivery_ends_is_not_left_lying(station, monkeypatch):
    relay, listener = station.relay, station.listener
    begin, held = relay._begin, []
    deliver = listener.deliver

    def begin_one(chain: Any) -> None:
        held.append(chain)
        if len(held) == 1:
            begin(chain)

    async def delivering(event: Event, target: str) -> str:
        told = await deliver(event, target)
        if len(listener.got) == 1:  # its task ends now, and nobody has been told of that yet
            asyncio.get_running_loop().call_soon(begin, held[1])
        return told

    items = [station.rest.new() for _ in range(2)]
    monkeypatch.setattr(listener, "concurrency", 1)
    monkeypatch.setattr(listener, "deliver", delivering)
    monkeypatch.setattr(relay, "_begin", begin_one)

    async def course() -> None:
        await relay.turn()
        async with asyncio.timeout(10):
            while len(listener.got) < len(items):  # noqa: ASYNC110
                await asyncio.sleep(0)

    station.run(course())
    assert sorted(event.item for _, event in listener.got) == sorted(items)


@pytest.mark.parametrize("is_stopped", [False, True])
def test_what_comes_while_its_item_is_under_way_does_not_wait_for_the_end_of_the_claim(
    station, is_stopped
):
    station.listener.hangs.add("a")
    item = station.rest.new()

    async def course() -> None:
        await station.relay.turn()
        await asyncio.wait_for(station.listener.called.wait(), 10)

    station.run(course())
    station.update(item)
    station.run(station.relay.turn())
    station.listener.hangs.clear()
    tasks = [task for lane in station.relay._lanes.values() for task in lane.tasks]
    if is_stopped:
        station.run(station.relay._cut_off())
    else:
        station.listener.wanted.set()
        station.run(asyncio.wait(tasks, timeout=10))
    station.drain()
    assert station.listener.seqs(item) == [1, 2]


def test_a_bug_in_a_turn_does_not_end_the_relay(station, monkeypatch):
    turn = station.relay.turn
    failures = [ZeroDivisionError("oops")]

    async def failing() -> bool:
        if failures:
            raise failures.pop()
        return await turn()

    async def course() -> None:
        monkeypatch.setattr(station.relay, "turn", failing)
        station.relay.start()
        await station.rest.acall("POST", f"{BASE}/items/new", {"item": {}})
        await asyncio.wait_for(station.listener.called.wait(), 10)
        await station.relay.stop()

    station.run(course())
    assert not failures


def test_one_that_is_not_kept_is_gone_when_it_is_done(station):
    station.listener.keeps = False
    station.listener.fails["a"] = RetriableError("down")
    station.rest.new()
    station.drain()
    assert station.states() == [("waiting", 1)]
    station.listener.fails.clear()
    station.clock.advance(seconds=10)
    station.drain()
    assert station.states() == []


def test_done_ones_are_forgotten_after_a_week_and_parked_ones_after_a_month(station):
    station.listener.targets = ("a", "b")
    station.listener.fails["b"] = FinalError("gone")
    station.rest.new()
    station.drain()
    keep = station.rest.app._housekeeping
    station.rest._tokens.clear()  # sessions end, too
    kept = []
    for ms in (0, DELIVERY_KEPT_MS + 1, DELIVERY_PARKED_KEPT_MS - DELIVERY_KEPT_MS):
        station.clock.advance(ms=ms)
        station.run(keep.round())
        attempts = station.rest.rows("SELECT COUNT(*) FROM delivery_attempts")[0][0]
        kept.append((len(station.states()), attempts))
    assert kept == [(2, 2), (1, 1), (0, 0)]


def test_how_much_waits_is_measured(station):
    station.listener.targets = ("a", "b")
    station.listener.fails = {"a": RetriableError("down"), "b": FinalError("gone")}
    station.rest.new()
    station.drain()
    station.clock.advance(seconds=60)
    station.rest.new()
    figures = station.run(station.rest.app.store.scan(station.relay.measure))
    assert (figures.outbox, figures.waiting, figures.parked) == (1, 1, 1)
    assert 54 <= figures.lag_s <= 56
    station.rest.app.observe.relay_measured(figures)
    text = station.rest.app.observe.metrics().decode()
    assert "hikidashi_relay_parked_deliveries 1.0" in text
    assert 'hikidashi_deliveries_total{consumer="listener",state="parked"}' in text


def test_a_server_that_is_told_not_to_leaves_events_where_they_are(engine_url):
    async def course() -> tuple[Any, Any]:
        app = build(Config(database=engine_url, relay=False))
        await app.open(serves=True)
        other = app.events._task
        await app.close()
        app = build(Config(database=engine_url))
        await app.open(serves=True)
        own = app.events._task
        await app.close()
        return other, own

    other, own = asyncio.run(course())
    assert other is None
    assert own is not None
