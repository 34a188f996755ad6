"""Bodies and query strings of the read routes, and the queries they ask for."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Final

import msgspec

from ...core.catalog import Datastore, Field
from ...core.conditions import (
    Branch,
    Leaf,
    Scope,
    Wish,
    make_query,
    read_saved,
    read_sort,
    read_wish,
    shown_fields,
)
from ...core.cursor import decode_cursor
from ...core.errors import invalid_request
from ...core.limits import HISTORIES_PER_PAGE_MAX, LIST_MS_MAX, PAGE_ITEMS_MAX, READ_MS, SORTS_MAX
from ...core.query import AllOf, Query, SystemKey, UnreadTest
from ...core.values import parse_instant
from ...service.app import View
from ...service.lists import day_of
from ...service.reads import find_near, find_place
from ...storage.items import HistoryPage
from ..body import decode_body, told
from ..edge import HttpRequest
from .reads_encode import RowOptions

SYSTEM_KEYS: Final = {
    "i_id": SystemKey.ID,
    "title": SystemKey.TITLE,
    "rev_no": SystemKey.REVISION,
    "status_id": SystemKey.STATUS,
    "created_at": SystemKey.CREATED_AT,
    "created_by": SystemKey.CREATED_BY,
    "updated_at": SystemKey.UPDATED_AT,
    "updated_by": SystemKey.UPDATED_BY,
}


OTHER_KEYS: Final = ("d_id", "p_id", "unread")  # rows have them, searches do not


class ConditionBody(msgspec.Struct):
    """A condition on a field, or a group of conditions."""

    id: Annotated[
        str | None,
        told("The field, by display id or id, or a system key like `i_id` or `created_at`."),
    ] = None
    search_value: Annotated[
        list[Any] | None,
        told(
            "Texts, options, users or items, of which one is enough; for numbers and times `[from, to]`."
        ),
    ] = None
    exact_match: Annotated[
        bool | None,
        told("The value equals what is looked for, rather than holding it or lying between."),
    ] = None
    not_match: Annotated[
        bool | None, told("Find all that does not match, empty values included.")
    ] = None
    include_null: Annotated[
        bool | None, told("`true` adds empty values, `false` leaves them out.")
    ] = None
    rpf_id: Annotated[
        str | None, told("The column of a report, by id, in place of `id`; items have none.")
    ] = None
    conditions: Annotated[
        list[ConditionBody] | None, told("A group of conditions, in place of `id`.")
    ] = None
    use_or_condition: Annotated[
        bool | None, told("One condition of the group is enough; otherwise all have to hold.")
    ] = None


class SortBody(msgspec.Struct):
    """One key of the order."""

    id: Annotated[str, told("The field, by display id or id, or a system key.")]
    order: Annotated[str | None, told("`asc`, the default, or `desc`.")] = None


class ItemListBody(msgspec.Struct):
    """items/ItemList."""

    conditions: Annotated[
        list[ConditionBody] | dict[str, Any] | None,
        told("What has to hold for an item; nothing by default."),
    ] = None
    use_or_condition: Annotated[
        bool | None, told("One condition is enough; otherwise all have to hold.")
    ] = None
    page: Annotated[int | None, told("Which page; 1, the default, is the first.")] = None
    per_page: Annotated[
        int | None,
        told(f"How many items, up to {PAGE_ITEMS_MAX:,}; 0, the default, is all of them."),
    ] = None
    sort_field_id: Annotated[
        str | None,
        told("The field or system key to sort by; by default items come as created, oldest first."),
    ] = None
    sort_order: Annotated[str | None, told("`asc`, the default, or `desc`.")] = None
    sort_fields: Annotated[
        list[SortBody] | None,
        told("Several keys to sort by, in place of `sort_field_id`; the first counts most."),
    ] = None
    use_display_id: Annotated[bool | None, told("Key values by display id, not by id.")] = None
    use_field_id: Annotated[
        bool | None, told("Key values by id, whatever `use_display_id` says.")
    ] = None
    use_default_search: Annotated[
        bool | None,
        told("Add the conditions of the default query of the datastore, if it has one."),
    ] = None
    unread_only: Annotated[
        bool | None, told("Only items whose histories hold something that the caller has not read.")
    ] = None
    exclude_action_history: Annotated[bool | None, told("Actions do not count as unread.")] = None
    exclude_comment_history: Annotated[bool | None, told("Comments do not count as unread.")] = None
    include_links: Annotated[bool | None, told("Add each item's links as `item_links`.")] = None
    include_lookups: Annotated[
        bool | None,
        told("Add the items that lookup fields name as `lookup_items`, and to those theirs."),
    ] = None
    include_lookups_limit: Annotated[
        int | None, told("How many levels of `lookup_items` at most, from 1.")
    ] = None
    return_number_value: Annotated[bool | None, told("Numbers as numbers, not as text.")] = None
    return_count_only: Annotated[bool | None, told("Only count: `items` is empty.")] = None
    omit_total_items: Annotated[bool | None, told("Do not count: `totalItems` is 0.")] = None
    total_items_max: Annotated[
        int | None, told("Count so many at most (ours): `totalItems` is never more.")
    ] = None
    include_fields_data: Annotated[
        bool | None, told("Add to the answer, as `fields`, the fields of the rows.")
    ] = None
    omit_fields_data: Annotated[
        bool | None, told("Leave `fields` out, whatever `include_fields_data` says.")
    ] = None
    select_fields: Annotated[
        list[str] | None,
        told("Only these fields, by display id or id; system keys are there in any case."),
    ] = None
    select_fields_lookup: Annotated[
        dict[str, list[str]] | None,
        told("For `lookup_items`: only these fields, by datastore (display ids or ids)."),
    ] = None
    data_result_timeout_sec: Annotated[
        float | None,
        told(
            f"Seconds that finding items may take: {READ_MS // 1000} by default, at most {LIST_MS_MAX // 1000}."
        ),
    ] = None
    total_count_timeout_sec: Annotated[
        float | None, told("Seconds that counting them may take, likewise.")
    ] = None
    no_cache: Annotated[bool | None, told("No effect: there is no cache.")] = None
    debug_query: Annotated[bool | None, told("No effect.")] = None
    format: Annotated[
        str | None, told("`json`, the default, `map`, which is the same here, or `csv`.")
    ] = None
    after: Annotated[
        str | None,
        told(
            "A walk in pages (ours): empty for the first page, then `next` of the one before; needs `per_page`."
        ),
    ] = None
    csv_bom: Annotated[bool | None, told("Begin a CSV with a byte order mark (ours).")] = None
    csv_formulas: Annotated[
        bool | None,
        told("Leave texts in a CSV that a spreadsheet would compute as they are (ours)."),
    ] = None


_item_list = msgspec.json.Decoder(ItemListBody)


def decode_item_list(request: HttpRequest) -> ItemListBody:
    """ItemList. Raises 400."""
    return check_item_list(decode_body(_item_list, request.body or b"{}"))


def check_item_list(body: ItemListBody) -> ItemListBody:
    """Raises 400 for what can't be meant together."""
    if body.format not in (None, "", "json", "map", "csv"):
        raise invalid_request(f"format {body.format[:40]} is neither json, map nor csv", "format")
    if body.include_lookups_limit is not None and body.include_lookups_limit < 1:
        raise invalid_request("include_lookups_limit must be at least 1", "include_lookups_limit")
    if body.total_items_max is not None and body.total_items_max < 1:
        raise invalid_request("total_items_max must be at least 1", "total_items_max")
    if body.after is not None:
        if not body.per_page:
            raise invalid_request("after needs per_page", "after")
        if body.page not in (None, 0, 1):
            raise invalid_request("after and page exclude each other", "after")
        if is_csv(body) or body.return_count_only:
            raise invalid_request("after is for items as JSON", "after")
    return body


