"""The routes of the one who calls: login, logout, user, workspaces."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from ...core.access import Identity, may_see_project
from ...core.catalog import Project, Role
from ...core.errors import invalid_request
from ...service.app import App, View
from ...service.shown import localized
from ..body import decode_body, told
from ..edge import Answer, Call, HttpRequest, answer_json
from ..running import refuse_dry_run
from . import envelopes
from .call_maker import CallMaker
from .definitions_encode import language_of
from .write_answers import NULL


class LoginBody(msgspec.Struct):
    """login/Login."""

    password: Annotated[str, told("The password of the account.")]
    email: Annotated[str | None, told("The address of the account, if it has no user code.")] = None
    user_code: Annotated[str | None, told("Its user code, if it has one.")] = None
    exclusive_w_id: Annotated[
        str | None, told("The workspace of an account that is of this one alone.")
    ] = None


class LoginAnswer(msgspec.Struct):
    """The token to send as `Authorization: Bearer …`."""

    token: str


class UserRole(msgspec.Struct):
    """A role that the user holds."""

    r_id: str
    role_name: str
    role_id: str  # display id
    p_id: str
    application_id: str  # display id
    application_name: str
    application_display_order: int


class UserGroup(msgspec.Struct):
    """A group that the user is in."""

    g_id: str
    group_name: str
    group_id: str  # display id


class UserInfoAnswer(msgspec.Struct):
    """userinfo/GetUserInfo."""

    u_id: str
    username: str
    email: str
    profile_pic: str
    current_workspace_id: str
    is_ws_admin: bool
    user_roles: list[UserRole]
    user_groups: list[UserGroup]
    additional_info: dict[str, Any]  # what applications keep of the user


class WorkspaceEntry(msgspec.Struct):
    """A workspace of the user."""

    workspace_id: str
    workspace_name: str


class WorkspacesAnswer(msgspec.Struct):
    """workspaces/GetWorkspaces."""

    workspaces: list[WorkspaceEntry]
    current_workspace_id: str


class CurrentWorkspaceAnswer(msgspec.Struct):
    """The workspace that calls work in."""

    workspace_id: str


_login: Final = msgspec.json.Decoder(LoginBody)


async def login(app: App, request: HttpRequest, _identity: None) -> Answer:
    """Login; a token that is sent along is not looked at."""
    refuse_dry_run(request)
    body = decode_body(_login, request.body)
    typed = body.user_code or body.email
    if not typed:
        raise invalid_request("Object missing required field `email`")
    token = await app.identities.login(
        typed, body.password, body.exclusive_w_id or "", is_code=bool(body.user_code)
    )
    return answer_json(LoginAnswer(token))


async def logout(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Logout."""
    refuse_dry_run(request)
    await app.identities.logout(identity)
    return Answer(200, NULL)


async def get_user_info(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetUserInfo: roles and groups are those of the current workspace."""
    account = await app.identities.account(identity)
    held: tuple[bool, list[UserRole], list[UserGroup]] = (False, [], [])
    if identity.workspace:
        language = language_of(request)
        held = await app.read(identity, lambda view: _held(view, language))
    is_admin, roles, groups = held
    return answer_json(
        UserInfoAnswer(
            u_id=account.user,
            username=account.name,
            email=account.email,
            profile_pic="",
            current_workspace_id=identity.workspace,
            is_ws_admin=is_admin,
            user_roles=roles,
            user_groups=groups,
            additional_info=await app.accounts.info(identity),
        )
    )


def encode_role(project: Project, role: Role, language: str) -> UserRole:
    """A role as it is told with its application."""
    return UserRole(
        r_id=role.id,
        role_name=localized(role.names, language),
        role_id=role.display_id,
        p_id=project.id,
        application_id=project.display_id,
        application_name=localized(project.names, language),
        application_display_order=project.position,
    )


def _held(view: View, language: str) -> tuple[bool, list[UserRole], list[UserGroup]]:
    actor, catalog = view.actor, view.catalog
    roles = [
        encode_role(project, role, language)
        for project in catalog.projects
        if may_see_project(actor, project)
        for role in project.roles
        if role.id in actor.roles
    ]
    groups = [
        UserGroup(one.id, localized(one.names, language), one.display_id)
        for one in catalog.groups
        if one.id in actor.groups
    ]
    return actor.is_workspace_admin, roles, groups


async def get_workspaces(app: App, _request: HttpRequest, identity: Identity) -> Answer:
    """GetWorkspaces."""
    found = await app.identities.workspaces(identity)
    entries = [WorkspaceEntry(one.workspace, one.name) for one in found]
    return answer_json(WorkspacesAnswer(entries, await app.identities.current_workspace(identity)))


async def get_current_workspace(app: App, _request: HttpRequest, identity: Identity) -> Answer:
    """The current workspace."""
    return answer_json(CurrentWorkspaceAnswer(await app.identities.current_workspace(identity)))


async def select_workspace(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """SelectWorkspace."""
    refuse_dry_run(request)
    await app.identities.select_workspace(identity, request.params["workspace-id"])
    return Answer(200, NULL)


_call: Final = CallMaker(envelopes.plain, base="/api/v0/")

CALLS: Final[tuple[Call, ...]] = (
    _call(
        "Login",
        "POST",
        "login",
        login,
        "Log in with address and password; answers a token.",
        body=LoginBody,
        answer=LoginAnswer,
        auth="none",
    ),
    _call("Logout", "POST", "users/logout", logout, "End the session. Answers `null`."),
    _call(
        "GetUserInfo",
        "GET",
        "userinfo",
        get_user_info,
        "Who calls, with roles and groups.",
        answer=UserInfoAnswer,
    ),
    _call(
        "GetWorkspaces",
        "GET",
        "workspaces",
        get_workspaces,
        "The workspaces of the user.",
        answer=WorkspacesAnswer,
    ),
    _call(
        "GetCurrentWorkspace",
        "GET",
        "workspacecurrent",
        get_current_workspace,
        "The workspace that calls work in.",
        answer=CurrentWorkspaceAnswer,
    ),
    _call(
        "SelectWorkspace",
        "POST",
        "workspaces/:workspace-id/select",
        select_workspace,
        "Work in another workspace. Answers `null`.",
    ),
)
