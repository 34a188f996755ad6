"""Schedules as they are due, and their runs: claimed, gone on with, done or failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from ..core.catalog import Catalog, Project
from ..core.record import record
from ..core.saved import Schedule
from .definition_bodies import ScheduleBody, decode_body
from .engines import Connection, Row
from .people import find_account, list_memberships

State = Literal["waiting", "running", "done", "failed"]
_RUN: Final = (
    "id, schedule_id, workspace_id, due_at, asked_by, state, claimed_until, attempts, started_at,"
    " finished_at, reached, upto, matched, processed, faults, failure"
)
_OWN: Final = "WHERE id = ? AND attempts = ? AND finished_at IS NULL RETURNING id"


class RunFault(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is wrong with one item, or with several."""

    error: str
    description: str = ""
    item: str = ""  # id


@record
class Tally:
    """What a run has come to so far."""

    matched: int = 0
    processed: int = 0
    faults: tuple[RunFault, ...] = ()


@record
class Run:
    """One run of a schedule."""

    id: str
    schedule: str  # id
    workspace: str
    due_at: int  # ms
    asked_by: str = ""  # id of the user; "": it was due
    state: State = "waiting"
    claimed_until: int = 0
    attempts: int = 0  # how often it was begun; it tells one claim from the next
    started_at: int | None = None
    finished_at: int | None = None
    reached: int = 0  # items up to this row number are done
    upto: int | None = None  # the last row number when it began; None: not known yet
    tally: Tally = Tally()
    failure: str = ""


@record
class Clocked:
    """A schedule with the time that it is due next, as far as that is noted."""

    schedule: str  # id
    workspace: str  # id
    cron: str
    time_zone: str
    is_enabled: bool
    line: str | None  # what `next_at` was made from
    next_at: int | None  # ms

    @property
    def line_now(self) -> str:
        """What it is to be made from."""
        return f"{self.cron} {self.time_zone}"


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(tuple[RunFault, ...]).decode


# --- when they are due ------------------------------------------------------------------------


def list_clocked(connection: Connection) -> list[Clocked]:
    """Every schedule there is, of every workspace."""
    rows = connection.query(
        "SELECT d.id, d.workspace_id, d.body, w.time_zone, c.line, c.next_at FROM definitions d"
        " JOIN workspaces w ON w.id = d.workspace_id"
        " LEFT JOIN schedule_clocks c ON c.schedule_id = d.id"
        " WHERE d.kind = 'schedule' AND d.deleted_at IS NULL ORDER BY d.id"
    )
    found = []
    for id_, workspace, text, zone, line, next_at in rows:
        body = decode_body("schedule", text)
        if isinstance(body, ScheduleBody):
            is_on = body.is_enabled and bool(body.user)
            zone_now = body.time_zone or zone
            found.append(Clocked(id_, workspace, body.cron, zone_now, is_on, line, next_at))
    return found


def set_clock(connection: Connection, one: Clocked, next_at: int) -> None:
    """Note when a schedule is due next, whatever was noted before."""
    connection.query(
        "INSERT INTO schedule_clocks (schedule_id, workspace_id, line, next_at)"
        " VALUES (?, ?, ?, ?) ON CONFLICT (schedule_id)"
        " DO UPDATE SET line = excluded.line, next_at = excluded.next_at",
        (one.schedule, one.workspace, one.line_now, next_at),
    )


def drop_clock(connection: Connection, schedule: str) -> None:
    """A schedule is not due any more."""
    connection.query("DELETE FROM schedule_clocks WHERE schedule_id = ?", (schedule,))


def advance_clock(connection: Connection, one: Clocked, next_at: int) -> bool:
    """The same where it is due now; False if another process was quicker."""
    found = connection.query(
        "UPDATE schedule_clocks SET next_at = ? WHERE schedule_id = ? AND line = ? AND next_at = ?"
        " RETURNING schedule_id",
        (next_at, one.schedule, one.line, one.next_at),
    )
    return bool(found)


# --- runs -------------------------------------------------------------------------------------


def insert_run(connection: Connection, run: Run) -> str:
    """Let a run wait; the id of the one that waits already, asked for by anybody or due, if any."""
    waiting = connection.query(
        "SELECT id FROM schedule_runs WHERE schedule_id = ? AND state = 'waiting'"
        " AND finished_at IS NULL ORDER BY due_at, id LIMIT 1",
        (run.schedule,),
    )
    if waiting:
        return str(waiting[0][0])
    connection.query(
        "INSERT INTO schedule_runs (id, schedule_id, workspace_id, due_at, asked_by, state,"
        " claimed_until, attempts, reached, matched, processed, faults, failure)"
        " VALUES (?, ?, ?, ?, ?, 'waiting', 0, 0, 0, 0, 0, '[]', '')"
        " ON CONFLICT (schedule_id, due_at, asked_by) DO NOTHING",
        (run.id, run.schedule, run.workspace, run.due_at, run.asked_by),
    )
    rows = connection.query(
        "SELECT id FROM schedule_runs WHERE schedule_id = ? AND due_at = ? AND asked_by = ?",
        (run.schedule, run.due_at, run.asked_by),
    )
    return str(rows[0][0])


def has_claimable(connection: Connection, now: int) -> bool:
    """Whether any run may be claimed, or could but for one before it."""
    return bool(
        connection.query(
            "SELECT 1 FROM schedule_runs WHERE finished_at IS NULL AND claimed_until <= ? LIMIT 1",
            (now,),
        )
    )


