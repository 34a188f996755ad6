"""The routes that make, change and delete fields and their options."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ...core.access import Identity
from ...core.errors import invalid_request
from ...service.app import App
from ...service.design_fields import (
    create_field,
    create_options,
    delete_field,
    delete_options,
    update_field,
    update_options,
)
from ...service.design_parts import Made
from ..body import decode_body
from ..edge import Answer, Call, HttpRequest
from ..exchange import QueryKey
from . import envelopes
from .call_maker import CallMaker
from .definitions_routes import FieldsAnswer, get_datastore_fields, get_field_settings
from .design_running import DRY_DESIGN, change, make, place_of, said
from .design_shapes import (
    ChangedOption,
    CreatedField,
    CreateFieldBody,
    CreateOptionsBody,
    DeleteOptionsBody,
    OptionBody,
    PatchFieldBody,
    UpdateFieldBody,
    UpdateOptionsBody,
    field_keys,
    option_keys,
)
from .reads_routes import DATASTORE
from .writes import BASE

_create: Final = msgspec.json.Decoder(CreateFieldBody)
_update: Final = msgspec.json.Decoder(UpdateFieldBody)
_patch: Final = msgspec.json.Decoder(PatchFieldBody)
_create_options: Final = msgspec.json.Decoder(CreateOptionsBody)
_update_options: Final = msgspec.json.Decoder(UpdateOptionsBody)
_delete_options: Final = msgspec.json.Decoder(DeleteOptionsBody)


# --- fields -----------------------------------------------------------------------------------


async def post_field(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """CreateField."""
    body = decode_body(_create, request.body)
    keys = field_keys(body) | {"type": body.dataType}
    keys |= said(display_id=body.display_id, unique=body.unique)
    if body.options is not None:
        keys["options"] = _numbered(body.options)
    return await make(app, request, identity, create_field(place_of(request), keys), _encode)


def _encode(made: Made) -> dict[str, Any]:
    return {"display_id": made.display_id, "field_id": made.id}


def _numbered(options: list[OptionBody]) -> list[dict[str, Any]]:
    """The options of a new field; one without a display id gets its number."""
    return [{"display_id": str(at), **_named(one)} for at, one in enumerate(options, 1)]


def _named(option: OptionBody | ChangedOption) -> dict[str, Any]:
    keys = option_keys(option)
    if isinstance(option, OptionBody) and not keys.get("name"):
        raise invalid_request("options: each needs a name or a value")
    return keys


async def put_field(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """UpdateField."""
    body = decode_body(_update, request.body)
    wish = update_field(place_of(request), request.params["field-id"], field_keys(body))
    return await change(app, request, identity, wish)


async def patch_field(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """The older way to change a field."""
    body = decode_body(_patch, request.body)
    keys = field_keys(body) | said(display_id=body.display_id, unique=body.unique)
    wish = update_field(place_of(request), request.params["field-id"], keys)
    return await change(app, request, identity, wish)


async def remove_field(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """DeleteField."""
    wish = delete_field(place_of(request), request.params["field-id"])
    return await change(app, request, identity, wish)


# --- options ----------------------------------------------------------------------------------


async def post_options(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """CreateFieldOptions."""
    body = decode_body(_create_options, request.body)
    options = [_named(one) for one in body.options]
    wish = create_options(place_of(request), request.params["field-id"], options)
    return await change(app, request, identity, wish)


async def put_options(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """UpdateFieldOptions."""
    body = decode_body(_update_options, request.body)
    if any(one.sort_id is not None and one.sort_id < 0 for one in body.options):
        raise invalid_request("sort_id must not be negative")
    changes = [(one.o_id, _named(one), one.sort_id) for one in body.options]
    wish = update_options(place_of(request), request.params["field-id"], changes)
    return await change(app, request, identity, wish)


async def remove_options(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """DeleteFieldOptions."""
    body = decode_body(_delete_options, request.body)
    wish = delete_options(place_of(request), request.params["field-id"], body.o_ids)
    return await change(app, request, identity, wish)


_call: Final = CallMaker(envelopes.design_fields, writes=(DRY_DESIGN,))

_FIELD: Final = f"{BASE}/fields/:field-id"
_OLDER: Final = f"{DATASTORE}/fields/:field-id"

CALLS: Final[tuple[Call, ...]] = (
    _call(
        "CreateField",
        "POST",
        f"{BASE}/fields",
        post_field,
        "Make a field.",
        body=CreateFieldBody,
        answer=CreatedField,
    ),
    _call(
        "UpdateField",
        "PUT",
        _FIELD,
        put_field,
        "Change the settings of a field. Answers `null`.",
        body=UpdateFieldBody,
    ),
    _call(
        "DeleteField",
        "DELETE",
        _FIELD,
        remove_field,
        "Delete a field with its values. Answers `null`.",
    ),
    _call(
        "CreateFieldOptions",
        "POST",
        f"{_FIELD}/options",
        post_options,
        "Add options to a field. Answers `null`.",
        body=CreateOptionsBody,
    ),
    _call(
        "UpdateFieldOptions",
        "PUT",
        f"{_FIELD}/options",
        put_options,
        "Change options of a field. Answers `null`.",
        body=UpdateOptionsBody,
    ),
    _call(
        "DeleteFieldOptions",
        "DELETE",
        f"{_FIELD}/options",
        remove_options,
        "Take options out of a field. Answers `null`.",
        body=DeleteOptionsBody,
    ),
    _call(
        "GetFieldsOlder",
        "GET",
        f"{DATASTORE}/fields",
        get_datastore_fields,
        "GetDatastoreFields at its older path.",
        envelope=envelopes.fields,
        answer=FieldsAnswer,
    ),
    _call(
        "CreateFieldOlder",
        "POST",
        f"{DATASTORE}/fields",
        post_field,
        "CreateField at its older path.",
        body=CreateFieldBody,
        answer=CreatedField,
    ),
    _call(
        "GetFieldOlder",
        "GET",
        _OLDER,
        get_field_settings,
        "GetFieldSettings at its older path.",
        envelope=envelopes.fields,
        query=(QueryKey("with_options", "boolean", "Add the options to choose from."),),
        answer=dict[str, Any],
    ),
    _call(
        "UpdateFieldOlder",
        "PATCH",
        _OLDER,
        patch_field,
        "Change the settings of a field, its display id too. Answers `null`.",
        body=PatchFieldBody,
    ),
    _call(
        "DeleteFieldOlder",
        "DELETE",
        _OLDER,
        remove_field,
        "DeleteField at its older path. Answers `null`.",
    ),
)
