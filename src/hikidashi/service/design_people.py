"""What calls want of groups and roles: each function checks the actor's rights and makes a Wish."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from ..core.access import may_administer
from ..core.catalog import Catalog, Group, Role
from ..core.errors import forbidden, invalid_request, no_place
from ..core.record import record
from ..storage.people_writes import Grant
from .design import Scene, Wish
from .schema.changes import GivePair, SchemaEdit, TakePair

_GROUP_ROLES: Final[Grant] = "group_roles"

# --- groups -----------------------------------------------------------------------------------


@record
class GroupText:
    """How a group is called; "" where that is not said."""

    display_id: str
    name: str
    language: str  # of the name


def find_top_group(catalog: Catalog) -> Group:
    """The group that all others are in. Raises 404 in a workspace that has none."""
    for one in catalog.groups:
        if not one.parent:
            return one
    raise no_place("group", "")


def get_group(catalog: Catalog, ref: str) -> Group:
    """A group by id or display id; the top group for "". Raises 404."""
    found = catalog.find_group(ref) if ref else find_top_group(catalog)
    if found is None:
        raise no_place("group", ref)
    return found


def make_group(scene: Scene, parent: str, text: GroupText) -> Wish:
    """A new group, the last one in another; in the top group for ""."""
    scene.administered()
    above = get_group(scene.catalog, parent)
    if not (text.display_id and text.name):
        raise invalid_request("display_id and name have to be there")
    _refuse_taken(scene.catalog, text.display_id)
    new = {"display_id": text.display_id, "name": {text.language: text.name}}
    return _branch(scene.catalog, above, {"children": [new]})


def change_group(scene: Scene, ref: str, text: GroupText) -> Wish:
    """Another display id, or another name in one language."""
    scene.administered()
    group = get_group(scene.catalog, ref)
    if not (text.display_id or text.name):
        raise invalid_request("display_id or name has to be there")
    keys: dict[str, Any] = {}
    if text.display_id and text.display_id != group.display_id:
        _refuse_taken(scene.catalog, text.display_id)
        keys["display_id"] = text.display_id
    if text.name:
        keys["name"] = {**group.names, text.language: text.name}
    return _branch(scene.catalog, group, keys)


def delete_group(scene: Scene, ref: str) -> Wish:
    """A group goes, and whoever was in it is in it no more; not one with others in it."""
    scene.administered()
    group = get_group(scene.catalog, ref)
    if not group.parent:
        raise invalid_request("the top group can't be deleted")
    if len(scene.catalog.groups_below(group.id)) > 1:
        raise invalid_request(f"the group {group.display_id} has groups in it; delete them first")
    return _branch(scene.catalog, group, {"deleted": True}, may_destroy=True)


def _refuse_taken(catalog: Catalog, display_id: str) -> None:
    """A schema file would take such a group for the one that is there, and move it."""
    if catalog.find_group(display_id) is not None:
        raise invalid_request(f"display_id: {display_id} is the display id of another group")


def _branch(
    catalog: Catalog, group: Group, keys: Mapping[str, Any], *, may_destroy: bool = False
) -> Wish:
    """Keys of a group, in the groups that it is in."""
    node: dict[str, Any] = {"id": group.id, **keys}
    for above in catalog.groups_above(group.id)[1:]:
        node = {"id": above, "children": [node]}
    return Wish({"top_group": node}, may_destroy=may_destroy)


# --- roles ------------------------------------------------------------------------------------


def give_role(scene: Scene, project: str, user: str, role: str) -> Wish:
    """A member of the workspace holds a role of an application from now on."""
    return _user_role(scene, project, user, role, GivePair)


def take_role(scene: Scene, project: str, user: str, role: str) -> Wish:
    """A member of the workspace holds a role no more, unless through a group."""
    return _user_role(scene, project, user, role, TakePair)


def _user_role(
    scene: Scene, project: str, user: str, role: str, edit: type[GivePair | TakePair]
) -> Wish:
    found = scene.managed_project(project).find_role(role)
    if found is None:
        raise no_place("role", role)
    if all(one.id != user or one.is_bot for one in scene.now.people.users):
        raise no_place("user", user)
    pair = (found.id, user)
    if (pair in scene.now.people.user_roles) is (edit is GivePair):
        return Wish()  # so it is already
    return Wish(edits=[edit(scene.actor.workspace, "user_roles", pair)])


def add_group_roles(scene: Scene, group: str, roles: Sequence[tuple[str, str]]) -> Wish:
    """A group holds these roles too; each is an application and a role of it."""
    if not roles:
        scene.administered()
    wanted = _roles(scene, roles)
    return _group_roles(scene, get_group(scene.catalog, group), wanted, frozenset())


def replace_group_roles(scene: Scene, group: str, roles: Sequence[tuple[str, str]]) -> Wish:
    """A group holds these roles and no other, of whatever application."""
    if not may_administer(scene.actor):
        raise forbidden("No privileges to the Application")
    found = get_group(scene.catalog, group)
    held = {role for role, one in scene.now.people.group_roles if one == found.id}
    wanted = _roles(scene, roles)
    return _group_roles(scene, found, wanted, held - {one.id for one in wanted})


def _roles(scene: Scene, refs: Iterable[tuple[str, str]]) -> list[Role]:
    found = []
    for project, ref in refs:
        role = scene.managed_project(project).find_role(ref)
        if role is None:
            raise no_place("role", ref)
        found.append(role)
    return found


def _group_roles(
    scene: Scene, group: Group, wanted: Iterable[Role], unwanted: Iterable[str]
) -> Wish:
    workspace, what = scene.actor.workspace, _GROUP_ROLES
    new = {one.id for one in wanted}
    new -= {role for role, one in scene.now.people.group_roles if one == group.id}
    edits: list[SchemaEdit] = [
        TakePair(workspace, what, (one, group.id)) for one in sorted(unwanted)
    ]
    edits += [GivePair(workspace, what, (one, group.id)) for one in sorted(new)]
    return Wish(edits=edits)
