"""The store: what services may ask of storage, over one engine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ..core.access import Actor, Identity, MovedError
from ..core.catalog import Catalog
from ..core.commands import Command
from ..core.errors import FaultError, invalid_request, unavailable
from ..core.ids import Clock, IdSource
from ..core.limits import READ_MS
from ..core.observations import CommitObserver
from ..core.plan import Result
from .access_sets import AccessSets
from .commit import Change, Committer
from .definitions import read_numbers
from .driver import Driver, Queue
from .engines import (
    Connection,
    Engine,
    EngineError,
    InvalidTextError,
    OutdatedSchemaError,
    TimeLimitError,
)
from .group import Job
from .idempotency import Replay
from .indexes import make_missing_indexes
from .migrate import DATABASE_NAME, DATABASE_NAME_CHARS, make_secret, migrate
from .short_reads import ShortReads
from .standing import Standing
from .streams import Streams
from .tail import Tail
from .telling import PLAINLY, Telling, Told
from .written import check_may_write, note_written, staying

T = TypeVar("T")


class Store:
    """Opens an engine, reads over its connections and writes through its committer."""

    def __init__(  # noqa: PLR0913
        self,
        engine: Engine,
        clock: Clock,
        ids: IdSource,
        observer: CommitObserver,
        *,
        writers: int = 2,
        readers: int = 4,
    ) -> None:
        self.engine = engine
        self.standing = Standing()
        self.tail = Tail(ids, is_alone=engine.blocks_on_commit)
        self.access: AccessSets
        self.name = ""  # of the database, made with it
        self.signing_key = b""  # made with it too: secrets of webhooks are made of it
        self.on_written: Callable[[], None] = _do_nothing  # called when a command is durable
        self._clock = clock
        self._ids = ids
        self._observer = observer
        self._writers = writers
        self._queue = Queue()
        self._driver: Driver | None = None
        self._readers = ThreadPoolExecutor(readers, "reader")
        self._streams = Streams(engine)
        self._local = threading.local()
        self._opened: list[Connection] = []
        self._short = ShortReads(engine, 1 if engine.blocks_on_commit else readers)

    async def open(self) -> None:
        """Connect, bring the tables up to date, start the committer."""
        self.access = await asyncio.to_thread(self._prepare)
        count = 1 if self.engine.blocks_on_commit else self._writers
        committers = [self._committer() for _ in range(count)]
        self._driver = Driver(self.engine, self._queue, committers)

    def _prepare(self) -> AccessSets:
        connection = self.engine.connect()
        try:
            migrate(self.engine, connection)
            make_missing_indexes(self.engine, connection)
            self.signing_key = make_secret(connection, "signing_key")
            self.name = make_secret(connection, DATABASE_NAME).hex()[:DATABASE_NAME_CHARS]
            return AccessSets(make_secret(connection, "access_secret"))
        finally:
            connection.close()

    def _committer(self) -> Committer:
        return Committer(
            self.engine,
            self.standing,
            self.access,
            self._clock,
            self._ids,
            self._observer,
            self.tail,
        )

    async def close(self) -> None:
        """Finish the writes that were accepted, then close every connection."""
        if self._driver is not None:
            await self._driver.close()
        self._streams.close()
        self._readers.shutdown()
        for connection in self._opened:
            connection.close()
        await self._short.close()
        self.engine.close()

    @property
    def queue_length(self) -> int:
        """How many writes wait."""
        return len(self._queue)

    # -- reading -------------------------------------------------------------------------------

    async def read(self, fn: Callable[[Connection], T]) -> T:
        """A read by key, or of some hundred rows: on the event loop, on SQLite at once."""
        try:
            return await self._short.run(fn)
        except EngineError as error:
            raise _as_fault(error) from error

    async def scan(self, fn: Callable[[Connection], T]) -> T:
        """Any other read: on a thread, with its own connection."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._scan, fn)

    def _scan(self, fn: Callable[[Connection], T]) -> T:
        try:
            connection: Connection | None = getattr(self._local, "connection", None)
            if connection is None:
                connection = self._local.connection = self.engine.connect(read_only=True)
                connection.limit(READ_MS)
                self._opened.append(connection)
            return fn(connection)
        except EngineError as error:
            raise _as_fault(error) from error

    async def stream(self, fn: Callable[[Connection], Iterator[T]]) -> AsyncGenerator[T, None]:
        """A read that gives portions, on a connection of its own; the first one is there."""
        try:
            return await self._streams.start(fn)
        except EngineError as error:
            raise _as_fault(error) from error

    def view(
        self, connection: Connection, identity: Identity, fn: Callable[[Catalog, Actor], T]
    ) -> T:
        """Run a read under definitions as they are now; again if a column it names is gone."""
        try:
            return fn(*self.standing.get(connection, identity))
        except OutdatedSchemaError:
            self.standing.forget()
            return fn(*self.standing.get(connection, identity))

    def view_all(
        self,
        connection: Connection,
        identities: Sequence[Identity],
        fn: Callable[[list[tuple[Catalog, Actor] | Exception]], T],
    ) -> T:
        """The same for some at once; in place of what is one's is what speaks against it."""
        try:
            return fn(self._find_all(connection, identities))
        except OutdatedSchemaError:
            self.standing.forget()
            return fn(self._find_all(connection, identities))

    def _find_all(
        self, connection: Connection, identities: Sequence[Identity]
    ) -> list[tuple[Catalog, Actor] | Exception]:
        numbers: dict[str, tuple[int, int] | None] = {}
        found: list[tuple[Catalog, Actor] | Exception] = []
        for one in identities:
            workspace = one.workspace
            if workspace not in numbers:
                numbers[workspace] = read_numbers(connection, workspace)
            try:
                found.append(self.standing.get(connection, one, numbers[workspace]))
            except (FaultError, MovedError) as error:
                found.append(error)
        return found

    # -- writing -------------------------------------------------------------------------------

    async def submit(
        self,
        identity: Identity,
        command: Command,
        telling: Telling = PLAINLY,
        judged_revision: int | None = None,
    ) -> Result | Replay | Told:
        """Commit a command with the next group; it is durable when this returns.

        Raises FaultError, or HandedBackError when what the command was made from has moved.
        """
        future: asyncio.Future[Result | Replay | Told] = asyncio.get_running_loop().create_future()
        identity = staying(identity)
        job = Job(identity, command, future, telling, judged_revision)
        held = self.standing.find(identity)
        if held is None:
            await self._resolve(job)
        else:
            try:
                job.resolve(*held)
            except FaultError:  # perhaps only under definitions as they were
                if await self.read(lambda connection: self._is_current(connection, identity)):
                    raise
                await self._resolve(job)
        self._put(job)
        outcome = await future
        if not telling.is_dry:
            note_written()
            self.on_written()
        return outcome

    async def _resolve(self, job: Job) -> None:
        """Resolve under definitions and people as they are now."""
        job.resolve(*await self.read(lambda one: self.standing.get(one, job.identity)))

    def _put(self, one: Job | Change) -> None:
        check_may_write()
        if self._driver is None:
            raise unavailable("the database is not open")
        self._driver.put(one)

    def _is_current(self, connection: Connection, identity: Identity) -> bool:
        numbers = read_numbers(connection, identity.workspace)
        return self.standing.is_current(identity.workspace, numbers)

    async def change(
        self, fn: Callable[[Connection], T], workspace: str = "", *, is_brief: bool = False
    ) -> T:
        """Run a function in a transaction of its own; it is durable when this returns.

        `workspace`: its definitions or people are changed. The function may be run again when
        the database asks for it, so it must do nothing but use the connection. `is_brief`: it takes
        some milliseconds at most, for which it may have the event loop; else it has a thread.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def run(connection: Connection) -> T:
            if workspace:
                lock = self.engine.lock_workspaces([workspace], exclusive=True)
                if lock is not None:
                    connection.read([lock])
            return fn(connection)

        def settle(change: Change) -> None:
            if future.done():
                return
            if change.error is not None:
                future.set_exception(change.error)
            else:
                future.set_result(change.value)

        self._put(Change(run, settle, is_brief=is_brief))
        value = await future
        note_written()
        return value


def _do_nothing() -> None:
    pass


def _as_fault(error: EngineError) -> Exception:
    if isinstance(error, OutdatedSchemaError):
        return error
    if isinstance(error, TimeLimitError):
        return unavailable("the database took too long to answer; ask for less")
    if isinstance(error, InvalidTextError):
        return invalid_request("a text of the request holds U+0000")
    return unavailable("the database was busy or out of reach; try again")
