"""Waiting for PostgreSQL on the event loop, in code that knows nothing of it.

What writes a group is plain functions over a connection. Run by `run_on_loop` they have a stack of
their own, a greenlet: when psycopg waits for the server, the stack is put aside, the event loop
goes on, and the stack is taken up again once the server has answered. So groups need no thread, and
threads do not take the interpreter from each other.
"""

from __future__ import annotations

import asyncio
import contextvars
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
        return below.switch(waiting.wait_async(gen, self.pgconn.socket, interval, timeout))
