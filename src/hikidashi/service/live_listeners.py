"""One who listens: a bounded queue between what happens and a connection."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from ..core.access import Identity
from ..core.limits import LISTENER_CHARS_MAX, LISTENER_MESSAGES_MAX
from ..core.record import record
from .live_channels import Wants


@record
class Ending:
    """Why a listener hears no more, and whether it may come back at once."""

    reason: str
    may_return: bool


SLOW: Final = Ending("too slow: more was waiting than is kept for one connection", may_return=True)
BEHIND: Final = Ending("too much happened at once; ask for what you show again", may_return=True)
BROKEN: Final = Ending("something went wrong on the server", may_return=True)
STOPPING: Final = Ending("the server is stopping", may_return=True)
GONE: Final = Ending("", may_return=True)  # the client has left


@record
class Message:
    """What is told: an event of a channel with its data as JSON."""

    channel: str
    event: str  # its name where a channel is known from the connection
    data: str


class Listener:
    """What one connection is to be told, in order. It belongs to the event loop."""

    def __init__(self, identity: Identity, digest: str, wants: Wants) -> None:
        self.identity = identity
        self.digest = digest  # of the API token; "" for a session
        self.wants = wants
        self.ending: Ending | None = None
        self.cut: Callable[[], None] | None = None  # ends the connection, whatever it is doing
        self._queue: deque[Message] = deque()
        self._chars = 0
        self._waiter: asyncio.Future[None] | None = None

    @property
    def key(self) -> str:
        """The session or token that it came with."""
        return self.digest or self.identity.session

    def put(self, messages: Iterable[Message]) -> None:
        """Tell it more; one for which too much waits already is ended, and told so instead."""
        if self.ending is not None:
            return
        if len(self._queue) > LISTENER_MESSAGES_MAX or self._chars > LISTENER_CHARS_MAX:
            self._queue.clear()
            self.end(SLOW)
            return
        for one in messages:
            self._chars += len(one.data)
            self._queue.append(one)
        self._wake()

    def end(self, ending: Ending) -> None:
        """Nothing more will come; the first reason counts."""
        if self.ending is None:
            self.ending = ending
            self._wake()

    async def take(self, seconds: float) -> list[Message] | None:
        """What has come; nothing after so many seconds without any; None when it has ended."""
        if not self._queue and self.ending is None:
            loop = asyncio.get_running_loop()
            self._waiter = loop.create_future()
            timer = loop.call_later(seconds, self._wake)
            try:
                await self._waiter
            finally:
                timer.cancel()
                self._waiter = None
        if not self._queue and self.ending is not None:
            return None
        taken = list(self._queue)
        self._queue.clear()
        self._chars = 0
        return taken

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
