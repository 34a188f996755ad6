"""Scripts that stand for themselves: functions of a project, and scripts that are tried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

import msgspec

from ..core.access import Identity, may_design, may_see_project
from ..core.actions import Action
from ..core.catalog import Datastore, Project
from ..core.commands import Entry, Op, WriteItem, WriteRequest
from ..core.errors import forbidden, no_place, unavailable
from ..core.places import get_project
from ..core.record import record
from ..core.resolve import resolve
from ..sandbox.runs import Outcome
from .app import App, View
from .item_data import Act, item_data
from .reads import get_item
from .script_data import BUILT_IN, Due, data_before, look_ahead, make_due
from .scripts import Trace, When, run_script, said_by


@record
class Ran:
    """What came of a script."""

    outcome: Outcome
    value: object  # what it gave, or what it threw


async def call_function(  # noqa: PLR0913  a function, of what, with what, for whom
    app: App,
    identity: Identity,
    project: str,
    function: str,
    params: object,
    built_in: Mapping[str, str] = BUILT_IN,
) -> Ran:
    """Run a function over `data.params`. Raises 404, 403, and 503 when too much is running."""

    def read(view: View) -> Due:
        place = get_project(view.catalog, view.actor, project)
        found = place.find_function(function)
        if found is None or not may_see_project(view.actor, place):
            raise no_place("function", function)
        if found.roles.isdisjoint(view.actor.roles):
            raise forbidden(f"your roles may not call {found.display_id}")
        actor = view.actor
        data = {
            "u_id": actor.user,
            "user_name": actor.name,
            "email": actor.email,
            "w_id": actor.workspace,
            "p_id": place.id,
            "params": params,
        }
        return make_due(found.script, place, data, lambda: built_in)

    return _ran(await run_script(app, identity, await app.read(identity, read), "post", Trace()))


@record
class Trial:
    """A script that is tried: on an item as it is, or as values would leave it."""

    action: str  # id
    when: When
    item: str = ""  # id; "" for a new one
    values: Mapping[str, object] = field(default_factory=dict)  # raw
    as_params: object = None
    source: str | None = None  # None: the one that the action has


async def try_script(app: App, identity: Identity, trial: Trial) -> Ran:
    """Run a script of an action for show: it may read by the APIs, and write nothing."""

    def read(view: View) -> Due:
        project, datastore, action = _find_action(view, trial.action)
        own = action.pre_script if trial.when == "pre" else action.post_script
        source = own if trial.source is None else trial.source
        if trial.when == "pre":
            operation = Op[action.operation.name]
            entry = Entry(
                operation, datastore.id, trial.item, values=trial.values, action=action.id
            )
            command = WriteItem(project.id, entry, force=True, as_params=trial.as_params)
            request = resolve(command, view.catalog, view.actor)
            if not isinstance(request, WriteRequest):
                raise TypeError(request)
            outlook = look_ahead(app, view, [request])
            foreseen = outlook.foresee(view.actor, request, app.clock.now_ms())
            data = data_before(view, foreseen, request, action)
        else:
            act = Act(action.id, action, as_params=trial.as_params)
            data = item_data(view, datastore, get_item(view, datastore, trial.item), act)
        return make_due(source, project, data)

    due = await app.read(identity, read)
    return _ran(await run_script(app, identity, due, trial.when, Trace(), may_write=False))


def _find_action(view: View, ref: str) -> tuple[Project, Datastore, Action]:
    """An action by id, of an application that the actor may design. Raises 404, 403."""
    for project in view.catalog.projects:
        for datastore in project.datastores:
            for action in datastore.actions:
                if action.id == ref and may_see_project(view.actor, project):
                    if not may_design(view.actor, project):
                        raise forbidden(f"you may not design {project.display_id}")
                    return project, datastore, action
    raise no_place("action", ref)


def _ran(outcome: Outcome) -> Ran:
    if outcome.kind in ("busy", "unavailable"):
        raise unavailable(said_by(outcome.told))
    if outcome.kind == "done":
        return Ran(outcome, msgspec.Raw(outcome.json.encode()))
    told = outcome.told
    return Ran(outcome, told["value"] if set(told) == {"value"} else told)
