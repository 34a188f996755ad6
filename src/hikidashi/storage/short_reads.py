"""Short reads over a server: on the event loop, each over a connection that it has alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from ..core.limits import READ_MS
from .engines import Connection, Engine

T = TypeVar("T")


class ShortReads:
    """So many connections, opened when they are first wanted."""

    def __init__(self, engine: Engine, most: int) -> None:
        self._engine = engine
        self._idle: list[Connection] = []
        self._free = asyncio.Semaphore(most)

    async def run(self, fn: Callable[[Connection], T]) -> T:
        """Call a function with one of them, once one is free. Raises EngineError."""
        async with self._free:
            connection = self._idle.pop() if self._idle else await self._engine.run(self._open)
            try:
                return await self._engine.run(fn, connection)
            except asyncio.CancelledError:
                connection.close()  # an answer may be under way to nobody; it is opened again
                raise
            finally:
                self._idle.append(connection)

    def _open(self) -> Connection:
        connection = self._engine.connect(read_only=True)
        connection.limit(READ_MS)
        return connection

    def close(self) -> None:
        """Close them; nothing reads any more."""
        for one in self._idle:
            one.close()
