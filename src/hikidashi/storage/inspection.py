"""What an operator may ask of a database: its tokens, its soundness, what looks odd in it."""

from __future__ import annotations

from collections.abc import Iterator

from ..core.catalog import Datastore
from ..core.record import record
from .definitions import list_workspaces, load_catalog
from .engines import Connection, Engine, OutdatedSchemaError
from .people_state import read_people
from .tables import item_table


@record
class Token:
    """An API token or project key, without its secret."""

    id: str
    kind: str  # "api" or "project"
    name: str
    user: str  # name of whom it stands for
    workspace: str  # id
    project: str  # id
    may_write: bool
    created_at: int  # ms


def list_tokens(connection: Connection) -> list[Token]:
    """The tokens and keys that open something, the oldest first."""
    rows = connection.query(
        "SELECT t.id, t.kind, t.name, u.name, t.workspace_id, t.project_id, t.may_write,"
        " t.created_at FROM tokens t LEFT JOIN users u ON u.id = t.user_id"
        " WHERE t.revoked_at IS NULL ORDER BY t.created_at, t.id"
    )
    return [
        Token(id_, kind, name, user or "", workspace, project, bool(may_write), created_at)
        for id_, kind, name, user, workspace, project, may_write, created_at in rows
    ]


def check_integrity(engine: Engine, connection: Connection) -> list[str]:
    """What the engine finds wrong with its own file; PostgreSQL checks its pages as it reads."""
    if engine.name != "sqlite":
        return []
    rows = connection.query("PRAGMA integrity_check")
    return [str(row[0]) for row in rows if row[0] != "ok"]


def find_oddities(connection: Connection) -> Iterator[str]:
    """A sentence for each thing that should not be so. Reads every row; meant for a person."""
    projects: set[str] = set()
    for workspace in list_workspaces(connection):
        catalog = load_catalog(connection, workspace.id)
        people = read_people(connection, workspace.id)
        if not people.admins:
            yield f"workspace {workspace.name} has no administrator"
        for project in catalog.projects:
            projects.add(project.id)
            for datastore in project.datastores:
                place = f"datastore {project.display_id}/{datastore.display_id}"
                yield from _odd_items(connection, datastore, place)
    for token in list_tokens(connection):
        if token.project and token.project not in projects:
            yield f"{token.kind} token {token.name} ({token.id}) is for a project that is gone"


def _odd_items(connection: Connection, datastore: Datastore, place: str) -> Iterator[str]:
    table = item_table(datastore)
    try:
        connection.query(f"{table.select} LIMIT 1")
    except OutdatedSchemaError as error:
        yield f"{place} lacks its table or a column of it: {error}"
        return
    hidden = _count(
        connection,
        f"SELECT count(*) FROM {table.name} t WHERE NOT EXISTS"  # noqa: S608  our own hex ids
        " (SELECT 1 FROM access_sets a WHERE a.acl = t.acl)",
    )
    if hidden:
        yield f"{place} has {hidden} items that nobody may see"
    statuses = [one.id for one in datastore.statuses]
    marks = ", ".join("?" * len(statuses)) or "''"
    lost = _count(
        connection,
        f"SELECT count(*) FROM {table.name} WHERE status <> '' AND status NOT IN ({marks})",  # noqa: S608
        *statuses,
    )
    if lost:
        yield f"{place} has {lost} items in a status that is gone"
    for end in ("from", "to"):
        loose = _count(
            connection,
            f"SELECT count(*) FROM links l WHERE l.{end}_datastore = ? AND NOT EXISTS"  # noqa: S608
            f" (SELECT 1 FROM {table.name} t WHERE t.id = l.{end}_item)",
            datastore.id,
        )
        if loose:
            yield f"{place} has {loose} links {end} items that are gone"


def _count(connection: Connection, sql: str, *params: str) -> int:
    found: int = connection.query(sql, params)[0][0]
    return found
