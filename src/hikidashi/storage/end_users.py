"""Those who signed up in a project, their sessions, and what they choose another password with."""

from __future__ import annotations

from ..core.access import Actor, Identity, make_keyring
from ..core.catalog import Catalog
from ..core.limits import END_SESSIONS_PER_USER_MAX
from ..core.record import record
from .definition_bodies import ProjectBody, decode_body
from .engines import Column, Connection, Insert

_COLUMNS = (
    "e.user_id, e.project_id, e.workspace_id, e.n, users.name, e.email, e.created_at,"
    " users.password_hash"
)
_SELECT = f"SELECT {_COLUMNS} FROM end_users e JOIN users ON users.id = e.user_id"  # noqa: S608


@record
class EndUser:
    """Somebody who signed up in a project."""

    user: str  # id
    project: str  # id
    workspace: str  # id
    n: int
    name: str
    email: str  # as it was typed
    created_at: int  # ms
    password_hash: str | None = None


@record
class EndSession:
    """A session that has not been ended, with whose it is and where."""

    user: str  # id
    project: str  # id
    workspace: str  # id
    used_at: int  # ms
    expires_at: int  # ms
    timeout: int | None  # seconds after the last use, as the workspace has it


# --- end users --------------------------------------------------------------------------------


def find_end_user(connection: Connection, project: str, address: str) -> EndUser | None:
    """Who has an address, in the spelling that is compared."""
    rows = connection.query(
        f"{_SELECT} WHERE e.project_id = ? AND e.address = ?", (project, address)
    )
    return EndUser(*rows[0]) if rows else None


def get_end_user(connection: Connection, user: str) -> EndUser | None:
    """An end user by the id of the user; None for every other user."""
    rows = connection.query(f"{_SELECT} WHERE e.user_id = ?", (user,))
    return EndUser(*rows[0]) if rows else None


def find_place(connection: Connection, code: str) -> tuple[str, str] | None:
    """The ids of the workspace and the project that a HotTask code or an id names, wherever it is."""
    rows = connection.query(
        "SELECT workspace_id, id, body FROM definitions"
        " WHERE kind = 'project' AND deleted_at IS NULL AND (id = ? OR body LIKE ?)"
        " ORDER BY id",  # that, and nothing else, leads SQLite to the index of projects alone
        (code, f'%"{code}"%'),
    )
    for workspace, id_, body in rows:
        held = decode_body("project", body)
        if id_ == code or (isinstance(held, ProjectBody) and held.row_code == code):
            return workspace, id_
    return None


def find_numbered(connection: Connection, project: str, number: int) -> EndUser | None:
    """An end user by the number in the project."""
    rows = connection.query(f"{_SELECT} WHERE e.project_id = ? AND e.n = ?", (project, number))
    return EndUser(*rows[0]) if rows else None


def drop_end_user(connection: Connection, user: str) -> None:
    """Somebody comes in no more, and may sign up again as somebody else."""
    connection.query("UPDATE users SET password_hash = NULL WHERE id = ?", (user,))
    for table in ("old_passwords", "end_sessions", "end_resets", "end_users"):
        connection.query(f"DELETE FROM {table} WHERE user_id = ?", (user,))  # noqa: S608


def take_number(connection: Connection, project: str) -> int:
    """The number of the next end user of a project; others wait for the end of the transaction."""
    rows = connection.query(
        "INSERT INTO end_user_numbers (project_id, last) VALUES (?, 1)"
        " ON CONFLICT (project_id) DO UPDATE SET last = end_user_numbers.last + 1 RETURNING last",
        (project,),
    )
    return int(rows[0][0])


def when_came(connection: Connection, project: str, before: int) -> int:
    """When somebody came after whom so many others have, in ms; 0 if fewer are there."""
    rows = connection.query(
        "SELECT created_at FROM end_users WHERE project_id = ? ORDER BY n DESC LIMIT 1 OFFSET ?",
        (project, before),
    )
    return int(rows[0][0]) if rows else 0


def insert_end_user(connection: Connection, one: EndUser, address: str) -> None:
    """Somebody new. Raises IntegrityError if the address is taken in the project."""
    user = (
        *("id", "name", "password_hash", "exclusive_workspace"),
        *("is_bot", "is_proven", "created_at", "password_at"),
    )
    row = (one.user, one.name, one.password_hash, "", 0, 0, one.created_at, one.created_at)
    columns = tuple(Column(name, "text" if at < 4 else "bigint") for at, name in enumerate(user))
    place = (
        *("project_id", "address", "user_id", "workspace_id", "email"),
        *("n", "created_at"),
    )
    values = (one.project, address, one.user, one.workspace, one.email, one.n, one.created_at)
    where = tuple(Column(name, "text" if at < 5 else "bigint") for at, name in enumerate(place))
    connection.write([Insert("users", columns, [row]), Insert("end_users", where, [values])])


def set_end_password(connection: Connection, user: str, password_hash: str) -> None:
    """Another password: every session ends, and no mail that was sent before gives another."""
    connection.query("UPDATE users SET password_hash = ? WHERE id = ?", (password_hash, user))
    connection.query("DELETE FROM end_sessions WHERE user_id = ?", (user,))
    connection.query("DELETE FROM end_resets WHERE user_id = ?", (user,))


