"""Hikidashi as a user starts it: its own commands, a fresh database, the bench workspace."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from .servers import Server, UnavailableError, expect, free_port

WORLD = Path(__file__).parent / "world.yaml"
MEMBER = ("member@bench.test", "bench-member-password")


class Hikidashi:
    """A server of its own data, with a token of an ordinary member for the load."""

    def __init__(
        self,
        folder: Path,
        database: str,
        name: str,
        world: Path = WORLD,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self._env = {"HIKIDASHI_DATABASE": database, **(settings or {})}
        self._run("schema", "apply", str(world))
        port = free_port()
        self.server = Server(
            name,
            [sys.executable, "-m", "hikidashi", "serve", "--port", str(port)],
            port,
            folder / f"{name}.log",
            ready="/readyz",
            env=self._env,
        )
        self.url = self.server.url
        self.durability = self._read_durability()
        self.server.start()
        try:
            self.token = self.login()
        except BaseException:
            self.server.stop()
            raise

    def _run(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "hikidashi", *words],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **self._env},
        )
        if done.returncode:
            said = f"{done.stdout}{done.stderr}".strip()
            raise UnavailableError(f"hikidashi {' '.join(words[:2])}: {said[-800:]}")
        return done.stdout

    def _read_durability(self) -> dict[str, str]:
        """What `hikidashi check` reads back; the server itself won't start on anything else."""
        start = "settings read back: "
        for line in self._run("check", "--quick").splitlines():
            if start in line:
                pairs = (one.partition("=") for one in line.partition(start)[2].split(", "))
                return {name: value for name, _, value in pairs}
        return {"unknown": "hikidashi check did not tell"}

    def login(self) -> str:
        """The value of an Authorization header of the member."""
        body = {"email": MEMBER[0], "password": MEMBER[1]}
        return f"Bearer {expect(self.url, 'POST', '/api/v0/login', body)['token']}"
