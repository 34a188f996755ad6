"""Imports: a file is checked whole, written where nobody sees it, then shown at one moment.

All of it goes on behind the answer. Rows that make items are written 1,500 at a time in a
transaction, so that other writers have their turn in between; those that change what is there wait
for the last transaction, which shows everything. What was written of a file that is refused, or of
one whose server stopped, is taken back.
"""

from __future__ import annotations

import asyncio
import hashlib
from array import array
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

from ..core.access import Actor, Identity
from ..core.catalog import Catalog, Datastore, Field
from ..core.commands import ParsedRow
from ..core.errors import FaultError, no_place, unavailable
from ..core.ids import Clock, IdSource, is_id
from ..core.places import get_datastore
from ..core.record import record
from ..core.rows_planner import may_import
from ..core.sheets import HEADER_LINE, ImportOptions, Layout, RowError
from ..storage.access_sets import AccessSets, StagedSets
from ..storage.builds import Kind, last_row, order_build
from ..storage.engines import Connection, EngineError
from ..storage.group import Planner
from ..storage.imports import (
    ERRORS_MAX,
    Cells,
    FileWriter,
    ParsedPart,
    Places,
    RawPart,
    RefusedError,
    Rows,
    StaleRowsError,
    TakenValueError,
    told,
)
from ..storage.jobs import (
    LOST_MS,
    JobError,
    StoredJob,
    finish_job,
    forget_old_jobs,
    has_old_jobs,
    insert_job,
    list_lost_jobs,
    read_job,
    touch_job,
)
from ..storage.staging import TakenNumbers, give_back, list_abandoned, publish, take_back_some
from ..storage.store import Store
from ..storage.written import staying
from .background import end
from .builds import Builds
from .parsed_rows import ParsedWriter, parsed_path, read_parsed, writing
from .sheet_files import SheetError, read_rows, remove_left

WAITING_MAX: Final = 8  # files that wait for the one that is being imported
STAGED_ROWS: Final = 1_500  # in one transaction: others wait for so many, a tenth of a second or so
STAGED_CHARS: Final = 1_000_000  # the same of long texts
_TOUCH_S: Final = 20.0
LOST: Final = "the server stopped before the work was done; nothing of it was kept"


@record
class Import:
    """A file that is to be taken in."""

    job: str  # id
    identity: Identity
    catalog: Catalog
    actor: Actor
    datastore: Datastore
    options: ImportOptions
    path: Path  # is removed in the end


