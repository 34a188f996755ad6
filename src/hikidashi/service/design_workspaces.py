"""What calls want of workspaces: a new one, and what one asks of passwords."""

from __future__ import annotations

from collections.abc import Mapping

from ..core.access import may_administer
from ..core.errors import forbidden, invalid_request
from ..core.limits import NAME_CHARS_MAX, WORKSPACES_PER_USER_MAX
from ..storage.people import list_memberships
from .design import Scene, Wish

TOP_GROUP = "TOP"  # the display id of a new workspace's top group


def make_workspace(scene: Scene, id_: str, name: str) -> Wish:
    """A new workspace with a top group, whose one member and administrator is the actor."""
    if not may_administer(scene.actor):
        raise forbidden("No privileges to create new workspace")
    if not name.strip():
        raise invalid_request("name has to be there")
    if len(name) > NAME_CHARS_MAX:
        raise invalid_request(f"name: has over {NAME_CHARS_MAX} characters")
    user = scene.actor.user
    if len(list_memberships(scene.connection, user)) >= WORKSPACES_PER_USER_MAX:
        raise invalid_request(f"you are in {WORKSPACES_PER_USER_MAX} workspaces, which is the most")
    if any(one.id == user and one.exclusive for one in scene.now.people.users):
        raise forbidden("Not permitted in the current workspace")
    return Wish(workspace_of(name, user), workspace=id_)


def workspace_of(name: str, user: str) -> dict[str, object]:
    """The keys of a new workspace with a top group, whose one member and administrator is a user."""
    return {
        "name": name,
        "users": [{"id": user, "admin": True}],
        "top_group": {"display_id": TOP_GROUP, "name": name, "members": [user]},
    }


def set_password_policy(scene: Scene, said: Mapping[str, object]) -> Wish:
    """Other rules for passwords; what is not said stays."""
    scene.administered()
    return Wish({"password_policy": dict(said)})
