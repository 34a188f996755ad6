"""One group of commands: read what they touch, plan each over it, fold what they do."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeGuard

from ..core.access import Actor, Identity
from ..core.catalog import Catalog, Datastore, Field
from ..core.commands import Command, RefusedRequest, Request, WriteRequest
from ..core.draft import HandedBackError
from ..core.errors import (
    Code,
    Fault,
    FaultError,
    FaultKind,
    bad_value,
    invalid_request,
    unavailable,
)
from ..core.ids import Clock, IdSource
from ..core.items import Snapshot, SnapshotMissError
from ..core.limits import MISSES_MAX
from ..core.plan import Result, WritePlan
from ..core.planner import plan_request
from ..core.record import record
from ..core.resolve import resolve
from ..core.touches import Touches
from .access_sets import AccessSets
from .apply import Fold
from .engines import (
    Batch,
    Connection,
    Engine,
    EngineError,
    FullError,
    IntegrityError,
    InvalidTextError,
    OutdatedSchemaError,
    Row,
    TransientError,
    UnreachableError,
)
from .idempotency import Remember, Replay, find_replays, remembered_batch
from .snapshot import SnapshotReader, ValueLocks, needs_locks
from .standing import Numbers, Standing
from .telling import PLAINLY, Inside, Telling, Told
from .written import scripts_behind

Outcome = Result | Replay | Told | Exception
Places = dict[tuple[str, frozenset[str]], int]  # of sets of access keys


class Job:
    """A command waiting for its group, and what came of it."""

    __slots__ = (
        "actor",
        "catalog",
        "command",
        "extra",
        "future",
        "identity",
        "judged_revision",
        "outcome",
        "request",
        "scripts",
        "telling",
    )

    def __init__(
        self,
        identity: Identity,
        command: Command,
        future: Future[Result | Replay | Told] | None,
        telling: Telling = PLAINLY,
        judged_revision: int | None = None,
    ) -> None:
        self.identity = identity
        self.command = command
        self.future = future  # of the event loop; settled when `outcome` is there for good; None:
        # nobody waits for this one job
        self.telling = telling
        self.judged_revision = judged_revision
        self.scripts = scripts_behind()
        self.extra: Touches | None = None  # what planning found it needed, to lock in order
        self.outcome: Outcome | None = None
        self.catalog: Catalog
        self.actor: Actor
        self.request: Request

    @property
    def remember(self) -> Remember | None:
        """What its answer is kept under."""
        return self.telling.remember

    def is_apart_from(self, other: Job) -> bool:
        """What is only rehearsed shares no transaction with what is done."""
        return self.telling.is_dry is not other.telling.is_dry

    def settle(self) -> None:
        """Tell the caller, on the event loop."""
        outcome = self.outcome
        if self.future is None or self.future.done():  # the caller has gone
            return
        if isinstance(outcome, Exception):
            self.future.set_exception(outcome)
        elif outcome is None:
            self.future.set_exception(unavailable("the write was not carried out"))
        else:
            self.future.set_result(outcome)

    def resolve(self, catalog: Catalog, actor: Actor) -> None:
        """Find what the command names. Raises FaultError, unless it is to be kept under a key:
        then the group finds the answer that was given before, or tells and keeps the fault."""
        self.catalog = catalog
        self.actor = actor
        try:
            request = resolve(self.command, catalog, actor)
        except FaultError as fault:
            if self.remember is None:
                raise
            request = RefusedRequest(fault, Touches())
        if self.judged_revision is not None and isinstance(request, WriteRequest):
            request = replace(request, judged_revision=self.judged_revision)
        self.request = request


class StaleError(Exception):
    """Definitions or people moved since the commands were resolved."""

    def __init__(self, numbers: dict[str, Numbers]) -> None:
        super().__init__("definitions or people moved")
        self.numbers = numbers


class RestartError(Exception):
    """Something has to be locked before what is locked already: begin again with more."""


@record
class Work:
    """What a planned group will write, and what to remember once it is committed."""

    batches: list[Batch]
    places: Places
    late: Sequence[tuple[Job, WritePlan]] = ()  # to be answered once everything is written
    followers: Sequence[Job] = ()  # the same requests again, to get those answers too
    events: Sequence[Row] = ()  # the rows of the outbox among the batches


class Planner:
    """Plans groups over one connection. It begins and ends no transaction."""

    def __init__(  # noqa: PLR0913  the parts of a committer
        self,
        engine: Engine,
        connection: Connection,
        standing: Standing,
        access: AccessSets,
        clock: Clock,
        ids: IdSource,
        *,
        locks_values: bool = True,
    ) -> None:
        self._locks_values = locks_values
        self._engine = engine
        self._connection = connection
        self._standing = standing
        self._access = access
        self._clock = clock
        self._ids = ids

    def refresh(self, jobs: Sequence[Job], numbers: dict[str, Numbers]) -> None:
        """Resolve jobs again under definitions and actors as they are now."""
        for job in jobs:
            try:
                workspace = job.identity.workspace
                catalog, actor = self._standing.get(
                    self._connection, job.identity, numbers.get(workspace)
                )
                job.resolve(catalog, actor)
            except EngineError:
                raise
            except Exception as error:  # noqa: BLE001  definitions that can't be read cost no others
                job.outcome = error

    def plan(self, jobs: Sequence[Job]) -> Work:
        """Read once, plan each job in turn; a job that fails leaves no trace on the others.

        Raises StaleError or RestartError: roll back, mend, begin again.
        """
        reader = self._reader(jobs)
        snapshot = Snapshot()
        replays = self._read(reader, snapshot, jobs)
        fold = Fold(self._datastores(jobs))
        now = self._clock.now_ms()
        kept: list[Row] = []
        late: list[tuple[Job, WritePlan]] = []
        awaited: set[str] = set()
        followers: list[Job] = []
        for job in jobs:
            remember = job.remember
            if remember is not None and remember.key_hash in replays:
                job.outcome = replays[remember.key_hash].answer_to(remember)
                continue
            if remember is not None and remember.key_hash in awaited:
                followers.append(job)
                continue
            plan = self._plan_one(job, snapshot, reader, now)
            if plan is not None:
                fold.add(plan.steps, job.scripts)
                if job.telling.look is not None:
                    late.append((job, plan))
                    awaited.update([remember.key_hash] if remember is not None else ())
                    continue
            if remember is not None and _is_final(job.outcome):
                row = remember.row(job.outcome, now)
                kept.append(row)
                replays[remember.key_hash] = Replay.of_row(row)
        places, batches = self._place(fold)
        batches.extend(fold.batches(places))
        if kept:
            batches.append(remembered_batch(kept))
        return Work(batches, places, late, followers, fold.events)

    def tell(self, work: Work) -> list[Batch]:
        """Make the answers that look at what was written; gives what keeps them."""
        kept: dict[str, Row] = {}
        for job, plan in work.late:
            row = self._tell_one(job, plan)
            if row is not None and job.remember is not None:
                kept[job.remember.key_hash] = row
        for job in work.followers:
            if job.remember is not None:
                row = kept[job.remember.key_hash]
                job.outcome = Replay.of_row(row).answer_to(job.remember)
        return [remembered_batch(list(kept.values()))] if kept else []

    def _tell_one(self, job: Job, plan: WritePlan) -> Row | None:
        """Answer a job from inside the transaction; the row that keeps the answer, if it is kept."""
        if job.telling.look is None:
            raise TypeError("there is nothing to look with")
        access = self._access.apart()
        inside = Inside(self._connection, job.catalog, job.actor, access, plan.steps)
        told = job.telling.look(plan.result, inside)
        job.outcome = told
        if job.remember is None:
            return None
        return job.remember.row_of(told.status, told.answer.decode(), self._clock.now_ms())

    def rehearse(self, jobs: Sequence[Job]) -> None:
        """Carry each job out, answer it, and undo it, so that none sees what another did."""
        if self._engine.name == "postgresql":  # all locks in their order, before any job's
            self._read(self._reader(jobs), Snapshot(), jobs)
        for job in jobs:
            self._connection.savepoint()
            try:
                self._run_one(job)
            except _WHOLE_GROUP:
                raise
            except Exception as error:  # noqa: BLE001  whatever it is, the others go on
                job.outcome = _at_fault(error, job)
            self._connection.rollback_to()

    def run_singly(self, jobs: Sequence[Job]) -> Work:
        """One savepoint a job, step by step: only the jobs at fault fail.

        Everything is written when this returns; the work left is what to remember.
        """
        places: Places = {}
        events: list[Row] = []
        if self._engine.name == "postgresql":  # all locks in their order, before any job's
            self._read(self._reader(jobs, "whole"), Snapshot(), jobs)
        for job in jobs:
            error = self._try_one(job, places, events)
            if isinstance(error, IntegrityError) and job.remember is not None:
                error = self._try_one(job, places, events)  # the key was taken: its answer is there
            if error is not None:
                job.outcome = _at_fault(error, job)
        return Work([], places, events=events)

    def _try_one(self, job: Job, places: Places, events: list[Row]) -> Exception | None:
        """Run one job in a savepoint; what it alone brought about is undone and told."""
        self._connection.savepoint()
        try:
            placed, emitted = self._run_one(job, "whole")
        except _WHOLE_GROUP:
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, the others go on
            self._connection.rollback_to()
            return error
        self._connection.release()
        places |= placed
        events += emitted
        return None

    def _run_one(self, job: Job, value_locks: ValueLocks = "each") -> tuple[Places, Sequence[Row]]:
        reader = self._reader([job], value_locks)
        snapshot = Snapshot()
        replays = self._read(reader, snapshot, [job])
        if job.remember is not None and job.remember.key_hash in replays:
            job.outcome = replays[job.remember.key_hash].answer_to(job.remember)
            return {}, ()
        plan = self._plan_one(job, snapshot, reader, self._clock.now_ms())
        places: Places = {}
        events: list[Row] = []
        for step in plan.steps if plan is not None else ():
            fold = Fold(self._datastores([job]))
            fold.add((step,), job.scripts)
            placed, batches = self._place(fold)
            places |= placed
            events += fold.events
            self._connection.write([*batches, *fold.batches(placed)])
        kept: Row | None = None
        if plan is not None and job.telling.look is not None:
            kept = self._tell_one(job, plan)
        elif job.remember is not None and _is_final(job.outcome):
            kept = job.remember.row(job.outcome, self._clock.now_ms())
        if kept is not None:
            self._connection.write([remembered_batch([kept])])
        return places, events

    def _read(
        self, reader: SnapshotReader, snapshot: Snapshot, jobs: Sequence[Job]
    ) -> dict[str, Replay]:
        keys = [job.remember.key_hash for job in jobs if job.remember is not None]
        planned = _first_of_each_key(jobs, find_replays(self._connection, keys)) if keys else jobs
        if len(planned) == 1 and planned[0].extra is None:
            touches = planned[0].request.touches
        else:
            touches = Touches()
            for job in planned:
                touches.add(job.request.touches)
                if job.extra is not None:
                    touches.add(job.extra)
        moved: dict[str, Numbers] = {}

        def check(rows: list[Row]) -> None:
            found = {row[0]: (row[1], row[2]) for row in rows}
            for job in jobs:
                workspace = job.identity.workspace
                now = found.get(workspace, (-1, -1))
                if job.catalog.number != now[0] or job.actor.number != now[1]:
                    moved[workspace] = now

        reader.read(snapshot, touches, {job.identity.workspace for job in jobs}, check)
        if moved:
            raise StaleError(moved)
        return find_replays(self._connection, keys) if keys else {}

    def _plan_one(
        self, job: Job, snapshot: Snapshot, reader: SnapshotReader, now: int
    ) -> WritePlan | None:
        job.outcome = None
        try:
            for _ in range(MISSES_MAX):
                try:
                    plan = plan_request(
                        job.request, snapshot, job.actor, job.catalog, now, self._ids
                    )
                except SnapshotMissError as miss:
                    self._read_more(job, miss.touches, snapshot, reader)
                else:
                    job.outcome = plan.result
                    return plan
            job.outcome = unavailable("the write needs more to be read than one write may")
        except (FaultError, HandedBackError) as error:
            job.outcome = error
        except (RestartError, EngineError):
            raise
        except Exception as bug:  # noqa: BLE001  a bug costs this job, never the group
            job.outcome = bug
        return None

    def _read_more(
        self, job: Job, touches: Touches, snapshot: Snapshot, reader: SnapshotReader
    ) -> None:
        is_locked = self._engine.name == "postgresql" and needs_locks(touches)
        if is_locked or touches.links_into:  # what links lead to may have to be locked
            if job.extra is None:
                job.extra = Touches()
            job.extra.add(touches)
        if is_locked:
            raise RestartError
        reader.read(snapshot, touches)

    def _place(self, fold: Fold) -> tuple[Places, list[Batch]]:
        """Places for the sets of keys, known or new."""
        places: Places = {}
        new: list[tuple[str, frozenset[str]]] = []
        for workspace, keys in fold.workspace_sets():
            acl = self._access.find_acl(workspace, keys)
            if acl is None:
                new.append((workspace, keys))
            else:
                places[workspace, keys] = acl
        if not new:
            return places, []
        made, batches = self._access.place(self._connection, new)
        return places | made, list(batches)

    def _reader(self, jobs: Sequence[Job], value_locks: ValueLocks = "each") -> SnapshotReader:
        return SnapshotReader(
            self._engine,
            self._connection,
            self._access,
            self._datastores(jobs),
            value_locks=value_locks if self._locks_values else "none",
        )

    def _datastores(self, jobs: Sequence[Job]) -> Callable[[str], Datastore | None]:
        catalogs = list({id(job.catalog): job.catalog for job in jobs}.values())
        if len(catalogs) == 1:
            return catalogs[0].find_datastore

        def find(id_: str) -> Datastore | None:
            for catalog in catalogs:
                found = catalog.find_datastore(id_)
                if found is not None:
                    return found
            return None

        return find


def _first_of_each_key(jobs: Sequence[Job], replays: dict[str, Replay]) -> list[Job]:
    """The jobs that will be planned unless one fails that came before with the same key.

    What the others touch is not read: reading a counter's branch may make it.
    """
    seen = set(replays)
    planned = []
    for job in jobs:
        key = job.remember.key_hash if job.remember is not None else ""
        if key not in seen or job.extra is not None:
            planned.append(job)
        if key:
            seen.add(key)
    return planned


_PASSING = (FaultKind.UNAVAILABLE, FaultKind.UNAUTHORIZED, FaultKind.CRASHED)


def _is_final(outcome: Outcome | None) -> TypeGuard[Result | FaultError]:
    """Whether the same call sent again would be answered the same."""
    if isinstance(outcome, FaultError):
        return outcome.kind not in _PASSING
    return outcome is not None and not isinstance(outcome, (Exception, Replay, Told))


_WHOLE_GROUP = (
    RestartError,
    StaleError,
    TransientError,
    FullError,
    UnreachableError,
    OutdatedSchemaError,
)


def _at_fault(error: Exception, job: Job) -> Exception:
    """What the one job that the database refuses is told."""
    if isinstance(error, IntegrityError):
        reason = "the value is not unique"
        named = [one for one in _unique_fields(job) if one.id in str(error)]
        if named:
            fault = bad_value(named[0].id, named[0].display_id, reason)
        else:
            fault = Fault(Code.INVALID_VALUE, reason, "a unique value was taken meanwhile")
        return FaultError(FaultKind.INVALID, fault)
    if isinstance(error, InvalidTextError):
        return invalid_request("a text of the request holds U+0000")
    return error


def _unique_fields(job: Job) -> Iterator[Field]:
    """The unique fields of the job's workspace; an engine's message holds the id of one."""
    for project in job.catalog.projects:
        for datastore in project.datastores:
            yield from datastore.unique_fields
