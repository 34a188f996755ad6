"""Waiting for PostgreSQL on the event loop, in code that knows nothing of it.

What writes a group is plain functions over a connection. Run by `run_on_loop` they have a stack of
their own, a greenlet: when psycopg waits for the server, the stack is put aside, the event loop
goes on, and the stack is taken up again once the server has answered. So groups need no thread, and
threads do not take the interpreter from each other.
"""

from __future__ import annotations

import asyncio
import contextvars
import select
from collections.abc import Callable
from typing import Any, TypeVar, cast

import psycopg
from greenlet import getcurrent, greenlet
from psycopg import waiting

from . import Row

T = TypeVar("T")


class _Stack(greenlet):
    """A stack that may be put aside."""


async def run_on_loop(fn: Callable[..., T], *args: Any) -> T:
    """Call a function on the event loop; where it waits for a server, others go on."""
    stack = _Stack(fn)
    stack.gr_context = contextvars.copy_context()
    given = stack.switch(*args)
    while not stack.dead:
        try:
            value = await given
        except BaseException as error:  # noqa: BLE001  raised where the function waits
            given = stack.throw(error)
        else:
            given = stack.switch(value)
    return cast("T", given)


def run_beside(fn: Callable[[], T]) -> T:
    """Call a function that waits in ways of its own: if we are on the event loop, on a thread."""
    below = _below()
    return fn() if below is None else cast("T", below.switch(asyncio.to_thread(fn)))


def _below() -> greenlet | None:
    """The stack of `run_on_loop`, if that has called us. It awaits what it is given."""
    current = getcurrent()
    return current.parent if isinstance(current, _Stack) else None


class WaitingConnection(psycopg.Connection[Row]):
    """Waits on the event loop if `run_on_loop` has called, else as psycopg does."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Consume a generator of psycopg that operates on the connection."""
        below = _below()
        if below is None:
            return super().wait(gen, interval, timeout)
        socket = self.pgconn.socket
        try:
            state = next(gen)
            while state & waiting.WAIT_W and (ready := _ready(socket, state)):
                state = gen.send(ready)  # a statement of a pipeline: there is room for it
        except StopIteration as end:
            return end.value
        return below.switch(waiting.wait_async(_begun(gen, state), socket, interval, timeout))


def _ready(socket: int, state: int) -> int:
    """What of it a socket is ready for now; 0 also if something is wrong with it."""
    look = select.poll()
    look.register(socket, select.POLLOUT | (select.POLLIN if state & waiting.WAIT_R else 0))
    events = sum(found for _, found in look.poll(0))
    reads = waiting.READY_R if events & select.POLLIN else 0
    return reads | (waiting.READY_W if events & select.POLLOUT else 0)


def _begun(gen: Any, state: Any) -> Any:
    """The rest of a generator that waits for something."""
    while True:
        ready = yield state
        try:
            state = gen.send(ready)
        except StopIteration as end:
            return end.value
