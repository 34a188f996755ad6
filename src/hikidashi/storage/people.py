"""Who may come in and what they hold: actors, sessions, failed logins, tokens, secrets."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.access import Actor, Identity, MovedError, make_keyring
from ..core.catalog import Catalog
from ..core.errors import unauthorized
from ..core.limits import POLICY_LOCKOUT_MINUTES_MAX
from ..core.record import record
from .end_users import load_end_actor
from .engines import Column, Connection, Insert, Query, QueryKeys

# Users who are known by their address alone.
ORDINARY = "SELECT * FROM users WHERE exclusive_workspace = '' AND user_code IS NULL"
_ACCOUNT = "SELECT id, name, email, password_hash, is_bot FROM users"
_WORKSPACE_NOW = (
    "COALESCE((SELECT workspace_id FROM members"
    " WHERE user_id = users.id AND workspace_id = users.current_workspace),"
    " (SELECT MIN(workspace_id) FROM members WHERE user_id = users.id), '')"
)


@record
class Account:
    """A user as a login finds it."""

    user: str  # id
    name: str
    email: str
    password_hash: str | None
    is_bot: bool


@record
class Session:
    """What a session row says, with where its user works now."""

    user: str  # id
    used_at: int  # ms
    expires_at: int  # ms
    workspace: str  # id; "" if the user is in none
    timeout: int | None = None  # seconds after the last use, as the workspace has it


@record
class Membership:
    """A workspace that a user belongs to."""

    workspace: str  # id
    name: str
    is_admin: bool


# --- actors -----------------------------------------------------------------------------------


def load_actor(connection: Connection, identity: Identity, catalog: Catalog, number: int) -> Actor:
    """The user in the workspace with everything held there. Raises 401 if not a member, nor an
    end user of a project, and MovedError if a session's user works in another one by now.

    Roles of a group are held by whoever is in it or in a group below it.
    """
    workspace, user = identity.workspace, identity.user
    now, members, in_groups, own_roles, group_roles = connection.read(
        [
            Query(f"SELECT {_WORKSPACE_NOW} FROM users WHERE id = ?", (user,)),  # noqa: S608
            Query(
                "SELECT users.name, users.email, members.is_admin FROM members"
                " JOIN users ON users.id = members.user_id"
                " WHERE members.workspace_id = ? AND members.user_id = ?",
                (workspace, user),
            ),
            Query(
                "SELECT group_id FROM group_members WHERE user_id = ? AND workspace_id = ?",
                (user, workspace),
            ),
            Query(
                "SELECT role_id FROM user_roles WHERE user_id = ? AND workspace_id = ?",
                (user, workspace),
            ),
            Query("SELECT role_id, group_id FROM group_roles WHERE workspace_id = ?", (workspace,)),
        ]
    )
    if identity.session and now and now[0][0] not in ("", workspace):
        raise MovedError(user)
    if not members:
        one = load_end_actor(connection, identity, catalog, number)
        if one is None:
            raise unauthorized("the user does not belong to the workspace")
        return one
    name, email, is_admin = members[0]
    groups = frozenset(one for (one,) in in_groups if catalog.find_group(one) is not None)
    above = {one for group in groups for one in catalog.groups_above(group)}
    held = {one for (one,) in own_roles} | {role for role, group in group_roles if group in above}
    roles = frozenset(one for one in held if catalog.find_role(one) is not None)
    return Actor(
        user=user,
        name=name,
        email=email or "",
        workspace=workspace,
        keyring=make_keyring(user, groups, roles, catalog),
        groups=groups,
        roles=roles,
        number=number,
        may_write=identity.may_write,
        project=identity.project,
        is_workspace_admin=bool(is_admin),
    )


def list_memberships(connection: Connection, user: str) -> list[Membership]:
    """The workspaces of a user, the oldest first."""
    rows = connection.query(
        "SELECT workspaces.id, workspaces.name, members.is_admin FROM members"
        " JOIN workspaces ON workspaces.id = members.workspace_id"
        " WHERE members.user_id = ? ORDER BY workspaces.created_at, workspaces.id",
        (user,),
    )
    return [Membership(id_, name, bool(is_admin)) for id_, name, is_admin in rows]


def set_current_workspace(connection: Connection, user: str, workspace: str) -> bool:
    """Work in another workspace from now on; False if the user is not in it.

    The people of the workspace that is left get another number, so that every process that still
    takes the user to be there finds that out with the next request.
    """
    found = connection.query(
        "SELECT 1 FROM members WHERE workspace_id = ? AND user_id = ?", (workspace, user)
    )
    if not found:
        return False
    # What is left has to be known for sure: the row is locked before it is read.
    connection.query("UPDATE users SET current_workspace = current_workspace WHERE id = ?", (user,))
    before = connection.query(f"SELECT {_WORKSPACE_NOW} FROM users WHERE id = ?", (user,))  # noqa: S608
    if before and before[0][0] != workspace:
        connection.query(
            "UPDATE workspaces SET people_number = people_number + 1 WHERE id = ?", before[0]
        )
    connection.query("UPDATE users SET current_workspace = ? WHERE id = ?", (workspace, user))
    accept_membership(connection, user, workspace)
    return True


def accept_membership(connection: Connection, user: str, workspace: str) -> None:
    """The user has come into a workspace, whose policy holds for the user from now on."""
    connection.query(
        "UPDATE members SET accepted = 1 WHERE user_id = ? AND workspace_id = ? AND accepted = 0",
        (user, workspace),
    )


# --- accounts ---------------------------------------------------------------------------------


def find_account(
    connection: Connection, address: str, exclusive: str = "", *, is_code: bool = False
) -> Account | None:
    """The user with an address, as typed or else in lower case, or (`is_code`) with a code.

    `exclusive`: the workspace (id) that the user is of and of no other; "" for most users.
    """
    if is_code:
        rows = connection.query(
            f"{_ACCOUNT} WHERE user_code = ? AND exclusive_workspace = ?", (address, exclusive)
        )
    else:
        rows = connection.query(
            f"{_ACCOUNT} WHERE email IN (?, ?) AND exclusive_workspace = ? AND user_code IS NULL",
            (address, address.lower(), exclusive),
        )
        rows.sort(key=lambda row: bool(row[2] != address))
    return _account(rows[0]) if rows else None


def get_account(connection: Connection, user: str) -> Account:
    """A user by id. Raises 401 if it is gone."""
    rows = connection.query(f"{_ACCOUNT} WHERE id = ?", (user,))
    if not rows:
        raise unauthorized("the user of the token is gone")
    return _account(rows[0])


def _account(row: tuple[str, str, str | None, str | None, int]) -> Account:
    id_, name, email, password_hash, is_bot = row
    return Account(id_, name, email or "", password_hash, bool(is_bot))


# --- failed logins ----------------------------------------------------------------------------


def count_login_failures(connection: Connection, address_hash: str, since: int) -> int:
    """How many logins failed for an address in its present window, if that began after `since`."""
    rows = connection.query(
        "SELECT failures FROM login_failures WHERE address_hash = ? AND first_at > ?",
        (address_hash, since),
    )
    return rows[0][0] if rows else 0


def note_login_failure(
    connection: Connection, address_hash: str, now: int, window: int, most: int
) -> None:
    """One more failure; the first of a new window if the last one is over.

    With as many as there may be, the window begins anew: for all of it nobody comes in.
    """
    columns = (
        Column("address_hash", "text"),
        Column("failures", "bigint"),
        Column("first_at", "bigint"),
    )
    row = (address_hash, 0, now)
    connection.write([Insert("login_failures", columns, [row], conflict=("address_hash",))])
    connection.query(
        "UPDATE login_failures SET failures = 0, first_at = ?"
        " WHERE address_hash = ? AND first_at <= ?",
        (now, address_hash, now - window),
    )
    connection.query(
        "UPDATE login_failures SET failures = failures + 1,"
        " first_at = CASE WHEN failures + 1 >= ? THEN ? ELSE first_at END WHERE address_hash = ?",
        (most, now, address_hash),
    )


def forget_login_failures(connection: Connection, address_hash: str) -> None:
    """A login succeeded."""
    connection.query("DELETE FROM login_failures WHERE address_hash = ?", (address_hash,))


def sweep_login_failures(connection: Connection, now: int) -> None:
    """Drop the failures of windows that are over, however long they are."""
    over = now - POLICY_LOCKOUT_MINUTES_MAX * 60_000
    connection.query("DELETE FROM login_failures WHERE first_at <= ?", (over,))


# --- sessions ---------------------------------------------------------------------------------


def insert_session(  # noqa: PLR0913  a row has the columns it has
    connection: Connection, session: str, user: str, now: int, expires_at: int, idle_ms: int
) -> None:
    """Begin a session; those that the user has left idle too long go."""
    connection.query(
        "DELETE FROM sessions WHERE user_id = ? AND used_at < ?",
        (user, now - longest_session_ms(connection, idle_ms)),
    )
    columns = (
        Column("id", "text"),
        Column("user_id", "text"),
        Column("created_at", "bigint"),
        Column("used_at", "bigint"),
        Column("expires_at", "bigint"),
    )
    connection.write([Insert("sessions", columns, [(session, user, now, now, expires_at)])])


def find_session(connection: Connection, session: str) -> Session | None:
    """A session that has not been ended; whether it has run out is for the caller to say."""
    rows = connection.query(
        "SELECT user_id, used_at, expires_at, place, workspaces.session_timeout FROM"  # noqa: S608
        f" (SELECT user_id, used_at, expires_at, {_WORKSPACE_NOW} AS place FROM sessions"
        " JOIN users ON users.id = sessions.user_id WHERE sessions.id = ?) AS held"
        " LEFT JOIN workspaces ON workspaces.id = place",
        (session,),
    )
    return Session(*rows[0]) if rows else None


def find_sessions(connection: Connection, sessions: Sequence[str]) -> dict[str, Session]:
    """Those of the sessions that have not been ended, by id: the same for many at once."""
    select = (
        "SELECT id, user_id, used_at, expires_at, place, session_timeout FROM"  # noqa: S608
        " (SELECT held.*, workspaces.session_timeout FROM"
        f" (SELECT sessions.id, user_id, used_at, expires_at, {_WORKSPACE_NOW} AS place"
        " FROM sessions JOIN users ON users.id = sessions.user_id) AS held"
        " LEFT JOIN workspaces ON workspaces.id = place) AS one"
    )
    rows = connection.read([QueryKeys(select, Column("id", "text"), sessions)])[0]
    return {row[0]: Session(*row[1:]) for row in rows}


def touch_session(connection: Connection, session: str, now: int) -> None:
    """Note that a session is in use."""
    connection.query(
        "UPDATE sessions SET used_at = ? WHERE id = ? AND used_at < ?", (now, session, now)
    )


def sweep_sessions(connection: Connection, now: int, idle_ms: int) -> None:
    """Drop the sessions that have run out, by their age or left idle."""
    connection.query(
        "DELETE FROM sessions WHERE used_at < ? OR expires_at <= ?",
        (now - longest_session_ms(connection, idle_ms), now),
    )


def longest_session_ms(connection: Connection, idle_ms: int) -> int:
    """How long a session is kept at most after its last use: as usual, or as a workspace says."""
    rows = connection.query("SELECT COALESCE(MAX(session_timeout), 0) FROM workspaces")
    return max(idle_ms, int(rows[0][0]) * 1_000)


def end_session(connection: Connection, session: str) -> None:
    """Log out."""
    connection.query("DELETE FROM sessions WHERE id = ?", (session,))


# --- tokens -----------------------------------------------------------------------------------


def find_token(connection: Connection, hash_: str, kind: str) -> Identity | None:
    """Whom a token or key that is not revoked stands for."""
    rows = connection.query(
        "SELECT user_id, workspace_id, project_id, may_write FROM tokens"
        " WHERE hash = ? AND kind = ? AND revoked_at IS NULL",
        (hash_, kind),
    )
    if not rows:
        return None
    user, workspace, project, may_write = rows[0]
    return Identity(user, workspace, project, bool(may_write))


def find_tokens(connection: Connection, hashes: Sequence[str]) -> frozenset[str]:
    """Those of the hashes whose tokens are not revoked."""
    select = "SELECT hash FROM (SELECT hash FROM tokens WHERE revoked_at IS NULL) AS held"
    rows = connection.read([QueryKeys(select, Column("hash", "text"), hashes)])[0]
    return frozenset(row[0] for row in rows)


# --- secrets ----------------------------------------------------------------------------------


def keep_secret(connection: Connection, key: str, proposed: str) -> str:
    """The secret of that name: the one that is there, else the proposed one."""
    columns = (Column("key", "text"), Column("value", "text"))
    connection.write([Insert("meta", columns, [(key, proposed)], conflict=("key",))])
    found: str = connection.query("SELECT value FROM meta WHERE key = ?", (key,))[0][0]
    return found
