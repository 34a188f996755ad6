"""The relay: takes events from the outbox and delivers them to those who follow them.

One turn is one read and, if that finds anything to do, one transaction: what came of deliveries is
written, events are taken and become deliveries, and deliveries that are due are claimed. Any number
of processes do so over one PostgreSQL database. Whatever is killed in between, an event is in the
outbox or a delivery until it is done or parked.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final

from ..core.errors import FaultError
from ..core.events import Event
from ..core.ids import Clock, IdSource
from ..core.limits import (
    DELIVERIES_CLAIMED_MAX,
    DELIVERY_PAUSE_MS_MAX,
    DELIVERY_TRIES_MS,
)
from ..core.record import record
from ..observe import Observer, RelayFigures
from ..storage import deliveries
from ..storage.deliveries import Attempt, Claimed, Outcome, Wanted
from ..storage.engines import Connection
from ..storage.outbox import count_events, find_oldest, take_events
from ..storage.store import Store
from ..storage.told import keep_events
from .background import end
from .consumers import Consumer, DeliveryError, FinalError
from .intake import Intake, Taken
from .pace import Pace

LOOK_S: Final = 1.0  # between two looks where nobody wakes us
PAUSE_S: Final = (
    0.1  # between two turns while others write: events of many groups are taken together
)
SHORT_PAUSE_S: Final = 0.01  # while nobody does
MEASURE_S: Final = 5.0  # between two looks at how much waits
EXPECTED_MAX: Final = 16  # events that a consumer is told of together, before they come
AHEAD: Final = 15  # items of a target that are claimed for each delivery that may be under way
FIRST_PAUSE_MS: Final = 5_000  # after a try that failed; the next ones grow with the time passed
COUNTED_MAX: Final = 100_000  # deliveries beyond that are not counted
BRIEF_WANTED_MAX: Final = 200  # deliveries to be made, for which others may wait
_FAILURE_CHARS: Final = 500


@record
class _Found:
    """What a look at the database found to do."""

    taken: Taken
    lanes: dict[str, int]  # where deliveries wait, and when the next is due


class _Lane:
    """A consumer's target: what this process has claimed of its deliveries."""

    def __init__(self, consumer: Consumer, target: str) -> None:
        self.consumer = consumer
        self.target = target
        self.waiting: deque[list[Claimed]] = deque()  # chains, each of one item
        self.expected = 0  # so many of them has the consumer been told of
        self.tasks: set[asyncio.Task[None]] = set()
        self.is_failing = False  # the last try failed: one at a time, until one comes through

    @property
    def room(self) -> int:
        """How many more items may be claimed."""
        most = 1 if self.is_failing else self.consumer.concurrency * (1 + AHEAD)
        return most - len(self.waiting) - len(self.tasks)

    @property
    def is_low(self) -> bool:
        """Whether more should be claimed: not for each one that is done, but for half of them."""
        return self.is_failing or len(self.waiting) <= self.consumer.concurrency * AHEAD // 2

    def take(self) -> deque[Claimed]:
        """The next chain; the consumer is told of it, and of some behind it, before."""
        if not self.expected:
            events: list[Event] = []
            for chain in self.waiting:
                if self.expected and len(events) + len(chain) > EXPECTED_MAX:
                    break
                events += [one.event for one in chain[:EXPECTED_MAX]]
                self.expected += 1
            self.consumer.expect(events, self.target)
        self.expected -= 1
        return deque(self.waiting.popleft())


