"""Who runs when, and what is left of runs and workers that end before their time."""

from __future__ import annotations

import asyncio
import socket
from contextvars import ContextVar
from itertools import combinations
from pathlib import Path

import pytest

from hikidashi.sandbox import gate as gates, spawning
from hikidashi.sandbox.frames import Frames, pack
from hikidashi.sandbox.gate import Gate
from hikidashi.sandbox.link import Link
from hikidashi.sandbox.pool import Sandbox
from hikidashi.sandbox.runs import Budget, Script
from hikidashi.sandbox.zygote import READY
from tests.sandbox.conftest import Bench

CHEAP = "function main(data) { return data }"
WAITS = "async function main() { return callAPIAsync('wait', 30) }"


class _Turn:
    had = began_at = 0.0

    def __init__(self, name: str, order: list[_Turn]) -> None:
        self.name = name
        self._order = order

    def begin_turn(self) -> None:
        self._order.append(self)


def test_whoever_had_least_comes_next(monkeypatch):
    now, order = [0.0], []
    monkeypatch.setattr(gates, "monotonic", lambda: now[0])
    gate = Gate(1)
    seconds = {"greedy": 1.0, "patient": 0.25, "late": 0.25}

    def go_on(turns):
        for _ in range(turns):
            now[0] += seconds[order[-1].name]
            gate.pass_on(order[-1])

    for name in ("greedy", "patient"):
        gate.enter(_Turn(name, order))
    go_on(10)
    assert [one.name for one in order].count("greedy") in (2, 3)
    gate.enter(_Turn("late", order))  # it has saved nothing up
    go_on(9)
    names = [one.name for one in order[-9:]]
    assert names.count("greedy") <= 2
    assert abs(names.count("late") - names.count("patient")) <= 4, names


def _files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def own_bench():
    """A sandbox that a test may break."""
    one = Bench()
    yield one
    one.close()


def test_slow_steps_share_no_turn(own_bench):
    """Many slow runs of one tenant are under way: another waits for one of them, not for all."""

    async def both():
        spins = "function main() { const end = Date.now() + 40; while (Date.now() < end); }"
        width = own_bench.sandbox._gate._free
        for _ in range(40):
            await own_bench.run_on_loop(CHEAP, tenant="slow0")
        runs = [
            asyncio.ensure_future(own_bench.run_on_loop(spins, tenant=f"slow{n}"))
            for n in range(width)
            for _ in range(16)
        ]
        await asyncio.sleep(0.05)
        await own_bench.run_on_loop(CHEAP, tenant="quick")
        ends = [one.done() for one in runs]
        await asyncio.gather(*runs)
        return ends

    ends = own_bench.wait(both())
    assert ends.count(True) < len(ends) / 2


def test_a_call_is_made_as_whoever_began_the_run(own_bench):
    """Not as whoever began the first, for whom the worker was started."""
    who: ContextVar[str] = ContextVar("who", default="nobody")
    seen = []

    async def host(name, given):
        seen.append(who.get())
        return "null"

    own_bench.host = host

    async def run(name):
        who.set(name)
        await own_bench.run_on_loop("async function main() { await callAPIAsync(); }")

    async def all_of_them():
        for name in ("ann", "bob", "cy"):
            await asyncio.create_task(run(name))

    own_bench.wait(all_of_them())
    assert seen == ["ann", "bob", "cy"]


def _calls() -> list[asyncio.Task[None]]:
    return [one for one in asyncio.all_tasks() if one.get_coro().__name__ == "_answer"]


def test_steps_that_come_back_are_not_overtaken_by_those_behind_them(own_bench):
    """A worker that has no time for all that came at once does the first of them next; only what
    was on its way to it already may be quicker."""

    async def both():
        slow = (
            "function main(n) { const end = Date.now() + 15; while (Date.now() < end); return n }"
        )
        await own_bench.run_on_loop(CHEAP)
        order = []

        async def run(number):
            outcome = await own_bench.run_on_loop(slow, number)
            order.append(outcome.told)

        await asyncio.gather(*(run(number) for number in range(8)))
        return order

    order = own_bench.wait(both())
    assert sorted(order) == list(range(8))
    assert sum(one > two for one, two in combinations(order, 2)) < 8, order  # 21 if turned round


