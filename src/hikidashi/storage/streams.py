"""Long answers: each is read portion by portion over a connection of its own, as it is taken.

Between two portions no thread waits for the client, only the connection does; one that the client
leaves standing is closed when its time is up.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from types import TracebackType
from typing import Any, Generic, TypeVar

from ..core.errors import unavailable
from ..core.limits import STREAM_MS_MAX, STREAMS_MAX
from .engines import Connection, Engine, EngineError, TimeLimitError

T = TypeVar("T")
_THREADS = 2  # a portion is some milliseconds of work, the first may be a long sort


class Streams:
    """The long answers that are on their way."""

    def __init__(self, engine: Engine, stream_ms_max: int = STREAM_MS_MAX) -> None:
        self._engine = engine
        self._stream_ms_max = stream_ms_max
        self._threads = ThreadPoolExecutor(_THREADS, "stream")
        self._open: set[Stream[Any]] = set()

    async def start(self, begin: Callable[[Connection], Iterator[T]]) -> AsyncGenerator[T, None]:
        """Read until the first portion is there, so that what is wrong with the request is known.

        Raises what `begin` and its first step raise, and 503 while too many others are open.
        """
        if len(self._open) >= STREAMS_MAX:
            raise unavailable(f"{STREAMS_MAX} long answers are being sent; try again")
        stream: Stream[T] = Stream(self._threads, self._stream_ms_max, self._open.discard)
        self._open.add(stream)
        try:
            await stream.begin(self._engine, begin)
        except BaseException:
            await stream.aclose()
            raise
        return stream

    def close(self) -> None:
        """Close what is still open, once its portion is done."""
        for stream in list(self._open):
            stream.drop()
        self._threads.shutdown()


class Stream(AsyncGenerator[T, None], Generic[T]):
    """One long answer. Its steps run on threads, one at a time."""

    def __init__(
        self, threads: ThreadPoolExecutor, ms_max: int, forget: Callable[[Stream[T]], None]
    ) -> None:
        self._threads = threads
        self._ms_max = ms_max
        self._forget = forget
        self._step = threading.Lock()  # a close waits for the step that is running
        self._connection: Connection | None = None
        self._iterator: Iterator[T] | None = None
        self._first: list[T] = []
        self._is_late = False
        self._alarm: asyncio.TimerHandle | None = None

    async def begin(self, engine: Engine, begin: Callable[[Connection], Iterator[T]]) -> None:
        """Connect, and take the first step."""
        loop = asyncio.get_running_loop()
        self._alarm = loop.call_later(self._ms_max / 1000, self._expire)

        def run() -> None:
            with self._step:
                connection = self._connection = engine.connect(read_only=True, whole=True)
                connection.limit(self._ms_max)
                self._iterator = begin(connection)
                self._first = list(islice(self._iterator, 1))

        await loop.run_in_executor(self._threads, run)

    async def asend(self, value: None) -> T:
        """The next portion."""
        if self._first:
            return self._first.pop()
        found = await asyncio.get_running_loop().run_in_executor(self._threads, self._next)
        if not found:
            await self.aclose()
            raise StopAsyncIteration
        return found[0]

    def _next(self) -> list[T]:
        with self._step:
            if self._is_late:
                raise TimeLimitError("a long answer took longer than it may")
            if self._iterator is None:
                return []
            return list(islice(self._iterator, 1))

    async def athrow(
        self,
        typ: type[BaseException] | BaseException,
        val: BaseException | object = None,
        tb: TracebackType | None = None,
    ) -> T:
        """Close it; nothing in it could deal with an exception."""
        await self.aclose()
        raise typ

    async def aclose(self) -> None:
        """Close the connection, once the step that is running is done."""
        closing = self.drop()
        if closing is not None:
            await asyncio.wrap_future(closing)

    def drop(self) -> Future[None] | None:
        """The same, without waiting for it."""
        if self._alarm is not None:
            self._alarm.cancel()
        try:
            return self._threads.submit(self._close)
        except RuntimeError:  # the threads have been told to end
            return None

    def _expire(self) -> None:
        self._is_late = True
        self.drop()

    def _close(self) -> None:
        with self._step:
            iterator, self._iterator = self._iterator, None
            connection, self._connection = self._connection, None
            close = getattr(iterator, "close", None)
            with suppress(EngineError):
                if close is not None:
                    close()
            if connection is not None:
                connection.close()
        self._forget(self)
