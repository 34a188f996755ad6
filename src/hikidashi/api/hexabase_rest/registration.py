"""The routes of those who have no account yet, or one that they have not confirmed."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from ...core.catalog import Group
from ...core.errors import invalid_request
from ...core.values import format_instant
from ...service.accounts import CONFIRMING
from ...service.app import App
from ...service.confirmations import Asked
from ...service.design_members import read_words
from ...service.mail import Letterhead
from ...service.registrations import REGISTERING, Applicant, Entry
from ...service.shown import localized
from ..body import decode_body, told
from ..edge import Answer, Call, HttpRequest, answer_json
from ..exchange import QueryKey
from ..running import refuse_dry_run
from . import envelopes
from .call_maker import CallMaker
from .definitions_encode import language_of
from .identity import LoginAnswer
from .links import make_head, read_address, read_origin


class RegistrationBody(msgspec.Struct):
    """user-registration/UserRegistration: with a template, or with where the link leads."""

    email: Annotated[str, told("The address to confirm; with it the account logs in.")]
    username: Annotated[str, told("How the account is called.")]
    email_template_id: Annotated[str, told("The template of the mail.")] = ""
    registration_domain: Annotated[
        str, told("Without a template: the host that the mail's link leads to.")
    ] = ""
    hostname: Annotated[str, told("Without a template: the host of this API.")] = ""
    protocol: Annotated[str, told("`http` or `https`, of the link.")] = "https"
    registration_path: Annotated[str, told("The path of the link, before what is unique.")] = (
        "confirm_email"
    )
    additional_info: Annotated[
        dict[str, Any] | None, told("What applications keep of the user.")
    ] = None


class RegistrationAnswer(msgspec.Struct):
    """What was asked for; the id opens nothing."""

    confirmation_id: str
    email: str
    status: int = 200


class RegisteringUser(msgspec.Struct, rename={"is_elapsed": "isElapsed"}):
    """Who registers."""

    confirmation_id: str
    confirmed: bool
    email: str
    id: str
    is_elapsed: bool
    username: str


class RegisteringAnswer(msgspec.Struct):
    """user-registration/ConfirmRegistration."""

    user: RegisteringUser


class RegisterBody(msgspec.Struct):
    """user-registration/RegisterUser."""

    confirmation_id: Annotated[str, told("What the mail's link ends in.")]
    email: Annotated[str, told("The address that the mail was sent to.")]
    password: Annotated[str, told("The password to be.")]
    username: Annotated[str, told("Another name than was given before.")] = ""
    workspace: Annotated[str, told("How the workspace is called that is made for the user.")] = ""
    additional_info: Annotated[
        dict[str, Any] | None,
        told("What applications keep of the user, in place of what was given."),
    ] = None


class ConfirmingPlace(msgspec.Struct):
    """The top group of the workspace."""

    name: str
    display_id: str
    g_id: str
    id: str
    disable_ui_access: bool
    index: int
    is_root: bool
    access_key: str
    created_at: str


class ConfirmingUser(msgspec.Struct, rename={"is_elapsed": "isElapsed"}):
    """Who confirms."""

    confirmation_id: str
    email_confirmed: bool
    is_elapsed: bool
    email: str  # as it is
    tmp_email: str  # as it is to be
    id: str
    username: str
    confirmed: bool
    current_workspace_id: str
    workspace: ConfirmingPlace | None


class ConfirmingAnswer(msgspec.Struct):
    """userinfo/ConfirmUserEmail."""

    user: ConfirmingUser


_registration: Final = msgspec.json.Decoder(RegistrationBody)
_register: Final = msgspec.json.Decoder(RegisterBody)


async def ask_registration(app: App, request: HttpRequest, _identity: None) -> Answer:
    """UserRegistration: the same answer whether somebody has the address or not."""
    refuse_dry_run(request)
    body = decode_body(_registration, request.body)
    name = read_words(body.username, "username")
    if not name:
        raise invalid_request("username has to be there")
    head = _registration_head(app, request, body)
    id_ = app.ids.next_id()
    one = Applicant(read_address(body.email), name, body.additional_info or {}, id_)
    await app.registrations.ask(one, head)
    return answer_json(RegistrationAnswer(id_, body.email))


def _registration_head(app: App, request: HttpRequest, body: RegistrationBody) -> Letterhead:
    path = body.registration_path
    if body.email_template_id:
        origin = read_origin(app, "", "registration_domain")
        return make_head(request, origin, path, "registration_path", body.email_template_id)
    for key in ("registration_domain", "hostname"):
        if not getattr(body, key):
            raise invalid_request(f"{key} has to be there without email_template_id")
    if body.protocol not in ("http", "https"):
        raise invalid_request("protocol: must be http or https")
    host = body.registration_domain
    if "://" not in host:
        host = f"{body.protocol}://{host}"
    origin = read_origin(app, host, "registration_domain")
    return make_head(request, origin, path, "registration_path")


async def confirm_registration(app: App, request: HttpRequest, _identity: None) -> Answer:
    """ConfirmRegistration: of a registration, or of an invitation."""
    secret = request.query.get("id", "")
    asked, _ = await app.registrations.look(secret, REGISTERING)
    user = RegisteringUser(
        confirmation_id=secret,
        confirmed=_is_confirmed(asked),
        email=asked.email,
        id=asked.confirmation.user,
        is_elapsed=asked.is_over,
        username=_name(asked),
    )
    return answer_json(RegisteringAnswer(user))


def _is_confirmed(asked: Asked) -> bool:
    return asked.user is not None and asked.user.password_hash is not None


def _name(asked: Asked) -> str:
    return asked.user.name if asked.user else str(asked.details.get("name", ""))


async def register_user(app: App, request: HttpRequest, _identity: None) -> Answer:
    """RegisterUser."""
    refuse_dry_run(request)
    body = decode_body(_register, request.body)
    entry = Entry(
        secret=body.confirmation_id,
        email=body.email.strip().lower(),
        password=body.password,
        name=read_words(body.username, "username"),
        workspace=read_words(body.workspace, "workspace"),
        info=body.additional_info,
    )
    return answer_json(LoginAnswer(await app.registrations.enter(entry)))


async def confirm_user_email(app: App, request: HttpRequest, _identity: None) -> Answer:
    """ConfirmUserEmail: of a new address, or of an invitation."""
    secret = request.params["confirmation_id"]
    asked, place = await app.registrations.look(secret, CONFIRMING)
    language = language_of(request)
    user = ConfirmingUser(
        confirmation_id=secret,
        email_confirmed=asked.kept.used_at is not None,
        is_elapsed=asked.is_over,
        email=(asked.user.email if asked.user else None) or "",
        tmp_email=asked.confirmation.email,
        id=asked.confirmation.user,
        username=_name(asked),
        confirmed=_is_confirmed(asked),
        current_workspace_id=place.workspace,
        workspace=None if place.group is None else _place(place.group, language),
    )
    return answer_json(ConfirmingAnswer(user))


def _place(group: Group, language: str) -> ConfirmingPlace:
    return ConfirmingPlace(
        name=localized(group.names, language),
        display_id=group.display_id,
        g_id=group.id,
        id=group.id,
        disable_ui_access=False,
        index=0,
        is_root=True,
        access_key=group.id,
        created_at=format_instant(int(group.id[:8], 16) * 1000),
    )


_call: Final = CallMaker(envelopes.plain, base="/api/v0/", auth="none")

CALLS: Final[tuple[Call, ...]] = (
    _call(
        "UserRegistration",
        "POST",
        "users/registration",
        ask_registration,
        "Mail an address how to have an account.",
        body=RegistrationBody,
        answer=RegistrationAnswer,
    ),
    _call(
        "ConfirmRegistration",
        "GET",
        "users/registration/confirm",
        confirm_registration,
        "Who is to confirm a registration or an invitation.",
        query=(QueryKey("id", "string", "What the mail's link ends in."),),
        answer=RegisteringAnswer,
        allows_head=False,
    ),
    _call(
        "RegisterUser",
        "POST",
        "users/registration/confirm",
        register_user,
        "Confirm a registration or an invitation, with a password; answers a token.",
        body=RegisterBody,
        answer=LoginAnswer,
    ),
    _call(
        "ConfirmUserEmail",
        "GET",
        "users/confirmations/:confirmation_id",
        confirm_user_email,
        "Who is to confirm a new address or an invitation.",
        answer=ConfirmingAnswer,
        allows_head=False,
    ),
)
