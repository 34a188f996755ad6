"""The project and the table that a path names, for whom they are there."""

from __future__ import annotations

from collections.abc import Mapping

from ...core.access import Actor, may_see_project, may_use_datastore
from ...core.catalog import Catalog, Datastore, Project
from ...core.errors import key_missing, no_place, unauthorized
from ...core.record import record
from ...service.app import View


@record
class Table:
    """Where a call goes, for whom."""

    project: Project
    datastore: Datastore
    actor: Actor


def check_public(view: View, params: Mapping[str, str], call: str) -> None:
    """Let who comes without a key call what is public of a table of the path. Raises 401."""
    project = view.catalog.find_project(view.actor.project)
    datastore = project.find_table(params.get("table", "")) if project else None
    if datastore is None or call not in datastore.public:
        raise key_missing()


def get_project(view: View, params: Mapping[str, str]) -> Project:
    """The project of the path, if it exists for the caller. Raises 404; and 401 where a key, or an
    end user, is of another project, whether or not there is one of that code."""
    if view.actor.project:
        own = view.catalog.find_project(view.actor.project)
        if own is None or params["code"] not in (own.row_code, own.id, own.display_id):
            raise unauthorized(f"the key or token is not of a project {params['code'][:80]}")
    project = find_project(view.catalog, view.actor, params["code"])
    if project is None or not may_see_project(view.actor, project):
        raise no_place("project", params["code"])
    return project


def get_table(view: View, params: Mapping[str, str]) -> Table:
    """The table of the path, if it exists for the caller. Raises 404."""
    project = get_project(view, params)
    datastore = project.find_table(params["table"])
    if datastore is None or not may_use_datastore(view.actor, datastore):
        raise no_place("table", params["table"])
    return Table(project, datastore, view.actor)


def find_project(catalog: Catalog, actor: Actor, code: str) -> Project | None:
    """A project by its randomCode, or else by id or display id; a key's own project first."""
    own = catalog.find_project(actor.project) if actor.project else None
    if own is not None and own.row_code == code:
        return own
    for project in catalog.projects:
        if project.row_code == code:
            return project
    return catalog.find_project(code)