def is_csv(body: ItemListBody) -> bool:
    """The list is wanted as CSV."""
    return body.format == "csv"


def timeout_ms(seconds: float | None) -> int | None:
    """A time limit in whole milliseconds, within what we allow; None: the usual one."""
    if seconds is None or seconds <= 0:
        return None
    return int(min(max(seconds * 1000, 1), LIST_MS_MAX))


def asked_for(body: ItemListBody, query: Query) -> bytes:
    """What a cursor is bound to: the datastore, conditions and order of a list."""
    sorts = [list(one) for one in _sorts(body)]
    flags = [
        bool(body.use_or_condition),
        bool(body.use_default_search),
        bool(body.unread_only),
        bool(body.exclude_action_history),
        bool(body.exclude_comment_history),
    ]
    return msgspec.json.encode([query.datastore.id, body.conditions or [], sorts, flags])


def decode_wish(
    conditions: list[ConditionBody] | dict[str, Any] | None,
    *,
    use_or: bool | None,
) -> Wish:
    """Conditions as the search reads them. Raises 400 for what is neither leaf nor group."""
    if not conditions:
        return Branch(())
    if isinstance(conditions, dict):
        raise invalid_request("conditions must be an array")
    return Branch(tuple(_wish(one) for one in conditions), any=bool(use_or))


