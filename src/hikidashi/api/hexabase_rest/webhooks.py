"""The routes of webhooks (ours): made, changed, deleted; what they were sent, and sending it again."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

from ...core.access import Identity
from ...core.catalog import Datastore
from ...core.errors import invalid_request
from ...core.ids import is_id
from ...core.limits import DELIVERY_PAGE_MAX
from ...core.saved import Webhook
from ...core.values import format_instant, parse_instant
from ...service.app import App
from ...service.design import Scene
from ...service.design_webhooks import (
    WEBHOOKS,
    Range,
    Told,
    change_secret,
    find_webhook,
    get_sent,
    list_sent,
    list_webhooks,
    replay_one,
    replay_range,
    with_webhook,
)
from ...service.webhooks import show_secret
from ...storage.deliveries import Attempt, Delivery, State
from ..body import decode_body, told
from ..edge import Answer, Call, HttpRequest, answer_json
from ..exchange import NO_DRY_RUN, QueryKey
from ..running import is_dry, refuse_dry_run
from . import envelopes
from .call_maker import CallMaker
from .definitions_encode import show_names
from .design_running import DRY_DESIGN, Names, change, make, place_of, read_names, said

HOOKS: Final = "/api/v0/applications/:app-id/datastores/:datastore-id/webhooks"
_HOOK: Final = f"{HOOKS}/:webhook-id"
_SENT: Final = f"{_HOOK}/deliveries"
_PAGE: Final = 50  # deliveries, unless more are asked for
_STATES: Final[tuple[State, ...]] = ("waiting", "done", "parked")


class WebhookBody(msgspec.Struct):
    """The settings of a webhook; what is absent stays, or is as usual."""

    name: Annotated[str | Names | None, told("Its name, or its names by language.")] = None
    display_id: Annotated[str | None, told("Its display id; a new webhook is given one.")] = None
    url: Annotated[str | None, told("Where it is: `https://…` or `http://…`.")] = None
    actions: Annotated[
        list[str] | Literal["every"] | None,
        told("The actions it is told of, by id or display id; `every` if it was never said."),
    ] = None
    enabled: Annotated[bool | None, told("`false`: it is told of nothing.")] = None


class CreateWebhookBody(WebhookBody, kw_only=True):
    """A new webhook."""

    url: Annotated[str, told("Where it is: `https://…` or `http://…`.")]


class ReplayBody(msgspec.Struct):
    """Which deliveries are made again; the oldest first, 10,000 at most."""

    state: Annotated[
        Literal["done", "parked"], told("Those that came through, or those that were given up.")
    ] = "parked"
    since: Annotated[str | None, told("Of events from this time on.")] = None
    until: Annotated[str | None, told("Of events up to this time.")] = None


class CreatedWebhook(msgspec.Struct):
    """The new webhook. The secret is not shown again."""

    webhook_id: str
    display_id: str
    secret: str


class SecretAnswer(msgspec.Struct):
    """The new secret, which is not shown again."""

    secret: str


class WebhooksAnswer(msgspec.Struct):
    """The webhooks of a datastore, in their order."""

    webhooks: list[dict[str, Any]]


class DeliveriesAnswer(msgspec.Struct):
    """Deliveries, newest event first; `next` is the `before` of those after them, null at the end."""

    deliveries: list[dict[str, Any]]
    next: str | None


class ReplayedAnswer(msgspec.Struct):
    """How many deliveries are made again."""

    replayed: int


_create: Final = msgspec.json.Decoder(CreateWebhookBody)
_update: Final = msgspec.json.Decoder(WebhookBody)
_replay: Final = msgspec.json.Decoder(ReplayBody)


def _keys(body: WebhookBody) -> dict[str, Any]:
    keys = said(
        display_id=body.display_id, url=body.url, actions=body.actions, enabled=body.enabled
    )
    return keys | read_names(body.name)


def _ref(request: HttpRequest) -> str:
    return request.params["webhook-id"]


def _event(request: HttpRequest) -> str:
    return request.params["event-id"]


# --- webhooks ---------------------------------------------------------------------------------


async def get_webhooks(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """The webhooks of a datastore."""
    place = place_of(request)

    def read(scene: Scene) -> list[dict[str, Any]]:
        datastore = scene.designed_datastore(place.datastore, place.project)
        return [_encode(one, datastore) for one in list_webhooks(scene, place)]

    return answer_json({"webhooks": await app.designs.look(identity, read)})


async def get_webhook(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """The settings of a webhook."""

    def read(scene: Scene) -> dict[str, Any]:
        datastore, found = find_webhook(scene, place_of(request), _ref(request))
        return _encode(found, datastore)

    return answer_json(await app.designs.look(identity, read))


async def post_webhook(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Create a webhook."""
    place = place_of(request)
    making = WEBHOOKS.create(place, _keys(decode_body(_create, request.body)))
    if is_dry(request):
        return await make(app, request, identity, making, lambda _: {})

    def show(scene: Scene) -> dict[str, str]:
        _, found = find_webhook(scene, place, making.answer(scene).id)
        secret = show_secret(app.store.signing_key, found)
        return {"webhook_id": found.id, "display_id": found.display_id, "secret": secret}

    return answer_json(await app.designs.change(identity, making.wish, show))


