"""Reports and charts in schema files: made, changed, exported, and refused where they mean nothing."""

from __future__ import annotations

import pytest

from hikidashi.core.limits import REPORT_COLUMNS_MAX, REPORT_KEYS_MAX
from hikidashi.core.saved import Aggregate, Period, ReportSort, SavedCondition
from tests.kept import kept
from tests.schema_world import SchemaWorld, make_world

FILE = """
workspaces:
  - name: W
    applications:
      - display_id: shop
        datastores:
          - display_id: orders
            statuses: [{display_id: Open}]
            fields:
              - {display_id: Status, type: status}
              - {display_id: Due, type: date}
              - {display_id: Size, type: number}
              - {display_id: Note, type: text}
              - {display_id: Who, type: users}
              - {display_id: Too, type: users}
              - {display_id: Papers, type: file}
              - {display_id: Line, type: separator}
        reports:
          - display_id: months
            name: {en: Months, ja: 月別}
            description: What each month brought
            datastore: orders
            any: true
            conditions: [{field: Status, values: [Open]}]
            columns:
              - {id: 5d4c058baa39555618ac9e98, display_id: Month, name: Month, field: Due, by: month}
              - {field: Size, aggregate: sum}
              - {display_id: Orders, aggregate: count}
              - {display_id: Last, field: updated_at, aggregate: max}
            sort: [{column: Month, descending: true}, Orders]
          - {display_id: plain, datastore: orders, columns: [Note]}
        charts:
          - display_id: drawn
            name: Drawn
            report: months
            type: line
            labels: Month
            values: [Size_sum, Orders]
            zero: false
            color: teal
"""


kept_world = kept(make_world)


@pytest.fixture
def world(kept_world) -> SchemaWorld:
    return kept_world.take()


def test_reports_and_charts_are_made_told_and_exported(world):
    lines = world.apply(FILE)
    assert {"+ report shop/months", "+ report shop/plain", "+ chart shop/drawn"} <= set(lines)
    project = world.catalog.find_project("shop")
    orders = project.find_datastore("orders")
    key = {one.display_id: one.id for one in orders.fields}
    months, plain = project.reports
    assert (months.description, months.any, months.is_grouped) == (
        "What each month brought",
        True,
        True,
    )
    assert months.conditions == (SavedCondition(key["Status"], ("Open",)),)
    assert [
        (one.display_id, dict(one.names), one.key, one.aggregate, one.period)
        for one in months.columns
    ] == [
        ("Month", {"en": "Month"}, key["Due"], None, Period.MONTH),
        ("Size_sum", {}, key["Size"], Aggregate.SUM, None),
        ("Orders", {}, "", Aggregate.COUNT, None),
        ("Last", {}, "updated_at", Aggregate.MAX, None),
    ]
    assert months.columns[0].id == "5d4c058baa39555618ac9e98"
    assert months.sorts == (ReportSort("Month", descending=True), ReportSort("Orders"))
    assert not plain.is_grouped
    (chart,) = project.charts
    assert (chart.report, chart.type, chart.labels) == (months.id, "line", "Month")
    assert (chart.values, chart.series, chart.zero) == (("Size_sum", "Orders"), "", False)
    assert world.plan(FILE) == []
    exported = world.export()
    assert world.plan(exported) == []
    assert world.apply(FILE.replace("column: Month, d", "column: Last, d")) == [
        "~ report shop/months: sort"
    ]
    assert world.apply(exported) == ["~ report shop/months: sort"]


def test_a_column_keeps_its_id_under_its_name(world):
    world.apply(FILE)
    before = {one.display_id: one.id for one in world.project("shop").find_report("months").columns}
    changed = FILE.replace("aggregate: sum", "display_id: Size_sum, aggregate: average")
    assert world.apply(changed) == ["~ report shop/months: columns"]
    after = {one.display_id: one.id for one in world.project("shop").find_report("months").columns}
    assert after == before


