"""Webhooks made, changed and deleted by a call; what they were sent, and sending it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from ..core.catalog import Datastore
from ..core.errors import no_place
from ..core.limits import REPLAYED_MAX
from ..core.record import record
from ..core.saved import Webhook
from ..storage import deliveries
from ..storage.deliveries import Attempt, Delivery, State
from .design import Scene, Wish
from .design_parts import Parts, Place, Wishing, find_part
from .webhooks import lane_of

T = TypeVar("T")
WEBHOOKS: Final = Parts("webhook", "webhooks")  # what was to be sent to one deleted is sent no more


@record
class Range:
    """Which deliveries are meant: those in a state, of events between two times."""

    state: State
    since: int = 0  # ms, included
    until: int | None = None  # ms, included


@record
class Told:
    """A delivery with what came of its tries."""

    delivery: Delivery
    attempts: tuple[Attempt, ...]


def find_webhook(scene: Scene, place: Place, ref: str) -> tuple[Datastore, Webhook]:
    """A webhook of a datastore that the actor may design. Raises 404, 403."""
    return find_part(scene, place, "webhook", Datastore.find_webhook, ref)


def list_webhooks(scene: Scene, place: Place) -> tuple[Webhook, ...]:
    """The webhooks of a datastore that the actor may design, in their order."""
    return scene.designed_datastore(place.datastore, place.project).webhooks


def change_secret(place: Place, ref: str) -> Wishing:
    """Another secret; the one before it signs beside it."""

    def wish(scene: Scene) -> Wish:
        _, webhook = find_webhook(scene, place, ref)
        number = webhook.secret_number + 1
        return WEBHOOKS.update(place, ref, {"secret_number": number})(scene)

    return wish


# --- deliveries -------------------------------------------------------------------------------


def list_sent(
    scene: Scene, found: Webhook, state: State | None, before: str, limit: int
) -> list[Delivery]:
    """The deliveries to a webhook, newest event first."""
    return deliveries.list_deliveries(scene.connection, lane_of(found), state, before, limit)


def get_sent(scene: Scene, found: Webhook, event: str) -> Told:
    """One delivery, with its tries. Raises 404."""
    one = deliveries.find_delivery(scene.connection, lane_of(found), event)
    if one is None:
        raise no_place("delivery", event)
    return Told(one, tuple(deliveries.list_attempts(scene.connection, one.id)))


def replay_one(event: str) -> Callable[[Scene, Webhook], int]:
    """Send an event again. Raises 404."""

    def replay(scene: Scene, found: Webhook) -> int:
        get_sent(scene, found, event)
        lane = lane_of(found)
        return deliveries.replay(scene.connection, lane, [event], scene.now_ms)

    return replay


def replay_range(which: Range) -> Callable[[Scene, Webhook], int]:
    """Send many events again, the oldest first, up to a bound; how many there were."""

    def replay(scene: Scene, found: Webhook) -> int:
        events = deliveries.list_finished(
            scene.connection,
            lane_of(found),
            which.state,
            (which.since, scene.now_ms if which.until is None else which.until),
            REPLAYED_MAX,
        )
        return deliveries.replay(scene.connection, lane_of(found), events, scene.now_ms)

    return replay


def with_webhook(place: Place, ref: str, fn: Callable[[Scene, Webhook], T]) -> Callable[[Scene], T]:
    """Run with a webhook that the actor may design. Raises 404, 403."""
    return lambda scene: fn(scene, find_webhook(scene, place, ref)[1])
