"""Does what changes of definitions have left to be done behind them, one portion after another.

Any process may: each portion is read from the database and noted there in one transaction. Between
two of them writers have as much time as the last one took.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from ..core.errors import FaultError
from ..core.ids import Clock
from ..storage.builds import (
    Build,
    Kind,
    advance,
    finish,
    lacking_indexes,
    list_builds,
    name_build,
    note_advance,
)
from ..storage.definitions import load_catalog
from ..storage.engines import Connection, EngineError
from ..storage.rules import list_portion
from ..storage.store import Store
from .rule_links import link_item

PORTION_ROWS: Final = 2_000  # in one transaction: others wait for less than a tenth of a second
LINKED_ITEMS: Final = 50  # items in a portion that is linked by rule, each by a command
_LOOK_S: Final = 0.5  # while another process makes an index
Tell = Callable[[str, Build], None]  # what it is about by display ids, and how far it is


class Builds:
    """Runs until nothing is left, each time that it is woken."""

    def __init__(self, store: Store, clock: Clock, rows: int = PORTION_ROWS) -> None:
        self.rows = rows
        self._store = store
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False

    def wake(self) -> None:
        """There may be something to do."""
        if self._is_closed or (self._task is not None and not self._task.done()):
            return
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """End with the portion that is under way; whoever is next goes on from there."""
        self._is_closed = True
        self._store.engine.stop_making()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        with suppress(
            FaultError, EngineError
        ):  # the database is busy or away: the next look will do
            await self.finish()

    async def finish(self, tell: Tell | None = None) -> None:
        """Do all that there is, and tell of each portion. Raises FaultError, EngineError."""
        while not self._is_closed and await self.step(tell):
            pass

    async def step(self, tell: Tell | None = None) -> bool:
        """Do one portion; False if there is none."""
        left = await self._store.scan(list_builds)
        if not left:
            return False
        build = left[0]
        if tell is not None:
            tell(await self._store.scan(lambda one: name_build(one, build)), build)
        started = time.monotonic()
        if build.kind is Kind.LINKS:
            goes_on = await self._link(build)
        else:
            goes_on = await self._store.change(
                lambda one: self._advance(one, build), build.workspace
            )
        if not goes_on:
            await self._complete(build)
        await asyncio.sleep(time.monotonic() - started)
        return True

    def _advance(self, connection: Connection, build: Build) -> bool:
        catalog = load_catalog(connection, build.workspace)
        now = self._clock.now_ms()
        return advance(connection, self._store.engine, build, catalog, self.rows, now)

    async def _link(self, build: Build) -> bool:
        """Link a portion of items by rule, by the commands that the relay uses, too."""
        place = build.datastore

        def look(connection: Connection) -> Sequence[tuple[str, int]]:
            return list_portion(connection, place, build.last, build.upto, LINKED_ITEMS)

        portion = await self._store.scan(look)
        if not portion:
            return False
        await asyncio.gather(
            *[link_item(self._store, build.workspace, place, item) for item, _ in portion]
        )
        end, now = portion[-1][1], self._clock.now_ms()
        await self._store.change(lambda one: note_advance(one, build, end, now))
        return True

    async def finish_of(self, datastore: str, kinds: Collection[Kind]) -> None:
        """Go on until builds of these kinds are done for a datastore. Raises FaultError."""
        while not self._is_closed:
            left = await self._store.scan(list_builds)
            if not any(one.datastore == datastore and one.kind in kinds for one in left):
                return
            await self.step()

    async def _complete(self, build: Build) -> None:
        """All rows are in: sort them where that is done last, and say that it is done."""
        engine = self._store.engine

        def look(connection: Connection) -> dict[str, str]:
            catalog = load_catalog(connection, build.workspace)
            return lacking_indexes(engine, connection, build, catalog)

        for name, statement in (await self._store.scan(look)).items():
            if engine.blocks_on_commit:
                make = partial(self._make, build, statement)
                await self._store.change(make, build.workspace)
            elif not await asyncio.to_thread(engine.make_index, name, statement):
                await asyncio.sleep(_LOOK_S)

        def end(connection: Connection) -> None:
            catalog = load_catalog(connection, build.workspace)
            finish(connection, engine, build, catalog, self._clock.now_ms())

        await self._store.change(end, build.workspace)

    def _make(self, build: Build, statement: str, connection: Connection) -> None:
        """Unless somebody else was quicker, or it is not wanted any more."""
        catalog = load_catalog(connection, build.workspace)
        if statement in lacking_indexes(self._store.engine, connection, build, catalog).values():
            connection.run_script(statement)


__all__ = ["Build", "Builds", "Kind"]
