"""One file as one transaction: its rows are planned and written some thousand at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ..core.access import Actor, Identity
from ..core.catalog import Catalog, Datastore, Field
from ..core.commands import Entry, Op, WriteItem
from ..core.errors import FaultError, no_place
from ..core.query import Query
from ..core.sheets import HEADER_LINE, ImportOptions, Layout, RowError, SheetRow
from ..core.values import Value
from .engines import Connection, IntegrityError, QueryKeys
from .group import Job, Planner, RestartError, Work
from .jobs import JobError
from .search import list_ids
from .tables import field_column, table_name

ROWS_PER_BATCH = 2_000  # rows planned and written at a time: bounds the memory
CHARS_PER_BATCH = 4_000_000  # the same of long texts
ERRORS_MAX = 100  # errors that are told of one file
_RESTARTS_MAX = 64
Rows = Iterator[tuple[int, list[str]]]  # the line where each begins, and its cells
Places = dict[tuple[str, frozenset[str]], int]


class RefusedError(Exception):
    """The file can't be taken; nothing of it was."""

    def __init__(self, errors: Sequence[JobError]) -> None:
        super().__init__(errors[0].description if errors else "")
        self.errors = tuple(errors[:ERRORS_MAX])


def told(error: FaultError, line: int) -> list[JobError]:
    """The faults of one row."""
    return [JobError(one.error or one.description, line) for one in error.faults]


class FileWriter:
    """Writes a file's rows over a connection that is in a transaction of its own.

    Definitions and people of the workspace are locked, so they are what they are to the end, and
    nobody else writes in the workspace: rows need no order of locks.
    """

    def __init__(  # noqa: PLR0913  what a file is written with
        self,
        connection: Connection,
        planner: Planner,
        load_keys: Callable[[Connection, set[int]], dict[int, frozenset[str]]],
        identity: Identity,
        standing: tuple[Catalog, Actor],
        datastore: str,
        note: Callable[[int], None],
    ) -> None:
        self._connection = connection
        self._planner = planner
        self._load_keys = load_keys
        self._identity = identity
        self._catalog, self._actor = standing
        found = self._catalog.find_datastore(datastore)
        if found is None:
            raise no_place("datastore", datastore)
        self._datastore: Datastore = found
        self._note = note
        self._errors: list[JobError] = []
        self.places: Places = {}

    def write(self, rows: Rows, options: ImportOptions) -> int:
        """Write everything; how many rows that were. Raises RefusedError."""
        if options.replace_all:
            self._delete_all()
        count = 0
        try:
            _, header = next(rows)
            layout = Layout(header, options, self._datastore, self._catalog, self._actor)
        except (RowError, StopIteration) as error:
            raise RefusedError([JobError(str(error), HEADER_LINE)]) from error
        batch: list[SheetRow] = []
        chars = 0
        for line, cells in rows:
            try:
                batch.append(layout.read(line, cells))
            except RowError as error:
                self._errors.append(JobError(str(error), line))
            chars += sum(map(len, cells))
            count += 1
            if len(batch) >= ROWS_PER_BATCH or chars >= CHARS_PER_BATCH:
                self._write_rows(layout, batch, options)
                self._note(count)
                batch, chars = [], 0
        self._write_rows(layout, batch, options)
        if self._errors:
            raise RefusedError(self._errors)
        return count

    def _write_rows(self, layout: Layout, rows: list[SheetRow], options: ImportOptions) -> None:
        there: dict[Value, list[str]] = {}
        if layout.key is not None and options.matches:
            there = self._find_items(layout.key, [one.key for one in rows if one.key is not None])
        commands: list[tuple[int, WriteItem]] = []
        for row in rows:
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
        self._errors.append(JobError(description, line))
        if len(self._errors) >= ERRORS_MAX:
            raise RefusedError(self._errors)

    def _find_items(self, key: Field, values: list[Value]) -> dict[Value, list[str]]:
        """By key, the items that bear it and that the actor may see."""
        found: dict[Value, list[str]] = {}
        if not values:
            return found
        column = field_column(key)
        select = f"SELECT {column.name}, id, acl FROM {table_name(self._datastore.id)}"  # noqa: S608
        rows = self._connection.read([QueryKeys(select, column, values)])[0]
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
            if self._errors:
                raise RefusedError(self._errors)

    # -- a batch -------------------------------------------------------------------------------

    def _run(self, commands: list[tuple[int, WriteItem]]) -> None:
        lines: list[int] = []
        jobs: list[Job] = []
        for line, command in commands:
            job = Job(self._identity, command, None)
            try:
                job.resolve(self._catalog, self._actor)
            except FaultError as error:
                self._errors.extend(told(error, line))
                continue
            jobs.append(job)
            lines.append(line)
        if not jobs:
            return
        work = self._plan(jobs)
        self._gather(jobs, lines)
        if self._errors:
            return  # nothing more is written, the rest is only looked at
        self._connection.savepoint()
        try:
            self._connection.write(work.batches)
        except IntegrityError:  # rows that swap a unique value, or one that is not free
            self._connection.rollback_to()
            work = self._planner.run_singly(jobs)
            self._gather(jobs, lines)
        else:
            self._connection.release()
        self.places |= work.places

    def _plan(self, jobs: list[Job]) -> Work:
        for _ in range(_RESTARTS_MAX):
            try:
                return self._planner.plan(jobs)
            except RestartError:  # what it needs is known now; the workspace is locked already
                continue
        return self._planner.plan(jobs)

    def _gather(self, jobs: list[Job], lines: list[int]) -> None:
        for job, line in zip(jobs, lines, strict=True):
            outcome = job.outcome
            if isinstance(outcome, FaultError):
                self._errors.extend(told(outcome, line))
            elif isinstance(outcome, Exception):
                raise outcome
        if len(self._errors) >= ERRORS_MAX:
            raise RefusedError(self._errors)


__all__ = ["ERRORS_MAX", "FileWriter", "Places", "RefusedError", "Rows", "told"]
