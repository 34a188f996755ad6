"""What a delete takes along: visible items that links lead to, in the datastores listed. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from .access import may_execute
from .actions import Operation
from .catalog import Datastore
from .commands import EntryRequest, Op
from .draft import Scope
from .errors import Fault, FaultError, not_deleted, too_many_linked
from .items import Item, SnapshotMissError
from .limits import LINKED_DELETES_MAX, LINKED_READ_MAX
from .touches import Touches


def find_linked(
    root: Item, listed: Sequence[Datastore], scope: Scope
) -> tuple[list[EntryRequest], list[Fault]]:
    """Deletes of the linked items, nearest first, and a note for each that has to stay.

    The links of an item that stays are not followed. Raises 400 where a datastore has too many.
    """
    walk = _Walk(root, listed, scope)
    frontier = [root.id]
    while frontier:
        frontier = [one.id for one in walk.step(frontier)]
    return walk.entries, walk.notes


class _Walk:
    """A walk along the links, level by level."""

    def __init__(self, root: Item, listed: Sequence[Datastore], scope: Scope) -> None:
        self._scope = scope
        self._places = {one.id: one for one in listed}
        self._seen: dict[str, set[str]] = {one.id: set() for one in listed}
        self._deleted: dict[str, int] = dict.fromkeys(self._places, 0)
        self._root = root.id
        self.entries: list[EntryRequest] = []
        self.notes: list[Fault] = []

    def step(self, frontier: Sequence[str]) -> list[Item]:
        """The items to delete that links of these lead to, and that were not met before."""
        targets = self._targets(frontier)
        snapshot = self._scope.snapshot
        miss = Touches()
        for place, item in targets:
            if (place, item) not in snapshot.items:
                miss.item(place, item)
        if miss.items:  # all at once: each miss costs a read
            raise SnapshotMissError(miss)
        found = (snapshot.find_item(place, item) for place, item in targets)
        return [one for one in found if one is not None and self._takes(one)]

    def _targets(self, frontier: Sequence[str]) -> list[tuple[str, str]]:
        targets: list[tuple[str, str]] = []
        for link in self._scope.snapshot.links_into(frontier, tuple(self._places)):
            seen = self._seen[link.to_datastore]
            if link.to_item == self._root or link.to_item in seen:
                continue
            seen.add(link.to_item)
            if len(seen) > LINKED_READ_MAX:
                raise self._too_many(link.to_datastore, LINKED_READ_MAX)
            targets.append((link.to_datastore, link.to_item))
        return targets

    def _takes(self, item: Item) -> bool:
        scope = self._scope
        if item.keys.isdisjoint(scope.actor.keyring):
            return False  # it is not there for the caller
        place = self._places[item.datastore]
        action = place.default_action(Operation.DELETE)
        if (
            action is None
            or not may_execute(scope.actor, action)
            or (action.status and action.status != item.status)
        ):
            self.notes.append(not_deleted(item.id, place.display_id, place.id))
            return False
        count = self._deleted[place.id] = self._deleted[place.id] + 1
        if count > LINKED_DELETES_MAX:
            raise self._too_many(place.id, LINKED_DELETES_MAX)
        self.entries.append(
            EntryRequest(
                operation=Op.DELETE,
                datastore=place,
                path=f"{place.id}/{count - 1}",
                item=item.id,
                row=None,
                action=action,
                action_ref="",
                values={},
                faults=(),
                revision=None,
                checks_revision=False,
                found_at=None,
                link_to_parent=False,
                publish=None,
                related=(),
            )
        )
        return True

    def _too_many(self, place: str, most: int) -> FaultError:
        return too_many_linked(self._places[place].display_id, place, most)
