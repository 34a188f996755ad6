"""A process that has imported the server and forks one at a word: a restart costs no second.

It reads a line of JSON a command and answers with one: `start` (environment, log file) gives the
child's pid, `end` (pid, signal) its exit code.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from typing import Any

import hikidashi.api.app
import hikidashi.storage.engines.postgres
import hikidashi.storage.engines.sqlite  # noqa: F401  what a server imports when it starts
from hikidashi.cli import cli
from tests.waiting import wait_for_child


def main() -> None:
    """Serve commands until stdin ends, then kill what is left."""
    gc.freeze()
    children: set[int] = set()
    for line in sys.stdin:
        told: dict[str, Any] = json.loads(line)
        if told["do"] == "start":
            pid = os.fork()
            if pid == 0:
                _serve(told)
            children.add(pid)
            answer = pid
        else:
            answer = _end(told["pid"], told["signal"])
            children.discard(told["pid"])
        print(json.dumps(answer), flush=True)
    for pid in children:
        _end(pid, 9)


def _serve(told: dict[str, Any]) -> None:
    """In the child: become a server."""
    log = os.open(told["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.update(told["environment"])
    try:
        cli(["serve", "--host", "127.0.0.1", "--port", "0"], standalone_mode=False)
    except BaseException as error:  # noqa: BLE001  told by the log and the exit code
        print(repr(error), file=sys.stderr, flush=True)
        os._exit(2)
    os._exit(0)


def _end(pid: int, how: int) -> int:
    os.kill(pid, how)
    return wait_for_child(pid)


if __name__ == "__main__":
    main()
