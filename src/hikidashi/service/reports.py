"""Reports and charts as their reader may see them: rows of items or of groups, and drawings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import field as record_field
from typing import Any

from ..core.access import may_use_datastore
from ..core.catalog import Datastore, Field, Project
from ..core.conditions import (
    Scope,
    Wish,
    find_subject,
    make_query,
    read_saved,
    read_sort,
    read_wish,
    shown_fields,
)
from ..core.errors import invalid_request, no_place
from ..core.grouping import Computed, Grouping, GroupKey
from ..core.limits import CHART_LABELS_MAX, CHART_SERIES_MAX, REPORT_GROUPS_MAX
from ..core.places import get_project
from ..core.query import AllOf, Condition, Query, Sort, Subject, SystemKey
from ..core.record import record
from ..core.saved import Aggregate, Period, ReportColumn, SavedChart, SavedReport
from ..storage.items import read_titles
from ..storage.report_sql import list_groups
from .app import View
from .periods import zone_steps
from .shown import Known, aspect, find_users

_OWN_WORDS = {one.value: one for one in SystemKey}
_USERS = (SystemKey.CREATED_BY, SystemKey.UPDATED_BY)


@record
class Column:
    """A column that the actor is shown."""

    saved: ReportColumn
    subject: Subject | None  # None: items are counted
    field: Field | None  # None: a system key, or none at all
    period: Period | None  # the one that items are grouped by

    @property
    def is_key(self) -> bool:
        """Not computed."""
        return self.saved.aggregate is None

    @property
    def names_users(self) -> bool:
        """Its values are ids of users."""
        if self.field is not None:
            return self.field.kind.refers_to == "user"
        return self.subject in _USERS


@record
class Report:
    """A report with what its reader may see of it."""

    saved: SavedReport
    datastore: Datastore
    columns: tuple[Column, ...]

    def find_column(self, ref: str) -> Column | None:
        """A column by display id, else by id."""
        by_name = (one for one in self.columns if one.saved.display_id == ref)
        by_id = (one for one in self.columns if one.saved.id == ref)
        return next(by_name, None) or next(by_id, None)


# --- finding ----------------------------------------------------------------------------------


def list_reports(view: View, project: str) -> list[Report]:
    """The reports of a project that the actor may read. Raises 404."""
    saved = get_project(view.catalog, view.actor, project).reports
    return [found for one in saved if (found := _open(view, one)) is not None]


def get_report(view: View, project: str, ref: str) -> Report:
    """A report by id or display id. Raises 404, also where the actor may not see all it rests on."""
    saved = get_project(view.catalog, view.actor, project).find_report(ref)
    found = _open(view, saved) if saved is not None else None
    if found is None:
        raise no_place("report", ref)
    return found


def list_charts(view: View, project: str) -> list[tuple[SavedChart, Report]]:
    """The charts of a project that the actor may read, with what they draw. Raises 404."""
    place = get_project(view.catalog, view.actor, project)
    return [(one, found) for one in place.charts if (found := _drawn(view, place, one)) is not None]


def get_chart(view: View, project: str, ref: str) -> tuple[SavedChart, Report]:
    """A chart by id or display id, with what it draws. Raises 404."""
    place = get_project(view.catalog, view.actor, project)
    saved = place.find_chart(ref)
    found = _drawn(view, place, saved) if saved is not None else None
    if saved is None or found is None:
        raise no_place("chart", ref)
    return saved, found


def _drawn(view: View, project: Project, chart: SavedChart) -> Report | None:
    saved = project.find_report(chart.report)
    found = _open(view, saved) if saved is not None else None
    if found is None or not any(found.find_column(one) for one in chart.values):
        return None
    return found


def _open(view: View, saved: SavedReport) -> Report | None:
    """A report without the columns that the actor may not see.

    Where one of them is a condition or groups items, the others would not be what they say:
    then there is no report.
    """
    datastore = view.catalog.find_datastore(saved.datastore)
    if datastore is None or not may_use_datastore(view.actor, datastore):
        return None
    hidden = {one.id for one in datastore.fields}
    hidden -= {one.id for one in shown_fields(view.actor, datastore)}
    keys = {one.key for one in saved.columns if one.aggregate is None and saved.is_grouped}
    if not hidden.isdisjoint(keys | {one.key for one in saved.conditions}):
        return None
    scope = Scope(datastore, view.actor, _OWN_WORDS, (0, 0))
    columns = tuple(_column(one, saved, scope) for one in saved.columns if one.key not in hidden)
    return Report(saved, datastore, columns) if columns else None


def _column(saved: ReportColumn, report: SavedReport, scope: Scope) -> Column:
    if not saved.key:
        return Column(saved, None, None, None)
    subject = find_subject(saved.key, scope)
    field = scope.datastore.find_field(saved.key)
    kind = field.value_kind.name if field is not None else ""
    holds_days = kind in ("datetime", "date") or subject in (
        SystemKey.CREATED_AT,
        SystemKey.UPDATED_AT,
    )
    period = None
    if report.is_grouped and saved.aggregate is None and holds_days:
        period = saved.period or Period.DAY
    return Column(saved, subject, field, period)


# --- asking -----------------------------------------------------------------------------------


@record
class Asked:
    """What is wanted of a report beside what it says itself."""

    wish: Wish
    sorts: tuple[tuple[str, bool], ...] = ()  # columns, and whether they descend
    page: int = 1
    per_page: int = 0  # 0: all


def make_report_query(view: View, report: Report, asked: Asked, scope: Scope) -> Query:
    """The items that a report is made of, in the order of their rows. Raises 400."""
    wanted = read_wish(asked.wish, scope)
    saved = read_saved(report.saved, scope)
    return make_query(
        view.catalog,
        view.actor,
        report.datastore,
        condition=_both(saved, wanted),
        sorts=() if report.saved.is_grouped else _item_sorts(report, asked, scope),
        page=asked.page,
        per_page=asked.per_page,
        fields=tuple(one.field for one in report.columns if one.field is not None),
    )


def _both(saved: Condition, wanted: Condition) -> Condition:
    parts = tuple(one for one in (saved, wanted) if one != AllOf(()))
    return parts[0] if len(parts) == 1 else AllOf(parts)


def _sorts(report: Report, asked: Asked) -> Iterable[tuple[str, bool]]:
    return asked.sorts or [(one.column, one.descending) for one in report.saved.sorts]


def _item_sorts(report: Report, asked: Asked, scope: Scope) -> tuple[Sort, ...]:
    words = {**scope.system_keys, **_OWN_WORDS}
    inner = Scope(scope.datastore, scope.actor, words, scope.today)
    found = []
    for ref, descending in _sorts(report, asked):
        column = report.find_column(ref)
        if column is None and not asked.sorts:
            continue  # one that is hidden from the actor
        key = column.saved.key if column is not None else ref
        found.append(read_sort(key, descending=descending, scope=inner))
    return tuple(found)


# --- groups -----------------------------------------------------------------------------------


@record
class Groups:
    """The rows of a report of groups, in their order; a row has a value for each column."""

    rows: list[tuple[Any, ...]]
    known: Known = record_field(default_factory=Known)  # the names behind the ids


def read_groups(view: View, report: Report, query: Query, asked: Asked) -> Groups:
    """All groups of a query's items. Raises 400 if they are too many."""
    keys = [one for one in report.columns if one.is_key]
    values = [one for one in report.columns if not one.is_key]
    grouping = Grouping(
        query,
        tuple(GroupKey(one.subject, one.period) for one in keys if one.subject is not None),
        tuple(Computed(one.saved.aggregate or Aggregate.COUNT, one.subject) for one in values),
        zone_steps(view.catalog.time_zone),
        REPORT_GROUPS_MAX + 1,
    )
    found = list_groups(view.connection, grouping, view.actor.keyring)
    if len(found) > REPORT_GROUPS_MAX:
        raise invalid_request(f"the report has over {REPORT_GROUPS_MAX} groups: ask for less")
    place = {id(one): at for at, one in enumerate((*keys, *values))}
    order = [place[id(one)] for one in report.columns]
    rows = [tuple(both[at] for at in order) for both in ((*one.keys, *one.values) for one in found)]
    known = _known(view, report, rows)
    _sort(rows, report, known, _sorts(report, asked), is_asked=bool(asked.sorts))
    return Groups(rows, known)


