"""What the operating system keeps a worker from: files, network, other processes, new code.

Resource limits, no new privileges, Landlock, another user where we are root, and a seccomp list of
the system calls that running a script takes; any other ends the process. Linux on x86-64 and
aarch64. By ctypes: what is on the package index for it is older than the kernels it would guard.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import signal
import struct
import sys
from functools import cache
from pathlib import Path
from typing import Any, Final

NOBODY: Final = 65_534
_FILES_MAX: Final = 16
_CPU_SECONDS_MAX: Final = 3_600  # of one worker's life; its successor has as many again
_NICENESS: Final = 10  # scripts give way to whoever answers requests

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38
_LANDLOCK_CREATE: Final = 444  # the same numbers on every architecture
_LANDLOCK_RESTRICT: Final = 446
_LANDLOCK_VERSION: Final = 1  # the flag that asks for it

# What the loop of a worker needs: its socket, memory, clocks, its timer and the way out.
_X86_64: Final = {
    "read": 0,
    "write": 1,
    "close": 3,
    "poll": 7,
    "lseek": 8,
    "mmap": 9,
    "mprotect": 10,
    "munmap": 11,
    "brk": 12,
    "rt_sigaction": 13,
    "rt_sigprocmask": 14,
    "rt_sigreturn": 15,
    "mremap": 25,
    "sched_yield": 24,
    "madvise": 28,
    "setitimer": 38,
    "getpid": 39,
    "sendto": 44,
    "recvfrom": 45,
    "exit": 60,
    "gettimeofday": 96,
    "getrusage": 98,
    "gettid": 186,
    "futex": 202,
    "restart_syscall": 219,
    "clock_gettime": 228,
    "clock_nanosleep": 230,
    "exit_group": 231,
    "ppoll": 271,
    "getrandom": 318,
    "membarrier": 324,
    "rseq": 334,
}
_AARCH64: Final = {
    "close": 57,
    "lseek": 62,
    "read": 63,
    "write": 64,
    "ppoll": 73,
    "exit": 93,
    "exit_group": 94,
    "futex": 98,
    "setitimer": 103,
    "clock_gettime": 113,
    "clock_nanosleep": 115,
    "sched_yield": 124,
    "restart_syscall": 128,
    "rt_sigaction": 134,
    "rt_sigprocmask": 135,
    "rt_sigreturn": 139,
    "getrusage": 165,
    "gettimeofday": 169,
    "getpid": 172,
    "gettid": 178,
    "sendto": 206,
    "recvfrom": 207,
    "brk": 214,
    "munmap": 215,
    "mremap": 216,
    "mmap": 222,
    "mprotect": 226,
    "madvise": 233,
    "getrandom": 278,
    "membarrier": 283,
    "rseq": 293,
}
# machine -> number of seccomp(), the kernel's name of the architecture, what is allowed
_MACHINES: Final = {
    "x86_64": (317, 0xC000003E, _X86_64),
    "aarch64": (277, 0xC00000B7, _AARCH64),
}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


class ConfinementError(Exception):
    """This system can't confine a worker, or refused a part of it."""


def confine(memory_bytes: int) -> None:
    """Give up, for ever, all that a script has no use for. Raises ConfinementError.

    `memory_bytes` is what may be allocated beyond what the process has now.
    """
    libc, number, program = prepare()
    os.nice(_NICENESS)
    has = _mapped_bytes()
    _checked("no_new_privs", libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _landlock(libc)
    _limit(has + memory_bytes)
    _drop_root()
    _checked("dumpable", libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0))
    _checked("death signal", libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))
    if os.getppid() == 1:  # the parent died before it was asked for
        os._exit(1)
    _checked("seccomp", libc.syscall(number, _SECCOMP_SET_FILTER, 0, ctypes.byref(program)))


@cache
def prepare() -> tuple[Any, int, _Program]:
    """What `confine` needs, made once before the forks: libc, the number of seccomp, the filter.

    Raises ConfinementError.
    """
    machine = _MACHINES.get(platform.machine())
    if sys.platform != "linux" or machine is None:
        raise ConfinementError(f"no confinement for {sys.platform} on {platform.machine()}")
    number, architecture, allowed = machine
    code = make_filter(architecture, allowed)
    held = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.cast(held, ctypes.c_void_p))
    program.held = held  # for as long as the program points to it
    return ctypes.CDLL(None, use_errno=True), number, program


def _checked(what: str, result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise ConfinementError(f"{what}: {errno.errorcode.get(code, code)}")
    return result


def _mapped_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    return pages * resource.getpagesize()


def _limit(most: int) -> None:
    """`most`: bytes of memory in all."""
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS_MAX, _CPU_SECONDS_MAX + 1))
    for one, highest in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_NOFILE, _FILES_MAX),
    ):
        resource.setrlimit(one, (highest, highest))


def _landlock(libc: Any) -> None:
    """Deny every use of files and of the network that the kernel knows to deny.

    Where the kernel has no Landlock, seccomp alone denies opening and connecting.
    """
    version = libc.syscall(_LANDLOCK_CREATE, None, 0, _LANDLOCK_VERSION)
    if version < 1:
        return
    files = (1 << 13) - 1  # each version has added a right
    for since, right in ((2, 13), (3, 14), (5, 15)):
        if version >= since:
            files |= 1 << right
    network = 0b11 if version >= 4 else 0  # bind, connect
    scopes = 0b11 if version >= 6 else 0  # abstract sockets, signals
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = struct.pack("=QQQ", files, network, scopes)
    ruleset = _checked("landlock", libc.syscall(_LANDLOCK_CREATE, rules, size, 0))
    _checked("landlock", libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0))
    os.close(ruleset)


def _drop_root() -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)


# --- seccomp ----------------------------------------------------------------------------------

_LOAD: Final = 0x20  # BPF: load a word of what the kernel tells of the call
_IF_EQUAL: Final = 0x15
_IF_SET: Final = 0x45
_RETURN: Final = 0x06
_ALLOW: Final = 0x7FFF0000
_KILL: Final = 0x80000000  # the whole process
_NUMBER_AT, _ARCHITECTURE_AT, _PROTECTION_AT = 0, 4, 32  # the third argument is the protection
_PROT_EXEC: Final = 4
_SECCOMP_SET_FILTER: Final = 1


def make_filter(architecture: int, allowed: dict[str, int]) -> bytes:
    """The BPF program: allow these calls, memory that can be run excepted; kill for any other."""
    program = [
        _step(_LOAD, 0, 0, _ARCHITECTURE_AT),
        _step(_IF_EQUAL, 1, 0, architecture),
        _step(_RETURN, 0, 0, _KILL),
        _step(_LOAD, 0, 0, _NUMBER_AT),
    ]
    for name, number in allowed.items():
        if name in ("mmap", "mprotect"):
            program += [
                _step(_IF_EQUAL, 0, 4, number),
                _step(_LOAD, 0, 0, _PROTECTION_AT),
                _step(_IF_SET, 1, 0, _PROT_EXEC),
                _step(_RETURN, 0, 0, _ALLOW),
                _step(_RETURN, 0, 0, _KILL),
            ]
        else:
            program += [_step(_IF_EQUAL, 0, 1, number), _step(_RETURN, 0, 0, _ALLOW)]
    program.append(_step(_RETURN, 0, 0, _KILL))
    return b"".join(program)


def _step(code: int, if_true: int, if_false: int, value: int) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
