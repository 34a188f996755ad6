"""Groups of a query's items as SQL: one statement, over the same source as lists."""

from __future__ import annotations

from decimal import Decimal
from typing import assert_never

from ..core.catalog import Field
from ..core.grouping import (
    DAY_MS,
    EPOCH_DAYS,
    Amount,
    Computed,
    Group,
    Grouping,
    GroupKey,
    ZoneSteps,
    average,
)
from ..core.kinds import Storage
from ..core.query import SystemKey
from ..core.saved import Aggregate, Period
from .engines import Connection, Query as Statement
from .search import find_reach
from .search_sql import Compiler

_SHIFT_MS = EPOCH_DAYS * DAY_MS


def list_groups(connection: Connection, grouping: Grouping, keyring: frozenset[str]) -> list[Group]:
    """The groups of visible items, in no order."""
    reach = find_reach(connection, grouping.query.datastore, keyring)
    compiler = Compiler(grouping.query, keyring, reach)
    statement = _select(connection, compiler, grouping)
    rows = connection.query(statement.sql, statement.params)
    width = len(grouping.keys)
    return [Group(row[:width], _amounts(row[width:], grouping.values)) for row in rows]


def _select(connection: Connection, compiler: Compiler, grouping: Grouping) -> Statement:
    """The items' keys and values inside; periods, groups and what is computed around them."""
    inner: list[str] = []
    outer: list[str] = []
    joins = ""
    for at, key in enumerate(grouping.keys):
        column = compiler.value(key.subject)
        if isinstance(key.subject, Field) and key.subject.storage is Storage.LIST:
            joins += f" LEFT JOIN {connection.words.members.format(column, f'm{at}')} ON TRUE"
            column = f"m{at}.value"
        inner.append(f"{_day(key, column, grouping.zone)} AS k{at}")
        outer.append(f"{_period(f'r.k{at}', key.period)} AS g{at}")
    for at, value in enumerate(grouping.values):
        if value.subject is not None:
            inner.append(f"{compiler.value(value.subject)} AS v{at}")
        outer += _computed(value, f"r.v{at}", connection.words.total)
    columns = ", ".join(inner or ["1 AS one"])
    text = f"SELECT {', '.join(outer)} FROM (SELECT {columns} {compiler.source(joins)}) r"  # noqa: S608
    if grouping.keys:
        text += f" GROUP BY {', '.join(f'g{at}' for at in range(len(grouping.keys)))}"
    if grouping.groups_max:
        text += " LIMIT ?"
        compiler.params.append(grouping.groups_max)
    return compiler.statement(text)


def _computed(value: Computed, column: str, total: str) -> list[str]:
    counted = f"count({column})" if value.subject is not None else "count(*)"
    match value.aggregate:
        case Aggregate.COUNT:
            return [counted]
        case Aggregate.SUM:
            return [total.format(column)]
        case Aggregate.AVERAGE:
            return [total.format(column), counted]
        case Aggregate.MIN:
            return [f"min({column})"]
        case Aggregate.MAX:
            return [f"max({column})"]
        case _:
            assert_never(value.aggregate)


def _amounts(found: tuple[object, ...], values: tuple[Computed, ...]) -> tuple[Amount, ...]:
    made: list[Amount] = []
    left = iter(found)
    for one in values:
        amount = next(left)
        if one.aggregate in (Aggregate.SUM, Aggregate.AVERAGE):
            amount = None if amount is None else Decimal(str(amount))
        if one.aggregate is Aggregate.AVERAGE:
            count = next(left)
            if isinstance(amount, Decimal) and isinstance(count, int):
                amount = average(amount, count)
        made.append(amount)  # type: ignore[arg-type]
    return tuple(made)


# --- the calendar -----------------------------------------------------------------------------


def _day(key: GroupKey, column: str, zone: ZoneSteps) -> str:
    """The number of the day that an instant lies in where the workspace is.

    A `date` that is midnight in UTC is that day everywhere: so it was written.
    """
    if key.period is None:
        return column
    offset = _offset(column, zone)
    if not isinstance(key.subject, SystemKey) and key.subject.kind.name == "date":
        offset = f"CASE WHEN {column} % {DAY_MS} = 0 THEN 0 ELSE {offset} END"
    return f"({column} + {offset} + {_SHIFT_MS}) / {DAY_MS}"


def _offset(column: str, zone: ZoneSteps) -> str:
    """What a time zone adds to an instant, as a tree of comparisons."""
    if len(zone) == 1:
        return f"({zone[0][1]})"
    middle = len(zone) // 2
    early, late = _offset(column, zone[:middle]), _offset(column, zone[middle:])
    return f"(CASE WHEN {column} < {zone[middle][0]} THEN {early} ELSE {late} END)"


def _period(day: str, period: Period | None) -> str:
    """The number of the period that a day lies in, by whole numbers alone.

    Years begin in March here, so that what a leap year adds comes last; see C. Neri and L. Schneider,
    "Euclidean affine functions and their application to calendar algorithms" (2022).
    """
    if period is None or period is Period.DAY:
        return day
    if period is Period.WEEK:
        return f"({day} + 2) / 7"
    in_century = f"(((4 * {day} + 3) % 146097) / 4 * 4 + 3)"
    years = f"(100 * ((4 * {day} + 3) / 146097) + {in_century} / 1461)"
    months = f"((5 * (({in_century} % 1461) / 4) + 2) / 153)"
    number = f"({years} * 12 + {months} + 2)"  # January of the year 0 is 0
    match period:
        case Period.MONTH:
            return number
        case Period.QUARTER:
            return f"({number} / 3)"
        case Period.YEAR:
            return f"({number} / 12)"
        case _:
            assert_never(period)
