"""A connection that stops before its k-th statement: by an error, or for good."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hikidashi.storage.engines import (
    Batch,
    Connection,
    Delete,
    Engine,
    Insert,
    Query,
    QueryKeys,
    Row,
    Update,
)

ANSWER = "the answer to COMMIT"


class Trap:
    """Counts statements while it is set, and springs before the one it is set for."""

    def __init__(self) -> None:
        self.at = 0  # 0: not set
        self.count = 0
        self.spring: Callable[[], None] = lambda: None
        self.trace: list[str] = []
        self.raised = ""  # before which statement

    def set(self, at: int, spring: Callable[[], None]) -> None:
        """Spring before the `at`-th statement from now on."""
        self.at, self.count, self.spring, self.trace = at, 0, spring, []

    def step(self, what: str) -> None:
        """A statement is about to be run."""
        if not self.at:
            return
        self.count += 1
        self.trace.append(what)
        if self.count == self.at:
            self.spring()

    def lift(self) -> bool:
        """Count no more; whether it has sprung."""
        has_sprung = 0 < self.at <= self.count
        self.at = 0
        return has_sprung


class SteppedEngine:
    """An engine whose writing connections go statement by statement, a row or a batch at a time."""

    def __init__(self, inner: Engine, trap: Trap, *, by_row: bool) -> None:
        self._inner = inner
        self._trap = trap
        self._by_row = by_row

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def connect(self, *, read_only: bool = False, whole: bool = False) -> Connection:
        """A connection; one that reads only is left alone."""
        connection = self._inner.connect(read_only=read_only, whole=whole)
        if read_only:
            return connection
        return SteppedConnection(connection, self._trap, by_row=self._by_row)


class SteppedConnection:
    """Tells the trap of each statement, then runs it by itself."""

    def __init__(self, inner: Connection, trap: Trap, *, by_row: bool) -> None:
        self._inner = inner
        self._step = trap.step
        self._by_row = by_row
        self.rollback = inner.rollback
        self.close = inner.close
        self.settings = inner.settings

    def begin(self) -> None:
        self._step("BEGIN")
        self._inner.begin()

    def commit(self) -> None:
        self._step("COMMIT")
        self._inner.commit()
        self._step(ANSWER)

    def savepoint(self) -> None:
        self._step("SAVEPOINT")
        self._inner.savepoint()

    def release(self) -> None:
        self._step("RELEASE")
        self._inner.release()

    def rollback_to(self) -> None:
        self._step("ROLLBACK TO")
        self._inner.rollback_to()

    def read(self, queries: Sequence[Query | QueryKeys]) -> list[list[Row]]:
        found: list[list[Row]] = []
        for one in queries:
            self._step(one.sql if isinstance(one, Query) else one.select)
            found += self._inner.read([one])
        return found

    def write(self, batches: Sequence[Batch]) -> None:
        for batch in batches:
            for one in _rows_of(batch) if self._by_row else (batch,):
                if one.rows:
                    self._step(f"{type(one).__name__} {one.table}")
                    self._inner.write([one])

    def write_and_commit(self, batches: Sequence[Batch], group: str) -> None:
        self.write(batches)
        self._step("COMMIT")
        self._inner.write_and_commit([], group)
        self._step(ANSWER)

    def query(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        self._step(sql)
        return self._inner.query(sql, params)

    def stream(self, sql: str, params: Sequence[Any] = ()) -> Iterator[Row]:
        self._step(sql)
        return self._inner.stream(sql, params)

    def run_script(self, sql: str) -> None:
        self._step(sql)
        self._inner.run_script(sql)


def _rows_of(batch: Batch) -> Iterator[Batch]:
    for row in batch.rows:
        match batch:
            case Insert(table, columns, _, conflict, update):
                yield Insert(table, columns, [row], conflict, update)
            case Update(table, key, columns, _):
                yield Update(table, key, columns, [row])
            case Delete(table, columns, _):
                yield Delete(table, columns, [row])