def test_a_field_may_be_renamed_under_a_report_and_both_go_without_asking(world):
    world.apply(FILE)
    renamed = FILE.replace("display_id: Size,", "display_id: Width, was: Size,")
    renamed = renamed.replace("{field: Size,", "{display_id: Size_sum, field: Width,")
    assert "~ field shop/orders/Width: display_id (Size -> Width)" in world.apply(renamed)
    assert "field: Width" in world.export()
    start = FILE[: FILE.index("        datastores:")]
    gone = "          - {display_id: %s, deleted: true}\n"
    text = f"{start}        reports:\n{gone % 'months'}        charts:\n{gone % 'drawn'}"
    assert world.apply(text) == ["- report shop/months", "- chart shop/drawn"]


MANY = ", ".join(f"{{display_id: c{at}, aggregate: count}}" for at in range(REPORT_COLUMNS_MAX + 1))
KEYS = ", ".join(f"{{display_id: k{at}, field: Note}}" for at in range(REPORT_KEYS_MAX + 1))


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("columns: [Note]", "columns: []", "has no columns"),
        ("columns: [Note]", "columns: [Not]", "has no field Not"),
        ("columns: [Note]", "columns: [{name: x}]", "needs field"),
        ("columns: [Note]", "columns: [{field: Size, aggregate: most}]", "must be one of count"),
        ("columns: [Note]", "columns: [{field: Note, aggregate: sum}]", "sum of what is no number"),
        (
            "columns: [Note]",
            "columns: [{field: Note, aggregate: max}]",
            "neither number nor instant",
        ),
        (
            "columns: [Note]",
            "columns: [{field: Due, by: month}]",
            "is for what items are grouped by",
        ),
        ("columns: [Note]", "columns: [{field: Line}]", "holds no values"),
        ("columns: [Note]", "columns: [Note, Note]", "two columns Note"),
        ("columns: [Note]", "columns: [{field: Note, display_id: i_id}]", "use for something else"),
        ("columns: [Note]", "columns: [{field: Note, id: x}]", "24 hex digits"),
        (
            "columns: [Note]",
            "columns: [Papers, {display_id: n, aggregate: count}]",
            "groups by files",
        ),
        (
            "columns: [Note]",
            "columns: [Who, Too, {display_id: n, aggregate: count}]",
            "several values",
        ),
        ("columns: [Note]", f"columns: [{MANY}]", f"at most {REPORT_COLUMNS_MAX}"),
        (
            "columns: [Note]",
            f"columns: [{KEYS}, {{display_id: n, aggregate: count}}]",
            f"at most {REPORT_KEYS_MAX}",
        ),
        ("columns: [Note]", "columns: [Note], sort: [Size]", "which is no column of it"),
        ("columns: [Note]", "columns: [Who], sort: [Who]", "which has no order"),
        ("columns: [Note]", "columns: [Note], sort: [{descending: true}]", "needs column"),
        ("field: Due, by: month", "field: Note, by: month", "holds no days"),
        ("datastore: orders, columns: [Note]", "columns: [aggregate]", "has no field aggregate"),
        ("datastore: orders, columns: [Note]", "columns: []", "needs a datastore"),
        ("values: [Open]", "values: [Shut]", "a status Shut that is not there"),
        ("report: months", "report: month", "has no report month"),
        ("            report: months\n", "", "needs a report"),
        ("type: line", "type: cake", "must be one of bar"),
        ("labels: Month", "labels: Mont", "draws a column Mont that its report does not have"),
        ("labels: Month", "labels: Orders", "draws a column twice"),
        ("labels: Month\n", "series: Month\n", "needs labels and values"),
        ("values: [Size_sum, Orders]", "values: [Month]", "twice"),
        ("labels: Month", "labels: Last", "each column that its report groups by"),
        ("report: months\n", "report: plain\n", "does not have"),
    ],
)
def test_what_means_nothing_is_refused(world, before, after, words):
    assert before in FILE
    problems = world.problems(FILE.replace(before, after))
    assert any(words in one for one in problems), problems


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (
            "datastores: [{display_id: orders, fields: [{display_id: Size, deleted: true}]}]",
            "a field",
        ),
        ("reports: [{display_id: months, deleted: true}]", "draws a report that is gone"),
        ("reports: [{display_id: months, columns: [Note]}]", "no column of it"),
    ],
)
def test_what_a_report_or_chart_rests_on_can_not_go_unnoticed(world, part, words):
    world.apply(FILE)
    start = FILE[: FILE.index("        datastores:")]
    problems = world.problems(f"{start}        {part}\n", "shop/orders/Size")
    assert any(words in one for one in problems), problems
