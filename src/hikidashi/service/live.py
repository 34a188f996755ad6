"""Live events: who listens, what each of them is told, and when that is over."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from ..core.access import Identity, MovedError
from ..core.errors import FaultError, no_item, unauthorized, unavailable
from ..core.ids import Clock, IdSource
from ..core.limits import LISTENERS_MAX, LISTENERS_PER_USER_MAX, LOG_LINE_CHARS_MAX
from ..core.places import get_datastore, get_project
from ..observe import Observer
from ..storage import items as stored
from ..storage.engines import Connection
from ..storage.store import Store
from ..storage.tail import Taken
from ..storage.told import (
    LISTENING_MS,
    LOG,
    READ,
    Note,
    begin_listening,
    end_listening,
    is_listened,
    put_notes,
)
from .identity import Identities, hash_secret
from .live_channels import Wants, read_channels
from .live_listeners import BEHIND, BROKEN, SLOW, STOPPING, Ending, Listener, Message
from .live_tell import Told, tell
from .passes import find_ended

CHECK_S: Final = 1.0  # between two looks whether sessions and tokens still hold
LOOK_S: Final = 0.25  # between two looks for what other processes have written
SHARE_S: Final = 0.2  # between two rounds in which other processes are told
CUT_S: Final = 5.0  # a connection that has not ended by then, after it was told to, is cut
STOP_S: Final = 1.0  # at most, for the word that the server stops to reach everybody
RETRY_S: Final = 1.0  # after the database was busy
REST_S: Final = 0.05  # at most, after a round, as long as that was: others are at work too
AT_ONCE: Final = 64  # events of one round: whoever reads has read them before the next


class Live:
    """Tells listeners of what is committed. With none, it does nothing."""

    def __init__(
        self, store: Store, identities: Identities, clock: Clock, ids: IdSource, observe: Observer
    ) -> None:
        self._store = store
        self._identities = identities
        self._clock = clock
        self._ids = ids
        self._observe = observe
        self._listeners: dict[Listener, None] = {}
        self._held: Counter[str] = Counter()  # connections by user, those that are ending too
        self._news = asyncio.Event()
        self._round: asyncio.Task[None] | None = None
        self._starting: asyncio.Task[None] | None = None
        self._process = ids.next_id()
        self._said_at = 0.0
        self._left: Taken | None = None  # what could not be told yet
        self._to_share: list[Note] = []
        self._sharing: asyncio.Task[None] | None = None
        self._is_stopping = False

    def __len__(self) -> int:
        """How many listen."""
        return len(self._listeners)

    # -- coming and going ----------------------------------------------------------------------

    async def listen(
        self, token: str, channels: Sequence[str], cut: Callable[[], None] | None = None
    ) -> Listener:
        """Let somebody listen to channels of their own; to all items, if none is named.

        Raises 401 for a token that does not hold, 400, 403 or 404 for a channel, and 503 if there
        are too many connections. Whoever calls this calls `leave` at the end.
        """
        if not token:
            raise unauthorized("there is no token")
        try:
            identity, wants = await self._admit(token, channels)
        except MovedError as moved:  # another workspace was selected a moment ago
            self._identities.forget_sessions(str(moved))
            identity, wants = await self._admit(token, channels)
        if self._is_stopping:
            raise unavailable(STOPPING.reason)
        if self._held[identity.user] >= LISTENERS_PER_USER_MAX:
            raise unavailable(f"the user has {LISTENERS_PER_USER_MAX} live connections already")
        if self._held.total() >= LISTENERS_MAX:
            raise unavailable(f"there are {LISTENERS_MAX} live connections already")
        digest = "" if identity.session else hash_secret(token)
        listener = Listener(identity, digest, wants)
        listener.cut = cut
        self._held[identity.user] += 1
        try:
            await self._start()
        except BaseException:
            self._let_go(identity.user)
            raise
        self._listeners[listener] = None
        return listener

    async def check_token(self, token: str) -> None:
        """Raises 401 for a token with which nobody could listen."""
        if not token:
            raise unauthorized("there is no token")
        await self._identities.identify(token)

    def leave(self, listener: Listener) -> None:
        """The connection is over."""
        self._listeners.pop(listener, None)
        self._let_go(listener.identity.user)
        listener.cut = None
        if not self._listeners:
            self._news.set()  # the round sees that nobody is left

    def _let_go(self, user: str) -> None:
        self._held[user] -= 1
        if not self._held[user]:
            del self._held[user]

    async def _admit(self, token: str, channels: Sequence[str]) -> tuple[Identity, Wants]:
        identity = await self._identities.identify(token)
        if not identity.workspace:
            raise unauthorized("the user of the token is in no workspace")
        wants = read_channels(channels, identity.user) if channels else Wants(all_items=True)
        await self._store.scan(partial(self._check_places, identity, wants))
        return identity, wants

    def _check_places(self, identity: Identity, wants: Wants, connection: Connection) -> None:
        """Raises 404 for a place that the identity does not see."""
        catalog, actor = self._store.standing.get(connection, identity)
        for project in sorted(wants.projects):
            get_project(catalog, actor, project)
        for datastore in sorted(wants.datastores):
            get_datastore(catalog, actor, "", datastore)
        for item in sorted(wants.items):
            place = stored.find_datastore_of(connection, item)
            found = get_datastore(catalog, actor, "", place) if place else None
            if found is None or not stored.read_items(
                connection, self._store.access, found, [item], actor.keyring
            ):
                raise no_item(item)

    async def stop(self) -> None:
        """Tell everybody that the server stops, and let nobody else in."""
        self._is_stopping = True
        self._end_all(STOPPING)
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                while self._held:  # noqa: ASYNC110  once, at the end
                    await asyncio.sleep(STOP_S / 100)

    async def close(self) -> None:
        """Stop, and end what goes on in the background."""
        await self.stop()
        for task in (self._round, self._starting, self._sharing):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        self._store.tail.stop()

    def _end(self, listener: Listener, ending: Ending) -> None:
        self._listeners.pop(listener, None)
        listener.end(ending)
        if listener.cut is not None:
            asyncio.get_running_loop().call_later(CUT_S, _cut, listener)

    def _end_all(self, ending: Ending) -> None:
        for one in list(self._listeners):
            self._end(one, ending)

    # -- what there is to say that is no event --------------------------------------------------

    def publish_log(self, user: str, project: str, line: str) -> None:
        """A script that a user runs has logged a line: to that user's `logs_` channel, here and in
        the other processes. From the event loop; waits for nothing and never raises."""
        self._note(Note(self._ids.next_id(), LOG, user, project, line=line[:LOG_LINE_CHARS_MAX]))

    def note_read(self, user: str, datastore: str, item: str) -> None:
        """A user has read an item's histories: to that user's `unread_` channel everywhere."""
        self._note(Note(self._ids.next_id(), READ, user, datastore, item))

    def _note(self, note: Note) -> None:
        tail = self._store.tail
        tail.noted([note])
        if not tail.is_alone and not self._is_stopping and len(self._to_share) < LISTENERS_MAX:
            self._to_share.append(note)
            if self._sharing is None or self._sharing.done():
                self._sharing = asyncio.get_running_loop().create_task(self._share())

    async def _share(self) -> None:
        while self._to_share:
            await asyncio.sleep(SHARE_S)
            notes, self._to_share = self._to_share, []
            now = self._clock.now_ms()
            with suppress(FaultError):  # the database is busy or away: nobody waits for these
                if await self._store.scan(partial(is_listened, now_ms=now, but=self._process)):
                    await self._store.change(partial(put_notes, notes=notes, now_ms=now))

    # -- rounds --------------------------------------------------------------------------------

    async def _start(self) -> None:
        """Gather what happens from now on."""
        if self._starting is not None:
            await asyncio.shield(self._starting)
        elif not self._store.tail.is_on:
            self._starting = asyncio.get_running_loop().create_task(self._begin())
            try:
                await asyncio.shield(self._starting)
            finally:
                self._starting = None

    async def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        tail = self._store.tail
        if self._round is not None:  # its last words come first
            await asyncio.wait([self._round])
        tail.start(lambda: _tell_loop(loop, self._news))
        if not tail.is_alone:
            now = self._clock.now_ms()
            try:
                await self._say_listening()
                await self._store.scan(lambda one: tail.look(one, now, is_first=True))
            except BaseException:
                tail.stop()
                raise
        self._round = loop.create_task(self._run())

    async def _say_listening(self) -> None:
        """Have the other processes leave us what they commit."""
        now = self._clock.now_ms()
        await self._store.change(partial(begin_listening, process=self._process, now_ms=now))
        self._said_at = asyncio.get_running_loop().time()

    async def _say_silent(self) -> None:
        with suppress(FaultError):  # the row runs out by itself
            await self._store.change(partial(end_listening, process=self._process))

    async def _run(self) -> None:
        """Rounds until nobody is there any more."""
        loop = asyncio.get_running_loop()
        tail = self._store.tail
        checked_at = 0.0
        while self._held:
            self._news.clear()
            began = loop.time()
            is_due = began - checked_at >= CHECK_S
            try:
                await self._once(check=is_due)
            except FaultError:  # busy or away: the same again, a little later
                await asyncio.sleep(RETRY_S)
                continue
            except Exception as error:  # noqa: BLE001  whoever listens is told, the log why
                self._observe.request_crashed("live", "", error)
                self._end_all(BROKEN)
                self._left = None
            checked_at = began if is_due else checked_at
            await asyncio.sleep(min(loop.time() - began, REST_S))
            if not tail.has_more:
                with suppress(TimeoutError):
                    pause = CHECK_S if tail.is_alone else LOOK_S
                    await asyncio.wait_for(self._news.wait(), pause)
        tail.stop()
        self._left = None
        if not tail.is_alone:
            await self._say_silent()

    async def _once(self, *, check: bool) -> None:
        """Tell what has come, or what was left when the last round failed."""
        tail = self._store.tail
        if not tail.is_alone:
            if asyncio.get_running_loop().time() - self._said_at > LISTENING_MS / 3_000:
                await self._say_listening()
            now = self._clock.now_ms()
            await self._store.scan(lambda one: tail.look(one, now))
        if self._left is None:
            self._left = tail.take(AT_ONCE)
            if self._left.is_behind:
                self._end_all(BEHIND)
        left = self._left
        listeners = list(self._listeners)
        if listeners and (check or left.events or left.notes):
            told, ended = await self._store.scan(partial(self._look, listeners, left))
            for listener, reason in ended:
                self._end(listener, Ending(reason, may_return=False))
            for listener, messages in told:
                self._tell(listener, messages)
        self._left = None

    def _look(
        self, listeners: Sequence[Listener], taken: Taken, connection: Connection
    ) -> tuple[Told, list[tuple[Listener, str]]]:
        """Who may still listen, and what they are told; on a thread."""
        passes = {one.key: one.identity for one in listeners}
        held, over = find_ended(connection, passes, self._clock.now_ms())
        ended = [(one, over[one.key]) for one in listeners if one.key in over]
        staying = [(one, held[one.key]) for one in listeners if one.key in held]
        if not taken.events and not taken.notes:
            return [], ended
        return tell(self._store, connection, staying, taken), ended

    def _tell(self, listener: Listener, messages: list[Message]) -> None:
        listener.put(messages)
        if listener.ending is SLOW:
            self._end(listener, SLOW)


def _tell_loop(loop: asyncio.AbstractEventLoop, news: asyncio.Event) -> None:
    """Set an event of the loop, from any thread."""
    with suppress(RuntimeError):  # the loop is closed: nobody listens
        loop.call_soon_threadsafe(news.set)


def _cut(listener: Listener) -> None:
    if listener.cut is not None:
        listener.cut()