def load_end_actor(
    connection: Connection, identity: Identity, catalog: Catalog, number: int
) -> Actor | None:
    """An end user with what the project gives to all of them; None for anybody else."""
    one = get_end_user(connection, identity.user)
    project = catalog.find_project(one.project) if one else None
    if one is None or project is None or one.workspace != catalog.workspace:
        return None
    none = frozenset[str]()
    roles = frozenset(project.sign_up.roles)
    return Actor(
        user=one.user,
        name=one.name,
        email=one.email,
        workspace=one.workspace,
        keyring=make_keyring(one.user, none, roles, catalog),
        groups=none,
        roles=roles,
        number=number,
        may_write=identity.may_write,
        project=project.id,
    )


# --- sessions ---------------------------------------------------------------------------------


def insert_end_session(
    connection: Connection, hash_: str, user: str, now: int, expires_at: int
) -> None:
    """Begin a session; of very many the oldest ends."""
    columns = (
        Column("hash", "text"),
        Column("user_id", "text"),
        Column("created_at", "bigint"),
        Column("used_at", "bigint"),
        Column("expires_at", "bigint"),
    )
    connection.write([Insert("end_sessions", columns, [(hash_, user, now, now, expires_at)])])
    connection.query(
        "DELETE FROM end_sessions WHERE user_id = ? AND hash NOT IN (SELECT hash FROM end_sessions"
        " WHERE user_id = ? ORDER BY used_at DESC, hash LIMIT ?)",
        (user, user, END_SESSIONS_PER_USER_MAX),
    )


def find_end_session(connection: Connection, hash_: str) -> EndSession | None:
    """A session that has not been ended; whether it has run out is for the caller to say."""
    rows = connection.query(
        "SELECT e.user_id, e.project_id, e.workspace_id, s.used_at, s.expires_at,"
        " workspaces.session_timeout FROM end_sessions s JOIN end_users e ON e.user_id = s.user_id"
        " JOIN workspaces ON workspaces.id = e.workspace_id WHERE s.hash = ?",
        (hash_,),
    )
    return EndSession(*rows[0]) if rows else None


def touch_end_session(connection: Connection, hash_: str, now: int) -> None:
    """Note that a session is in use."""
    connection.query(
        "UPDATE end_sessions SET used_at = ? WHERE hash = ? AND used_at < ?", (now, hash_, now)
    )


# --- forgotten passwords ----------------------------------------------------------------------


def insert_end_reset(connection: Connection, hash_: str, project: str, user: str, now: int) -> None:
    """Keep what another password may be chosen with; `user` is "" where nobody has the address."""
    columns = tuple(Column(one, "text") for one in ("hash", "project_id", "user_id"))
    row = (hash_, project, user, now)
    connection.write([Insert("end_resets", (*columns, Column("created_at", "bigint")), [row])])


def find_end_reset(connection: Connection, hash_: str, project: str, since: int) -> str:
    """Whose password it is for, if it was asked for in the project after `since`; else ""."""
    rows = connection.query(
        "SELECT user_id FROM end_resets WHERE hash = ? AND project_id = ? AND created_at > ?",
        (hash_, project, since),
    )
    return str(rows[0][0]) if rows else ""


def count_end_resets_of(connection: Connection, project: str, user: str, since: int) -> int:
    """The same of one end user."""
    rows = connection.query(
        "SELECT count(*) FROM end_resets WHERE project_id = ? AND created_at > ? AND user_id = ?",
        (project, since, user),
    )
    return int(rows[0][0])


def count_end_resets(connection: Connection, project: str, since: int) -> int:
    """How often somebody has forgotten a password in a project, of late."""
    rows = connection.query(
        "SELECT count(*) FROM end_resets WHERE project_id = ? AND created_at > ?", (project, since)
    )
    return int(rows[0][0])


# --- what is over -----------------------------------------------------------------------------


def sweep_end_users(connection: Connection, used_since: int, reset_since: int, now: int) -> None:
    """Drop sessions that have run out, by their age or left idle, and secrets past their time."""
    connection.query(
        "DELETE FROM end_sessions WHERE used_at < ? OR expires_at <= ?", (used_since, now)
    )
    connection.query("DELETE FROM end_resets WHERE created_at < ?", (reset_since,))


def forget_end_users(connection: Connection, project: str) -> None:
    """Those of a project that is gone for good come in no more; histories keep their names."""
    whose = "(SELECT user_id FROM end_users WHERE project_id = ?)"
    for statement in (
        f"UPDATE users SET password_hash = NULL WHERE id IN {whose}",  # noqa: S608
        f"DELETE FROM old_passwords WHERE user_id IN {whose}",  # noqa: S608
        f"DELETE FROM end_sessions WHERE user_id IN {whose}",  # noqa: S608
        "DELETE FROM end_resets WHERE project_id = ?",
        "DELETE FROM end_users WHERE project_id = ?",
        "DELETE FROM end_user_numbers WHERE project_id = ?",
    ):
        connection.query(statement, (project,))


def list_places(connection: Connection, workspace: str) -> list[str]:
    """The ids of projects of a workspace in which somebody has signed up, deleted ones too."""
    rows = connection.query(
        "SELECT DISTINCT project_id FROM end_users WHERE workspace_id = ?", (workspace,)
    )
    return [one for (one,) in rows]
