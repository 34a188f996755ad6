"""GlobalSearch: one text, looked for in all that one may see (globalsearch/GlobalSearch)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

import msgspec

from ...core.access import Identity
from ...core.errors import invalid_request
from ...core.items import Item
from ...core.limits import PAGE_ITEMS_MAX
from ...core.query import AllOf, ChoiceTest, SystemKey
from ...service.app import App, View
from ...service.global_search import Hit, TextWish, search_texts
from ...service.lists import count_list, list_page
from ...service.reads import find_place
from ...service.shown import localized, show
from ..body import decode_body, told
from ..edge import Answer, Call, HttpRequest, answer_json
from . import envelopes
from .definitions_encode import language_of
from .reads_bodies import ItemListBody, check_item_list, is_csv, make_list_query, row_options
from .reads_encode import encode_rows


class GlobalSearchBody(msgspec.Struct):
    """globalsearch/GlobalSearch."""

    query: Annotated[str, told("The words, all of which have to stand in one text.")]
    category: Annotated[
        Literal["", "items", "files", "histories"] | None,
        told("Only texts of fields, names of files, or comments."),
    ] = None
    app_id: Annotated[str | None, told("Only in this application, by display id or id.")] = None
    datastore_id: Annotated[str | None, told("Only in this datastore, by display id or id.")] = None
    field_id: Annotated[str | None, told("Only in fields of this display id or id.")] = None
    return_item_list: Annotated[
        bool | None, told("Also the items that the words were found in, as `item_list`.")
    ] = None
    item_search_params: Annotated[
        ItemListBody | None,
        told("How `item_list` is wanted. What names fields in it needs `datastore_id`."),
    ] = None


class GlobalSearchAnswer(msgspec.Struct):
    """Where the words were found; `item_list` if it was asked for."""

    search_result: list[dict[str, Any]]
    item_list: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


_body: Final = msgspec.json.Decoder(GlobalSearchBody)


async def global_search(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GlobalSearch."""
    body, language = decode_body(_body, request.body), language_of(request)
    wish = TextWish(
        body.query,
        body.category or "",
        body.app_id or "",
        body.datastore_id or "",
        body.field_id or "",
    )
    now_ms = app.clock.now_ms()

    def read(view: View) -> dict[str, Any]:
        hits = search_texts(view, wish)
        answer: dict[str, Any] = {"search_result": [_hit(one, language) for one in hits]}
        if body.return_item_list:
            answer["item_list"] = _item_list(view, request, body, hits, (now_ms, language))
        return answer

    return answer_json(await app.scan(identity, read))


def _hit(hit: Hit, language: str) -> dict[str, Any]:
    return {
        "category": hit.category,
        "d_id": hit.datastore.id,
        "datastore_name": localized(hit.datastore.names, language),
        "f_id": hit.field,
        "highlight_value": {"value": hit.marked},
        "i_id": hit.item.id,
        "p_id": hit.project.id,
        "project_name": localized(hit.project.names, language),
        "title": hit.item.title,
        "w_id": hit.datastore.workspace,
    }


def _item_list(
    view: View,
    request: HttpRequest,
    body: GlobalSearchBody,
    hits: Sequence[Hit],
    now: tuple[int, str],
) -> dict[str, Any]:
    """The items of the hits as ItemList shows them; conditions and orders need one datastore."""
    params = check_item_list(body.item_search_params or ItemListBody())
    if is_csv(params) or params.after is not None:
        raise invalid_request("item_search_params has no format csv and no after")
    items = {one.item.id: one.item for one in hits}
    if not body.datastore_id:
        if params.conditions or params.sort_fields or params.sort_field_id or params.select_fields:
            raise invalid_request("item_search_params needs datastore_id for what names fields")
        return _mixed_list(view, params, list(items.values()), now[1])
    datastore = find_place(view, body.datastore_id, body.app_id or "")
    place = {"app-id": datastore.project, "datastore-id": datastore.id}
    query = make_list_query(view, params, msgspec.structs.replace(request, params=place), now[0])
    found = ChoiceTest(SystemKey.ID, tuple(items))
    query = replace(query, condition=AllOf((query.condition, found)))
    options = row_options(view, params, datastore, now[1])
    rows: list[dict[str, Any]] = []
    if not params.return_count_only:
        for portion in list_page(view, query):
            rows += encode_rows(view, portion, options)
    return {"items": rows, "totalItems": count_list(view, query)}


def _mixed_list(
    view: View, params: ItemListBody, items: list[Item], language: str
) -> dict[str, Any]:
    """Items of any datastores in the order of the hits, in pages."""
    per_page, page = params.per_page or 0, params.page or 1
    if not 0 <= per_page <= PAGE_ITEMS_MAX or page < 1:
        raise invalid_request(f"per_page is from 0 to {PAGE_ITEMS_MAX}, page from 1")
    total = len(items)
    if per_page:
        items = items[(page - 1) * per_page : page * per_page]
    if params.return_count_only:
        items = []
    by_datastore: dict[str, list[Item]] = {}
    for item in items:
        by_datastore.setdefault(item.datastore, []).append(item)
    rows: dict[str, dict[str, Any]] = {}
    for id_, own in by_datastore.items():
        datastore = view.catalog.find_datastore(id_)
        if datastore is not None:
            options = row_options(view, params, datastore, language)
            for row in encode_rows(view, show(view, datastore, own), options):
                rows[row["i_id"]] = row
    return {"items": [rows[one.id] for one in items], "totalItems": total}


CALLS: Final[tuple[Call, ...]] = (
    Call(
        name="GlobalSearch",
        method="POST",
        path="/api/v0/globalsearch",
        handle=global_search,
        envelope=envelopes.plain,
        summary="Find a text in the fields that are marked for it, in names of files and in comments.",
        body=GlobalSearchBody,
        answer=GlobalSearchAnswer,
    ),
)
