"""The one door: commands are run and views are read through an App."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from itertools import chain
from typing import TypeVar

from ..config import Config
from ..core.access import Actor, Identity
from ..core.catalog import Catalog
from ..core.commands import Command
from ..core.draft import HandedBackError
from ..core.errors import unavailable
from ..core.ids import Clock, IdSource
from ..core.limits import RETRIES_MAX
from ..core.plan import Result
from ..core.record import record
from ..observe import Observer
from ..storage.access_sets import AccessSets
from ..storage.engines import Connection
from ..storage.idempotency import Remember, Replay
from ..storage.store import Store
from .housekeeping import Housekeeping
from .identity import Identities
from .imports import Imports

T = TypeVar("T")


@record
class View:
    """What a read is given: a connection, and the definitions and the actor as they are now."""

    connection: Connection
    catalog: Catalog
    actor: Actor
    access: AccessSets


class App:
    """The program without its wire: everything a dialect may ask for."""

    def __init__(  # noqa: PLR0913
        self,
        config: Config,
        clock: Clock,
        ids: IdSource,
        store: Store,
        identities: Identities,
        observe: Observer,
    ) -> None:
        self.config = config
        self.clock = clock
        self.ids = ids
        self.store = store
        self.identities = identities
        self.imports = Imports(store, clock, ids)
        self._housekeeping = Housekeeping(store, clock)
        self.observe = observe

    async def open(self) -> None:
        """Open the store and begin to keep house."""
        await self.store.open()
        await self.imports.open()
        self._housekeeping.start()

    async def close(self) -> None:
        """Finish what was accepted and close."""
        await self._housekeeping.stop()
        await self.imports.close()
        await self.store.close()
        self.identities.close()

    async def run(self, identity: Identity, command: Command) -> Result:
        """Carry a command out; durable when this returns. Raises FaultError."""
        outcome = await self.run_once(identity, command, None)
        if isinstance(outcome, Replay):  # nothing is remembered without a key
            raise TypeError(outcome)
        return outcome

    async def run_once(
        self, identity: Identity, command: Command, remember: Remember | None
    ) -> Result | Replay:
        """The same for a request with an Idempotency-Key: done once, answered each time."""
        for _ in range(RETRIES_MAX):
            try:
                return await self.store.submit(identity, command, remember)
            except HandedBackError:
                continue
        raise unavailable("the item kept changing while its script ran")

    async def read(self, identity: Identity, fn: Callable[[View], T]) -> T:
        """A short read: by key, or of some hundred rows."""
        self.observe.read_begun(on_loop=self.store.engine.blocks_on_commit)
        return await self.store.read(lambda connection: self._view(connection, identity, fn))

    async def scan(self, identity: Identity, fn: Callable[[View], T]) -> T:
        """Any other read; it runs on a thread."""
        self.observe.read_begun(on_loop=False)
        return await self.store.scan(lambda connection: self._view(connection, identity, fn))

    async def stream(
        self, identity: Identity, fn: Callable[[View], Iterator[T]]
    ) -> AsyncGenerator[T, None]:
        """A read that is too long for memory, in portions; the first is there when this returns.

        Definitions and keyring are those of its beginning.
        """
        self.observe.read_begun(on_loop=False)

        def begin(view: View) -> Iterator[T]:
            portions = fn(view)
            return chain([next(portions)], portions)

        return await self.store.stream(lambda connection: self._view(connection, identity, begin))

    def _view(self, connection: Connection, identity: Identity, fn: Callable[[View], T]) -> T:
        access = self.store.access
        return self.store.view(
            connection,
            identity,
            lambda catalog, actor: fn(View(connection, catalog, actor, access)),
        )
