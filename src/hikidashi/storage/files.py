"""The rows of uploaded files: who uploaded what for where, and when it may go.

The bytes lie elsewhere (`objects`). A row is written after its bytes are durable and taken away
after its bytes are gone, so that whatever has a row that is not dropped has bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..core.ids import is_id
from ..core.items import FileState
from ..core.limits import ROW_NUMBER_END
from ..core.record import record
from .engines import Connection, Query, QueryKeys, Row
from .objects import SPAN_DIGITS
from .tables import ID

STATE = (
    "SELECT id, workspace_id, user_id, datastore_id, field_id, item_id, name, attached_at,"
    " deleted_at, dropped_at FROM files"
)
_COLUMNS = (
    "id, n, workspace_id, datastore_id, field_id, item_id, name, content_type, size, sha256,"
    " user_id, created_at, attached_at, deleted_at"
)
_LIVE = f"SELECT {_COLUMNS} FROM files WHERE dropped_at IS NULL"  # noqa: S608  constants


@record
class FileRow:
    """An uploaded file."""

    id: str
    n: int  # counted in its workspace
    workspace: str
    datastore: str  # these three: where it is attached, or what it was uploaded for; "" if unsaid
    field: str
    item: str
    name: str
    content_type: str
    size: int  # bytes
    sha256: str
    user: str
    created_at: int  # ms
    attached_at: int | None = None
    deleted_at: int | None = None


def file_state(row: Row) -> FileState | None:
    """A row of `STATE`; None if the file's bytes are going."""
    id_, workspace, user, datastore, field, item, name, attached_at, deleted_at, dropped_at = row
    if dropped_at is not None:
        return None
    flags = (attached_at is not None, deleted_at is not None)
    return FileState(id_, workspace, user, datastore, field, item, name, *flags)


def next_number(connection: Connection, workspace: str) -> int:
    """The number of a file that is to come: one past the last, and never given again."""
    rows = connection.query(
        "INSERT INTO file_numbers (workspace_id, last) VALUES (?, 1)"
        " ON CONFLICT (workspace_id) DO UPDATE SET last = file_numbers.last + 1 RETURNING last",
        (workspace,),
    )
    return int(rows[0][0])


def insert_file(connection: Connection, file: FileRow) -> FileRow:
    """Note a file whose bytes are durable; it gets its number, unless it has one."""
    number = file.n or next_number(connection, file.workspace)
    values = (
        file.id,
        number,
        file.workspace,
        file.datastore,
        file.field,
        file.item,
        file.name,
        file.content_type,
        file.size,
        file.sha256,
        file.user,
        file.created_at,
        file.attached_at,
        file.deleted_at,
    )
    connection.query(
        f"INSERT INTO files ({_COLUMNS}) VALUES ({', '.join('?' * len(values))})",  # noqa: S608
        values,
    )
    return FileRow(file.id, number, *values[2:])


def read_file(connection: Connection, workspace: str, file: str) -> FileRow | None:
    """A file by id, deleted ones left out."""
    if not is_id(file):
        return None
    rows = connection.query(
        f"{_LIVE} AND id = ? AND workspace_id = ? AND deleted_at IS NULL", (file, workspace)
    )
    return FileRow(*rows[0]) if rows else None


def read_numbered(
    connection: Connection, workspace: str, numbers: Iterable[int]
) -> dict[int, FileRow]:
    """Files of a workspace by number, deleted ones too; those whose bytes are going are left out."""
    wanted = (one for one in sorted(set(numbers)) if 0 < one < ROW_NUMBER_END)
    text = f"{_LIVE} AND workspace_id = ? AND n = ?"
    found = connection.read([Query(text, (workspace, one)) for one in wanted])
    return {rows[0][1]: FileRow(*rows[0]) for rows in found if rows}


def read_files(connection: Connection, files: Iterable[str]) -> dict[str, FileRow]:
    """Files by id; those that are not there are left out."""
    wanted = sorted(set(files))
    if not wanted:
        return {}
    rows = connection.read([QueryKeys(f"SELECT {_COLUMNS} FROM files", ID, wanted)])[0]  # noqa: S608
    return {row[0]: FileRow(*row) for row in rows}


