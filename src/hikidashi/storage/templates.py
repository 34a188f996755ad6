"""The table of templates: applications that were saved to be made again."""

from __future__ import annotations

from ..core.record import record
from .engines import Connection

_TOLD = "id, workspace_id, user_id, name, category, description, created_at"


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


def insert_template(connection: Connection, template: Template, body: str) -> None:
    """Keep a template."""
    connection.query(
        f"INSERT INTO templates ({_TOLD}, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            template.id,
            template.workspace,
            template.user,
            template.name,
            template.category,
            template.description,
            template.created_at,
            body,
        ),
    )


def list_templates(connection: Connection, workspace: str) -> list[Template]:
    """A workspace's templates, by category and name."""
    rows = connection.query(
        f"SELECT {_TOLD} FROM templates WHERE workspace_id = ? ORDER BY category, name, id",  # noqa: S608
        (workspace,),
    )
    return [Template(*row) for row in rows]


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
    return (Template(*rows[0][:-1]), rows[0][-1]) if rows else None


def delete_template(connection: Connection, workspace: str, template: str) -> bool:
    """Take a template away; False if it is not there."""
    found = connection.query(
        "DELETE FROM templates WHERE id = ? AND workspace_id = ? RETURNING id",
        (template, workspace),
    )
    return bool(found)