async def patch_webhook(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Change a webhook."""
    keys = _keys(decode_body(_update, request.body))
    return await change(
        app, request, identity, WEBHOOKS.update(place_of(request), _ref(request), keys)
    )


async def remove_webhook(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Delete a webhook."""
    return await change(app, request, identity, WEBHOOKS.delete(place_of(request), _ref(request)))


async def post_secret(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Give a webhook another secret."""
    place, ref = place_of(request), _ref(request)
    wish = change_secret(place, ref)
    if is_dry(request):
        return await change(app, request, identity, wish)

    def show(scene: Scene) -> dict[str, str]:
        return {"secret": show_secret(app.store.signing_key, find_webhook(scene, place, ref)[1])}

    return answer_json(await app.designs.change(identity, wish, show))


def _encode(one: Webhook, datastore: Datastore) -> dict[str, Any]:
    every = one.actions is None
    known = [] if one.actions is None else [a.id for a in datastore.actions if a.id in one.actions]
    return {
        "webhook_id": one.id,
        "display_id": one.display_id,
        "name": show_names(one.names),
        "url": one.url,
        "actions": "every" if every else known,
        "enabled": one.is_enabled,
    }


# --- deliveries -------------------------------------------------------------------------------


async def get_deliveries(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """What a webhook was sent, and is to be."""
    before, limit = request.query.get("before", ""), _limit(request.query.get("limit", ""))
    if before and not is_id(before):
        raise invalid_request("before must be an id")
    state = _state(request.query.get("state", ""))
    page = await app.designs.look(
        identity,
        with_webhook(
            place_of(request),
            _ref(request),
            lambda scene, found: list_sent(scene, found, state, before, limit + 1),
        ),
    )
    following = page[limit - 1].event if len(page) > limit else None
    return answer_json({"deliveries": [_sent(one) for one in page[:limit]], "next": following})


async def get_delivery(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """One delivery, with its tries."""
    found: Told = await app.designs.look(
        identity,
        with_webhook(
            place_of(request),
            _ref(request),
            lambda scene, hook: get_sent(scene, hook, _event(request)),
        ),
    )
    tries = [_tried(one) for one in found.attempts]
    return answer_json(_sent(found.delivery) | {"tries": tries})


async def post_replay_one(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Make one delivery again."""
    return await _replayed(app, request, identity, replay_one(_event(request)))


async def post_replay(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Make many deliveries again."""
    body = decode_body(_replay, request.body or b"{}")
    until = None if body.until is None else _instant("until", body.until)
    since = 0 if body.since is None else _instant("since", body.since)
    return await _replayed(app, request, identity, replay_range(Range(body.state, since, until)))


async def _replayed(app: App, request: HttpRequest, identity: Identity, replay: Any) -> Answer:
    refuse_dry_run(request)
    count = await app.designs.act(identity, with_webhook(place_of(request), _ref(request), replay))
    app.events.wake()
    return answer_json({"replayed": count})


def _sent(one: Delivery) -> dict[str, Any]:
    is_over = one.state != "waiting"
    return {
        "event_id": one.event,
        "i_id": one.item,
        "state": one.state,
        "tries": one.attempts,
        "created_at": format_instant(one.created_at),
        "next_at": None if is_over else format_instant(one.next_at),
        "finished_at": None if one.finished_at is None else format_instant(one.finished_at),
        "failure": one.failure,
    }


def _tried(one: Attempt) -> dict[str, Any]:
    told: dict[str, Any] = {
        "number": one.number,
        "at": format_instant(one.at),
        "duration_ms": one.duration_ms,
        "failure": one.failure,
    }
    return told | (msgspec.json.decode(one.log) if one.log else {})


def _limit(given: str) -> int:
    if not given:
        return _PAGE
    if not given.isascii() or not given.isdigit() or not 1 <= int(given[:9]) <= DELIVERY_PAGE_MAX:
        raise invalid_request(f"limit must be 1 to {DELIVERY_PAGE_MAX}")
    return int(given)


def _state(given: str) -> State | None:
    found = [one for one in _STATES if one == given]
    if given and not found:
        raise invalid_request("state must be one of waiting, done, parked")
    return found[0] if found else None


def _instant(key: str, given: str) -> int:
    ms = parse_instant(given)
    if ms is None:
        raise invalid_request(f"{key} must be a time like 2026-01-05T09:00:00Z")
    return ms


_call: Final = CallMaker(envelopes.design, writes=(DRY_DESIGN,))

CALLS: Final[tuple[Call, ...]] = (
    _call(
        "GetWebhooks",
        "GET",
        HOOKS,
        get_webhooks,
        "The webhooks of a datastore (ours).",
        answer=WebhooksAnswer,
    ),
    _call(
        "CreateWebhook",
        "POST",
        HOOKS,
        post_webhook,
        "Make a webhook (ours).",
        body=CreateWebhookBody,
        answer=CreatedWebhook,
    ),
    _call(
        "GetWebhook",
        "GET",
        _HOOK,
        get_webhook,
        "The settings of a webhook (ours).",
        answer=dict[str, Any],
    ),
    _call(
        "UpdateWebhook",
        "PATCH",
        _HOOK,
        patch_webhook,
        "Change a webhook (ours). Answers `null`.",
        body=WebhookBody,
    ),
    _call(
        "DeleteWebhook",
        "DELETE",
        _HOOK,
        remove_webhook,
        "Delete a webhook (ours). Answers `null`.",
    ),
    _call(
        "ChangeWebhookSecret",
        "POST",
        f"{_HOOK}/secret",
        post_secret,
        "Give a webhook another secret; the one before it signs beside it (ours).",
        answer=SecretAnswer,
    ),
    _call(
        "GetWebhookDeliveries",
        "GET",
        _SENT,
        get_deliveries,
        "What a webhook was sent, and is to be, newest first (ours).",
        query=(
            QueryKey("state", "string", "Only those `waiting`, `done` or `parked`."),
            QueryKey("before", "string", "The id of an event: go on from there."),
            QueryKey("limit", "integer", f"1 to {DELIVERY_PAGE_MAX}, else {_PAGE}."),
        ),
        answer=DeliveriesAnswer,
    ),
    _call(
        "GetWebhookDelivery",
        "GET",
        f"{_SENT}/:event-id",
        get_delivery,
        "One delivery to a webhook, with what was said in each try (ours).",
        answer=dict[str, Any],
    ),
    _call(
        "ReplayWebhookDelivery",
        "POST",
        f"{_SENT}/:event-id/replay",
        post_replay_one,
        "Send an event to a webhook again (ours).",
        query=(NO_DRY_RUN,),
        answer=ReplayedAnswer,
    ),
    _call(
        "ReplayWebhookDeliveries",
        "POST",
        f"{_HOOK}/replay",
        post_replay,
        "Send many events to a webhook again (ours).",
        query=(NO_DRY_RUN,),
        body=ReplayBody,
        answer=ReplayedAnswer,
    ),
)
