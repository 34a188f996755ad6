"""PostgreSQL through psycopg 3."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, TypeVar

import psycopg

from ...core.limits import VALUE_LOCKS_MAX
from . import (
    ColumnType,
    Connection,
    Query,
    Row,
)
from .postgres_connection import PostgresConnection
from .postgres_errors import translate
from .postgres_waiting import run_on_loop

T = TypeVar("T")
_TYPES: dict[ColumnType | Literal["rowid"], str] = {
    "text": 'TEXT COLLATE "C"',
    "bigint": "BIGINT",
    "double precision": "DOUBLE PRECISION",
    "rowid": "BIGINT PRIMARY KEY",
}
TABLE_LOCK_MS = 500  # how long a change of a table waits for those who read it


class PostgresEngine:
    """A database by its URL."""

    name: Literal["sqlite", "postgresql"] = "postgresql"
    rewrites_tables = False
    blocks_on_commit = False

    def __init__(self, url: str) -> None:
        self.url = url
        self._making: psycopg.Connection[Row] | None = None

    def connect(self, *, read_only: bool = False, whole: bool = False) -> PostgresConnection:
        """Open a connection; the server sees to its memory."""
        del whole
        try:
            return PostgresConnection(self.url, read_only=read_only)
        except psycopg.Error as error:
            raise translate(error) from error

    def reserve_rows(self, datastore: str, count: int) -> Query:
        """Numbers of the datastore's sequence: processes do not wait for each other."""
        return Query(
            f"SELECT n, n FROM (SELECT nextval('{_sequence(datastore)}') AS n"  # noqa: S608  our id
            " FROM generate_series(1, ?)) AS taken",
            (count,),
        )

    def create_row_numbers(self, connection: Connection, datastore: str, last: int = 0) -> None:
        """Make the sequence."""
        connection.run_script(f"CREATE SEQUENCE {_sequence(datastore)} START {last + 1:d}")

    def drop_row_numbers(self, connection: Connection, datastore: str) -> None:
        """Drop the sequence."""
        connection.run_script(f"DROP SEQUENCE IF EXISTS {_sequence(datastore)}")

    def lock_values(self, hashes: Mapping[str, Sequence[int]], *, whole: bool) -> list[Query]:
        """Advisory locks: the datastores shared and each value by itself, or the datastores alone.

        So the table of locks, which all transactions share, can't be filled by a few long writes.
        """
        datastores = [_hash(f"values of {one}") for one in hashes]
        values = {one for some in hashes.values() for one in some}
        if whole or len(values) > VALUE_LOCKS_MAX:
            return [_advisory_locks(datastores)]
        return [_advisory_locks(datastores, "_shared"), _advisory_locks(values)]

    def lock_workspaces(self, workspaces: Sequence[str], *, exclusive: bool) -> Query | None:
        """Shared by groups, exclusive for a change of definitions or people.

        An advisory lock costs no write to the workspace's row, which every group would share.
        """
        keys = [_hash(f"workspace {one}") for one in workspaces]
        return _advisory_locks(keys, "" if exclusive else "_shared")

    def types(self) -> dict[ColumnType | Literal["rowid"], str]:
        """PostgreSQL's words."""
        return _TYPES

    def run(self, fn: Callable[..., T], *args: Any) -> Awaitable[T]:
        """With a stack of its own."""
        return run_on_loop(fn, *args)

    def make_index(self, name: str, statement: str) -> bool:
        """CREATE INDEX CONCURRENTLY, on a connection of its own. One that was stopped in the middle
        is there and invalid."""
        connection = self.connect()
        try:
            self._making = connection.raw
            lock = "SELECT pg_try_advisory_lock(?)"
            if not connection.query(lock, (_hash("index under way"),))[0][0]:
                return False
            valid = connection.query(
                "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(?)", (name,)
            )
            if valid and not valid[0][0]:
                connection.run_script(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            if not valid or not valid[0][0]:
                connection.run_script(
                    statement.replace("CREATE INDEX", "CREATE INDEX CONCURRENTLY", 1)
                )
        finally:
            self._making = None
            connection.close()
        return True

    def stop_making(self) -> None:
        """Cancel the statement."""
        making = self._making
        if making is not None:
            with suppress(psycopg.Error):
                making.cancel()

    def keep_patience(self, connection: Connection) -> None:
        """Readers queue up behind us."""
        connection.run_script(f"SET LOCAL lock_timeout = {TABLE_LOCK_MS}")

    def copy_to(self, path: str) -> None:
        """PostgreSQL has tools of its own for this."""
        raise NotImplementedError(path)

    def close(self) -> None:
        """Nothing is held."""


def _advisory_locks(keys: Iterable[int], mode: Literal["", "_shared"] = "") -> Query:
    """Locks that last until the transaction ends, taken in ascending order."""
    return Query(
        f"SELECT count(pg_advisory_xact_lock{mode}(h)) FROM unnest(?::bigint[]) AS h",  # noqa: S608
        (sorted(set(keys)),),
    )


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), signed=True)


def _sequence(datastore: str) -> str:
    return f"rows_{datastore}"
