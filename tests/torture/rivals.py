"""Several processes on one database: the same items, values, counters and definitions."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

from hikidashi.core.commands import Entry, Op, WriteItem
from hikidashi.storage.definition_bodies import Definition
from hikidashi.storage.definitions import Edit, change_definitions
from hikidashi.storage.store import Store

from .doors import HttpDoor
from .kills import Say, Summary, check_database, prepare
from .ledger import Attempt, Ledger
from .load import Load, run_clients
from .servers import ServerProcess, Spawner
from .world import ORDERS, PROJECT, WallClock, World, engine_of, make_engine, make_store, new_field

HOT_ITEMS = 12  # what all clients write to
RACERS = 64


async def share_under_load(
    url: str,
    spawner: Spawner,
    *,
    servers: int,
    seconds: float,
    seed: int,
    clients: int = 32,
    races: int = 5,
    changes: int = 3,
    say: Say = lambda _: None,
) -> Summary:
    """Clients of all servers write to the same few items; races for one revision; definitions
    that another process changes meanwhile."""
    rng = random.Random(seed)
    world = await prepare(url, rng)
    ledger = Ledger()
    load = Load(seed, ledger, hot=HOT_ITEMS)
    summary = Summary(f"{servers} servers on {engine_of(url)}", seed)
    running = [ServerProcess(spawner, url) for _ in range(servers)]
    try:
        for one in running:
            one.start()
        doors = [HttpDoor(running[at % servers].port) for at in range(max(clients, RACERS))]
        say(f"{servers} servers, {clients} clients, {seconds} s")
        work = asyncio.create_task(run_clients(load, list(doors[:clients]), seconds))
        summary.problems += await _change_definitions(url, world, ledger, running, rng, changes)
        await work
        for race in range(races):
            summary.problems += await _race(ledger, doors[:RACERS], f"race{race}")
        summary.turns = races + changes
        for door in doors:
            door.close()
        statuses = ledger.statuses()
        if statuses[503] or statuses[0]:
            texts = {one.reply.text for one in ledger.attempts if one.reply.status in (503, 0)}
            summary.problems.append(
                f"{statuses[503]} answers were 503, {statuses[0]} none: {texts}"
            )
        summary.problems += check_database(url, world, ledger)
        summary.notes.append(f"statuses {dict(statuses)}")
    finally:
        for one in running:
            if summary.problems:
                summary.notes.append(f"log: {one.errors()[-600:]}")
            one.close()
    return summary.count(ledger)


# --- one revision, many writers ---------------------------------------------------------------


async def _race(ledger: Ledger, doors: list[HttpDoor], name: str) -> list[str]:
    """All send the revision 1 of one item at once: exactly one is answered 200."""
    start = _new(name, {"name": name})
    await _send(ledger, doors[0], start)
    attempts = [_update(f"{name}-{at}", start.reply.item) for at in range(len(doors))]
    await asyncio.gather(
        *[_send(ledger, door, one) for door, one in zip(doors, attempts, strict=True)]
    )
    found = Counter(one.reply.status for one in attempts)
    if found == Counter({200: 1, 409: len(doors) - 1}):
        return []
    return [f"{name}: {dict(found)} of {len(doors)} that sent the same revision"]


def _new(mark: str, values: dict[str, object]) -> Attempt:
    command = WriteItem(PROJECT, Entry(Op.NEW, ORDERS, values=values), comment=mark)
    return Attempt(mark, command, "create", [Counter({(ORDERS, "new"): 1})])


def _update(mark: str, item: str) -> Attempt:
    entry = Entry(Op.UPDATE, ORDERS, item, values={"note": mark}, revision=1)
    command = WriteItem(PROJECT, entry, comment=mark)
    return Attempt(mark, command, "update", [Counter({(ORDERS, "update"): 1})], item=item)


async def _send(ledger: Ledger, door: HttpDoor, attempt: Attempt) -> None:
    ledger.begin(attempt)
    ledger.end(attempt, await door.send(attempt.command))


# --- definitions ------------------------------------------------------------------------------


async def _change_definitions(
    url: str,
    world: World,
    ledger: Ledger,
    servers: list[ServerProcess],
    rng: random.Random,
    changes: int,
) -> list[str]:
    """As the command line does it: a store of another process defines and deletes fields."""
    problems: list[str] = []
    store = make_store(make_engine(url), rng)
    await store.open()
    doors = [HttpDoor(one.port) for one in servers]
    try:
        for change in range(changes):
            await asyncio.sleep(rng.uniform(0.05, 0.3))
            field = new_field(world, rng, f"extra{change}")
            await _edit(store, world, Edit(None, field))
            problems += await _expect(ledger, doors, field, 200)
            await _edit(store, world, Edit(field, None))
            problems += await _expect(ledger, doors, field, 400)
    finally:
        for door in doors:
            door.close()
        await store.close()
    return problems


async def _edit(store: Store, world: World, edit: Edit) -> None:
    workspace, now_ms = world.me.workspace, WallClock().now_ms()
    await store.change(lambda one: change_definitions(one, store.engine, workspace, [edit], now_ms))


async def _expect(
    ledger: Ledger, doors: list[HttpDoor], field: Definition, status: int
) -> list[str]:
    """What each server answers to the next write that names the field."""
    problems: list[str] = []
    for at, door in enumerate(doors):
        mark = f"{field.display_id}-{status}-{at}"
        door.close()  # a server closes a connection that is idle for some seconds
        attempt = _new(mark, {"name": mark, field.display_id: "x"})
        await _send(ledger, door, attempt)
        if attempt.reply.status != status:
            told = f"{attempt.reply.status} {attempt.reply.text}"
            problems.append(f"{mark}: answered {told}, not {status}")
    return problems
