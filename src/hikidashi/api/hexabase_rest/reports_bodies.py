"""What is asked of reports and charts, in a body or in a query string."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from ...core.conditions import Branch, Scope, Wish
from ...core.errors import invalid_request
from ...core.limits import LIST_MS_MAX, PAGE_ITEMS_MAX, READ_MS, REPORT_GROUPS_MAX
from ...core.query import SystemKey
from ...service.app import View
from ...service.lists import day_of
from ...service.reports import Asked, Report
from ..body import decode_body, told
from ..exchange import HttpRequest, QueryKey
from .reads_bodies import (
    SYSTEM_KEYS,
    ConditionBody,
    SortBody,
    decode_wish,
    list_sorts,
    read_flag,
    read_number,
)

_WORDS: Final = {**{one.value: one for one in SystemKey}, **SYSTEM_KEYS}
_IN_EFFECT: Final = "Only where rows are items."


class ReportBody(msgspec.Struct):
    """reports/GetReportDataByConditions."""

    conditions: Annotated[
        list[ConditionBody] | dict[str, Any] | None,
        told("What has to hold for an item, besides the report's own conditions."),
    ] = None
    use_or_condition: Annotated[
        bool | None, told("One of them is enough; otherwise all have to hold.")
    ] = None
    page: Annotated[int | None, told("Which page; 1, the default, is the first.")] = None
    per_page: Annotated[
        int | None,
        told(
            f"How many rows, up to {PAGE_ITEMS_MAX:,}; 0, the default, is all (of groups up to {REPORT_GROUPS_MAX:,})."
        ),
    ] = None
    sort_field_id: Annotated[
        str | None, told("The column to sort by, by display id or id, in place of the report's.")
    ] = None
    sort_order: Annotated[str | None, told("`asc`, the default, or `desc`.")] = None
    sort_fields: Annotated[
        list[SortBody] | None, told("Several columns, in place of `sort_field_id`.")
    ] = None
    include_date_at: Annotated[
        bool | None, told(f"Add `created_at` and `updated_at`. {_IN_EFFECT}")
    ] = None
    include_lookups: Annotated[
        bool | None,
        told(f"Add the items that lookup fields name as `lookup_items`. {_IN_EFFECT}"),
    ] = None
    include_item_ref: Annotated[
        bool | None, told(f"Add `items`: the item's id with its datastore's. {_IN_EFFECT}")
    ] = None
    include_links: Annotated[
        bool | None, told(f"Add each item's links as `item_links`. {_IN_EFFECT}")
    ] = None
    return_number_value: Annotated[
        bool | None, told("No effect: numbers are numbers in any case.")
    ] = None
    return_id_value_results: Annotated[
        bool | None,
        told("Add, as `id_value_results`, the ids of options, statuses and users beside names."),
    ] = None
    return_count_only: Annotated[bool | None, told("Only count: `report_results` is null.")] = None
    return_utc_datetime: Annotated[
        bool | None, told("Instants in UTC as lists show them, not in the workspace's time zone.")
    ] = None
    omit_total_items: Annotated[bool | None, told("Do not count: `totalItems` is 0.")] = None
    omit_fields_data: Annotated[bool | None, told("Leave `report_fields` out.")] = None
    data_result_timeout_sec: Annotated[
        float | None,
        told(
            f"Seconds that finding rows may take: {READ_MS // 1000} by default, at most {LIST_MS_MAX // 1000}."
        ),
    ] = None
    total_count_timeout_sec: Annotated[
        float | None, told("Seconds that counting them may take, likewise.")
    ] = None
    format: Annotated[str | None, told("`json`, the default, or `csv`.")] = None


class ChartBody(msgspec.Struct):
    """charts/GetChartDataByConditions."""

    conditions: Annotated[
        list[ConditionBody] | dict[str, Any] | None,
        told("What has to hold for an item, besides the conditions of the report drawn."),
    ] = None
    use_or_condition: Annotated[
        bool | None, told("One of them is enough; otherwise all have to hold.")
    ] = None


REPORT_QUERY: Final = (
    QueryKey("page", "integer", "Which page; 1, the default, is the first."),
    QueryKey("per_page", "integer", "How many rows; 0, the default, is all of them."),
    QueryKey("sort_field_id", "string", "The column to sort by, in place of the report's order."),
    QueryKey("sort_order", "string", "`asc`, the default, or `desc`."),
    QueryKey("include_date_at", "boolean", f"Add `created_at` and `updated_at`. {_IN_EFFECT}"),
    QueryKey("include_lookups", "boolean", f"Add `lookup_items`. {_IN_EFFECT}"),
    QueryKey("include_item_ref", "boolean", f"Add `items`. {_IN_EFFECT}"),
    QueryKey("include_links", "boolean", f"Add `item_links`. {_IN_EFFECT}"),
    QueryKey("return_id_value_results", "boolean", "Add `id_value_results`: ids beside names."),
    QueryKey("return_count_only", "boolean", "Only count: `report_results` is null."),
    QueryKey("return_utc_datetime", "boolean", "Instants in UTC as lists show them."),
    QueryKey("omit_total_items", "boolean", "Do not count: `totalItems` is 0."),
    QueryKey("omit_fields_data", "boolean", "Leave `report_fields` out."),
    QueryKey("format", "string", "`json`, the default, or `csv`."),
)

_report = msgspec.json.Decoder(ReportBody)
_chart = msgspec.json.Decoder(ChartBody)


def decode_report(request: HttpRequest) -> ReportBody:
    """GetReportDataByConditions. Raises 400."""
    return _checked(decode_body(_report, request.body or b"{}"))


def decode_chart(request: HttpRequest) -> ChartBody:
    """GetChartDataByConditions. Raises 400."""
    return decode_body(_chart, request.body or b"{}")


def read_report_query(request: HttpRequest) -> ReportBody:
    """GetReportData. Raises 400."""
    query = request.query
    return _checked(
        ReportBody(
            page=read_number(query.get("page"), "page"),
            per_page=read_number(query.get("per_page"), "per_page"),
            sort_field_id=query.get("sort_field_id"),
            sort_order=query.get("sort_order"),
            include_date_at=read_flag(request, "include_date_at"),
            include_lookups=read_flag(request, "include_lookups"),
            include_item_ref=read_flag(request, "include_item_ref"),
            include_links=read_flag(request, "include_links"),
            return_id_value_results=read_flag(request, "return_id_value_results"),
            return_count_only=read_flag(request, "return_count_only"),
            return_utc_datetime=read_flag(request, "return_utc_datetime"),
            omit_total_items=read_flag(request, "omit_total_items"),
            omit_fields_data=read_flag(request, "omit_fields_data"),
            format=query.get("format"),
        )
    )


def _checked(body: ReportBody) -> ReportBody:
    if body.format not in (None, "", "json", "csv"):
        raise invalid_request(f"format {body.format[:40]} is neither json nor csv", "format")
    return body


def asked_of(body: ReportBody, report: Report) -> Asked:
    """What a body wants. Raises 400."""
    return Asked(
        read_conditions(body.conditions, report, use_or=body.use_or_condition),
        list_sorts(body.sort_fields, body.sort_field_id, body.sort_order),
        body.page or 1,
        body.per_page or 0,
    )


def read_conditions(
    conditions: list[ConditionBody] | dict[str, Any] | None,
    report: Report,
    *,
    use_or: bool | None,
) -> Wish:
    """Conditions that may name columns: those that show a value stand for what they show."""
    if not isinstance(conditions, list):
        return decode_wish(conditions, use_or=use_or) if conditions else Branch(())
    return decode_wish([_named(one, report) for one in conditions], use_or=use_or)


def _named(condition: ConditionBody, report: Report) -> ConditionBody:
    if condition.conditions is not None and not condition.rpf_id:
        inner = [_named(one, report) for one in condition.conditions]
        return msgspec.structs.replace(condition, conditions=inner)
    ref = condition.rpf_id or condition.id or ""
    column = report.find_column(ref)
    if column is None:
        if condition.rpf_id:
            raise invalid_request(f"the report has no column {ref[:200]}", ref[:200])
        return condition
    if not column.is_key:
        raise invalid_request(f"{ref} is computed, so it can't be searched by", ref)
    return msgspec.structs.replace(condition, id=column.saved.key, rpf_id=None)


def report_scope(view: View, report: Report, now_ms: int) -> Scope:
    """What the names in conditions are read against."""
    today = day_of(now_ms, view.catalog.time_zone)
    return Scope(report.datastore, view.actor, _WORDS, today)
