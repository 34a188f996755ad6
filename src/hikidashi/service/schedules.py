"""Schedules: what is due is noted once, claimed by one process, and carried out as a bot user.

A turn looks which schedules are due and which runs may be claimed. A run goes over its items in
portions, each a transaction that keeps its answer under a key of its own (`idempotency`): whoever
goes on with a run whose process died is told what a portion came to, and does none of it twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

import msgspec

from ..core.access import Identity
from ..core.actions import Action, Operation
from ..core.catalog import Datastore, Project
from ..core.commands import Command, Entry, Op, Target, WriteFound, WriteItem
from ..core.conditions import Scope, make_query, read_saved
from ..core.errors import FaultError, FaultKind, invalid_request
from ..core.limits import (
    BULK_ITEMS_MAX,
    SCHEDULE_FAULTS_KEPT_MAX,
    SCHEDULE_PAUSE_MS,
    SCHEDULE_RUNS_AT_ONCE,
    SCHEDULE_TRIES_MAX,
)
from ..core.plan import ItemsResult, Result, WriteResult
from ..core.query import AllOf, Query, RangeTest, SystemKey
from ..core.record import record
from ..core.saved import Schedule
from ..storage import schedules as stored
from ..storage.builds import last_row
from ..storage.engines import Connection
from ..storage.idempotency import Remember, Replay
from ..storage.schedules import Clocked, Run, RunFault, Tally
from ..storage.search import list_ids
from ..storage.telling import Telling, Told
from .app import App, View
from .background import Background, end
from .found import refusing
from .lists import day_of
from .schedule_times import next_time
from .scripts import Trace, make_judge, run_scripted

LOOK_S: Final = 1.0  # between two turns
_NEVER: Final = 2**53


class LostError(Exception):
    """Another process has the run by now."""


class Portion(msgspec.Struct, frozen=True):
    """What a portion of a run came to, as it is kept for whoever goes on with the run."""

    matched: int = 0
    processed: int = 0
    faults: tuple[RunFault, ...] = ()
    last: int = 0  # row number
    is_over: bool = True
    failure: str = ""


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Portion).decode


@record
class _Place:
    """What a run is of, and who acts."""

    identity: Identity
    project: Project
    datastore: Datastore
    action: Action
    schedule: Schedule
    today: tuple[int, int]


class Schedules(Background):
    """Runs what is due, in this process."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.under_way: dict[asyncio.Task[None], Run] = {}
        self._claim_ms = claim_ms(app)
        self._renewed_at = 0  # ms

    async def stop(self) -> None:
        """End; runs under way are given back, for another process to go on with."""
        await super().stop()
        runs = list(self.under_way.values())
        await end(*self.under_way)
        if runs:
            now = self._app.clock.now_ms()
            with suppress(FaultError):
                await self._app.store.change(lambda one: stored.hold_runs(one, runs, now))

    async def _run(self) -> None:
        if self._app.store.engine.blocks_on_commit:  # the only process: nobody else has a claim
            with suppress(FaultError):
                await self._app.store.change(stored.release_runs)
        while True:
            with suppress(FaultError):  # the database is busy or away: the next time will do
                await self.turn()
            await asyncio.sleep(LOOK_S)

    async def turn(self) -> None:
        """Note what is due, and begin what may be begun. Raises FaultError."""
        now = self._app.clock.now_ms()
        room = SCHEDULE_RUNS_AT_ONCE - len(self.under_way)

        def look(connection: Connection) -> tuple[list[Clocked], bool]:
            moved = [one for one in stored.list_clocked(connection) if _moves(one, now)]
            return moved, stored.has_claimable(connection, now)

        def write(connection: Connection) -> list[Run]:
            for one in moved:
                self._move(connection, one, now)
            if room <= 0:
                return []
            return stored.claim_runs(connection, now, now + self._claim_ms, room)

        await self._renew(now)
        moved, is_claimable = await self._app.store.scan(look)
        if not moved and not (is_claimable and room > 0):
            return
        for run in await self._app.store.change(write):
            task = asyncio.get_running_loop().create_task(self._carry(run))
            self.under_way[task] = run
            task.add_done_callback(self._ended)

    async def _renew(self, now: int) -> None:
        """What goes on here is this process's as long as it is heard of."""
        runs = list(self.under_way.values())
        if not runs or now < self._renewed_at + self._claim_ms // 3:
            return
        self._renewed_at = now
        until = now + self._claim_ms
        await self._app.store.change(lambda one: stored.hold_runs(one, runs, until))

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.under_way.pop(task, None)

    def _move(self, connection: Connection, one: Clocked, now: int) -> None:
        """Bring the clock of a schedule in line with it; a time that has come makes a run."""
        if not one.is_enabled:
            stored.drop_clock(connection, one.schedule)
            return
        next_at = next_time(one.cron, one.time_zone, now) or _NEVER
        if one.next_at is None or one.line != one.line_now:
            stored.set_clock(connection, one, next_at)
        elif stored.advance_clock(connection, one, next_at):
            run = Run(self._app.ids.next_id(), one.schedule, one.workspace, one.next_at)
            stored.insert_run(connection, run)

    # --- a run --------------------------------------------------------------------------------

    async def _carry(self, run: Run) -> None:
        """Carry a claimed run out, and tell what came of it."""
        course = _Course(self._app, run)
        failure = ""
        try:
            if run.attempts > SCHEDULE_TRIES_MAX:
                failure = f"given up: it was begun {SCHEDULE_TRIES_MAX} times and came to no end"
            else:
                await course.go()
        except LostError:
            return
        except FaultError as error:
            if error.kind is FaultKind.UNAVAILABLE and run.attempts < SCHEDULE_TRIES_MAX:
                at = self._app.clock.now_ms() + SCHEDULE_PAUSE_MS
                with suppress(FaultError):  # then its claim ends by itself
                    await self._app.store.change(lambda one: stored.hold_runs(one, [run], at))
                return
            failure = words_of(error)
        except Exception as error:  # noqa: BLE001  a bug of ours ends this run and no other
            failure = f"{type(error).__name__}: {error}"
        if failure:
            self._app.observe.warn(
                "a run of a schedule failed", schedule=run.schedule, run=run.id, reason=failure
            )
        now, last = self._app.clock.now_ms(), course.run
        with suppress(FaultError):
            await self._app.store.change(lambda one: stored.finish_run(one, last, failure, now))


