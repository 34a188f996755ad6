"""What the request under way has written, and whether it may: whoever has stays where they were.

The user of a session may select another workspace at any moment, and a request that has not
written is then begun again there. One that has must not be: its caller goes on in the workspace
where the write was made, and is told what came of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace

from ..core.access import Identity
from ..core.errors import forbidden

_has_written: ContextVar[bool] = ContextVar("has_written", default=False)
_scripts: ContextVar[int] = ContextVar("scripts_behind", default=0)
_only_reads: ContextVar[bool] = ContextVar("only_reads", default=False)


def begin_request() -> None:
    """Nothing is written yet in what follows in this task."""
    _has_written.set(False)


def scripts_behind() -> int:
    """How many scripts stand behind what this task does: each called the next, or was followed."""
    return _scripts.get()


def note_scripts(count: int) -> None:
    """So many do, in what follows in this task."""
    _scripts.set(count)


def note_written() -> None:
    """A transaction of this task is durable."""
    _has_written.set(True)


def has_written() -> bool:
    """Whether one is."""
    return _has_written.get()


def staying(identity: Identity) -> Identity:
    """Who calls; after a write, wherever the session's user has gone since."""
    if identity.session and _has_written.get():
        return replace(identity, session="")
    return identity


@contextmanager
def only_reading() -> Iterator[None]:
    """What this task does inside is for show: nothing may be written by it."""
    before = _only_reads.set(True)
    try:
        yield
    finally:
        _only_reads.reset(before)


def check_may_write() -> None:
    """Raises 403 inside `only_reading`."""
    if _only_reads.get():
        raise forbidden("this is only for show (dry_run): a script may read, and write nothing")
