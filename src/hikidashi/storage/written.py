"""Whether the request under way has written anything: whoever has stays where they were.

The user of a session may select another workspace at any moment, and a request that has not
written is then begun again there. One that has must not be: its caller goes on in the workspace
where the write was made, and is told what came of it.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import replace

from ..core.access import Identity

_has_written: ContextVar[bool] = ContextVar("has_written", default=False)


def begin_request() -> None:
    """Nothing is written yet in what follows in this task."""
    _has_written.set(False)


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
