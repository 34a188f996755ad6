"""The routes of people: who is in a workspace and its groups, who comes, who goes, who is invited."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from ...core.access import Identity, may_administer
from ...core.errors import FaultError, FaultKind, forbidden, invalid_request, too_large
from ...core.limits import BODY_BYTES_MAX, PEOPLE_PER_CALL_MAX, USER_CODE_CHARS_MAX
from ...core.values import format_instant
from ...service.app import App, View
from ...service.design import Scene
from ...service.design_members import (
    Adding,
    Guest,
    Inviting,
    Newcomer,
    leave_group,
    read_email,
    read_words,
)
from ...service.mail import Letterhead
from ...service.people_imports import import_people, read_people
from ...service.reads_people import (
    Member,
    list_all_members,
    list_group_members,
    list_members_by_group,
)
from ...storage.mails import list_mailed
from ...storage.people_state import User
from ..body import decode_body, told
from ..edge import Answer, Call, HttpRequest, answer_json
from ..exchange import QueryKey
from ..multipart import read_form
from ..running import refuse_dry_run
from . import envelopes
from .call_maker import CallMaker
from .definitions_encode import language_of
from .identity import UserRole, encode_role
from .placed import NoErrorAnswer, change, look
from .reads_bodies import read_flag
from .write_answers import NO_ERROR

_DOMAIN: Final = re.compile(r"(https?://)?[A-Za-z0-9](?:[A-Za-z0-9.\-]*[A-Za-z0-9])?(:\d{1,5})?\Z")
_PATH: Final = re.compile(r"[\w\-.~/]*\Z", re.ASCII)


class AddUserBody(msgspec.Struct):
    """group-users/AddUser. Other keys are read past."""

    email: Annotated[str, told("The address; with it the user logs in.")]
    g_id: Annotated[str, told("The group to come into, by id or display id.")]
    w_id: Annotated[str, told("Its workspace, if it is not the current one.")] = ""
    username: Annotated[str, told("How a new account is called.")] = ""
    exclusive_w_id: Annotated[
        str, told("That workspace once more, for an account that is of it alone.")
    ] = ""
    user_code: Annotated[
        str, told("What the account logs in by in place of the address, which it may then share.")
    ] = ""


class RemoveUserBody(msgspec.Struct):
    """group-users/RemoveUser."""

    g_id: Annotated[str, told("The group, by id or display id.")]
    u_id: Annotated[str, told("The user, by id.")]
    w_id: Annotated[str, told("Its workspace, if it is not the current one.")] = ""


class InvitedUser(msgspec.Struct):
    """Somebody to invite."""

    email: Annotated[str, told("The address of a member.")]
    exclusive_w_id: Annotated[str, told("The workspace, for an account of it alone.")] = ""
    user_code: Annotated[str, told("The code, where several share the address.")] = ""


class InviteBody(msgspec.Struct):
    """group-users/UserInvite."""

    users: Annotated[list[InvitedUser], told("Who is invited.")]
    domain: Annotated[str, told("The host that the mail's link leads to.")]
    sender_address: Annotated[str, told("Whom the mail is from.")] = ""
    invitation_path: Annotated[str, told("The path that the link leads to.")] = "confirm_email"
    email_templates_id: Annotated[str, told("The template of the mail.")] = ""
    no_confirm_email: Annotated[
        bool, told("Send no mail; the answer has what a link needs to have.")
    ] = False


class ImportForm(msgspec.Struct):
    """group-users/UserImport, as multipart/form-data."""

    current_workspace_id: Annotated[str, told("The workspace.")]
    file: Annotated[
        bytes,
        told("CSV in UTF-8: Email,UserName,Password,GroupDisplayIDs,RoleDisplayIDs,IsDelete."),
    ]
    filename: Annotated[str, told("What the file is called; nothing follows from it.")] = ""


class Picture(msgspec.Struct, rename="camel"):
    """A picture of a user."""

    media_link: str


class UserProfile(msgspec.Struct):
    """A user."""

    confirmed: bool
    email: str
    email_sent: bool
    profile_pics: list[Picture]
    u_id: str
    username: str
    user_code: str | UnsetType = UNSET


class AddedAnswer(msgspec.Struct):
    """group-users/AddUser."""

    added: bool
    exists: bool
    user_profile: UserProfile


class Invited(msgspec.Struct):
    """What came of an invitation: 400 where nobody in the workspace has the address."""

    email: str
    stats: int
    confirmation_id: str | UnsetType = UNSET


class GroupMember(msgspec.Struct):
    """Somebody in a group."""

    u_id: str
    username: str
    email: str
    profile_pic: str
    confirmed: bool
    email_sent: bool
    is_sv: bool  # an administrator of the workspace
    user_roles: list[UserRole]  # in applications that the caller sees, also through groups
    additional_info: dict[str, Any] | UnsetType = UNSET  # what applications keep of the user
    user_code: str | UnsetType = UNSET


class GroupMembersAnswer(msgspec.Struct):
    """group-users/GetUsersInGroup."""

    members: list[GroupMember]
    count: int


class WorkspaceUser(msgspec.Struct):
    """Somebody in a group, in short."""

    access_key: str
    created_at: str
    id: str
    u_id: str
    updated_at: str
    username: str


class AllMembersAnswer(msgspec.Struct, rename={"total": "totalMembers"}):
    """group-users/GetAllUsersInWorkspace."""

    members: list[UserProfile]
    total: int


_add_body: Final = msgspec.json.Decoder(AddUserBody)
_remove_body: Final = msgspec.json.Decoder(RemoveUserBody)
_invite_body: Final = msgspec.json.Decoder(InviteBody)


def _code(user: User) -> str | UnsetType:
    return UNSET if user.user_code is None else user.user_code


def _profile(user: User, *, is_mailed: bool) -> UserProfile:
    return UserProfile(
        confirmed=user.password_hash is not None,
        email=user.email or "",
        email_sent=is_mailed,
        profile_pics=[],
        u_id=user.id,
        username=user.name,
        user_code=_code(user),
    )


# --- reading ----------------------------------------------------------------------------------


def _group_member(one: Member, language: str) -> GroupMember:
    user = one.user
    return GroupMember(
        u_id=user.id,
        username=user.name,
        email=user.email or "",
        profile_pic="",
        confirmed=user.password_hash is not None,
        email_sent=one.is_mailed,
        is_sv=one.is_admin,
        user_roles=[encode_role(place, role, language) for place, role in one.roles],
        additional_info=UNSET if one.info is None else one.info,
        user_code=_code(user),
    )


async def get_users_in_group(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetUsersInGroup."""
    ref, recursive = request.params["group-id"], read_flag(request, "recursive")
    language = language_of(request)

    def read(view: View) -> GroupMembersAnswer:
        found = list_group_members(view, ref, recursive=recursive)
        return GroupMembersAnswer([_group_member(one, language) for one in found], len(found))

    return answer_json(await look(app, identity, read))


