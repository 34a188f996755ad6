"""What designers are told of schedules, and a run that one of them asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.access import Identity, may_design
from ..core.catalog import Project
from ..core.errors import forbidden, no_place
from ..core.limits import SCHEDULE_RUNS_TOLD_MAX
from ..core.places import get_project
from ..core.record import record
from ..storage.definition_bodies import Definition, ScheduleBody
from ..storage.definitions import list_definitions
from ..storage.schedules import Run, insert_run, list_runs, read_next
from .app import App, View
from .schema.export import export_parts


@record
class ToldSchedule:
    """A schedule with its keys as calls take them, when it is due next, and its last runs, the
    newest first."""

    id: str
    display_id: str
    body: ScheduleBody
    keys: Mapping[str, Any]  # of a schema file
    time_zone: str  # that the cron line is meant in
    next_at: int | None  # ms; None: never, or it is not noted yet
    runs: tuple[Run, ...]


def list_schedules(view: View, project: str) -> list[ToldSchedule]:
    """The schedules of an application. Raises 404, 403."""
    place = _designed(view, project)
    if not place.schedules:
        return []
    definitions = list_definitions(view.connection, view.catalog.workspace)
    return [
        _told(view, one, one.body, keys)
        for one, keys in export_parts(definitions, "schedule", place.id)
        if isinstance(one.body, ScheduleBody)
    ]


def _told(view: View, one: Definition, body: ScheduleBody, keys: Mapping[str, Any]) -> ToldSchedule:
    return ToldSchedule(
        one.id,
        one.display_id,
        body,
        keys,
        body.time_zone or view.catalog.time_zone,
        read_next(view.connection, one.id) if body.is_enabled else None,
        tuple(list_runs(view.connection, one.id, SCHEDULE_RUNS_TOLD_MAX)),
    )


async def ask_run(app: App, identity: Identity, project: str, ref: str) -> str:
    """Have a schedule run now; the id of the run, or of one that waits already. Raises 404, 403."""

    def find(view: View) -> tuple[str, str]:
        for one in _designed(view, project).schedules:
            if ref in (one.id, one.display_id):
                return one.id, view.actor.user
        raise no_place("schedule", ref)

    schedule, user = await app.read(identity, find)
    now = app.clock.now_ms()
    run = Run(app.ids.next_id(), schedule, identity.workspace, now, asked_by=user)
    return await app.store.change(lambda one: insert_run(one, run))


def _designed(view: View, ref: str) -> Project:
    project = get_project(view.catalog, view.actor, ref)
    if not may_design(view.actor, project):
        raise forbidden(f"you may not design {project.display_id}")
    return project
