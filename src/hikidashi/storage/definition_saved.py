"""Rows of what projects keep under names, and settings of fields, as the catalogue holds them."""

from __future__ import annotations

from collections.abc import Iterable

from ..core.kinds import Option, Settings
from ..core.relations import Relation
from ..core.saved import (
    Constant,
    Function,
    ReportColumn,
    ReportSort,
    SavedChart,
    SavedCondition,
    SavedQuery,
    SavedReport,
    Schedule,
    Webhook,
)
from .definition_bodies import (
    ChartBody,
    ConditionBody,
    ConstantBody,
    Definition,
    FieldBody,
    FunctionBody,
    QueryBody,
    RelationBody,
    ReportBody,
    ScheduleBody,
    WebhookBody,
)


def make_webhook(row: Definition, body: WebhookBody) -> Webhook:
    """A webhook."""
    return Webhook(
        id=row.id,
        display_id=row.display_id,
        names=body.names,
        position=row.position,
        url=body.url,
        actions=None if body.actions is None else frozenset(body.actions),
        is_enabled=body.is_enabled,
        secret_number=body.secret_number,
    )


def make_relation(row: Definition, body: RelationBody) -> Relation:
    """A relation of a datastore."""
    return Relation(
        row.id, row.display_id, body.names, row.position, body.target, body.field, body.equals
    )


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


def make_functions(rows: Iterable[Definition], every: frozenset[str]) -> list[Function]:
    """Those among the parts of a project; `every` is its roles."""
    return [_function(one, one.body, every) for one in rows if isinstance(one.body, FunctionBody)]


def _function(row: Definition, body: FunctionBody, every: frozenset[str]) -> Function:
    """A function; `every` is the roles of its project."""
    return Function(
        row.id,
        row.display_id,
        body.names,
        row.position,
        body.script,
        body.description,
        every if body.roles is None else frozenset(body.roles),
    )


def make_constants(rows: Iterable[Definition]) -> list[Constant]:
    """Those among the parts of a project."""
    return [_constant(one, one.body) for one in rows if isinstance(one.body, ConstantBody)]


def _constant(row: Definition, body: ConstantBody) -> Constant:
    """A constant."""
    return Constant(row.id, row.display_id, row.position, body.value, body.description)


def make_schedules(rows: Iterable[Definition]) -> list[Schedule]:
    """Those among the parts of a project."""
    return [_schedule(one, one.body) for one in rows if isinstance(one.body, ScheduleBody)]


def _schedule(row: Definition, body: ScheduleBody) -> Schedule:
    """A schedule."""
    return Schedule(
        id=row.id,
        display_id=row.display_id,
        names=body.names,
        position=row.position,
        datastore=body.datastore,
        action=body.action,
        cron=body.cron,
        description=body.description,
        time_zone=body.time_zone,
        query=body.query,
        conditions=None if body.conditions is None else _conditions(body.conditions),
        any=body.any,
        values=body.values,
        comment=body.comment,
        user=body.user,
        is_enabled=body.is_enabled,
    )


def _conditions(given: tuple[ConditionBody, ...]) -> tuple[SavedCondition, ...]:
    return tuple(
        SavedCondition(one.field, one.values, one.exact, one.negate, one.include_null)
        for one in given
    )


def make_settings(body: FieldBody) -> Settings:
    """What a field tells its kind."""
    return Settings(
        options=tuple(
            Option(one.id, one.display_id, one.label, one.enabled, one.color)
            for one in body.options
        ),
        selected=body.selected,
        min_value=body.min_value,
        max_value=body.max_value,
        indexed=body.unique or body.has_index,
        prefix=body.prefix,
        digits=body.digits,
        zero_padding=body.zero_padding,
        single=body.single,
        lookup_datastore=body.lookup_datastore,
        lookup_field=body.lookup_field,
        link_back=body.link_back,
        formula=body.formula,
        result=body.result,
        extra=body.extra,
    )
