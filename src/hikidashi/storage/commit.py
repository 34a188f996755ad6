"""The group committer: what has queued up while the last group committed is the next group.

The course of a group is one generator for both engines. It yields what may wait for the
database; on SQLite a driver on the event loop runs that on a thread and all else in place, on
PostgreSQL a few writer threads run all of it, each over its own connection.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..core.errors import invalid_request, unavailable
from ..core.ids import Clock, IdSource
from ..core.limits import GROUP_JOBS_MAX, GROUP_STEPS_MAX, QUEUE_JOBS_MAX, RETRIES_MAX
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
Course = Generator[Callable[[], None], None, None]


class Change:
    """A transaction of its own: definitions, people, sessions."""

    __slots__ = ("error", "run", "settle", "value")

    def __init__(self, run: Callable[[Connection], Any], settle: Callable[[Change], None]) -> None:
        self.run = run
        self.settle = settle
        self.value: Any = None
        self.error: Exception | None = None


class Queue:
    """What waits to be committed."""

    def __init__(self, *, is_threaded: bool) -> None:
        self._waiting: deque[Job | Change] = deque()
        self._ready = threading.Condition() if is_threaded else None
        self._closed = False

    def __len__(self) -> int:
        """How much waits."""
        return len(self._waiting)

    def put(self, one: Job | Change) -> None:
        """Add to the end. Raises 503 when too much waits, or when the server is stopping."""
        if self._closed:
            raise unavailable("the server is stopping")
        if len(self._waiting) >= QUEUE_JOBS_MAX:
            raise unavailable(f"over {QUEUE_JOBS_MAX} writes are waiting")
        if self._ready is None:
            self._waiting.append(one)
            return
        with self._ready:
            self._waiting.append(one)
            self._ready.notify()

    def take(self) -> list[Job] | Change | None:
        """The next group, or the next change, which goes alone; None if nothing waits."""
        waiting = self._waiting
        jobs: list[Job] = []
        entries = 0
        while waiting and len(jobs) < GROUP_JOBS_MAX:
            head = waiting[0]
            if isinstance(head, Change):
                if jobs:
                    break
                waiting.popleft()
                return head
            entries += head.request.entries
            if jobs and (entries > GROUP_STEPS_MAX or head.is_apart_from(jobs[0])):
                break
            jobs.append(head)
            waiting.popleft()
        return jobs or None

    def wait(self) -> list[Job] | Change | None:
        """`take` for a thread: waits for something; None when the queue is closed and empty."""
        if self._ready is None:
            return self.take()
        with self._ready:
            while not self._waiting and not self._closed:
                self._ready.wait()
            return self.take()

    def close(self) -> None:
        """Take no more; what waits is still to be done."""
        self._closed = True
        if self._ready is not None:
            with self._ready:
                self._ready.notify_all()


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
            yield self._begin_patiently

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
                yield run
            except TransientError as error:
                change.error = _as_fault(error)
                self._roll_back()
                self._observer.group_retried("transient")
                if isinstance(error, LockedError) and time.monotonic() < until:
                    yield lambda: time.sleep(LET_READ_S)
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
                    _fail(waiting, _as_fault(error))
                    break
            except (FullError, UnknownOutcomeError) as error:
                self._roll_back()
                _fail(waiting, _as_fault(error))
                break
            except Exception as error:  # noqa: BLE001  one job's doing: found by going singly
                self._roll_back()
                self._observer.group_retried(type(error).__name__)
                if singly:
                    _fail(waiting, error)
                    break
                singly = True
            else:
                if not jobs[0].telling.is_dry:
                    self._observer.group_committed(len(jobs), time.perf_counter() - started)
                return
            if not waiting:
                return
        else:
            _fail(waiting, unavailable("definitions kept changing; send the write again"))

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
            yield self._connection.commit
        else:
            yield lambda: self._connection.write_and_commit(work.batches, group)
        self._access.remember(work.places)
        self._tail.committed(work.events)

    def _refresh(self, jobs: Sequence[Job], stale: StaleError) -> None:
        for job in jobs:
            job.outcome = None
        try:
            self._planner.refresh(jobs, stale.numbers)
        except EngineError as error:
            _fail(jobs, _as_fault(error))

    def _roll_back(self) -> None:
        try:
            self._connection.rollback()
        except EngineError:
            self._observer.group_retried("rollback failed")


class LoopDriver:
    """Runs courses on the event loop, what waits on one thread (SQLite)."""

    def __init__(self, queue: Queue, committer: Committer) -> None:
        self._queue = queue
        self._committer = committer
        self._thread = ThreadPoolExecutor(1, "commit")
        self._turn: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Something was queued."""
        if self._turn is None:
            self._turn = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while (task := self._queue.take()) is not None:
                course = self._committer.course(task)
                error: Exception | None = None
                while (wait := _advance(task, course, error)) is not None:
                    error = None
                    try:
                        await loop.run_in_executor(self._thread, wait)
                    except Exception as raised:  # noqa: BLE001  the course decides what to do
                        error = raised
                _settle(task)
                await asyncio.sleep(0)  # answers first: clients read them while we plan
        finally:
            self._turn = None

    async def close(self) -> None:
        """Finish what waits, then close."""
        self._queue.close()
        while self._turn is not None:
            await asyncio.shield(self._turn)
        self._thread.shutdown()
        self._committer.close()


class ThreadDriver:
    """Runs courses on writer threads, each with a committer of its own (PostgreSQL)."""

    def __init__(self, queue: Queue, committers: Sequence[Committer]) -> None:
        self._queue = queue
        self._committers = committers
        self._loop = asyncio.get_running_loop()
        self._threads = [
            threading.Thread(target=self._run, args=(one,), name=f"writer-{number}", daemon=True)
            for number, one in enumerate(committers)
        ]
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """The queue itself wakes a waiting thread."""

    def _run(self, committer: Committer) -> None:
        while (task := self._queue.wait()) is not None:
            course = committer.course(task)
            error: Exception | None = None
            while (wait := _advance(task, course, error)) is not None:
                error = None
                try:
                    wait()
                except Exception as raised:  # noqa: BLE001  the course decides what to do
                    error = raised
            self._loop.call_soon_threadsafe(_settle, task)

    async def close(self) -> None:
        """Finish what waits, then close."""
        self._queue.close()
        for thread in self._threads:
            await asyncio.to_thread(thread.join)
        for one in self._committers:
            one.close()


def _advance(
    task: list[Job] | Change, course: Course, error: Exception | None
) -> Callable[[], None] | None:
    """Let a course go on to what it next has to wait for; None when it has ended."""
    try:
        return next(course) if error is None else course.throw(error)
    except StopIteration:
        return None
    except Exception as bug:  # noqa: BLE001  the committer never dies
        _abandon(task, bug)
        return None


def _settle(task: list[Job] | Change) -> None:
    if isinstance(task, Change):
        task.settle(task)
        return
    for job in task:
        job.settle()


def _abandon(task: list[Job] | Change, bug: Exception) -> None:
    """What a course that came to no end says of its jobs."""
    if isinstance(task, Change):
        task.error = bug
    else:
        _fail(task, bug)


def _fail(jobs: Sequence[Job], error: Exception) -> None:
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
