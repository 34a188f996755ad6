"""Passwords as somebody types them: how often one may be guessed, in a time that tells nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar
from weakref import WeakValueDictionary

from ..core.errors import locked_login, wrong_login
from ..core.ids import Clock
from ..core.limits import LOGIN_WINDOW_MS
from ..core.password_rules import Lockout
from ..storage import people
from ..storage.engines import Connection
from ..storage.store import Store
from .passwords import PasswordThreads


class Guarded(Protocol):
    """Whoever comes in by a password."""

    @property
    def password_hash(self) -> str | None:
        """None: nobody comes in."""


G = TypeVar("G", bound=Guarded)


class Guesses:
    """Verifies passwords, and counts those that were wrong by what was typed beside them."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._swept_at = 0
        self.passwords = PasswordThreads()

    def turn(self, digest: str) -> asyncio.Lock:
        """Guesses at one address go one after another."""
        lock = self._turns.get(digest)
        if lock is None:
            lock = self._turns[digest] = asyncio.Lock()
        return lock

    async def verify(
        self,
        digest: str,
        password: str,
        look: Callable[[Connection], tuple[G | None, Lockout]],
    ) -> G:
        """Whom a password belongs to; `look` finds who that would be, and how often it may be
        guessed. Raises 401 in the same time whether there is anybody, and 423 after too many."""
        now = self._clock.now_ms()

        def read(connection: Connection) -> tuple[int, Lockout, G | None]:
            found, rule = look(connection)
            return people.count_login_failures(connection, digest, now - rule.ms), rule, found

        failures, rule, found = await self._store.read(read)
        if failures >= rule.failures:
            raise locked_login(rule.ms // 60_000)
        password_hash = found.password_hash if found is not None else None
        matches = await self.passwords.verify(password_hash, password)
        if found is None or not matches:
            await self._store.change(lambda one: self._count(one, digest, now, rule))
            raise wrong_login()
        return found

    def _count(self, connection: Connection, digest: str, now: int, rule: Lockout) -> None:
        people.note_login_failure(connection, digest, now, rule.ms, rule.failures)
        if now - self._swept_at > LOGIN_WINDOW_MS:
            self._swept_at = now
            people.sweep_login_failures(connection, now)
