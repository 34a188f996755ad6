"""What has outlived its time is taken away now and then, in the background."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from ..core.errors import FaultError
from ..core.ids import Clock
from ..core.limits import (
    DELETED_KEEP_MS,
    DELIVERY_KEPT_MS,
    DELIVERY_PARKED_KEPT_MS,
    MAIL_KEPT_MS,
    RESET_LIFE_MS,
    SCHEDULE_RUN_KEPT_MS,
    SESSION_IDLE_MS,
)
from ..storage.definitions import lock_workspaces
from ..storage.deletions import Deletion, drop_for_good, list_outlived
from ..storage.deliveries import sweep_deliveries
from ..storage.end_users import sweep_end_users
from ..storage.engines import Connection
from ..storage.idempotency import forget_old
from ..storage.outgoing import sweep_mails
from ..storage.people import longest_session_ms, sweep_sessions
from ..storage.removed import forget_removed
from ..storage.reservations import forget_reservations
from ..storage.schedules import sweep_runs
from ..storage.store import Store
from .background import Background
from .builds import Builds
from .files import Files
from .imports import Imports

PERIOD_S: Final = 3_600  # between two rounds; the first is at the start
LOOK_S: Final = 60  # between two looks for imports whose process is gone


class Housekeeping(Background):
    """Runs rounds."""

    def __init__(
        self, store: Store, clock: Clock, files: Files, imports: Imports, builds: Builds
    ) -> None:
        self._store = store
        self._clock = clock
        self._files = files
        self._imports = imports
        self._builds = builds
        self._keeps_building = False

    def keep_building(self) -> None:
        """Look for what changes of definitions have left to be done, too."""
        self._keeps_building = True
        self._builds.wake()

    async def _run(self) -> None:
        looks = 0
        while True:
            with suppress(FaultError):  # the database is busy or away: the next time will do
                await self._imports.sweep()
            if looks % (PERIOD_S // LOOK_S) == 0:
                with suppress(FaultError):
                    await self.round()
            if self._keeps_building:
                self._builds.wake()
            looks += 1
            await asyncio.sleep(LOOK_S)

    async def round(self) -> None:
        """Forget answers kept for repeated requests, sessions that have ended, mails and what they
        asked to confirm, and deliveries, past their time; then deleted definitions with their data, and files that
        nobody holds."""
        now = self._clock.now_ms()

        def sweep(connection: Connection) -> None:
            forget_old(connection, now)
            forget_reservations(connection, now)
            sweep_sessions(connection, now, SESSION_IDLE_MS)
            longest = longest_session_ms(connection, SESSION_IDLE_MS)
            sweep_end_users(connection, now - longest, now - RESET_LIFE_MS, now)
            sweep_mails(connection, now - MAIL_KEPT_MS)
            sweep_deliveries(connection, now - DELIVERY_KEPT_MS, now - DELIVERY_PARKED_KEPT_MS)
            sweep_runs(connection, now - SCHEDULE_RUN_KEPT_MS)

        await self._store.change(sweep)
        await self._drop_deleted(now)
        await self._files.sweep()

    async def _drop_deleted(self, now_ms: int) -> None:
        """Drop for good what was deleted of a design too long ago, each in a transaction."""
        before = now_ms - DELETED_KEEP_MS
        engine = self._store.engine
        for deletion in await self._store.scan(lambda one: list_outlived(one, before)):

            def drop(connection: Connection, deletion: Deletion = deletion) -> None:
                lock_workspaces(connection, engine, [deletion.workspace])
                if deletion in list_outlived(connection, before):  # and not there again
                    drop_for_good(connection, engine, deletion)

            await self._store.change(drop)
        await self._store.change(lambda one: forget_removed(one, before))
