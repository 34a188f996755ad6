"""What an engine must do: one transaction at a time over a connection, set by set.

Storage writes one body of SQL with `?` for parameters. A batch names a table, columns and rows;
each engine carries it out in the way that is fastest there (`executemany` on SQLite, one
statement with a JSON parameter on PostgreSQL). `read` and `write` are one round trip each.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

Row = tuple[Any, ...]
ColumnType = Literal["text", "bigint", "double precision"]


class Column(NamedTuple):
    """A column by name and type. Names are constants of ours or made from our hex ids."""

    name: str
    type: ColumnType


class Query(NamedTuple):
    """A SELECT, or an INSERT … RETURNING."""

    sql: str
    params: tuple[Any, ...] = ()


class QueryKeys(NamedTuple):
    """`select` … WHERE `key` is one of `keys`, locking the rows in the order of `order` if asked.

    Locks mean something on PostgreSQL only: SQLite has one writer.
    """

    select: str  # "SELECT a, b FROM t"
    key: Column
    keys: Sequence[Any]
    lock: bool = False
    order: str = ""  # a column; "" leaves the order open
    goes_over_all: bool = False  # no index has the key: the table is gone over, once


class Insert(NamedTuple):
    """Rows to insert; a row whose `conflict` columns are taken is skipped, or replaces `update`.

    `together`, here and below: triggers write what is in the rows to an index of texts, which
    looks at itself once a statement.
    """

    table: str
    columns: tuple[Column, ...]
    rows: Sequence[Row]
    conflict: tuple[str, ...] = ()
    update: tuple[str, ...] = ()
    together: bool = False


class Update(NamedTuple):
    """Rows to update by `key`; each row holds the columns' values, then the key's."""

    table: str
    key: Column
    columns: tuple[Column, ...]
    rows: Sequence[Row]
    together: bool = False


class Delete(NamedTuple):
    """Rows to delete, found by all of the columns."""

    table: str
    columns: tuple[Column, ...]
    rows: Sequence[Row]
    together: bool = False


class Words(NamedTuple):
    """What one body of SQL says differently; `{}` stands for a column or an alias."""

    members: str  # a table, by alias, whose `value` goes through the strings of a JSON array
    total: str  # the exact sum of doubles, as the decimals that they show, as text
    text: str = "{}"  # a text that is compared by code points, as those of items are
    skip_locked: str = ""  # ends a SELECT: rows to be changed, without those that others change


T = TypeVar("T")
Batch = Insert | Update | Delete
STREAM_ROWS = 1_000  # rows that `stream` fetches at a time


class EngineError(Exception):
    """A failure of the database, told apart by what may be done about it."""


class IntegrityError(EngineError):
    """A constraint refused a row."""


class TransientError(EngineError):
    """A deadlock, a serialization failure or a busy file: the transaction may be run again."""


class LockedError(TransientError):
    """A table was in use for longer than `Engine.keep_patience` allows."""


class TimeLimitError(TransientError):
    """A statement took longer than `Connection.limit` allows."""


class FullError(EngineError):
    """The disk is full or read-only: nothing can be written now."""


class UnreachableError(EngineError):
    """The connection is gone; what was not committed is undone."""


class UnknownOutcomeError(EngineError):
    """The connection was lost during COMMIT, and whether it took place could not be found out."""


class InvalidTextError(EngineError):
    """A parameter holds what the database can't keep (U+0000)."""


class OutdatedSchemaError(EngineError):
    """A table or column that a statement names is not there: the catalogue in memory is old."""


class OutdatedPlanError(OutdatedSchemaError, TransientError):
    """What was prepared does not fit a table as it is now; the next attempt prepares it anew."""


