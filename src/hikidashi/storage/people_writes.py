"""Every change of users, memberships, grants and project keys; each raises `people_number`.

In a transaction, after `definitions.lock_workspaces` of the workspace concerned.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from .accounts import note_new_password
from .engines import Column, Connection, Delete, Insert, Update
from .people_state import ProjectKey, User

_ID = Column("id", "text")
_WORKSPACE = Column("workspace_id", "text")
_USER = Column("user_id", "text")
_GROUP = Column("group_id", "text")
_ROLE = Column("role_id", "text")

Grant = Literal["group_members", "user_roles", "group_roles"]
_PAIRS: dict[Grant, tuple[Column, Column]] = {
    "group_members": (_GROUP, _USER),
    "user_roles": (_ROLE, _USER),
    "group_roles": (_ROLE, _GROUP),
}


def raise_people_number(connection: Connection, workspace: str) -> None:
    """Tell every process that people, memberships or grants changed."""
    connection.query(
        "UPDATE workspaces SET people_number = people_number + 1 WHERE id = ?", (workspace,)
    )


# --- users ------------------------------------------------------------------------------------


def insert_user(connection: Connection, user: User, workspace: str, now_ms: int) -> None:
    """A new user whose current workspace is this one, if it is one. Membership is a row of its own.

    Raises IntegrityError if the address or the code is taken.
    """
    columns = (
        _ID,
        Column("email", "text"),
        Column("name", "text"),
        Column("password_hash", "text"),
        Column("is_bot", "bigint"),
        Column("exclusive_workspace", "text"),
        Column("user_code", "text"),
        Column("current_workspace", "text"),
        Column("created_at", "bigint"),
        Column("is_proven", "bigint"),
    )
    row = (
        user.id,
        user.email,
        user.name,
        user.password_hash,
        int(user.is_bot),
        user.exclusive,
        user.user_code,
        workspace or None,
        now_ms,
        int(user.is_proven),
    )
    connection.write([Insert("users", columns, [row])])
    raise_people_number(connection, workspace)


def update_user(connection: Connection, user: User, now_ms: int) -> None:
    """Another address, name, password hash or bot mark; another hash ends the user's sessions."""
    found = connection.query("SELECT password_hash FROM users WHERE id = ?", (user.id,))
    columns = (
        Column("email", "text"),
        Column("name", "text"),
        Column("password_hash", "text"),
        Column("is_bot", "bigint"),
        Column("is_proven", "bigint"),
    )
    flags = (int(user.is_bot), int(user.is_proven))
    row = (user.email, user.name, user.password_hash, *flags, user.id)
    connection.write([Update("users", _ID, columns, [row])])
    if found and found[0][0] != user.password_hash:
        connection.write([Delete("sessions", (_USER,), [(user.id,)])])
        note_new_password(connection, user.id, found[0][0], now_ms)
    connection.query(
        "UPDATE workspaces SET people_number = people_number + 1"
        " WHERE id IN (SELECT workspace_id FROM members WHERE user_id = ?)",
        (user.id,),
    )


def set_member(
    connection: Connection, workspace: str, user: str, *, is_admin: bool, accepted: bool = True
) -> None:
    """The user belongs to the workspace, as its administrator or not; `accepted`: a new member has
    come by itself, or was brought by somebody who may say what its password has to be."""
    columns = (_WORKSPACE, _USER, Column("is_admin", "bigint"), Column("accepted", "bigint"))
    rows = [(workspace, user, int(is_admin), int(accepted))]
    key = ("workspace_id", "user_id")
    connection.write([Insert("members", columns, rows, conflict=key, update=("is_admin",))])
    connection.query(
        "UPDATE users SET current_workspace = ? WHERE id = ? AND current_workspace IS NULL",
        (workspace, user),
    )
    raise_people_number(connection, workspace)


def remove_member(connection: Connection, workspace: str, user: str) -> None:
    """The user leaves the workspace, its groups and its roles; what the user did stays."""
    both = ((_WORKSPACE, _USER), [(workspace, user)])
    connection.write(
        [
            Delete("members", *both),
            Delete("group_members", *both),
            Delete("user_roles", *both),
        ]
    )
    connection.query(
        "UPDATE users SET current_workspace = NULL WHERE id = ? AND current_workspace = ?",
        (user, workspace),
    )
    raise_people_number(connection, workspace)


# --- memberships and grants -------------------------------------------------------------------


def grant(
    connection: Connection, workspace: str, what: Grant, pairs: Iterable[tuple[str, str]]
) -> None:
    """Add pairs of ids: group and user, role and user, or role and group."""
    columns = (*_PAIRS[what], _WORKSPACE)
    rows = [(*pair, workspace) for pair in pairs]
    key = tuple(one.name for one in _PAIRS[what])
    connection.write([Insert(what, columns, rows, conflict=key)])
    raise_people_number(connection, workspace)


def revoke(
    connection: Connection, workspace: str, what: Grant, pairs: Iterable[tuple[str, str]]
) -> None:
    """Take pairs of ids away."""
    connection.write([Delete(what, _PAIRS[what], list(pairs))])
    raise_people_number(connection, workspace)


def drop_role(connection: Connection, workspace: str, role: str) -> None:
    """Nobody holds a role that is gone."""
    connection.write(
        [Delete("user_roles", (_ROLE,), [(role,)]), Delete("group_roles", (_ROLE,), [(role,)])]
    )
    raise_people_number(connection, workspace)


def drop_group(connection: Connection, workspace: str, group: str) -> None:
    """Nobody is in a group that is gone, and it holds no role."""
    connection.write(
        [
            Delete("group_members", (_GROUP,), [(group,)]),
            Delete("group_roles", (_GROUP,), [(group,)]),
        ]
    )
    raise_people_number(connection, workspace)


# --- project keys and tokens -----------------------------------------------------------------------------


def insert_project_key(connection: Connection, key: ProjectKey, now_ms: int) -> None:
    """A new key or token. Raises IntegrityError if the hash is taken."""
    columns = (
        _ID,
        Column("hash", "text"),
        Column("kind", "text"),
        Column("name", "text"),
        _USER,
        _WORKSPACE,
        Column("project_id", "text"),
        Column("may_write", "bigint"),
        Column("created_at", "bigint"),
    )
    row = (
        key.id,
        key.hash,
        key.kind,
        key.name,
        key.user,
        key.workspace,
        key.project,
        int(key.may_write),
        now_ms,
    )
    connection.write([Insert("tokens", columns, [row])])
    raise_people_number(connection, key.workspace)


def update_project_key(connection: Connection, key: ProjectKey) -> None:
    """Another secret, name or right to write."""
    columns = (Column("hash", "text"), Column("name", "text"), Column("may_write", "bigint"))
    row = (key.hash, key.name, int(key.may_write), key.id)
    connection.write([Update("tokens", _ID, columns, [row])])
    raise_people_number(connection, key.workspace)


def revoke_project_key(connection: Connection, key: ProjectKey, now_ms: int) -> None:
    """The key opens nothing any more. What was open may be opened again."""
    columns = (Column("revoked_at", "bigint"), Column("hash", "text"))
    hash_ = key.hash if key.has_secret else key.id
    connection.write([Update("tokens", _ID, columns, [(now_ms, hash_, key.id)])])
    raise_people_number(connection, key.workspace)
