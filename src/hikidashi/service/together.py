"""Short reads that come in one turn of the event loop, done at once: a question to the database for all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

from ..core.access import Identity
from ..storage.engines import Connection
from ..storage.store import Store
from ..storage.written import staying

A = TypeVar("A")
V = TypeVar("V")
Asked: TypeAlias = tuple[Identity, Any, "asyncio.Future[Any]"]
# Looks for all that is asked for, each with who asks; a fault of one is its outcome, and raises nothing.
Look: TypeAlias = Callable[[Connection, Sequence[tuple[Identity, A]]], Sequence[V | Exception]]


class Together:
    """Gathers what is asked for of the same kind."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._asked: dict[Look[Any, Any], list[Asked]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def read(self, identity: Identity, one: A, look: Look[A, V]) -> V:
        """Look for one with all others that the same function looks for. Raises FaultError."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[V] = loop.create_future()
        asked = self._asked.get(look)
        if asked is None:
            asked = self._asked[look] = []
            loop.call_soon(self._begin, look)
        asked.append((staying(identity), one, future))
        return await future

    def _begin(self, look: Look[Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(self._look(look, self._asked.pop(look)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look(self, look: Look[Any, Any], asked: list[Asked]) -> None:
        given = [(identity, one) for identity, one, _ in asked]
        try:
            outcomes = await self._store.read(lambda connection: look(connection, given))
        except Exception as error:  # noqa: BLE001  one of them may have brought it about for all
            if len(asked) == 1:
                _settle(asked[0], error)
                return
            for each in asked:
                await self._look(look, [each])
            return
        for each, outcome in zip(asked, outcomes, strict=True):
            _settle(each, outcome)


def _settle(asked: Asked, outcome: object) -> None:
    future = asked[2]
    if future.done():  # whoever asked has left
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
