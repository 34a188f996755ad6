"""Workspaces that were removed: set aside with who was in them, brought back, or forgotten.

What asks for a workspace finds none meanwhile; grants, tokens and the audit stay where they are.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ..core.password_policy import PasswordPolicy
from ..core.record import record
from .definitions import Workspace
from .end_users import forget_end_users, list_places
from .engines import Connection

_KEPT: Final = "created_at, password_policy, session_timeout"
_NUMBERS: Final = "catalog_number, people_number"
_PLACE: Final = f"id, name, time_zone, {_NUMBERS}, {_KEPT}"
_MEMBER: Final = "workspace_id, user_id, is_admin, accepted"
_BELONGING: Final = ("removed_members", "group_members", "user_roles", "group_roles")


@record
class Removed:
    """A workspace that was removed."""

    workspace: Workspace
    at: int  # ms


def set_aside(connection: Connection, workspace: str, now: int) -> None:
    """The workspace is there no more, and nobody is in it."""
    connection.query(
        f"INSERT INTO removed_workspaces ({_PLACE}, removed_at)"  # noqa: S608
        f" SELECT {_PLACE}, ? FROM workspaces WHERE id = ?",
        (now, workspace),
    )
    _move(connection, "members", "removed_members", workspace)
    connection.query("DELETE FROM workspaces WHERE id = ?", (workspace,))


def bring_back(connection: Connection, workspace: str) -> None:
    """The workspace is there again with who was in it; every process reads it anew."""
    connection.query(
        f"INSERT INTO workspaces ({_PLACE}) SELECT id, name, time_zone, catalog_number + 1,"  # noqa: S608
        f" people_number + 1, {_KEPT} FROM removed_workspaces WHERE id = ?",
        (workspace,),
    )
    _move(connection, "removed_members", "members", workspace)
    connection.query("DELETE FROM removed_workspaces WHERE id = ?", (workspace,))


def _move(connection: Connection, source: str, target: str, workspace: str) -> None:
    connection.query(
        f"INSERT INTO {target} ({_MEMBER}) SELECT {_MEMBER} FROM {source}"  # noqa: S608
        " WHERE workspace_id = ?",
        (workspace,),
    )
    connection.query(f"DELETE FROM {source} WHERE workspace_id = ?", (workspace,))  # noqa: S608


def list_removed(connection: Connection, since: int) -> list[Removed]:
    """Those that are young enough to be brought back, the newest first."""
    rows = connection.query(
        "SELECT id, name, time_zone, password_policy, session_timeout, removed_at"
        " FROM removed_workspaces WHERE removed_at >= ? ORDER BY removed_at DESC, id",
        (since,),
    )
    return [
        Removed(Workspace(id_, name, zone, PasswordPolicy(**msgspec.json.decode(text)), limit), at)
        for id_, name, zone, text, limit, at in rows
    ]


def forget_removed(connection: Connection, before: int) -> None:
    """Nothing is left of those that were removed before then but what histories and audit tell."""
    rows = connection.query("SELECT id FROM removed_workspaces WHERE removed_at < ?", (before,))
    for (workspace,) in rows:
        for table in (*_BELONGING, "tokens", "templates", "schedule_clocks", "schedule_runs"):
            connection.query(f"DELETE FROM {table} WHERE workspace_id = ?", (workspace,))  # noqa: S608
        for project in list_places(connection, workspace):
            forget_end_users(connection, project)
        connection.query("DELETE FROM removed_workspaces WHERE id = ?", (workspace,))
