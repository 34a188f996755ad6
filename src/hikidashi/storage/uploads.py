"""Files that are announced before their bytes come: each has its number, and a secret kept hashed."""

from __future__ import annotations

from typing import Final

from ..core.record import record
from .engines import Connection
from .files import next_number

_COLUMNS: Final = "hash, workspace_id, n, project_id, user_id, name, created_at, file_id"
_SELECT: Final = f"SELECT {_COLUMNS} FROM uploads"  # noqa: S608  constants


@record
class Upload:
    """A file whose bytes may be sent by whoever knows its secret."""

    hash: str  # of the secret
    workspace: str
    n: int  # what the file is called by; counted with all files of the workspace
    project: str
    user: str
    name: str
    created_at: int  # ms
    file: str = ""  # id, once the bytes are there


def insert_upload(connection: Connection, upload: Upload) -> int:
    """Note a file that is to come; its number."""
    n = upload.n or next_number(connection, upload.workspace)
    values = (
        upload.hash,
        upload.workspace,
        n,
        upload.project,
        upload.user,
        upload.name,
        upload.created_at,
        upload.file,
    )
    connection.query(
        f"INSERT INTO uploads ({_COLUMNS}) VALUES ({', '.join('?' * len(values))})",  # noqa: S608
        values,
    )
    return n


def count_uploads(connection: Connection, user: str, since: int) -> int:
    """How many files a user has announced since then, and not reported."""
    rows = connection.query(
        "SELECT count(*) FROM uploads WHERE user_id = ? AND created_at > ?", (user, since)
    )
    return int(rows[0][0])


def find_upload(connection: Connection, digest: str, since: int) -> Upload | None:
    """What a secret is good for, if it was announced since then."""
    rows = connection.query(f"{_SELECT} WHERE hash = ? AND created_at > ?", (digest, since))
    return Upload(*rows[0]) if rows else None


def find_numbered(connection: Connection, workspace: str, n: int) -> Upload | None:
    """The announcement of a number, if it was not reported yet."""
    rows = connection.query(f"{_SELECT} WHERE workspace_id = ? AND n = ?", (workspace, n))
    return Upload(*rows[0]) if rows else None


def claim_upload(connection: Connection, digest: str, file: str) -> bool:
    """Make a file the one that was announced; False if there is one, or nothing is announced."""
    rows = connection.query(
        "UPDATE uploads SET file_id = ? WHERE hash = ? AND file_id = '' RETURNING n",
        (file, digest),
    )
    return bool(rows)


def end_upload(connection: Connection, upload: Upload) -> None:
    """Nobody sends anything for it any more."""
    connection.query("DELETE FROM uploads WHERE hash = ?", (upload.hash,))


def forget_uploads(connection: Connection, before: int) -> None:
    """Drop what was announced before then."""
    connection.query("DELETE FROM uploads WHERE created_at <= ?", (before,))
