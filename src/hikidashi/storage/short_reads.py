"""Short reads: on the event loop, each over a connection that it has alone meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from ..core.limits import READ_MS
from .engines import Connection, Engine, EngineError, UnreachableError

T = TypeVar("T")


class ShortReads:
    """So many connections, opened when they are first wanted."""

    def __init__(self, engine: Engine, most: int) -> None:
        self._engine = engine
        self._most = most
        self._idle: list[Connection] = []
        self._free = asyncio.Semaphore(most)
        self._is_closed = False

    async def run(self, fn: Callable[[Connection], T]) -> T:
        """Call a function with one of them, once one is free. Raises EngineError."""
        if self._is_closed:
            raise UnreachableError("the database is closed")
        async with self._free:
            connection = self._idle.pop() if self._idle else await self._opened()
            try:
                return await self._engine.run(fn, connection)
            except asyncio.CancelledError:
                connection.close()  # an answer may be under way to nobody; it is opened again
                raise
            finally:
                self._idle.append(connection)

    async def _opened(self) -> Connection:
        """A new one, which belongs to the others if whoever wanted it is cut off."""
        opening = asyncio.ensure_future(self._engine.run(self._open))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            with suppress(EngineError):
                self._idle.append(await opening)
            raise

    def _open(self) -> Connection:
        connection = self._engine.connect(read_only=True)
        connection.limit(READ_MS)
        return connection

    async def close(self) -> None:
        """Let what reads end, then close them; who comes later gets UnreachableError."""
        self._is_closed = True
        for _ in range(self._most):
            await self._free.acquire()
        for one in self._idle:
            one.close()
