"""SQLite through apsw: one writer, a commit that is durable before it is acknowledged."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Awaitable, Callable, Generator, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import apsw

from ...core.full_text import pairs
from ...core.limits import SEARCH_MATCHES_MAX
from ...core.query import fold
from ...core.substrings import pieces
from ...core.values import format_instant
from . import (
    STREAM_ROWS,
    Batch,
    ColumnType,
    Connection,
    Delete,
    EngineError,
    FullError,
    Insert,
    IntegrityError,
    OutdatedSchemaError,
    Query,
    QueryKeys,
    Row,
    TimeLimitError,
    TransientError,
    UnreachableError,
    Update,
    Words,
)
from .totals import Total

PAGES_BETWEEN_CHECKPOINTS = 8_000  # 32 MB of log: fewer, larger checkpoints
STATEMENT_CACHE = 512
# Of the file, in the address space of the process: a page all over a large one is then a look at
# memory that the system shares and takes back; reading it took a search two to five times as long.
MAPPED_BYTES_MAX = 1 << 30
_NAMES, _NAME_CHARS = 2_048, 64  # whose pieces are remembered: 2 MB at most
ROWS_TOGETHER = (64, 8)  # keys, or rows of a long batch, that share a statement
PARAMS_TOGETHER_MAX = 5_000  # of such a statement, which is kept ready
STEPS_BETWEEN_LOOKS = 1_000  # of SQLite's machine; a look at the clock costs one in a hundred
T = TypeVar("T")
_TYPES: dict[ColumnType | Literal["rowid"], str] = {
    "text": "TEXT",
    "bigint": "INTEGER",
    "double precision": "REAL",
    "rowid": "INTEGER PRIMARY KEY",
}


def _fold(*values: Any) -> str | None:
    """What a search that ignores case and width compares."""
    text = values[0]
    return None if text is None else fold(str(text))


def _instant(*values: Any) -> str | None:
    """An instant as text."""
    return None if values[0] is None else format_instant(int(values[0]))


# A token has letters and digits of ASCII only: what else there is of ASCII is moved elsewhere.
_TOKENS = {code: 0xE000 + code for code in range(128) if not chr(code).isalnum()}


def _pieces(*values: Any) -> str:
    """The pieces of a folded text as tokens."""
    text = str(values[0])
    return _pieces_of_name(text) if len(text) <= _NAME_CHARS else _make_pieces(text)


def _make_pieces(text: str) -> str:
    return " ".join(pieces(text.translate(_TOKENS)))


_pieces_of_name = lru_cache(_NAMES)(_make_pieces)  # names come again and again


def translate(error: apsw.Error) -> EngineError:
    """Sort an error of apsw by what may be done about it."""
    message = str(error)
    if isinstance(error, apsw.ConstraintError):
        return IntegrityError(message)
    if isinstance(error, apsw.InterruptError):
        return TimeLimitError(message)
    if isinstance(error, (apsw.BusyError, apsw.LockedError, apsw.SchemaChangeError)):
        return TransientError(message)
    if isinstance(error, (apsw.FullError, apsw.ReadOnlyError, apsw.IOError)):
        return FullError(message)
    if isinstance(error, (apsw.CantOpenError, apsw.NotADBError, apsw.CorruptError)):
        return UnreachableError(message)
    if isinstance(error, apsw.SQLError) and "no such" in message:
        return OutdatedSchemaError(message)
    return EngineError(message)


class SqliteConnection:
    """One connection to the file. `begin` never waits: who calls it decides how long to try."""

    words = Words("json_each({}) {}", "hikidashi_total({})")

    def __init__(self, path: str, *, read_only: bool, maps: bool = False, vfs: str = "") -> None:
        self._apsw = apsw.Connection(path, vfs=vfs or None, statementcachesize=STATEMENT_CACHE)
        self._execute = self._apsw.execute
        self._executemany = self._apsw.executemany
        self._apsw.create_scalar_function("hikidashi_fold", _fold, 1, deterministic=True)
        self._apsw.create_scalar_function("hikidashi_instant", _instant, 1, deterministic=True)
        self._apsw.create_aggregate_function("hikidashi_total", Total, 1)
        self._apsw.create_scalar_function("hikidashi_pieces", _pieces, 1, deterministic=True)
        self._apsw.set_busy_timeout(5_000 if read_only else 0)
        self._settings: tuple[tuple[str, object], ...] = (
            ("journal_mode", "wal"),
            ("synchronous", 2),
            ("wal_autocheckpoint", PAGES_BETWEEN_CHECKPOINTS),
            ("temp_store", 1 if read_only else 2),  # what is read may be sorted, and long
            ("cache_size", -16_000 if read_only else -64_000),
            ("query_only", int(read_only)),
        )
        for name, value in self._settings:
            self._pragma(name, value)
        if maps:
            self._apsw.execute(f"PRAGMA mmap_size = {MAPPED_BYTES_MAX}")
        self._limit_ms = 0
        self._deadline = 0.0

    def limit(self, timeout_ms: int) -> int:
        """Look at the clock now and then while a statement runs."""
        before, self._limit_ms = self._limit_ms, timeout_ms
        if bool(before) is not bool(timeout_ms):
            self._apsw.set_progress_handler(
                self._is_late if timeout_ms else None, STEPS_BETWEEN_LOOKS
            )
        return before

    def _is_late(self) -> bool:
        return time.monotonic() > self._deadline

    def _start_clock(self) -> None:
        if self._limit_ms:
            self._deadline = time.monotonic() + self._limit_ms / 1000

    def _pragma(self, name: str, value: object) -> None:
        """Set, then read back: some settings answer a refusal with silence."""
        for _ in range(200):
            try:
                self._execute(f"PRAGMA {name}={value}").fetchall()
                break
            except apsw.BusyError:  # another process is switching the journal on
                threading.Event().wait(0.01)
        found = self._execute(f"PRAGMA {name}").fetchall()
        if found != [(value,)]:
            raise RuntimeError(f"SQLite has {name}={found} where {value} was asked for")

    def settings(self) -> dict[str, object]:
        """The settings that were read back."""
        return dict(self._settings)

    def begin(self) -> None:
        """Take the write lock, or raise TransientError at once."""
        self._run("BEGIN IMMEDIATE")

    def begin_reading(self) -> None:
        """The moment is that of the first read, which this does."""
        self._run("BEGIN")
        self._run("SELECT count(*) FROM sqlite_master")

    def commit(self) -> None:
        """Write and fsync the log."""
        try:
            self._execute("COMMIT")
        except apsw.Error as error:
            self.rollback()
            raise translate(error) from error

    def rollback(self) -> None:
        """Undo what is open."""
        if self._apsw.in_transaction:
            try:
                self._execute("ROLLBACK")
            except apsw.Error as error:
                raise translate(error) from error

    def savepoint(self) -> None:
        """Start an inner part."""
        self._run("SAVEPOINT inner_part")

    def release(self) -> None:
        """Keep the inner part."""
        self._run("RELEASE inner_part")

    def rollback_to(self) -> None:
        """Undo the inner part."""
        self._run("ROLLBACK TO inner_part")
        self._run("RELEASE inner_part")

    def _run(self, sql: str) -> None:
        try:
            self._execute(sql)
        except apsw.Error as error:
            raise translate(error) from error

    def read(self, queries: Sequence[Query | QueryKeys]) -> list[list[Row]]:
        """Run each; keys are looked up some at a time, through statements that are kept ready."""
        self._start_clock()
        try:
            return [
                self._read_keys(one)
                if isinstance(one, QueryKeys)
                else self._execute(one.sql, one.params).fetchall()
                for one in queries
            ]
        except apsw.Error as error:
            raise translate(error) from error

    def _read_keys(self, asked: QueryKeys) -> list[Row]:
        select, name, keys = asked.select, asked.key.name, asked.keys
        if asked.goes_over_all:
            return self._execute(_by_keys(select, name, len(keys)), tuple(keys)).fetchall()
        found: list[Row] = []
        start = 0
        for together in ROWS_TOGETHER if len(keys) >= ROWS_TOGETHER[-1] else ():
            while start + together <= len(keys):
                some = tuple(keys[start : start + together])
                found += self._execute(_by_keys(select, name, together), some).fetchall()
                start += together
        if start < len(keys):
            rest = [(key,) for key in keys[start:]]
            found += self._executemany(_by_keys(select, name, 1), rest).fetchall()
        return found

    def write(self, batches: Sequence[Batch]) -> None:
        """One `executemany` a batch, which costs a half (inserts) to a quarter (updates) of what rows
        that share a statement do.

        But each statement whose triggers write to a full-text index sorts what it adds into that
        index, and within a savepoint goes through all pages that were changed so far: those of a
        long batch share some.
        """
        try:
            for one in batches:
                least = ROWS_TOGETHER[-1 if isinstance(one, Insert) else 0]
                if one.together and len(one.rows) >= least:
                    self._write_together(one)
                elif one.rows:
                    self._executemany(_statement(_shape(one)), one.rows)
        except apsw.Error as error:
            raise translate(error) from error

    def _write_together(self, batch: Batch) -> None:
        rows, shape, start = batch.rows, _shape(batch), 0
        for together in ROWS_TOGETHER:
            if together * len(rows[0]) > PARAMS_TOGETHER_MAX:
                continue
            text = _together(shape, together)
            while start + together <= len(rows):
                given = chain.from_iterable(rows[start : start + together])
                self._execute(text, tuple(given))
                start += together
        if start < len(rows):
            self._executemany(_statement(shape), rows[start:])

    def write_and_commit(self, batches: Sequence[Batch], group: str) -> None:
        """The outcome of a COMMIT on a local file is never unknown, so the group needs no row."""
        self.write(batches)
        self.commit()

    def query(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Run one statement and fetch what it returns."""
        self._start_clock()
        try:
            return self._execute(sql, params).fetchall()
        except apsw.Error as error:
            raise translate(error) from error

    def matching(self, words: Sequence[str]) -> tuple[str, str, list[Any]]:
        """Phrases of the full-text index; of a frequent word, the newest texts."""
        asked = " AND ".join(
            f'"{" ".join(pairs(one))}"' if len(one) > 1 else f'"{one}" *' for one in words
        )
        found = (
            "(SELECT rowid AS n FROM text_grams WHERE text_grams MATCH ?"
            " ORDER BY rowid DESC LIMIT ?) m JOIN texts t ON t.n = m.n"
        )
        return found, "1 = 1", [asked, SEARCH_MATCHES_MAX]

    def holding(self, table: str, pieces: Sequence[str]) -> tuple[str, str, list[Any]]:
        """Every piece by the full-text index."""
        asked = " AND ".join(f'"{one.translate(_TOKENS)}"' for one in pieces)
        found = (
            f"(SELECT rowid AS p FROM {table}_pieces WHERE {table}_pieces MATCH ?) m"  # noqa: S608
            f" CROSS JOIN {table} s ON s.p = m.p"
        )
        return found, "1 = 1", [asked]

    def among(self, column: str, numbers: Sequence[int], *, in_order: bool) -> tuple[str, Any]:
        """One parameter, as JSON; a plus keeps SQLite from beginning with the rows."""
        listed = json.dumps(list(numbers))
        tested = f"+{column}" if in_order else column
        return f"{tested} IN (SELECT value FROM json_each(?))", listed  # noqa: S608  a column of ours

    def stream(self, sql: str, params: Sequence[Any] = ()) -> Iterator[Row]:
        """Rows as SQLite steps through them."""
        self._start_clock()
        try:
            cursor = self._execute(sql, params)
            while rows := list(islice(cursor, STREAM_ROWS)):
                yield from rows
                self._start_clock()
        except apsw.Error as error:
            raise translate(error) from error

    def run_script(self, sql: str) -> None:
        """Run statements separated by semicolons."""
        text = sql.replace(" @clustered", " WITHOUT ROWID")
        text = text.replace(" @empty_first", "").replace(" @by_row", "")  # every index is so
        try:
            for _ in self._execute(text):
                pass
        except apsw.Error as error:
            raise translate(error) from error

    def close(self) -> None:
        """Close the file."""
        self._apsw.close()


