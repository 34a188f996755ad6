"""What somebody confirms with, passwords there were, and what applications keep of a user."""

from __future__ import annotations

from typing import Any

import msgspec

from ..core.password_policy import PasswordPolicy
from ..core.password_rules import same_limit
from ..core.record import record
from .engines import Column, Connection, Insert
from .mails import Confirmation
from .people import accept_membership
from .people_state import User, find_users


@record
class Kept:
    """A confirmation with what was done with it."""

    confirmation: Confirmation
    created_at: int  # ms
    accessed_at: int | None
    used_at: int | None


# --- confirmations ----------------------------------------------------------------------------


def find_confirmation(connection: Connection, hash_: str) -> Kept | None:
    """The confirmation whose secret has that hash."""
    rows = connection.query(
        "SELECT hash, kind, user_id, workspace_id, is_mailed, email, details,"
        " created_at, accessed_at, used_at FROM confirmations WHERE hash = ?",
        (hash_,),
    )
    if not rows:
        return None
    hash_, kind, user, workspace, is_mailed, email, details, *times = rows[0]
    one = Confirmation(hash_, kind, user, workspace, bool(is_mailed), email, details)
    return Kept(one, *times)


def note_access(connection: Connection, hash_: str, now: int) -> None:
    """Somebody has looked at a confirmation."""
    connection.query(
        "UPDATE confirmations SET accessed_at = ? WHERE hash = ? AND accessed_at IS NULL",
        (now, hash_),
    )


def use_confirmation(connection: Connection, one: Confirmation, now: int) -> None:
    """A confirmation serves once; others of its kind that the user was sent serve no more, nor do
    those for another password, which may have gone to an address that is not the user's now."""
    connection.query(
        "UPDATE confirmations SET used_at = ? WHERE used_at IS NULL AND (hash = ?"
        " OR (user_id = ? AND (kind = 'password' OR (kind = ? AND workspace_id = ?))))",
        (now, one.hash, one.user, one.kind, one.workspace),
    )
    if one.kind == "invitation":
        accept_membership(connection, one.user, one.workspace)


# --- accounts ---------------------------------------------------------------------------------


def find_user(connection: Connection, id_: str) -> User | None:
    """A user of any workspace, by id."""
    found = find_users(connection, [], [id_])
    return found[0] if found else None


def list_by_address(connection: Connection, email: str, limit: int) -> list[User]:
    """Everyone with an address but bots, those who share it too."""
    rows = connection.query(
        "SELECT id FROM users WHERE email = ? AND is_bot = 0 ORDER BY created_at, id LIMIT ?",
        (email, limit),
    )
    found = {one.id: one for one in find_users(connection, [], [id_ for (id_,) in rows])}
    return [found[id_] for (id_,) in rows]


def read_info(connection: Connection, user: str) -> dict[str, Any]:
    """What applications keep of a user."""
    rows = connection.query("SELECT additional_info FROM users WHERE id = ?", (user,))
    return msgspec.json.decode(rows[0][0], type=dict[str, Any]) if rows else {}


def read_infos(connection: Connection, workspace: str) -> dict[str, dict[str, Any]]:
    """The same of those who are in one workspace and in no other, by id."""
    rows = connection.query(
        "SELECT id, additional_info FROM users"
        " WHERE id IN (SELECT user_id FROM members WHERE workspace_id = ?)"
        " AND id NOT IN (SELECT user_id FROM members WHERE workspace_id <> ?)",
        (workspace, workspace),
    )
    return {id_: msgspec.json.decode(text, type=dict[str, Any]) for id_, text in rows}


def write_info(connection: Connection, user: str, info: dict[str, Any]) -> None:
    """Keep something else of a user."""
    text = msgspec.json.encode(info).decode()
    connection.query("UPDATE users SET additional_info = ? WHERE id = ?", (text, user))


# --- passwords --------------------------------------------------------------------------------


def list_policies(connection: Connection, user: str) -> list[PasswordPolicy]:
    """What the workspaces ask of passwords that a user has come into, or has signed up in."""
    rows = connection.query(
        "SELECT password_policy FROM workspaces WHERE id IN"
        " (SELECT workspace_id FROM members WHERE user_id = ? AND accepted = 1"
        " UNION SELECT workspace_id FROM end_users WHERE user_id = ?) ORDER BY id",
        (user, user),
    )
    return [_policy(text) for (text,) in rows]


def list_policies_of(connection: Connection, workspace: str) -> list[PasswordPolicy]:
    """What a workspace asks; nothing if it is not there."""
    rows = connection.query("SELECT password_policy FROM workspaces WHERE id = ?", (workspace,))
    return [_policy(text) for (text,) in rows]


def find_some_policy(connection: Connection, number: int) -> list[PasswordPolicy]:
    """What one workspace asks, for a number always the same one; nothing where there is none."""
    count = connection.query("SELECT COUNT(*) FROM workspaces")[0][0]
    rows = connection.query(
        "SELECT password_policy FROM workspaces ORDER BY id LIMIT 1 OFFSET ?",
        (number % max(count, 1),),
    )
    return [_policy(text) for (text,) in rows]


def _policy(text: str) -> PasswordPolicy:
    return PasswordPolicy(**msgspec.json.decode(text))


def list_password_hashes(connection: Connection, user: str, limit: int) -> list[str]:
    """The last passwords of a user, as hashes, with the present one."""
    present = connection.query(
        "SELECT password_hash FROM users WHERE id = ? AND password_hash IS NOT NULL", (user,)
    )
    rows = connection.query(
        "SELECT password_hash FROM old_passwords WHERE user_id = ?"
        " ORDER BY created_at DESC, password_hash LIMIT ?",
        (user, limit),
    )
    return [one for (one,) in (*present, *rows)][:limit]


def password_set_at(connection: Connection, user: str) -> int:
    """When a user's password was set, in ms; with the account, if nothing else is known."""
    rows = connection.query(
        "SELECT COALESCE(password_at, created_at) FROM users WHERE id = ?", (user,)
    )
    return int(rows[0][0]) if rows else 0


def note_new_password(connection: Connection, user: str, was: str | None, now: int) -> None:
    """A user has another password from now on: keep the hashes of the last ones that a policy looks
    at, and let no mail give another, or another address: who asked for it may have known the old
    one."""
    connection.query("UPDATE users SET password_at = ? WHERE id = ?", (now, user))
    connection.query(
        "UPDATE confirmations SET used_at = ?"
        " WHERE used_at IS NULL AND user_id = ? AND kind IN ('password', 'email')",
        (now, user),
    )
    if was is not None:
        columns = (
            Column("user_id", "text"),
            Column("created_at", "bigint"),
            Column("password_hash", "text"),
        )
        key = ("user_id", "created_at", "password_hash")
        connection.write([Insert("old_passwords", columns, [(user, now, was)], conflict=key)])
    _forget_passwords(connection, user)


def _forget_passwords(connection: Connection, user: str) -> None:
    """Keep no more hashes than the user's workspaces look at: the present one is one of those."""
    looked_at = same_limit(list_policies(connection, user))
    connection.query(
        "DELETE FROM old_passwords WHERE user_id = ? AND password_hash NOT IN"
        " (SELECT password_hash FROM old_passwords WHERE user_id = ?"
        " ORDER BY created_at DESC, password_hash LIMIT ?)",
        (user, user, max(looked_at - 1, 0)),
    )