def claim_runs(connection: Connection, now: int, until: int, most: int) -> list[Run]:
    """Runs that this process alone may carry out until then; of a schedule only its first open one."""
    rows = connection.query(
        "SELECT r.id FROM schedule_runs r WHERE r.finished_at IS NULL AND r.claimed_until <= ?"  # noqa: S608
        " AND NOT EXISTS (SELECT 1 FROM schedule_runs o WHERE o.schedule_id = r.schedule_id"
        " AND o.finished_at IS NULL"
        " AND (o.due_at < r.due_at OR (o.due_at = r.due_at AND o.id < r.id)))"
        f" ORDER BY r.due_at, r.id LIMIT ?{connection.words.skip_locked}",
        (now, most),
    )
    claimed: list[Run] = []
    for (id_,) in rows:
        found = connection.query(
            "UPDATE schedule_runs SET state = 'running', claimed_until = ?,"  # noqa: S608
            " attempts = attempts + 1, started_at = COALESCE(started_at, ?)"
            f" WHERE id = ? AND finished_at IS NULL AND claimed_until <= ? RETURNING {_RUN}",
            (until, now, id_, now),
        )
        claimed += [_run(row) for row in found]
    return claimed


def note_run(connection: Connection, run: Run, until: int) -> bool:
    """How far a claimed run is, and that its claim goes on; False if it is another's by now."""
    found = connection.query(
        "UPDATE schedule_runs SET claimed_until = ?, reached = ?, upto = ?, matched = ?,"  # noqa: S608
        f" processed = ?, faults = ? {_OWN}",
        (until, run.reached, run.upto, *_tallied(run.tally), run.id, run.attempts),
    )
    return bool(found)


def finish_run(connection: Connection, run: Run, failure: str, now: int) -> bool:
    """How a claimed run ended: with a failure it failed; False if it is another's by now."""
    found = connection.query(
        "UPDATE schedule_runs SET state = ?, claimed_until = ?, finished_at = ?, reached = ?,"  # noqa: S608
        f" matched = ?, processed = ?, faults = ?, failure = ? {_OWN}",
        (
            "failed" if failure else "done",
            now,
            now,
            run.reached,
            *_tallied(run.tally),
            failure,
            run.id,
            run.attempts,
        ),
    )
    return bool(found)


def hold_runs(connection: Connection, runs: Sequence[Run], until: int) -> None:
    """Let the claims of runs end then, and not before; they may be claimed again from then on."""
    for one in runs:
        connection.query(f"UPDATE schedule_runs SET claimed_until = ? {_OWN}", (until, *_key(one)))  # noqa: S608


def release_runs(connection: Connection) -> None:
    """End all claims: whoever had them is gone."""
    connection.query("UPDATE schedule_runs SET claimed_until = 0 WHERE finished_at IS NULL")


def list_runs(connection: Connection, schedule: str, most: int) -> list[Run]:
    """The last runs of a schedule, the newest first."""
    rows = connection.query(
        f"SELECT {_RUN} FROM schedule_runs WHERE schedule_id = ?"  # noqa: S608
        " ORDER BY due_at DESC, id DESC LIMIT ?",
        (schedule, most),
    )
    return [_run(row) for row in rows]


def read_next(connection: Connection, schedule: str) -> int | None:
    """When a schedule is due next, as it is noted."""
    rows = connection.query(
        "SELECT next_at FROM schedule_clocks WHERE schedule_id = ?", (schedule,)
    )
    return rows[0][0] if rows else None


def sweep_runs(connection: Connection, before: int) -> None:
    """Forget runs that are over and were due before then, and clocks of what is gone."""
    connection.query(
        "DELETE FROM schedule_runs WHERE due_at < ? AND finished_at IS NOT NULL", (before,)
    )
    connection.query(
        "DELETE FROM schedule_clocks WHERE schedule_id NOT IN"
        " (SELECT id FROM definitions WHERE kind = 'schedule' AND deleted_at IS NULL)"
    )


def _key(run: Run) -> tuple[str, int]:
    return (run.id, run.attempts)


def _tallied(tally: Tally) -> tuple[int, int, str]:
    return (tally.matched, tally.processed, _encode(tally.faults).decode())


def _run(row: Row) -> Run:
    tally = Tally(row[12], row[13], _decode(row[14]))
    return Run(
        row[0],
        row[1],
        row[2],
        row[3],
        row[4],
        row[5],
        claimed_until=row[6],
        attempts=row[7],
        started_at=row[8],
        finished_at=row[9],
        reached=row[10],
        upto=row[11],
        tally=tally,
        failure=row[15],
    )


# --- what they need ---------------------------------------------------------------------------


def find_schedule(catalog: Catalog, schedule: str) -> tuple[Project, Schedule] | None:
    """A schedule by id, of any project."""
    for project in catalog.projects:
        for one in project.schedules:
            if one.id == schedule:
                return project, one
    return None


def find_bot(connection: Connection, workspace: str, address: str) -> tuple[str, str]:
    """The id of the bot that a schedule acts as; or why there is none."""
    if not address:
        return "", "acts as nobody: it has no user"
    found = find_account(connection, address)
    places = list_memberships(connection, found.user) if found is not None else []
    if found is None or all(one.workspace != workspace for one in places):
        return "", f"acts as {address}, who is not in the workspace"
    return (found.user, "") if found.is_bot else ("", f"acts as {address}, who is no bot")