def _wish(condition: ConditionBody) -> Wish:
    if condition.rpf_id:
        raise invalid_request("rpf_id is a condition of reports; items have none", condition.rpf_id)
    if condition.conditions is not None:
        if condition.id:
            raise invalid_request("a condition has an id or conditions, not both", condition.id)
        return decode_wish(condition.conditions, use_or=condition.use_or_condition)
    if not condition.id:
        raise invalid_request("a condition needs an id")
    return Leaf(
        condition.id,
        tuple(condition.search_value or ()),
        exact=bool(condition.exact_match),
        negate=bool(condition.not_match),
        include_null=condition.include_null,
    )


def make_scope(view: View, datastore: Datastore, now_ms: int = 0) -> Scope:
    """What the names in a list are read against."""
    return Scope(datastore, view.actor, SYSTEM_KEYS, day_of(now_ms, view.catalog.time_zone))


def make_list_query(view: View, body: ItemListBody, request: HttpRequest, now_ms: int) -> Query:
    """The query that a list asks for. Raises 404 for the place, 400 for what it can't mean."""
    params = request.params
    datastore = find_place(view, params["datastore-id"], params["app-id"])
    scope = make_scope(view, datastore, now_ms)
    condition = read_wish(decode_wish(body.conditions, use_or=body.use_or_condition), scope)
    if body.use_default_search:
        project = view.catalog.find_project(datastore.project)
        saved = project.find_default_search(datastore.id) if project else None
        if saved is not None:
            condition = AllOf((condition, read_saved(saved, scope)))
    if body.unread_only:
        condition = AllOf((condition, unread_test(view, body)))
    sorts = tuple(
        read_sort(key, descending=descending, scope=scope) for key, descending in _sorts(body)
    )
    query = make_query(
        view.catalog,
        view.actor,
        datastore,
        condition=condition,
        sorts=sorts,
        page=body.page or 1,
        per_page=body.per_page or 0,
        fields=select_fields(body.select_fields, scope),
    )
    if body.after:
        after = decode_cursor(body.after, asked_for(body, query), sorts)
        return replace(query, after=after)
    return query


def list_sorts(
    sorts: list[SortBody] | None, key: str | None, order: str | None
) -> tuple[tuple[str, bool], ...]:
    """What to sort by, and whether it descends: several keys, or else the one. Raises 400."""
    given = sorts if sorts is not None else [SortBody(key, order)] if key else []
    if len(given) > SORTS_MAX:
        raise invalid_request(f"over {SORTS_MAX} sort fields")
    return tuple((one.id, _is_descending(one.order)) for one in given)


def _sorts(body: ItemListBody) -> tuple[tuple[str, bool], ...]:
    return list_sorts(body.sort_fields, body.sort_field_id, body.sort_order)


def unread_test(view: View, body: ItemListBody) -> UnreadTest:
    """What counts as unread for the caller."""
    return UnreadTest(
        view.actor.user,
        actions=not body.exclude_action_history,
        comments=not body.exclude_comment_history,
    )


