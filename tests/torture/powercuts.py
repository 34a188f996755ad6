"""Power cuts at random moments of a load on SQLite, some inside COMMIT, some while it checkpoints."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import apsw

from hikidashi.storage.definitions import read_numbers
from hikidashi.storage.engines import EngineError
from hikidashi.storage.engines.sqlite import SqliteEngine

from .checker import check
from .doors import StoreDoor
from .kills import Say, Summary, check_files, look
from .ledger import Ledger
from .load import Load, run_clients
from .vfs import CutVfs
from .world import World, build_world, make_store


@dataclass
class Cut:
    """What the disk and the driver knew at one moment."""

    folder: Path
    call: str
    ledger: Ledger
    has_world: bool  # its definition was acknowledged


async def cut_power_under_load(
    folder: Path,
    *,
    cuts: int,
    seed: int,
    clients: int = 12,
    writes: int = 40,
    forgets_syncs: bool = False,
    say: Say = lambda _: None,
) -> Summary:
    """One run over a disk that forgets; each cut is an image of it, checked afterwards."""
    rng = random.Random(seed)
    vfs = CutVfs(f"cut-{seed}-{id(folder):x}", forgets_syncs=forgets_syncs)
    engine = SqliteEngine(str(folder / "live" / "torture.db"), vfs.name)
    ledger = Ledger()
    summary = Summary("power cuts on sqlite", seed)
    camera = _Camera(folder, vfs, ledger, random.Random(seed), cuts, clients * writes)
    try:
        store = make_store(engine, rng)
        await store.open()
        world = await build_world(store, rng)
        camera.has_world = True
        load = Load(seed, ledger)
        doors = [StoreDoor(store, world.me) for _ in range(clients)]
        work = asyncio.create_task(run_clients(load, list(doors), 600.0, writes))
        while not work.done():
            await asyncio.sleep(0.05)
            await asyncio.to_thread(_checkpoint, engine, rng)
        await work
        vfs.on_call = None
        await store.close()
    finally:
        vfs.unregister()
    for cut in camera.cuts:
        try:
            problems = await _check_cut(cut, world, rng)
        except (EngineError, RuntimeError) as error:
            problems = [f"the database can't be opened: {error}"]
        summary.turns += 1
        summary.problems += [f"cut {summary.turns}, {cut.call}: {one}" for one in problems]
        say(f"cut {summary.turns}, {cut.call}: {dict(cut.ledger.count())}")
        shutil.rmtree(cut.folder)
    places = Counter(one.call for one in camera.cuts)
    summary.notes.append(f"{vfs.calls} calls to the disk; cut at {dict(places)}")
    return summary.count(ledger)


class _Camera:
    """Takes the disk's image at random calls, as many as are wanted, spread over the run."""

    def __init__(
        self,
        folder: Path,
        vfs: CutVfs,
        ledger: Ledger,
        rng: random.Random,
        most: int,
        writes: int,
    ) -> None:
        self.cuts: list[Cut] = []
        self.has_world = False
        self._folder = folder
        self._vfs = vfs
        self._ledger = ledger
        self._rng = rng
        self._most = most
        self._gap = max(2, 12 * writes // most)  # some six calls to the disk a write
        self._next = rng.randint(1, self._gap)
        self._wants_sync = False
        vfs.on_call = self._look

    def _look(self, call: str) -> None:
        if self._vfs.calls < self._next or len(self.cuts) >= self._most:
            return
        if self._wants_sync and not call.startswith("sync"):
            return
        self._next = self._vfs.calls + self._rng.randint(1, self._gap)
        self._wants_sync = self._rng.random() < 0.4
        with self._vfs.lock:
            place = self._folder / f"cut-{len(self.cuts)}"
            cut = Cut(place, call, self._ledger.copy(), self.has_world)
            torn = len(self.cuts) % 3 > 0
            self._vfs.cut(place, self._rng, torn=torn)
            cut.call = f"{call}{', torn' if torn else ''}"
            self.cuts.append(cut)


def _checkpoint(engine: SqliteEngine, rng: random.Random) -> None:
    """Now and then the log goes into the database, as it would after 32 MB of it."""
    connection = engine.connect()
    try:
        connection.query(f"PRAGMA wal_checkpoint({rng.choice(('PASSIVE', 'FULL', 'RESTART'))})")
    finally:
        connection.close()


async def _check_cut(cut: Cut, world: World, rng: random.Random) -> list[str]:
    """Start on what the disk kept, as a server would, and write once more."""
    engine = SqliteEngine(str(cut.folder / "torture.db"))
    problems = check_files(engine)
    store = make_store(engine, rng)
    await store.open()
    try:
        numbers = await store.read(lambda one: read_numbers(one, world.me.workspace))
        if numbers is None:
            if cut.has_world:
                return [*problems, "the whole world was acknowledged and is missing"]
            world = await build_world(store, rng)
        problems += check(look(engine, world), world, cut.ledger)
        load = Load(1, cut.ledger, name="after-")
        await load.client(StoreDoor(store, world.me), lambda: False, 3)
        return problems + check(look(engine, world), world, cut.ledger)
    finally:
        await store.close()


# --- a disk that is full for a while ----------------------------------------------------------


async def fill_disk_under_load(
    folder: Path, *, seed: int, clients: int = 8, writes: int = 60, say: Say = lambda _: None
) -> Summary:
    """Writes and syncs fail now and then: what was refused is not there, what comes after works."""
    rng = random.Random(seed)
    vfs = CutVfs(f"full-{seed}-{id(folder):x}")
    engine = SqliteEngine(str(folder / "full" / "torture.db"), vfs.name)
    ledger = Ledger()
    summary = Summary("a full disk under sqlite", seed)
    try:
        store = make_store(engine, rng)
        await store.open()
        world = await build_world(store, rng)
        disk = _FullDisk(vfs, rng)
        load = Load(seed, ledger)
        await run_clients(load, [StoreDoor(store, world.me) for _ in range(clients)], 60.0, writes)
        vfs.on_call = None
        after = Load(1, ledger, name="after-")
        await after.client(StoreDoor(store, world.me), lambda: False, 5)
        if not any(one.reply.status == 200 for one in ledger.attempts[-5:]):
            summary.problems.append("nothing could be written when there was room again")
        await store.close()
        summary.turns = disk.turns
    finally:
        vfs.unregister()
    plain = SqliteEngine(engine.path)
    summary.problems += check_files(plain) + check(look(plain, world), world, ledger)
    summary.notes.append(f"statuses {dict(ledger.statuses())}")
    say(str(summary))
    return summary.count(ledger)


class _FullDisk:
    """Fails a few calls in a row, then none for a while."""

    def __init__(self, vfs: CutVfs, rng: random.Random) -> None:
        self.turns = 0
        self._rng = rng
        self._good = 40
        self._bad = 0
        vfs.on_call = self._look

    def _look(self, call: str) -> None:
        if call.startswith("synced"):
            return
        if self._good:
            self._good -= 1
            if not self._good:
                self._bad = self._rng.randint(1, 4)
                self.turns += 1
            return
        self._bad -= 1
        if not self._bad:
            self._good = self._rng.randint(10, 80)
        raise apsw.FullError(call) if call.startswith("write") else apsw.IOError(call)
