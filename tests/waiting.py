"""Waiting with a limit: what does not come about is told, instead of holding the run up for ever."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterable

from hikidashi.service.events import EventRelay

SECONDS_MAX = 60.0  # many times what anything takes on a slow machine


def first_line(process: subprocess.Popen[str], seconds: float = SECONDS_MAX) -> str:
    """The next line that a child prints. One that says nothing for so long is killed."""
    assert process.stdout is not None
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        line = process.stdout.readline()
    finally:
        timer.cancel()
    if not line:
        code = process.wait(seconds)
        raise AssertionError(f"the process said nothing; it ended with {code}: {process.args!r}")
    return line


def join_all(threads: Iterable[threading.Thread], seconds: float = SECONDS_MAX) -> None:
    """Wait until all have ended."""
    until = time.monotonic() + seconds
    for one in threads:
        one.join(max(0.0, until - time.monotonic()))
        assert not one.is_alive(), f"the thread {one.name} still runs after {seconds} s"


async def drain(relay: EventRelay) -> None:
    """Let a relay turn until nothing is left to do now."""
    while True:
        await relay.turn()
        tasks = [task for lane in relay._lanes.values() for task in lane.tasks]
        if not tasks and not relay._outcomes:
            return
        await asyncio.gather(*tasks)


def wait_for_child(pid: int, seconds: float = SECONDS_MAX) -> int:
    """The exit code of a child that was forked; one that goes on for so long is killed: -9."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
