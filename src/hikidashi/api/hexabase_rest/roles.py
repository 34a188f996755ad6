"""The routes of roles: who holds them, and giving them to people and groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

import msgspec

from ...core.access import Identity
from ...core.catalog import Project
from ...service.app import App, View
from ...service.design import Scene, Wish
from ...service.design_people import (
    add_group_roles,
    give_role,
    replace_group_roles,
    take_role,
)
from ...service.reads_people import find_place, list_role_users
from ...service.shown import localized
from ..body import decode_body, told
from ..edge import Answer, Call, HttpRequest, answer_json
from . import envelopes
from .call_maker import CallMaker, More
from .definitions_encode import language_of
from .placed import NoErrorAnswer, change, look
from .write_answers import NO_ERROR


class UserRoleBody(msgspec.Struct):
    """roles/AddRoleToUser and RemoveRoleFromUser."""

    user_id: Annotated[str, told("The user, by id.")]
    role_id: Annotated[str, told("The role, by display id or id.")]


class GroupRole(msgspec.Struct):
    """A role of an application."""

    app_id: Annotated[str, told("The application, by display id or id.")]
    role_id: Annotated[str, told("The role, by display id or id.")]


class GroupRolesBody(msgspec.Struct):
    """roles/UpdateGroupRoles and AddGroupRoles."""

    group_roles: Annotated[list[GroupRole], told("Roles, each with its application.")]


class RoleUser(msgspec.Struct):
    """Somebody who holds a role."""

    email: str
    u_id: str
    username: str


class RoleUsersAnswer(msgspec.Struct):
    """roles/GetRoleUsers."""

    role_users: list[RoleUser]


class RoleEntry(msgspec.Struct):
    """A role of an application."""

    display_id: str
    name: str
    project_id: str
    role_id: str
    type: str


class EmptyAnswer(msgspec.Struct):
    """Done."""


_user_role: Final = msgspec.json.Decoder(UserRoleBody)
_group_roles: Final = msgspec.json.Decoder(GroupRolesBody)


async def get_role_users(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetRoleUsers: everyone who holds it, directly or through a group."""
    params = request.params

    def read(view: View) -> RoleUsersAnswer:
        users = list_role_users(view, params["app-id"], params["role-id"])
        return RoleUsersAnswer([RoleUser(one.email or "", one.id, one.name) for one in users])

    return answer_json(await look(app, identity, read))


async def get_roles(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """The roles of an application."""
    language = language_of(request)

    def entries(project: Project) -> list[RoleEntry]:
        return [
            RoleEntry(
                display_id=one.display_id,
                name=localized(one.names, language),
                project_id=project.id,
                role_id=one.id,
                type="ADMIN" if one.may_design else "MEMBER",
            )
            for one in project.roles
        ]

    def read(view: View) -> list[RoleEntry]:
        return entries(find_place(view, request.params["app-id"]))

    return answer_json(await look(app, identity, read))


def _of_user(wish: Callable[[Scene, str, str, str], Wish]) -> Any:
    """A handler that gives a role to a user, or takes it away."""

    async def handle(app: App, request: HttpRequest, identity: Identity) -> Answer:
        body = decode_body(_user_role, request.body)
        place = request.params["app-id"]
        await change(
            app,
            request,
            identity,
            lambda scene: wish(scene, place, body.user_id, body.role_id),
            lambda _: None,
        )
        return Answer(200, NO_ERROR)

    return handle


def _of_group(wish: Callable[[Scene, str, Sequence[tuple[str, str]]], Wish]) -> Any:
    """A handler that gives roles to a group."""

    async def handle(app: App, request: HttpRequest, identity: Identity) -> Answer:
        body = decode_body(_group_roles, request.body)
        roles = [(one.app_id, one.role_id) for one in body.group_roles]
        group = request.params["group-id"]
        await change(
            app, request, identity, lambda scene: wish(scene, group, roles), lambda _: None
        )
        return answer_json(EmptyAnswer())

    return handle


_call: Final = CallMaker(envelopes.roles, base="/api/v0/")

_USER: Final[More] = {"body": UserRoleBody, "answer": NoErrorAnswer}
_GROUP: Final[More] = {"body": GroupRolesBody, "answer": EmptyAnswer}

CALLS: Final[tuple[Call, ...]] = (
    _call(
        "GetRoleUsers",
        "GET",
        "applications/:app-id/roleusers/:role-id",
        get_role_users,
        "Everyone who holds a role, directly or through a group.",
        answer=RoleUsersAnswer,
    ),
    _call(
        "GetRoles",
        "GET",
        "applications/:app-id/roles",
        get_roles,
        "The roles of an application.",
        answer=list[RoleEntry],
    ),
    _call(
        "AddRoleToUser",
        "POST",
        "applications/:app-id/userroles",
        _of_user(give_role),
        "Give a role to a user.",
        **_USER,
    ),
    _call(
        "RemoveRoleFromUser",
        "DELETE",
        "applications/:app-id/userroles",
        _of_user(take_role),
        "Take a role from a user.",
        **_USER,
    ),
    _call(
        "UpdateGroupRoles",
        "POST",
        "grouproles/:group-id",
        _of_group(replace_group_roles),
        "The roles of a group are these from now on, and no others.",
        **_GROUP,
    ),
    _call(
        "AddGroupRoles",
        "PUT",
        "grouproles/:group-id",
        _of_group(add_group_roles),
        "A group holds these roles too.",
        **_GROUP,
    ),
)
