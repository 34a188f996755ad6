"""Starting the zygote, and workers through it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Final

import msgspec

from .gate import Gate
from .link import Link
from .zygote import NO_CHILD

START_SECONDS: Final = 10.0  # of a zygote, its self-test included, and of a worker
_REPLY_BYTES: Final = 65_536
_ROOT: Final = Path(__file__).resolve().parents[2]
_START: Final = (
    "import sys; sys.path.insert(0, {root!r});"
    " from hikidashi.sandbox.zygote import main; main({descriptor}, {memory}, {confined})"
)


class UnsafeError(Exception):
    """Scripts are not run here; the message says why."""


class Zygote:
    """A running zygote. It ends, and its workers with it, when its channel is closed."""

    def __init__(self, process: subprocess.Popen[bytes], channel: socket.socket) -> None:
        self._process = process
        self._channel = channel
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[asyncio.Future[tuple[bytes, list[int]]]] = deque()
        self.started_at = monotonic()
        self.links: set[Link] = set()
        self.is_retired = False  # it is to end with its last worker
        self._loop.add_reader(channel.fileno(), self._read)

    @classmethod
    async def start(cls, memory_bytes: int, *, is_confined: bool) -> Zygote:
        """Start one and wait for its self-test. Raises UnsafeError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(0)
        code = _START.format(
            root=str(_ROOT),
            descriptor=theirs.fileno(),
            memory=memory_bytes,
            confined=int(is_confined),
        )
        with theirs:
            process = subprocess.Popen(  # noqa: ASYNC220, S603  it must be there before anything else
                [sys.executable, "-I", "-c", code],
                pass_fds=[theirs.fileno()],
                env={},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        zygote = cls(process, ours)
        try:
            told, _ = await asyncio.wait_for(zygote._next(), START_SECONDS)
            found = msgspec.msgpack.decode(told, type=list[str])
        except (TimeoutError, ConnectionError, msgspec.MsgspecError):
            zygote.close()
            raise UnsafeError("the process that scripts run in does not start") from None
        if found:
            zygote.close()
            raise UnsafeError(f"scripts are not confined on this system: one could {found[0]}")
        return zygote

    async def spawn(self, gate: Gate, gone: Callable[[Link], None]) -> Link:
        """A new worker, ready. Raises ConnectionError, TimeoutError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with theirs:
                socket.send_fds(self._channel, [b"\x01"], [theirs.fileno()])
                reply = self._next()
            told, handles = await asyncio.wait_for(reply, START_SECONDS)
        except OSError as error:
            ours.close()
            raise ConnectionError("the zygote is gone") from error
        number = int.from_bytes(told, "little")
        if number == NO_CHILD:
            ours.close()
            raise ConnectionError("the zygote could make no worker")
        process = _Process(number, handles[0] if handles else None)

        def left(link: Link) -> None:
            self._leave(link)
            gone(link)

        ours.settimeout(0)
        link = Link(gate, process.kill, left)
        self.links.add(link)
        try:
            await self._loop.create_unix_connection(lambda: link, sock=ours)
            await asyncio.wait_for(link.ready, START_SECONDS)
        except (OSError, TimeoutError):
            link.stop()
            raise
        return link

    def _leave(self, link: Link) -> None:
        self.links.discard(link)
        if self.is_retired and not self.links:
            self.close()

    def retire(self) -> None:
        """Start no more workers; end with the last."""
        self.is_retired = True
        if not self.links:
            self.close()

    def close(self) -> None:
        """End it and every worker."""
        if self._channel.fileno() < 0:
            return
        self._loop.remove_reader(self._channel.fileno())
        self._channel.close()
        self._process.kill()
        self._process.wait()
        for link in list(self.links):
            link.stop()
        self._fail()

    @property
    def has_workers(self) -> bool:
        """Whether any of its workers is still there."""
        return bool(self.links)

    @property
    def is_open(self) -> bool:
        """Whether it can be asked for workers."""
        return self._channel.fileno() >= 0 and not self.is_retired

    def _next(self) -> asyncio.Future[tuple[bytes, list[int]]]:
        reply: asyncio.Future[tuple[bytes, list[int]]] = self._loop.create_future()
        self._waiting.append(reply)
        return reply

    def _read(self) -> None:
        try:
            told, handles, _, _ = socket.recv_fds(self._channel, _REPLY_BYTES, 1)
        except BlockingIOError:
            return
        except OSError:
            told, handles = b"", []
        if not told:
            self.close()
            return
        reply = self._waiting.popleft() if self._waiting else None
        if reply is None or reply.done():  # whoever asked has left
            for one in handles:
                os.close(one)
        else:
            reply.set_result((told, handles))

    def _fail(self) -> None:
        while self._waiting:
            reply = self._waiting.popleft()
            if not reply.done():
                reply.set_exception(ConnectionError("the zygote is gone"))


class _Process:
    """A worker's process, which can be killed once."""

    def __init__(self, number: int, handle: int | None) -> None:
        self._number = number
        self._handle = handle
        self._is_killed = False

    def kill(self) -> None:
        """Kill it if it is still there."""
        if self._is_killed:
            return
        self._is_killed = True
        try:
            if self._handle is not None:
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            else:
                os.kill(self._number, signal.SIGKILL)
        except OSError:  # it has ended, or is no longer ours
            pass
        if self._handle is not None:
            os.close(self._handle)
