"""POST scripts that nobody waits for: they follow the events of writes, behind the answers.

A script that throws is not run again: it may have made calls. Only one that could not be run at
all, or whose server was killed, is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from ..core.access import Identity
from ..core.actions import Action
from ..core.catalog import Catalog
from ..core.errors import FaultError
from ..core.events import Event
from ..core.limits import SCRIPT_SECONDS
from ..storage.written import note_scripts
from .app import App, View
from .consumers import FinalError, RetriableError
from .event_data import event_data, read_event
from .script_data import Due, make_due
from .scripts import Trace, run_script, said_by

NAME: Final = "scripts"
_STARTING_SECONDS: Final = 15.0  # of a worker, and of what waits before it


class PostScripts:
    """The consumer of events that runs POST scripts."""

    name = NAME
    timeout_s = SCRIPT_SECONDS + _STARTING_SECONDS
    concurrency = 16
    keeps = False
    gives_way = False

    def __init__(self, app: App) -> None:
        self._app = app

    def targets_of(self, catalog: Catalog) -> list[str]:
        """The actions of the workspace that have POST scripts."""
        if not catalog.has_scripts:
            return []
        return [
            action.id
            for project in catalog.projects
            for datastore in project.datastores
            for action in datastore.actions
            if action.post_script
        ]

    def wants(self, event: Event, catalog: Catalog) -> tuple[str, ...]:
        """The event's action, if it has a script that nobody waits for."""
        if not event.action or not catalog.has_scripts:
            return ()
        action = _find_action(catalog, event)
        if action is None or not action.post_script or event.is_awaited:
            return ()
        return (action.id,)

    async def close(self) -> None:
        """Nothing is held open."""

    def expect(self, events: Sequence[Event], target: str) -> None:
        """Nothing is read ahead."""

    async def deliver(self, event: Event, target: str) -> str:
        """Run the script; what it gave, as JSON."""
        note_scripts(event.scripts)
        app, identity = self._app, Identity(event.user, event.workspace)
        due = await read_event(app, event, lambda view: _prepare(view, event, target))
        if due is None:
            return ""
        trace = Trace()
        try:
            outcome = await run_script(app, identity, due, "post", trace)
        except FaultError as fault:
            raise FinalError(fault.faults[0].description) from fault
        logs = [f"{one.level}: {one.message}" for one in trace.logs]
        if outcome.kind == "done":
            return msgspec.json.encode({"logs": logs}).decode()
        words = said_by(outcome.told)
        if outcome.kind in ("busy", "unavailable"):
            raise RetriableError(words)
        raise FinalError(words, msgspec.json.encode({"kind": outcome.kind, "logs": logs}).decode())


def _find_action(catalog: Catalog, event: Event) -> Action | None:
    datastore = catalog.find_datastore(event.datastore)
    return datastore.find_action(event.action) if datastore is not None else None


def _prepare(view: View, event: Event, target: str) -> Due | None:
    """The script of an action over an event; None if there is none any more."""
    catalog = view.catalog
    datastore = catalog.find_datastore(event.datastore)
    action = datastore.find_action(target) if datastore is not None else None
    project = catalog.find_project(datastore.project) if datastore is not None else None
    if datastore is None or action is None or project is None or not action.post_script:
        return None
    return make_due(action.post_script, project, event_data(view, datastore, event))
