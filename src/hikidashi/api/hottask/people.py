"""Those who sign up in a project: coming, coming in, and a password that was forgotten."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from ...core.access import Identity
from ...core.errors import invalid_request, unauthorized
from ...core.values import format_instant
from ...service.app import App
from ...service.end_users import EndUser
from ..body import told
from ..exchange import NO_DRY_RUN, Answer, HttpRequest
from ..running import refuse_dry_run
from .decode import read_keys
from .envelope import success
from .places import get_project
from .route import Route, keyed

_ENTRY_SHAPE: Final = '{"email": "ann@example.com", "password": "…"}'
_EMAIL_SHAPE: Final = '{"email": "ann@example.com"}'
_RESET_SHAPE: Final = '{"token": "…", "password": "…"}'


class EntryBody(msgspec.Struct):
    """What SignUp and SignIn take; keys are read in any case."""

    email: Annotated[str, told("Compared without case.")]
    password: Annotated[str, told("What the workspace asks of passwords holds.")]


class EmailBody(msgspec.Struct):
    """What SendResetPasswordEmail takes."""

    email: Annotated[str, told("Compared without case.")]


class ResetBody(msgspec.Struct):
    """What ResetPasswordForEmail takes."""

    token: Annotated[str, told("As the link of the mail has it.")]
    password: Annotated[str, told("The new one; what the workspace asks of passwords holds.")]


async def sign_up(app: App, request: HttpRequest) -> Answer:
    """SignUp: an end user of the project; answers the number."""
    refuse_dry_run(request)
    email, password = _texts(request, _ENTRY_SHAPE, "email", "password")
    number = await app.end_users.sign_up(request.params["code"], email, password)
    return Answer(200, success(number))


async def sign_in(app: App, request: HttpRequest) -> Answer:
    """SignIn: a token, which is then sent as Bearer."""
    refuse_dry_run(request)
    email, password = _texts(request, _ENTRY_SHAPE, "email", "password")
    token = await app.end_users.sign_in(request.params["code"], email, password)
    return Answer(200, success(token))


async def get_user(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetUser: who has signed in."""
    await app.read(identity, lambda view: get_project(view, request.params))
    user = await app.end_users.find(identity)
    if user is None:
        raise unauthorized("this tells who has signed in: send the token of SignIn as Bearer")
    return Answer(200, success(encode_user(user)))


async def send_reset(app: App, request: HttpRequest) -> Answer:
    """SendResetPasswordEmail: answered alike whether the address has signed up."""
    refuse_dry_run(request)
    [email] = _texts(request, _EMAIL_SHAPE, "email")
    language = request.headers.get("accept-language", "").strip()[:2].lower()
    await app.end_users.ask_reset(request.params["code"], email, language)
    return Answer(200, success(1))


async def reset(app: App, request: HttpRequest) -> Answer:
    """ResetPasswordForEmail: the password is another one, and every session has ended."""
    refuse_dry_run(request)
    token, password = _texts(request, _RESET_SHAPE, "token", "password")
    await app.end_users.reset(request.params["code"], token, password)
    return Answer(200, success(1))


def encode_user(user: EndUser) -> dict[str, Any]:
    """An end user as a row of the table User; both spellings of the id are read by clients."""
    return {
        "ID": user.n,
        "id": user.n,
        "Name": user.name,
        "Email": user.email,
        "CreateTime": format_instant(user.created_at),
    }


def _texts(request: HttpRequest, shape: str, *keys: str) -> list[str]:
    """Texts of the body. Raises 400."""
    given = read_keys(request.body, shape)
    found = []
    for key in keys:
        text = given.get(key)
        if not isinstance(text, str) or not text or "\0" in text:
            raise invalid_request(f"{key} must be a text; send {shape}")
        found.append(text)
    return found


ROUTES: Final = (
    Route(
        name="SignUp",
        path="/CustomTableValue/SignUp/:code",
        work=sign_up,
        takes_key=False,
        summary="Sign up in a project that lets people; `Data` is the number of the new end user.",
        query=(NO_DRY_RUN,),
        body=EntryBody,
    ),
    Route(
        name="SignIn",
        path="/CustomTableValue/SignIn/:code",
        work=sign_in,
        takes_key=False,
        summary="Sign in; `Data` is the token, to be sent as `Authorization: Bearer …`.",
        query=(NO_DRY_RUN,),
        body=EntryBody,
    ),
    Route(
        name="GetUser",
        method="GET",
        path="/CustomTableValue/GetUser/:code",
        work=keyed(get_user),
        summary="Who has signed in: `ID`, `Name`, `Email` and `CreateTime`.",
    ),
    Route(
        name="SendResetPasswordEmail",
        path="/CustomTableValue/SendResetPasswordEmail/:code",
        work=send_reset,
        takes_key=False,
        summary="Mail an end user how to choose a new password; answered alike for every address.",
        query=(NO_DRY_RUN,),
        body=EmailBody,
    ),
    Route(
        name="ResetPasswordForEmail",
        path="/CustomTableValue/ResetPasswordForEmail/:code",
        work=reset,
        takes_key=False,
        summary="Choose a new password by the token of the mail; every session ends.",
        query=(NO_DRY_RUN,),
        body=ResetBody,
    ),
)
