"""What was deleted of a design: kept for some days, brought back, or dropped for good."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from ..core.catalog import Field
from ..core.kinds import Storage
from ..core.record import record
from .builds import empty_column, is_large
from .end_users import forget_end_users
from .engines import Column, Connection, Delete, Engine, Insert, OutdatedSchemaError, QueryKeys, Row
from .tables import drop_substrings, field_column, table_name

_COLUMNS = (
    Column("id", "text"),
    Column("workspace_id", "text"),
    Column("project_id", "text"),
    Column("created_at", "bigint"),
    Column("user_id", "text"),
    Column("kind", "text"),
    Column("parent_id", "text"),
    Column("name", "text"),
    Column("kept", "text"),
)
_NAMES = ", ".join(one.name for one in _COLUMNS)
_LINK = "from_item, to_item, kind, from_datastore, to_datastore"


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """What has to come back."""

    definitions: tuple[str, ...] = ()  # ids: itself, then what was in it, parents first
    user_roles: tuple[tuple[str, str], ...] = ()  # role, user
    group_roles: tuple[tuple[str, str], ...] = ()  # role, group
    group_members: tuple[tuple[str, str], ...] = ()  # group, user
    option: dict[str, Any] = {}  # of a field: the option, as its body has it
    place: int = 0  # of the option among the others


@record
class Deletion:
    """One thing that was deleted."""

    id: str  # of the definition or option
    workspace: str  # id
    project: str  # id; "" outside of any
    at: int  # ms
    user: str  # id; "" for the command line
    kind: str  # of a definition, or option
    parent: str  # id; of an option, its field
    name: str  # display ids from the project down
    kept: Kept


def insert_deletions(connection: Connection, deletions: Sequence[Deletion]) -> None:
    """Keep what is known of them, each once."""
    rows: list[Row] = [
        (
            one.id,
            one.workspace,
            one.project,
            one.at,
            one.user,
            one.kind,
            one.parent,
            one.name,
            msgspec.json.encode(one.kept).decode(),
        )
        for one in deletions
    ]
    update = tuple(one.name for one in _COLUMNS[1:])
    connection.write([Insert("deletions", _COLUMNS, rows, conflict=("id",), update=update)])


def list_deletions(connection: Connection, workspace: str, since_ms: int) -> list[Deletion]:
    """Those of a workspace that are young enough, the newest first."""
    rows = connection.query(
        f"SELECT {_NAMES} FROM deletions WHERE workspace_id = ? AND created_at >= ?"  # noqa: S608
        " ORDER BY created_at DESC, id DESC",
        (workspace, since_ms),
    )
    return [_deletion(row) for row in rows]


def list_outlived(connection: Connection, before_ms: int) -> list[Deletion]:
    """Those of all workspaces whose time is over."""
    rows = connection.query(
        f"SELECT {_NAMES} FROM deletions WHERE created_at < ? ORDER BY created_at, id",  # noqa: S608
        (before_ms,),
    )
    return [_deletion(row) for row in rows]


def forget_deletions(connection: Connection, ids: Iterable[str]) -> None:
    """They are there again, or gone for good."""
    connection.write([Delete("deletions", _COLUMNS[:1], [(one,) for one in sorted(ids)])])


def _deletion(row: Row) -> Deletion:
    id_, workspace, project, at, user, kind, parent, name, kept = row
    known = msgspec.json.decode(kept, type=Kept)
    return Deletion(id_, workspace, project, at, user, kind, parent, name, known)


# --- counting ---------------------------------------------------------------------------------


def count_items(connection: Connection, datastore: str) -> int:
    """All items of a datastore, whoever may see them."""
    return _count(connection, f"SELECT count(*) FROM {table_name(datastore)}")  # noqa: S608


def count_in_status(connection: Connection, datastore: str, status: str) -> int:
    """All items that stand in a status."""
    sql = f"SELECT count(*) FROM {table_name(datastore)} WHERE status = ?"  # noqa: S608
    return _count(connection, sql, status)


def count_values(connection: Connection, datastore: str, field: Field) -> int:
    """All items that hold something in a field."""
    if field.storage is None:
        return 0
    column = field_column(field).name
    return _count(connection, f"SELECT count({column}) FROM {table_name(datastore)}")  # noqa: S608


def count_option(connection: Connection, datastore: str, field: Field, option: str) -> int:
    """All items that hold an option."""
    if field.storage is None:
        return 0
    column, table = field_column(field).name, table_name(datastore)
    if field.storage is Storage.LIST:
        sql = f"SELECT count(*) FROM {table} WHERE {column} LIKE ?"  # noqa: S608
        return _count(connection, sql, f'%"{option}"%')
    return _count(connection, f"SELECT count(*) FROM {table} WHERE {column} = ?", option)  # noqa: S608


def _count(connection: Connection, sql: str, *params: str) -> int:
    found: int = connection.query(sql, params)[0][0]
    return found


# --- links and files --------------------------------------------------------------------------


def set_links_aside(connection: Connection, datastore: str) -> None:
    """A datastore is deleted: its links are nobody's until it is there again."""
    params = (datastore, datastore)
    where = "WHERE from_datastore = ? OR to_datastore = ?"
    connection.query(
        f"INSERT INTO deleted_links ({_LINK}) SELECT {_LINK} FROM links {where}"  # noqa: S608
        " ON CONFLICT DO NOTHING",
        params,
    )
    connection.query(f"DELETE FROM links {where}", params)  # noqa: S608


