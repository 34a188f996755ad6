"""Tasks: jobs around templates, one after the other, told of from the first moment.

What a server that stops leaves unfinished is taken back by the next one that looks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from ..core.access import Identity
from ..core.errors import FaultError, unavailable
from ..core.ids import Clock, IdSource
from ..core.limits import TASKS_TOLD_MAX, TASKS_WAITING_MAX
from ..storage.engines import Connection, EngineError
from ..storage.jobs import JobError, StoredJob, finish_job, insert_job, list_jobs, touch_job
from ..storage.store import Store
from .imports import Imports

SAVE: Final = "savetemplate"  # kinds of jobs
UPLOAD: Final = "uploadtemplate"
CREATE: Final = "createapplication"
_TOUCH_S: Final = 20.0


class StoppingError(Exception):
    """The server stops: the next one takes back what is there."""


class RefusedError(Exception):
    """What a task was given can't be taken; everything that is wrong with it, and where."""

    def __init__(self, errors: list[JobError]) -> None:
        super().__init__(errors[0].description if errors else "")
        self.errors = tuple(errors)


class Task:
    """A job on its way."""

    def __init__(self, tasks: Tasks, job: StoredJob, identity: Identity) -> None:
        self._tasks = tasks
        self.job = job
        self.identity = identity
        self.count = 0

    def note(self, count: int) -> None:
        """How much has been gone through. Raises StoppingError."""
        self.count = count
        if self._tasks.is_closed:
            raise StoppingError


Work = Callable[[Task], Awaitable[None]]


class Tasks:
    """Runs jobs that make templates, and applications of them."""

    def __init__(self, store: Store, clock: Clock, ids: IdSource, imports: Imports) -> None:
        self.is_closed = False
        self._store = store
        self._clock = clock
        self._ids = ids
        self._imports = imports  # whose sweep takes back what lost jobs have left
        self._turn = asyncio.Lock()
        self._waiting: set[str] = set()  # jobs whose turn has not come
        self._running: dict[str, Task] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Give up what goes on, once its transaction is done."""
        self.is_closed = True
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def check_room(self) -> None:
        """Raises 503 while too many wait."""
        if len(self._running) >= TASKS_WAITING_MAX:
            raise unavailable(f"{TASKS_WAITING_MAX} templates are on their way; try again")

    def new(self, identity: Identity, kind: str, project: str) -> StoredJob:
        """A job that begins now; nothing knows of it yet."""
        now = self._clock.now_ms()
        place = (self._ids.next_id(), identity.workspace, kind, "", identity.user)
        return StoredJob(*place, "running", 0, (), now, now, None, project)

    async def start(self, identity: Identity, kind: str, project: str, work: Work) -> str:
        """Note a job and begin it; its id. `work` says in its last transaction that it is done."""
        self.check_room()
        job = self.new(identity, kind, project)
        self.hold(job.id)
        try:
            await self._store.change(lambda connection: insert_job(connection, job))
        except BaseException:
            self.let_go(job.id)
            raise
        return self.run(identity, job, work)

    def hold(self, job: str) -> None:
        """From now on no sweep takes a job for lost."""
        self._imports.others.add(job)

    def let_go(self, job: str) -> None:
        """It is over."""
        self._imports.others.discard(job)
        self._waiting.discard(job)
        self._running.pop(job, None)

    def run(self, identity: Identity, job: StoredJob, work: Work) -> str:
        """Begin a job that is held and has been noted; its id."""
        task = Task(self, job, replace(identity, session=""))  # wherever its user goes meanwhile
        self._running[job.id] = task
        self._waiting.add(job.id)
        running = asyncio.get_running_loop().create_task(self._run(task, work))
        self._tasks.add(running)
        running.add_done_callback(self._tasks.discard)
        return job.id

    async def _run(self, task: Task, work: Work) -> None:
        beat = asyncio.get_running_loop().create_task(self._beat(task))
        try:
            async with self._turn:  # one at a time: each may be large
                self._waiting.discard(task.job.id)
                task.note(0)
                await work(task)
        except StoppingError:
            pass
        except RefusedError as error:
            await self._fail(task, error.errors)
        except FaultError as error:
            told = [JobError(one.description or one.error, 0) for one in error.faults]
            await self._fail(task, tuple(told))
        except EngineError as error:
            await self._fail(task, (JobError(f"the database refused: {error}", 0),))
        except Exception:
            await self._fail(task, (JobError("something went wrong on the server", 0),))
            raise
        finally:
            beat.cancel()
            self.let_go(task.job.id)

    async def _beat(self, task: Task) -> None:
        """Say now and then that the job is alive, where other processes may ask."""
        while self._store.engine.name != "sqlite":
            await asyncio.sleep(_TOUCH_S)
            with suppress(FaultError, EngineError):
                await self._store.change(
                    lambda one: touch_job(one, task.job.id, task.count, self._clock.now_ms())
                )

    async def _fail(self, task: Task, errors: tuple[JobError, ...]) -> None:
        """Take everything back, then say so: what can't be now, a sweep does."""
        with suppress(FaultError, EngineError):
            await self._imports.take_back(task.job)
            now = self._clock.now_ms()
            job, count = task.job.id, task.count
            await self._store.change(lambda one: finish_job(one, job, count, errors, now))

    # -- telling -------------------------------------------------------------------------------

    def is_waiting(self, job: str) -> bool:
        """Whether a job of this process has yet to begin."""
        return job in self._waiting

    def progress(self, job: StoredJob) -> int:
        """How much of a job has been gone through."""
        task = self._running.get(job.id)
        return self._imports.progress(job) if task is None else task.count

    async def list_all(self, identity: Identity, *, only_running: bool) -> list[StoredJob]:
        """The caller's jobs in the workspace, the newest first."""
        return await self._store.scan(
            lambda one: list_jobs(
                one,
                identity.workspace,
                identity.user,
                only_running=only_running,
                most=TASKS_TOLD_MAX,
            )
        )


def check_goes_on(connection: Connection, job: str, count: int, now_ms: int) -> None:
    """Raises 503 for a job that another process has taken for lost. In each of its transactions."""
    if not touch_job(connection, job, count, now_ms):
        raise unavailable("the task was given up by another process")


__all__ = ["CREATE", "SAVE", "UPLOAD", "RefusedError", "StoppingError", "Task", "Tasks", "Work"]
