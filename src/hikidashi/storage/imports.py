"""Rows of a file as writes: some hundred at a time that make items, or all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from ..core.access import Actor, Identity
from ..core.catalog import Catalog, Datastore, Field
from ..core.commands import Command, Entry, Op, ParsedRow, WriteItem, WriteRows
from ..core.errors import Fault, FaultError, no_place
from ..core.plan import RowsResult
from ..core.query import Query
from ..core.record import record
from ..core.sheets import HEADER_LINE, ImportOptions, Layout, RowError, SheetRow
from ..core.values import Value
from .engines import Batch, Connection, Insert, IntegrityError, QueryKeys, TransientError
from .group import Job, Planner, RestartError, StaleError, Work
from .jobs import JobError
from .search import list_ids
from .staging import TakenNumbers, read_counters
from .tables import field_column, table_name

ROWS_PER_BATCH = 2_000  # rows planned and written at a time: bounds the memory
ROWS_PER_PLAN = 50  # of them by one command: what is planned is then still at hand to be gathered
CHARS_PER_BATCH = 4_000_000  # the same of long texts
ERRORS_MAX = 100  # errors that are told of one file
_RESTARTS_MAX = 64
Cells = tuple[int, list[str]]  # the line where a row begins, and its cells
Rows = Iterator[Cells]
Places = dict[tuple[str, frozenset[str]], int]


@record
class RawPart:
    """Rows to be written together, as they are in the file."""

    header: Sequence[str]
    rows: Sequence[Cells]


@record
class ParsedPart:
    """Rows to be written together, parsed under definitions and for an actor of these numbers."""

    columns: tuple[str, ...]  # ids of the fields that the rows have values of
    key: str  # id of the field that says which item a row speaks of; ""
    numbers: tuple[int, int]
    rows: Sequence[ParsedRow]


class StaleRowsError(Exception):
    """Definitions or people moved since the rows were parsed: they are to be read anew."""


class TakenValueError(Exception):
    """The database refuses a row of a part: its rows are to be written one after the other."""


class RefusedError(Exception):
    """The file can't be taken; nothing of it was."""

    def __init__(self, errors: Sequence[JobError]) -> None:
        super().__init__(errors[0].description if errors else "")
        self.errors = tuple(errors[:ERRORS_MAX])


def told(faults: Sequence[Fault], line: int) -> list[JobError]:
    """The faults of one row."""
    return [JobError(one.error or one.description, line) for one in faults]


