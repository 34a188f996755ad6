"""What must hold of reports and charts for them to mean something."""

from __future__ import annotations

from collections.abc import Iterator

from ...core.catalog import Datastore, Field
from ...core.kinds import Storage
from ...core.limits import REPORT_KEYS_MAX
from ...core.query import SystemKey
from ...core.saved import Aggregate, ReportColumn, SavedChart, SavedReport

RESERVED_COLUMNS = frozenset(
    ("i_id", "items", "id_value_results", "item_links", "lookup_items", "created_at", "updated_at")
)
_INSTANTS = frozenset(("datetime", "date", "time"))
_SYSTEM_TYPES = {
    SystemKey.REVISION: "number",
    SystemKey.CREATED_AT: "datetime",
    SystemKey.UPDATED_AT: "datetime",
}


def report_problem(report: SavedReport, datastore: Datastore) -> str:
    """Why a report means nothing; "" if it means something."""
    return next(_report_problems(report, datastore), "")


def _report_problems(report: SavedReport, datastore: Datastore) -> Iterator[str]:
    if not report.columns:
        yield "has no columns"
    names: set[str] = set()
    for one in report.columns:
        if one.display_id in names:
            yield f"has two columns {one.display_id}"
        if one.display_id in RESERVED_COLUMNS and one.display_id != one.key:
            yield f"has a column {one.display_id}, a name that rows use for something else"
        names.add(one.display_id)
        reason = _column_problem(one, datastore, is_grouped=report.is_grouped)
        if reason:
            yield f"has a column {one.display_id} that {reason}"
    keys = [one for one in report.columns if one.aggregate is None]
    if report.is_grouped:
        if len(keys) > REPORT_KEYS_MAX:
            yield f"groups by {len(keys)} columns, at most {REPORT_KEYS_MAX} are allowed"
        fields = [datastore.find_field(one.key) for one in keys]
        if sum(1 for one in fields if one and one.storage is Storage.LIST) > 1:
            yield "groups by two fields that hold several values"
    for sort in report.sorts:
        if sort.column not in names:
            yield f"is sorted by {sort.column}, which is no column of it"
    if not report.is_grouped:
        yield from _order_problems(report, datastore)


def _order_problems(report: SavedReport, datastore: Datastore) -> Iterator[str]:
    """Items are sorted as lists sort them."""
    keys = {one.display_id: one.key for one in report.columns}
    for sort in report.sorts:
        field = datastore.find_field(keys.get(sort.column, ""))
        if field is not None and (field.storage is Storage.LIST or not _holds_values(field)):
            yield f"is sorted by {sort.column}, which has no order"


def _holds_values(field: Field) -> bool:
    return field.storage is not None or field.kind.name == "status"


def _column_problem(column: ReportColumn, datastore: Datastore, *, is_grouped: bool) -> str:
    if not column.key:
        return "" if column.aggregate is Aggregate.COUNT else "names no field"
    field = datastore.find_field(column.key)
    if field is None:
        if column.key not in {one.value for one in SystemKey}:
            return "shows a field that is not in its datastore"
        kind = _SYSTEM_TYPES.get(SystemKey(column.key), "text")
    elif not _holds_values(field):
        return f"shows a {field.kind.name} field, which holds no values"
    else:
        kind = field.value_kind.name
    match column.aggregate:
        case Aggregate.SUM | Aggregate.AVERAGE if kind != "number":
            return f"computes the {column.aggregate.value} of what is no number"
        case Aggregate.MIN | Aggregate.MAX if kind != "number" and kind not in _INSTANTS:
            return f"computes the {column.aggregate.value} of what is neither number nor instant"
        case None if is_grouped and kind == "file":
            return "groups by files"
    if column.period is not None:
        if column.aggregate is not None or not is_grouped:
            return "has a `by`, which is for what items are grouped by"
        if kind not in ("datetime", "date"):
            return "has a `by` and holds no days"
    return ""


def chart_problem(chart: SavedChart, report: SavedReport) -> str:
    """Why a chart can't be drawn; "" if it can."""
    columns = {one.display_id: one for one in report.columns}
    named = [one for one in (chart.labels, chart.series, *chart.values) if one]
    for one in named:
        if one not in columns:
            return f"draws a column {one} that its report does not have"
    if len(set(named)) < len(named):
        return "draws a column twice"
    if not chart.labels or not chart.values:
        return "needs labels and values, each a column of its report"
    if any(columns[one].aggregate is None for one in chart.values):
        return "draws a value that its report does not compute"
    keys = {one.display_id for one in report.columns if one.aggregate is None}
    if keys != {one for one in (chart.labels, chart.series) if one}:
        return "must have each column that its report groups by as labels or series"
    if chart.series and len(chart.values) > 1:
        return "has series and so can draw one value only"
    return ""
