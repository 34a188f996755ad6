"""The read routes of items: details, lists, linked items, histories."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ...core.access import Identity
from ...core.errors import invalid_request
from ...core.limits import HISTORIES_PER_PAGE_MAX
from ...service.app import App, View
from ...service.reads import (
    find_near,
    find_place,
    get_item,
    item_details,
    item_histories,
    linked_items,
    lookup_targets,
    note_read,
)
from ...service.revisions import item_at
from ...service.shown import Shown, show
from ..body import encode
from ..edge import Answer, Call, HttpRequest, answer_json
from ..exchange import QueryKey
from . import envelopes
from .definitions_encode import language_of
from .details_encode import encode_details
from .reads_bodies import decode_history_page, read_flag, read_revision
from .reads_encode import RowOptions, encode_histories, encode_linked, encode_rows
from .writes import BASE

DATASTORE: Final = "/api/v0/datastores/:datastore-id"


class HistoriesAnswer(msgspec.Struct):
    """item-histories/GetItemHistories."""

    unread: int
    histories: list[dict[str, Any]]


class LinkedItemsAnswer(msgspec.Struct):
    """item-links/GetLinkedItems, by datastore."""

    has_error: bool
    result: dict[str, Any]


# --- details ----------------------------------------------------------------------------------


async def get_item_details(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetItemDetails."""
    params, language = request.params, language_of(request)
    mapped = lookups = linked = numbers = False
    at = None
    if request.query:
        by_display_id = read_flag(request, "use_display_id")
        mapped = by_display_id or request.query.get("format") == "map"
        lookups = read_flag(request, "include_lookups")
        linked = read_flag(request, "include_linked_items")
        numbers = read_flag(request, "return_number_value")
        at = read_revision(request)
        if at is not None and linked:
            raise invalid_request("include_linked_items tells of now and can't be combined with at")

    def read(view: View) -> bytes:
        datastore = find_place(view, params["datastore-id"], params.get("app-id", ""))
        if at is None:
            shown = item_details(view, datastore, params["item-id"])
        else:
            shown = item_at(view, datastore, params["item-id"], at)
        options = RowOptions(language=language, by_display_id=mapped, numbers=numbers)
        return encode_details(
            view,
            shown,
            mapped=mapped,
            language=language,
            lookup_items=_lookup_items(view, shown, options) if lookups else None,
            linked=_linked(view, shown, options) if linked else None,
        )

    run = app.read if at is None and not linked else app.scan
    return Answer(200, await run(identity, read))


def _lookup_items(view: View, shown: Shown, options: RowOptions) -> dict[str, Any]:
    """By lookup field, the item that it names as a row."""
    deep = RowOptions(
        language=options.language,
        by_display_id=options.by_display_id,
        numbers=options.numbers,
        lookups=True,
    )
    found: dict[str, Any] = {}
    for key, (target, items) in lookup_targets(view, shown).items():
        known = show(view, target, list(items.values()))
        for row in encode_rows(view, known, deep, (target.id,)):
            found[key] = row
    return found


def _linked(view: View, shown: Shown, options: RowOptions) -> dict[str, Any]:
    return encode_linked(view, linked_items(view, shown.items[0]), options)


# --- links -----------------------------------------------------------------------------------


