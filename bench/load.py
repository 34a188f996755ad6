"""Runs wrk against 127.0.0.1 and reads what it counted."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

CONNECTIONS = 64
THREADS = 1
NEW_ID = "@" * 15  # in a body: becomes an id that was never sent before
LUA = Path(__file__).parent / "lua"
_seeds = itertools.count(1)


class MissingToolError(Exception):
    """A program that has no substitute is not installed; the message says how to get it."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One measured run; with an error it is void."""

    value: float  # in the unit of its work: requests a second, items a second, ms, s, MB
    p50_ms: float | None = None
    p99_ms: float | None = None
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pool:
    """What requests are made of: a random path and a random body each."""

    method: str
    paths: Sequence[str]
    bodies: Sequence[str] = ()
    headers: Sequence[str] = ()  # "Authorization: …"
    wanted: Sequence[str] = ()  # what a good answer holds, byte for byte
    unwanted: Sequence[str] = ()  # what a good answer does not hold
    take: str = ""  # a Lua pattern: what it captures in each answer is kept

    def lines(self) -> Iterator[str]:
        """The records of a pool file."""
        yield f"M {self.method}"
        for letter, records in (
            ("H", self.headers),
            ("P", self.paths),
            ("B", self.bodies),
            ("W", self.wanted),
            ("N", self.unwanted),
            ("T", [self.take] if self.take else []),
        ):
            for one in records:
                if "\n" in one or "\r" in one:
                    raise ValueError("a record of a pool is one line")
                yield f"{letter} {one}"


@dataclass(slots=True)
class Load:
    """A pool kept as a file, to be sent to one server."""

    url: str  # http://127.0.0.1:PORT
    pool: Pool
    path: Path
    taken: Path | None = None  # where what answers give is kept
    connections: int = CONNECTIONS
    per_request: float = 1.0  # how many things one request does
    _written: bool = field(default=False, init=False)

    def run(self, seconds: float) -> Measure:
        """Send for a number of seconds; the value is things done a second."""
        counted = self._wrk("load.lua", max(1, round(seconds)))
        requests, duration = counted.numbers["requests"], counted.numbers["duration_us"] / 1e6
        return counted.measure(requests / duration * self.per_request)

    def send(self, quota: int, seconds_max: float = 120) -> Measure:
        """Send a number of requests and wait for the last answer; the value is how many came."""
        counted = self._wrk("count.lua", round(seconds_max), str(quota))
        came = counted.numbers["requests"]
        measure = counted.measure(came)
        if came != quota:
            return Measure(came, errors=(*measure.errors, f"{came} answers to {quota} requests"))
        return measure

    def _wrk(self, script: str, seconds: int, *more: str) -> _Counted:
        if urlsplit(self.url).hostname != "127.0.0.1":
            raise ValueError("load is only sent to 127.0.0.1")
        if not self._written:
            self.path.write_text("".join(f"{one}\n" for one in self.pool.lines()))
            self._written = True
        command = [
            find_wrk(),
            f"-t{THREADS}",
            f"-c{self.connections}",
            f"-d{seconds}s",
            "--timeout=10s",
            f"-s{LUA / script}",
            self.url,
            "--",
            str(self.path),
            str(next(_seeds) * 7919),
            str(self.taken or "-"),
            *more,
        ]
        with subprocess.Popen(
            command,
            env={**os.environ, "LUA_PATH": f"{LUA}/?.lua;;"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            said = []
            try:
                for line in process.stdout or ():
                    said.append(line)
                    if line == "complete\n":
                        process.send_signal(signal.SIGINT)  # it prints what it counted and ends
            except BaseException:  # we are told to end: so is wrk
                process.kill()
                raise
        return _read("".join(said))


@dataclass(frozen=True, slots=True)
class _Counted:
    numbers: dict[str, int]
    sample: str

    def measure(self, value: float) -> Measure:
        errors = [
            f"{name.replace('_', ' ')}: {count}"
            for name, count in sorted(self.numbers.items())
            if count and name.startswith(("status_", "socket_", "body"))
        ]
        if not self.numbers["requests"]:
            errors.append("no answer")
        if errors and self.sample:
            errors.append(f"first: {self.sample}")
        return Measure(
            value,
            self.numbers["p50_us"] / 1000,
            self.numbers["p99_us"] / 1000,
            tuple(errors),
        )


def _read(output: str) -> _Counted:
    numbers: dict[str, int] = {}
    sample = ""
    for line in output.splitlines():
        word, _, rest = line.partition(" ")
        if word == "bench":
            pairs = (pair.partition("=") for pair in rest.split())
            numbers = {name: int(value) for name, _, value in pairs}
        elif word == "sample":
            sample = rest
    if not numbers:
        raise RuntimeError(f"wrk gave no result: {output[-800:]}")
    return _Counted(numbers, sample)


def find_wrk() -> str:
    """Where wrk is; MissingToolError if it is not on the PATH."""
    found = shutil.which("wrk")
    if found is None:
        raise MissingToolError(
            "wrk, the load generator. Install it with `apt-get install wrk` (Debian, Ubuntu) or"
            " `brew install wrk` (macOS), or build it from its sources, and run this again."
        )
    return found


def wrk_version() -> str:
    """What wrk says it is."""
    said = subprocess.run([find_wrk(), "-v"], capture_output=True, text=True, check=False)
    return (said.stdout + said.stderr).split("Copyright")[0].strip()
