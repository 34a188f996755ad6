"""Searching those who signed up in a project as the rows of a datastore are searched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ..core.catalog import Datastore, Field
from ..core.query import Query
from .definition_bodies import Definition, FieldBody
from .definitions import make_field
from .end_users import EndUser
from .engines import Connection, Row
from .search_sql import Compiler, Reach

_NAME, _EMAIL = (f"{at:024x}" for at in (1, 2))  # no definition has these ids
_COLUMNS: Final = "i.id, i.project, i.workspace, i.n, i.name, i.email, i.created_at"


def make_user_table(project: str, workspace: str) -> Datastore:
    """What the rows are searched as: a datastore with a name and an address, kept nowhere else."""
    return Datastore(
        id=f"{0:024x}",
        display_id="User",
        names={},
        project=project,
        workspace=workspace,
        position=0,
        row_code=0,
        roles=frozenset(),
        fields=(_field(_NAME, "Name", 1), _field(_EMAIL, "Email", 2)),
        statuses=(),
        actions=(),
    )


def _field(id_: str, name: str, position: int) -> Field:
    body = FieldBody(kind="text")
    return make_field(Definition(id_, "", name, position, body), body, frozenset())


def list_end_users(connection: Connection, query: Query, user: str = "") -> list[EndUser]:
    """One page; `user`: of that one alone."""
    text, params = _select(connection, query, user)
    return [_loaded(row) for row in connection.query(text, params)]


def stream_end_users(
    connection: Connection, query: Query, user: str, rows_max: int
) -> Iterator[list[EndUser]]:
    """All of them, in portions as they come, none of them empty."""
    text, params = _select(connection, query, user)
    portion: list[EndUser] = []
    for row in connection.stream(text, params):
        portion.append(_loaded(row))
        if len(portion) == rows_max:
            yield portion
            portion = []
    if portion:
        yield portion


def count_end_users(connection: Connection, query: Query, user: str = "") -> int:
    """How many there are on all pages."""
    made = Compiler(query, frozenset(), Reach.MANY_SETS)
    source = _source(connection, made, query, user)
    statement = made.statement(f"SELECT count(*) {source}")
    return int(connection.query(statement.sql, statement.params)[0][0])


def _select(connection: Connection, query: Query, user: str) -> tuple[str, tuple[Any, ...]]:
    made = Compiler(query, frozenset(), Reach.MANY_SETS)
    text = f"SELECT {_COLUMNS} {_source(connection, made, query, user)} {made.order()}"
    if query.per_page:
        text += " LIMIT ? OFFSET ?"
        made.params += [query.per_page, (query.page - 1) * query.per_page]
    statement = made.statement(text)
    return statement.sql, statement.params


def _source(connection: Connection, made: Compiler, query: Query, user: str) -> str:
    """FROM and WHERE, with the columns that the rows of a datastore have."""
    made.params.append(query.datastore.project)
    own = ""
    if user:
        own = " AND e.user_id = ?"
        made.params.append(user)
    name, email = (connection.words.text.format(one) for one in ("users.name", "e.email"))
    rows = (
        "SELECT e.user_id AS id, e.project_id AS project, e.workspace_id AS workspace, e.n,"  # noqa: S608
        f" users.name, e.email, {name} AS f_{_NAME}, {email} AS f_{_EMAIL},"
        " e.created_at, e.created_at AS updated_at, 1 AS rev"
        " FROM end_users e JOIN users ON users.id = e.user_id"
        f" WHERE e.project_id = ?{own}"
    )
    return f"FROM ({rows}) i WHERE {made.condition()}"


def _loaded(row: Row) -> EndUser:
    return EndUser(*row)
