"""What the relay of events expects of those who follow them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from ..core.catalog import Catalog
from ..core.events import Event


class DeliveryError(Exception):
    """A delivery that did not come through. `log`: JSON to be kept of the try, "" for nothing."""

    def __init__(self, reason: str, log: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.log = log


class RetriableError(DeliveryError):
    """It may come through later: it is tried again, up to a day long."""


class FinalError(DeliveryError):
    """No further try would help: it is parked at once."""


class Consumer(Protocol):
    """One who follows events: webhooks, scripts, links by rule.

    A delivery is one event for one target, made at least once: a process may be killed after it
    delivered and before that is written. Deliveries of an item to a target come in the order of
    its events; one that fails holds up those after it until it is parked.
    """

    @property
    def name(self) -> str:
        """A word without a colon, kept in the database."""

    @property
    def timeout_s(self) -> float:
        """How long one delivery may take; it is cancelled, and tried again later, after that."""

    @property
    def concurrency(self) -> int:
        """How many deliveries to one target a process has under way at once."""

    @property
    def keeps(self) -> bool:
        """Whether deliveries that came through are kept for a while, with what is told of each try,
        and can be replayed. One that is parked is kept in any case."""

    @property
    def gives_way(self) -> bool:
        """Whether its deliveries have but a part of the time while others write."""

    def targets_of(self, catalog: Catalog) -> Iterable[str]:
        """The ids of all targets that an event of a workspace could be for. Where nobody has any,
        events are not even read; on a thread, as `wants`."""

    def wants(self, event: Event, catalog: Catalog) -> tuple[str, ...]:
        """The ids of the targets that an event is for, under definitions as they are when it is
        taken from the outbox. Asked for each event, on a thread: it must be quick and only look at
        its arguments."""

    async def close(self) -> None:
        """Release what is held open; the relay has stopped. It may be asked for nothing after it."""

    def expect(self, events: Sequence[Event], target: str) -> None:
        """These are delivered to a target next, if nothing happens: what they need may be read
        together. It is only a hint, and must not block."""

    async def deliver(self, event: Event, target: str) -> str:
        """Deliver an event, and tell what is to be kept of that: JSON, or "".

        The target may be gone by now: then there is nothing to do. Raises RetriableError or
        FinalError; any other exception is a bug, which is logged and tried again.
        """
