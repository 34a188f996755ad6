"""Writes of what a search finds: bulk actions, deletes by conditions, what a delete takes along."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace

from ..core.access import Identity, may_use_datastore
from ..core.catalog import Datastore
from ..core.commands import Command, Refuse, Target, WriteFound, WriteItem
from ..core.errors import FaultError, faults_left_out, invalid_request
from ..core.limits import FAULTS_TOLD_MAX, FOUND_PORTION, LINKED_DELETES_MAX
from ..core.places import get_datastore, get_project
from ..core.plan import ItemsResult, Result
from ..core.query import AllOf, Query, RangeTest, SystemKey
from ..core.record import record
from ..storage import items as stored
from ..storage.idempotency import Remember, Replay
from ..storage.search import count_items, list_ids
from ..storage.telling import PLAINLY, Telling, Told
from .app import App, Prepare, View
from .scripts import make_judge


@record
class Wanted:
    """A search, and what is to be done to what it finds."""

    query: Callable[[View], Query]
    command: WriteFound  # without its targets
    revisions: Mapping[str, int] = field(default_factory=dict)  # that the caller knew, by item


def refusing(prepare: Prepare, telling: Telling) -> Prepare:
    """The same; what the search finds wrong is told, and kept, as what planning finds wrong is."""

    def read(view: View, *, is_final: bool) -> tuple[Command, Telling]:
        try:
            return prepare(view, is_final=is_final)
        except FaultError as error:
            return Refuse(error), telling

    return read


# --- bulk actions -----------------------------------------------------------------------------


async def run_bulk(
    app: App, identity: Identity, wanted: Wanted, telling: Telling
) -> Result | Replay | Told:
    """ExecuteBulkAction: one search, one transaction."""
    most = wanted.command.most
    judge = make_judge(app, identity)

    def prepare(view: View, *, is_final: bool) -> tuple[Command, Telling]:
        query, keyring = wanted.query(view), view.actor.keyring
        found = list_ids(view.connection, query, keyring, most + 1)
        matched = len(found)
        if matched > most:
            matched = max(matched, count_items(view.connection, query, keyring))
        targets = tuple(
            Target(item, rev, wanted.revisions.get(item)) for item, rev, _ in found[:most]
        )
        command = replace(wanted.command, targets=targets, matched=matched, is_final=is_final)
        return command, telling

    return await app.run_found(identity, refusing(prepare, telling), judge)


# --- deletes by conditions --------------------------------------------------------------------


async def delete_found(
    app: App, identity: Identity, wanted: Wanted, telling: Telling
) -> Result | Replay | Told:
    """DeleteItemByConditions: portion by portion, in the order of creation.

    Each is a transaction of its own. The answer is kept with the last one, so a request that
    was cut off before that goes on where it stopped when it is sent again.
    """
    if telling.remember is not None:
        replay = await app.find_replay(telling.remember)
        if replay is not None:
            return replay
    walk = _Walk(wanted, telling)
    while True:
        judge = make_judge(app, identity)
        outcome = await app.run_found(identity, refusing(walk.prepare, telling), judge)
        if not isinstance(outcome, ItemsResult):
            return outcome
        walk.done = walk.merged(outcome)
        identity = replace(identity, session="")  # it ends here, wherever its user goes
        if walk.is_over:
            return walk.done


class _Walk:
    """Where a delete stands, and what came of it so far."""

    def __init__(self, wanted: Wanted, telling: Telling) -> None:
        self.done = ItemsResult((), (), (), 0)
        self.is_over = False
        self._wanted = wanted
        self._telling = telling
        self._after = 0  # row number of the last item looked at
        self._next = 0

    def prepare(self, view: View, *, is_final: bool) -> tuple[Command, Telling]:
        """The next portion, and what becomes of its answer."""
        query = self._wanted.query(view)
        behind = RangeTest(SystemKey.ROW, low=self._after, low_included=False)
        query = replace(query, condition=AllOf((query.condition, behind)), sorts=())
        keyring = view.actor.keyring
        found = list_ids(view.connection, query, keyring, FOUND_PORTION + 1)
        self.is_over = len(found) <= FOUND_PORTION
        if self._telling.is_dry and not self.is_over:
            raise invalid_request(f"dry_run shows the deletes of {FOUND_PORTION} items at most")
        portion = found[:FOUND_PORTION]
        self._next = portion[-1][2] if portion else 0
        command = replace(
            self._wanted.command,
            targets=tuple(Target(item, rev) for item, rev, _ in portion),
            matched=len(portion),
            is_final=is_final,
        )
        return command, self._told_at_the_end() if self.is_over else PLAINLY

    def merged(self, outcome: ItemsResult) -> ItemsResult:
        """All portions up to this one as if they were one."""
        self._after = self._next
        faults = (*self.done.faults, *outcome.faults)
        if len(faults) > FAULTS_TOLD_MAX:
            faults = (*faults[:FAULTS_TOLD_MAX], faults_left_out())
        return ItemsResult((), (), faults, self.done.matched + outcome.matched)

    def _told_at_the_end(self) -> Telling:
        remember = self._telling.remember
        if remember is None:
            return self._telling

        def encode(outcome: Result | FaultError) -> tuple[int, str]:
            whole = self.merged(outcome) if isinstance(outcome, ItemsResult) else outcome
            return remember.encode(whole)

        return Telling(Remember(remember.key_hash, remember.body_hash, encode))


# --- what a delete takes along ----------------------------------------------------------------


async def delete_with_linked(
    app: App, identity: Identity, command: WriteItem, telling: Telling
) -> Result | Replay | Told:
    """DeleteItem with linked items: those found now are read ahead, the transaction decides."""

    def prepare(view: View, *, is_final: bool) -> tuple[Command, Telling]:  # noqa: ARG001
        linked = command.linked
        if linked is None:
            return command, telling
        catalog, actor = view.catalog, view.actor
        place = get_datastore(catalog, actor, command.project, command.entry.datastore)
        project = get_project(catalog, actor, place.project)
        listed = [one for ref in linked.datastores if (one := project.find_datastore(ref))]
        usable = {one.id: one for one in listed if may_use_datastore(actor, one)}
        foreseen = _foresee(view, command.entry.item, list(usable.values()))
        return replace(command, linked=replace(linked, foreseen=foreseen)), telling

    judge = make_judge(app, identity)
    return await app.run_found(identity, refusing(prepare, telling), judge)


def _foresee(view: View, root: str, listed: Sequence[Datastore]) -> tuple[tuple[str, str], ...]:
    """The items that links lead to, level by level; no more than what a delete may take along."""
    found: dict[str, dict[str, None]] = {one.id: {} for one in listed}
    frontier = [root]
    while frontier:
        following: list[str] = []
        for place in listed:
            known = found[place.id]
            if len(known) > LINKED_DELETES_MAX:
                continue
            for item in stored.list_linked_to(
                view.connection, place, frontier, view.actor.keyring, LINKED_DELETES_MAX + 1
            ):
                if item not in known and item != root:
                    known[item] = None
                    following.append(item)
        frontier = following
    return tuple((place, item) for place, items in found.items() for item in items)
