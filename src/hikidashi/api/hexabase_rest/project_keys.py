"""Keys of a project for the HotTask API: which there are, a new one, and the end of one."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from ...core.access import Identity
from ...core.values import format_instant
from ...service.app import App
from ...service.design_keys import HeldKey, create_key, list_keys, revoke_key
from ..body import decode_body, told
from ..exchange import Answer, Call, HttpRequest, answer_json
from . import envelopes
from .call_maker import CallMaker
from .design_running import DRY_DESIGN, change, make, said

_BASE: Final = "/api/v0/applications/:app-id/keys"


class KeyShape(msgspec.Struct):
    """A key; its secret is not kept."""

    key_id: str
    name: str
    roles: Annotated[list[str], told("Ids of the roles that it has.")]
    read_only: bool
    user_id: Annotated[str, told("Id of the bot that histories name.")]
    created_at: str


class KeysAnswer(msgspec.Struct):
    """The keys of an application, the oldest first."""

    keys: list[KeyShape]


class CreateKeyBody(msgspec.Struct):
    """A new key."""

    name: Annotated[str, told("What histories call whoever uses it.")]
    roles: Annotated[
        list[str] | None, told("Roles by id or display id; `MEMBER` if it is not said.")
    ] = None
    read_only: Annotated[bool | None, told("`true`: it may not write.")] = None


class CreatedKey(msgspec.Struct):
    """The new key. The secret is not shown again."""

    key_id: str
    name: str
    key: Annotated[str, told("The secret, sent as `customauth` or `Authorization`.")]


_create: Final = msgspec.json.Decoder(CreateKeyBody)


async def get_keys(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """The keys of an application."""
    ref = request.params["app-id"]
    found = await app.designs.look(identity, lambda scene: list_keys(scene, ref))
    return answer_json(KeysAnswer([_key(one) for one in found]))


async def post_key(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Make a key."""
    body = decode_body(_create, request.body)
    secret, key_hash = app.identities.new_key()
    keys = said(roles=body.roles, read_only=body.read_only)
    making = create_key(request.params["app-id"], body.name, key_hash, keys)
    return await make(
        app,
        request,
        identity,
        making,
        lambda made: {"key_id": made.id, "name": made.display_id, "key": secret},
    )


async def delete_key(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Revoke a key."""
    wish = revoke_key(request.params["app-id"], request.params["key-id"])
    answer = await change(app, request, identity, wish)
    app.identities.forget_tokens()
    return answer


def _key(one: HeldKey) -> KeyShape:
    key = one.key
    made = format_instant(key.created_at)
    return KeyShape(key.id, key.name, list(one.roles), not key.may_write, key.user, made)


_call: Final = CallMaker(envelopes.design)

CALLS: Final[tuple[Call, ...]] = (
    _call(
        "GetProjectKeys",
        "GET",
        _BASE,
        get_keys,
        "The keys of an application for the HotTask API (ours).",
        answer=KeysAnswer,
    ),
    _call(
        "CreateProjectKey",
        "POST",
        _BASE,
        post_key,
        "Make a key; its secret is told only now (ours).",
        query=(DRY_DESIGN,),
        body=CreateKeyBody,
        answer=CreatedKey,
    ),
    _call(
        "RevokeProjectKey",
        "DELETE",
        f"{_BASE}/:key-id",
        delete_key,
        "Revoke a key; it is seen everywhere within two seconds (ours). Answers `null`.",
        query=(DRY_DESIGN,),
    ),
)
