"""Links made by rule, behind writes and for the items that are there already.

Whatever asks for it, an item is linked by the one command that does it, as often as it takes: each
time it makes so many links at most, and a time with nothing to do changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..core.access import Identity
from ..core.catalog import Catalog
from ..core.commands import FollowRules
from ..core.errors import FaultError, FaultKind
from ..core.events import Event, EventKind
from ..core.plan import RuleResult
from ..storage.store import Store
from .consumers import RetriableError

_FOLLOWED: Final = (EventKind.CREATED, EventKind.UPDATED)
_PASSING: Final = (FaultKind.UNAVAILABLE, FaultKind.CRASHED)


async def link_item(
    store: Store, workspace: str, datastore: str, item: str, user: str = ""
) -> bool:
    """Bring the links of an item in line with the rules; False if something is left that can't be
    linked yet: an import holds it. Raises FaultError."""
    server = Identity("", workspace)
    while True:
        result = await store.submit(server, FollowRules(datastore, item, user))
        if not isinstance(result, RuleResult):
            raise TypeError(result)
        if not result.has_more:
            return True
        if not result.count:
            return False


class RuleLinks:
    """Follows events of items, and links them by rule.

    Links that it makes have an event of their own, which it does not follow: one rule never leads
    to another.
    """

    name = "rules"
    timeout_s = 60.0
    concurrency = 4
    keeps = False
    gives_way = False

    def __init__(self, store: Store) -> None:
        self._store = store

    def targets_of(self, catalog: Catalog) -> tuple[str, ...]:
        """The workspace itself, if it has rules."""
        return (catalog.workspace,) if catalog.has_rules else ()

    def wants(self, event: Event, catalog: Catalog) -> tuple[str, ...]:
        """An item that is new or has changed, of a datastore that rules are about."""
        if event.kind not in _FOLLOWED or not event.is_changed:
            return ()
        return (event.workspace,) if catalog.rules_of(event.datastore) else ()

    def expect(self, events: Sequence[Event], target: str) -> None:
        """Nothing is read ahead."""

    async def deliver(self, event: Event, target: str) -> str:
        """Link the item as it is by now; there is nothing to tell."""
        try:
            is_done = await link_item(
                self._store, event.workspace, event.datastore, event.item, event.user
            )
        except FaultError as error:
            if error.kind in _PASSING:
                raise RetriableError(error.faults[0].error) from None
            return ""  # its datastore is gone
        if not is_done:
            raise RetriableError("an import that is under way holds items to be linked")
        return ""

    async def close(self) -> None:
        """Nothing is held."""
