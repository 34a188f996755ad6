"""The routes of one's own account: passwords, the address, the profile."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from ...core.access import Identity
from ...core.errors import forbidden, invalid_request
from ...core.values import format_instant
from ...service.app import App
from ...service.confirmations import Asked
from ...service.design_members import read_words
from ..body import decode_body, told
from ..edge import Answer, Call, HttpRequest, answer_json
from ..exchange import QueryKey
from ..running import refuse_dry_run
from . import envelopes
from .call_maker import CallMaker
from .links import make_head, read_address, read_origin
from .placed import NoErrorAnswer, change
from .write_answers import NO_ERROR

_HOST: Final = "The origin that the mail's link leads to, one of the settings'."
_TEMPLATE: Final = "The template of the mail."


class ProfileBody(msgspec.Struct):
    """userinfo/UpdateUserInfo."""

    email: Annotated[str, told("The address, as it is; it is changed by UpdateUserEmailRequest.")]
    user_id: Annotated[str, told("The user who calls.")]
    username: Annotated[str | None, told("Another name.")] = None
    additional_info: Annotated[
        dict[str, Any] | None, told("What applications keep of the user, in place of what is kept.")
    ] = None


class PasswordBody(msgspec.Struct):
    """userinfo/SetPassword."""

    old_password: Annotated[str, told("The password as it is.")]
    new_password: Annotated[str, told("The password to be.")]
    confirm_password: Annotated[str, told("The same again.")]


class ForgotBody(msgspec.Struct):
    """userinfo/ResetPassword."""

    email: Annotated[str, told("The address of the account.")]
    host: Annotated[str, told(_HOST)] = ""
    root_path: Annotated[str, told("The path of the link, before what is unique.")] = (
        "reset_password"
    )
    query_params: Annotated[str, told("What the link has after `?`.")] = ""
    email_templates_id: Annotated[str, told(_TEMPLATE)] = ""


class ForgottenAnswer(msgspec.Struct):
    """Whether it is an address; not whether somebody has it."""

    valid_email: bool


class MemberResetBody(msgspec.Struct):
    """group-users/ResetUserPassword."""

    u_id: Annotated[str, told("The member, by id.")]
    host: Annotated[str, told(_HOST)] = ""
    root_path: Annotated[str, told("The path of the link, before what is unique.")] = (
        "reset_password"
    )
    query_params: Annotated[str, told("What the link has after `?`.")] = ""
    email_templates_id: Annotated[str, told(_TEMPLATE)] = ""


class ValidAnswer(msgspec.Struct, rename={"is_elapsed": "isElapsed"}):
    """userinfo/ValidatePassword."""

    id: str
    accessed: bool
    is_elapsed: bool
    created_at: str
    updated_at: str


class NewPasswordBody(msgspec.Struct):
    """userinfo/SetNewPassword."""

    id: Annotated[str, told("What the mail's link ends in.")]
    new_password: Annotated[str, told("The password to be.")]
    confirm_password: Annotated[str, told("The same again.")]


class EmailBody(msgspec.Struct):
    """userinfo/UpdateUserEmailRequest."""

    email: Annotated[str, told("The address to be.")]
    registration_path: Annotated[str, told("The path of the link, before what is unique.")] = (
        "confirm_update_email"
    )
    email_templates_id: Annotated[str, told(_TEMPLATE)] = ""


class ConfirmationBody(msgspec.Struct):
    """userinfo/UpdateUserEmail."""

    confirmation_id: Annotated[str, told("What the mail's link ends in.")]


_profile: Final = msgspec.json.Decoder(ProfileBody)
_password: Final = msgspec.json.Decoder(PasswordBody)
_forgot: Final = msgspec.json.Decoder(ForgotBody)
_member: Final = msgspec.json.Decoder(MemberResetBody)
_new: Final = msgspec.json.Decoder(NewPasswordBody)
_email: Final = msgspec.json.Decoder(EmailBody)
_confirmation: Final = msgspec.json.Decoder(ConfirmationBody)


def _check_same(new: str, confirmed: str) -> None:
    if new != confirmed:
        raise invalid_request("confirm_password: is not the same as new_password")


async def update_user_info(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """UpdateUserInfo, of the user who calls."""
    refuse_dry_run(request)
    body = decode_body(_profile, request.body)
    if body.user_id != identity.user:
        raise forbidden("a user is changed by nobody else")
    name = None if body.username is None else read_words(body.username, "username")
    await app.accounts.change_profile(identity, body.email, name, body.additional_info)
    return Answer(200, NO_ERROR)


async def set_password(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """SetPassword."""
    refuse_dry_run(request)
    body = decode_body(_password, request.body)
    _check_same(body.new_password, body.confirm_password)
    await app.identities.change_password(identity, body.old_password, body.new_password)
    return Answer(200, NO_ERROR)


async def reset_password(app: App, request: HttpRequest, _identity: None) -> Answer:
    """ResetPassword: the same answer whether somebody has the address or not."""
    refuse_dry_run(request)
    body = decode_body(_forgot, request.body)
    head = _reset_head(app, request, body)
    await app.accounts.ask_reset(read_address(body.email), head)
    return answer_json(ForgottenAnswer(valid_email=True))


def _reset_head(app: App, request: HttpRequest, body: ForgotBody | MemberResetBody) -> Any:
    if body.email_templates_id and not body.host:
        raise invalid_request("host has to be there with email_templates_id")
    return make_head(
        request,
        read_origin(app, body.host, "host"),
        body.root_path,
        "root_path",
        body.email_templates_id,
        body.query_params,
    )


async def reset_user_password(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """ResetUserPassword: an administrator has a member choose a new one, by a mail."""
    body = decode_body(_member, request.body)
    head = _reset_head(app, request, body)
    secret = app.identities.new_secret()
    await change(
        app,
        request,
        identity,
        lambda scene: app.accounts.reset_of_member(scene, body.u_id, secret, head),
        lambda _: None,
    )
    return Answer(200, NO_ERROR)


async def validate_password(app: App, request: HttpRequest, _identity: None) -> Answer:
    """ValidatePassword: whether what a mail leads to may still be used."""
    secret = request.query.get("id", "")
    asked = await app.accounts.look_at_reset(secret)
    return answer_json(_validity(asked, secret))


def _validity(asked: Asked, secret: str) -> ValidAnswer:
    kept = asked.kept
    updated = max(kept.created_at, kept.accessed_at or 0, kept.used_at or 0)
    return ValidAnswer(
        id=secret,
        accessed=kept.accessed_at is not None,
        is_elapsed=asked.is_over,
        created_at=format_instant(kept.created_at),
        updated_at=format_instant(updated),
    )


async def set_new_password(app: App, request: HttpRequest, _identity: None) -> Answer:
    """SetNewPassword. Answers nothing."""
    refuse_dry_run(request)
    body = decode_body(_new, request.body)
    _check_same(body.new_password, body.confirm_password)
    await app.accounts.set_new_password(body.id, body.new_password)
    return Answer(200)


async def update_email_request(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """UpdateUserEmailRequest."""
    refuse_dry_run(request)
    body = decode_body(_email, request.body)
    origin = read_origin(app, "", "host")
    template = body.email_templates_id
    head = make_head(request, origin, body.registration_path, "registration_path", template)
    await app.accounts.ask_email(identity, read_address(body.email), head)
    return Answer(200, NO_ERROR)


async def update_email(app: App, request: HttpRequest, _identity: None) -> Answer:
    """UpdateUserEmail. Answers `{}`."""
    refuse_dry_run(request)
    body = decode_body(_confirmation, request.body)
    await app.accounts.confirm_email(body.confirmation_id)
    return Answer(200, b"{}")


_call: Final = CallMaker(envelopes.plain, base="/api/v0/")

CALLS: Final[tuple[Call, ...]] = (
    _call(
        "UpdateUserInfo",
        "PUT",
        "userinfo",
        update_user_info,
        "Change one's own name, and what applications keep of one.",
        body=ProfileBody,
        answer=NoErrorAnswer,
    ),
    _call(
        "SetPassword",
        "PUT",
        "users/password",
        set_password,
        "Change one's own password; every session ends.",
        body=PasswordBody,
        answer=NoErrorAnswer,
    ),
    _call(
        "ResetPassword",
        "POST",
        "users/password/forgot",
        reset_password,
        "Mail somebody how to choose a new password.",
        body=ForgotBody,
        answer=ForgottenAnswer,
        auth="none",
    ),
    _call(
        "SetNewPassword",
        "PUT",
        "users/password/forgot",
        set_new_password,
        "Set the password that a mail asked to choose. Answers nothing.",
        body=NewPasswordBody,
        auth="none",
    ),
    _call(
        "ValidatePassword",
        "GET",
        "users/password/validate",
        validate_password,
        "Whether what a mail about a password leads to may still be used.",
        query=(QueryKey("id", "string", "What the mail's link ends in."),),
        answer=ValidAnswer,
        auth="none",
        allows_head=False,
    ),
    _call(
        "ResetUserPassword",
        "POST",
        "users/password/reset",
        reset_user_password,
        "Mail a member how to choose a new password; for administrators of the workspace.",
        body=MemberResetBody,
        answer=NoErrorAnswer,
    ),
    _call(
        "UpdateUserEmailRequest",
        "POST",
        "users/email",
        update_email_request,
        "Mail a new address of one's own how to confirm it.",
        body=EmailBody,
        answer=NoErrorAnswer,
    ),
    _call(
        "UpdateUserEmail",
        "POST",
        "users/confirmations",
        update_email,
        "Confirm a new address, or that one comes into a workspace. Answers `{}`.",
        body=ConfirmationBody,
        auth="none",
    ),
)
