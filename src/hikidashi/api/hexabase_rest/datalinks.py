"""The routes of links by rule: what is outdated of them, and mending it."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from ...core.access import Identity
from ...service.app import App
from ...service.datalinks import build_keys, build_links, count_outdated
from ..body import decode_body, told
from ..edge import Answer, Call, HttpRequest, answer_json
from ..running import refuse_dry_run
from . import envelopes
from .call_maker import CallMaker

_DATALINK: Final = "/api/v0/applications/:app-id/datastores/:datastore-id/datalink"
_BEHIND: Final = "Answer at once; a task tells how far it is."


class ValidateAnswer(msgspec.Struct):
    """Items whose links are not what the rules of their datastore say; the first hundred by id."""

    count: int
    errors: list[str]
    items: list[str]


class BuildKeysBody(msgspec.Struct):
    """What is built, and how."""

    is_behind: Annotated[bool, told(_BEHIND)] = msgspec.field(default=False, name="async")


class BuildLinksBody(msgspec.Struct):
    """What is built, and how."""

    is_behind: Annotated[bool, told(_BEHIND)] = msgspec.field(default=False, name="async")
    build_datalink_key: Annotated[bool, told("Wait for the indexes of the keys before.")] = False


class BuiltAnswer(msgspec.Struct):
    """Nothing went wrong."""

    error: None = None


_keys: Final = msgspec.json.Decoder(BuildKeysBody)
_links: Final = msgspec.json.Decoder(BuildLinksBody)


async def get_validate(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """What is outdated."""
    count, items = await count_outdated(app, identity, *_place(request))
    return answer_json({"count": count, "errors": [], "items": items})


async def post_keys(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Have the keys at hand."""
    refuse_dry_run(request)
    body = decode_body(_keys, request.body or b"{}")
    await build_keys(app, identity, *_place(request), behind=body.is_behind)
    return answer_json({"error": None})


async def post_links(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Link all items."""
    refuse_dry_run(request)
    body = decode_body(_links, request.body or b"{}")
    if body.build_datalink_key:
        await build_keys(app, identity, *_place(request), behind=body.is_behind)
    await build_links(app, identity, *_place(request), behind=body.is_behind)
    return answer_json({"error": None})


def _place(request: HttpRequest) -> tuple[str, str]:
    return request.params["app-id"], request.params["datastore-id"]


_call: Final = CallMaker(envelopes.plain)

CALLS: Final[tuple[Call, ...]] = (
    _call(
        "ValidateDatalinkKey",
        "GET",
        f"{_DATALINK}/validate",
        get_validate,
        "Count the items whose links are not what the rules of their datastore say.",
        answer=ValidateAnswer,
    ),
    _call(
        "BuildDatalinkKey",
        "POST",
        f"{_DATALINK}/keys",
        post_keys,
        "Wait until the keys of a datastore's items are found by an index.",
        body=BuildKeysBody,
        answer=BuiltAnswer,
    ),
    _call(
        "BuildAutoLink",
        "POST",
        f"{_DATALINK}/autolinks",
        post_links,
        "Link all items of a datastore as its rules say.",
        body=BuildLinksBody,
        answer=BuiltAnswer,
    ),
)
