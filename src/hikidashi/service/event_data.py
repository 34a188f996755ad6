"""What follows an event reads of it: as the user who acted, the item as that write left it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..core.access import Identity
from ..core.catalog import Datastore
from ..core.errors import FaultError, FaultKind
from ..core.events import Event, EventKind
from .app import App, View
from .consumers import FinalError, RetriableError
from .item_data import Act, item_data
from .revisions import item_after

T = TypeVar("T")


async def read_event(app: App, event: Event, fn: Callable[[View], T]) -> T:
    """Read for a delivery of an event. Raises RetriableError, FinalError."""
    try:
        return await app.read(Identity(event.user, event.workspace), fn)
    except FaultError as fault:
        kind = RetriableError if fault.kind is FaultKind.UNAVAILABLE else FinalError
        words = f"the item could not be read: {fault.faults[0].description}"
        raise kind(words) from fault


def event_data(view: View, datastore: Datastore, event: Event) -> dict[str, object]:
    """`data` of the write that an event tells of."""
    is_deleted = event.kind is EventKind.DELETED
    item = item_after(view, datastore, event.item, event.rev, is_deleted=is_deleted)
    action = datastore.find_action(event.action)
    act = Act(event.action, action, event.history, event.transaction, as_params=event.as_params)
    return item_data(view, datastore, item, act)
