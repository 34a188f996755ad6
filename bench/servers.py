"""Starts and stops the servers that are measured, each a process of ours on 127.0.0.1."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

HOST = "127.0.0.1"
START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 20.0


class UnavailableError(Exception):
    """A server that can't be measured here; the message says why."""


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])


def call(
    url: str, method: str, path: str, body: object = None, *, token: str = ""
) -> tuple[int, Any]:
    """One request of the preparation: status and decoded JSON body (None if it has none)."""
    address = url.removeprefix("http://")
    connection = http.client.HTTPConnection(address, timeout=30)
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = token
    try:
        connection.request(method, path, msgspec.json.encode(body) if body else None, headers)
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    try:
        return answer.status, msgspec.json.decode(content) if content else None
    except msgspec.DecodeError:
        return answer.status, content.decode(errors="replace")


def expect(url: str, method: str, path: str, body: object = None, *, token: str = "") -> Any:
    """As `call`, but anything but 2xx is an UnavailableError."""
    status, answer = call(url, method, path, body, token=token)
    if not 200 <= status <= 299:
        raise UnavailableError(f"{method} {path} answered {status}: {str(answer)[:500]}")
    return answer


@dataclass(slots=True)
class Server:
    """A process that answers HTTP on a port of its own; its output goes to a log file."""

    name: str
    command: Sequence[str]
    port: int
    log: Path
    ready: str  # a path that answers 2xx once the server is up
    env: Mapping[str, str] = field(default_factory=dict)  # beside our own
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self.port}"

    def start(self) -> float:
        """Start it and wait for its first answer; seconds that took."""
        began = time.perf_counter()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **self.env},
            )
        while time.perf_counter() - began < START_SECONDS_MAX:
            if self._process.poll() is not None:
                raise UnavailableError(f"{self.name} ended at its start: {self._last_words()}")
            if self._answers():
                return time.perf_counter() - began
            time.sleep(0.005)
        self.stop()
        raise UnavailableError(f"{self.name} did not answer {self.ready}: {self._last_words()}")

    def _answers(self) -> bool:
        try:
            with socket.create_connection((HOST, self.port), timeout=5) as one:
                one.sendall(
                    f"GET {self.ready} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()
                )
                return one.recv(12)[9:10] == b"2"
        except OSError:
            return False

    def _last_words(self) -> str:
        return self.log.read_text(errors="replace")[-800:].strip()

    def stop(self) -> None:
        """End it, gently if it lets us."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def memory_mb(self) -> float:
        """Resident memory of the process and all below it."""
        if self._process is None:
            raise UnavailableError(f"{self.name} is not running")
        return sum(_resident_kb(one) for one in _family(self._process.pid)) / 1024


def _family(pid: int) -> list[int]:
    found = [pid]
    for one in found:  # grows while it is walked
        children = Path(f"/proc/{one}/task/{one}/children")
        found.extend(int(child) for child in children.read_text().split())
    return found


def _resident_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def make_echo(folder: Path) -> Server:
    """A Starlette application of one route that decodes and echoes a body."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "bench.echo:app"]
    command += ["--host", HOST, "--port", str(port), "--loop", "uvloop", "--http", "httptools"]
    command += ["--app-dir", str(Path(__file__).parent.parent)]
    command += ["--no-access-log", "--log-level", "warning"]
    return Server("echo", command, port, folder / "echo.log", ready="/ready")
