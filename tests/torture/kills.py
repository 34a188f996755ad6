"""SIGKILL under load, again and again, on one database."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from hikidashi.storage.engines import Engine, EngineError

from .checker import check
from .doors import HttpDoor
from .ledger import Ledger
from .load import Load, resend
from .servers import ServerProcess, Spawner
from .state import State, read_state
from .world import World, build_world, engine_of, make_engine, make_store

Say = Callable[[str], None]


@dataclass
class Summary:
    """What a torture came to."""

    title: str
    seed: int
    turns: int = 0
    done: int = 0
    refused: int = 0
    unknown: int = 0
    resent: int = 0
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def count(self, ledger: Ledger) -> Summary:
        """Take the ledger's counts."""
        counted = ledger.count()
        self.done, self.refused = counted["done"], counted["refused"]
        self.unknown = counted["unknown"]
        return self

    def __str__(self) -> str:
        words = (
            f"{self.title} (seed {self.seed}): {self.turns} turns, {self.done} acknowledged,"
            f" {self.refused} refused, {self.unknown} open, {self.resent} sent again"
        )
        return "\n".join((words, *(f"  {one}" for one in self.notes), *self._told()))

    def _told(self) -> list[str]:
        return [f"  PROBLEM: {one}" for one in self.problems] or ["  no problem"]


async def prepare(url: str, rng: random.Random) -> World:
    """A world in an empty database."""
    store = make_store(make_engine(url), rng)
    await store.open()
    try:
        return await build_world(store, rng)
    finally:
        await store.close()


def look(engine: Engine, world: World) -> State:
    """Everything the database holds now."""
    connection = engine.connect(read_only=True)
    try:
        return read_state(connection, world.me.workspace)
    finally:
        connection.close()


def check_database(url: str, world: World, ledger: Ledger) -> list[str]:
    """The database's own check, then ours."""
    engine = make_engine(url)
    return check_files(engine) + check(look(engine, world), world, ledger)


def check_files(engine: Engine) -> list[str]:
    """What the database says of its own files and indexes."""
    connection = engine.connect()
    try:
        if engine.name == "sqlite":
            found = [row[0] for row in connection.query("PRAGMA integrity_check")]
            return [] if found == ["ok"] else found
        connection.query("CREATE EXTENSION IF NOT EXISTS amcheck")
        connection.query(
            "SELECT count(bt_index_check(c.oid, true)) FROM pg_class c"
            " JOIN pg_am a ON a.oid = c.relam JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind = 'i' AND a.amname = 'btree' AND n.nspname = 'public'"
        )
    except EngineError as error:  # a broken file says so in many ways
        return [f"the database is broken: {error}"]
    finally:
        connection.close()
    return []


async def kill_under_load(
    url: str,
    spawner: Spawner,
    *,
    kills: int,
    seed: int,
    clients: int = 16,
    check_each: int = 1,
    say: Say = lambda _: None,
) -> Summary:
    """Start, load, SIGKILL at a random moment, start again, send open writes again, check."""
    rng = random.Random(seed)
    world = await prepare(url, rng)
    ledger = Ledger()
    load = Load(seed, ledger)
    summary = Summary(f"SIGKILL on {engine_of(url)}", seed)
    server = ServerProcess(spawner, url)
    try:
        for turn in range(1, kills + 2):
            server.start()
            doors = [HttpDoor(server.port) for _ in range(clients)]
            summary.resent += await resend(ledger, load, doors[0])
            stopping = asyncio.Event()
            work = asyncio.gather(*[load.client(one, stopping.is_set) for one in doors])
            await asyncio.sleep(rng.uniform(0.05, 0.4))
            is_last = turn > kills  # that one is told to stop
            code = await asyncio.to_thread(server.stop if is_last else server.kill)
            stopping.set()
            await work
            for one in doors:
                one.close()
            if is_last and code != 0:
                summary.problems.append(f"told to stop, it ended with {code}: {server.errors()}")
            if turn % check_each == 0 or turn >= kills:
                summary.problems += check_database(url, world, ledger)
                say(f"kill {turn}: {dict(ledger.count())}, {len(summary.problems)} problems")
            if summary.problems:
                break
            summary.turns = min(turn, kills)
        summary.notes.append(_told_of_open(url, world, ledger))
    finally:
        server.close()
    return summary.count(ledger)


def _told_of_open(url: str, world: World, ledger: Ledger) -> str:
    """How many of the writes without an answer had been done when the server was killed."""
    state = look(make_engine(url), world)
    there = {row.comment for rows in state.histories.values() for row in rows}
    open_ = [one for one in ledger.attempts if one.reply.status == 0]
    return f"{len(open_)} left open, {sum(one.mark in there for one in open_)} of them are there"
