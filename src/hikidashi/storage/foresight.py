"""What a write would make of its item, found over a connection that can only read.

It makes the checks that planning makes, without a lock: planning makes them again.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core.access import Actor
from ..core.catalog import Catalog
from ..core.commands import Op, WriteRequest
from ..core.computed import calc_plan, make_title
from ..core.draft import Draft, Scope, make_draft
from ..core.errors import unavailable
from ..core.items import Item, Snapshot, SnapshotMissError
from ..core.limits import MISSES_MAX
from ..core.record import record
from ..core.touches import Touches
from .access_sets import AccessSets
from .engines import Connection, Engine
from .snapshot import SnapshotReader

_READ = ("items", "seen", "rows", "holders", "numbers", "users", "files", "reserved")


@record
class Foreseen:
    """An item as a write would leave it, and as it is."""

    draft: Draft
    item: Item  # under DELETE as it is; a new one has no id, number or revision
    before: Item | None  # None: it is not there yet


class Outlook:
    """What some requests look at under one catalogue, read at once."""

    def __init__(
        self,
        engine: Engine,
        connection: Connection,
        access: AccessSets,
        catalog: Catalog,
        requests: Sequence[WriteRequest],
    ) -> None:
        self._catalog = catalog
        self._snapshot = Snapshot()
        self._reader = SnapshotReader(
            engine, connection, access, catalog.find_datastore, locks=False
        )
        touches = Touches()
        for one in requests:
            touches.add(_looked_at(one.touches))
        self._reader.read(self._snapshot, touches)

    def foresee(self, actor: Actor, request: WriteRequest, now: int) -> Foreseen:
        """Check the item of a request, none of those related to it. Raises FaultError."""
        scope = Scope(self._snapshot, actor, self._catalog, request.command.force)
        for _ in range(MISSES_MAX):
            try:
                draft = make_draft(request.entry, scope, request.entry.publish)
                return Foreseen(draft, _image(draft, scope, now), draft.before)
            except SnapshotMissError as miss:
                self._reader.read(self._snapshot, _looked_at(miss.touches))
        raise unavailable("the write needs more to be read than one write may")


def _looked_at(touches: Touches) -> Touches:
    """What of the touches can be read without writing: no counter is made, no number reserved."""
    looked = Touches()
    for name in _READ:
        if name in touches.__dict__:
            looked.__dict__[name] = touches.__dict__[name]
    return looked


def _image(draft: Draft, scope: Scope, now: int) -> Item:
    datastore, before = draft.entry.datastore, draft.before
    if before is not None and draft.entry.operation is Op.DELETE:
        return before
    values = dict(draft.values)
    if datastore.calc_fields:
        plan = calc_plan(datastore, scope.catalog)
        values |= plan.compute(values, draft.status, now, scope.snapshot.find_seen)
    user = scope.actor.user
    return Item(
        datastore.id,
        before.id if before else draft.entry.item if draft.entry.operation is Op.NEW else "",
        before.n if before else 0,
        before.rev if before else 0,
        before.seq if before else 0,
        draft.status,
        make_title(datastore, values),
        before.created_at if before else now,
        before.created_by if before else user,
        now if before else None,
        user if before else "",
        draft.keys,
        values,
    )
