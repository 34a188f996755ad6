"""What the relay leaves in the outbox while others write, and in what order it comes after that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from hikidashi.core.events import Event, EventKind
from hikidashi.service import intake as module
from hikidashi.service.events import BRIEF_WANTED_MAX
from hikidashi.service.intake import Intake, Taken
from hikidashi.storage.outbox import take_events
from tests.api.rest import Rest
from tests.deterministic import FixedClock, fixed_ids
from tests.service.station import Station

SHOP = Path(__file__).parent.parent / "worlds" / "shop.yaml"
BASE = "/api/v0/applications/SHOP/datastores/orders"
BUSY = frozenset(["listener:a"])
NOBODY: frozenset[str] = frozenset()
STRANGER = "0" * 24  # a workspace that is not there: nobody wants its events


class Outbox:
    """An outbox that a test fills, and what is taken from it."""

    def __init__(self, station: Station) -> None:
        self.station = station
        self.workspace = station.rest.catalogs[0].workspace
        self.intake = Intake(station.rest.app.store, {"listener": station.listener})
        self.count = 0

    def put(self, workspace: str = "") -> str:
        """One more event; its id."""
        event = self._next(workspace or self.workspace)
        self.station.put(event)
        return event.id

    def put_many(self, count: int) -> None:
        self.station.put(*(self._next(self.workspace) for _ in range(count)))

    def _next(self, workspace: str) -> Event:
        self.count += 1
        place = (workspace, "p", "d", f"item {self.count}")
        return Event(
            f"{self.count:024x}", EventKind("item.updated"), *place, self.count, 1, "u", 0, "t"
        )

    def look(self, busy: frozenset[str], *, fails: bool = False) -> Taken:
        """The ids of what is taken next."""
        store = self.station.rest.app.store
        taken = self.station.run(store.scan(lambda one: self.intake.look(one, busy)))
        if not fails:
            self.station.run(store.change(lambda one: take_events(one, taken.ids)))
            self.intake.note(taken)
        return taken

    def take(self, busy: frozenset[str] = NOBODY) -> list[str]:
        return list(self.look(busy).ids)


@pytest.fixture(scope="module")
def shop(new_database, tmp_path_factory, runner) -> Iterator[Rest]:
    clock = FixedClock()
    folder = tmp_path_factory.mktemp("shop")
    made = Rest(new_database(folder), clock, fixed_ids(clock), runner, SHOP, BASE)
    yield made
    made.close()


@pytest.fixture
def outbox(shop) -> Outbox:
    return empty(shop)


def empty(shop: Rest) -> Outbox:
    """Nothing has happened yet."""
    for table in ("outbox", "deliveries", "delivery_attempts"):
        shop.run(shop.app.store.change(lambda one, table=table: one.query(f"DELETE FROM {table}")))
    return Outbox(Station(shop))


def test_what_is_for_busy_lanes_alone_is_left_and_what_is_for_nobody_goes(outbox):
    outbox.put()
    gone = outbox.put(STRANGER)
    outbox.put()
    assert outbox.take(BUSY) == [gone]
    outbox.put()
    gone = outbox.put(STRANGER)
    assert outbox.take(BUSY) == [gone]
    assert outbox.take(BUSY) == []


def test_what_anybody_else_could_want_is_not_left(outbox):
    outbox.station.listener.targets = ("a", "b")
    event = outbox.put()
    assert outbox.take(BUSY) == [event]


def test_what_was_left_comes_first_and_in_its_order(outbox, monkeypatch):
    monkeypatch.setattr(module, "EVENTS_TAKEN_MAX", 2)
    first = [outbox.put(STRANGER), *(outbox.put() for _ in range(4))]
    assert outbox.take(BUSY) == first[:1]
    assert outbox.take(BUSY) == []
    assert outbox.take(BUSY) == []
    last = outbox.put()
    assert outbox.take() == first[1:3]
    assert outbox.take(BUSY) == []
    assert outbox.take() == first[3:5]
    assert outbox.take() == [last]


def test_what_could_not_be_taken_is_taken_the_next_time(outbox):
    events = [outbox.put(), outbox.put()]
    assert outbox.take(BUSY) == []
    events.append(outbox.put())
    assert list(outbox.look(NOBODY, fails=True).ids) == events
    assert outbox.take() == events


@pytest.mark.parametrize("count", [BRIEF_WANTED_MAX, BRIEF_WANTED_MAX + 1])
def test_many_events_are_taken_on_a_thread(outbox, monkeypatch, count):
    """Making so many deliveries would hold the event loop up."""
    station = outbox.station
    store = station.rest.app.store
    change, asked = store.change, []

    async def note(run: Any, *, is_brief: bool) -> Any:
        asked.append(is_brief)
        return await change(run, is_brief=is_brief)

    outbox.put_many(count)
    monkeypatch.setattr(store, "change", note)
    station.run(station.relay.turn())
    monkeypatch.undo()
    station.drain()
    assert asked == [count <= BRIEF_WANTED_MAX]
    assert len(station.listener.got) == count


steps = st.lists(
    st.sampled_from(["put", "put elsewhere", "look", "look while busy", "fail", "fail while busy"]),
    max_size=40,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=steps, most=st.integers(1, 4))
def test_every_event_comes_once_and_each_workspace_keeps_its_order(
    shop: Rest, monkeypatch: pytest.MonkeyPatch, steps: Sequence[str], most: int
) -> None:
    monkeypatch.setattr(module, "EVENTS_TAKEN_MAX", most)
    outbox = empty(shop)
    put: dict[str, list[str]] = {"": [], STRANGER: []}
    came: list[Any] = []
    for one in steps:
        if one.startswith("put"):
            workspace = STRANGER if "elsewhere" in one else ""
            put[workspace].append(outbox.put(workspace))
            continue
        taken = outbox.look(BUSY if "busy" in one else NOBODY, fails="fail" in one)
        came += () if "fail" in one else taken.ids
    for _ in range(outbox.count + 1):
        came += outbox.take()
    assert len(came) == outbox.count
    for events in put.values():
        assert [one for one in came if one in events] == events