def number_files(connection: Connection, files: Iterable[str]) -> dict[str, int]:
    """The numbers of files by id."""
    wanted = sorted(set(files))
    if not wanted:
        return {}
    rows = connection.read([QueryKeys("SELECT id, n FROM files", ID, wanted)])[0]
    return {row[0]: row[1] for row in rows}


def delete_waiting(connection: Connection, file: str, now_ms: int) -> bool:
    """Delete a file that was never attached; False if it was meanwhile."""
    rows = connection.query(
        "UPDATE files SET deleted_at = ? WHERE id = ? AND attached_at IS NULL"
        " AND deleted_at IS NULL AND dropped_at IS NULL RETURNING id",
        (now_ms, file),
    )
    return bool(rows)


# --- the sweep --------------------------------------------------------------------------------


def delete_homeless(connection: Connection, now_ms: int) -> None:
    """Delete files whose field is not there any more."""
    connection.query(
        "UPDATE files SET deleted_at = ? WHERE deleted_at IS NULL AND field_id IN"
        " (SELECT id FROM definitions WHERE kind = 'field' AND deleted_at IS NOT NULL)",
        (now_ms,),
    )


def drop_old(
    connection: Connection, now_ms: int, waiting_before: int, deleted_before: int, most: int
) -> int:
    """From now on nobody gets, or attaches, files that have waited or been deleted for too long;
    how many they are."""
    rows = connection.query(
        "UPDATE files SET dropped_at = ? WHERE id IN (SELECT id FROM files WHERE"
        " dropped_at IS NULL AND ((attached_at IS NULL AND created_at < ?) OR deleted_at < ?)"
        " ORDER BY id LIMIT ?) AND dropped_at IS NULL"  # again: a writer may have taken one
        " AND ((attached_at IS NULL AND created_at < ?) OR deleted_at < ?) RETURNING id",
        (now_ms, waiting_before, deleted_before, most, waiting_before, deleted_before),
    )
    return len(rows)


def list_dropped(connection: Connection, most: int) -> list[str]:
    """Files whose bytes are to go, by id."""
    rows = connection.query(
        "SELECT id FROM files WHERE dropped_at IS NOT NULL ORDER BY id LIMIT ?", (most,)
    )
    return [row[0] for row in rows]


def forget_files(connection: Connection, files: Sequence[str]) -> None:
    """Take away the rows of dropped files; their bytes are gone."""
    for file in files:
        connection.query("DELETE FROM files WHERE id = ? AND dropped_at IS NOT NULL", (file,))


# --- comparing with the bytes ---------------------------------------------------------------


def find_known(connection: Connection, files: Sequence[str]) -> set[str]:
    """Those of the ids that have a row."""
    if not files:
        return set()
    rows = connection.read([QueryKeys("SELECT id FROM files", ID, files)])[0]
    return {row[0] for row in rows}


def find_live(connection: Connection, files: Sequence[str]) -> set[str]:
    """Those of the ids whose bytes ought to be there."""
    select = "SELECT id FROM (SELECT id FROM files WHERE dropped_at IS NULL) AS f"
    rows = connection.read([QueryKeys(select, ID, files)])[0] if files else []
    return {row[0] for row in rows}


def list_spans(connection: Connection) -> list[str]:
    """The stretches of time that there are files of, by the starts of their ids."""
    rows = connection.query(f"SELECT DISTINCT substr(id, 1, {SPAN_DIGITS}) FROM files")  # noqa: S608
    return [row[0] for row in rows]


def list_span(connection: Connection, span: str) -> list[tuple[str, int, bool]]:
    """Of the files of a stretch of time: id, size, and whether the bytes are going."""
    rows = connection.query(
        "SELECT id, size, dropped_at FROM files WHERE id >= ? AND id < ?", (span, f"{span}g")
    )
    return [(row[0], row[1], row[2] is not None) for row in rows]
