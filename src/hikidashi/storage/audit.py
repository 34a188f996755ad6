"""The audit: who changed what definition, person or grant, from what to what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from ..core.record import record
from .engines import Column, Connection, Insert

Via = Literal["api", "schema", "cli"]
_COLUMNS = (
    Column("id", "text"),
    Column("workspace_id", "text"),
    Column("created_at", "bigint"),
    Column("user_id", "text"),
    Column("via", "text"),
    Column("kind", "text"),
    Column("target_id", "text"),
    Column("name", "text"),
    Column("before", "text"),
    Column("after", "text"),
)
_NAMES = ", ".join(one.name for one in _COLUMNS)
State = Mapping[str, Any]


@record
class Author:
    """Who makes a change, and by which way in."""

    via: Via
    user: str = ""  # id; "" for the command line


@record
class AuditEntry:
    """One change. A state is what can be told of the thing; None: it is not there."""

    id: str  # in the order of the changes
    workspace: str
    at: int  # ms
    author: Author
    # of a definition, or workspace, user, member, key, token, end_user, or the name of a grant
    kind: str
    target: str  # id
    name: str  # for people
    before: State | None
    after: State | None


def insert_audit(connection: Connection, entries: Sequence[AuditEntry]) -> None:
    """Keep entries."""
    rows = [
        (
            one.id,
            one.workspace,
            one.at,
            one.author.user,
            one.author.via,
            one.kind,
            one.target,
            one.name,
            _encode(one.before),
            _encode(one.after),
        )
        for one in entries
    ]
    connection.write([Insert("audit", _COLUMNS, rows)])


def list_audit(  # noqa: PLR0913
    connection: Connection,
    workspace: str | None,
    *,
    before: str = "",
    kind: str = "",
    target: str = "",
    since: int = 0,
    limit: int,
) -> list[AuditEntry]:
    """The newest entries of a workspace, of all and of none for None; those older than the entry
    `before` and not older than the instant `since` (ms), where these are given."""
    tests: list[str] = ["1 = 1"]
    params: list[str | int] = []
    for column, sign, value in (
        ("workspace_id", "=", workspace),
        ("id", "<", before or None),
        ("kind", "=", kind or None),
        ("target_id", "=", target or None),
        ("created_at", ">=", since or None),
    ):
        if value is not None:
            tests.append(f"{column} {sign} ?")
            params.append(value)
    rows = connection.query(
        f"SELECT {_NAMES} FROM audit WHERE {' AND '.join(tests)}"  # noqa: S608  no value is in it
        " ORDER BY id DESC LIMIT ?",
        (*params, limit),
    )
    return [
        AuditEntry(
            id_, place, at, Author(via, user), kind_, target_, name, _decode(was), _decode(now)
        )
        for id_, place, at, user, via, kind_, target_, name, was, now in rows
    ]


def _encode(state: State | None) -> str | None:
    return None if state is None else msgspec.json.encode(state).decode()


def _decode(text: str | None) -> State | None:
    if text is None:
        return None
    state: State = msgspec.json.decode(text)
    return state