async def get_users_in_workspace(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetUsersInWorkspace: by group; a group without users is left out."""
    admins_only = read_flag(request, "admin_only")

    def entry(user: User) -> WorkspaceUser:
        made = format_instant(user.created_at)
        return WorkspaceUser(user.id, made, user.id, user.id, made, user.name)

    def read(view: View) -> dict[str, list[WorkspaceUser]]:
        found = list_members_by_group(view, admins_only=admins_only)
        return {group: [entry(one) for one in users] for group, users in found.items()}

    return answer_json(await look(app, identity, read, request.params["workspace-id"]))


async def get_all_users(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetAllUsersInWorkspace."""
    ref = request.params["group-id"]

    def read(view: View) -> AllMembersAnswer:
        found = list_all_members(view, ref)
        shown = [_profile(one.user, is_mailed=one.is_mailed) for one in found]
        return AllMembersAnswer(shown, len(shown))

    return answer_json(await look(app, identity, read))


# --- coming and going -------------------------------------------------------------------------


async def add_user(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """AddUser."""
    body = decode_body(_add_body, request.body)
    adding = Adding(
        Newcomer(
            email=read_email(body.email),
            name=read_words(body.username, "username"),
            exclusive=body.exclusive_w_id,
            user_code=read_words(body.user_code, "user_code", USER_CODE_CHARS_MAX),
            group=_named(body.g_id, "g_id"),
        )
    )

    def answer(scene: Scene) -> AddedAnswer:
        user = adding.answer(scene)
        mailed = list_mailed(scene.connection, scene.actor.workspace)
        profile = _profile(user, is_mailed=user.id in mailed)
        return AddedAnswer(adding.added, adding.exists, profile)

    return answer_json(await change(app, request, identity, adding.wish, answer, body.w_id))


def _named(ref: str, key: str) -> str:
    if not ref:
        raise invalid_request(f"{key} has to be there")
    return ref


async def remove_user(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """RemoveUser."""
    body = decode_body(_remove_body, request.body)
    group = _named(body.g_id, "g_id")
    await change(
        app,
        request,
        identity,
        lambda scene: leave_group(scene, body.u_id, group),
        lambda _: None,
        body.w_id,
    )
    return Answer(200, NO_ERROR)


async def invite_users(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """UserInvite."""
    body = decode_body(_invite_body, request.body)
    if len(body.users) > PEOPLE_PER_CALL_MAX:
        raise invalid_request(f"users: over {PEOPLE_PER_CALL_MAX} are named")
    guests = [
        Guest(
            one.email.strip().lower(),
            one.exclusive_w_id,
            one.user_code,
            app.identities.new_secret(),
        )
        for one in body.users
    ]
    inviting = Inviting(
        guests, _letterhead(body, language_of(request)), is_mailed=not body.no_confirm_email
    )

    def answer(_scene: Scene) -> list[Invited]:
        told_to = body.no_confirm_email
        return [
            Invited(
                email=asked.email,
                stats=200 if is_there else 400,
                confirmation_id=guest.secret if is_there and told_to else UNSET,
            )
            for asked, guest, is_there in zip(body.users, guests, inviting.found, strict=True)
        ]

    return answer_json(await change(app, request, identity, inviting.wish, answer))


def _letterhead(body: InviteBody, language: str) -> Letterhead:
    """Raises 400 for what could lead a link or a mail astray."""
    if not _DOMAIN.match(body.domain):
        raise invalid_request("domain: must be the name of a host, with a port if it has one")
    if not _PATH.match(body.invitation_path):
        raise invalid_request("invitation_path: must be letters, digits and -._~/")
    host = body.domain if "://" in body.domain else f"https://{body.domain}"
    return Letterhead(
        f"{host}/{body.invitation_path.strip('/')}",
        read_email(body.sender_address, "sender_address") if body.sender_address else "",
        read_words(body.email_templates_id, "email_templates_id"),
        language=language,
    )


# --- from a file ------------------------------------------------------------------------------


def _check_administrator(view: View) -> None:
    if not may_administer(view.actor):
        raise forbidden("only an administrator of the workspace may do this")


async def import_users(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """UserImport. Passwords are hashed before the transaction, and only for who may import."""
    refuse_dry_run(request)
    pieces: list[bytes] = []
    total = 0

    async def take(piece: bytes) -> None:
        nonlocal total
        total += len(piece)
        if total > BODY_BYTES_MAX:
            raise too_large(f"the file has over {BODY_BYTES_MAX} bytes")
        pieces.append(bytes(piece))

    form = await read_form(request, take, BODY_BYTES_MAX)
    workspace = _named(form.get("current_workspace_id"), "current_workspace_id")
    await look(app, identity, _check_administrator, workspace)
    people = read_people(b"".join(pieces))
    passwords = [one.password for one in people if one.password]
    hashes = await app.identities.hash_passwords(passwords)
    await change(
        app,
        request,
        identity,
        lambda scene: import_people(scene, people, hashes),
        lambda _: None,
        workspace,
    )
    return Answer(200, NO_ERROR)


def _import_envelope(error: FaultError, request: HttpRequest) -> Answer:
    """What is wrong with a file is told line by line: E2."""
    tell = envelopes.results if error.kind is FaultKind.INVALID else envelopes.plain
    return tell(error, request)


_call: Final = CallMaker(envelopes.plain, base="/api/v0/")

CALLS: Final[tuple[Call, ...]] = (
    _call(
        "AddUser",
        "POST",
        "users",
        add_user,
        "Let somebody into a group, with an account that is there or is made.",
        body=AddUserBody,
        answer=AddedAnswer,
    ),
    _call(
        "RemoveUser",
        "DELETE",
        "users",
        remove_user,
        "Take somebody out of a group.",
        body=RemoveUserBody,
        answer=NoErrorAnswer,
    ),
    _call(
        "UserInvite",
        "POST",
        "userinvite",
        invite_users,
        "Invite people who are in the workspace already.",
        body=InviteBody,
        answer=list[Invited],
    ),
    _call(
        "UserImport",
        "POST",
        "userimport",
        import_users,
        "Let people in, change and take them out by a CSV: all of its rows or none.",
        envelope=_import_envelope,
        body=ImportForm,
        body_type="multipart/form-data",
        answer=NoErrorAnswer,
        is_json=False,
        streams_body=True,
    ),
    _call(
        "GetUsersInGroup",
        "GET",
        "groups/:group-id/users",
        get_users_in_group,
        "Who is in a group.",
        query=(QueryKey("recursive", "boolean", "Also who is in groups below it."),),
        answer=GroupMembersAnswer,
    ),
    _call(
        "GetUsersInWorkspace",
        "GET",
        "workspaces/:workspace-id/users",
        get_users_in_workspace,
        "Who is in which group of a workspace.",
        query=(QueryKey("admin_only", "boolean", "Only administrators of the workspace."),),
        answer=dict[str, list[WorkspaceUser]],
    ),
    _call(
        "GetAllUsersInWorkspace",
        "GET",
        "users/all/g/:group-id",
        get_all_users,
        "Who is in a group or below it.",
        answer=AllMembersAnswer,
    ),
)