class Connection(Protocol):
    """One connection. Not to be used by two threads at once."""

    @property
    def words(self) -> Words:
        """What the engine says in its own way."""

    def begin(self) -> None:
        """Start a transaction that writes. Raises TransientError if another process is writing."""

    def begin_reading(self) -> None:
        """Start a transaction in which all reads, also `stream`, show one moment. It holds up no
        writer, and is ended by `rollback`."""

    def commit(self) -> None:
        """Make it durable. After an error the transaction is over all the same."""

    def rollback(self) -> None:
        """Undo it; does nothing outside a transaction."""

    def savepoint(self) -> None:
        """Start an inner part that `release` keeps and `rollback_to` undoes."""

    def release(self) -> None:
        """Keep the inner part."""

    def rollback_to(self) -> None:
        """Undo the inner part and end it."""

    def read(self, queries: Sequence[Query | QueryKeys]) -> list[list[Row]]:
        """Run all of them, in order, in one round trip where there is one."""

    def write(self, batches: Sequence[Batch]) -> None:
        """Carry out all of them, in order. Batches without rows are left out."""

    def write_and_commit(self, batches: Sequence[Batch], group: str) -> None:
        """`write` and `commit`, in one round trip where there is one.

        `group` is an id by which an outcome that a lost connection leaves unknown is found again.
        Where nothing was written the transaction is ended, and leaves nothing.
        """

    def query(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Run one statement and fetch what it returns."""

    def matching(self, words: Sequence[str]) -> tuple[str, str, list[Any]]:
        """FROM, WHERE and their parameters for the rows `t` of `texts` that hold every word."""

    def holding(self, table: str, pieces: Sequence[str]) -> tuple[str, str, list[Any]]:
        """FROM, WHERE and their parameters for the rows `s` of a field's index of substrings whose
        text has every piece."""

    def among(self, column: str, numbers: Sequence[int], *, in_order: bool) -> tuple[str, Any]:
        """The predicate that a column of row numbers holds one of so many, and its parameter.

        `in_order`: a page is looked for along an index that has its order, if that is quicker.
        """

    def stream(self, sql: str, params: Sequence[Any] = ()) -> Iterator[Row]:
        """Run one SELECT and give its rows as they come, in bounded memory."""

    def limit(self, timeout_ms: int) -> int:
        """Let each statement take so long at most from now on (of `stream`, each portion of rows);
        0: as long as it takes. One that takes longer raises TimeLimitError, and the connection is
        good for more. Gives the limit that was there before."""

    def run_script(self, sql: str) -> None:
        """Run statements separated by semicolons (migrations and table definitions).

        Marks in them stand for what the engines say differently: @clustered, a table that is its
        primary key's index; @empty_first, an index column with NULL before all values; @by_row,
        an index whose equal entries lie in the order of rows.
        """

    def settings(self) -> dict[str, object]:
        """What durability and speed rest on, as the database has it."""

    def close(self) -> None:
        """Close it; an open transaction is undone."""


class Engine(Protocol):
    """A database, by what differs from one to the other."""

    name: Literal["sqlite", "postgresql"]
    rewrites_tables: bool  # taking a column away writes every row anew
    blocks_on_commit: bool  # True: a group runs on the event loop and only COMMIT on a thread

    def connect(self, *, read_only: bool = False, whole: bool = False) -> Connection:
        """Open a connection. Settings that durability rests on are read back; RuntimeError if they
        differ from what was asked. `whole`: for long reads, of which nothing stays in memory."""

    def reserve_rows(self, datastore: str, count: int) -> Query:
        """A query that takes row numbers never given before; each row is a range (first, last)."""

    def create_row_numbers(self, connection: Connection, datastore: str, last: int = 0) -> None:
        """Make the source of row numbers of a new datastore; `last` has been given already."""

    def drop_row_numbers(self, connection: Connection, datastore: str) -> None:
        """Take that source away; the datastore is gone for good."""

    def lock_values(self, hashes: Mapping[str, Sequence[int]], *, whole: bool) -> list[Query]:
        """Queries that lock unique values, by datastore, until the transaction ends; or, where they
        are too many or `whole` is asked, all that the datastores may ever hold."""

    def lock_workspaces(self, workspaces: Sequence[str], *, exclusive: bool) -> Query | None:
        """A query that keeps definitions and people as they are until the transaction ends, or
        (exclusive) waits for those who rely on them; None where none is needed."""

    def types(self) -> dict[ColumnType | Literal["rowid"], str]:
        """The DDL word for each column type; "rowid" is the integer primary key of an item table."""

    def run(self, fn: Callable[..., T], *args: Any) -> Awaitable[T]:
        """Call, on the event loop, a function that uses a connection. Where it waits for a server
        others go on; what it does with a file is done at once."""

    def make_index(self, name: str, statement: str) -> bool:
        """Make an index while others go on writing, where the engine can; what an earlier attempt
        has left of it goes first. False where it can't, or where another process is at it."""

    def stop_making(self) -> None:
        """Give up the index that is being made."""

    def keep_patience(self, connection: Connection) -> None:
        """Wait only so long for each table from now on in this transaction: whoever waits to change
        one keeps others from reading it. Raises TransientError then."""

    def copy_to(self, path: str) -> None:
        """Write a consistent copy of the live database (SQLite); NotImplementedError elsewhere."""

    def close(self) -> None:
        """Release what the engine itself holds."""
