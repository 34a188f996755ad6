"""A group that is stopped between two of its statements is there wholly or not at all."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys

from hikidashi.storage.engines import Connection

from .doors import StoreDoor
from .ledger import Ledger, Verdict
from .load import Load
from .servers import ROOT
from .steps import raise_at_each_step
from .world import ORDERS, World, build_world, make_engine, make_store

SEED = 20260105


def test_a_group_killed_between_two_statements_is_all_there_or_not(engine_url: str):
    words = [sys.executable, "-m", "tests.torture.steps", engine_url, str(SEED), "by-batch", "3"]
    done = subprocess.run(
        words,
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    print(told["text"])
    assert told["summary"]["problems"] == []
    assert told["summary"]["turns"] > 7


def test_an_error_between_two_statements_is_answered_for_what_it_is(engine_url: str):
    done = asyncio.run(raise_at_each_step(engine_url, seed=SEED, every=7))
    print(done)
    assert done.problems == []
    assert done.turns > 20


def test_definitions_that_cannot_be_read_hold_up_nobody_for_good(engine_url: str):
    found = asyncio.run(_write_under_broken_definitions(engine_url))
    assert found == [
        Verdict.DONE,
        *[Verdict.UNKNOWN] * 5,  # 500: more than there are writer threads
        Verdict.DONE,
    ]


async def _write_under_broken_definitions(url: str) -> list[Verdict]:
    rng = random.Random(SEED)
    store = make_store(make_engine(url), rng)
    await store.open()
    try:
        world = await build_world(store, rng)
        load, door = Load(SEED, Ledger()), StoreDoor(store, world.me)
        found: list[Verdict] = []

        async def write(mark: str) -> None:
            attempt = load._create(mark)
            async with asyncio.timeout(10):
                await load.send(door, attempt)
            found.append(attempt.reply.verdict)

        await write("before")
        kept = await store.change(lambda one: _replace_body(one, world, '{"kind":"of later"}'))
        for count in range(5):
            await write(f"meanwhile-{count}")
        await store.change(lambda one: _replace_body(one, world, kept))
        await write("after")
        return found
    finally:
        await store.close()


def _replace_body(connection: Connection, world: World, body: str) -> str:
    """As a newer program might write it; the body it had."""
    field = world.fields[ORDERS]["note"]
    rows = connection.query("SELECT body FROM definitions WHERE id = ?", (field,))
    connection.query("UPDATE definitions SET body = ? WHERE id = ?", (body, field))
    connection.query("UPDATE workspaces SET catalog_number = catalog_number + 1")
    return str(rows[0][0])
