"""Rows of queries, reports and charts as the catalogue holds them."""

from __future__ import annotations

from ..core.saved import (
    ReportColumn,
    ReportSort,
    SavedChart,
    SavedCondition,
    SavedQuery,
    SavedReport,
)
from .definition_bodies import ChartBody, ConditionBody, Definition, QueryBody, ReportBody


def make_query(row: Definition, body: QueryBody) -> SavedQuery:
    """A saved query."""
    return SavedQuery(
        id=row.id,
        display_id=row.display_id,
        names=body.names,
        position=row.position,
        datastore=body.datastore,
        description=body.description,
        conditions=_conditions(body.conditions),
        any=body.any,
        is_default=body.default_search,
    )


def make_report(row: Definition, body: ReportBody) -> SavedReport:
    """A report."""
    return SavedReport(
        id=row.id,
        display_id=row.display_id,
        names=body.names,
        position=row.position,
        datastore=body.datastore,
        description=body.description,
        conditions=_conditions(body.conditions),
        any=body.any,
        columns=tuple(
            ReportColumn(one.id, one.display_id, one.names, one.field, one.aggregate, one.period)
            for one in body.columns
        ),
        sorts=tuple(ReportSort(one.column, one.descending) for one in body.sorts),
    )


def make_chart(row: Definition, body: ChartBody) -> SavedChart:
    """A chart."""
    return SavedChart(
        id=row.id,
        display_id=row.display_id,
        names=body.names,
        position=row.position,
        report=body.report,
        type=body.type,
        labels=body.labels,
        series=body.series,
        values=body.values,
        zero=body.zero,
        color=body.color,
    )


def _conditions(given: tuple[ConditionBody, ...]) -> tuple[SavedCondition, ...]:
    return tuple(
        SavedCondition(one.field, one.values, one.exact, one.negate, one.include_null)
        for one in given
    )
