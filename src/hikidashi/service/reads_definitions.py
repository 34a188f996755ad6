"""What may be read of definitions: those that the actor's roles open."""

from __future__ import annotations

from ..core.access import may_execute, may_see_project, may_use_datastore, may_use_field
from ..core.actions import Action, Operation
from ..core.catalog import Datastore, Field, Project
from ..core.conditions import shown_fields
from ..core.errors import no_place
from ..core.saved import SavedQuery
from .app import View


def list_projects(view: View) -> list[Project]:
    """The projects that the actor holds a role of."""
    return [one for one in view.catalog.projects if may_see_project(view.actor, one)]


def list_datastores(view: View, project: Project) -> list[Datastore]:
    """The datastores of a project that the actor may use."""
    return [one for one in project.datastores if may_use_datastore(view.actor, one)]


def list_fields(view: View, datastore: Datastore) -> list[Field]:
    """The fields of a datastore that the actor may use."""
    return [one for one in datastore.fields if may_use_field(view.actor, one)]


def get_field(view: View, datastore: Datastore, ref: str) -> Field:
    """A field that the actor may use, by id or display id. Raises 404."""
    found = datastore.find_field(ref)
    if found is None or not may_use_field(view.actor, found):
        raise no_place("field", ref)
    return found


def list_actions(
    view: View, datastore: Datastore, operation: Operation | None = None
) -> list[Action]:
    """The actions of a datastore that the actor may execute, of all operations or of one."""
    return [
        one
        for one in datastore.actions
        if operation in (None, one.operation) and may_execute(view.actor, one)
    ]


def get_action(view: View, datastore: Datastore, ref: str) -> Action:
    """An action that the actor may execute, by id or display id. Raises 404."""
    found = datastore.find_action(ref)
    if found is None or not may_execute(view.actor, found):
        raise no_place("action", ref)
    return found


def list_search_fields(view: View, datastore: Datastore) -> list[Field]:
    """The fields of a datastore that are offered to searches and that the actor is shown."""
    return [
        one
        for one in shown_fields(view.actor, datastore)
        if one.search and one.value_kind.match != "none"
    ]


def list_queries(view: View, project: Project) -> list[tuple[SavedQuery, Datastore]]:
    """The saved queries of a project that the actor could ask as they are."""
    found = []
    for one in project.queries:
        datastore = view.catalog.find_datastore(one.datastore)
        if datastore is None or not may_use_datastore(view.actor, datastore):
            continue
        shown = {field.id for field in shown_fields(view.actor, datastore)}
        fields = {key for part in one.conditions if datastore.find_field(key := part.key)}
        if fields <= shown:
            found.append((one, datastore))
    return found
