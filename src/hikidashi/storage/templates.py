"""The table of templates: applications that were saved to be made again, and their contents."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.access import Actor, Identity
from ..core.catalog import Catalog
from ..core.commands import WriteKept
from ..core.errors import invalid_request
from ..core.record import record
from .engines import Column, Connection, IntegrityError, QueryKeys, Row, TransientError
from .files import FileRow, insert_file
from .group import Job, Planner, RestartError, StaleError

_TOLD = "id, workspace_id, user_id, name, category, description, created_at, file_id, is_sent"


@record
class Template:
    """What is told of a template."""

    id: str
    workspace: str
    user: str  # who saved it
    name: str
    category: str
    description: str
    created_at: int  # ms
    file: str = ""  # id of the file with its contents; "" if it has none
    is_sent: bool = False


def insert_template(connection: Connection, template: Template, body: str) -> None:
    """Keep a template."""
    connection.query(
        f"INSERT INTO templates ({_TOLD}, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            template.id,
            template.workspace,
            template.user,
            template.name,
            template.category,
            template.description,
            template.created_at,
            template.file,
            int(template.is_sent),
            body,
        ),
    )


def list_templates(connection: Connection, workspace: str) -> list[Template]:
    """A workspace's templates, by category and name."""
    rows = connection.query(
        f"SELECT {_TOLD} FROM templates WHERE workspace_id = ? ORDER BY category, name, id",  # noqa: S608
        (workspace,),
    )
    return [_template(row) for row in rows]


def count_templates(connection: Connection, workspace: str) -> int:
    """How many a workspace has."""
    rows = connection.query("SELECT count(*) FROM templates WHERE workspace_id = ?", (workspace,))
    return int(rows[0][0])


def read_template(
    connection: Connection, workspace: str, template: str
) -> tuple[Template, str] | None:
    """A template and its body."""
    rows = connection.query(
        f"SELECT {_TOLD}, body FROM templates WHERE id = ? AND workspace_id = ?",  # noqa: S608
        (template, workspace),
    )
    return (_template(rows[0][:-1]), rows[0][-1]) if rows else None


def _template(row: Row) -> Template:
    values = list(row)
    values[-1] = bool(values[-1])
    return Template(*values)


def delete_template(connection: Connection, workspace: str, template: str, now_ms: int) -> bool:
    """Take a template away, and its file with it; False if it is not there. In a transaction."""
    found = connection.query(
        "DELETE FROM templates WHERE id = ? AND workspace_id = ? RETURNING file_id",
        (template, workspace),
    )
    if found and found[0][0]:
        connection.query("UPDATE files SET deleted_at = ? WHERE id = ?", (now_ms, found[0][0]))
    return bool(found)


# --- contents ---------------------------------------------------------------------------------


def list_counters(
    connection: Connection, fields: Sequence[str]
) -> list[tuple[str, str | None, int]]:
    """The counters of some fields: field, branch (None: of new items), the last number given."""
    if not fields:
        return []
    select = "SELECT field_id, branch, last FROM counters"
    rows = connection.read([QueryKeys(select, Column("field_id", "text"), fields)])[0]
    return [
        (field, None if branch == "-" else branch[1:], last) for field, branch, last in sorted(rows)
    ]


def list_members(connection: Connection, workspace: str) -> frozenset[str]:
    """The ids of all users of a workspace."""
    rows = connection.query("SELECT user_id FROM members WHERE workspace_id = ?", (workspace,))
    return frozenset(row[0] for row in rows)


def drop_files(connection: Connection, fields: Sequence[str], now_ms: int) -> None:
    """The files of fields that nobody has seen are going at once."""
    for field in fields:
        connection.query(
            "UPDATE files SET deleted_at = ?, dropped_at = ? WHERE field_id = ?",
            (now_ms, now_ms, field),
        )


class KeptWriter:
    """Writes portions of a template's items where nobody sees them yet. In a transaction."""

    def __init__(
        self,
        connection: Connection,
        planner: Planner,
        identity: Identity,
        standing: tuple[Catalog, Actor],
    ) -> None:
        self._connection = connection
        self._planner = planner
        self._identity = identity
        self._standing = standing

    def write(
        self, command: WriteKept, files: Sequence[FileRow]
    ) -> dict[tuple[str, frozenset[str]], int]:
        """The items, and the rows of the files that they hold, whose bytes are there; the places
        of their access sets. Raises FaultError."""
        job = Job(self._identity, command, None)
        job.resolve(*self._standing)
        try:
            work = self._planner.plan([job])
        except (StaleError, RestartError) as error:
            raise TransientError(str(error)) from error
        if isinstance(job.outcome, Exception):
            raise job.outcome
        for one in files:
            insert_file(self._connection, one)
        try:
            self._connection.write(work.batches)
        except IntegrityError as error:
            raise invalid_request("an item, a link or a unique value is there twice") from error
        return work.places


__all__ = [
    "KeptWriter",
    "Template",
    "count_templates",
    "delete_template",
    "drop_files",
    "insert_template",
    "list_counters",
    "list_members",
    "list_templates",
    "read_template",
]