class EventRelay:
    """Runs until it is stopped, in a process that serves."""

    def __init__(
        self, store: Store, clock: Clock, ids: IdSource, observe: Observer, claim_s: float
    ) -> None:
        """`claim_s`: that a claim lasts beyond the time a delivery may take."""
        self._store = store
        self._clock = clock
        self._ids = ids
        self._observe = observe
        self._claim_s = claim_s
        self._consumers: dict[str, Consumer] = {}
        self._intake = Intake(store, self._consumers)
        self._lanes: dict[str, _Lane] = {}
        self._outcomes: list[Outcome] = []
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_stopping = False
        self._measured_at = 0.0
        self._pace = Pace()

    def follow(self, consumer: Consumer) -> None:
        """Let a consumer follow events from now on; before `start`."""
        self._consumers[consumer.name] = consumer

    def start(self) -> None:
        """Begin, on the running event loop."""
        self._store.on_written = self._written
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """End: deliveries under way are cut off and given back, to be tried by the next process."""
        if self._task is None:
            return
        self._is_stopping = True
        self.wake()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        await self._cut_off()
        for one in self._consumers.values():
            await one.close()

    def wake(self) -> None:
        """There may be something to do."""
        self._woken.set()

    def _written(self) -> None:
        self._pace.note_written()
        self._woken.set()

    async def _run(self) -> None:
        if self._store.engine.blocks_on_commit:  # the only process: nobody else holds a claim
            await self.take_over()
        while not self._is_stopping:
            goes_on = False
            try:
                goes_on = await self.turn()
                await self._measure()
            except FaultError:  # the database is busy or away: the next time will do
                pass
            except Exception as bug:  # noqa: BLE001  the relay never dies
                self._observe.relay_crashed(bug)
            if goes_on and not self._pace.is_busy:
                await asyncio.sleep(0)
                continue
            await asyncio.sleep(PAUSE_S if self._pace.is_busy else SHORT_PAUSE_S)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), LOOK_S)
            self._woken.clear()

    async def take_over(self) -> None:
        """End the claims of a process that is gone."""
        with suppress(FaultError):
            now = self._clock.now_ms()
            await self._store.change(lambda one: deliveries.release_all(one, now))

    # --- a turn -------------------------------------------------------------------------------

    async def turn(self) -> bool:
        """Do what there is to do; True if there is more at once. Raises FaultError."""
        busy = self._busy()
        found = await self._store.scan(lambda one: self._look(one, busy))
        taken = found.taken
        wanted = [Wanted(self._ids.next_id(), lane, event) for lane, event in taken.wanted]
        now = self._clock.now_ms()
        named = [lane for lane, due in found.lanes.items() if due <= now]
        named += [one.delivery.lane for one in self._outcomes]
        rooms = self._rooms([*named, *(one.lane for one in wanted)])
        if not (taken.ids or self._outcomes or rooms):
            self._intake.note(taken)
            return taken.is_full
        outcomes, self._outcomes = self._outcomes, []
        try:
            chains = await self._store.change(
                lambda one: self._write(one, (taken.ids, wanted), outcomes, rooms),
                is_brief=len(wanted) <= BRIEF_WANTED_MAX,
            )
        except BaseException:
            self._outcomes[:0] = outcomes
            raise
        self._intake.note(taken)
        for chain in chains:
            self._begin(chain)
        return taken.is_full

    def _busy(self) -> frozenset[str]:
        """The lanes that have enough to do while others write. Where other processes take events as
        well, nobody knows what is left, so nothing is."""
        if not (self._store.tail.is_alone and self._pace.is_busy):
            return frozenset()
        return frozenset(
            name
            for name, lane in self._lanes.items()
            if lane.consumer.gives_way and not lane.is_low
        )

    def _look(self, connection: Connection, busy: frozenset[str]) -> _Found:
        """On a thread: the events to be taken, and where deliveries wait."""
        return _Found(self._intake.look(connection, busy), deliveries.list_lanes(connection))

    def _write(
        self,
        connection: Connection,
        events: tuple[Sequence[str], Sequence[Wanted]],
        outcomes: Sequence[Outcome],
        rooms: dict[str, tuple[int, int]],
    ) -> list[list[Claimed]]:
        """In a transaction, which may be run again."""
        now = self._clock.now_ms()
        if outcomes:
            deliveries.settle(connection, outcomes, now)
            for lane, items in _called(outcomes, now).items():
                deliveries.call_on(connection, lane, items, now)
        taken, wanted = events
        if taken:
            connection.savepoint()
            if not self._store.tail.is_alone:  # those who listen to other processes
                keep_events(connection, taken, now)
            if take_events(connection, taken):
                if wanted:
                    deliveries.insert_deliveries(connection, wanted, now)
                connection.release()
            else:
                connection.rollback_to()
        chains: list[list[Claimed]] = []
        for lane, (room, claim_ms) in rooms.items():
            chains += deliveries.claim(connection, lane, now, now + claim_ms, room)
        return chains

    def _rooms(self, lanes: Iterable[str]) -> dict[str, tuple[int, int]]:
        """How many items of each lane may be claimed, and for how many ms."""
        held = sum(len(one.waiting) + len(one.tasks) for one in self._lanes.values())
        found: dict[str, tuple[int, int]] = {}
        for name in lanes:
            lane = self._lane(name)
            if lane is None:  # of a consumer that is not ours
                continue
            room = min(lane.room, DELIVERIES_CLAIMED_MAX - held)
            if room > 0:
                found[name] = (room, round((lane.consumer.timeout_s + self._claim_s) * 1_000))
        return found

    def _lane(self, name: str) -> _Lane | None:
        """A lane by name; one that has ended meanwhile begins again."""
        own = self._lanes.get(name)
        if own is None:
            consumer, _, target = name.partition(":")
            if consumer not in self._consumers:
                return None
            own = self._lanes[name] = _Lane(self._consumers[consumer], target)
        return own

    # --- deliveries ---------------------------------------------------------------------------

    def _begin(self, chain: list[Claimed]) -> None:
        lane = self._lane(chain[0].lane)
        if lane is None:
            raise ValueError(chain[0].lane)
        lane.waiting.append(chain)
        self._staff(lane, chain[0].lane)

    def _staff(self, lane: _Lane, name: str) -> None:
        """Let as many as may, and find something to do, work on a lane."""
        most = 1 if lane.is_failing else lane.consumer.concurrency
        for _ in range(min(most - len(lane.tasks), len(lane.waiting))):
            task = asyncio.get_running_loop().create_task(self._work(lane))
            lane.tasks.add(task)
            task.add_done_callback(lambda done: self._ended(lane, name, done))

    def _ended(self, lane: _Lane, name: str, task: asyncio.Task[None]) -> None:
        lane.tasks.discard(task)
        if self._lanes.get(name) is lane and not self._is_stopping:
            self._staff(lane, name)  # something may have come as it ended
            if not lane.tasks and not lane.is_failing:
                del self._lanes[name]
        self.wake()

    async def _work(self, lane: _Lane) -> None:
        """Carry out what is claimed of a lane, item by item, until nothing is left."""
        while lane.waiting:
            if lane.consumer.gives_way and self._pace.pause():
                await self._pace.wait()
                continue  # there may be nothing left
            chain = lane.take()
            next_at = self._clock.now_ms()
            try:
                while chain and (outcome := await self._carry(lane, chain[0])) is not None:
                    chain.popleft()
                    self._outcomes.append(outcome)
                    if outcome.state == "waiting":  # those after it wait as long
                        next_at = outcome.next_at
                        break
            finally:
                self._give_back(chain, next_at)
            if lane.is_low:
                self.wake()

    def _give_back(self, chain: Iterable[Claimed], next_at: int) -> None:
        self._outcomes.extend([Outcome(one, "waiting", None, next_at) for one in chain])

    async def _carry(self, lane: _Lane, one: Claimed) -> Outcome | None:
        """Try a delivery; None if its claim may end meanwhile."""
        consumer = lane.consumer
        at = self._clock.now_ms()
        if at + consumer.timeout_s * 1_000 >= one.until:
            return None
        started = time.perf_counter()
        failure, log, is_final = "", "", False
        try:
            async with asyncio.timeout(consumer.timeout_s):
                log = await consumer.deliver(one.event, lane.target)
        except DeliveryError as error:
            failure, log, is_final = error.reason, error.log, isinstance(error, FinalError)
        except TimeoutError:
            failure = f"took longer than {consumer.timeout_s:g} seconds"
        except Exception as error:  # noqa: BLE001  a consumer's bug holds up nobody else
            failure = f"{type(error).__name__}: {error}"
            self._observe.delivery_crashed(consumer.name, one.event.id, error)
        took = round((time.perf_counter() - started) * 1_000)
        words = " ".join(failure.split())[:_FAILURE_CHARS]
        attempt = Attempt(one.attempts + 1, at, took, words, log)
        outcome = self._judge(consumer, one, attempt, is_final=is_final)
        lane.is_failing = bool(failure)
        self._observe.delivery_tried(consumer.name, outcome.state)
        return outcome

    def _judge(
        self, consumer: Consumer, one: Claimed, attempt: Attempt, *, is_final: bool
    ) -> Outcome:
        now = self._clock.now_ms()
        if not attempt.failure:
            return Outcome(one, "done", attempt, now, is_kept=consumer.keeps)
        over_at = one.since + DELIVERY_TRIES_MS
        if is_final or now >= over_at:
            self._observe.warn(
                "a delivery is parked",
                consumer=consumer.name,
                event_id=one.event.id,
                reason=attempt.failure,
            )
            return Outcome(one, "parked", attempt, now)
        return Outcome(one, "waiting", attempt, min(next_try(one, now), over_at))

    async def _cut_off(self) -> None:
        """Cancel what is under way, and end the claims of this process."""
        await end(*[task for lane in self._lanes.values() for task in lane.tasks])
        for lane in self._lanes.values():
            for chain in lane.waiting:
                self._give_back(chain, self._clock.now_ms())
        self._lanes.clear()
        outcomes, self._outcomes = self._outcomes, []
        now = self._clock.now_ms()
        with suppress(FaultError):
            await self._store.change(lambda one: deliveries.settle(one, outcomes, now))

    # --- figures ------------------------------------------------------------------------------

    async def _measure(self) -> None:
        if time.monotonic() < self._measured_at + MEASURE_S:
            return
        self._measured_at = time.monotonic()
        found = await self._store.scan(self.measure)
        self._pace.lag_s = found.lag_s
        self._observe.relay_measured(found)

    def measure(self, connection: Connection) -> RelayFigures:
        """How much waits, and for how long."""
        now = self._clock.now_ms()
        states = deliveries.count_states(connection, COUNTED_MAX)
        oldest = find_oldest(connection)
        due = min(deliveries.list_lanes(connection).values(), default=now)
        return RelayFigures(
            lag_s=max(0, now - min(due, now if oldest is None else oldest)) / 1_000,
            waiting=states["waiting"],
            parked=states["parked"],
            outbox=count_events(connection, COUNTED_MAX),
        )


def next_try(one: Claimed, now: int) -> int:
    """When a delivery that failed is tried again: each pause is twice the time since the first try,
    more or less by a tenth, so that those who failed together do not come back together."""
    pause = min(max(FIRST_PAUSE_MS, 2 * (now - one.since)), DELIVERY_PAUSE_MS_MAX)
    spread = zlib.crc32(f"{one.id}{one.attempts}".encode()) % 201 - 100
    return now + pause + pause * spread // 1_000


def _called(outcomes: Sequence[Outcome], now: int) -> dict[str, list[str]]:
    """The items, by lane, of deliveries that are over or given back: what came of them meanwhile
    waits for the end of a claim, or of a pause."""
    found: dict[str, list[str]] = {}
    for one in outcomes:
        if one.state != "waiting" or (one.attempt is None and one.next_at <= now):
            found.setdefault(one.delivery.lane, []).append(one.delivery.event.item)
    return found