def test_steps_that_come_back_in_two_pieces_keep_their_order():
    """What a worker says of one turn may come in several reads."""

    async def exchange():
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        loop = asyncio.get_running_loop()
        made = lambda: Link(Gate(1), theirs.close, lambda _: None)  # noqa: E731
        transport, link = await loop.create_connection(made, sock=ours)
        frames, read = Frames(), []

        async def steps(count):
            while len(read) < count:
                data = await asyncio.wait_for(loop.sock_recv(theirs, 65_536), 10)
                read.extend(one[1] for one in frames.feed(data) if one[0] == "run")
            found, read[:] = list(read), []
            return found

        async def say(*told):
            await loop.sock_sendall(theirs, b"".join(map(pack, told)))
            await asyncio.sleep(0.01)  # read by itself

        await loop.sock_sendall(theirs, READY)
        script = Script("key", CHEAP)
        for _ in range(6):
            link.begin(script, "null", Budget(), host=None, logged=None)
        first, *rest = await steps(6)
        await say(["done", first, "null", []], *(["later", one] for one in rest[:2]))
        await say(*(["later", one] for one in rest[2:]))
        order = []
        while len(order) < len(rest):
            came = await steps(1)
            order += came
            await say(*(["done", one, "null", []] for one in came))
        transport.abort()
        return order == rest

    assert asyncio.run(exchange())


def test_a_call_that_nobody_waits_for_ends_when_its_run_would_have(own_bench):
    async def run():
        source = "function main() { callAPIAsync('wait', 30); return 1 }"
        outcome = await own_bench.run_on_loop(source, wall_seconds=0.2)
        (call,) = _calls()
        await asyncio.wait([call], timeout=10)
        return outcome.kind, call.cancelled(), _calls()

    assert own_bench.wait(run()) == ("done", True, [])


def test_runs_that_nobody_waits_for_leave_nothing(own_bench):
    """Callers that leave at any moment: no run, step, task or file of theirs is left."""

    asked, host = asyncio.Event(), own_bench.host

    async def note(name, given):
        asked.set()
        return await host(name, given)

    async def leave():
        own_bench.host = note
        await own_bench.run_on_loop(CHEAP)
        before = _files()
        for turn in range(40):
            runs = [asyncio.ensure_future(own_bench.run_on_loop(WAITS)) for _ in range(20)]
            await asyncio.sleep(0.002 * (turn % 4))
            if turn == 39:
                await asked.wait()
            for one in runs:
                one.cancel()
            await asyncio.gather(*runs, return_exceptions=True)
        await own_bench.run_on_loop(CHEAP)
        one = own_bench.sandbox._tenants["t"]
        link = one.link
        calls = _calls()
        assert calls
        for task in calls:
            task.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        left = (len(link.jobs), len(link._steps), len(link._under_way), one.runs, one.waiting)
        return left, _files() - before, link._turn

    assert own_bench.wait(leave()) == ((0, 0, 0, 0, 0), 0, "none")


def test_scripts_that_hold_much_from_run_to_run_give_way_to_each_other(own_bench):
    """Each within its own limit, all together over what a worker may have."""

    async def run():
        holds = "function main() { globalThis.held ??= new Uint8Array(40 << 20); return %d }"
        outcomes = [await own_bench.run_on_loop(holds % n) for n in (*range(8), *range(8))]
        return [one.told for one in outcomes], own_bench.sandbox._tenants["t"].link

    async def begin():
        await own_bench.run_on_loop(CHEAP)
        return own_bench.sandbox._tenants["t"].link

    link = own_bench.wait(begin())
    assert own_bench.wait(run()) == ([*range(8), *range(8)], link)


def test_a_worker_that_is_gone_takes_no_runs(own_bench):
    async def begin():
        await own_bench.run_on_loop(CHEAP)
        one = own_bench.sandbox._tenants["t"]
        link, free = one.link, own_bench.sandbox._gate._free
        link.stop()
        outcomes = [await own_bench.run_on_loop(CHEAP) for _ in range(2)]
        one.link = link  # as if it had gone just now
        outcomes.append(await own_bench.run_on_loop(CHEAP))
        return [one.kind for one in outcomes], own_bench.sandbox._gate._free - free

    assert own_bench.wait(begin()) == (["done"] * 3, 0)


NO_FORK = (
    "import os, errno\n"
    "def fork(): raise BlockingIOError(errno.EAGAIN, 'no more processes')\n"
    "from hikidashi.sandbox import zygote\n"
    "zygote._try_out = lambda memory: []\n"
    "os.fork = fork\n"
)


def test_a_system_without_processes_to_give(own_bench, monkeypatch):
    """The run is refused, and whatever was running goes on."""
    start = spawning._START.replace("from hikidashi", NO_FORK + "from hikidashi").replace(
        "; ", "\n"
    )
    monkeypatch.setattr(spawning, "_START", start.replace("\n ", "\n"))

    async def run():
        outcomes = [await own_bench.run_on_loop(CHEAP, tenant=name) for name in ("a", "b")]
        return [one.kind for one in outcomes], own_bench.sandbox._zygote.is_open

    assert own_bench.wait(run()) == (["unavailable", "unavailable"], True)


def test_nothing_starts_once_it_is_closed():
    async def run():
        sandbox = Sandbox()
        starting = asyncio.ensure_future(sandbox.start())
        await asyncio.sleep(0.01)
        sandbox.close()
        told = await starting
        return told, await sandbox.start(), sandbox._zygote

    assert asyncio.run(run()) == ("the server is stopping", "the server is stopping", None)
