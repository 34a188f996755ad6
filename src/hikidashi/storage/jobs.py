"""The table of jobs: work that goes on behind an answer, and what came of it."""

from __future__ import annotations

import msgspec

from ..core.record import record
from .engines import Connection, Row

LOST_MS = 120_000  # a running job that nobody has touched for so long has lost its process
KEPT_MS = 7 * 86_400_000  # how long one is told of after its end
_COLUMNS = (
    "id, workspace_id, kind, datastore_id, user_id, state, progress, errors, created_at,"
    " touched_at, finished_at, project_id"
)


class JobError(msgspec.Struct, frozen=True):
    """One thing that is wrong with a file, and where."""

    description: str
    line: int


@record
class StoredJob:
    """A job as its row tells it."""

    id: str
    workspace: str
    kind: str
    datastore: str
    user: str
    state: str  # running, done, failed
    progress: int
    errors: tuple[JobError, ...]
    created_at: int  # ms
    touched_at: int
    finished_at: int | None
    project: str = ""  # id, where the job is about an application


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[JobError, ...]).decode


def insert_job(connection: Connection, job: StoredJob) -> None:
    """Note a job that begins."""
    connection.query(
        f"INSERT INTO jobs ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            job.id,
            job.workspace,
            job.kind,
            job.datastore,
            job.user,
            job.state,
            job.progress,
            _encode(job.errors).decode(),
            job.created_at,
            job.touched_at,
            job.finished_at,
            job.project,
        ),
    )


def touch_job(connection: Connection, job: str, progress: int, now_ms: int) -> bool:
    """Say that a job goes on; False if it is over, because somebody took it for lost."""
    found = connection.query(
        "UPDATE jobs SET progress = ?, touched_at = ? WHERE id = ? AND state = 'running'"
        " RETURNING id",
        (progress, now_ms, job),
    )
    return bool(found)


def finish_job(
    connection: Connection, job: str, progress: int, errors: tuple[JobError, ...], now_ms: int
) -> bool:
    """Say how a job ended, with errors it failed; False if that was said already."""
    found = connection.query(
        "UPDATE jobs SET state = ?, progress = ?, errors = ?, touched_at = ?, finished_at = ?"
        " WHERE id = ? AND state = 'running' RETURNING id",
        (
            "failed" if errors else "done",
            progress,
            _encode(errors).decode(),
            now_ms,
            now_ms,
            job,
        ),
    )
    return bool(found)


def read_job(connection: Connection, job: str) -> StoredJob | None:
    """A job by id."""
    rows = connection.query(f"SELECT {_COLUMNS} FROM jobs WHERE id = ?", (job,))  # noqa: S608
    if not rows:
        return None
    return _job(rows[0])


def list_jobs(
    connection: Connection, workspace: str, user: str, *, only_running: bool, most: int
) -> list[StoredJob]:
    """A user's jobs in a workspace, the newest first."""
    state = " AND state = 'running'" if only_running else ""
    rows = connection.query(
        f"SELECT {_COLUMNS} FROM jobs WHERE user_id = ? AND workspace_id = ?{state}"  # noqa: S608
        " ORDER BY id DESC LIMIT ?",
        (user, workspace, most),
    )
    return [_job(row) for row in rows]


def _job(row: Row) -> StoredJob:
    values = list(row)
    values[7] = _decode(values[7])
    return StoredJob(*values)


def list_lost_jobs(connection: Connection, before_ms: int) -> list[StoredJob]:
    """Jobs that were left running and have not been touched since then."""
    rows = connection.query(
        f"SELECT {_COLUMNS} FROM jobs WHERE state = 'running' AND touched_at <= ?"  # noqa: S608
        " AND id NOT IN (SELECT job_id FROM builds)",  # those go on at any process
        (before_ms,),
    )
    return [_job(row) for row in rows]


def has_old_jobs(connection: Connection, now_ms: int) -> bool:
    """Whether some are past their time."""
    found = connection.query(
        "SELECT 1 FROM jobs WHERE finished_at < ? LIMIT 1", (now_ms - KEPT_MS,)
    )
    return bool(found)


def forget_old_jobs(connection: Connection, now_ms: int) -> None:
    """Drop what is past its time."""
    connection.query("DELETE FROM jobs WHERE finished_at < ?", (now_ms - KEPT_MS,))
