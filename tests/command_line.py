"""Commands run in process, as a shell would see them, and scripts run by a shell."""

from __future__ import annotations

import json
import logging
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from hikidashi.cli import cli
from hikidashi.config import SETTINGS


@contextmanager
def quiet_logging() -> Iterator[None]:
    """Commands take the root logger over; give it back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


class CommandLine:
    """Runs commands on a database."""

    def __init__(self, database: str) -> None:
        self.environment = {one.variable: None for one in SETTINGS}
        self.environment["HIKIDASHI_DATABASE"] = database

    def __call__(self, *words: str, stdin: str = "", **environment: str) -> Result:
        result = CliRunner().invoke(
            cli, words, input=stdin, env={**self.environment, **environment}, prog_name="hikidashi"
        )
        assert "Traceback" not in result.output
        return result

    def done(self, *words: str, stdin: str = "") -> str:
        """The output of a command that must succeed."""
        result = self(*words, stdin=stdin)
        assert result.exit_code == 0, result.output
        return result.stdout

    def refused(self, *words: str, stdin: str = "", **environment: str) -> str:
        """The sentence of a command that must not."""
        return self.ended(1, *words, stdin=stdin, **environment)

    def ended(self, code: int, *words: str, stdin: str = "", **environment: str) -> str:
        """The sentence of a command that ends with an exit code and has done nothing."""
        result = self(*words, stdin=stdin, **environment)
        assert result.exit_code == code, result.output
        assert result.stdout == ""
        return result.stderr

    def json(self, *words: str, stdin: str = "") -> Any:
        """What a command that must succeed tells programs."""
        return json.loads(self.done(*words, "--json", stdin=stdin))


def run_shell(script: str, folder: Path, seconds: float) -> str:
    """What a script that must succeed prints when it is pasted into a shell in a folder."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PATH": os.environ["PATH"]},
        check=False,
        timeout=seconds,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
