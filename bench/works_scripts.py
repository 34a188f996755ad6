"""Works of scripts: writes with a script before them, and the sandbox by itself."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from hikidashi.sandbox.pool import Sandbox
from hikidashi.sandbox.runs import Budget, Script

from . import bodies
from .hikidashi import WORLD, Hikidashi
from .load import Load, Measure, Pool
from .pocketbase import PocketBase
from .servers import UnavailableError
from .stand import Stand
from .works import Run, Target, Work, make_load, make_side

IN_FLIGHT = 16
TENANTS = 50
_ZYGOTE = "hikidashi.sandbox.zygote"  # in the command of it and of its workers
FIRST_RUNS = 20

# Both look at every value that the write brings, refuse what makes no sense, and change one.
_JUDGE = """function main(data) {
  const order = data.item;
  if (order.amount !== null && order.amount < 0) throw new Error("amount");
  const words = String(order.note || "").split(" ").filter((one) => one.length > 2);
  return { item: { reference: "J-" + words.length + "-" + order.subject.length } };
}
"""
_HOOK = """onRecordUpdateRequest((e) => {
  const order = JSON.parse(JSON.stringify(e.record));
  if (order.amount !== null && order.amount < 0) throw new BadRequestError("amount");
  const words = String(order.note || "").split(" ").filter((one) => one.length > 2);
  e.record.set("reference", "J-" + words.length + "-" + order.subject.length);
  e.next();
}, "orders");
"""
_ACTIONS = """            actions:
              - {display_id: Create, name: Create, operation: new, default: true}
              - {display_id: Update, name: Update, operation: update, default: true}
              - display_id: Judge
                name: Judge
                operation: update
                pre_script: |
