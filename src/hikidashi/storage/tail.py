"""What is committed, as it is committed, for those who listen.

A process hears of its own groups from its committers. Where other processes write too, their
events are found where the relay leaves a copy while anybody listens. Transactions end in any
order, so each look goes back some seconds and skips the ids that are known.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final

from ..core.ids import IdSource
from ..core.limits import LIVE_BACKLOG_MAX
from ..core.record import record
from .engines import Connection, QueryKeys, Row
from .outbox import OUTBOX_COLUMNS
from .tables import ID
from .told import KEPT_MS, NOTE_COLUMNS, Note, note_of

LATE_MS: Final = 10_000  # how long it may take from when a copy says it was made to its COMMIT
_PROCESS: Final = slice(8, 18)  # where an id says which process gave it
_KNOWN_MAX: Final = 20_000  # ids in memory before the old ones are let go
_EVENTS: Final = f"SELECT {', '.join(one.name for one in OUTBOX_COLUMNS)} FROM live_events"  # noqa: S608
_NOTES: Final = f"SELECT {', '.join(one.name for one in NOTE_COLUMNS)} FROM live_notes"  # noqa: S608


@record
class Taken:
    """What has come since it was last asked for."""

    events: list[Row]
    notes: list[Note]
    is_behind: bool  # so much has come that it was dropped


class Tail:
    """The reading position of one process; nothing of it is kept. Costs nothing while off."""

    def __init__(self, ids: IdSource, *, is_alone: bool) -> None:
        self.is_alone = is_alone  # no other process writes to this database
        self._own = ids.next_id()[_PROCESS]
        self._lock = threading.Lock()
        self._wake: Callable[[], None] | None = None
        self._known: dict[str, int] = {}  # ids that others gave, with when they came
        self._events: list[Row] = []
        self._notes: list[Note] = []
        self._is_behind = False

    def start(self, wake: Callable[[], None]) -> None:
        """Begin to gather; `wake` is called, from any thread, when something has come."""
        self._wake = wake

    @property
    def is_on(self) -> bool:
        """Whether somebody listens."""
        return self._wake is not None

    def stop(self) -> None:
        """Gather no more, and forget."""
        with self._lock:
            self._wake = None
            self._known.clear()
            self._events = []
            self._notes = []
            self._is_behind = False

    def committed(self, events: Sequence[Row]) -> None:
        """A group of this process is durable; its rows of the outbox. From any thread."""
        wake = self._wake
        if wake is not None and events:
            with self._lock:
                self._add(events)
            wake()

    def noted(self, notes: Sequence[Note]) -> None:
        """What this process has to say that is no event."""
        wake = self._wake
        if wake is not None and notes:
            with self._lock:
                self._add_notes(notes)
            wake()

    def look(self, connection: Connection, now_ms: int, *, is_first: bool = False) -> None:
        """Find what other processes have written. The first look finds what is not to be told."""
        rows = self._find(connection, "live_events", _EVENTS, now_ms)
        notes = self._find(connection, "live_notes", _NOTES, now_ms)
        self._known.update((row[0], now_ms) for row in (*rows, *notes))
        if len(self._known) > _KNOWN_MAX:
            since = now_ms - KEPT_MS
            self._known = {id_: at for id_, at in self._known.items() if at >= since}
        if not is_first:
            with self._lock:
                self._add(rows)
                self._add_notes([note_of(one) for one in notes])

    def take(self, most: int = LIVE_BACKLOG_MAX) -> Taken:
        """What has come, at most so many events and notes, in the order in which they came."""
        with self._lock:
            taken = Taken(self._events[:most], self._notes[:most], self._is_behind)
            del self._events[:most]
            del self._notes[:most]
            self._is_behind = False
        return taken

    @property
    def has_more(self) -> bool:
        """Whether something is left to take."""
        return bool(self._events or self._notes)

    def _find(self, connection: Connection, table: str, select: str, now_ms: int) -> list[Row]:
        found = connection.query(
            f"SELECT id FROM {table} WHERE kept_at > ?",  # noqa: S608  a name of ours
            (now_ms - LATE_MS,),
        )
        new = [id_ for (id_,) in found if id_ not in self._known and id_[_PROCESS] != self._own]
        rows = connection.read([QueryKeys(select, ID, new)])[0] if new else []
        return sorted(rows, key=lambda row: str(row[0]))

    def _add(self, rows: Sequence[Row]) -> None:
        self._events += rows
        if len(self._events) > LIVE_BACKLOG_MAX:
            self._events = []
            self._is_behind = True

    def _add_notes(self, notes: Sequence[Note]) -> None:
        self._notes += notes
        if len(self._notes) > LIVE_BACKLOG_MAX:
            self._notes = []
            self._is_behind = True
