"""Saved queries in schema files: made, changed, exported, and refused where they mean nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hikidashi.core.saved import SavedCondition
from tests.schema_world import SchemaWorld

FILE = """
workspaces:
  - name: W
    applications:
      - display_id: shop
        datastores:
          - display_id: orders
            statuses: [{display_id: Open}, {display_id: Done}]
            fields:
              - {display_id: Status, type: status}
              - {display_id: Due, type: date}
              - {display_id: Size, type: number}
              - display_id: Colour
                type: select
                options: [{display_id: red}, {display_id: blue}]
          - {display_id: lines, fields: [{display_id: Pieces, type: number}]}
        queries:
          - display_id: due
            name: {en: Due, ja: 期日}
            description: What must be done
            datastore: orders
            default_search: true
            conditions:
              - {field: Status, values: [Done], not: true}
              - {field: Due, values: [null, TODAY], empty: false}
              - {field: Size, values: [1.5, 3]}
              - {field: created_by, exact: true}
          - {display_id: all, datastore: lines, any: true}
"""


@pytest.fixture
def world(engine_url: str, clock, ids) -> Iterator[SchemaWorld]:
    made = SchemaWorld(engine_url, clock, ids)
    yield made
    made.close()


def test_a_query_is_made_told_and_exported(world):
    lines = world.apply(FILE)
    assert "+ query shop/due" in lines
    project = world.catalog.find_project("shop")
    assert project is not None
    due, every = project.queries
    orders = project.find_datastore("orders")
    assert orders is not None
    key = {one.display_id: one.id for one in orders.fields}
    assert project.find_default_search(orders.id) is due
    assert (due.description, due.is_default, due.any) == ("What must be done", True, False)
    assert due.conditions == (
        SavedCondition(key["Status"], ("Done",), negate=True),
        SavedCondition(key["Due"], (None, "TODAY"), include_null=False),
        SavedCondition(key["Size"], (1.5, 3)),
        SavedCondition("created_by", exact=True),
    )
    assert (every.names, every.any, every.conditions) == ({"en": "all"}, True, ())
    assert world.plan(FILE) == []
    assert world.plan(world.export()) == []


def test_conditions_are_the_whole_list_and_a_query_goes_without_asking(world):
    world.apply(FILE)
    only = "          - display_id: due\n            conditions: [{field: Size, empty: true}]\n"
    start = FILE[: FILE.index("        datastores:")]
    assert world.apply(f"{start}        queries:\n{only}") == ["~ query shop/due: conditions"]
    gone = "          - {display_id: due, deleted: true}\n"
    assert world.apply(f"{start}        queries:\n{gone}") == ["- query shop/due"]


def test_a_field_may_be_renamed_under_a_query(world):
    world.apply(FILE)
    text = FILE.replace("display_id: Size", "display_id: Width, was: Size")
    assert world.apply(text.replace("field: Size", "field: Width"))
    assert "field: Width" in world.export()


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("{field: Size, values: [1.5, 3]}", "{field: Sice}", "has no field Sice"),
        ("{field: Size, values: [1.5, 3]}", "{values: [1]}", "needs field"),
        ("values: [1.5, 3]", "values: [x]", "must be a number"),
        ("values: [1.5, 3]", "values: [[1]]", "must be a text, a number, a flag or null"),
        ("values: [Done]", "values: [Shut]", "a status Shut that is not there"),
        ("{field: Due, values: [null, TODAY]", "{field: Colour, values: [green]", "option green"),
        ("datastore: orders\n", "datastore: order\n", "has no datastore order"),
        ("            datastore: orders\n", "", "needs a datastore"),
        ("any: true", "default_search: true, datastore: orders", "datastore"),
        ("datastore: lines, any: true", "datastore: orders, default_search: true", "second"),
    ],
)
def test_a_query_that_means_nothing_is_refused(world, before, after, words):
    assert before in FILE
    problems = world.problems(FILE.replace(before, after))
    assert any(words in one for one in problems), problems


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("fields: [{display_id: Size, deleted: true}]", "a field that is not in its datastore"),
        ("deleted: true", "searches a datastore that is gone"),
        (
            "fields: [{display_id: Colour, options: [{display_id: red, was: red}]}]",
            "",
        ),
        ("statuses: [{display_id: Shut, was: Done}]", "a status Done"),
    ],
)
def test_what_a_query_rests_on_can_not_go_unnoticed(world, change, words):
    world.apply(FILE)
    start = FILE[: FILE.index("        datastores:")]
    text = f"{start}        datastores:\n          - display_id: orders\n            {change}\n"
    if not words:
        assert world.apply(text) == []
        return
    problems = world.problems(text, "shop/orders", "shop/orders/Size")
    assert any(words in one for one in problems), problems
