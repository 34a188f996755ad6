"""A PostgreSQL that stops at once, and connections that are cut, under load."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import psycopg

from tests.postgres import Server

from .doors import HttpDoor
from .kills import Say, Summary, check_database, prepare
from .ledger import Attempt, Ledger
from .load import Load
from .servers import ServerProcess, Spawner

RECOVERY_SECONDS_MAX = 10.0


def cut_connections(url: str) -> int:
    """End every other connection to the database, whatever it is doing."""
    with psycopg.connect(
        url, autocommit=True, connect_timeout=30, options="-c statement_timeout=30s"
    ) as admin:
        row = admin.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()
    return int(row[0]) if row else 0


async def stop_database_under_load(
    postgres: Server,
    url: str,
    spawner: Spawner,
    *,
    stops: int,
    cuts: int,
    seed: int,
    clients: int = 16,
    say: Say = lambda _: None,
) -> Summary:
    """Stop it without a checkpoint and start it again; cut connections; check."""
    rng = random.Random(seed)
    world = await prepare(url, rng)
    ledger = Ledger()
    load = Load(seed, ledger)
    summary = Summary("outages of postgresql", seed)
    server = ServerProcess(spawner, url).start()
    doors = [HttpDoor(server.port) for _ in range(clients)]
    stopping = asyncio.Event()
    work = asyncio.gather(*[load.client(one, stopping.is_set) for one in doors])
    slowest = 0.0
    turns = ["cut"] * cuts + ["stop"] * stops
    rng.shuffle(turns)
    try:
        for turn in turns:
            await asyncio.sleep(rng.uniform(0.05, 0.4))
            if turn == "cut":
                await asyncio.to_thread(cut_connections, url)
            else:
                summary.problems += await _stop_and_start(postgres, ledger, rng)
            slowest = max(slowest, await _until_acknowledged(ledger))
            summary.turns += 1
            say(f"{turn} {summary.turns}: {dict(ledger.count())}")
        await asyncio.sleep(0.2)
        stopping.set()
        await work
        for one in doors:
            one.close()
        summary.problems += check_database(url, world, ledger)
    finally:
        stopping.set()
        server.close()
    summary.notes.append(f"statuses {dict(ledger.statuses())}; slowest recovery {slowest:.2f} s")
    return summary.count(ledger)


async def _stop_and_start(postgres: Server, ledger: Ledger, rng: random.Random) -> list[str]:
    """What was answered to writes that began and ended while nothing was there but 503."""
    await asyncio.to_thread(postgres.stop, "immediate")
    began = ledger.tick
    inside: list[Attempt] = []
    for _ in range(40):  # once is enough, but on a machine that has other things to do
        await asyncio.sleep(rng.uniform(0.1, 0.4))
        ended = ledger.tick
        inside = [one for one in ledger.attempts if began < one.started and 0 < one.ended < ended]
        if inside:
            break
    await asyncio.to_thread(postgres.start)
    found = Counter(one.reply.status for one in inside)
    wrong = {status: count for status, count in found.items() if status != 503}
    if not inside:
        return ["nothing was answered while the database was away"]
    return [f"answers without a database: {wrong}"] if wrong else []


async def _until_acknowledged(ledger: Ledger) -> float:
    """Seconds until a write that began after now is acknowledged. Raises TimeoutError."""
    loop = asyncio.get_running_loop()
    start, began = loop.time(), ledger.tick
    while loop.time() - start < RECOVERY_SECONDS_MAX:
        if any(one.started > began and one.reply.status == 200 for one in ledger.attempts[-200:]):
            return loop.time() - start
        await asyncio.sleep(0.01)
    raise TimeoutError(f"no write was acknowledged for {RECOVERY_SECONDS_MAX} s")
