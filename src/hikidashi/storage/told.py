"""What processes over one database tell each other for those who listen, and nobody keeps.

Events are copied when the relay takes them from the outbox, in the same transaction; script logs and
marks of what was read are written by whichever process they come from. Nothing is written while
no process has listeners.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from ..core.record import record
from .engines import Column, Connection, Insert, Row
from .outbox import OUTBOX_COLUMNS

KEPT_MS: Final = 60_000
LISTENING_MS: Final = 30_000  # a process that says nothing for so long is taken for gone
LOG: Final = "log"  # a line that a script has logged
READ: Final = "read"  # a user has read an item's histories
_KEPT_AT: Final = Column("kept_at", "bigint")
NOTE_COLUMNS: Final = (
    Column("id", "text"),
    Column("kind", "text"),
    Column("user_id", "text"),
    Column("place_id", "text"),
    Column("item_id", "text"),
    Column("line", "text"),
)
_EVENT_NAMES: Final = ", ".join(one.name for one in OUTBOX_COLUMNS)
_PROCESS: Final = (Column("id", "text"), Column("until", "bigint"))
_encode = msgspec.json.Encoder().encode


@record
class Note:
    """One thing to be told to the one user whom it concerns."""

    id: str
    kind: str  # LOG or READ
    user: str  # id
    place: str  # id of the project of a log, of the datastore of an item
    item: str = ""  # id
    line: str = ""


def note_of(row: Row) -> Note:
    """A row as a note."""
    return Note(*row)


def is_listened(connection: Connection, now_ms: int, but: str = "") -> bool:
    """Whether any process but one has listeners."""
    rows = connection.query(
        "SELECT 1 FROM listening_processes WHERE until > ? AND id <> ? LIMIT 1", (now_ms, but)
    )
    return bool(rows)


def begin_listening(connection: Connection, process: str, now_ms: int) -> None:
    """A process has listeners, for the next half minute."""
    connection.query("DELETE FROM listening_processes WHERE until <= ?", (now_ms,))
    row = (process, now_ms + LISTENING_MS)
    connection.write([Insert("listening_processes", _PROCESS, [row], ("id",), ("until",))])


def end_listening(connection: Connection, process: str) -> None:
    """It has none any more."""
    connection.query("DELETE FROM listening_processes WHERE id = ?", (process,))


def keep_events(connection: Connection, ids: Sequence[str], now_ms: int) -> None:
    """Copy events that are about to be taken from the outbox, if anybody listens. In the
    transaction that takes them."""
    if not is_listened(connection, now_ms):
        return
    connection.query("DELETE FROM live_events WHERE kept_at < ?", (now_ms - KEPT_MS,))
    members = connection.words.members.format("?", "x")
    connection.query(
        f"INSERT INTO live_events ({_EVENT_NAMES}, kept_at)"  # noqa: S608  names of ours
        f" SELECT {_EVENT_NAMES}, ? FROM outbox WHERE id IN (SELECT x.value FROM {members})"
        " ON CONFLICT (id) DO NOTHING",
        (now_ms, _encode(list(ids)).decode()),
    )


def put_notes(connection: Connection, notes: Sequence[Note], now_ms: int) -> None:
    """Let the other processes find notes. In a transaction."""
    connection.query("DELETE FROM live_notes WHERE kept_at < ?", (now_ms - KEPT_MS,))
    rows = [(one.id, one.kind, one.user, one.place, one.item, one.line, now_ms) for one in notes]
    connection.write([Insert("live_notes", (*NOTE_COLUMNS, _KEPT_AT), rows)])
