"""The zygote: a clean process with the engine loaded, from which workers are forked in 2 ms.

It is started with an empty environment and no file but its channel, so that a worker inherits
nothing worth having. On the channel (SOCK_SEQPACKET) it first tells what came of the self-test;
then each order, with one end of a socket pair, becomes a worker on that end.

    python -I -c '…; zygote.main(fd, memory_bytes, is_confined)'
"""

from __future__ import annotations

import gc
import os
import signal
import socket
from typing import Final

import msgspec

from . import selftest, worker
from .confine import ConfinementError, confine, prepare
from .frames import Frames, pack

READY: Final = b"\x01"  # the first byte of a worker, before its frames
NO_CHILD: Final = 0  # told in the place of a worker's number when there is none
_ORDER_BYTES: Final = 64
_HEAP_BYTES: Final = 64 << 20
_WARM_RUNS: Final = 64


def main(descriptor: int, memory_bytes: int, is_confined: int) -> None:
    """Serve orders until the server closes the channel."""
    channel = socket.socket(fileno=descriptor)
    told = _try_out(memory_bytes) if is_confined else []
    channel.send(msgspec.msgpack.encode(told))
    _warm_up()
    gc.collect()
    gc.disable()  # a worker makes no cycles, and collecting would copy what it looks at
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's; closing ends us
    while True:
        order, descriptors, _, _ = socket.recv_fds(channel, _ORDER_BYTES, 1)
        if not order:
            os._exit(0)
        try:
            child = os.fork() if descriptors else NO_CHILD
        except OSError:  # the system has no more processes to give; the workers there are go on
            child = NO_CHILD
        else:
            if child == 0 and descriptors:
                channel.close()
                _become_worker(descriptors[0], memory_bytes, is_confined=bool(is_confined))
        _tell(channel, child)
        for one in descriptors:
            os.close(one)


def _try_out(memory_bytes: int) -> list[str]:
    try:
        prepare()
    except ConfinementError as error:
        return [f"do anything: {error}"]
    return selftest.run(memory_bytes)


def _warm_up() -> None:
    """Run what a worker runs, so that what it leaves behind is shared by all and not made in each."""
    one, frames = worker.Worker(), Frames()
    one.handle(["source", "", "function main(data) { return data }"])
    for id_ in range(_WARM_RUNS):
        order = pack(["run", id_, "", "{}", 1.0, _HEAP_BYTES, not id_ % 8, ""])
        for frame in frames.feed(order):
            pack(one.handle(frame) or [])


def _tell(channel: socket.socket, child: int) -> None:
    """The worker's number, and a handle of it that no later process can come to bear."""
    try:
        handle = os.pidfd_open(child)  # of none it fails
    except OSError:  # it is gone already, or the system has no such handles
        channel.send(child.to_bytes(4, "little"))
        return
    socket.send_fds(channel, [child.to_bytes(4, "little")], [handle])
    os.close(handle)


def _become_worker(descriptor: int, memory_bytes: int, *, is_confined: bool) -> None:
    try:
        channel = socket.socket(fileno=descriptor)
        if is_confined:
            confine(memory_bytes)
        channel.sendall(READY)
        worker.serve(channel)
    except (ConfinementError, OSError, MemoryError):
        pass
    finally:
        os._exit(1)
