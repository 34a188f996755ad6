"""Running a change of definitions for a request, or only telling what it would do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

import msgspec

from ...core.access import Identity
from ...core.errors import invalid_request
from ...service.app import App
from ...service.design import Forecast, Scene
from ...service.design_parts import Making, Place, Wishing
from ..body import told
from ..edge import Answer, HttpRequest, answer_json
from ..exchange import QueryKey
from ..running import is_dry
from .write_answers import NULL

DRY_DESIGN: Final = QueryKey(
    "dry_run",
    "boolean",
    "Only for show: nothing is changed, and the answer tells the `plan` and what it `destroys`.",
)


class Names(msgspec.Struct):
    """A name in each language."""

    en: Annotated[str | None, told("In English.")] = None
    ja: Annotated[str | None, told("In Japanese.")] = None


class RoleGrant(msgspec.Struct):
    """A role as settings show it."""

    role_id: Annotated[str | None, told("The role, by id or display id.")] = None
    display_id: Annotated[str | None, told("Its display id, where `role_id` is absent.")] = None
    can_use: Annotated[bool | None, told("`false` leaves the role out.")] = None
    can_execute: Annotated[bool | None, told("`false` leaves the role out.")] = None


def read_names(name: str | Names | None) -> dict[str, Any]:
    """The key `name` of a definition; none if it is not said."""
    if name is None:
        return {}
    each = {"en": name} if isinstance(name, str) else {"en": name.en, "ja": name.ja}
    names = {language: text for language, text in each.items() if text is not None}
    if names and not any(names.values()):
        raise invalid_request("name must not be empty")
    return {"name": names}


def read_roles(roles: list[str | RoleGrant] | None) -> dict[str, Any]:
    """The key `roles` of a definition: the whole list; none if it is not said."""
    if roles is None:
        return {}
    found = []
    for one in roles:
        if isinstance(one, str):
            found.append(one)
        elif one.can_use is not False and one.can_execute is not False:
            found.append(one.role_id or one.display_id or "")
    return {"roles": found}


def said(**keys: Any) -> dict[str, Any]:
    """The keys that are said."""
    return {key: value for key, value in keys.items() if value is not None}


def place_of(request: HttpRequest) -> Place:
    """The datastore of a path."""
    return Place(request.params["datastore-id"], request.params.get("app-id", ""))


async def make(
    app: App,
    request: HttpRequest,
    identity: Identity,
    making: Making,
    encode: Callable[[Any], dict[str, Any]],
) -> Answer:
    """Make one thing and tell its ids."""
    if is_dry(request):
        return await _tell(app, identity, making.wish)
    return answer_json(encode(await app.designs.change(identity, making.wish, making.answer)))


async def change(app: App, request: HttpRequest, identity: Identity, wish: Wishing) -> Answer:
    """Change something; the answer is `null`."""
    if is_dry(request):
        return await _tell(app, identity, wish)
    await app.designs.change(identity, wish, _nothing)
    return Answer(200, NULL)


def _nothing(_scene: Scene) -> None:
    return None


async def _tell(app: App, identity: Identity, wish: Wishing) -> Answer:
    return answer_json(encode_forecast(await app.designs.forecast(identity, wish)))


def encode_forecast(forecast: Forecast) -> dict[str, Any]:
    """What a change would do."""
    losses = []
    for one in forecast.losses:
        loss: dict[str, Any] = {
            "kind": "application" if one.kind == "project" else one.kind,
            "id": one.id,
            "display_id": one.display_id,
            "name": one.name,
        }
        losses.append(loss | said(items=one.items, values=one.values))
    return {"plan": list(forecast.lines), "destroys": losses}