"""


def write_scripted(folder: Path) -> Path:
    """A file of the same workspace in which orders have an action with a script."""
    script = "".join(f"                  {line}\n" for line in _JUDGE.splitlines())
    mark = "          - display_id: lines\n"
    text = WORLD.read_text("utf-8")
    path = folder / "scripted.yaml"
    path.write_text(text.replace(mark, f"{_ACTIONS}{script}{mark}", 1), "utf-8")
    return path


def _scripted(stand: Stand) -> Hikidashi:
    def make() -> Hikidashi:
        url = f"sqlite:///{stand.folder}/scripted.db"
        made = Hikidashi(stand.folder, url, "hikidashi-scripted", write_scripted(stand.folder))
        stand.stop_at_end(made.server.stop)
        return made

    return stand.once("hikidashi-scripted", make)


def _hooked(stand: Stand) -> PocketBase:
    def make() -> PocketBase:
        folder = stand.folder / "hooked"
        folder.mkdir()
        made = PocketBase(folder, hook=_HOOK)
        stand.stop_at_end(made.server.stop)
        return made

    return stand.once("pocketbase-hooked", make)


def _update(stand: Stand, action: str) -> Load:
    server = _scripted(stand)
    paths = [f"{bodies.ITEMS}/edit/{one}" for one in stand.orders_of(server)]
    wanted = ['"error":""', '"IsChanged":true']
    if action == "Judge":
        wanted.append('"pre_result":{"item":')
    sent = [
        json.dumps({**json.loads(one), "action_id": action}, ensure_ascii=False)
        for one in bodies.updates(bare=False)
    ]
    pool = Pool("POST", paths, sent, wanted=wanted)
    return make_load(stand, server, f"scripted-{action}", pool)


def _patch(stand: Stand) -> Load:
    server = _hooked(stand)
    paths = [f"{bodies.RECORDS}/{one}" for one in stand.records_of(server, "pocketbase-hooked")]
    pool = Pool("PATCH", paths, bodies.updates(bare=True), wanted=['"id":"', '"reference":"J-'])
    return make_load(stand, server, "pocketbase-hooked-update", pool)


def _make_scripts(stand: Stand) -> Work:
    return Work(
        "scripts",
        "UpdateItem whose action has a PRE script over the item",
        "updates/s",
        (
            make_side("hikidashi", lambda: _update(stand, "Judge").run),
            make_side("without the script", lambda: _update(stand, "Update").run),
            make_side("pocketbase with a hook", lambda: _patch(stand).run),
        ),
        (Target("without the script", 0.5), Target("pocketbase with a hook", 2.0)),
    )


# --- the sandbox alone ----------------------------------------------------------------------------

_SUM = """async function main(data) {
  let total = 0;
  for (const line of data.lines) total += line.price * line.quantity;
  return { total, title: data.title + "!", lines: data.lines.length };
}
"""
_LINES = [
    {"name": f"商品{number}", "price": 100 + number, "quantity": number, "note": "x" * 32}
    for number in range(10)
]
_DATA = json.dumps({"title": "見積書の件", "lines": _LINES}, ensure_ascii=False)


async def _host(_name: str, _given: list[object]) -> str:
    return "null"


async def _run_for(seconds: float) -> Measure:
    sandbox = Sandbox()
    script, budget = Script("sum", _SUM), Budget()
    runs = 0
    errors: list[str] = []

    async def go_on(until: float) -> None:
        nonlocal runs
        while time.perf_counter() < until:
            outcome = await sandbox.run("bench", script, _DATA, _host, budget)
            runs += 1
            if outcome.kind != "done":
                errors.append(outcome.json)
                return

    try:
        await go_on(time.perf_counter() + 0.1)
        runs, began = 0, time.perf_counter()
        await asyncio.gather(*(go_on(began + seconds) for _ in range(IN_FLIGHT)))
        return Measure(runs / (time.perf_counter() - began), errors=tuple(errors[:3]))
    finally:
        sandbox.close()


async def _first_run() -> Measure:
    """The median of first runs of tenants, in ms; the zygote is there."""
    sandbox = Sandbox()
    await sandbox.start()
    took = []
    try:
        for number in range(FIRST_RUNS):
            began = time.perf_counter()
            await sandbox.run(f"{number}", Script("sum", _SUM), _DATA, _host, Budget())
            took.append((time.perf_counter() - began) * 1_000)
    finally:
        sandbox.close()
    return Measure(sorted(took)[FIRST_RUNS // 2])


async def _tenants_mb() -> Measure:
    """What the zygote and the workers of idle tenants have in memory, each shared page once."""
    sandbox = Sandbox()
    try:
        for number in range(TENANTS):
            await sandbox.run(f"{number}", Script("sum", _SUM), _DATA, _host, Budget())
        return Measure(sum(_resident_kb(pid) for pid in _processes()) / 1_024)
    finally:
        sandbox.close()


def _processes() -> list[int]:
    """The zygote that this process has started, and its workers; none of the servers'."""
    listed = subprocess.run(
        ["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    )
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
    all_ = [(int(pid), int(parent)) for pid, parent, args in rows if _ZYGOTE in args]
    zygotes = {pid for pid, parent in all_ if parent == os.getpid()}
    return [pid for pid, parent in all_ if pid in zygotes or parent in zygotes]


def _resident_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def _alone(work: Callable[[], Measure]) -> Callable[[], Run]:
    if not Path("/proc/self/smaps_rollup").exists():
        raise UnavailableError("needs Linux")
    return lambda: lambda _seconds: work()


def _make_sandbox(_stand: Stand) -> Work:
    return Work(
        "sandbox",
        f"Scripts over 1 KiB in one confined worker, {IN_FLIGHT} in flight",
        "runs/s",
        (make_side("hikidashi", lambda: lambda seconds: asyncio.run(_run_for(seconds))),),
        (Target("", plus=10_000),),
    )


def _make_first_run(_stand: Stand) -> Work:
    return Work(
        "first-run",
        "The first run of a tenant: its worker forked and confined, its script compiled",
        "ms",
        (make_side("hikidashi", _alone(lambda: asyncio.run(_first_run()))),),
        (Target("", plus=10, at_least=False),),
        is_timed=False,
    )


def _make_tenants(_stand: Stand) -> Work:
    return Work(
        "tenants",
        f"Memory of {TENANTS} tenants that have run a script, all together",
        "MB",
        (make_side("hikidashi", _alone(lambda: asyncio.run(_tenants_mb()))),),
        (Target("", plus=150, at_least=False),),
        is_timed=False,
    )


WORKS: dict[str, Callable[[Stand], Work]] = {
    "scripts": _make_scripts,
    "sandbox": _make_sandbox,
    "first-run": _make_first_run,
    "tenants": _make_tenants,
}
SUMMARIES = {
    "scripts": "UpdateItem with a PRE script beside one without, and PocketBase with a hook",
    "sandbox": "scripts a second in one worker",
    "first-run": "the first script of a tenant",
    "tenants": "memory of 50 idle tenants",
}
