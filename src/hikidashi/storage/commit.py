"""The group committer: what has queued up while the last group committed is the next group.

The course of a group is one generator for both engines, which runs on the event loop and yields
what is to be waited for. On SQLite that is the COMMIT, on a thread. On PostgreSQL whatever waits for
the server lets the event loop go on; only changes of definitions, people and the like have a thread,
on which they take several times as long while others write: two threads take the interpreter from
each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple

from ..core.errors import invalid_request, unavailable
from ..core.ids import Clock, IdSource
from ..core.limits import RETRIES_MAX
from ..core.observations import CommitObserver
from .access_sets import AccessSets
from .engines import (
    Connection,
    Engine,
    EngineError,
    FullError,
    IntegrityError,
    LockedError,
    OutdatedSchemaError,
    TransientError,
    UnknownOutcomeError,
    UnreachableError,
)
from .group import Job, Planner, RestartError, StaleError, Work
from .standing import Standing
from .tail import Tail

BUSY_MS = 5_000  # how long another process may hold the write lock of a file
PATIENCE_S = 15.0  # how long a change tries to get at a table that others read
LET_READ_S = 0.2  # between two tries: those who queued up behind it read
RESTARTS_MAX = 64  # groups begun again because definitions moved or more had to be locked
# Nothing was committed, so the group may be run again. A connection that was lost is opened anew.
_AGAIN = (IntegrityError, TransientError, OutdatedSchemaError, UnreachableError)


class Wait(NamedTuple):
    """What a course has to wait for."""

    call: Callable[[], None]
    on_thread: bool = True  # else on the event loop, which goes on with others meanwhile


Course = Generator[Wait, None, None]


class Change:
    """A transaction of its own: definitions, people, sessions."""

    __slots__ = ("error", "is_brief", "run", "settle", "value")

    def __init__(
        self,
        run: Callable[[Connection], Any],
        settle: Callable[[Change], None],
        *,
        is_brief: bool = False,
    ) -> None:
        self.run = run
        self.settle = settle
        self.is_brief = is_brief  # it is run as a group is, on the event loop
        self.value: Any = None
        self.error: Exception | None = None


class Committer:
    """Carries groups and changes out over one connection."""

    def __init__(  # noqa: PLR0913
        self,
        engine: Engine,
        standing: Standing,
        access: AccessSets,
        clock: Clock,
        ids: IdSource,
        observer: CommitObserver,
        tail: Tail,
    ) -> None:
        self._tail = tail
        self._connection = engine.connect()
        self._blocks_on_commit = engine.blocks_on_commit
        self._standing = standing
        self._access = access
        self._ids = ids
        self._observer = observer
        self._planner = Planner(engine, self._connection, standing, access, clock, ids)

    def course(self, task: list[Job] | Change) -> Course:
        """The course of a group or a change; every job and change has its outcome at the end."""
        if isinstance(task, Change):
            return self._change(task)
        return self._group(task)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _begin(self) -> Course:
        try:
            self._connection.begin()
        except TransientError:
            yield Wait(self._begin_patiently)

    def _begin_patiently(self) -> None:
        deadline = time.monotonic() + BUSY_MS / 1000
        while True:
            try:
                self._connection.begin()
            except TransientError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.002)
            else:
                return

    def _change(self, change: Change) -> Course:
        connection = self._connection

        def run() -> None:
            change.value = change.run(connection)
            connection.commit()

        left = RETRIES_MAX
        until = time.monotonic() + PATIENCE_S
        while True:
            change.error = None
            try:
                yield from self._begin()
                if not change.is_brief:
                    yield Wait(run)
                elif self._blocks_on_commit:
                    change.value = change.run(connection)
                    yield Wait(connection.commit)
                else:
                    yield Wait(run, on_thread=False)
            except TransientError as error:
                change.error = _as_fault(error)
                self._roll_back()
                self._observer.group_retried("transient")
                if isinstance(error, LockedError) and time.monotonic() < until:
                    yield Wait(lambda: time.sleep(LET_READ_S))
                    continue
                left -= 1
                if left < 0:
                    return
            except EngineError as error:
                change.error = _as_fault(error)
                self._roll_back()
                return
            except Exception as error:  # noqa: BLE001  whatever the change raised is its outcome
                change.error = error
                self._roll_back()
                return
            else:
                return

    def _group(self, jobs: Sequence[Job]) -> Course:
        started = time.perf_counter()
        waiting = list(jobs)
        attempts = 0
        singly = False
        for _ in range(RESTARTS_MAX):
            try:
                yield from self._begin()
                yield from self._attempt(waiting, singly=singly)
            except StaleError as stale:
                self._roll_back()
                self._refresh(waiting, stale)
                waiting = [job for job in waiting if job.outcome is None]
            except RestartError:
                self._roll_back()
            except _AGAIN as error:
                self._roll_back()
                singly = singly or isinstance(error, IntegrityError)
                self._observer.group_retried(type(error).__name__)
                if isinstance(error, OutdatedSchemaError):
                    self._standing.forget()
                    self._refresh(waiting, StaleError({}))
                    waiting = [job for job in waiting if job.outcome is None]
                attempts += 1
                if attempts > RETRIES_MAX:
                    fail(waiting, _as_fault(error))
                    break
            except (FullError, UnknownOutcomeError) as error:
                self._roll_back()
                fail(waiting, _as_fault(error))
                break
            except Exception as error:  # noqa: BLE001  one job's doing: found by going singly
                self._roll_back()
                self._observer.group_retried(type(error).__name__)
                if singly:
                    fail(waiting, error)
                    break
                singly = True
            else:
                if not jobs[0].telling.is_dry:
                    self._observer.group_committed(len(jobs), time.perf_counter() - started)
                return
            if not waiting:
                return
        else:
            fail(waiting, unavailable("definitions kept changing; send the write again"))

    def _attempt(self, jobs: Sequence[Job], *, singly: bool) -> Course:
        if jobs[0].telling.is_dry:
            self._planner.rehearse(jobs)
            self._roll_back()
            return
        work = self._planner.run_singly(jobs) if singly else self._planner.plan(jobs)
        if work.late:
            self._connection.write(work.batches)
            work = Work(self._planner.tell(work), work.places, events=work.events)
        group = self._ids.next_id()
        if self._blocks_on_commit:  # the statements here, only the fsync on a thread
            self._connection.write(work.batches)
            yield Wait(self._connection.commit)
        else:
            yield Wait(
                lambda: self._connection.write_and_commit(work.batches, group), on_thread=False
            )
        self._access.remember(work.places)
        self._tail.committed(work.events)

    def _refresh(self, jobs: Sequence[Job], stale: StaleError) -> None:
        for job in jobs:
            job.outcome = None
        try:
            self._planner.refresh(jobs, stale.numbers)
        except EngineError as error:
            fail(jobs, _as_fault(error))

    def _roll_back(self) -> None:
        try:
            self._connection.rollback()
        except EngineError:
            self._observer.group_retried("rollback failed")


def fail(jobs: Sequence[Job], error: Exception) -> None:
    """The same outcome for all of them."""
    for job in jobs:
        job.outcome = error


def _as_fault(error: EngineError) -> Exception:
    """What a caller is told of a database that could not do it."""
    if isinstance(error, FullError):
        return unavailable("the database can't be written: the disk is full or read-only")
    if isinstance(error, IntegrityError):
        return invalid_request("a value that has to be unique was taken meanwhile")
    if isinstance(error, UnknownOutcomeError):
        return unavailable("the connection was lost; whether the write was done is not known")
    return unavailable("the database was busy or out of reach; send the write again")
