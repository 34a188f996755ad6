"""Where a command goes: projects and datastores by name, as far as an actor may go. Pure.

A project and a datastore are also called by a code and a number, as a project and its tables.
"""

from __future__ import annotations

from .access import Actor, may_see_project, may_use_datastore
from .catalog import Catalog, Datastore, Project
from .commands import WriteItem
from .errors import invalid_request, no_place, unauthorized
from .limits import COMMENT_CHARS_MAX


def get_project(catalog: Catalog, actor: Actor, ref: str) -> Project:
    """A project that the actor may see. Raises 404."""
    project = catalog.find_project(ref)
    if project is None or not may_see_project(actor, project):
        raise no_place("application", ref)
    return project


def get_datastore(catalog: Catalog, actor: Actor, project: str, datastore: str) -> Datastore:
    """A datastore that the actor may use, under its project. Raises 404.

    Without a project a display id must be the only one of its kind among what the actor sees.
    """
    if project:
        found = get_project(catalog, actor, project).find_datastore(datastore)
    else:
        found = catalog.find_datastore(datastore) or _only_one(catalog, actor, datastore)
    if found is None or not may_use_datastore(actor, found):
        raise no_place("datastore", datastore)
    return found


def _only_one(catalog: Catalog, actor: Actor, ref: str) -> Datastore | None:
    named = [
        found
        for project in catalog.projects
        if may_see_project(actor, project)
        and (found := project.find_datastore(ref)) is not None
        and may_use_datastore(actor, found)
    ]
    return named[0] if len(named) == 1 else None


def get_coded_project(catalog: Catalog, actor: Actor, code: str) -> Project:
    """A project that the actor may see, by its code, or else by id or display id. Raises 404; and 401
    where the actor is of another project alone, whether or not there is one of that code."""
    if actor.project:
        own = catalog.find_project(actor.project)
        if own is None or code not in (own.row_code, own.id, own.display_id):
            raise unauthorized(f"the key or token is not of a project {code[:80]}")
    project = _find_coded(catalog, actor, code)
    if project is None or not may_see_project(actor, project):
        raise no_place("project", code)
    return project


def get_table(catalog: Catalog, actor: Actor, code: str, table: str) -> Datastore:
    """A datastore that the actor may use, by its number, or else by display id. Raises 404."""
    datastore = get_coded_project(catalog, actor, code).find_table(table)
    if datastore is None or not may_use_datastore(actor, datastore):
        raise no_place("table", table)
    return datastore


def _find_coded(catalog: Catalog, actor: Actor, code: str) -> Project | None:
    """A key's own project first: most calls are made with one."""
    own = catalog.find_project(actor.project) if actor.project else None
    if own is not None and own.row_code == code:
        return own
    for project in catalog.projects:
        if project.row_code == code:
            return project
    return catalog.find_project(code)


def get_written(command: WriteItem, catalog: Catalog, actor: Actor) -> Datastore:
    """The datastore that a write goes to. Raises 404."""
    find = get_table if command.is_row else get_datastore
    return find(catalog, actor, command.project, command.entry.datastore)


def check_comment(comment: str) -> None:
    """What a comment may not be. Raises 400."""
    if len(comment) > COMMENT_CHARS_MAX:
        raise invalid_request(f"comment has over {COMMENT_CHARS_MAX} characters")
    if "\0" in comment:
        raise invalid_request("comment holds U+0000")
