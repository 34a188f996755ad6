"""Who carries out what waits to be committed, and when the next group is begun.

SQLite has one writer: what has queued up while a group committed is the next group. On PostgreSQL
the next one is planned while the last one commits, or a change is made on a thread, over a
connection of its own. To plan more than one at a time would not help: a group costs the database and us as much as ten writes in it do, so what comes
while one is being planned is better off in one group after it, unless that takes long.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ..core.errors import unavailable
from ..core.limits import GROUP_JOBS_MAX, GROUP_STEPS_MAX, QUEUE_JOBS_MAX
from .commit import Change, Committer, Course, Wait, fail
from .engines import Engine
from .group import Job

LONG_S = 0.02  # then what waits does not wait any longer for a group that is being planned


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

    def close(self) -> None:
        """Take no more; what waits is still to be done."""
        self._is_closed = True


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
        self._timer: asyncio.TimerHandle | None = None
        self._threads = ThreadPoolExecutor(len(committers), "commit")

    def wake(self) -> None:
        """Something was queued. What is not begun now is looked at again after a while."""
        loop = asyncio.get_running_loop()
        if self._may_begin():
            committer = self._idle.pop()
            self._planning.add(committer)
            run = loop.create_task(self._run(committer))
            self._under_way.add(run)
            run.add_done_callback(self._under_way.discard)
        elif self._timer is None and len(self._committers) > 1:
            self._timer = loop.call_later(LONG_S, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._queue:
            self.wake()

    def _may_begin(self) -> bool:
        if not self._idle:
            return False
        return not self._planning or time.monotonic() - self._begun_at >= LONG_S

    async def _run(self, committer: Committer) -> None:
        """Go on until nothing waits, or another plans what does."""
        try:
            while (task := self._queue.take()) is not None:
                self._begun_at = time.monotonic()
                if self._queue:
                    self.wake()
                await self._carry_out(task, committer)
                _settle(task)
                await asyncio.sleep(0)  # answers first: clients read them while we plan
                if self._planning:
                    return
        finally:
            self._planning.discard(committer)
            self._idle.append(committer)

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
                self.wake()
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
        while self._under_way:
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
        fail(task, bug)
