"""What may be searched by: the search conditions of a datastore, and saved queries."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ...core.access import Identity
from ...core.catalog import Catalog, Datastore, Field
from ...core.kinds.choice import find_option
from ...core.places import get_project
from ...core.query import SystemKey
from ...core.saved import SavedCondition, SavedQuery
from ...service.app import App, View
from ...service.reads import find_place
from ...service.reads_definitions import list_queries, list_search_fields
from ...service.shown import localized
from ..edge import Answer, Call, HttpRequest, answer_json
from . import envelopes
from .definitions_encode import data_type, encode_info, encode_options, language_of, show_bound
from .reads_bodies import SYSTEM_KEYS
from .writes import BASE

_WIRE_KEYS: Final = {key.value: word for word, key in SYSTEM_KEYS.items()}
WIRE_TYPES: Final = {
    SystemKey.ID: "text",
    SystemKey.TITLE: "text",
    SystemKey.REVISION: "number",
    SystemKey.STATUS: "status",
    SystemKey.CREATED_AT: "datetime",
    SystemKey.UPDATED_AT: "datetime",
    SystemKey.CREATED_BY: "users",
    SystemKey.UPDATED_BY: "users",
}


class SearchConditionsAnswer(msgspec.Struct):
    """items/GetItemSearchConditions."""

    has_error: bool
    result: list[dict[str, Any]]


# --- search conditions ------------------------------------------------------------------------


async def get_search_conditions(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetItemSearchConditions."""
    language, params = language_of(request), request.params

    def read(view: View) -> list[dict[str, Any]]:
        datastore = find_place(view, params["datastore-id"], params["app-id"])
        fields = list_search_fields(view, datastore)
        return [
            encode_search_field(one, at, datastore, view.catalog, language)
            for at, one in enumerate(fields)
        ]

    return answer_json({"has_error": False, "result": await app.read(identity, read)})


def encode_search_field(
    field: Field, at: int, datastore: Datastore, catalog: Catalog, language: str
) -> dict[str, Any]:
    """A field that may be searched by."""
    told: dict[str, Any] = {
        "f_id": field.id,
        "name": localized(field.names, language),
        "display_id": field.display_id,
        "data_type": data_type(field),
        "order": at,
    }
    options = [
        {
            "option_id": option,
            "sort_id": place,
            "value": localized(label, language),
            "enabled": enabled,
            "color": color,
        }
        for place, (option, _, label, enabled, color) in enumerate(encode_options(field))
    ]
    if options:
        told["options"] = options
    if field.kind.name == "status":
        told["statuses"] = [
            {"status_id": one.id, "status_name": localized(one.names, language)}
            for one in datastore.statuses
        ]
    for key, bound in (
        ("min_value", field.settings.min_value),
        ("max_value", field.settings.max_value),
    ):
        if bound is not None:
            told[key] = show_bound(field, bound)
    info = encode_info(field, catalog)
    if "dslookup_info" in info:
        told["ds_lookup_info"] = info["dslookup_info"]
    if "users_info" in info:
        told["users_info"] = info["users_info"]
    return told


# --- saved queries ----------------------------------------------------------------------------


async def get_user_queries(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetUserQueries."""
    language, ref = language_of(request), request.params["app-id"]

    def read(view: View) -> list[dict[str, Any]]:
        project = get_project(view.catalog, view.actor, ref)
        return [
            _encode_query(one, datastore, at, language)
            for at, (one, datastore) in enumerate(list_queries(view, project))
        ]

    return answer_json(await app.read(identity, read))


def _encode_query(
    saved: SavedQuery, datastore: Datastore, at: int, language: str
) -> dict[str, Any]:
    return {
        "q_id": saved.id,
        "name": localized(saved.names, language),
        "desc": saved.description,
        "display_order": at,
        "conditions": [_encode_condition(one, datastore) for one in saved.conditions],
        "use_or_condition": saved.any,
        "projectId": datastore.project,
        "datastoreId": datastore.id,
    }


def _encode_condition(condition: SavedCondition, datastore: Datastore) -> dict[str, Any]:
    """A condition that ItemList takes as it is. Options and statuses are told by their ids."""
    field = datastore.find_field(condition.key)
    values = list(condition.values)
    if field is None:
        key = SystemKey(condition.key)
        told: dict[str, Any] = {"id": _WIRE_KEYS[key.value], "data_type": WIRE_TYPES[key]}
    else:
        told = {"id": field.id, "data_type": data_type(field)}
        if field.kind.has_options:
            found = [find_option(one, field.settings) for one in values]
            values = [
                option.id if option else one for option, one in zip(found, values, strict=True)
            ]
    if told["data_type"] == "status":
        statuses = [datastore.find_status(str(one)) for one in values]
        values = [
            status.id if status else one for status, one in zip(statuses, values, strict=True)
        ]
    told["search_value"] = values
    if condition.exact:
        told["exact_match"] = True
    if condition.negate:
        told["not_match"] = True
    if condition.include_null is not None:
        told["include_null"] = condition.include_null
    return told


CALLS: Final[tuple[Call, ...]] = (
    *(
        Call(
            name=name,
            method=method,
            path=f"{BASE}/items/conditions",
            handle=get_search_conditions,
            envelope=envelopes.results,
            summary="The fields that items may be searched by.",
            answer=SearchConditionsAnswer,
        )
        for name, method in (
            ("GetItemSearchConditions", "GET"),
            ("GetItemSearchConditionsByPost", "POST"),
        )
    ),
    Call(
        name="GetUserQueries",
        method="GET",
        path="/api/v0/applications/:app-id/queries",
        handle=get_user_queries,
        envelope=envelopes.plain,
        summary="The saved queries of an application.",
        answer=list[dict[str, Any]],
    ),
)
