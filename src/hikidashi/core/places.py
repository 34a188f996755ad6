"""Where a command goes: projects and datastores by name, as far as an actor may go. Pure."""

from __future__ import annotations

from .access import Actor, may_see_project, may_use_datastore
from .catalog import Catalog, Datastore, Project
from .errors import invalid_request, no_place
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


def check_comment(comment: str) -> None:
    """What a comment may not be. Raises 400."""
    if len(comment) > COMMENT_CHARS_MAX:
        raise invalid_request(f"comment has over {COMMENT_CHARS_MAX} characters")
    if "\0" in comment:
        raise invalid_request("comment holds U+0000")
