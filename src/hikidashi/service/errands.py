"""Changes of people that no token of a workspace stands behind: what a mail asked to confirm, and
what somebody does with the own account, whatever workspace it is in.

Nobody's rights are looked at here: whoever wishes has checked that the change is the user's own.
Planning, checking, carrying out and the audit are those of every other change (`design`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from ..core.ids import Clock, IdSource
from ..core.record import record
from ..storage.audit import Author
from ..storage.definitions import lock_workspaces
from ..storage.engines import Connection
from ..storage.people import list_memberships
from ..storage.store import Store
from .design import Wish, carry_out, plan_wish
from .schema import read_now

T = TypeVar("T")


@record
class Doorstep:
    """What such a change finds inside its transaction."""

    connection: Connection
    ids: IdSource
    now_ms: int


@record
class Errand:
    """What is wanted, one after another, and whose account it is about."""

    user: str  # id; "" for nobody's
    wishes: Sequence[Wish]


class Errands:
    """Carries errands out."""

    def __init__(self, store: Store, clock: Clock, ids: IdSource) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    async def run(
        self,
        want: Callable[[Doorstep], Errand],
        answer: Callable[[Doorstep], T],
    ) -> T:
        """Make a change and answer from what it leads to; durable when this returns.

        Both functions may be run again when the database asks for it.
        """

        def work(connection: Connection) -> T:
            engine = self._store.engine
            lock_workspaces(connection, engine, [""])  # no other change of people goes on
            step = Doorstep(connection, self._ids, self._clock.now_ms())
            errand = want(step)
            places = [one.workspace for one in list_memberships(connection, errand.user)]
            lock_workspaces(connection, engine, places)
            author = Author("api", errand.user)
            read = partial(read_now, connection)
            for wish in errand.wishes:
                changes = plan_wish(step, wish, wish.workspace, read)
                carry_out(step, engine, wish, changes, author)
            return answer(step)

        return await self._store.change(work)
