"""Servers of ours as child processes, to be killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Self

from tests.waiting import SECONDS_MAX, first_line

ROOT = Path(__file__).parents[2]
READY_SECONDS_MAX = 30.0
_PLACE = re.compile(r" at http://127\.0\.0\.1:(\d+) ")


class Spawner:
    """Forks servers; used as a context, so that nothing is left running."""

    def __init__(self) -> None:
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith("HIKIDASHI_")
        }
        environment["PYTHONPATH"] = f"{ROOT / 'src'}:{ROOT}"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.spawner"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment | {"PYTHONUNBUFFERED": "1"},
            cwd=ROOT,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait(READY_SECONDS_MAX)

    def call(self, **told: Any) -> int:
        """Give a command; its answer."""
        pipes = self._process.stdin, self._process.stdout
        if pipes[0] is None or pipes[1] is None:
            raise RuntimeError("the spawner has no pipes")
        pipes[0].write(json.dumps(told) + "\n")
        pipes[0].flush()
        return int(json.loads(first_line(self._process, 2 * READY_SECONDS_MAX + SECONDS_MAX)))


class ServerProcess:
    """`hikidashi serve` on a port that it chooses, another one after each start."""

    def __init__(self, spawner: Spawner, url: str, **settings: str) -> None:
        self.url = url
        self.port = 0
        self.pid = 0
        self._spawner = spawner
        self._settings = {f"HIKIDASHI_{name.upper()}": one for name, one in settings.items()}
        handle, name = tempfile.mkstemp(prefix="hkd-server-", suffix=".log")
        os.close(handle)
        self._log = Path(name)

    def start(self) -> ServerProcess:
        """Start it and wait until it says where it is."""
        size = self._log.stat().st_size
        kept = {"HIKIDASHI_RELAY": "off"}  # the checker wants to see every event in the outbox
        environment = {"HIKIDASHI_DATABASE": self.url, **kept, **self._settings}
        self.pid = self._spawner.call(do="start", environment=environment, log=str(self._log))
        until = time.monotonic() + READY_SECONDS_MAX
        while time.monotonic() < until:
            place = _PLACE.search(self._log.read_text(errors="replace")[size:])
            if place:
                self.port = int(place[1])
                return self
            time.sleep(0.01)
        self.kill()
        raise RuntimeError(f"the server did not start:\n{self.errors()}")

    def kill(self) -> int:
        """SIGKILL: nothing of it runs on. Gives its exit code."""
        return self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM: it finishes what it accepted. Gives its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> int:
        pid, self.pid = self.pid, 0
        return self._spawner.call(do="end", pid=pid, signal=how.value) if pid else 0

    def errors(self) -> str:
        """The end of what it wrote to its log."""
        return self._log.read_text(errors="replace")[-3_000:]

    def close(self) -> None:
        """Kill it and forget its log."""
        self.kill()
        self._log.unlink(missing_ok=True)
