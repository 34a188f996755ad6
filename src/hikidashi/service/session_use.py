"""Sessions in use: how long one lasts, and its last use written down now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from ..core.errors import FaultError
from ..core.limits import SESSION_IDLE_MS, SESSION_TOUCH_MS
from ..storage.engines import Connection
from ..storage.store import Store
from .recalled import Recalled


class Lasting(Protocol):
    """A session as it is kept."""

    @property
    def used_at(self) -> int:
        """The last use that was written down, in ms."""

    @property
    def expires_at(self) -> int:
        """When it ends whatever its use, in ms."""

    @property
    def timeout(self) -> int | None:
        """How many seconds after its last use it ends, as the workspace has it."""


def idle_ms(session: Lasting) -> int:
    """How long after its last use a session ends."""
    return SESSION_IDLE_MS if session.timeout is None else session.timeout * 1_000


def has_run_out(session: Lasting, touched_at: int, now: int) -> bool:
    """Whether a session has come to its end by its age, or was left idle since its last use."""
    return now - touched_at > idle_ms(session) or now >= session.expires_at


class SessionUse:
    """Notes that sessions are in use, without making anyone wait."""

    def __init__(self, store: Store, recalled: Recalled) -> None:
        self._store = store
        self._recalled = recalled
        self._tasks: set[asyncio.Task[None]] = set()

    def last(self, token: str, session: Lasting) -> int:
        """When a session was used last, as far as this process knows, in ms."""
        known = self._recalled.find(token)
        return max(session.used_at, known.touched_at if known is not None else 0)

    def note(
        self, token: str, session: Lasting, now: int, write: Callable[[Connection], None]
    ) -> int:
        """Write the use down, if the last one on record is old enough; the time on record."""
        touched_at = self.last(token, session)
        if now - touched_at < min(SESSION_TOUCH_MS, idle_ms(session) // 4):
            return touched_at
        task = asyncio.ensure_future(self._write(token, write))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return now

    async def _write(self, token: str, write: Callable[[Connection], None]) -> None:
        try:
            await self._store.change(write)
        except FaultError:  # the database was busy: the next use will write it
            known = self._recalled.find(token)
            if known is not None:
                known.touched_at = 0
