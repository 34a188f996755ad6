"""`python -m bench`: measure, print the tables, keep them in bench/results/latest.md."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from .load import Measure, MissingToolError, find_wrk
from .report import Outcome, Plan, page, show, work_lines
from .servers import UnavailableError
from .stand import Stand
from .works import SUMMARIES as WRITE_SUMMARIES, WORKS as WRITE_WORKS, Side, Work
from .works_files import SUMMARIES as FILE_SUMMARIES, WORKS as FILE_WORKS
from .works_hottask import SUMMARIES as HOTTASK_SUMMARIES, WORKS as HOTTASK_WORKS
from .works_live import SUMMARIES as LIVE_SUMMARIES, WORKS as LIVE_WORKS
from .works_reads import SUMMARIES as READ_SUMMARIES, WORKS as READ_WORKS
from .works_scripts import SUMMARIES as SCRIPT_SUMMARIES, WORKS as SCRIPT_WORKS
from .works_webhooks import SUMMARIES as WEBHOOK_SUMMARIES, WORKS as WEBHOOK_WORKS

WORKS = (
    WRITE_WORKS
    | HOTTASK_WORKS
    | READ_WORKS
    | FILE_WORKS
    | SCRIPT_WORKS
    | LIVE_WORKS
    | WEBHOOK_WORKS
)
SUMMARIES = (
    WRITE_SUMMARIES
    | HOTTASK_SUMMARIES
    | READ_SUMMARIES
    | FILE_SUMMARIES
    | SCRIPT_SUMMARIES
    | LIVE_SUMMARIES
    | WEBHOOK_SUMMARIES
)

HERE = Path(__file__).parent


def read_arguments(arguments: Sequence[str]) -> tuple[argparse.Namespace, Plan]:
    """What to measure, and how long."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--list", action="store_true", help="list the works and end")
    parser.add_argument(
        "--only", action="append", default=[], metavar="WORK", choices=list(WORKS),
        help="measure this work only (may be given several times)",
    )  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="one short round of each: a trial")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of each work (5)")
    found = parser.parse_args(arguments)
    plan = Plan(1.0, 1.0, 1, is_quick=True) if found.quick else Plan()
    if found.rounds is not None:
        if found.rounds < 1:
            parser.error("--rounds must be at least 1")
        plan.rounds = found.rounds
    return found, plan


def measure(work: Work, plan: Plan) -> Outcome:
    """Warm every side, then rounds in which each side has its turn."""
    outcome = Outcome(work)
    sides = [one for one in work.sides if one.run is not None]
    if work.is_timed:
        for side in sides:
            _turn(outcome, side, plan.warm_seconds, is_warming=True)
    for _ in range(plan.rounds):
        for side in sides:
            _turn(outcome, side, plan.round_seconds)
    if work.check is not None and work.sides[0].run is not None:
        outcome.faults = work.check()
        outcome.is_checked = True
    return outcome


def _turn(outcome: Outcome, side: Side, seconds: float, *, is_warming: bool = False) -> None:
    if side.run is None:
        return
    try:
        found = side.run(seconds)
    except (RuntimeError, UnavailableError) as error:
        found = Measure(0, errors=(str(error),))
    if not is_warming or found.errors:  # an error while warming voids the row as well
        outcome.measures.setdefault(side.name, []).append(found)
    word = "warming" if is_warming else "round"
    errors = f" ({'; '.join(found.errors)[:200]})" if found.errors else ""
    told = f"{outcome.work.name}: {side.name}: {word}: {show(found.value)} {outcome.work.unit}"
    print(f"{told}{errors}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for; 2 if wrk is missing."""
    found, plan = read_arguments(arguments)
    if found.list:
        for name, summary in SUMMARIES.items():
            print(f"{name:10}{summary}")
        return 0
    try:
        find_wrk()
    except MissingToolError as error:
        print(f"missing: {error}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # servers are stopped on the way out
    outcomes = []
    with Stand(HERE / "data", is_quick=plan.is_quick) as stand:
        for name in found.only or WORKS:
            outcomes.append(measure(WORKS[name](stand), plan))
            print("\n".join(work_lines(outcomes[-1])), file=sys.stderr, flush=True)
        text = page(outcomes, stand, plan)
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    (results / "latest.md").write_text(f"{text}\n")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