class Imports:
    """Takes files in, one after the other."""

    def __init__(self, store: Store, clock: Clock, ids: IdSource, builds: Builds) -> None:
        self._store = store
        self._builds = builds
        self._clock = clock
        self._ids = ids
        self._turn = asyncio.Lock()
        self.others: set[str] = set()  # jobs of this process that are no imports
        # By kind of job, what else is to be taken back of one that came to nothing.
        self.undo: dict[str, Callable[[StoredJob], Awaitable[None]]] = {}
        self._running: dict[str, int] = {}  # by job of this process, how far it is
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False

    async def sweep(self) -> None:
        """Take back what imports without a process have left, say that they failed; forget old
        ones, and their files. Several processes may do so over one database."""
        now = self._clock.now_ms()
        await asyncio.to_thread(remove_left, now)
        # One process writes an SQLite file: what still runs there, nobody else runs.
        before = now if self._store.engine.name == "sqlite" else now - LOST_MS

        def look(connection: Connection) -> tuple[list[StoredJob], list[str], bool]:
            lost = list_lost_jobs(connection, before)
            return lost, list_abandoned(connection), has_old_jobs(connection, now)

        lost, abandoned, has_old = await self._store.scan(look)
        for job in abandoned:
            await self._take_back(job, [])
        for one in lost:
            if one.id not in self._running and one.id not in self.others:
                await self.take_back(one)
                await self._end(one.id, one.progress, (JobError(LOST, 0),))
        if has_old:
            await self._store.change(lambda one: forget_old_jobs(one, now))

    async def take_back(self, job: StoredJob) -> None:
        """Take back all that a job has left where nobody sees it."""
        await self._take_back(job.id, [])
        if job.kind in self.undo:
            await self.undo[job.kind](job)

    async def close(self) -> None:
        """Give up what is still being checked; what is being written is finished by the store."""
        self._is_closed = True
        await end(*self._tasks)

    def check_room(self) -> None:
        """Raises 503 while too many files wait."""
        if len(self._running) > WAITING_MAX:
            raise unavailable(f"{WAITING_MAX} files wait to be imported; try again")

    async def find_place(
        self, identity: Identity, project: str, datastore: str, options: ImportOptions
    ) -> tuple[Catalog, Actor, Datastore]:
        """Where a file goes. Raises 404 and 403."""
        who = staying(identity)

        def find(connection: Connection) -> tuple[Catalog, Actor, Datastore]:
            catalog, actor = self._store.standing.get(connection, who)
            found = get_datastore(catalog, actor, project, datastore)
            may_import(found, actor, catalog.workspace, options)
            return catalog, actor, found

        return await self._store.read(find)

    async def start(
        self,
        identity: Identity,
        place: tuple[Catalog, Actor, Datastore],
        options: ImportOptions,
        path: Path,
    ) -> tuple[str, asyncio.Task[None]]:
        """Begin to import a file, which is removed in the end. The id of the job, and its task."""
        self.check_room()
        now = self._clock.now_ms()
        catalog, actor, datastore = place
        about = (self._ids.next_id(), catalog.workspace, "import", datastore.id, actor.user)
        job = StoredJob(*about, "running", 0, (), now, now, None)
        self._running[job.id] = 0
        try:
            await self._store.change(lambda connection: insert_job(connection, job))
        except BaseException:
            self._running.pop(job.id, None)
            raise
        identity = replace(identity, session="")  # it stays here, wherever its user goes
        file = Import(job.id, identity, catalog, actor, datastore, options, path)
        task = asyncio.get_running_loop().create_task(self._run(file))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job.id, task

    async def find(self, identity: Identity, datastore: str, job: str) -> StoredJob:
        """An import of the caller's, as it stands. Raises 404."""
        who = staying(identity)

        def find(connection: Connection) -> StoredJob | None:
            catalog, actor = self._store.standing.get(connection, who)
            found = read_job(connection, job) if is_id(job) else None
            if found is None or found.workspace != catalog.workspace or found.user != actor.user:
                return None
            there = catalog.find_datastore(found.datastore)
            if there is None or datastore not in (there.id, there.display_id):
                return None
            get_datastore(catalog, actor, there.project, there.id)
            return found

        found = await self._store.read(find)
        if found is None:
            raise no_place("import", job)
        return found

    def progress(self, job: StoredJob) -> int:
        """How many rows have been gone through."""
        return self._running.get(job.id, job.progress)

    # -- running -------------------------------------------------------------------------------

    async def _run(self, file: Import) -> None:
        beat = asyncio.get_running_loop().create_task(self._beat(file.job))
        taken: list[TakenNumbers] = []
        try:
            async with self._turn:
                errors = await self._import(file, taken)
            if errors:
                await self._fail(file, taken, errors)
        except (FaultError, EngineError) as error:
            description = f"the import could not be carried out: {error}"
            await self._fail(file, taken, (JobError(description, 0),))
        except asyncio.CancelledError:
            raise
        except Exception:
            await self._fail(file, taken, (JobError("something went wrong on the server", 0),))
            raise
        finally:
            beat.cancel()
            self._running.pop(file.job, None)
            file.path.unlink(missing_ok=True)
            parsed_path(file.path).unlink(missing_ok=True)

    async def _beat(self, job: str) -> None:
        """Say now and then that the job is alive, where other processes may ask."""
        while self._store.engine.name != "sqlite":
            await asyncio.sleep(_TOUCH_S)
            with suppress(FaultError, EngineError):
                await self._store.change(
                    lambda one: touch_job(one, job, self._running.get(job, 0), self._clock.now_ms())
                )

    async def _fail(
        self, file: Import, taken: list[TakenNumbers], errors: tuple[JobError, ...]
    ) -> None:
        """Take everything back, then say so: what can't be now, a sweep does."""
        with suppress(FaultError, EngineError):
            await self._take_back(file.job, taken)
            await self._end(file.job, self._running.get(file.job, 0), errors)

    async def _take_back(self, job: str, taken: list[TakenNumbers]) -> None:
        while await self._store.change(lambda one: take_back_some(one, job)):
            pass
        if taken:
            await self._store.change(lambda one: give_back(one, taken))

    async def _end(self, job: str, count: int, errors: tuple[JobError, ...]) -> None:
        now = self._clock.now_ms()
        await self._store.change(lambda one: finish_job(one, job, count, errors, now))

    async def _import(self, file: Import, taken: list[TakenNumbers]) -> tuple[JobError, ...]:
        """Check a file on a thread, then write it; what is wrong with it."""
        errors = await asyncio.to_thread(check_file, file, self._noter(file.job))
        if errors:
            return errors
        try:
            place = file.datastore.id
            before = await self._store.scan(lambda one: last_row(one, place))
            count, waiting = await self._stage(file, taken)
            await self._finish(file, count, waiting, before)
        except RefusedError as error:
            return error.errors
        except FaultError as error:
            return tuple(told(error.faults, 0))
        except SheetError as error:
            return (JobError(str(error), error.line),)
        return ()

    def _noter(self, job: str) -> Callable[[int], None]:
        def note(count: int) -> None:
            self._go_on()
            self._running[job] = count

        return note

    def _go_on(self) -> None:
        if self._is_closed:
            raise unavailable("the server is stopping")

    async def _stage(self, file: Import, taken: list[TakenNumbers]) -> tuple[int, array[int]]:
        """Write the rows that make items, where nobody sees them yet.

        Gives how many rows there are, and the lines of those that wait for the last transaction.
        Raises RefusedError.
        """
        access = self._store.access.staged(file.job, file.datastore.id)
        waiting = array("q")
        errors: list[JobError] = []
        parts: Iterator[RawPart | ParsedPart] = _parsed_parts(file)
        note, count = self._noter(file.job), 0
        while (part := await asyncio.to_thread(next, parts, None)) is not None:
            write = partial(self._write_part, file, access, part, count, errors)
            try:
                writer, lines = await self._store.change(partial(write, singly=False))
            except StaleRowsError:
                parts = _raw_parts(file.path, count)
                continue
            except TakenValueError:
                writer, lines = await self._store.change(partial(write, singly=True))
            access.remember(writer.places)
            taken += writer.numbers
            errors = writer.errors
            waiting.extend(lines)
            count += len(part.rows)
            note(count)
        if errors:
            raise RefusedError(errors)
        return count, waiting

    def _write_part(  # noqa: PLR0913
        self,
        file: Import,
        access: StagedSets,
        part: RawPart | ParsedPart,
        count: int,
        errors: list[JobError],
        connection: Connection,
        *,
        singly: bool,
    ) -> tuple[FileWriter, list[int]]:
        """Inside a transaction of some hundred rows."""
        if not touch_job(connection, file.job, count, self._clock.now_ms()):
            raise unavailable("the import was given up by another process")
        writer = self._writer(connection, file, access)
        writer.errors = [*errors]
        return writer, writer.stage(part, file.options, singly=singly)

    async def _finish(self, file: Import, count: int, waiting: array[int], before: int) -> None:
        """The last transaction: what waits is written, everything is to be seen, the job is done.
        What is behind the row `before` is then linked by rule.

        Raises RefusedError.
        """
        lines = frozenset(waiting)
        places: Places = {}

        def write(connection: Connection) -> None:
            places.clear()
            if lines or file.options.replace_all:
                writer = self._writer(connection, file, self._store.access)
                writer.write(read_rows(file.path), file.options, lines)
                places.update(writer.places)
            publish(connection, file.job)
            if not finish_job(connection, file.job, count, (), self._clock.now_ms()):
                raise unavailable("the import was given up by another process")
            workspace, place = file.identity.workspace, file.datastore.id
            catalog = self._store.standing.find_catalog(connection, workspace)
            if catalog is not None and catalog.rules_of(place):
                order_build(connection, Kind.LINKS, workspace, place, after=before)

        alone = file.identity.workspace if lines or file.options.replace_all else ""
        await self._store.change(write, alone)
        self._store.access.remember(places)
        self._builds.wake()

    def _writer(self, connection: Connection, file: Import, access: AccessSets) -> FileWriter:
        """Rights and definitions are looked at as they are now."""
        store = self._store
        catalog, actor = standing = store.standing.get(connection, file.identity)
        found = get_datastore(catalog, actor, file.datastore.project, file.datastore.id)
        may_import(found, actor, catalog.workspace, file.options)
        planner = Planner(
            store.engine,
            connection,
            store.standing,
            access,
            self._clock,
            self._ids,
            locks_values=False,  # the unique indexes do
        )
        return FileWriter(
            connection,
            planner,
            access.load_keys,
            file.identity,
            standing,
            file.datastore.id,
            self._go_on,
        )


