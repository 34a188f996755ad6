"""A relay that turns when a test says so, and one who follows events as a test wants it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hikidashi.core.catalog import Catalog
from hikidashi.core.events import Event
from hikidashi.service.events import EventRelay
from hikidashi.storage import deliveries
from hikidashi.storage.outbox import OUTBOX_COLUMNS, event_row
from tests.api.rest import Rest
from tests.waiting import drain


class Listener:
    """One who follows events, as a test wants it."""

    name = "listener"
    timeout_s = 5.0
    concurrency = 2
    keeps = True
    gives_way = False

    def __init__(self) -> None:
        self.targets: tuple[str, ...] = ("a",)
        self.got: list[tuple[str, Event]] = []
        self.expected: list[tuple[str, list[str]]] = []
        self.fails: dict[str, Exception] = {}  # by target
        self.hangs: set[str] = set()
        self.called = asyncio.Event()
        self.wanted = asyncio.Event()  # those that hang go on
        self.under_way = 0
        self.most_at_once = 0

    def targets_of(self, catalog: Catalog) -> tuple[str, ...]:
        """What a test says, in every workspace."""
        assert catalog.workspace
        return self.targets

    def wants(self, event: Event, catalog: Catalog) -> tuple[str, ...]:
        """What a test says."""
        assert catalog.workspace == event.workspace
        return self.targets

    def expect(self, events: Sequence[Event], target: str) -> None:
        """Note what is coming."""
        self.expected.append((target, [one.id for one in events]))

    async def deliver(self, event: Event, target: str) -> str:
        """Note it."""
        self.called.set()
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            if target in self.hangs:
                await self.wanted.wait()
            await asyncio.sleep(0)
            if target in self.fails:
                raise self.fails[target]
            self.got.append((target, event))
        finally:
            self.under_way -= 1
        return '{"told":1}'

    async def close(self) -> None:
        """Nothing is held."""

    def seqs(self, item: str, target: str = "a") -> list[int]:
        """The events of an item that came, in their order."""
        return [one.seq for to, one in self.got if one.item == item and to == target]


class Station:
    """A shop with a relay that turns when a test says so."""

    def __init__(self, rest: Rest) -> None:
        self.rest = rest
        self.run = rest.run
        self.clock = rest.clock
        self.listener = Listener()
        self.relay = self.another()

    def another(self) -> EventRelay:
        """Another process."""
        app = self.rest.app
        made = EventRelay(app.store, app.clock, app.ids, app.observe, app.config.claim_seconds)
        made.follow(self.listener)
        return made

    async def adrain(self, relay: EventRelay | None = None) -> None:
        await drain(relay or self.relay)

    def drain(self) -> None:
        """Let the relay turn until nothing is left to do now."""
        self.run(self.adrain())

    def update(self, item: str, times: int = 1) -> None:
        for at in range(times):
            body = {"is_force_update": True, "item": {"name": str(at)}}
            path = f"/items/edit/{item}"
            assert self.rest.call("POST", path, body).status == 200

    def states(self) -> list[tuple[str, int]]:
        rows = self.rest.rows("SELECT state, attempts FROM deliveries ORDER BY item_id, seq, lane")
        return [(state, attempts) for state, attempts in rows]

    def put(self, *events: Event) -> None:
        rows = [event_row(one, 0) for one in events]
        insert = deliveries.Insert("outbox", OUTBOX_COLUMNS, rows)
        self.run(self.rest.app.store.change(lambda one: one.write([insert])))
