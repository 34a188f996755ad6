"""What a change of definitions leaves to be done behind it, where a datastore has many items.

A definition is changed in one transaction, which others wait for. What goes over all items is done
at once where they are few. Else it is noted as a build, in that same transaction, and done portion
by portion, each in a transaction of its own that also notes how far it has come: whoever is
stopped in the middle, or another process, goes on from there. Until it is done the catalogue says
so of the field, and searches do without the index.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Final

from ..core.catalog import Catalog, Datastore, Field
from ..core.ids import IdSource
from ..core.record import record
from ..core.substrings import has_substrings
from .engines import Connection, Engine, OutdatedSchemaError
from .jobs import JobError, StoredJob, finish_job, insert_job, touch_job
from .recompute import recompute_rows
from .tables import (
    create_value_index,
    fill_substrings,
    prepare_substrings,
    sort_substrings,
    substring_table,
    table_name,
)
from .texts import index_rows

AT_ONCE_ITEMS: Final = 5_000  # so many are gone over in the change itself: others wait for it
GIVEN_UP: Final = "the definition was changed again before this was done"
_COLUMNS = "kind, datastore_id, part, workspace_id, last, upto, job_id"
_INDEXES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type IN ('index', 'table')",
    "postgresql": "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
    " WHERE c.relnamespace = current_schema()::regnamespace AND i.indisvalid",
}
_BY_KEY = "WHERE kind = ? AND datastore_id = ? AND part = ?"


class Kind(str, Enum):
    """What is made. Its value is also the category of the task that tells of it."""

    INDEX = "buildindex"  # part: the field
    VALUES = "computevalues"  # part: ""
    TEXTS = "indextexts"  # part: the field; "": comments
    EMPTY = "emptycolumn"  # part: the column
    LINKS = "buildautolink"  # part: ""; done by commands: see service/builds.py


@record
class Build:
    """One piece of work, and how far it has come."""

    kind: Kind
    datastore: str  # id
    part: str
    workspace: str  # id
    last: int  # the row number that it has come to
    upto: int  # what has a greater one was written after it had begun, and needs nothing
    job: str  # id; "" where nobody is told

    @property
    def key(self) -> tuple[str, str, str]:
        """What names it."""
        return (self.kind.value, self.datastore, self.part)


# --- ordering ---------------------------------------------------------------------------------


def is_large(connection: Connection, datastore: str) -> bool:
    """Whether going over all items would keep others waiting."""
    sql = f"SELECT 1 FROM {table_name(datastore)} LIMIT 1 OFFSET ?"  # noqa: S608  our own hex id
    return bool(connection.query(sql, (AT_ONCE_ITEMS,)))


def order_build(  # noqa: PLR0913
    connection: Connection,
    kind: Kind,
    workspace: str,
    datastore: str,
    part: str = "",
    *,
    after: int = -1,
) -> None:
    """Have it done, for all rows or those behind one; after all that was ordered before."""
    key = (kind.value, datastore, part)
    known = _find(connection, key)
    connection.query(f"DELETE FROM builds {_BY_KEY}", key)  # noqa: S608
    last = after if known is None else min(known.last, after)
    connection.query(
        f"INSERT INTO builds ({_COLUMNS}, position)"  # noqa: S608
        " SELECT ?, ?, ?, ?, CAST(? AS BIGINT), CAST(? AS BIGINT), ?,"
        " COALESCE((SELECT max(position) FROM builds), 0) + 1",
        (
            *key,
            workspace,
            last,
            last_row(connection, datastore),
            known.job if known is not None else "",
        ),
    )


def last_row(connection: Connection, datastore: str) -> int:
    """The row number of the newest item; nobody is told."""
    rows = connection.query(f"SELECT max(n) FROM {table_name(datastore)}")  # noqa: S608  our own id
    return rows[0][0] or 0


def forget_build(
    connection: Connection, kind: Kind, datastore: str, part: str, now_ms: int
) -> None:
    """It is not wanted any more."""
    key = (kind.value, datastore, part)
    known = _find(connection, key)
    if known is not None:
        connection.query(f"DELETE FROM builds {_BY_KEY}", key)  # noqa: S608
        if known.job:
            finish_job(connection, known.job, max(known.last, 0), (JobError(GIVEN_UP, 0),), now_ms)


def order_index(connection: Connection, engine: Engine, datastore: Datastore, field: Field) -> None:
    """Have the indexes of a field made that is lacking them. What holds of every value from now on,
    that no two are equal and that each is among the pieces, holds at once."""
    if field.unique:
        for statement in create_value_index(datastore.id, field).values():
            connection.run_script(statement)
    if has_substrings(field):
        connection.run_script(prepare_substrings(datastore.id, field, engine.name))
    if field.has_index:
        order_build(connection, Kind.INDEX, datastore.workspace, datastore.id, field.id)


def empty_column(
    connection: Connection, workspace: str, datastore: str, column: str, left: str
) -> None:
    """Take a column's values away where taking the column itself would write the table anew, and so
    keep all others from writing: it is left over under another name, empty."""
    table = table_name(datastore)
    connection.run_script(f"ALTER TABLE {table} RENAME COLUMN {column} TO {left}")
    order_build(connection, Kind.EMPTY, workspace, datastore, left)


def tell_of_builds(
    connection: Connection, workspace: str, user: str, ids: IdSource, now_ms: int
) -> None:
    """Let a user's list of tasks tell of what was ordered in a workspace."""
    for one in _list(connection, "workspace_id = ? AND job_id = ''", workspace):
        project = connection.query(
            "SELECT parent_id FROM definitions WHERE id = ?", (one.datastore,)
        )
        job = StoredJob(
            ids.next_id(),
            workspace,
            one.kind.value,
            one.datastore,
            user,
            "running",
            0,
            (),
            now_ms,
            now_ms,
            None,
            project[0][0] if project else "",
        )
        insert_job(connection, job)
        connection.query(
            f"UPDATE builds SET job_id = ? {_BY_KEY}",  # noqa: S608
            (job.id, *one.key),
        )