def _parsed_parts(file: Import) -> Iterator[ParsedPart]:
    """What the check has read, as long as it holds."""
    header = next(read_rows(file.path), (HEADER_LINE, []))[1]
    layout = Layout(header, file.options, file.datastore, file.catalog, file.actor)
    of_all = layout.columns, layout.key.id if layout.key is not None else ""
    for rows in read_parsed(parsed_path(file.path)):
        yield ParsedPart(*of_all, (file.catalog.number, file.actor.number), rows)


def _raw_parts(path: Path, skipped: int) -> Iterator[RawPart]:
    """The rows after those that are written, to be read under other definitions."""
    rows = read_rows(path)
    header = next(rows, (HEADER_LINE, []))[1]
    rows = islice(rows, skipped, None)
    while part := _take(rows):
        yield RawPart(header, part)


def _take(rows: Rows) -> list[Cells]:
    """The next rows that are written together."""
    part: list[Cells] = []
    chars = 0
    for line, cells in rows:
        part.append((line, cells))
        chars += sum(map(len, cells))
        if len(part) >= STAGED_ROWS or chars >= STAGED_CHARS:
            break
    return part


# --- checking ---------------------------------------------------------------------------------


def check_file(file: Import, note: Callable[[int], None]) -> tuple[JobError, ...]:
    """Whatever is wrong with a file by itself: the first of it, in the order of the lines.

    Its rows are kept beside it as they were parsed. Raises 503 if there is no room for them.
    """
    errors: list[JobError] = []
    rows = read_rows(file.path)
    try:
        header = next(rows, (HEADER_LINE, []))[1]
        layout = Layout(header, file.options, file.datastore, file.catalog, file.actor)
        with writing(parsed_path(file.path), STAGED_ROWS, STAGED_CHARS) as kept:
            for error in _check_rows(layout, rows, kept, note):
                errors.append(error)
                if len(errors) >= ERRORS_MAX:
                    break
    except RowError as error:
        errors.append(JobError(str(error), HEADER_LINE))
    except SheetError as error:
        errors.append(JobError(str(error), error.line))
    return tuple(errors)


