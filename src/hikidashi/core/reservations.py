"""Ids of items that are yet to be made: reserved first, used once, by whoever asked. Pure."""

from __future__ import annotations

from .access import Actor, may_execute
from .actions import Operation
from .catalog import Catalog
from .commands import EntryRequest, ReservationRequest, ReserveItem
from .errors import forbidden, no_item
from .ids import IdSource
from .items import Reservation, Snapshot
from .limits import RESERVATION_LIFE_MS
from .places import get_datastore
from .plan import ReservationResult, ReserveId, WritePlan
from .touches import Touches


def resolve_reservation(command: ReserveItem, catalog: Catalog, actor: Actor) -> ReservationRequest:
    """CreateNewItemID: for those who may make items in the datastore."""
    datastore = get_datastore(catalog, actor, command.project, command.datastore)
    actions = (one for one in datastore.actions if one.operation is Operation.NEW)
    if not any(may_execute(actor, one) for one in actions):
        raise forbidden("no privileges to create items in the datastore")
    return ReservationRequest(command, datastore, Touches())


def plan_reservation(
    request: ReservationRequest, actor: Actor, snapshot: Snapshot, now: int, ids: IdSource
) -> WritePlan:
    """A new id, and the note whose it is."""
    place = request.datastore
    made = Reservation(ids.next_id(), place.workspace, place.id, actor.user, now)
    snapshot.put_reserved(made.item, made)
    return WritePlan((ReserveId(made),), ReservationResult(made.item))


def check_reserved(entry: EntryRequest, snapshot: Snapshot, actor: Actor, now: int) -> None:
    """The id of a new item is reserved for its datastore and its user. Raises 404."""
    kept = snapshot.find_reserved(entry.item)
    if (
        kept is None
        or (kept.datastore, kept.user) != (entry.datastore.id, actor.user)
        or kept.created_at < now - RESERVATION_LIFE_MS
    ):
        raise no_item(entry.item)