# --- looking ----------------------------------------------------------------------------------


def list_builds(connection: Connection) -> list[Build]:
    """What is to be done in datastores that are there, in its order."""
    live = "datastore_id IN (SELECT id FROM definitions WHERE deleted_at IS NULL)"
    return _list(connection, live)


def _list(connection: Connection, where: str, *params: str) -> list[Build]:
    rows = connection.query(
        f"SELECT {_COLUMNS} FROM builds WHERE {where} ORDER BY position",  # noqa: S608
        params,
    )
    return [Build(Kind(row[0]), *row[1:]) for row in rows]


def _find(connection: Connection, key: tuple[str, str, str]) -> Build | None:
    rows = connection.query(f"SELECT {_COLUMNS} FROM builds {_BY_KEY}", key)  # noqa: S608
    return Build(Kind(rows[0][0]), *rows[0][1:]) if rows else None


def name_build(connection: Connection, build: Build) -> str:
    """What a person calls the datastore, and the field if it is about one."""
    select = "SELECT display_id FROM definitions WHERE id = ?"
    rows = [connection.query(select, (one,)) for one in (build.datastore, build.part)]
    return "/".join(row[0][0] for row in rows if row)


def list_indexes(engine: Engine, connection: Connection) -> set[str]:
    """The names of the indexes that there are, and are whole."""
    return {str(row[0]) for row in connection.query(_INDEXES[engine.name])}


def lacking_indexes(
    engine: Engine, connection: Connection, build: Build, catalog: Catalog
) -> dict[str, str]:
    """What is still to be made of an index once all rows are in, by name."""
    datastore, field = _place(build, catalog)
    if build.kind is not Kind.INDEX or datastore is None or field is None:
        return {}
    known = list_indexes(engine, connection)
    wanted = create_value_index(datastore.id, field)
    if has_substrings(field):
        wanted |= sort_substrings(field, engine.name)
    return {name: text for name, text in wanted.items() if name not in known}


def _place(build: Build, catalog: Catalog) -> tuple[Datastore | None, Field | None]:
    datastore = catalog.find_datastore(build.datastore)
    fields: Iterable[Field] = datastore.fields if datastore is not None else ()
    return datastore, next((one for one in fields if one.id == build.part), None)


