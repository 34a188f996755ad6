"""A request of each call that looks after people, to be tried by each sort of caller.

`@n` stands for a number that no request before had, `@group` for a group that is made first.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.files.papers import form

W = "66a000000000000000000001"
BOB = "66a0000000000000000000a2"
HEADER = b"Email,UserName,Password,GroupDisplayIDs,RoleDisplayIDs,IsDelete\r\n"
NAMED = {"name": "New", "display_id": "new-@n"}


class Try(NamedTuple):
    """One request."""

    call: str
    method: str
    path: str  # after /api/v0/
    body: Any = None  # bytes: a form


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
_FORM = form(
    ("current_workspace_id", W.encode()),
    ("file", HEADER + b"person-@n@office.test,,,,,\r\n", "a.csv"),
)
MEMBERS = (
    Try("AddUser", "POST", "users", {"email": "person-@n@office.test", "g_id": "@group"}),
    Try("RemoveUser", "DELETE", "users", {"g_id": "@group", "u_id": BOB}),
    Try(
        "UserInvite",
        "POST",
        "userinvite",
        {"users": [{"email": "gus@office.test"}], "domain": "app.test", "no_confirm_email": True},
    ),
    Try("UserImport", "POST", "userimport", _FORM),
    Try("GetUsersInGroup", "GET", "groups/66a0000000000000000000b2/users"),
    Try("GetUsersInWorkspace", "GET", f"workspaces/{W}/users"),
    Try("GetAllUsersInWorkspace", "GET", "users/all/g/66a0000000000000000000b2"),
)
WORKSPACES = (
    Try("CreateNewWorkspace", "POST", "workspaces", {"name": "New @n"}),
    Try("GetPasswordPolicy", "GET", f"workspaces/{W}/password-policy"),
    Try("SetPasswordPolicy", "PUT", f"workspaces/{W}/password-policy", {"min_length": 9}),
    Try("GetWorkspaceUsage", "GET", f"workspaces/{W}/usages"),
    Try("GetWorkspaceFunctionality", "GET", f"workspaces/{W}/functionalities"),
    Try("GetWorkspaceFunctionalityByPage", "GET", f"workspaces/{W}/functionality"),
)
TRIES = (*GROUPS, *ROLES, *MEMBERS, *WORKSPACES)
