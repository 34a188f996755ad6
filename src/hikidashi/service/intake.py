"""What the relay takes from the outbox next, and what it leaves there while others write.

To take an event costs a fifth of the write that made it. So, while others write and those who give
way to them have enough to do, what only these are told of waits in the outbox.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set as AbstractSet

from ..core.catalog import Catalog
from ..core.events import Event
from ..core.limits import EVENTS_TAKEN_MAX
from ..core.record import record
from ..storage.engines import Connection
from ..storage.outbox import Head, list_events, list_heads
from ..storage.store import Store
from .consumers import Consumer


@record
class Left:
    """What stays in the outbox: all events of some workspaces, and of no other, up to a mark.

    What comes of these behind the mark stays as well until nothing is before it, so that events
    keep their order.
    """

    workspaces: frozenset[str] = frozenset()
    mark: str = ""  # the id of an event


@record
class Taken:
    """Events that are to be taken from the outbox."""

    ids: tuple[str, ...]
    wanted: tuple[tuple[str, Event], ...]  # each with the lane that it is for
    is_full: bool  # there are more
    left: Left  # once they are taken


class Intake:
    """Looks at the outbox, one look at a time."""

    def __init__(self, store: Store, consumers: Mapping[str, Consumer]) -> None:
        self._store = store
        self._consumers = consumers
        self._left = Left()

    def note(self, taken: Taken) -> None:
        """What a look gave has been taken."""
        self._left = taken.left

    def look(self, connection: Connection, busy: AbstractSet[str]) -> Taken:
        """The next events, on a thread. `busy`: lanes that have enough to do for now."""
        catalogs = _Catalogs(self._store, connection)
        left, mark, before = self._left.workspaces, self._left.mark, list[Head]()
        if not all(self._may_wait(catalogs[one], busy) for one in left):
            before = list_heads(connection, EVENTS_TAKEN_MAX, upto=mark)
            if len(before) == EVENTS_TAKEN_MAX:
                return self._take(connection, before, catalogs, self._left, is_full=True)
            left = frozenset()
        behind = list_heads(connection, EVENTS_TAKEN_MAX, after=mark)
        workspaces = {one.workspace for one in behind}
        staying = {one for one in workspaces if one in left or self._may_wait(catalogs[one], busy)}
        if staying:
            mark = behind[-1].id
        elif not left:
            mark = ""
        heads = [*before, *(one for one in behind if one.workspace not in staying)]
        is_full = len(behind) == EVENTS_TAKEN_MAX
        return self._take(connection, heads, catalogs, Left(left | staying, mark), is_full=is_full)

    def _may_wait(self, catalog: Catalog | None, busy: AbstractSet[str]) -> bool:
        """Whether events of a workspace are for busy lanes alone. What is for nobody goes at once."""
        lanes = self._lanes(catalog) if busy else ()
        return bool(lanes) and all(one in busy for one in lanes)

    def _lanes(self, catalog: Catalog | None) -> list[str]:
        """All that an event of a workspace could be for."""
        if catalog is None:
            return []
        return [
            f"{consumer.name}:{target}"
            for consumer in self._consumers.values()
            for target in consumer.targets_of(catalog)
        ]

    def _take(
        self,
        connection: Connection,
        heads: Sequence[Head],
        catalogs: _Catalogs,
        left: Left,
        *,
        is_full: bool,
    ) -> Taken:
        """The events of these heads, and who wants them."""
        ids = [one.id for one in heads]
        if not any(self._lanes(catalogs[one]) for one in {one.workspace for one in heads}):
            return Taken(tuple(ids), (), is_full, left)  # for nobody, as most are: not even read
        events = list_events(connection, ids, with_rest=is_full)
        wanted: list[tuple[str, Event]] = []
        for one in events:
            wanted += self._wanted(one, catalogs[one.workspace])
        return Taken(tuple([one.id for one in events]), tuple(wanted), is_full, left)

    def _wanted(self, event: Event, catalog: Catalog | None) -> list[tuple[str, Event]]:
        """The lanes of those who want an event."""
        if catalog is None or not event.run_post:
            return []
        return [
            (f"{consumer.name}:{target}", event)
            for consumer in self._consumers.values()
            for target in consumer.wants(event, catalog)
        ]


class _Catalogs(dict[str, Catalog | None]):
    """The definitions of workspaces as they are now, each looked up once."""

    def __init__(self, store: Store, connection: Connection) -> None:
        super().__init__()
        self._standing = store.standing
        self._connection = connection

    def __missing__(self, workspace: str) -> Catalog | None:
        found = self[workspace] = self._standing.find_catalog(self._connection, workspace)
        return found
