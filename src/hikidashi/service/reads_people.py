"""What may be read of the people of a workspace: who is in which group and holds which role."""

from __future__ import annotations

from collections.abc import Iterable

from ..core.access import may_see_project
from ..core.catalog import Catalog, Project
from ..core.errors import no_place
from ..storage.people_state import People, User, read_people
from .app import View


def find_place(view: View, ref: str) -> Project:
    """An application that the actor sees; an administrator of the workspace sees each. Raises 404."""
    project = view.catalog.find_project(ref)
    actor = view.actor
    if project is not None and (
        may_see_project(actor, project) or (actor.is_workspace_admin and not actor.project)
    ):
        return project
    raise no_place("application", ref)


def list_role_users(view: View, project: str, ref: str) -> list[User]:
    """Everyone who holds a role, directly or through a group. Raises 404."""
    role = find_place(view, project).find_role(ref)
    if role is None:
        raise no_place("role", ref)
    people = read_people(view.connection, view.catalog.workspace)
    holders = {user for one, user in people.user_roles if one == role.id}
    groups = {group for one, group in people.group_roles if one == role.id}
    holders |= users_of(people, groups_under(view.catalog, groups))
    return _in_order(people, holders)


def groups_under(catalog: Catalog, groups: Iterable[str]) -> set[str]:
    """The ids of groups and of all that are in them."""
    return {below for one in groups for below in catalog.groups_below(one)}


def users_of(people: People, groups: set[str]) -> set[str]:
    """The ids of the users who are in any of the groups."""
    return {user for group, user in people.group_members if group in groups}


def _in_order(people: People, ids: set[str]) -> list[User]:
    """Users in the order in which they came; programs are none."""
    return [one for one in people.users if one.id in ids and not one.is_bot]