# --- doing ------------------------------------------------------------------------------------


def advance(  # noqa: PLR0913
    connection: Connection, engine: Engine, build: Build, catalog: Catalog, rows: int, now_ms: int
) -> bool:
    """Do a portion; False if nothing is left. In a transaction, with the workspace locked."""
    known = _find(connection, build.key)
    datastore, field = _place(build, catalog)
    if known is None or datastore is None:
        return False
    end = _find_end(connection, known, rows)
    if end is None:
        return False
    match known.kind:
        case Kind.INDEX:
            if field is not None and has_substrings(field):
                top = _top(connection, engine, field)
                text = fill_substrings(datastore.id, field, engine.name, known.last, end, top)
                connection.run_script(text)
            else:
                end = known.upto
        case Kind.VALUES:
            recompute_rows(connection, datastore, catalog, now_ms, known.last, end)
        case Kind.TEXTS:
            fields = [field] if field is not None else []
            index_rows(connection, datastore, fields, known.last, end, with_comments=not known.part)
        case Kind.EMPTY:
            _empty(connection, known, end)
        case Kind.LINKS:
            raise ValueError("links are made by commands")
    connection.query(f"UPDATE builds SET last = ? {_BY_KEY}", (end, *build.key))  # noqa: S608
    if known.job:
        touch_job(connection, known.job, end, now_ms)
    return True


def note_advance(connection: Connection, build: Build, end: int, now_ms: int) -> None:
    """A portion was done beside this transaction; nothing changes if the build was begun anew."""
    found = connection.query(
        f"UPDATE builds SET last = ? {_BY_KEY} AND last = ? AND job_id = ? RETURNING job_id",  # noqa: S608
        (end, *build.key, build.last, build.job),
    )
    if found and build.job:
        touch_job(connection, build.job, end, now_ms)


def _empty(connection: Connection, build: Build, end: int) -> None:
    """A copy of the database that was restored lacks columns which were left over."""
    connection.savepoint()
    try:
        connection.query(
            f"UPDATE {table_name(build.datastore)} SET {build.part} = NULL"  # noqa: S608  our names
            f" WHERE n > ? AND n <= ? AND {build.part} IS NOT NULL",
            (build.last, end),
        )
    except OutdatedSchemaError:
        connection.rollback_to()
    else:
        connection.release()


def _find_end(connection: Connection, build: Build, rows: int) -> int | None:
    """The last row of the next portion."""
    found = connection.query(
        f"SELECT max(n) FROM (SELECT n FROM {table_name(build.datastore)}"  # noqa: S608
        " WHERE n > ? AND n <= ? ORDER BY n LIMIT ?) AS portion",
        (build.last, build.upto, rows),
    )
    end: int | None = found[0][0]
    return end


def _top(connection: Connection, engine: Engine, field: Field) -> int:
    if engine.name != "sqlite":
        return 0
    return int(connection.query(f"SELECT max(p) FROM {substring_table(field)}")[0][0] or 0)  # noqa: S608


def finish(
    connection: Connection, engine: Engine, build: Build, catalog: Catalog, now_ms: int
) -> bool:
    """Say that it is done, if it is: from now on searches rely on it. The same."""
    known = _find(connection, build.key)
    datastore, field = _place(build, catalog)
    if known is None:
        return True
    if datastore is not None and _find_end(connection, known, 1) is not None:
        return False
    if lacking_indexes(engine, connection, known, catalog):
        return False
    connection.query(f"DELETE FROM builds {_BY_KEY}", build.key)  # noqa: S608
    if field is not None:  # every process reads anew that its index is whole
        connection.query(
            "UPDATE workspaces SET catalog_number = catalog_number + 1 WHERE id = ?",
            (known.workspace,),
        )
    if known.job:
        finish_job(connection, known.job, known.upto, (), now_ms)
    return True


__all__ = [
    "Build",
    "Kind",
    "advance",
    "empty_column",
    "finish",
    "forget_build",
    "is_large",
    "lacking_indexes",
    "list_builds",
    "list_indexes",
    "name_build",
    "note_advance",
    "order_build",
    "order_index",
    "tell_of_builds",
]
