"""The one door: commands are run and views are read through an App."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Protocol, TypeVar

from ..config import Config
from ..core.access import Actor, Identity
from ..core.catalog import Catalog
from ..core.commands import Command
from ..core.draft import HandedBackError
from ..core.errors import FaultError, unavailable
from ..core.ids import Clock, IdSource
from ..core.limits import RETRIES_MAX
from ..core.plan import Result
from ..core.record import record
from ..observe import Observer
from ..sandbox.pool import Sandbox
from ..storage.access_sets import AccessSets
from ..storage.engines import Connection
from ..storage.idempotency import Remember, Replay, find_replays
from ..storage.jobs import StoredJob
from ..storage.store import Store
from ..storage.telling import PLAINLY, Inside, Telling, Told
from ..storage.written import staying
from .accounts import Accounts
from .background import Background
from .builds import Builds
from .design import Designs
from .end_users import EndUsers
from .events import EventRelay
from .files import Files
from .housekeeping import Housekeeping
from .identity import Identities
from .imports import Imports
from .live import Live
from .post import make_post
from .registrations import Registrations
from .relay import MailRelay
from .script_calls import Carry, InnerCall
from .tasks import CREATE, Tasks
from .templates import Templates
from .together import Look, Together

A = TypeVar("A")
T = TypeVar("T")


class Judge(Protocol):
    """Looks at a command before it is run: the scripts of its action do."""

    async def __call__(self, command: Command, telling: Telling) -> tuple[Command, int | None]:
        """The command that is to be run, and the revision that its item was judged at."""


class Prepare(Protocol):
    """Makes a command from what it reads, and says what becomes of its answer."""

    def __call__(self, view: View, *, is_final: bool) -> tuple[Command, Telling]:
        """`is_final`: it will not be asked again, whatever moves meanwhile."""


@record
class View:
    """What a read is given: a connection, and the definitions and the actor as they are now."""

    connection: Connection
    catalog: Catalog
    actor: Actor
    access: AccessSets


async def _no_calls(_: InnerCall) -> tuple[int, bytes]:
    """The APIs of a program that serves none."""
    raise unavailable("this program serves no APIs")


def view_of(inside: Inside) -> View:
    """What an answer made inside a transaction may read."""
    return View(inside.connection, inside.catalog, inside.actor, inside.access)


class App:
    """The program without its wire: everything a dialect may ask for."""

    def __init__(  # noqa: PLR0913
        self,
        config: Config,
        clock: Clock,
        ids: IdSource,
        store: Store,
        identities: Identities,
        files: Files,
        observe: Observer,
        sandbox: Sandbox,
    ) -> None:
        self.config = config
        self.clock = clock
        self.ids = ids
        self.store = store
        self.identities = identities
        self.builds = Builds(store, clock)
        self.designs = Designs(store, clock, ids, self.builds)
        self.accounts = Accounts(store, clock, ids, identities)
        self.registrations = Registrations(
            store, clock, ids, identities, self.accounts, is_open=config.registration
        )
        self.end_users = EndUsers(store, clock, ids, identities)
        self.imports = Imports(store, clock, ids, self.builds)
        self.tasks = Tasks(store, clock, ids, self.imports)
        self.imports.undo[CREATE] = self._discard
        self.templates = Templates(store, clock, ids, self.designs, files)
        self.files = files
        self._housekeeping = Housekeeping(store, clock, files, self.imports, self.builds)
        post = make_post(config.smtp_url, config.mail_sender, config.outbox_folder)
        self.relay = MailRelay(store, clock, observe, post, config.mail_sender)
        self.events = EventRelay(  # who follows events is told to it
            store, clock, ids, observe, config.claim_seconds
        )
        self.live = Live(store, identities, clock, ids, observe)
        self.observe = observe
        self.sandbox = sandbox
        self._together = Together(store, self._views)
        self.schedules: Background | None = None  # who puts the program together sets it
        self.carry: Carry = _no_calls  # the APIs, for scripts; who serves them sets it
        observe.watch_listeners(lambda: len(self.live))

    async def open(self, *, serves: bool = False) -> None:
        """Open the store and begin to keep house; if it is to serve, also to send mails and to do
        what follows writes and changes of the design."""
        await self.store.open()
        self.files.open()
        self._housekeeping.start()
        if serves:
            self.relay.start()
            self._housekeeping.keep_building()
        if serves and self.config.relay:
            self.events.start()
            if self.schedules is not None:
                self.schedules.start()

    async def close(self) -> None:
        """Finish what was accepted and close."""
        if self.schedules is not None:
            await self.schedules.stop()
        await self.events.stop()
        self.sandbox.close()
        await self.live.close()
        await self._housekeeping.stop()
        await self.relay.stop()
        await self.builds.close()
        await self.imports.close()
        await self.tasks.close()
        await self.store.close()
        self.identities.close()
        self.files.close()

    async def _discard(self, job: StoredJob) -> None:
        """Take back the application that a job was to make."""
        await self.designs.discard(job.workspace, job.project)

    async def run(self, identity: Identity, command: Command) -> Result:
        """Carry a command out; durable when this returns. Raises FaultError."""
        outcome = await self.run_telling(identity, command, PLAINLY)
        if isinstance(outcome, (Replay, Told)):  # only what is asked for is kept or told
            raise TypeError(outcome)
        return outcome

    async def run_telling(
        self, identity: Identity, command: Command, telling: Telling
    ) -> Result | Replay | Told:
        """The same where the answer is kept, is made inside the transaction, or is all there is."""
        for _ in range(RETRIES_MAX):
            try:
                return await self.store.submit(identity, command, telling)
            except HandedBackError:
                continue
        raise unavailable("the item kept changing while its script ran")

    async def find_replay(self, remember: Remember) -> Replay | None:
        """The answer that was kept for a key. Raises 422 if it came with another request."""
        keys = [remember.key_hash]
        found = await self.store.read(lambda connection: find_replays(connection, keys))
        if remember.key_hash not in found:
            return None
        outcome = found[remember.key_hash].answer_to(remember)
        if isinstance(outcome, FaultError):
            raise outcome
        return outcome

    async def run_found(
        self, identity: Identity, prepare: Prepare, judge: Judge | None = None
    ) -> Result | Replay | Told:
        """Run a command made from what a read finds; read again if that has moved since.

        `judge` may change the command, outside of any read or write.
        """
        for attempt in range(RETRIES_MAX):
            read = partial(prepare, is_final=attempt == RETRIES_MAX - 1)
            command, telling = await self.scan(identity, read)
            revision = None
            if judge is not None:
                command, revision = await judge(command, telling)
            try:
                return await self.store.submit(identity, command, telling, revision)
            except HandedBackError:
                continue
        raise unavailable("the items kept changing while they were looked for")

    async def read(self, identity: Identity, fn: Callable[[View], T]) -> T:
        """A short read: by key, or of some hundred rows."""
        self.observe.read_begun(on_loop=True)
        identity = staying(identity)
        return await self.store.read(lambda connection: self._view(connection, identity, fn))

    async def read_together(self, identity: Identity, one: A, look: Look[View, A, T]) -> T:
        """A short read that is done with all others of its kind that come at once."""
        self.observe.read_begun(on_loop=True)
        return await self._together.read(identity, one, look)

    async def scan(self, identity: Identity, fn: Callable[[View], T]) -> T:
        """Any other read; it runs on a thread."""
        self.observe.read_begun(on_loop=False)
        identity = staying(identity)
        return await self.store.scan(lambda connection: self._view(connection, identity, fn))

    async def stream(
        self, identity: Identity, fn: Callable[[View], Iterator[T]]
    ) -> AsyncGenerator[T, None]:
        """A read that is too long for memory, in portions; the first is there when this returns.

        Definitions and keyring are those of its beginning.
        """
        self.observe.read_begun(on_loop=False)
        identity = staying(identity)

        def begin(view: View) -> Iterator[T]:
            portions = fn(view)
            return chain([next(portions)], portions)

        return await self.store.stream(lambda connection: self._view(connection, identity, begin))

    def _views(
        self,
        connection: Connection,
        identities: Sequence[Identity],
        fn: Callable[[list[View | Exception]], T],
    ) -> T:
        access = self.store.access
        return self.store.view_all(
            connection,
            identities,
            lambda found: fn(
                [
                    one if isinstance(one, Exception) else View(connection, *one, access)
                    for one in found
                ]
            ),
        )

    def _view(self, connection: Connection, identity: Identity, fn: Callable[[View], T]) -> T:
        access = self.store.access
        return self.store.view(
            connection,
            identity,
            lambda catalog, actor: fn(View(connection, catalog, actor, access)),
        )