def row_options(view: View, body: ItemListBody, datastore: Datastore, language: str) -> RowOptions:
    """What the rows of a list hold. Raises 400 and 404 for names that mean nothing."""
    lookup_fields: dict[str, tuple[Field, ...]] = {}
    if body.include_lookups:
        for ref, names in (body.select_fields_lookup or {}).items():
            target = find_near(view, datastore, ref)
            lookup_fields[target.id] = select_fields(names, make_scope(view, target))
    return RowOptions(
        language=language,
        by_display_id=bool(body.use_display_id) and not body.use_field_id,
        numbers=bool(body.return_number_value),
        links=bool(body.include_links),
        lookups=bool(body.include_lookups),
        lookup_levels_max=body.include_lookups_limit or 0,
        lookup_fields=lookup_fields,
        unread=unread_test(view, body),
    )


def _is_descending(order: str | None) -> bool:
    word = (order or "asc").lower()
    if word not in ("asc", "desc"):
        raise invalid_request(f"the order {word[:40]} is neither asc nor desc")
    return word == "desc"


def select_fields(wanted: list[str] | None, scope: Scope) -> tuple[Field, ...]:
    """The fields that rows hold. System keys may be named; they are always there."""
    fields = shown_fields(scope.actor, scope.datastore)
    if not wanted:
        return fields
    known = {one.id: one for one in fields} | {one.display_id: one for one in fields}
    chosen: dict[str, Field] = {}
    for key in wanted:
        field = known.get(key)
        if field is not None:
            chosen[field.id] = field
        elif key not in SYSTEM_KEYS and key not in OTHER_KEYS:
            raise invalid_request(f"select_fields names no field: {key[:200]}", f"f_id:{key[:200]}")
    return tuple(one for one in fields if one.id in chosen)


# --- query strings ----------------------------------------------------------------------------


def read_flag(request: HttpRequest, name: str) -> bool:
    """A flag of the query string. Raises 400 for a word that is neither true nor false."""
    given = request.query.get(name)
    if given is None or given.lower() in ("false", "0", ""):
        return False
    if given.lower() in ("true", "1"):
        return True
    raise invalid_request(f"{name} must be true or false")


def read_revision(request: HttpRequest) -> int | None:
    """The revision that `at` asks for (ours); None if it is not there. Raises 400."""
    given = request.query.get("at")
    return None if given is None else _integer(given, "at", 0)


def decode_history_page(request: HttpRequest) -> HistoryPage:
    """GetItemHistories; the legacy route has other words for the same numbers."""
    query = request.query
    first = _integer(query.get("from_index") or query.get("from_item_index"), "from_index", 0)
    last = _integer(query.get("to_index") or query.get("to_item_index"), "to_index", first + 30)
    if last < first:
        raise invalid_request("to_index must not be before from_index")
    if last - first > HISTORIES_PER_PAGE_MAX:
        raise invalid_request(
            f"from_index to to_index span over {HISTORIES_PER_PAGE_MAX}, the most for one page"
        )
    return HistoryPage(
        first=first,
        count=last - first,
        since=_instant(query.get("from_datetime"), "from_datetime"),
        until=_instant(query.get("to_datetime"), "to_datetime"),
        actions=not read_flag(request, "exclude_action_history"),
        comments=not read_flag(request, "exclude_comment_history"),
    )


def read_number(given: str | None, name: str) -> int:
    """A whole number of the query string; 0 if it is not there. Raises 400."""
    return _integer(given, name, 0)


def _integer(given: str | None, name: str, default: int) -> int:
    if not given:
        return default
    if not given.isascii() or not given.isdigit() or len(given) > 9:
        raise invalid_request(f"{name} must be a whole number from 0")
    return int(given)


def _instant(given: str | None, name: str) -> int | None:
    if not given:
        return None
    found = parse_instant(given)
    if found is None:
        raise invalid_request(f"{name} must be a date and time like 2020-01-31T15:00:00.000Z")
    return found
