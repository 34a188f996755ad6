"""Who carries out what waits to be committed, and when the next group is begun.

SQLite has one writer: what has queued up while a group committed is the next group. On PostgreSQL
the next one is planned while the last one commits, or a change is made on a thread, over a
connection of its own. To plan more than one at a time would not help: a group costs the database and
us as much as some writes in it do, so what comes while one is being planned is better off in one
group after it, unless that takes long.

Clients that wait for their answers fall into step: all of them are in one group, and while the
database works on it nobody asks anything; while they ask, the database has nothing to do. So, where
groups may overlap, each takes half of what is outstanding, and a few writes wait a little for more.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from math import ceil

from ..core.errors import unavailable
from ..core.limits import GROUP_JOBS_MAX, GROUP_STEPS_MAX, QUEUE_JOBS_MAX
from .commit import Change, Committer, Course, Wait, fail
from .engines import Engine
from .group import Job

LONG_S = 0.02  # then what waits does not wait any longer for a group that is being planned
SOON_S = 0.002  # and then not for others to come
FEW = 0.3  # of what is outstanding: so many wait for others
HALF = 0.5  # of what is outstanding: what a group takes, where the other half may go beside it
SMALL_GROUP = 8  # jobs that are not parted
FADE = 0.9  # how fast it is forgotten, from group to group, how much was outstanding


class Queue:
    """What waits to be committed."""

    def __init__(self) -> None:
        self._waiting: deque[Job | Change] = deque()
        self._is_closed = False

    def __len__(self) -> int:
        """How much waits."""
        return len(self._waiting)

    def put(self, one: Job | Change) -> None:
        """Add to the end. Raises 503 when too much waits, or when the server is stopping."""
        if self._is_closed:
            raise unavailable("the server is stopping")
        if len(self._waiting) >= QUEUE_JOBS_MAX:
            raise unavailable(f"over {QUEUE_JOBS_MAX} writes are waiting")
        self._waiting.append(one)

    def take(self, most: int = GROUP_JOBS_MAX) -> list[Job] | Change | None:
        """The next group, or the next change, which goes alone; None if nothing waits."""
        waiting = self._waiting
        jobs: list[Job] = []
        entries = 0
        while waiting and len(jobs) < most:
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

    def close(self) -> None:
        """Take no more; what waits is still to be done."""
        self._is_closed = True


class Load:
    """How much is outstanding, and how much of it the next group takes."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._under_way = 0
        self._most = 0.0  # outstanding of late
        self._has_waited = False  # what waits, for others to come

    def queued(self) -> None:
        """One more waits."""
        if len(self._queue) == 1:
            self._has_waited = False
        self._most = max(self._most, self._under_way + len(self._queue))

    def waited(self) -> None:
        """What waits has waited long enough for others to come."""
        self._has_waited = True

    @property
    def is_enough(self) -> bool:
        """Whether what waits is worth a group."""
        return self._has_waited or len(self._queue) >= self._most * FEW

    @property
    def portion(self) -> int:
        """How many the next group takes at most."""
        return min(GROUP_JOBS_MAX, max(SMALL_GROUP, ceil(self._most * HALF)))

    def begun(self, count: int) -> None:
        """So many were taken from what waited."""
        self._most = max(self._most * FADE, self._under_way + count + len(self._queue))
        self._under_way += count
        self._has_waited = False

    def ended(self, count: int) -> None:
        """So many are done."""
        self._under_way -= count


