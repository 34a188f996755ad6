"""Short reads that come in one turn of the event loop, done at once: a question to the database for all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

from ..core.access import Identity
from ..storage.engines import Connection
from ..storage.store import Store
from ..storage.written import staying

A = TypeVar("A")
R = TypeVar("R")
V = TypeVar("V")
Asked: TypeAlias = tuple[Identity, Any, "asyncio.Future[Any]"]
# Looks for all that is asked for, each with the view of who asks; a fault of one is its outcome.
Look: TypeAlias = Callable[[Sequence[tuple[V, A]]], Sequence[R | Exception]]
Outcomes: TypeAlias = list[Any]


class Views(Protocol):
    """Gives the views of some, or what speaks against them, to a function."""

    def __call__(
        self,
        connection: Connection,
        identities: Sequence[Identity],
        fn: Callable[[list[Any]], Outcomes],
        /,
    ) -> Outcomes:
        """What the function gives."""


class Together:
    """Gathers what is asked for of the same kind."""

    def __init__(self, store: Store, views: Views) -> None:
        self._store = store
        self._views = views
        self._asked: dict[Look[Any, Any, Any], list[Asked]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def read(self, identity: Identity, one: A, look: Look[Any, A, R]) -> R:
        """Look for one with all others that the same function looks for. Raises FaultError."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        asked = self._asked.get(look)
        if asked is None:
            asked = self._asked[look] = []
            loop.call_soon(self._begin, look)
        asked.append((staying(identity), one, future))
        return await future

    def _begin(self, look: Look[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(self._look(look, self._asked.pop(look)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look(self, look: Look[Any, Any, Any], asked: list[Asked]) -> None:
        identities = [identity for identity, _, _ in asked]

        def find(views: list[Any]) -> Outcomes:
            good = [at for at, view in enumerate(views) if not isinstance(view, Exception)]
            outcomes = list(views)
            for at, outcome in zip(
                good, look([(views[at], asked[at][1]) for at in good]), strict=True
            ):
                outcomes[at] = outcome
            return outcomes

        try:
            outcomes = await self._store.read(lambda one: self._views(one, identities, find))
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