def _known(view: View, report: Report, rows: list[tuple[Any, ...]]) -> Known:
    """The names behind the ids of group keys."""
    users: set[str] = set()
    titles = {}
    lookups = aspect(view.catalog, view.actor, report.datastore).lookups
    for at, column in enumerate(report.columns):
        if not column.is_key:
            continue
        held = {row[at] for row in rows if row[at] is not None}
        field = column.field
        if column.names_users:
            users |= held
        elif field is not None and field.id in lookups:
            titles[field.id] = read_titles(
                view.connection, view.access, lookups[field.id], held, view.actor.keyring
            )
    return Known(find_users(view, users), titles)


def _sort(
    rows: list[tuple[Any, ...]],
    report: Report,
    known: Known,
    sorts: Iterable[tuple[str, bool]],
    *,
    is_asked: bool,
) -> None:
    """By what is asked for, then by all that items are grouped by."""
    at = {one.saved.id: place for place, one in enumerate(report.columns)}
    ranks = [_rank(one, report.datastore, known) for one in report.columns]
    keys = [place for place, one in enumerate(report.columns) if one.is_key]
    rows.sort(key=lambda row: [_ordered(row[one], ranks[one]) for one in keys])
    for ref, descending in reversed(list(sorts)):
        column = report.find_column(ref)
        if column is not None:
            place = at[column.saved.id]
            rank = ranks[place]
            rows.sort(
                key=lambda row, place=place, rank=rank: _ordered(row[place], rank)[:2],  # type: ignore[misc]
                reverse=descending,
            )
        elif is_asked:
            raise invalid_request(f"the report has no column {ref[:200]}", ref[:200])