def _check_rows(
    layout: Layout,
    rows: Iterator[tuple[int, list[str]]],
    kept: ParsedWriter,
    note: Callable[[int], None],
) -> Iterator[JobError]:
    is_unique = _UniqueValues(layout)
    parse, keep = layout.parse, kept.add
    for count, (line, cells) in enumerate(rows, 1):
        if not count % 1_000:
            note(count)
        try:
            row, faults = parse(line, cells)
        except RowError as error:
            yield JobError(str(error), line)
            continue
        for fault in faults:
            yield JobError(fault, line)
        if is_unique.fields:
            for field in is_unique.find_repeated(row):
                yield JobError(f"{field.display_id}: the value is not unique in the file", line)
        keep(row, sum(map(len, cells)))


class _UniqueValues:
    """The unique values of the file itself."""

    def __init__(self, layout: Layout) -> None:
        self._key = layout.key
        fields = {one.id: one for one in layout.datastore.unique_fields if one is not layout.key}
        self._places = [(at, fields[id_]) for at, id_ in enumerate(layout.columns) if id_ in fields]
        self.fields = len(self._places) + (layout.key is not None)
        self._seen: set[bytes] = set()

    def find_repeated(self, row: ParsedRow) -> list[Field]:
        """The fields whose value a row before has."""
        found = [(self._key, row.key)] if self._key is not None else []
        if not row.is_delete:
            found += [(field, row.values[at]) for at, field in self._places]
        repeated: list[Field] = []
        for field, value in found:
            if value is None:
                continue
            digest = hashlib.blake2b(f"{field.id}{value!r}".encode(), digest_size=12).digest()
            if digest in self._seen:
                repeated.append(field)
            self._seen.add(digest)
        return repeated


__all__ = ["Import", "Imports", "check_file"]
