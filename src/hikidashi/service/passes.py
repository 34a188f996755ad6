"""What those came in with who stay connected: whether it still holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..core.access import Identity
from ..storage import people
from ..storage.engines import Connection
from .session_use import has_run_out


def find_ended(
    connection: Connection, passes: Mapping[str, Identity], now_ms: int
) -> tuple[dict[str, Identity], dict[str, str]]:
    """Passes by the id of their session or the hash of their token, as two dictionaries: those
    that hold, with where their user works now, and why others do not. Two statements for all."""
    sessions = [key for key, one in passes.items() if one.session]
    tokens = [key for key, one in passes.items() if not one.session]
    found = people.find_sessions(connection, sessions) if sessions else {}
    known = people.find_tokens(connection, tokens) if tokens else frozenset()
    held: dict[str, Identity] = {}
    over: dict[str, str] = {}
    for key, identity in passes.items():
        if not identity.session:
            if key in known:
                held[key] = identity
            else:
                over[key] = "the token was revoked"
            continue
        session = found.get(key)
        if session is None or session.user != identity.user:
            over[key] = "the session has ended"
        elif has_run_out(session, session.used_at, now_ms):
            over[key] = "the session has run out"
        else:
            held[key] = replace(identity, workspace=session.workspace)
    return held, over
