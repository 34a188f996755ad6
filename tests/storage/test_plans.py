"""How the engines go about a search: what an index serves is never found by going over all items."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from bench.many_items import fill, item_id, owner_id, write_indexed
from hikidashi.bootstrap import open_engine
from hikidashi.config import Config
from hikidashi.core.catalog import Datastore, Field
from hikidashi.core.query import (
    AllOf,
    ChoiceTest,
    Position,
    Query,
    RangeTest,
    Sort,
    SystemKey,
    TextMode,
    TextTest,
)
from hikidashi.storage.definitions import list_workspaces, load_catalog
from hikidashi.storage.engines import Engine, Query as Statement, Row
from hikidashi.storage.search import count_items, find_reach, list_items, look
from hikidashi.storage.search_sql import Reach, select_behind, select_count, select_items
from hikidashi.storage.tables import item_table, substring_table

ITEMS, SETS = 20_000, 4_000
NEWEST = (Sort(SystemKey.CREATED_AT, descending=True),)


class Orders:
    """The orders of the bench, and how their table would be searched."""

    def __init__(self, engine: Engine) -> None:
        self.connection = engine.connect()
        self._is_sqlite = engine.name == "sqlite"
        catalog = load_catalog(self.connection, list_workspaces(self.connection)[0].id)
        project = catalog.find_project("shop")
        assert project is not None
        role, datastore = project.find_role("MEMBER"), project.find_datastore("orders")
        assert role is not None
        assert datastore is not None
        self.member, self.datastore = role.id, datastore

    def field(self, name: str) -> Field:
        found = self.datastore.find_field(name)
        assert found is not None
        return found

    def plan(self, *statements: Statement) -> str:
        words = "EXPLAIN QUERY PLAN" if self._is_sqlite else "EXPLAIN"
        rows = [
            row
            for one in statements
            for row in self.connection.query(f"{words} {one.sql}", one.params)
        ]
        return "\n".join(str(row[-1]) for row in rows)

    def goes_over_all(self, *statements: Statement) -> bool:
        """The plan looks at every item, rather than at a page of them in the order of an index."""
        plan, table = self.plan(*statements), item_table(self.datastore).name
        if self._is_sqlite:
            return re.search(r"^SCAN i$", plan, re.MULTILINE) is not None
        return f"Seq Scan on {table}" in plan or (
            "Sort Key: i." in plan and "Presorted" not in plan
        )


@pytest.fixture(scope="module")
def orders(
    new_database: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Orders]:
    folder = tmp_path_factory.mktemp("orders")
    url = new_database(folder)
    fill(url, ITEMS, sets=SETS, world=write_indexed(folder))
    engine = open_engine(Config(database=url))
    made = Orders(engine)
    yield made
    made.connection.close()
    engine.close()


def member(orders: Orders) -> frozenset[str]:
    return frozenset((orders.member,))


@pytest.mark.parametrize("reach", [Reach.FEW_SETS, Reach.MANY_SETS])
@pytest.mark.parametrize(
    "sorts",
    [
        (("created_at", True),),
        (("created_at", False),),
        (("amount", True),),
        (("amount", False),),
        (("customer", True),),
    ],
)
@pytest.mark.parametrize("is_narrowed", [False, True])
def test_a_page_in_the_order_of_an_index_is_not_sorted_out_of_all(
    orders, reach, sorts, is_narrowed
):
    condition = AllOf(())
    if is_narrowed:
        channel = orders.field("channel")
        condition = ChoiceTest(channel, (channel.settings.options[0].id,))
    made = Query(
        orders.datastore,
        condition,
        tuple(
            Sort(SystemKey.CREATED_AT if name == "created_at" else orders.field(name), descending)
            for name, descending in sorts
        ),
        per_page=100,
    )
    assert not orders.goes_over_all(select_items(made, member(orders), reach))


@pytest.mark.parametrize("reach", [Reach.FEW_SETS, Reach.MANY_SETS])
@pytest.mark.parametrize("sorts", [(), NEWEST])
def test_what_an_index_finds_is_found_by_it(orders, reach, sorts):
    for condition in (
        TextTest(orders.field("customer"), ("Customer 77",), TextMode.EQUALS),
        RangeTest(orders.field("amount"), 5e6, 5.01e6),
        RangeTest(orders.field("ordered_at"), 1_600_000_000_000, 1_600_100_000_000),
        ChoiceTest(SystemKey.ID, (item_id(7), item_id(9))),
    ):
        made = Query(orders.datastore, condition, sorts, per_page=100)
        ring = member(orders)
        statements = (select_items(made, ring, reach), select_count(made, ring, reach))
        assert not re.search(r"^SCAN i|Seq Scan on i_", orders.plan(*statements), re.MULTILINE)


@pytest.mark.parametrize("reach", [Reach.FEW_SETS, Reach.MANY_SETS])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("name", ["created_at", "amount", "customer", ""])
def test_a_walk_goes_on_in_the_index_where_it_stood(orders, reach, name, descending):
    subject = SystemKey.CREATED_AT if name == "created_at" else name and orders.field(name)
    key = {"created_at": 1_700_010_000_000, "amount": 5e6, "customer": "Customer 5"}.get(name)
    made = Query(
        orders.datastore,
        sorts=(Sort(subject, descending),) if name else (),
        per_page=100,
        after=Position((key,) if name else (), 10_000),
    )
    for statement in select_behind(made, member(orders), reach, 101):
        assert not orders.goes_over_all(statement)
        plan = orders.plan(statement)
        assert "SEARCH i USING" in plan or "Index Cond" in plan


@pytest.mark.parametrize(
    "words", [("倉庫",), ("会議",), ("nowhere",), ("glass blue", "paper late"), ("7",)]
)
@pytest.mark.parametrize("sorts", [(), NEWEST])
def test_a_text_anywhere_in_an_indexed_field_is_found_without_a_look_at_all(
    orders, monkeypatch, words, sorts
):
    """None of its statements goes over all items, or texts; what is frequent stops at its limit."""
    asked: list[Statement] = []
    run = orders.connection.query

    def query(sql: str, params: Sequence[Any] = ()) -> list[Row]:
        asked.append(Statement(sql, tuple(params)))
        return run(sql, params)

    made = Query(orders.datastore, TextTest(orders.field("note"), words), sorts, per_page=100)
    monkeypatch.setattr(orders.connection, "query", query)
    ring = member(orders)
    sight = look(orders.connection, made, ring)
    items = list_items(orders.connection, made, ring, sight)
    count = count_items(orders.connection, made, ring, 101, sight)
    monkeypatch.undo()
    assert sight.narrowing is not None
    assert (len(items), count) == ((0, 0) if words == ("nowhere",) else (min(count, 100), count))
    assert sight.narrowing.is_frequent is (words in (("会議",), ("7",)))
    table = substring_table(orders.field("note"))
    for one in asked:
        if table in one.sql and not (sight.narrowing.is_frequent and "LIMIT" in one.sql):
            plan = orders.plan(one)
            assert not re.search(r"^SCAN [is]$|Seq Scan on [is]_", plan, re.MULTILINE), plan


def test_few_items_are_found_by_their_sets(orders):
    ring = frozenset((owner_id(5),))
    assert find_reach(orders.connection, orders.datastore, ring) is Reach.FEW_ITEMS
    assert find_reach(orders.connection, orders.datastore, member(orders)) is Reach.MANY_SETS
    made = Query(orders.datastore, sorts=NEWEST, per_page=100)
    plan = orders.plan(select_items(made, ring, Reach.FEW_ITEMS))
    assert f"{item_table(orders.datastore).name}_acl" in plan
    every = replace(made, per_page=0)
    assert f"{item_table(orders.datastore).name}_acl" in orders.plan(
        select_count(every, ring, Reach.FEW_ITEMS)
    )


def test_details_are_found_by_id(orders):
    table = item_table(orders.datastore)
    plan = orders.plan(Statement(f"{table.select} WHERE id = ?", (item_id(5),)))
    assert f"{table.name}_id" in plan


def test_the_generator_makes_the_same_items_again(orders):
    made: Datastore = orders.datastore
    rows = orders.connection.query(
        f"SELECT id, title, created_at FROM {item_table(made).name} WHERE n = ?", (3,)
    )
    assert rows == [(item_id(3), "Order 90435147", 1_700_000_003_000)]
