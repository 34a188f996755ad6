"""A group that is stopped between any two of its statements: all of it is there, or nothing.

`python -m tests.torture.steps URL SEED by-row|by-batch EVERY` kills a process at each statement,
or at each EVERY-th.
"""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import random
import signal
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from hikidashi.core.commands import AddLink, Entry, Op, TakeNumber, WriteItem
from hikidashi.storage.engines import (
    Engine,
    FullError,
    IntegrityError,
    OutdatedSchemaError,
    TransientError,
    UnknownOutcomeError,
    UnreachableError,
)
from hikidashi.storage.store import Store
from tests.waiting import wait_for_child

from .checker import check
from .doors import StoreDoor
from .kills import Summary, check_database, look, prepare
from .ledger import Attempt, Ledger, Verdict
from .stepped import ANSWER, SteppedEngine, Trap
from .world import LINES, ORDERS, PROJECT, World, engine_of, make_engine, make_store

STEPS_MAX = 400
BEFORE_GROUP = 3  # BEGIN, COMMIT and its answer of the change that holds the group back
ERRORS: dict[str, tuple[Callable[[], Exception], bool]] = {  # the error, and whether it passes
    "transient": (lambda: TransientError("as told"), True),
    "integrity": (lambda: IntegrityError("as told"), True),
    "outdated": (lambda: OutdatedSchemaError("as told"), True),
    "bug": (lambda: ZeroDivisionError("as told"), True),
    "full": (lambda: FullError("as told"), False),
    "unreachable": (lambda: UnreachableError("as told"), True),
    "unknown": (lambda: UnknownOutcomeError("as told"), False),
}
AFTER_COMMIT = "unknown"  # the one error that comes when the group is there already


class Scene:
    """A group of writes of every sort, and the items it needs to be there before."""

    def __init__(self, store: Store, world: World, ledger: Ledger, name: str) -> None:
        self._store = store
        self._door = StoreDoor(store, world.me)
        self._ledger = ledger
        self._name = name
        self.group: list[Attempt] = []

    async def prepare(self) -> None:
        """Make the items; two of them are linked, one holds a unique value."""
        made = [
            self._new("a", ORDERS, {"name": "a", "code": f"{self._name} code"}),
            self._new("b", ORDERS, {"name": "b"}),
            self._new("c", ORDERS, {"name": "c"}),
            self._new("d", LINES, {"name": "d"}),
        ]
        await asyncio.gather(*[self._send(one) for one in made])
        a, b, c, d = (one.reply.item for one in made)
        await self._send(self._other("l", AddLink(PROJECT, ORDERS, c, LINES, d), "link"))
        child = {"name": f"{self._name} child", "amount": 1}
        many = WriteItem(
            PROJECT,
            Entry(
                Op.NEW,
                ORDERS,
                values={"name": "parent"},
                related=(
                    Entry(Op.NEW, LINES, values=child, link_to_parent=True),
                    Entry(Op.UPDATE, LINES, d, values={"amount": 2}),
                ),
            ),
            comment=f"{self._name} many",
            force=True,
            all_or_nothing=True,
        )
        shape = Counter({(ORDERS, "new"): 1, (LINES, "new"): 1, (LINES, "update"): 1})
        self.group = [
            self._update("gives up", a, {"code": None}),
            self._update("takes", b, {"code": f"{self._name} code"}),
            Attempt(
                f"{self._name} many", many, "many", [shape], children={str(child["name"]): child}
            ),
            self._update("again", b, {"note": "twice in a group"}),
            self._update("late", a, {"note": "too late"}, revision=7),
            self._delete(c),
            self._other("n", TakeNumber(PROJECT, ORDERS, "serial", self._name), "number"),
            self._other("k", AddLink(PROJECT, ORDERS, b, LINES, d), "link"),
        ]
        self.group[0].key = f"{self._name} key"

    async def run(self) -> None:
        """Let the group be one: it queues up behind a change that waits for it."""
        gate = threading.Event()
        change = asyncio.create_task(self._store.change(lambda _: gate.wait(10)))
        await asyncio.sleep(0.005)
        work = asyncio.gather(*[self._send(one) for one in self.group])
        try:
            async with asyncio.timeout(10):
                while self._store.queue_length < len(self.group):  # noqa: ASYNC110  the next turn
                    await asyncio.sleep(0)
        finally:
            gate.set()
        await change
        await work

    async def _send(self, attempt: Attempt) -> None:
        self._ledger.begin(attempt)
        self._ledger.end(attempt, await self._door.send(attempt.command, attempt.key))

    def _new(self, name: str, datastore: str, values: dict[str, object]) -> Attempt:
        mark = f"{self._name} {name}"
        command = WriteItem(PROJECT, Entry(Op.NEW, datastore, values=values), comment=mark)
        return Attempt(mark, command, "new", [Counter({(datastore, "new"): 1})])

    def _update(
        self, name: str, item: str, values: dict[str, object], revision: int | None = None
    ) -> Attempt:
        mark = f"{self._name} {name}"
        entry = Entry(Op.UPDATE, ORDERS, item, values=values, revision=revision)
        command = WriteItem(PROJECT, entry, comment=mark, force=revision is None)
        return Attempt(
            mark,
            command,
            name,
            [Counter({(ORDERS, "update"): 1})],
            item=item,
            must_fail=revision is not None,
        )

    def _delete(self, item: str) -> Attempt:
        command = WriteItem(PROJECT, Entry(Op.DELETE, ORDERS, item), comment=f"{self._name} end")
        shape = Counter({(ORDERS, "delete"): 1})
        return Attempt(f"{self._name} end", command, "delete", [shape], item=item)

    def _other(self, name: str, command: AddLink | TakeNumber, kind: str) -> Attempt:
        return Attempt(f"{self._name} {name}", command, kind, [Counter()])


