"""What a worker could do if a script broke out of the engine: nothing. Needs Linux."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from hikidashi.sandbox import confine, selftest
from hikidashi.sandbox.frames import FRAME_BYTES_MAX, FrameError, Frames, pack
from hikidashi.sandbox.pool import Sandbox
from hikidashi.sandbox.runs import Budget, Script
from hikidashi.sandbox.spawning import UnsafeError, Zygote

MEMORY = 256 << 20
SOURCE = Path(confine.__file__).parents[2]


def _confined(code: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a process that is confined as a worker is."""
    before = f"import sys; sys.path.insert(0, {str(SOURCE)!r}); import os, socket, mmap, ctypes\n"
    begin = f"from hikidashi.sandbox.confine import confine; confine({MEMORY})\n"
    whole = before + begin + code
    return subprocess.run(
        [sys.executable, "-I", "-c", whole], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("probe", selftest.PROBES)
def test_the_self_test_has_this_probe_die(probe, monkeypatch):
    monkeypatch.setattr(selftest, "PROBES", {probe: selftest.PROBES[probe]})
    assert selftest.run(MEMORY) == []


def test_the_self_test_finds_what_is_allowed(monkeypatch):
    monkeypatch.setattr(selftest, "confine", lambda _: None)
    assert selftest.run(MEMORY) == list(selftest.PROBES)


FORBIDDEN = {
    "open a file": "os.open('/etc/hostname', 0)",
    "list a folder": "os.listdir('/')",
    "make a socket": "socket.socket()",
    "make a pair of sockets": "socket.socketpair()",
    "make a pipe": "os.pipe()",
    "fork": "os.fork()",
    "kill": "os.kill(1, 0)",
    "memory that can be run": "mmap.mmap(-1, 4096, prot=7)",
    "memory made runnable": "ctypes.CDLL(None).mprotect(ctypes.c_void_p(id(os) & ~4095), 4096, 5)",
    "ptrace": "ctypes.CDLL(None).ptrace(0, 0, 0, 0)",
    "io_uring": "ctypes.CDLL(None).syscall(425, 1, 0)",
    "a new user namespace": "ctypes.CDLL(None).unshare(0x10000000)",
    "bpf": "ctypes.CDLL(None).syscall(321, 0, 0, 0)",
    "a file in memory": "os.memfd_create('x')",
    "another's memory": "ctypes.CDLL(None).process_vm_readv(1, 0, 0, 0, 0, 0)",
    "a 32-bit call": "ctypes.CDLL(None).syscall(0x40000000 + 39)",
    "become root": "os.setuid(0)",
    "chdir": "os.chdir('/')",
    "its environment's files": "open('/proc/self/environ')",
}


@pytest.mark.parametrize("case", FORBIDDEN)
def test_the_system_ends_whoever_tries(case):
    ended = _confined(FORBIDDEN[case])
    assert ended.returncode == -31, ended  # SIGSYS


def test_memory_is_bounded():
    ended = _confined("try:\n x = bytearray(1 << 30)\nexcept MemoryError:\n print('none')")
    assert (ended.returncode, ended.stdout) == (0, "none\n")


def test_an_architecture_without_a_list_is_refused(monkeypatch):
    monkeypatch.setattr(confine.platform, "machine", lambda: "riscv64")
    confine.prepare.cache_clear()
    try:
        with pytest.raises(confine.ConfinementError, match="riscv64"):
            confine.prepare()
    finally:
        confine.prepare.cache_clear()


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_each_list_lets_a_worker_read_write_and_end(machine):
    _, _, allowed = confine._MACHINES[machine]
    assert {"recvfrom", "sendto", "mmap", "exit_group", "setitimer", "clock_gettime"} <= set(
        allowed
    )
    assert len(set(allowed.values())) == len(allowed)
    assert not {"open", "openat", "socket", "execve", "fork", "clone"} & set(allowed)


def test_a_server_that_is_not_confined_refuses_to_run_scripts(monkeypatch):
    async def run():
        sandbox = Sandbox("confined")

        async def start(*_, **__):
            raise UnsafeError("scripts are not confined on this system: one could fork")

        monkeypatch.setattr(Zygote, "start", start)
        script = Script("k", "function main() {}")
        return await sandbox.run("t", script, "null", None, Budget()), await sandbox.start()

    outcome, said = asyncio.run(run())
    assert (outcome.kind, "could fork" in outcome.json) == ("unavailable", True)
    assert "could fork" in said


def test_scripts_that_are_off_are_refused():
    async def run():
        return await Sandbox("off").run("t", Script("k", ""), "null", None, Budget())

    assert asyncio.run(run()).kind == "unavailable"


def test_a_worker_holds_no_file_but_its_socket_and_no_environment(bench):
    assert bench.value("function main() { return 1 }", tenant="files") == 1
    zygote = bench.sandbox._zygote._process.pid
    children = Path(f"/proc/{zygote}/task/{zygote}/children").read_text().split()
    assert children
    for one in (str(zygote), *children):
        try:
            environment = Path(f"/proc/{one}/environ").read_bytes()
            files = [str(each.readlink()) for each in Path(f"/proc/{one}/fd").iterdir()]
        except PermissionError:  # not root: a worker can't even be looked at
            continue
        assert environment == b""
        assert sorted(each for each in files if each != "/dev/null")[1:] == []


def test_the_end_of_the_server_is_the_end_of_its_workers(bench):
    code = (
        f"import sys, asyncio, os; sys.path.insert(0, {str(SOURCE)!r})\n"
        "from hikidashi.sandbox.pool import Sandbox\n"
        "from hikidashi.sandbox.runs import Budget, Script\n"
        "async def main():\n"
        " s = Sandbox(); await s.run('t', Script('k', '()=>1'), 'null', None, Budget())\n"
        " z = s._zygote._process.pid\n"
        " print(z, open(f'/proc/{z}/task/{z}/children').read(), flush=True)\n"
        " os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    pids = [int(one) for one in ended.stdout.split()]
    assert len(pids) == 2, ended
    for _ in range(500):
        if not any(_is_alive(one) for one in pids):
            return
        os.sched_yield()
        bench.wait(asyncio.sleep(0.01))
    pytest.fail("a process of the sandbox outlived its server")


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


# --- a worker that is no longer ours ----------------------------------------------------------

LIES = {
    "no msgpack": b"\x02\x00\x00\x00\xc1\xc1",
    "no list": pack([])[:4] + b"\x80",
    "a frame too large": (FRAME_BYTES_MAX + 1).to_bytes(4, "little"),
    "a frame without a name": pack([1, 2]),
    "an unknown name": pack(["hello", 1]),
    "an answer to nothing": pack(["done", 7, "1", []]) * 2,
    "another kind": pack(["failed", 1, "splendid", "{}", []]),
    "a result that is no text": pack(["done", 1, 5, []]),
    "a wish that is none": pack(["wishes", 1, [["x"]]]),
    "a log that is none": pack(["wishes", 1, [[0, "log", [5, 6]]]]),
    "an unanswered wish that is no log": pack(["wishes", 1, [[0, "api", []]]]),
    "an id that is none": pack(["done", "1", "1", []]),
}


@pytest.mark.parametrize("case", LIES)
def test_a_worker_that_lies_is_killed(bench, case):
    """The socket of a worker speaks as no worker would."""
    bench.wait(bench.run_on_loop("function main() { return 1 }", tenant="liar"))
    link = bench.sandbox._tenants["liar"].link

    async def lie():
        waits = "async function main() { return callAPIAsync('wait', 2) }"
        run = asyncio.ensure_future(bench.run_on_loop(waits, tenant="liar"))
        await asyncio.sleep(0.1)
        link.data_received(LIES[case])
        return (await run).kind

    assert bench.wait(lie()) == "killed"
    assert bench.value("function main() { return 1 }", tenant="liar") == 1


def test_frames_come_whole_however_they_are_cut():
    sent = [["a", 1], ["b", "あ" * 100], ["c", [None, True]]]
    data = b"".join(pack(one) for one in sent)
    for size in (1, 3, 7, 1000):
        frames, got = Frames(), []
        for at in range(0, len(data), size):
            got += frames.feed(data[at : at + size])
        assert got == sent


def test_deep_frames_are_refused():
    with pytest.raises(FrameError):
        list(Frames().feed((200_001).to_bytes(4, "little") + b"\x91" * 200_000 + b"\xc0"))


def test_a_zygote_that_dies_is_followed_by_another(bench):
    assert bench.value("function main() { return 1 }") == 1
    bench.sandbox._zygote._process.kill()
    for _ in range(100):
        outcome = bench.run("function main() { return 2 }")
        if outcome.kind == "done":
            return
        bench.wait(asyncio.sleep(0.05))
    pytest.fail(f"no script ran again: {outcome}")


def test_sockets_are_closed_when_a_sandbox_ends():
    async def run():
        sandbox = Sandbox()
        await sandbox.run("t", Script("k", "()=>1"), "null", None, Budget())
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
        sandbox.close()
        await asyncio.sleep(0.1)
        return before - len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    assert asyncio.run(run()) >= 2
    assert socket.socket