class _Done(Generic[T]):
    """What is there already, to be awaited."""

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def __await__(self) -> Generator[None, None, T]:
        yield from ()
        return self._value


class SqliteEngine:
    """A file, or a path that one is made at. `vfs` names another way to the disk (for tests)."""

    name: Literal["sqlite", "postgresql"] = "sqlite"
    rewrites_tables = True
    blocks_on_commit = True

    def __init__(self, path: str, vfs: str = "") -> None:
        self.path = path
        self._vfs = vfs

    def connect(self, *, read_only: bool = False, whole: bool = False) -> SqliteConnection:
        """Open the file; its folder is made if it is not there."""
        Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        maps = read_only and not whole
        try:
            return SqliteConnection(self.path, read_only=read_only, maps=maps, vfs=self._vfs)
        except apsw.Error as error:
            raise translate(error) from error

    def reserve_rows(self, datastore: str, count: int) -> Query:
        """Count on in the datastore's row of `row_numbers`."""
        return Query(
            "UPDATE row_numbers SET last = last + ? WHERE datastore_id = ? "
            "RETURNING last - ? + 1, last",
            (count, datastore, count),
        )

    def create_row_numbers(self, connection: Connection, datastore: str, last: int = 0) -> None:
        """Start the datastore's count."""
        connection.query(
            "INSERT INTO row_numbers (datastore_id, last) VALUES (?, ?)", (datastore, last)
        )

    def drop_row_numbers(self, connection: Connection, datastore: str) -> None:
        """Forget the datastore's count."""
        connection.query("DELETE FROM row_numbers WHERE datastore_id = ?", (datastore,))

    def lock_values(self, hashes: Mapping[str, Sequence[int]], *, whole: bool) -> list[Query]:
        """One writer needs no locks."""
        return []

    def lock_workspaces(
        self,
        workspaces: Sequence[str],
        *,
        exclusive: bool,
    ) -> Query | None:
        """One writer needs no locks."""
        return None

    def types(self) -> dict[ColumnType | Literal["rowid"], str]:
        """SQLite's words."""
        return _TYPES

    def run(self, fn: Callable[..., T], *args: Any) -> Awaitable[T]:
        """At once."""
        return _Done(fn(*args))

    def make_index(self, name: str, statement: str) -> bool:
        """One writer at a time: it is made in a transaction as any other change."""
        return False

    def stop_making(self) -> None:
        """Nothing is made."""

    def keep_patience(self, connection: Connection) -> None:
        """Whoever reads does not wait."""

    def copy_to(self, path: str) -> None:
        """Write the database as it is at one moment to a new file, while it is written to."""
        connection = self.connect()  # query_only would refuse the other file, too
        try:
            connection.query("VACUUM INTO ?", (path,))
        finally:
            connection.close()

    def close(self) -> None:
        """Nothing is held."""