def bring_links_back(connection: Connection, datastore: str, live: Iterable[str]) -> None:
    """The links of a datastore between items that are there, of datastores that are."""
    there = {*live, datastore}
    pairs = connection.query(
        "SELECT DISTINCT from_datastore, to_datastore FROM deleted_links"
        " WHERE from_datastore = ? OR to_datastore = ?",
        (datastore, datastore),
    )
    for source, target in pairs:
        if source not in there or target not in there:
            continue
        connection.query(
            f"INSERT INTO links ({_LINK}) SELECT {_LINK} FROM deleted_links"  # noqa: S608
            " WHERE from_datastore = ? AND to_datastore = ?"
            f" AND from_item IN (SELECT id FROM {table_name(source)})"
            f" AND to_item IN (SELECT id FROM {table_name(target)}) ON CONFLICT DO NOTHING",
            (source, target),
        )
        connection.query(
            "DELETE FROM deleted_links WHERE from_datastore = ? AND to_datastore = ?",
            (source, target),
        )


def bring_files_back(connection: Connection, fields: Sequence[str], since_ms: int) -> None:
    """Files that went with their field, and not before it."""
    for field in fields:
        connection.query(
            "UPDATE files SET deleted_at = NULL WHERE field_id = ? AND deleted_at >= ?"
            " AND attached_at IS NOT NULL AND dropped_at IS NULL",
            (field, since_ms),
        )


# --- for good ---------------------------------------------------------------------------------


def drop_for_good(connection: Connection, engine: Engine, deletion: Deletion) -> None:
    """Drop the tables and columns of what was deleted. In a transaction, workspace locked.

    The rows of definitions and histories stay: they say what was there.
    """
    if deletion.kind != "option":
        select = "SELECT id, kind, parent_id FROM definitions"
        ids = list(deletion.kept.definitions)
        rows = connection.read([QueryKeys(select, Column("id", "text"), ids)])[0]
        datastores = [id_ for id_, kind, _ in rows if kind == "datastore"]
        for id_, kind, parent in rows:
            if kind != "field":
                continue
            connection.query("DELETE FROM counters WHERE field_id = ?", (id_,))
            connection.run_script(drop_substrings(parent, id_, engine.name))
            if parent not in datastores:
                _drop_column(connection, engine, deletion.workspace, parent, id_)
        for id_ in datastores:
            _drop_datastore(connection, engine, id_)
    if deletion.kind == "project":
        forget_end_users(connection, deletion.id)
    forget_deletions(connection, [deletion.id])


def _drop_datastore(connection: Connection, engine: Engine, datastore: str) -> None:
    connection.run_script(f"DROP TABLE IF EXISTS {table_name(datastore)}")
    connection.query("DELETE FROM builds WHERE datastore_id = ?", (datastore,))
    engine.drop_row_numbers(connection, datastore)
    connection.query("DELETE FROM reserved_items WHERE datastore_id = ?", (datastore,))
    connection.query(
        "DELETE FROM deleted_links WHERE from_datastore = ? OR to_datastore = ?",
        (datastore, datastore),
    )


def _drop_column(
    connection: Connection, engine: Engine, workspace: str, datastore: str, field: str
) -> None:
    """Its values were set aside under another name; a field that kept none has no column."""
    table = table_name(datastore)
    connection.savepoint()
    try:
        connection.query(f"SELECT x_{field} FROM {table} LIMIT 1")  # noqa: S608  our ids
    except OutdatedSchemaError:
        connection.rollback_to()
        return
    connection.release()
    if engine.rewrites_tables and is_large(connection, datastore):
        empty_column(connection, workspace, datastore, f"x_{field}", f"d_{field}")
    else:
        connection.run_script(f"ALTER TABLE {table} DROP COLUMN x_{field}")
