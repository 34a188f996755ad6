"""Does the confinement hold here? Each probe does, confined, what no script may ever do."""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import socket
from collections.abc import Callable, Mapping
from typing import Final

from .confine import confine


def _open() -> None:
    os.open("/etc/passwd", os.O_RDONLY)


def _write() -> None:
    os.open("/tmp/probe", os.O_WRONLY | os.O_CREAT)  # noqa: S108  that it can't is what is tried


def _connect() -> None:
    socket.socket(socket.AF_INET, socket.SOCK_STREAM)


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _execute() -> None:
    os.execv("/bin/true", ["true"])  # noqa: S606  that it can't is what is tried


def _kill() -> None:
    os.kill(os.getppid(), 0)


def _run_memory() -> None:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)


def _trace() -> None:
    ctypes.CDLL(None).ptrace(0, 0, 0, 0)


def _memory_file() -> None:
    os.memfd_create("probe")


def _raise_limits() -> None:
    import resource  # noqa: PLC0415  only here

    resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))


PROBES: Final[Mapping[str, Callable[[], None]]] = {
    "open a file": _open,
    "write a file": _write,
    "make a socket": _connect,
    "fork": _fork,
    "run a program": _execute,
    "signal the server": _kill,
    "map memory that can be run": _run_memory,
    "trace a process": _trace,
    "make a file in memory": _memory_file,
    "raise its limits": _raise_limits,
}
_COULD: Final = 3  # exit code of a probe that lived on
_NOT_CONFINED: Final = 4


def run(memory_bytes: int) -> list[str]:
    """What a worker could do here though it must not; nothing if the confinement holds."""
    found = []
    for name, probe in PROBES.items():
        child = os.fork()
        if child == 0:
            _probe(probe, memory_bytes)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) == _NOT_CONFINED:
            return ["do anything: the system refuses a part of the confinement"]
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGSYS:
            found.append(name)
    return found


def _probe(probe: Callable[[], None], memory_bytes: int) -> None:
    try:
        confine(memory_bytes)
    except BaseException:  # noqa: BLE001  nothing goes on in the child
        os._exit(_NOT_CONFINED)
    try:
        probe()
    finally:
        os._exit(_COULD)