def _ordered(value: Any, rank: Callable[[Any], Any]) -> tuple[Any, ...]:
    """What is empty comes first."""
    return (False,) if value is None else (True, rank(value), value)


def _rank(column: Column, datastore: Datastore, known: Known) -> Callable[[Any], Any]:
    """What values of a column are sorted by."""
    field = column.field
    if not column.is_key:
        return lambda value: value
    places: dict[str, int] = {}
    if column.subject is SystemKey.STATUS:
        places = {one.id: at for at, one in enumerate(datastore.statuses)}
    elif field is not None and field.kind.has_options:
        places = {one.id: at for at, one in enumerate(field.settings.options)}
    if places:
        return lambda value: places.get(value, len(places))
    if field is not None and field.id in known.titles:
        titles = known.titles[field.id]
        return lambda value: titles.get(value, "")
    if column.names_users:
        return lambda value: known.users[value].name if value in known.users else ""
    return lambda value: value


# --- charts -----------------------------------------------------------------------------------


@record
class Dataset:
    """One line, or set of bars."""

    column: Column  # what is drawn
    series: tuple[Column, Any] | None  # the value that it is for
    data: tuple[Any, ...]  # for each label


@record
class Drawing:
    """What a chart shows."""

    labels: Column
    ticks: tuple[Any, ...]
    datasets: tuple[Dataset, ...]
    known: Known


def draw(chart: SavedChart, report: Report, groups: Groups) -> Drawing:
    """A chart of a report's groups. Raises 400 if it has too many labels or series."""
    place = {one.saved.display_id: at for at, one in enumerate(report.columns)}
    labels, values = place[chart.labels], [place[one] for one in chart.values if one in place]
    ticks = list(dict.fromkeys(row[labels] for row in groups.rows))
    if len(ticks) > CHART_LABELS_MAX:
        raise invalid_request(f"the chart has over {CHART_LABELS_MAX} labels: ask for less")
    series: list[Any] = [None]
    if chart.series:
        series = list(dict.fromkeys(row[place[chart.series]] for row in groups.rows))
        if len(series) > CHART_SERIES_MAX:
            raise invalid_request(f"the chart has over {CHART_SERIES_MAX} series: ask for less")
        rank = _rank(report.columns[place[chart.series]], report.datastore, groups.known)
        series.sort(key=lambda one: _ordered(one, rank))
    datasets = []
    for value in values:
        for one in series:
            rows = groups.rows
            told = None
            if chart.series:
                at = place[chart.series]
                rows = [row for row in rows if row[at] == one]
                told = (report.columns[at], one)
            found = {row[labels]: row[value] for row in rows}
            empty = _of_nothing(report.columns[value])
            data = tuple(found.get(tick, empty) for tick in ticks)
            datasets.append(Dataset(report.columns[value], told, data))
    return Drawing(report.columns[labels], tuple(ticks), tuple(datasets), groups.known)


def _of_nothing(column: Column) -> int | None:
    """What a column computes where there is no item."""
    return 0 if column.saved.aggregate in (Aggregate.COUNT, Aggregate.SUM) else None
