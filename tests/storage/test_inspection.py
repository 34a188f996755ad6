"""What an operator is told: searches that go over all items of a large datastore."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hikidashi.storage.indexes import make_missing_indexes
from hikidashi.storage.inspection import find_slow_searches
from hikidashi.storage.tables import drop_field_index, substring_table
from tests.schema_world import SchemaWorld

FILE = """
workspaces:
  - name: W
    applications:
      - display_id: shop
        datastores:
          - display_id: orders
            fields:
              - {display_id: Code, type: text, unique: true}
              - {display_id: Due, type: date, has_index: true}
              - {display_id: Note, type: textarea, has_index: true}
              - {display_id: Size, type: number}
              - {display_id: Tags, type: checkbox, has_index: true, options: [{display_id: red}]}
        queries:
          - {display_id: q, datastore: orders, conditions: CONDITIONS}
"""
SLOW = "query shop/q goes over all items of orders, 0 or more"


@pytest.fixture
def world(engine_url: str, clock, ids) -> Iterator[SchemaWorld]:
    made = SchemaWorld(engine_url, clock, ids)
    yield made
    made.close()


def told(world: SchemaWorld, large_items: int = 0) -> list[str]:
    return list(find_slow_searches(world.engine, world.connection, large_items))


@pytest.mark.parametrize(
    ("conditions", "names"),
    [
        ("[{field: Size, values: [1, 2]}]", "Size"),
        ("[{field: Code, values: [x]}]", "Code"),
        ("[{field: Due, values: [TODAY], not: true}]", "Due"),
        ("[{field: Due, values: [null, TODAY], empty: true}]", "Due"),
        ("[{field: Tags, values: [red]}]", "Tags"),
        ("[{field: title, values: [x]}]", ""),
        ("[{field: Size, values: [1]}, {field: Tags, values: [red]}]", "Size, Tags"),
    ],
)
def test_a_saved_query_that_no_index_serves_is_named(world, conditions, names):
    world.apply(FILE.replace("CONDITIONS", conditions))
    about = f": none of {names} has an index that serves it" if names else ""
    assert told(world) == [f"{SLOW}{about}"]
    assert told(world, 1) == []


def test_so_is_a_report_that_no_index_serves(world):
    text = FILE.replace("queries:", "reports:").replace(
        "CONDITIONS", "[{field: Size, values: [1]}]"
    )
    world.apply(text.replace("{display_id: q,", "{display_id: q, columns: [Size],"))
    assert [one.split()[0] for one in told(world)] == ["report"]


@pytest.mark.parametrize(
    "conditions",
    [
        "[{field: Code, values: [x], exact: true}]",
        "[{field: Due, values: [null, TODAY], empty: false}]",
        "[{field: Due, values: [TODAY]}, {field: Size, values: [1]}]",
        "[{field: Note, values: [x]}]",
        "[{field: created_at, values: ['2026-01-01', null]}]",
        "[]",
    ],
)
def test_one_that_an_index_serves_is_not(world, conditions):
    world.apply(FILE.replace("CONDITIONS", conditions))
    assert told(world) == []


def test_of_several_of_which_one_is_enough_each_needs_an_index(world):
    conditions = "[{field: Due, values: [TODAY]}, {field: Size, values: [1]}], any: true"
    world.apply(FILE.replace("CONDITIONS", conditions))
    assert told(world) == [f"{SLOW}: none of Size has an index that serves it"]


def test_an_index_that_is_not_there_is_told(world):
    world.apply(FILE.replace("CONDITIONS", "[]"))
    project = world.catalog.find_project("shop")
    assert project is not None
    name = f"i_{project.datastores[0].id}_created"
    world.transact(lambda: world.connection.run_script(f"DROP INDEX {name}"))
    assert told(world) == [
        f"datastore shop/orders lacks the index {name}: searches go over all its items"
    ]


def test_an_index_of_substrings_that_is_not_there_is_told_and_made(world):
    world.apply(FILE.replace("CONDITIONS", "[]"))
    project = world.catalog.find_project("shop")
    assert project is not None
    datastore = project.datastores[0]
    field = datastore.find_field("Note")
    assert field is not None
    name, engine = substring_table(field), world.engine.name
    (drop,) = drop_field_index(datastore.id, field, engine)[1:]
    world.transact(lambda: world.connection.run_script(drop))
    assert told(world) == [
        f"datastore shop/orders lacks the index {name}_pieces: searches go over all its items"
    ]
    make_missing_indexes(world.engine, world.connection)
    assert told(world) == []
    make_missing_indexes(world.engine, world.connection)