_Shape = tuple[str, str, tuple[str, ...], tuple[str, ...], tuple[str, ...]]


def _shape(batch: Batch) -> _Shape:
    match batch:
        case Insert(table, columns, _, conflict, update):
            return ("insert", table, tuple([one.name for one in columns]), conflict, update)
        case Update(table, key, columns, _):
            return ("update", table, tuple([one.name for one in columns]), (key.name,), ())
        case Delete(table, columns, _):
            return ("delete", table, tuple([one.name for one in columns]), (), ())


@lru_cache(maxsize=4_096)
def _statement(shape: _Shape) -> str:
    verb, table, columns, keys, replaced = shape
    if verb == "update":
        settings = ", ".join(f"{one} = ?" for one in columns)
        return f"UPDATE {table} SET {settings} WHERE {keys[0]} = ?"  # noqa: S608  our own names
    if verb == "delete":
        return f"DELETE FROM {table} WHERE {' AND '.join(f'{one} = ?' for one in columns)}"  # noqa: S608
    text = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608
    if replaced:
        settings = ", ".join(f"{one} = excluded.{one}" for one in replaced)
        return f"{text} ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {settings}"
    return f"{text} ON CONFLICT DO NOTHING" if keys else text


@lru_cache(maxsize=4_096)
def _together(shape: _Shape, rows: int) -> str:
    """A statement for so many rows."""
    verb, table, columns, keys, _ = shape
    width = len(columns) + (verb == "update")
    one = f"({', '.join('?' * width)})"
    many = ", ".join([one] * rows)
    if verb == "insert":
        return _statement(shape).replace(f" VALUES {one}", f" VALUES {many}")
    if verb == "delete":
        return f"DELETE FROM {table} WHERE ({', '.join(columns)}) IN (VALUES {many})"  # noqa: S608
    settings = ", ".join(f"{name} = v.column{at}" for at, name in enumerate(columns, 1))
    return (
        f"UPDATE {table} SET {settings} FROM (VALUES {many}) v"  # noqa: S608
        f" WHERE {table}.{keys[0]} = v.column{width}"
    )


@lru_cache(maxsize=4_096)
def _by_keys(select: str, key: str, count: int) -> str:
    return f"{select} WHERE {key} IN ({', '.join('?' * count)})"
