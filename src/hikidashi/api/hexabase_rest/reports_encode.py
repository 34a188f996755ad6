"""Reports and charts as they are shown: values for people, numbers as numbers (reports, charts)."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from ...core.catalog import Datastore
from ...core.grouping import ZoneSteps, format_day, format_period, local_time
from ...core.items import Item
from ...core.kinds import Option
from ...core.query import SystemKey
from ...core.record import record
from ...core.saved import Aggregate, SavedChart
from ...core.values import format_number
from ...service.app import View
from ...service.reports import Column, Drawing, Report
from ...service.shown import Known, Shown, localized
from .definitions_encode import data_type
from .reads_encode import RowOptions, encode_rows, list_time
from .reports_bodies import ReportBody
from .searches import WIRE_TYPES, encode_search_field

_INSTANTS: Final = frozenset(("datetime", "date", "time"))


@record
class Style:
    """How values are shown."""

    datastore: Datastore
    known: Known
    zone: ZoneSteps
    language: str = "en"
    in_utc: bool = False


def column_type(column: Column) -> str:
    """The word for what a column holds."""
    if column.subject is None or column.saved.aggregate in (
        Aggregate.COUNT,
        Aggregate.SUM,
        Aggregate.AVERAGE,
    ):
        return "number"
    if column.field is None:
        return WIRE_TYPES[SystemKey(column.saved.key)]
    return data_type(column.field) if column.is_key else column.field.value_kind.name


def column_title(column: Column, language: str) -> str:
    """The name of a column: its own, or that of what it shows."""
    if column.saved.names:
        return localized(column.saved.names, language)
    if column.is_key and column.field is not None:
        return localized(column.field.names, language)
    return column.saved.display_id


# --- values -----------------------------------------------------------------------------------


def tell(column: Column, value: Any, style: Style) -> object:
    """A value of a column; None where it is empty."""
    if value is None or value == "":
        return None
    if not column.is_key:
        return _amount(column, value, style)
    if column.period is not None:
        return format_period(value, column.period)
    if column.subject is SystemKey.STATUS:
        status = style.datastore.find_status(value)
        return localized(status.names, style.language) if status else ""
    if column.subject in (SystemKey.CREATED_BY, SystemKey.UPDATED_BY):
        return _user(value, style) or value
    if column.field is None:
        return _instant(value, "datetime", style) if _holds_instants(column) else value
    match column.field.value_kind.name:
        case "select" | "radio" | "checkbox":
            return ",".join(_label(_option(column, one), style) for one in _members(value))
        case "users":
            return ",".join(_user(one, style) for one in _members(value))
        case "file":
            return ",".join(value)
        case "dslookup":
            return style.known.titles.get(column.field.id, {}).get(value)
        case "boolean":
            return "true" if value else "false"
        case "number":
            return format_number(value)
        case "datetime" | "date" | "time" as kind:
            return _instant(value, kind, style)
        case _:
            return value


def tell_id(column: Column, value: Any, style: Style) -> object:
    """An option, status or user by id and by name; None for other columns."""
    if not column.is_key or value is None or value == "":
        return None
    if column.subject is SystemKey.STATUS:
        status = style.datastore.find_status(value)
        return {"id": status.display_id, "value": tell(column, value, style)} if status else None
    kind = column.field.kind.name if column.field is not None else ""
    if kind in ("select", "radio"):
        return _option_told(column, value, style)
    if kind == "checkbox":
        return [_option_told(column, one, style) for one in _members(value)]
    if kind == "users":
        return [{"id": one, "value": _user(one, style)} for one in _members(value)]
    return None


def _amount(column: Column, value: Any, style: Style) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    kind = column_type(column)
    if kind in _INSTANTS:
        return _instant(value, kind, style)
    return format_number(value)


def _members(value: Any) -> Iterable[str]:
    """Of a group there is one, of an item all."""
    return value if isinstance(value, tuple) else (value,)


def _holds_instants(column: Column) -> bool:
    return column.subject in (SystemKey.CREATED_AT, SystemKey.UPDATED_AT)


def _instant(ms: int, kind: str, style: Style) -> str:
    """In the workspace's time zone; a `date` that is midnight in UTC is that day everywhere."""
    if style.in_utc:
        return list_time(ms)
    zone: ZoneSteps = style.zone
    if kind == "date" and ms % 86_400_000 == 0:
        zone = ((0, 0),)
    day, rest = local_time(ms, zone)
    seconds = rest // 1000
    time = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    if kind == "date":
        return format_day(day)
    return time if kind == "time" else f"{format_day(day)} {time}"


def _option(column: Column, id_: str) -> Option | None:
    options = column.field.settings.options if column.field is not None else ()
    return next((one for one in options if one.id == id_), None)


def _label(option: Option | None, style: Style) -> str:
    return localized(option.label, style.language) if option is not None else ""


def _option_told(column: Column, id_: str, style: Style) -> dict[str, str]:
    option = _option(column, id_)
    return {"id": option.display_id if option else id_, "value": _label(option, style)}


def _user(id_: str, style: Style) -> str:
    person = style.known.users.get(id_)
    return person.name if person is not None else ""


# --- rows -------------------------------------------------------------------------------------


def encode_group_rows(
    report: Report, rows: Iterable[tuple[Any, ...]], style: Style, body: ReportBody
) -> list[dict[str, Any]]:
    """Groups as rows."""
    return [_row(report, row, style, body) for row in rows]