class Driver:
    """Runs the courses of groups and changes on the event loop, each over a committer."""

    def __init__(self, engine: Engine, queue: Queue, committers: Sequence[Committer]) -> None:
        self._engine = engine
        self._queue = queue
        self._committers = committers
        self._idle = list(committers)
        self._planning: set[Committer] = set()
        self._under_way: set[asyncio.Task[None]] = set()
        self._begun_at = 0.0  # the group or change begun last
        self._load = Load(queue) if len(committers) > 1 else None  # None: one goes after the other
        self._timer: asyncio.TimerHandle | None = None
        self._threads = ThreadPoolExecutor(len(committers), "commit")

    def put(self, one: Job | Change) -> None:
        """Queue it. Raises 503 as the queue does."""
        self._queue.put(one)
        if self._load is not None:
            self._load.queued()
        self._wake()

    def _wake(self) -> None:
        """Begin with what waits. If it may not be begun now, it is looked at again soon."""
        if self._may_begin():
            self._begin()
        elif self._timer is None and self._load is not None:
            self._timer = asyncio.get_running_loop().call_later(SOON_S, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._queue and self._load is not None:
            self._load.waited()
            self._wake()

    def _may_begin(self) -> bool:
        if not self._idle:
            return False
        if self._load is None:
            return True
        if self._planning and time.monotonic() - self._begun_at < LONG_S:
            return False
        return self._load.is_enough

    def _begin(self) -> None:
        committer = self._idle.pop()
        self._planning.add(committer)
        run = asyncio.get_running_loop().create_task(self._run(committer))
        self._under_way.add(run)
        run.add_done_callback(self._under_way.discard)

    async def _run(self, committer: Committer) -> None:
        """Carry out the next group or change."""
        try:
            task = self._take()
            if task is not None:
                await self._carry_out(task, committer)
                self._settle(task)
                await asyncio.sleep(0)  # answers first: clients read them while we plan
        finally:
            self._planning.discard(committer)
            self._idle.append(committer)
            if self._queue:
                self._wake()

    def _take(self) -> list[Job] | Change | None:
        if self._load is None:
            return self._queue.take()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        task = self._queue.take(self._load.portion)
        self._begun_at = time.monotonic()
        if task is not None:
            self._load.begun(_count(task))
        if self._queue:
            self._wake()
        return task

    def _settle(self, task: list[Job] | Change) -> None:
        if self._load is not None:
            self._load.ended(_count(task))
        if isinstance(task, Change):
            task.settle(task)
            return
        for job in task:
            job.settle()

    async def _carry_out(self, task: list[Job] | Change, committer: Committer) -> None:
        """While it waits for what it has to wait for, others may begin."""
        course = committer.course(task)
        error: Exception | None = None
        while True:
            self._planning.add(committer)
            wait = await self._engine.run(_advance, task, course, error)
            self._planning.discard(committer)
            if wait is None:
                return
            if self._queue:
                self._wake()
            error = await self._wait(wait)

    async def _wait(self, wait: Wait) -> Exception | None:
        """What went wrong: the course decides what to do."""
        try:
            if wait.on_thread:
                await asyncio.get_running_loop().run_in_executor(self._threads, wait.call)
            else:
                await self._engine.run(wait.call)
        except Exception as error:  # noqa: BLE001  whatever it is
            return error
        return None

    async def close(self) -> None:
        """Finish what waits, then close."""
        self._queue.close()
        while self._under_way or self._queue:
            if not self._under_way:  # nobody will come: what waits need not wait for others
                self._begin()
            await asyncio.wait(self._under_way)
        if self._timer is not None:
            self._timer.cancel()
        self._threads.shutdown()
        for one in self._committers:
            one.close()


def _advance(task: list[Job] | Change, course: Course, error: Exception | None) -> Wait | None:
    """Let a course go on to what it next has to wait for; None when it has ended."""
    try:
        return next(course) if error is None else course.throw(error)
    except StopIteration:
        return None
    except Exception as bug:  # noqa: BLE001  the committer never dies
        _abandon(task, bug)
        return None


def _count(task: list[Job] | Change) -> int:
    return len(task) if isinstance(task, list) else 1


def _abandon(task: list[Job] | Change, bug: Exception) -> None:
    """What a course that came to no end says of its jobs."""
    if isinstance(task, Change):
        task.error = bug
    else:
        fail(task, bug)