def claim_ms(app: App) -> int:
    """How long a run is a process's after it was heard of."""
    return app.config.claim_seconds * 1_000


def _moves(one: Clocked, now: int) -> bool:
    """Something has to be done about its clock."""
    if not one.is_enabled:
        return one.next_at is not None
    return one.next_at is None or one.line != one.line_now or one.next_at <= now


def words_of(error: FaultError) -> str:
    """What a person should read of a fault."""
    fault = error.faults[0] if error.faults else None
    return f"{fault.error}: {fault.description}".rstrip(": ") if fault else str(error)


class _Course:
    """A claimed run on its way; `run` is how far it is."""

    def __init__(self, app: App, run: Run) -> None:
        self.run = run
        self._app = app

    async def go(self) -> None:
        """Carry it out to its end. Raises FaultError, LostError."""
        place = await self._app.store.scan(self._find)
        if place.action.operation is Operation.NEW:
            await self._make_one(place)
            return
        if self.run.upto is None:
            id_ = place.datastore.id
            upto = await self._app.store.scan(lambda one: last_row(one, id_))
            await self._note(replace(self.run, upto=upto))
        while not await self._portion(place):
            pass

    def _find(self, connection: Connection) -> _Place:
        """What the schedule is by now. Raises FaultError where it can't be run."""
        run = self.run
        catalog = self._app.store.standing.find_catalog(connection, run.workspace)
        found = stored.find_schedule(catalog, run.schedule) if catalog is not None else None
        if catalog is None or found is None:
            raise invalid_request("the schedule is gone")
        project, schedule = found
        if not schedule.is_enabled and not run.asked_by:
            raise invalid_request("the schedule is not enabled any more")
        user, reason = stored.find_bot(connection, run.workspace, schedule.user)
        if reason:
            raise invalid_request(f"the schedule {reason}")
        datastore = catalog.find_datastore(schedule.datastore)
        action = datastore.find_action(schedule.action) if datastore is not None else None
        if datastore is None or action is None:
            raise invalid_request("the action of the schedule is gone")
        began = run.started_at or self._app.clock.now_ms()
        today = day_of(began, schedule.time_zone or catalog.time_zone)
        identity = Identity(user, run.workspace)
        return _Place(identity, project, datastore, action, schedule, today)

    async def _note(self, run: Run) -> None:
        """The run is as far as this, and goes on. Raises LostError."""
        until = self._app.clock.now_ms() + claim_ms(self._app)
        if not await self._app.store.change(lambda one: stored.note_run(one, run, until)):
            raise LostError
        self.run = run

    def _entry(self, place: _Place, op: Op) -> Entry:
        schedule = place.schedule
        return Entry(op, place.datastore.id, action=place.action.id, values=schedule.values)

    # --- what it writes -----------------------------------------------------------------------

    async def _make_one(self, place: _Place) -> None:
        """One new item."""
        entry, comment = self._entry(place, Op.NEW), place.schedule.comment
        command = WriteItem(place.project.id, entry, comment)

        def keep(outcome: Result | FaultError) -> Portion:
            return _kept(outcome, 0, is_over=True)

        telling = self._telling(keep, 0)
        outcome = await run_scripted(self._app, place.identity, command, telling, Trace())
        self._add(_portion_of(outcome, keep))

    async def _portion(self, place: _Place) -> bool:
        """The next items in the order of their creation; True if they were the last ones."""
        state = Portion(last=self.run.reached)

        def prepare(view: View, *, is_final: bool) -> tuple[Command, Telling]:
            nonlocal state
            query = self._query(view, place)
            found = list_ids(view.connection, query, view.actor.keyring, BULK_ITEMS_MAX + 1)
            portion, is_over = found[:BULK_ITEMS_MAX], len(found) <= BULK_ITEMS_MAX
            last = portion[-1][2] if portion else self.run.reached
            state = Portion(last=last, is_over=is_over)
            command = WriteFound(
                place.project.id,
                self._entry(place, Op.ACT),
                targets=tuple(Target(item, rev) for item, rev, _ in portion),
                matched=len(portion),
                is_final=is_final,
                comment=place.schedule.comment,
            )
            return command, telling

        def keep(outcome: Result | FaultError) -> Portion:
            return _kept(outcome, state.last, is_over=state.is_over)

        telling = self._telling(keep, self.run.reached)
        judge = make_judge(self._app, place.identity)
        remember = telling.remember
        kept = await self._app.find_replay(remember) if remember is not None else None
        if kept is None:
            read = refusing(prepare, telling)
            outcome = await self._app.run_found(place.identity, read, judge)
        else:
            outcome = kept
        done = _portion_of(outcome, keep)
        self._add(done)
        if not done.is_over:
            await self._note(self.run)
        return done.is_over

    def _query(self, view: View, place: _Place) -> Query:
        """The items that are left to be gone over."""
        schedule = place.schedule
        queries = (one for one in place.project.queries if one.id == schedule.query)
        saved = next(queries, schedule.search)
        scope = Scope(place.datastore, view.actor, {}, place.today)
        rest = RangeTest(
            SystemKey.ROW, low=self.run.reached, high=self.run.upto, low_included=False
        )
        condition = AllOf((read_saved(saved, scope), rest))
        return make_query(view.catalog, view.actor, place.datastore, condition=condition)

    def _telling(self, keep: Callable[[Result | FaultError], Portion], at: int) -> Telling:
        """Its answer is kept in the transaction of what was written."""

        def encode(outcome: Result | FaultError) -> tuple[int, str]:
            return 200, _encode(keep(outcome)).decode()

        return Telling(Remember(f"schedule {self.run.id} {at}", "", encode))

    def _add(self, done: Portion) -> None:
        """What a portion came to, to what there was. Raises what made it fail as a whole."""
        if done.failure:
            raise invalid_request(done.failure)
        tally = self.run.tally
        faults = (*tally.faults, *done.faults)[:SCHEDULE_FAULTS_KEPT_MAX]
        matched, processed = tally.matched + done.matched, tally.processed + done.processed
        self.run = replace(self.run, reached=done.last, tally=Tally(matched, processed, faults))


def _kept(outcome: Result | FaultError, last: int, *, is_over: bool) -> Portion:
    """What came of a write."""
    if isinstance(outcome, FaultError):
        return Portion(failure=words_of(outcome))
    if isinstance(outcome, WriteResult):
        return Portion(1, 1, last=last, is_over=is_over)
    if not isinstance(outcome, ItemsResult):
        raise TypeError(outcome)
    faults = [RunFault(one.error, one.description, one.reference) for one in outcome.faults]
    some = tuple(dict.fromkeys(faults))[:SCHEDULE_FAULTS_KEPT_MAX]
    return Portion(outcome.matched, len(outcome.written), some, last, is_over)


def _portion_of(
    outcome: Result | Replay | Told, keep: Callable[[Result | FaultError], Portion]
) -> Portion:
    """The same of what was written now or before."""
    if isinstance(outcome, Replay):
        return _decode(outcome.answer)
    if isinstance(outcome, Told):
        raise TypeError(outcome)
    return keep(outcome)