def encode_item_rows(
    view: View, report: Report, shown: Shown, style: Style, body: ReportBody
) -> list[dict[str, Any]]:
    """Items as rows."""
    wants_more = body.include_links or body.include_lookups
    options = RowOptions(
        language=style.language,
        by_display_id=True,
        numbers=True,
        links=bool(body.include_links),
        lookups=bool(body.include_lookups),
    )
    more = encode_rows(view, shown, options) if wants_more else [{}] * len(shown.items)
    rows = []
    for item, extra in zip(shown.items, more, strict=True):
        row = _row(report, [_held(item, one) for one in report.columns], style, body)
        row["i_id"] = item.id
        if body.include_item_ref:
            row["items"] = [{"d_id": item.datastore, "i_id": item.id}]
        if body.include_date_at:
            row["created_at"] = _instant(item.created_at, "datetime", style)
            changed = item.updated_at
            row["updated_at"] = None if changed is None else _instant(changed, "datetime", style)
        row |= {key: extra[key] for key in ("item_links", "lookup_items") if key in extra}
        rows.append(row)
    return rows


def _row(report: Report, values: Iterable[Any], style: Style, body: ReportBody) -> dict[str, Any]:
    pairs = list(zip(report.columns, values, strict=True))
    row = {one.saved.display_id: tell(one, value, style) for one, value in pairs}
    if body.return_id_value_results:
        ids = {one.saved.display_id: tell_id(one, value, style) for one, value in pairs}
        row["id_value_results"] = {key: one for key, one in ids.items() if one is not None}
    return row


def _held(item: Item, column: Column) -> Any:
    match column.subject:
        case SystemKey.ID:
            return item.id
        case SystemKey.REVISION:
            return item.rev
        case SystemKey.STATUS:
            return item.status
        case SystemKey.TITLE:
            return item.title
        case SystemKey.CREATED_AT:
            return item.created_at
        case SystemKey.CREATED_BY:
            return item.created_by
        case SystemKey.UPDATED_AT:
            return item.updated_at
        case SystemKey.UPDATED_BY:
            return item.updated_by
        case _:
            return item.values.get(column.saved.key)


# --- definitions ------------------------------------------------------------------------------


def encode_report(report: Report, at: int, language: str) -> dict[str, Any]:
    """An entry of the list of reports (ours)."""
    saved = report.saved
    return {
        "report_id": saved.id,
        "display_id": saved.display_id,
        "name": localized(saved.names, language),
        "desc": saved.description,
        "display_order": at,
        "d_id": report.datastore.id,
        "is_grouped": saved.is_grouped,
    }


def encode_chart(chart: SavedChart, at: int, language: str) -> dict[str, Any]:
    """An entry of the list of charts (ours)."""
    return {
        "chart_id": chart.id,
        "display_id": chart.display_id,
        "name": localized(chart.names, language),
        "display_order": at,
        "type": chart.type,
        "report_id": chart.report,
    }


def encode_columns(report: Report, language: str) -> list[dict[str, Any]]:
    """`report_fields`."""
    return [_column(one, report, language) for one in report.columns]


def _column(column: Column, report: Report, language: str) -> dict[str, Any]:
    kind = column_type(column)
    prefix = column.field.settings.prefix if column.field is not None else ""
    told: dict[str, Any] = {
        "title": column_title(column, language),
        "rpf_id": column.saved.id,
        "display_id": column.saved.display_id,
        "data_type": kind,
        "display_type": kind,
        "align": "right" if kind == "number" else "left",
        "width": 0,
        "num_info": {"prefix": prefix} if kind == "number" and prefix else {},
        "conditions": [],
        "f_id": column.field.id if column.field is not None else "",
        "d_id": report.datastore.id,
        "merge_cells": False,
        "hide": False,
        "disable_search": not is_searched(column),
        "use_integrated_report": False,
        "is_cross_key": False,
    }
    if column.saved.aggregate is not None:
        told["aggregate"] = column.saved.aggregate.value
    if column.period is not None:
        told["by"] = column.period.value
    return told


def is_searched(column: Column) -> bool:
    """Conditions may name it."""
    if not column.is_key or column.field is None:
        return column.is_key
    return column.field.search and column.field.value_kind.match != "none"


def encode_conditions(view: View, report: Report, language: str) -> list[dict[str, Any]]:
    """The columns that conditions may name."""
    told: list[dict[str, Any]] = []
    for column in report.columns:
        if not is_searched(column):
            continue
        entry: dict[str, Any] = {
            "f_id": "",
            "data_type": column_type(column),
        }
        if column.field is not None:
            place = len(told)
            entry = encode_search_field(
                column.field, place, report.datastore, view.catalog, language
            )
        entry |= {
            "name": column_title(column, language),
            "display_id": column.saved.display_id,
            "rpf_id": column.saved.id,
            "order": len(told),
        }
        told.append(entry)
    return told


def encode_drawing(chart: SavedChart, drawing: Drawing, style: Style) -> dict[str, Any]:
    """charts/GetChartData."""
    datasets = []
    for one in drawing.datasets:
        label = column_title(one.column, style.language)
        if one.series is not None:
            label = str(tell(*one.series, style) or "")
        data = [tell(one.column, value, style) for value in one.data]
        datasets.append({"data": data, "label": label})
    return {
        "chart": {"type": chart.type},
        "color": chart.color,
        "datasets": datasets,
        "labels": [str(_blank(tell(drawing.labels, one, style))) for one in drawing.ticks],
        "title": {"text": localized(chart.names, style.language)},
        "zero": chart.zero,
    }


def _blank(value: object) -> object:
    return "" if value is None else value