class FileWriter:
    """Writes a file's rows over a connection that is in a transaction."""

    def __init__(  # noqa: PLR0913  what a file is written with
        self,
        connection: Connection,
        planner: Planner,
        load_keys: Callable[[Connection, set[int]], dict[int, frozenset[str]]],
        identity: Identity,
        standing: tuple[Catalog, Actor],
        datastore: str,
        go_on: Callable[[], None],
    ) -> None:
        """`go_on` is asked now and then whether to."""
        self._connection = connection
        self._planner = planner
        self._load_keys = load_keys
        self._identity = identity
        self._catalog, self._actor = standing
        found = self._catalog.find_datastore(datastore)
        if found is None:
            raise no_place("datastore", datastore)
        self._datastore: Datastore = found
        self._go_on = go_on
        self._faults_wait = False
        self._is_staging = self._singly = False
        self.errors: list[JobError] = []
        self.places: Places = {}
        self.numbers: list[TakenNumbers] = []

    def layout(self, header: Sequence[str], options: ImportOptions) -> Layout:
        """What the header means now. Raises RefusedError."""
        try:
            return Layout(header, options, self._datastore, self._catalog, self._actor)
        except RowError as error:
            raise RefusedError([JobError(str(error), HEADER_LINE)]) from error

    # -- rows that make items, in a transaction of some hundred ----------------------------------

    def stage(
        self, part: RawPart | ParsedPart, options: ImportOptions, *, singly: bool = False
    ) -> list[int]:
        """Write the rows that make items; the lines of those that have to wait for the last part.

        They wait because they change or delete an item, or because they may be at fault only as
        long as such rows have not been written. What is at fault anyway is in `errors`. Raises
        StaleRowsError, TakenValueError (unless each is written `singly`), RefusedError.
        """
        self._is_staging, self._singly = True, singly
        self._faults_wait = options.matches or options.replace_all
        if isinstance(part, ParsedPart):
            waiting = self._stage_parsed(part, options)
        else:
            waiting = self._stage_raw(part, options)
        if self._faults_wait:
            waiting += {one.line for one in self.errors}
            self.errors.clear()
        return waiting

    def _stage_parsed(self, part: ParsedPart, options: ImportOptions) -> list[int]:
        if part.numbers != (self._catalog.number, self._actor.number):
            raise StaleRowsError
        rows, waiting = part.rows, list[int]()
        key = self._datastore.find_field(part.key) if part.key else None
        if key is not None and options.matches:
            there = self._find_items(key, [one.key for one in rows if one.key is not None])
            waiting = [one.line for one in rows if one.is_delete or one.key in there]
            rows = [one for one in rows if not one.is_delete and one.key not in there]
        if rows:
            self._make(part.columns, rows)
        return waiting

    def _stage_raw(self, part: RawPart, options: ImportOptions) -> list[int]:
        layout = self.layout(part.header, options)
        meant, waiting = self._read(layout, part.rows), list[int]()
        if layout.key is not None and options.matches:
            there = self._find_items(layout.key, _keys(meant))
            waiting = [one.line for one in meant if one.is_delete or one.key in there]
            meant = [one for one in meant if not one.is_delete and one.key not in there]
        project = self._datastore.project
        self._run([(one.line, layout.command(one, "", project)) for one in meant])
        return waiting

    def _read(self, layout: Layout, rows: Sequence[Cells]) -> list[SheetRow]:
        meant: list[SheetRow] = []
        for line, cells in rows:
            try:
                meant.append(layout.read(line, cells))
            except RowError as error:
                self._refuse(str(error), line)
        return meant

    # -- rows that change items, and all that is to be seen at one moment -------------------------

    def write(self, rows: Rows, options: ImportOptions, lines: Collection[int]) -> None:
        """Write the rows of these lines, after all is deleted that is. Raises RefusedError.

        Definitions and people of the workspace are locked, so they are what they are to the end,
        and nobody else writes in the workspace: rows need no order of locks.
        """
        if options.replace_all:
            self._delete_all()
        layout = self.layout(next(rows, (HEADER_LINE, []))[1], options)
        batch: list[Cells] = []
        chars = 0
        for line, cells in rows:
            if line not in lines:
                continue
            batch.append((line, cells))
            chars += sum(map(len, cells))
            if len(batch) >= ROWS_PER_BATCH or chars >= CHARS_PER_BATCH:
                self._write_rows(layout, batch, options)
                self._go_on()
                batch, chars = [], 0
        self._write_rows(layout, batch, options)
        if self.errors:
            raise RefusedError(self.errors)

    def _write_rows(self, layout: Layout, rows: list[Cells], options: ImportOptions) -> None:
        meant = self._read(layout, rows)
        there: dict[Value, list[str]] = {}
        if layout.key is not None and options.matches:
            there = self._find_items(layout.key, _keys(meant))
        commands: list[tuple[int, WriteItem]] = []
        for row in meant:
            items = there.get(row.key, []) if row.key is not None else []
            if len(items) > 1:
                self._refuse("several items have the key", row.line)
            elif row.is_delete and not items:
                self._refuse("no item has the key", row.line)
            else:
                item = items[0] if items else ""
                commands.append((row.line, layout.command(row, item, self._datastore.project)))
        self._run(commands)

    def _refuse(self, description: str, line: int) -> None:
        self.errors.append(JobError(description, line))
        self._check_errors()

    def _find_items(self, key: Field, values: list[Value]) -> dict[Value, list[str]]:
        """By key, the items that bear it and that the actor may see."""
        found: dict[Value, list[str]] = {}
        if not values:
            return found
        column = field_column(key)
        select = f"SELECT {column.name}, id, acl FROM {table_name(self._datastore.id)}"  # noqa: S608
        asked = QueryKeys(select, column, values, goes_over_all=not key.is_indexed)
        rows = self._connection.read([asked])[0]
        keys = self._load_keys(self._connection, {row[2] for row in rows})
        for value, item, acl in rows:
            if not keys[acl].isdisjoint(self._actor.keyring):
                found.setdefault(value, []).append(item)
        return found

    def _delete_all(self) -> None:
        """Delete every item that the actor may see, each by the default action."""
        query = Query(self._datastore)
        keyring = self._actor.keyring
        while items := list_ids(self._connection, query, keyring, ROWS_PER_BATCH):
            entries = [Entry(Op.DELETE, self._datastore.id, item) for item, _, _ in items]
            project = self._datastore.project
            self._run(
                [
                    (HEADER_LINE, WriteItem(project, one, force=True, is_import=True))
                    for one in entries
                ]
            )
            if self.errors:
                raise RefusedError(self.errors)

    # -- a batch -------------------------------------------------------------------------------

    def _run(self, commands: Sequence[tuple[int, Command]]) -> None:
        """Carry out writes of one item each, by the lines that they are of."""
        lines, jobs = self._resolve(commands)
        if not jobs:
            return
        work = self._plan(jobs)
        self._gather(jobs, lines)
        if not self._write(work):
            work = self._planner.run_singly(jobs)
            self._gather(jobs, lines)
            self.places |= work.places

    def _make(self, columns: tuple[str, ...], rows: Sequence[ParsedRow]) -> None:
        """Make an item of each row, by few commands as long as nothing stands against it."""
        place = (self._datastore.project, self._datastore.id, columns)
        starts = range(0, len(rows), ROWS_PER_PLAN)
        parts = [(rows[at].line, WriteRows(*place, rows[at : at + ROWS_PER_PLAN])) for at in starts]
        lines, jobs = self._resolve(parts[:1])
        if not jobs:  # what they have in common is at fault, and told once
            return
        more = self._resolve(parts[1:])
        lines, jobs = lines + more[0], jobs + more[1]
        work = self._plan(jobs)
        if any(isinstance(one.outcome, FaultError) for one in jobs):  # not of one row
            self._run([(one.line, WriteRows(*place, (one,))) for one in rows])
            return
        self._gather(jobs, lines)
        if not self._write(work):
            lines, jobs = self._resolve([(one.line, WriteRows(*place, (one,))) for one in rows])
            work = self._planner.run_singly(jobs)
            self._gather(jobs, lines)
            self.places |= work.places

    def _resolve(self, commands: Sequence[tuple[int, Command]]) -> tuple[list[int], list[Job]]:
        lines: list[int] = []
        jobs: list[Job] = []
        for line, command in commands:
            job = Job(self._identity, command, None)
            try:
                job.resolve(self._catalog, self._actor)
            except FaultError as error:
                self.errors.extend(told(error.faults, line))
                continue
            jobs.append(job)
            lines.append(line)
        return lines, jobs

    def _write(self, work: Work) -> bool:
        """Write what was planned; False if the database refuses a row: then nothing is written.

        A part that is staged has a transaction of its own, so that is undone instead: under a
        savepoint SQLite would go through all pages changed so far with each row that has a trigger.
        """
        if self.errors and not self._faults_wait:
            return True  # nothing more is written, the rest is only looked at
        if self._singly:
            return False
        self._note_numbers(work.batches)
        if self._is_staging:
            try:
                self._connection.write(work.batches)
            except IntegrityError as error:
                raise TakenValueError from error
            self.places |= work.places
            return True
        self._connection.savepoint()
        try:
            self._connection.write(work.batches)
        except IntegrityError:  # rows that swap a unique value, or one that is not free
            self._connection.rollback_to()
            self.numbers.clear()
            return False
        self._connection.release()
        self.places |= work.places
        return True

    def _note_numbers(self, batches: Sequence[Batch]) -> None:
        """What is taken of counters, which planning has locked."""
        taken = {
            str(row[0]): row[2]
            for one in batches
            if isinstance(one, Insert) and one.table == "counters"
            for row in one.rows
            if row[1] == "-"
        }
        if taken:
            before = read_counters(self._connection, sorted(taken))
            self.numbers += [
                TakenNumbers(field, before.get(field, 0), after) for field, after in taken.items()
            ]

    def _plan(self, jobs: list[Job]) -> Work:
        try:
            for _ in range(_RESTARTS_MAX):
                try:
                    return self._planner.plan(jobs)
                except RestartError:  # what it needs is known now
                    continue
            return self._planner.plan(jobs)
        except StaleError as error:
            raise TransientError(str(error)) from error

    def _gather(self, jobs: list[Job], lines: list[int]) -> None:
        for job, line in zip(jobs, lines, strict=True):
            outcome = job.outcome
            if isinstance(outcome, FaultError):
                self.errors.extend(told(outcome.faults, line))
            elif isinstance(outcome, RowsResult):
                for at, faults in outcome.faults:
                    self.errors.extend(told(faults, at))
            elif isinstance(outcome, Exception):
                raise outcome
        self._check_errors()

    def _check_errors(self) -> None:
        if len(self.errors) >= ERRORS_MAX and not self._faults_wait:
            raise RefusedError(self.errors)


def _keys(rows: list[SheetRow]) -> list[Value]:
    return [one.key for one in rows if one.key is not None]


__all__ = [
    "ERRORS_MAX",
    "Cells",
    "FileWriter",
    "ParsedPart",
    "Places",
    "RawPart",
    "RefusedError",
    "Rows",
    "StaleRowsError",
    "TakenValueError",
    "told",
]
