"""Schedules of an application: what there is, when each is due, and a run at once."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from ...core.access import Identity
from ...core.values import format_instant
from ...service.app import App
from ...service.schedule_reads import ToldSchedule, ask_run, list_schedules
from ...storage.schedules import Run
from ..body import told
from ..exchange import Answer, Call, HttpRequest, answer_json
from ..running import refuse_dry_run
from . import envelopes
from .call_maker import CallMaker

_BASE: Final = "/api/v0/applications/:app-id/schedules"


class FaultShape(msgspec.Struct):
    """What was wrong with an item."""

    item_id: str
    error: str
    description: str


class RunShape(msgspec.Struct):
    """A run of a schedule."""

    run_id: str
    due_at: str
    asked_by: Annotated[str, told("Id of the user who asked for it; empty where it was due.")]
    state: Annotated[str, told("`waiting`, `running`, `done` or `failed`.")]
    attempts: Annotated[int, told("How often it was begun.")]
    started_at: str | None
    finished_at: str | None
    matched: Annotated[int, told("How many items were found.")]
    processed: Annotated[int, told("How many of them were written.")]
    faults: Annotated[list[FaultShape], told("What was wrong with the others, at most 20.")]
    error: Annotated[str, told("Why it failed.")]


class ScheduleShape(msgspec.Struct):
    """A schedule. What it was made with may be sent back as it stands here."""

    schedule_id: str
    display_id: str
    name: dict[str, str]
    description: str
    datastore: Annotated[str, told("Of whose items; its display id.")]
    datastore_id: str
    action: Annotated[str, told("What is run; its display id.")]
    action_id: str
    cron: str
    time_zone: Annotated[str, told("Empty for the workspace's.")]
    used_time_zone: Annotated[str, told("In which `cron` is meant.")]
    query: Annotated[str, told("Display id of the saved query that finds items; empty for none.")]
    conditions: Annotated[
        list[dict[str, Any]] | None, told("What finds them instead; null for nothing.")
    ]
    any: Annotated[bool, told("One condition is enough.")]
    values: Annotated[dict[str, Any], told("What is written, by display id of the field.")]
    comment: Annotated[str, told("Of the histories.")]
    user: Annotated[str, told("Address of the bot user that it acts as; empty for none.")]
    enabled: bool
    next_at: Annotated[str | None, told("When it is due next.")]
    runs: Annotated[list[RunShape], told("The last ten, the newest first.")]


class SchedulesAnswer(msgspec.Struct):
    """The schedules of an application."""

    schedules: list[ScheduleShape]


class RunAnswer(msgspec.Struct):
    """The run that was asked for."""

    run_id: str


async def get_schedules(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """List them."""
    project = request.params["app-id"]
    found = await app.scan(identity, lambda view: list_schedules(view, project))
    return answer_json(SchedulesAnswer([_schedule(one) for one in found]))


async def post_run(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Have one run now."""
    refuse_dry_run(request)
    params = request.params
    run = await ask_run(app, identity, params["app-id"], params["schedule-id"])
    return answer_json(RunAnswer(run))


def _schedule(told_one: ToldSchedule) -> ScheduleShape:
    body = told_one.body
    whole = {
        **told_one.keys,
        "schedule_id": told_one.id,
        "display_id": told_one.display_id,
        "name": body.names,
        "datastore_id": body.datastore,
        "action_id": body.action,
        "used_time_zone": told_one.time_zone,
        "next_at": _instant(told_one.next_at),
        "runs": [_run(run) for run in told_one.runs],
    }
    return ScheduleShape(**whole)


def _run(run: Run) -> RunShape:
    return RunShape(
        run_id=run.id,
        due_at=format_instant(run.due_at),
        asked_by=run.asked_by,
        state=run.state,
        attempts=run.attempts,
        started_at=_instant(run.started_at),
        finished_at=_instant(run.finished_at),
        matched=run.tally.matched,
        processed=run.tally.processed,
        faults=[FaultShape(one.item, one.error, one.description) for one in run.tally.faults],
        error=run.failure,
    )


def _instant(ms: int | None) -> str | None:
    return None if ms is None else format_instant(ms)


_call: Final = CallMaker(envelopes.plain)

CALLS: Final[tuple[Call, ...]] = (
    _call(
        "GetSchedules",
        "GET",
        _BASE,
        get_schedules,
        "The schedules of an application, when each is due next, and its last runs.",
        answer=SchedulesAnswer,
    ),
    _call(
        "RunSchedule",
        "POST",
        f"{_BASE}/:schedule-id/run",
        post_run,
        "Run a schedule now, enabled or not; behind the answer, which tells the run.",
        answer=RunAnswer,
    ),
)
