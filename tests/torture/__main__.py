"""The long torture: `python -m tests.torture [--kills N] [--seconds N] [--engine NAME]`."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.postgres import Server, make_data_dir, start_postgres

from .designs import design_under_load
from .kills import Summary, kill_under_load
from .outages import stop_database_under_load
from .powercuts import cut_power_under_load, fill_disk_under_load
from .proxies import cut_commits
from .rivals import share_under_load
from .servers import ROOT, Spawner
from .steps import raise_at_each_step

CUTS_A_RUN = 50  # power cuts of one load
Part = Callable[["Torture"], Iterator[Summary]]


class Torture:
    """What all parts have in common."""

    def __init__(self, options: argparse.Namespace, spawner: Spawner, folder: Path) -> None:
        self.kills: int = options.kills
        self.seconds: float = options.seconds
        self.seed: int = options.seed
        self.engines: list[str] = [options.engine] if options.engine else ["sqlite", "postgresql"]
        self.spawner = spawner
        self.folder = folder
        self._postgres: Server | None = None
        self._count = 0
        self._said = 0

    @property
    def postgres(self) -> Server:
        """A durable server, started when it is first wanted."""
        if self._postgres is None:
            self._postgres = start_postgres(make_data_dir(), durable=True)
        return self._postgres

    def new_url(self, engine: str) -> str:
        """An empty database."""
        self._count += 1
        if engine == "sqlite":
            return f"sqlite:///{self.folder / f'torture-{self._count}.db'}"
        name = f"torture_{self._count}"
        with psycopg.connect(self.postgres.url, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name}".encode())
        return self.postgres.database_url(name)

    def say(self, words: str) -> None:
        """One line of progress."""
        print(f"  {words}", flush=True)

    def say_some(self, words: str) -> None:
        """Each tenth of many lines."""
        self._said += 1
        if self._said % 10 == 0:
            self.say(words)

    def close(self) -> None:
        """Stop what was started."""
        if self._postgres is not None:
            self._postgres.destroy()


def kills(torture: Torture) -> Iterator[Summary]:
    """SIGKILL under load."""
    for engine in torture.engines:
        yield asyncio.run(
            kill_under_load(
                torture.new_url(engine),
                torture.spawner,
                kills=torture.kills,
                seed=torture.seed,
                check_each=10,
                say=torture.say,
            )
        )


def outages(torture: Torture) -> Iterator[Summary]:
    """The database stops, its connections are cut."""
    if "postgresql" in torture.engines:
        yield asyncio.run(
            stop_database_under_load(
                torture.postgres,
                torture.new_url("postgresql"),
                torture.spawner,
                stops=max(1, torture.kills // 5),
                cuts=max(1, torture.kills // 2),
                seed=torture.seed,
                say=torture.say_some,
            )
        )
        url = torture.new_url("postgresql")
        yield asyncio.run(cut_commits(url, turns=max(3, torture.kills // 2), seed=torture.seed))


def powercuts(torture: Torture) -> Iterator[Summary]:
    """The power fails, the disk is full."""
    if "sqlite" not in torture.engines:
        return
    for run in range(max(1, torture.kills * 3 // CUTS_A_RUN)):
        seed = torture.seed + run
        folder = torture.folder / f"cuts-{run}"
        cuts = min(CUTS_A_RUN, torture.kills * 3)
        yield asyncio.run(cut_power_under_load(folder, cuts=cuts, seed=seed, say=torture.say_some))
    yield asyncio.run(fill_disk_under_load(torture.folder, seed=torture.seed, writes=200))


def steps(torture: Torture) -> Iterator[Summary]:
    """Between two statements of a group: errors, and kills."""
    for engine in torture.engines:
        yield asyncio.run(raise_at_each_step(torture.new_url(engine), seed=torture.seed))
        words = [sys.executable, "-m", "tests.torture.steps", torture.new_url(engine)]
        done = subprocess.run(
            [*words, str(torture.seed), "by-row", "1"],
            cwd=ROOT,
            env={"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        title = f"SIGKILL between statements on {engine}"
        if done.returncode != 0:
            yield Summary(title, torture.seed, problems=[done.stderr[-2_000:]])
            continue
        yield Summary(**json.loads(done.stdout)["summary"])


def rivals(torture: Torture) -> Iterator[Summary]:
    """One server, and on PostgreSQL two, that everybody writes through."""
    for engine, servers in (("sqlite", 1), ("postgresql", 1), ("postgresql", 2)):
        if engine in torture.engines:
            yield asyncio.run(
                share_under_load(
                    torture.new_url(engine),
                    torture.spawner,
                    servers=servers,
                    seconds=torture.seconds if servers > 1 else torture.seconds / 4,
                    seed=torture.seed,
                    clients=64,
                    races=20,
                    changes=10,
                    say=torture.say,
                )
            )


def designs(torture: Torture) -> Iterator[Summary]:
    """One server designs, another one writes."""
    if "postgresql" in torture.engines:
        yield asyncio.run(
            design_under_load(
                torture.new_url("postgresql"),
                torture.spawner,
                seconds=torture.seconds,
                seed=torture.seed,
                clients=32,
                say=torture.say,
            )
        )


PARTS: dict[str, Part] = {
    "kills": kills,
    "outages": outages,
    "powercuts": powercuts,
    "steps": steps,
    "rivals": rivals,
    "designs": designs,
}


@contextmanager
def _torture(options: argparse.Namespace) -> Iterator[Torture]:
    with tempfile.TemporaryDirectory(prefix="hkd-torture-") as folder, Spawner() as spawner:
        torture = Torture(options, spawner, Path(folder))
        try:
            yield torture
        finally:
            torture.close()


def main() -> int:
    """Run the parts that are wanted; 1 if there was a problem."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="SIGKILLs for each engine")
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="load of two servers, and of one that designs"
    )
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), help="this one only")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    parser.add_argument("--only", choices=PARTS, help="this part only")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    summaries: list[Summary] = []
    with _torture(options) as torture:
        for name, part in PARTS.items():
            if options.only in (None, name):
                began = time.monotonic()
                print(f"{name}: {part.__doc__}", flush=True)
                for one in part(torture):
                    summaries.append(one)
                    print(f"{one}\n  {time.monotonic() - began:.0f} s", flush=True)
    found = sum(len(one.problems) for one in summaries)
    turns = sum(one.turns for one in summaries)
    done = sum(one.done for one in summaries)
    print(f"{turns} turns, {done} writes acknowledged, {found} problems (seed {options.seed})")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
