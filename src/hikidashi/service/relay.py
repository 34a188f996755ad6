"""Takes waiting mails on their way, in the background; a mail that fails is tried again, later."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from ..core.errors import FaultError
from ..core.ids import Clock
from ..core.limits import MAIL_TRIES_MAX
from ..observe import Observer
from ..storage import outgoing
from ..storage.outgoing import Queued
from ..storage.store import Store
from .background import Background
from .post import MailFailedError, MailRefusedError, Post, make_message

LOOK_S: Final = 2  # between two looks for mails that are due
AT_ONCE: Final = 20  # mails of one look
CLAIM_MS: Final = 300_000  # another process may try a mail after that, if this one is gone
FIRST_PAUSE_MS: Final = 60_000  # before the second try; each later pause is four times as long
_FAILURE_CHARS: Final = 500


class MailRelay(Background):
    """Sends what is due.

    A mail is sent at least once: its Message-ID is the same in each try.
    """

    def __init__(
        self, store: Store, clock: Clock, observe: Observer, post: Post, sender: str
    ) -> None:
        self._store = store
        self._clock = clock
        self._observe = observe
        self._post = post
        self._sender = sender

    async def _run(self) -> None:
        while True:
            sent = 0
            with suppress(FaultError):  # the database is busy or away: the next time will do
                sent = await self.round()
            await asyncio.sleep(0 if sent == AT_ONCE else LOOK_S)

    async def round(self) -> int:
        """Try the mails that are due; how many there were."""
        now = self._clock.now_ms()
        due = await self._store.read(lambda one: outgoing.list_due(one, now, AT_ONCE))
        for one in due:
            await self._try(one)
        return len(due)

    async def _try(self, one: Queued) -> None:
        until = self._clock.now_ms() + CLAIM_MS
        if not await self._store.change(lambda conn: outgoing.claim(conn, one, until)):
            return  # another process has it
        id_ = one.mail.id
        try:
            message = make_message(one, self._sender)
            await self._post.send(message, id_, one.mail.recipient)
        except (MailRefusedError, MailFailedError) as error:
            await self._failed(one, error)
            return
        now = self._clock.now_ms()
        await self._store.change(lambda conn: outgoing.note_sent(conn, id_, now))

    async def _failed(self, one: Queued, error: Exception) -> None:
        now = self._clock.now_ms()
        tries = one.tries + 1
        is_over = isinstance(error, MailRefusedError) or tries >= MAIL_TRIES_MAX
        parked_at = now if is_over else None
        due_at = now + FIRST_PAUSE_MS * 4 ** (tries - 1)
        words = " ".join(str(error).split())[:_FAILURE_CHARS]
        await self._store.change(
            lambda conn: outgoing.note_failure(conn, one.mail.id, words, due_at, parked_at)
        )
        if is_over:
            self._observe.warn(
                "a mail is parked; `hikidashi mail list` shows why", mail=one.mail.id, reason=words
            )
