"""Everyone in a workspace and everything they hold, read whole (for schema files)."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.record import record
from .engines import Column, Connection, Query, QueryKeys, Row
from .people import ORDINARY

_ID = Column("id", "text")
_COLUMNS = (
    "id, email, name, password_hash, is_bot, exclusive_workspace, user_code, created_at, is_proven"
)
_USER = f"SELECT {_COLUMNS} FROM users"  # noqa: S608
_BY_ID = (  # end users are of their project alone
    f"SELECT {_COLUMNS} FROM (SELECT * FROM users WHERE NOT EXISTS"  # noqa: S608
    " (SELECT 1 FROM end_users WHERE end_users.user_id = users.id)) AS own"
)
_BY_EMAIL = f"SELECT {_COLUMNS} FROM ({ORDINARY}) AS ordinary"  # noqa: S608
_MEMBERS = (
    f"{_USER} WHERE id IN (SELECT user_id FROM members WHERE workspace_id = ?)"  # noqa: S608
    " ORDER BY created_at, id"
)
_TOKEN = (
    "SELECT id, hash, name, user_id, workspace_id, project_id, may_write, created_at, kind,"  # noqa: S105
    " revoked_at FROM tokens"
)


@record
class User:
    """A user row. Only a bot may be without an address; without a hash nobody logs in as it."""

    id: str
    email: str | None
    name: str
    password_hash: str | None = None
    is_bot: bool = False
    exclusive: str = ""  # id of the workspace that the user is of, and of no other; "" for most
    user_code: str | None = None  # what the user logs in by in place of the address
    created_at: int = 0  # ms; a new user's is the time of the change
    is_proven: bool = True  # False: nobody knows that the address is the user's

    @property
    def is_ordinary(self) -> bool:
        """Known by the address alone, which nobody else has."""
        return not self.exclusive and self.user_code is None


@record
class ProjectKey:
    """A HotTask project key, which speaks for a bot; or an API token, which speaks for a user."""

    id: str
    hash: str
    name: str
    user: str  # id of the bot, or of the user
    workspace: str  # id
    project: str  # id
    may_write: bool = True
    created_at: int = 0
    # or "api", or "open": a call that needs none, called by its name, or "anonymous": a project that does
    kind: str = "project"
    is_revoked: bool = False

    @property
    def is_bots(self) -> bool:
        """Whether it speaks for a bot of its own, which goes with it."""
        return self.kind in ("project", "anonymous")

    @property
    def has_secret(self) -> bool:
        """Whether what is hashed is known to nobody else; it may be made only once."""
        return self.kind not in ("open", "anonymous")


@record
class People:
    """Who is in a workspace, in which groups, with which roles; pairs of ids."""

    users: tuple[User, ...] = ()  # members, bots included
    admins: frozenset[str] = frozenset()
    group_members: frozenset[tuple[str, str]] = frozenset()  # group, user
    user_roles: frozenset[tuple[str, str]] = frozenset()  # role, user
    group_roles: frozenset[tuple[str, str]] = frozenset()  # role, group
    keys: tuple[ProjectKey, ...] = ()  # not revoked; what anonymous callers have among them


def read_people(connection: Connection, workspace: str) -> People:
    """Everyone in a workspace."""
    users, admins, group_members, user_roles, group_roles, keys = connection.read(
        [
            Query(_MEMBERS, (workspace,)),
            Query(
                "SELECT user_id FROM members WHERE workspace_id = ? AND is_admin = 1", (workspace,)
            ),
            Query(
                "SELECT group_id, user_id FROM group_members WHERE workspace_id = ?", (workspace,)
            ),
            Query("SELECT role_id, user_id FROM user_roles WHERE workspace_id = ?", (workspace,)),
            Query("SELECT role_id, group_id FROM group_roles WHERE workspace_id = ?", (workspace,)),
            Query(
                f"{_TOKEN} WHERE workspace_id = ? AND kind IN ('project', 'anonymous')"
                " AND revoked_at IS NULL"
                " ORDER BY created_at, id",
                (workspace,),
            ),
        ]
    )
    return People(
        users=tuple(_user(row) for row in users),
        admins=frozenset(row[0] for row in admins),
        group_members=frozenset((row[0], row[1]) for row in group_members),
        user_roles=frozenset((row[0], row[1]) for row in user_roles),
        group_roles=frozenset((row[0], row[1]) for row in group_roles),
        keys=tuple(_key(row) for row in keys),
    )


def find_users(connection: Connection, emails: Sequence[str], ids: Sequence[str]) -> list[User]:
    """Users of any workspace: ordinary ones by address, any by id. End users are none."""
    rows = connection.read(
        [
            QueryKeys(_BY_EMAIL, Column("email", "text"), list(emails)),
            QueryKeys(_BY_ID, _ID, list(ids)),
        ]
    )
    found = {row[0]: _user(row) for part in rows for row in part}
    return list(found.values())


def find_login(
    connection: Connection, email: str, exclusive: str = "", user_code: str | None = None
) -> User | None:
    """Who logs in so: by code, else by address; of one workspace alone if `exclusive` says so."""
    if user_code is not None:
        found = connection.query(
            f"{_USER} WHERE user_code = ? AND exclusive_workspace = ?",
            (user_code, exclusive),
        )
    else:
        found = connection.query(
            f"{_USER} WHERE email = ? AND exclusive_workspace = ? AND user_code IS NULL",
            (email, exclusive),
        )
    return _user(found[0]) if found else None


def find_keys(connection: Connection, ids: Sequence[str]) -> list[ProjectKey]:
    """Project keys and API tokens by id, also revoked ones."""
    rows = connection.read([QueryKeys(_TOKEN, _ID, list(ids))])[0]
    return [_key(row) for row in rows]


def find_key_holders(connection: Connection, hashes: Sequence[str]) -> dict[str, str]:
    """The ids of the tokens, of any kind and also revoked ones, that bear these hashes."""
    query = QueryKeys("SELECT hash, id FROM tokens", Column("hash", "text"), list(hashes))
    return {row[0]: row[1] for row in connection.read([query])[0]}


def _user(row: Row) -> User:
    id_, email, name, password_hash, is_bot, exclusive, user_code, *rest = row
    created_at, is_proven = rest
    flags = (bool(is_bot), exclusive, user_code, created_at, bool(is_proven))
    return User(id_, email, name, password_hash, *flags)


def _key(row: Row) -> ProjectKey:
    id_, hash_, name, user, workspace, project, may_write, created_at, kind, revoked_at = row
    return ProjectKey(
        id=id_,
        hash=hash_,
        name=name,
        user=user,
        workspace=workspace,
        project=project,
        may_write=bool(may_write),
        created_at=created_at,
        kind=kind,
        is_revoked=revoked_at is not None,
    )
