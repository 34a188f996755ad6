"""What an operator wants of people, groups and workspaces: functions that make a Wish."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from ..core.catalog import Datastore, Group, Role
from ..core.errors import invalid_request, no_place
from ..core.password_rules import find_weakness
from ..core.record import record
from ..storage.people_state import User, find_users
from ..storage.people_writes import Grant
from .design import Scene, Wish
from .design_deleted import list_deleted, recover
from .design_parts import Wishing
from .design_people import find_top_group, get_group
from .schema import SchemaFile, of_data
from .schema.changes import GivePair, RemoveWorkspace, SchemaEdit, TakePair


@record
class Newcomer:
    """Somebody who comes into a workspace; "" and None where that is not said."""

    email: str
    name: str = ""
    is_admin: bool | None = None
    password: str = ""  # as typed, to be held against the policy of the workspace
    password_hash: str = ""
    groups: Sequence[str] = ()  # by id or display id
    roles: Sequence[str] = ()  # APPLICATION/ROLE


def get_member(scene: Scene, ref: str) -> User:
    """Somebody of the workspace, by id, address or user code. Raises 404, and 400 if several have
    the address and none of them has it for a login."""
    people = scene.now.people.users
    found = [one for one in people if ref in (one.id, one.user_code)]
    found = found or [one for one in people if (one.email or "").lower() == ref.lower()]
    found = [one for one in found if one.is_ordinary] or found
    if not found:
        raise no_place("user", ref)
    if len(found) > 1:
        raise invalid_request(f"{len(found)} users have the address {ref}: give an id")
    return found[0]


def get_role(scene: Scene, ref: str) -> Role:
    """A role, by id or as APPLICATION/ROLE. Raises 404."""
    place, _, name = ref.rpartition("/")
    project = scene.catalog.find_project(place) if place else None
    found = project.find_role(name) if project else scene.catalog.find_role(ref)
    if found is None:
        raise no_place("role", ref)
    return found


def get_operated(scene: Scene, ref: str) -> Datastore:
    """A datastore, by id, by APPLICATION/DATASTORE, or by a display id that only one has."""
    place, _, name = ref.rpartition("/")
    return scene.designed_datastore(name, place)


# --- users ------------------------------------------------------------------------------------


def add_user(newcomer: Newcomer) -> Wishing:
    """Somebody new, or somebody of another workspace who comes into this one as well."""

    def wish(scene: Scene) -> Wish:
        known = find_users(scene.connection, [newcomer.email, newcomer.email.lower()], [])
        user = known[0].id if known else scene.ids.next_id()
        if any(one.id == user for one in scene.now.people.users):
            raise invalid_request(f"{newcomer.email} is in the workspace already")
        if known and (newcomer.name or newcomer.password_hash):
            raise invalid_request(
                f"{newcomer.email} is a user of another workspace, whose name and password are"
                " changed by `user change` and `user set-password`"
            )
        policy = scene.now.workspace.password_policy
        weakness = find_weakness([policy], newcomer.password) if newcomer.password else ""
        if weakness:
            raise invalid_request(f"the password {weakness}")
        keys: dict[str, Any] = {"id": user, "email": known[0].email if known else newcomer.email}
        keys |= {"name": newcomer.name} if newcomer.name else {}
        keys |= {"admin": newcomer.is_admin} if newcomer.is_admin is not None else {}
        keys |= {"password_hash": newcomer.password_hash} if newcomer.password_hash else {}
        groups = {get_group(scene.catalog, one).id for one in newcomer.groups}
        groups = groups or {find_top_group(scene.catalog).id}
        roles = {get_role(scene, one).id for one in newcomer.roles}
        edits = [_give(scene, "group_members", one, user) for one in sorted(groups)]
        edits += [_give(scene, "user_roles", one, user) for one in sorted(roles)]
        return Wish({"users": [keys]}, edits=edits)

    return wish


def change_user(ref: str, *, email: str, name: str, is_admin: bool | None) -> Wishing:
    """Another address, another name, an administrator or none."""

    def wish(scene: Scene) -> Wish:
        keys: dict[str, Any] = {"id": get_member(scene, ref).id}
        keys |= {"email": email} if email else {}
        keys |= {"name": name} if name else {}
        keys |= {"admin": is_admin} if is_admin is not None else {}
        return Wish({"users": [keys]})

    return wish


def remove_user(ref: str) -> Wishing:
    """Somebody leaves the workspace, its groups and roles; what they did stays."""

    def wish(scene: Scene) -> Wish:
        return Wish({"users": [{"id": get_member(scene, ref).id, "deleted": True}]})

    return wish


# --- grants -----------------------------------------------------------------------------------

Holding = Literal["group_members", "user_roles", "group_roles"]


def change_grant(what: Holding, owner: str, holder: str, *, give: bool) -> Wishing:
    """Somebody enters or leaves a group, or a user or a group is given or loses a role."""

    def wish(scene: Scene) -> Wish:
        first: Group | Role = (
            get_group(scene.catalog, owner) if what == "group_members" else get_role(scene, owner)
        )
        second: Group | User = (
            get_group(scene.catalog, holder) if what == "group_roles" else get_member(scene, holder)
        )
        pair = (first.id, second.id)
        if (pair in getattr(scene.now.people, what)) is give:
            return Wish()
        edit = GivePair if give else TakePair
        return Wish(edits=[edit(scene.actor.workspace, what, pair)])

    return wish


def _give(scene: Scene, what: Grant, owner: str, holder: str) -> SchemaEdit:
    return GivePair(scene.actor.workspace, what, (owner, holder))


def list_grants(scene: Scene) -> list[dict[str, Any]]:
    """Each role of each application, with the addresses of users and the groups that hold it."""
    people = scene.now.people
    names = {one.id: one.email or one.name for one in people.users}
    groups = {one.id: one.display_id for one in scene.catalog.groups}
    return [
        {
            "id": role.id,
            "role": f"{project.display_id}/{role.display_id}",
            "may_design": role.may_design,
            "users": sorted(names.get(u, u) for one, u in people.user_roles if one == role.id),
            "groups": sorted(groups.get(g, g) for one, g in people.group_roles if one == role.id),
        }
        for project in scene.catalog.projects
        for role in project.roles
    ]


# --- workspaces -------------------------------------------------------------------------------


def workspace_to_make(name: str, time_zone: str, admin: str) -> SchemaFile:
    """A new workspace with its administrator, who is in its top group."""
    top = {"display_id": "TOP", "members": [admin]}
    users = [{"email": admin, "admin": True}]
    place = {"name": name, "time_zone": time_zone, "users": users, "top_group": top}
    return of_data({"workspaces": [place]}, "command")


def remove_workspace(scene: Scene) -> Wish:
    """The workspace is there no more, nor its applications; for some days they can be had again."""
    gone = [{"id": one.id, "deleted": True} for one in scene.catalog.projects]
    edits = [RemoveWorkspace(scene.now.workspace)]
    return Wish({"applications": gone} if gone else None, edits=edits, may_destroy=True)


def recover_applications(at: int) -> Wishing:
    """All applications of a workspace that were deleted at the same time, in ms."""

    def wish(scene: Scene) -> Wish:
        found = [one for one in list_deleted(scene) if (one.kind, one.at) == ("project", at)]
        wishes = [recover(one.id).wish(scene) for one in found]
        return Wish(
            edits=[edit for one in wishes for edit in one.edits],
            restored=[one for part in wishes for one in part.restored],
        )

    return wish
