"""Answers kept for requests that carry an Idempotency-Key, in the transaction of what they did."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..core.errors import Code, Fault, FaultError, FaultKind
from ..core.plan import Result
from ..core.record import record
from .engines import Batch, Column, Connection, Insert, QueryKeys, Row

KEEP_MS = 24 * 3_600_000  # how long an answer is kept
_KEY = Column("key_hash", "text")
_COLUMNS = (
    _KEY,
    Column("body_hash", "text"),
    Column("status", "bigint"),
    Column("answer", "text"),
    Column("created_at", "bigint"),
)


@record
class Remember:
    """A request's key, and how its answer is written down."""

    key_hash: str  # over actor, method, path and key
    body_hash: str
    encode: Callable[[Result | FaultError], tuple[int, str]]  # status and body

    def row(self, outcome: Result | FaultError, now: int) -> Row:
        """The row that keeps the answer."""
        return self.row_of(*self.encode(outcome), now)

    def row_of(self, status: int, answer: str, now: int) -> Row:
        """The row that keeps an answer that is made already."""
        return (self.key_hash, self.body_hash, status, answer, now)


@record
class Replay:
    """An answer that was given before."""

    body_hash: str
    status: int
    answer: str

    @classmethod
    def of_row(cls, row: Row) -> Replay:
        """From a row of the table."""
        return cls(row[1], row[2], row[3])

    def answer_to(self, remember: Remember) -> Replay | FaultError:
        """The kept answer, or a fault if the same key came with another body."""
        if self.body_hash == remember.body_hash:
            return self
        return FaultError(
            FaultKind.KEY_REUSED,
            Fault(
                Code.INVALID_PARAMS,
                "Idempotency-Key was used before",
                "the same Idempotency-Key came with a different request; use a new key",
            ),
        )


def find_replays(connection: Connection, keys: Sequence[str]) -> dict[str, Replay]:
    """The answers kept for some keys."""
    select = "SELECT key_hash, body_hash, status, answer FROM idempotency"
    rows = connection.read([QueryKeys(select, _KEY, list(keys))])[0]
    return {row[0]: Replay.of_row(row) for row in rows}


def remembered_batch(rows: Sequence[Row]) -> Batch:
    """What keeps answers; a key that another process took meanwhile is an integrity error."""
    return Insert("idempotency", _COLUMNS, rows)


def forget_old(connection: Connection, now: int) -> None:
    """Drop answers past their time."""
    connection.query("DELETE FROM idempotency WHERE created_at < ?", (now - KEEP_MS,))
