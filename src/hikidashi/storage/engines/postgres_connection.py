"""A connection to PostgreSQL: one round trip for what a group reads, one for what it writes."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import tuple_row

from ...core.full_text import pairs
from . import (
    STREAM_ROWS,
    Batch,
    EngineError,
    Insert,
    OutdatedPlanError,
    Query,
    QueryKeys,
    Row,
    UnknownOutcomeError,
    UnreachableError,
    Words,
)
from .postgres_errors import translate
from .postgres_fold import make_functions
from .postgres_pipeline import Pipeline, Statement
from .postgres_sql import numbered, rendered, statement
from .postgres_waiting import WaitingConnection, run_beside

# A server that is gone without a word is noticed in about a minute, unless the URL says otherwise.
_WAITS: dict[str, Any] = {"connect_timeout": 10, "tcp_user_timeout": 60_000}  # s, ms
_WAITS |= {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
_ENCODING = {"client_encoding": "UTF8"}
_MARK = (
    "INSERT INTO commits (writer_id, group_id) VALUES ($1, $2) "
    "ON CONFLICT (writer_id) DO UPDATE SET group_id = excluded.group_id"
)
_BACKEND = (
    "SELECT pid::text, extract(epoch FROM backend_start)::text FROM pg_stat_activity"
    " WHERE pid = pg_backend_pid()"
)
_END_BACKEND = (
    "SELECT pg_terminate_backend(pid, ?) FROM pg_stat_activity"
    " WHERE pid::text = ? AND extract(epoch FROM backend_start)::text = ?"
)
END_BACKEND_MS = 5_000  # how long a backend may take to end before its outcome counts as unknown
COPY_ROWS_MIN = 100  # rows of one insert from which on they are copied


class PostgresConnection:
    """One connection, opened again after it was lost."""

    words = Words(
        "json_array_elements_text(CAST({} AS json)) AS {}(value)",
        "CAST(sum(CAST(CAST({} AS text) AS numeric)) AS text)",
        '{} COLLATE "C"',
        " FOR UPDATE SKIP LOCKED",
    )

    def __init__(self, url: str, *, read_only: bool) -> None:
        self._url = url
        self._read_only = read_only
        self._writer = secrets.token_hex(12)  # a backend's pid may be another writer's soon
        self._begin_waits = False  # BEGIN goes out with the first statements
        self._in_transaction = False
        self._has_written = False  # in this transaction, by `write`
        self._limit_ms = 0
        self._open()
        if read_only:
            return
        try:
            self._check_durability()
            make_functions(self)
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        self._psycopg: psycopg.Connection[Row] = run_beside(self._connect)
        self._psycopg.prepare_threshold = None  # the pipeline prepares what it is worth for
        self._statements = Pipeline(self._psycopg)
        if self._read_only:
            self._psycopg.execute("SET default_transaction_read_only = on")
        self._limit_there_ms = 0  # what the server has been told
        row = self._psycopg.execute(_BACKEND).fetchone()
        self._backend = (str(row[0]), str(row[1])) if row else ("", "")

    def _connect(self) -> WaitingConnection:
        return WaitingConnection.connect(
            "",
            autocommit=True,
            cursor_factory=psycopg.RawCursor,
            row_factory=tuple_row,
            **_WAITS | conninfo_to_dict(self._url) | _ENCODING,
        )

    def _check_durability(self) -> None:
        found = self.query("SHOW synchronous_commit")[0][0]
        if found == "off":
            raise RuntimeError("PostgreSQL has synchronous_commit=off: writes would not be durable")

    def _ready(self) -> psycopg.Connection[Row]:
        """The connection, opened again if it was lost outside a transaction.

        Inside one the rest must not run on another connection, where nothing was begun.
        """
        if self._psycopg.closed or self._psycopg.broken:
            if self._in_transaction and not self._begin_waits:
                raise UnreachableError("the connection was lost in a transaction")
            try:
                self._open()
            except psycopg.Error as error:
                raise translate(error) from error
        if self._limit_there_ms != self._limit_ms:
            self._tell_limit()
        return self._psycopg

    @property
    def raw(self) -> psycopg.Connection[Row]:
        """The connection itself, to be cancelled from another thread."""
        return self._psycopg

    def limit(self, timeout_ms: int) -> int:
        """The server is told with the next statement, if the limit is another by then."""
        before, self._limit_ms = self._limit_ms, timeout_ms
        return before

    def _tell_limit(self) -> None:
        if self._psycopg.info.transaction_status == psycopg.pq.TransactionStatus.INERROR:
            return
        try:
            self._psycopg.execute(_literal(f"SET statement_timeout = {self._limit_ms}"))
        except psycopg.Error as error:
            raise translate(error) from error
        self._limit_there_ms = self._limit_ms

    def settings(self) -> dict[str, object]:
        """Settings that durability and speed rest on, read back."""
        names = ("server_version", "fsync", "synchronous_commit", "full_page_writes")
        return {name: self.query(f"SHOW {name}")[0][0] for name in names}

    def begin(self) -> None:
        """BEGIN travels with the first statements."""
        self._begin_waits = self._in_transaction = True
        self._has_written = False

    def begin_reading(self) -> None:
        """The moment is that of the first read."""
        self._begin_waits, self._in_transaction, self._has_written = False, True, False
        self.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        self.query("SELECT 1")

    def commit(self) -> None:
        """COMMIT."""
        if self._begin_waits:  # nothing was done
            self._begin_waits = self._in_transaction = False
            return
        try:
            done = self._ready().execute("COMMIT")
        except psycopg.Error as error:
            told = translate(error)
            if isinstance(told, UnreachableError):
                raise UnknownOutcomeError(str(told)) from error
            raise told from error
        self._in_transaction = False
        if done.statusmessage != "COMMIT":  # a statement had failed and nobody said so
            raise EngineError("the transaction had failed before its COMMIT and was undone")

    def rollback(self) -> None:
        """Undo what is open."""
        self._begin_waits = self._in_transaction = False
        if self._psycopg.closed or self._psycopg.broken:
            return
        try:
            if self._psycopg.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                self._psycopg.execute("ROLLBACK")
        except psycopg.Error:  # a connection that can't even do that is not used again
            self._psycopg.close()

    def savepoint(self) -> None:
        """Start an inner part."""
        self.query("SAVEPOINT inner_part")

    def release(self) -> None:
        """Keep the inner part."""
        self.query("RELEASE inner_part")

    def rollback_to(self) -> None:
        """Undo the inner part."""
        self.query("ROLLBACK TO inner_part")
        self.query("RELEASE inner_part")

    def read(self, queries: Sequence[Query | QueryKeys]) -> list[list[Row]]:
        """All of them in one pipeline."""
        return self._pipeline([rendered(one) for one in queries])

    def write(self, batches: Sequence[Batch]) -> None:
        """One statement a batch, all in one pipeline; long inserts are copied instead."""
        waiting: list[Statement] = []
        for one in batches:
            self._has_written = self._has_written or bool(one.rows)
            if isinstance(one, Insert) and len(one.rows) >= COPY_ROWS_MIN and not one.conflict:
                if waiting:
                    self._pipeline(waiting)
                    waiting = []
                self._copy(one)
            elif one.rows:
                waiting.append(statement(one))
        if waiting:
            self._pipeline(waiting)

    def _copy(self, insert: Insert) -> None:
        """The rows of an insert as a stream, which costs the server less than parsing JSON."""
        if self._begin_waits:
            self._pipeline([])
        names = ", ".join(one.name for one in insert.columns)
        try:
            with (
                self._ready().cursor() as cursor,
                cursor.copy(_literal(f"COPY {insert.table} ({names}) FROM STDIN")) as copy,
            ):
                for row in insert.rows:
                    copy.write_row(row)
        except psycopg.Error as error:
            raise translate(error) from error

    def write_and_commit(self, batches: Sequence[Batch], group: str) -> None:
        """The batches, the group's mark and COMMIT in one pipeline."""
        statements = [statement(one) for one in batches if one.rows]
        if not statements and not self._has_written:  # there is no outcome to be in doubt about
            self.rollback()
            return
        statements.append((_MARK, (self._writer, group)))
        statements.append(("COMMIT", ()))
        backend = self._backend
        try:
            self._pipeline(statements)
        except UnreachableError as error:
            self._in_transaction = False
            self._find_outcome(backend, group, error)
        self._in_transaction = False

    def _find_outcome(self, backend: tuple[str, str], group: str, cause: EngineError) -> None:
        """After a connection lost in COMMIT: return if it took place, else raise.

        The backend may not have noticed that we are gone, and commit after we have looked: it is
        ended first.
        """
        try:
            self._open()
            ended = self.query(_END_BACKEND, (END_BACKEND_MS, *backend))
            if ended and not ended[0][0] and self.query(_END_BACKEND, (1, *backend)):
                raise UnknownOutcomeError("the backend that was to commit does not end")
            found = self.query(
                "SELECT 1 FROM commits WHERE writer_id = ? AND group_id = ?",
                (self._writer, group),
            )
        except (EngineError, psycopg.Error) as error:
            raise UnknownOutcomeError(str(error)) from error
        if not found:
            raise cause

    def _pipeline(
        self, statements: list[Statement], *, may_not_repeat: bool = False
    ) -> list[list[Row]]:
        """Run them in one round trip. Outside of a transaction what was prepared for a table as it
        was before is prepared again."""
        self._ready()
        if self._begin_waits:
            self._begin_waits = False
            return self._pipeline([("BEGIN", ()), *statements])[1:]
        try:
            return self._statements.run(statements)
        except psycopg.Error as error:
            told = translate(error)
            is_outdated = isinstance(told, OutdatedPlanError)
            if is_outdated:
                self._statements.forget_prepared()
            if not is_outdated or self._in_transaction or may_not_repeat:
                raise told from error
        return self._pipeline(statements, may_not_repeat=True)

    def query(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Run one statement and fetch what it returns."""
        return self._pipeline([(numbered(sql), params)])[0]

    def matching(self, words: Sequence[str]) -> tuple[str, str, list[Any]]:
        """Every pair by the index, then the pairs of each longer word one after another."""
        wanted = {pair for one in words for pair in (pairs(one) if len(one) > 1 else [f"{one}*"])}
        match = ["hikidashi_grams(t.grams) @> ?::text[]"]
        params: list[Any] = [sorted(wanted)]
        for one in words:
            if len(one) > 2:
                match.append("strpos(' ' || t.grams || ' ', ?) > 0")
                params.append(f" {' '.join(pairs(one))} ")
        return "texts t", " AND ".join(match), params

    def holding(self, table: str, pieces: Sequence[str]) -> tuple[str, str, list[Any]]:
        """Every piece by the index."""
        return f"{table} s", "hikidashi_pieces(s.folded) @> ?::text[]", [list(pieces)]

    def among(self, column: str, numbers: Sequence[int], *, in_order: bool) -> tuple[str, Any]:
        """One parameter, an array; IS TRUE keeps PostgreSQL from beginning with the rows."""
        if in_order:
            return f"(({column} IN (SELECT unnest(?::bigint[]))) IS TRUE)", list(numbers)
        return f"{column} = ANY(?::bigint[])", list(numbers)

    def stream(self, sql: str, params: Sequence[Any] = ()) -> Iterator[Row]:
        """A cursor on the server, read in portions."""
        connection = self._ready()
        try:
            with connection.transaction(), connection.cursor() as cursor:
                declared = f"DECLARE rows NO SCROLL CURSOR FOR {numbered(sql)}"
                cursor.execute(*_typed((declared, params)))
                while rows := cursor.execute(_literal(f"FETCH {STREAM_ROWS} FROM rows")).fetchall():
                    yield from rows
                cursor.execute(_literal("CLOSE rows"))  # a transaction around it may go on
        except psycopg.Error as error:
            raise translate(error) from error

    def run_script(self, sql: str) -> None:
        """Run statements separated by semicolons."""
        if self._begin_waits:
            self._pipeline([])
        try:
            self._ready().execute(_literal(_dialect(sql)), prepare=False)
        except psycopg.Error as error:
            raise translate(error) from error

    def close(self) -> None:
        """Close it."""
        self._psycopg.close()


def _dialect(text: str) -> str:
    """Definitions in PostgreSQL's words."""
    text = text.replace(" @clustered", "")
    return text.replace(" @empty_first", " NULLS FIRST").replace(" @by_row", ", n")


def _literal(text: str) -> sql.SQL:
    """A statement that is a constant of ours (psycopg asks for proof by type)."""
    return sql.SQL(text)


def _typed(statement: Statement) -> tuple[Any, Sequence[Any] | None]:
    text, params = statement
    return text, params or None
