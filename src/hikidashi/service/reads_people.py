"""What may be read of the people of a workspace: who is in which group and holds which role."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from ..core.access import Actor, may_administer, may_see_project
from ..core.catalog import Catalog, Project, Role
from ..core.errors import no_place
from ..core.record import record
from ..storage.accounts import read_info, read_infos
from ..storage.mails import list_mailed
from ..storage.people_state import People, User, read_people
from .app import View
from .design_people import find_top_group, get_group


def find_place(view: View, ref: str) -> Project:
    """An application that the actor sees; an administrator of the workspace sees each. Raises 404."""
    project = view.catalog.find_project(ref)
    if project is not None and _sees(view.actor, project):
        return project
    raise no_place("application", ref)


def _sees(actor: Actor, project: Project) -> bool:
    return may_see_project(actor, project) or (actor.is_workspace_admin and not actor.project)


def list_role_users(view: View, project: str, ref: str) -> list[User]:
    """Everyone who holds a role, directly or through a group. Raises 404."""
    role = find_place(view, project).find_role(ref)
    if role is None:
        raise no_place("role", ref)
    people = _people(view)
    return _in_order(people, _holders(view.catalog, people, role.id))


def _holders(catalog: Catalog, people: People, role: str) -> set[str]:
    """The ids of those who hold a role, directly or through a group."""
    groups = {group for one, group in people.group_roles if one == role}
    direct = {user for one, user in people.user_roles if one == role}
    return direct | users_of(people, groups_under(catalog, groups))


@record
class Member:
    """Somebody in a workspace, as others there see them."""

    user: User
    is_admin: bool
    is_mailed: bool  # a mail asks, or asked, the user to confirm
    roles: Sequence[tuple[Project, Role]] = ()  # of applications that the actor sees
    info: dict[str, Any] | None = None  # what applications keep; None: not for the actor to see


def list_group_members(view: View, ref: str, *, recursive: bool) -> list[Member]:
    """Who is in a group, or in one below it too. Raises 404."""
    group = get_group(view.catalog, ref)
    people = _people(view)
    groups = groups_under(view.catalog, [group.id]) if recursive else {group.id}
    found = _members(view, people, users_of(people, groups))
    held = [
        (project, role, _holders(view.catalog, people, role.id))
        for project in view.catalog.projects
        if _sees(view.actor, project)
        for role in project.roles
    ]
    infos = _infos(view)
    return [
        replace(
            one,
            roles=[(place, role) for place, role, holders in held if one.user.id in holders],
            info=infos.get(one.user.id),
        )
        for one in found
    ]


def _infos(view: View) -> dict[str, dict[str, Any]]:
    """What applications keep of users: one's own; to an administrator, that of those too who are in
    no other workspace, lest somebody be let in to be looked at."""
    actor = view.actor
    found = read_infos(view.connection, view.catalog.workspace) if may_administer(actor) else {}
    return found | {actor.user: read_info(view.connection, actor.user)}


def list_all_members(view: View, ref: str) -> list[Member]:
    """Who is in a group or below it; with the top group those too who are in none."""
    group = get_group(view.catalog, ref)
    people = _people(view)
    found = users_of(people, groups_under(view.catalog, [group.id]))
    if not group.parent:
        found = {one.id for one in people.users}
    return _members(view, people, found)


def list_members_by_group(view: View, *, admins_only: bool) -> dict[str, list[User]]:
    """The users of each group that has any, by its id."""
    people = _people(view)
    found: dict[str, list[User]] = {}
    for group in view.catalog.groups_below(find_top_group(view.catalog).id):
        users = _in_order(people, users_of(people, {group}))
        shown = [one for one in users if not admins_only or one.id in people.admins]
        if shown:
            found[group] = shown
    return found


def _people(view: View) -> People:
    return read_people(view.connection, view.catalog.workspace)


def _members(view: View, people: People, ids: set[str]) -> list[Member]:
    mailed = list_mailed(view.connection, view.catalog.workspace)
    return [
        Member(one, one.id in people.admins, one.id in mailed) for one in _in_order(people, ids)
    ]


def groups_under(catalog: Catalog, groups: Iterable[str]) -> set[str]:
    """The ids of groups and of all that are in them."""
    return {below for one in groups for below in catalog.groups_below(one)}


def users_of(people: People, groups: set[str]) -> set[str]:
    """The ids of the users who are in any of the groups."""
    return {user for group, user in people.group_members if group in groups}


def _in_order(people: People, ids: set[str]) -> list[User]:
    """Users in the order in which they came; programs are none."""
    return [one for one in people.users if one.id in ids and not one.is_bot]