# --- by an error ------------------------------------------------------------------------------


async def raise_at_each_step(
    url: str, *, seed: int, by_row: bool = False, every: int = 1
) -> Summary:
    """Each kind of error before each statement (or each n-th) of the group, in one process."""
    rng = random.Random(seed)
    world = await prepare(url, rng)
    ledger, trap = Ledger(), Trap()
    summary = Summary(f"errors between statements on {engine_of(url)}", seed)
    engine: Engine = SteppedEngine(make_engine(url), trap, by_row=by_row)
    store = make_store(engine, rng, writers=1)
    await store.open()
    try:
        for name, (make_error, passes) in ERRORS.items():
            for at in range(1 + rng.randrange(every), STEPS_MAX, every):
                scene = Scene(store, world, ledger, f"{name}-{at}")
                await scene.prepare()
                summary.turns += 1
                if not await _raise_at(scene, trap, at, name, make_error):
                    break  # the group has no so many statements
                wrong = _wrong_outcomes(scene, name, passes=passes)
                if wrong and trap.raised:
                    summary.problems.append(f"{name} before statement {at}, {trap.raised}: {wrong}")
    finally:
        await store.close()
    ledger.troubles = [one for one in ledger.troubles if not one.startswith("bug-")]
    summary.problems += check_database(url, world, ledger)
    return summary.count(ledger)


async def _raise_at(
    scene: Scene, trap: Trap, at: int, name: str, make_error: Callable[[], Exception]
) -> bool:
    trap.raised = ""

    def spring() -> None:
        if (trap.trace[-1] == ANSWER) != (name == AFTER_COMMIT):
            return
        trap.raised = trap.trace[-1]
        raise make_error()

    trap.set(at + BEFORE_GROUP, spring)
    await scene.run()
    return trap.lift()


def _wrong_outcomes(scene: Scene, name: str, *, passes: bool) -> str:
    """An error that passes costs nobody anything; one that stays costs everybody the write."""
    found = Counter(one.reply.status for one in scene.group)
    whole = Counter({200: len(scene.group) - 1, 409: 1})
    wanted = [whole if passes else Counter({503: len(scene.group)})]
    if name == "bug":  # while one job is planned it is that job's
        wanted.append(whole - Counter([200]) + Counter([500]))
    return "" if found in wanted else f"answers {dict(found)}, not {dict(wanted[0])}"


# --- for good ---------------------------------------------------------------------------------


def kill_at_each_step(url: str, *, seed: int, by_row: bool, every: int = 1) -> Summary:
    """A process of its own for each statement, killed before it. Forks: call it single-threaded."""
    rng = random.Random(seed)
    world = asyncio.run(prepare(url, rng))
    engine = make_engine(url)
    ledger = Ledger()
    summary = Summary(f"SIGKILL between statements on {engine_of(url)}", seed)
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "notes"
        for at in range(1 + rng.randrange(every), STEPS_MAX, every):
            pid = os.fork()
            if pid == 0:
                _die_at(url, world, at, notes, by_row=by_row)
            code = wait_for_child(pid)
            attempts: list[Attempt] = pickle.loads(notes.read_bytes())
            ledger.attempts += attempts
            group = [one for one in attempts if one.mark.startswith("step-")]
            if code not in (0, -signal.SIGKILL):
                summary.problems.append(f"the process for statement {at} ended with {code}")
            if code == 0:
                break
            summary.turns += 1
            summary.problems += _all_or_nothing(engine, world, group, at)
    summary.problems += check(look(engine, world), world, ledger)
    summary.problems += check_database(url, world, ledger)
    return summary.count(ledger)


def _die_at(url: str, world: World, at: int, notes: Path, *, by_row: bool) -> None:
    """In the child: note what was prepared, run the group, die at the statement or end well."""

    async def run() -> None:
        trap, ledger = Trap(), Ledger()
        engine: Engine = SteppedEngine(make_engine(url), trap, by_row=by_row)
        store = make_store(engine, random.Random(at), writers=1)
        await store.open()
        scene = Scene(store, world, ledger, f"step-{at}")
        await scene.prepare()
        for one in scene.group:
            one.started = 1
        _note(notes, [*ledger.attempts, *scene.group])
        trap.set(at + BEFORE_GROUP, lambda: os.kill(os.getpid(), signal.SIGKILL))
        await scene.run()
        _note(notes, ledger.attempts)

    try:
        asyncio.run(run())
    except BaseException as error:  # noqa: BLE001  told by the exit code
        print(repr(error), file=sys.stderr, flush=True)
        os._exit(3)
    os._exit(0)


def _note(notes: Path, attempts: list[Attempt]) -> None:
    notes.write_bytes(pickle.dumps(attempts))


def _all_or_nothing(engine: Engine, world: World, group: list[Attempt], at: int) -> list[str]:
    """Of the group's marks, all are in the database or none."""
    wanted = {
        one.mark
        for one in group
        if one.reply.verdict is Verdict.UNKNOWN
        and isinstance(one.command, WriteItem)
        and one.command.entry.operation is not Op.DELETE
        and not one.must_fail
    }
    state = look(engine, world)
    there = {row.comment for rows in state.histories.values() for row in rows} & wanted
    if there in (set(), wanted):
        return []
    return [f"killed before statement {at}: {sorted(there)} are there, {sorted(wanted)} wanted"]


if __name__ == "__main__":
    _, _url, _seed, _how, _every = sys.argv
    done = kill_at_each_step(_url, seed=int(_seed), by_row=_how == "by-row", every=int(_every))
    print(json.dumps({"text": str(done), "summary": asdict(done)}))
