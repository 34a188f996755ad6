"""A request of each call that looks after people, to be tried by each sort of caller.

`@n` stands for a number that no request before had, `@group` for a group that is made first.
"""

from __future__ import annotations

from typing import Any, NamedTuple

W = "66a000000000000000000001"
BOB = "66a0000000000000000000a2"
NAMED = {"name": "New", "display_id": "new-@n"}


class Try(NamedTuple):
    """One request."""

    call: str
    method: str
    path: str  # after /api/v0/
    body: Any = None


GROUPS = (
    Try("GetTopGroup", "GET", "groups"),
    Try("GetGroup", "GET", "groups/66a0000000000000000000b2"),
    Try("GetGroupTree", "GET", "grouptree"),
    Try("CreateTopGroup", "POST", f"workspaces/{W}/groups", NAMED),
    Try("CreateGroup", "POST", "groups/66a0000000000000000000b2", NAMED),
    Try("CreateGroupInWorkspace", "POST", f"workspaces/{W}/groups/@group", NAMED),
    Try("UpdateGroup", "PUT", "groups/@group", {"name": "Other @n"}),
    Try("UpdateGroupInWorkspace", "PUT", f"workspaces/{W}/groups/@group", {"name": "Other @n"}),
    Try("DeleteGroup", "DELETE", "groups/@group"),
)
_ROLE = {"user_id": BOB, "role_id": "READER"}
_ROLES = {"group_roles": [{"app_id": "66a0000000000000000000c1", "role_id": "READER"}]}
_DESK = "applications/66a0000000000000000000c1"
ROLES = (
    Try("GetRoles", "GET", f"{_DESK}/roles"),
    Try("GetRoleUsers", "GET", f"{_DESK}/roleusers/READER"),
    Try("AddRoleToUser", "POST", f"{_DESK}/userroles", _ROLE),
    Try("RemoveRoleFromUser", "DELETE", f"{_DESK}/userroles", _ROLE),
    Try("UpdateGroupRoles", "POST", "grouproles/@group", _ROLES),
    Try("AddGroupRoles", "PUT", "grouproles/@group", _ROLES),
)
TRIES = (*GROUPS, *ROLES)