async def get_linked_items(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetLinkedItems, of all datastores or of one."""
    params, query = request.params, request.query
    options = RowOptions(
        language=language_of(request),
        by_display_id=read_flag(request, "use_display_id"),
        numbers=read_flag(request, "return_number_value"),
        lookups=read_flag(request, "include_lookups"),
    )
    linked_project, linked_datastore = query.get("linked_p_id", ""), query.get("linked_d_id", "")

    def read(view: View) -> dict[str, Any]:
        datastore = find_place(view, params["datastore-id"], params.get("app-id", ""))
        item = get_item(view, datastore, params["item-id"])
        only = None
        if linked_datastore:
            only = find_near(view, datastore, linked_datastore, linked_project)
        elif linked_project:
            raise invalid_request("linked_p_id needs linked_d_id")
        return encode_linked(view, linked_items(view, item, only), options)

    return answer_json({"has_error": False, "result": await app.scan(identity, read)})


# --- histories --------------------------------------------------------------------------------


async def get_item_histories(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetItemHistories. What was shown counts as read from then on."""
    page, language = decode_history_page(request), language_of(request)
    params = request.params

    def read(view: View) -> tuple[Any, bytes]:
        datastore = find_place(view, params["datastore-id"], params.get("app-id", ""))
        found = item_histories(view, datastore, params["item-id"], page)
        return found.mark, encode(encode_histories(found, page.first, language))

    mark, body = await app.read(identity, read)
    if mark is not None:
        note_read(app, mark)
    return Answer(200, body)


_DETAILS: Final = "One item with its values, statuses and the actions that may be executed."
_LINKED: Final = "The items that an item links to, by datastore."
_HISTORIES: Final = "Histories of an item, newest first; they count as read from then on."

_DETAILS_QUERY: Final = (
    QueryKey(
        "format", "string", "`map`: fields, statuses and actions by display id, not in arrays."
    ),
    QueryKey("use_display_id", "boolean", "The same as `format=map`."),
    QueryKey("include_lookups", "boolean", "Add the items that lookup fields name."),
    QueryKey("include_linked_items", "boolean", "Add the items linked to, by datastore."),
    QueryKey(
        "return_number_value", "boolean", "Numbers of the items added as numbers, not as text."
    ),
    QueryKey(
        "at",
        "integer",
        "The item as it was at this revision (ours); not with `include_linked_items`.",
    ),
)
_LINKED_QUERY: Final = (
    QueryKey("linked_d_id", "string", "Only items of this datastore."),
    QueryKey("linked_p_id", "string", "The application that `linked_d_id` is in, if another."),
    QueryKey("use_display_id", "boolean", "Datastores and fields by display id, not by id."),
    QueryKey("include_lookups", "boolean", "Add the items that lookup fields name."),
    QueryKey("return_number_value", "boolean", "Numbers as numbers, not as text."),
)
_HISTORIES_QUERY: Final = (
    QueryKey("from_index", "integer", "The first entry wanted; 0, the default, is the newest."),
    QueryKey(
        "to_index",
        "integer",
        f"The entry to stop before: at most {HISTORIES_PER_PAGE_MAX} after the first, 30 by default.",
    ),
    QueryKey("from_item_index", "integer", "The older name of `from_index`."),
    QueryKey("to_item_index", "integer", "The older name of `to_index`."),
    QueryKey("from_datetime", "string", "Only entries of this instant and later."),
    QueryKey("to_datetime", "string", "Only entries of this instant and earlier."),
    QueryKey("exclude_action_history", "boolean", "Leave out the entries of actions."),
    QueryKey("exclude_comment_history", "boolean", "Leave out comments."),
)

CALLS: Final[tuple[Call, ...]] = (
    *(
        Call(
            name=name,
            method="GET",
            path=path,
            handle=get_item_details,
            envelope=envelopes.details,
            summary=_DETAILS,
            query=_DETAILS_QUERY,
            answer=dict[str, Any],
        )
        for name, path in (
            ("GetItemDetails", f"{BASE}/items/details/:item-id"),
            ("GetItemDetailsByDatastore", f"{DATASTORE}/items/:item-id"),
        )
    ),
    *(
        Call(
            name=name,
            method="GET",
            path=path,
            handle=get_linked_items,
            envelope=envelopes.results,
            summary=_LINKED,
            query=_LINKED_QUERY,
            answer=LinkedItemsAnswer,
        )
        for name, path in (
            ("GetLinkedItems", f"{BASE}/items/links/:item-id"),
            ("GetLinkedItemsByDatastore", f"{DATASTORE}/items/:item-id/links"),
        )
    ),
    *(
        Call(
            name=name,
            method="GET",
            path=path,
            handle=get_item_histories,
            envelope=envelopes.plain,
            summary=_HISTORIES,
            query=_HISTORIES_QUERY,
            answer=HistoriesAnswer,
            allows_head=False,
        )
        for name, path in (
            ("GetItemHistories", f"{BASE}/items/histories/:item-id"),
            ("GetItemHistoriesByItem", f"{BASE}/items/:item-id/histories"),
            ("GetItemHistoriesByDatastore", f"{DATASTORE}/items/:item-id/histories"),
        )
    ),
)
