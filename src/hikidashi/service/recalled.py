"""Tokens that were found good a moment ago, and checks of tokens that are under way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from ..core.access import Identity
from ..core.errors import FaultError
from ..core.ids import Clock
from ..core.limits import SESSION_RECHECK_MS

_KNOWN_MAX: Final = 20_000  # tokens in memory
Check: TypeAlias = Callable[[str], Coroutine[Any, Any, Identity]]


@dataclass(slots=True)
class Known:
    """A token that was found good, and when."""

    identity: Identity
    checked_at: int  # ms
    touched_at: int  # ms: the last use on record; 0 for tokens that keep none


class Recalled:
    """What is known of tokens by name: the token itself, or a word for what it opens, a space and
    what is shown. No token holds a space."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, Known] = {}
        self._checks: dict[str, asyncio.Task[Identity]] = {}
        self.times_forgotten = 0

    async def identify(self, name: str, check: Check) -> Identity:
        """Whom a token stands for: known, or found by a check that is made once for all who show
        it at this moment."""
        known = self._known.get(name)
        if known is not None and 0 <= self._clock.now_ms() - known.checked_at < SESSION_RECHECK_MS:
            return known.identity
        task = self._checks.get(name)
        if task is None:
            task = self._checks[name] = asyncio.ensure_future(check(name))
            task.add_done_callback(lambda done: self._checked(name, done))
        return await asyncio.shield(task)

    def _checked(self, name: str, task: asyncio.Task[Identity]) -> None:
        if self._checks.get(name) is task:
            del self._checks[name]
        if not task.cancelled() and isinstance(task.exception(), FaultError):
            self._known.pop(name, None)

    def find(self, name: str) -> Known | None:
        """What is known of a token, however long ago it was found good."""
        return self._known.get(name)

    def remember(self, name: str, known: Known, times_forgotten: int) -> None:
        """Keep what was read; not if something had to be forgotten since: it may be just that."""
        if times_forgotten != self.times_forgotten:
            return
        if len(self._known) >= _KNOWN_MAX:
            self._known.clear()
        self._known[name] = known

    def forget(self, which: Callable[[Identity], bool]) -> None:
        """Let the next use of some tokens, and checks that are under way, look again."""
        self.times_forgotten += 1
        self._checks.clear()
        self._known = {name: one for name, one in self._known.items() if not which(one.identity)}
