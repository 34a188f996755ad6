"""Searching: SQL on both engines gives what a plain reading of the rules gives."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from hikidashi.core.query import (
    AllOf,
    AnyOf,
    ChoiceTest,
    Condition,
    EmptyTest,
    Not,
    Sort,
    TextMode,
    TextTest,
    UnreadTest,
)
from hikidashi.storage import narrowing, search
from hikidashi.storage.search import (
    count_items,
    find_reach,
    list_ids,
    list_items,
    stream_items,
)
from hikidashi.storage.search_sql import Reach, select_items
from tests import reads_world as w
from tests.kept import kept
from tests.reads_world import ReadsWorld, client, task
from tests.storage.search_rules import (
    CLIENTS,
    Plain,
    conditions,
    field,
    found,
    items,
    query,
    sorts,
    walk,
)

kept_world = kept(lambda url: ReadsWorld(url, indexed=("Note",)))


@pytest.fixture
def world(kept_world) -> ReadsWorld:
    return kept_world.take()


# --- visibility -------------------------------------------------------------------------------


def test_an_item_whose_keys_the_actor_lacks_is_neither_listed_nor_counted(world):
    world.put(w.TASKS, task(1), task(2, keys=(w.VIP,)), task(3, keys=(w.VIP, w.BOB)))
    made = query(world)
    keyring = world.actor(w.BOB).keyring
    assert found(world) == [1, 3]
    assert count_items(world.connection, made, keyring) == 2
    assert [one for one, _, _ in list_ids(world.connection, made, keyring, 10)] == [
        task(1).id,
        task(3).id,
    ]
    assert count_items(world.connection, made, frozenset()) == 0


def test_a_lookup_of_an_invisible_or_deleted_item_counts_as_empty(world):
    seen, unseen = client(1, "Seen"), client(2, "Unseen", keys=(w.VIP,))
    world.put(w.CLIENTS, seen, unseen)
    world.put(
        w.TASKS,
        task(1, {"Client": seen.id}),
        task(2, {"Client": unseen.id}),
        task(3, {"Client": client(9).id}),
        task(4),
    )
    lookup = field(world, "Client")
    ids = (seen.id, unseen.id, client(9).id)
    assert found(world, ChoiceTest(lookup, ids)) == [1]
    assert found(world, EmptyTest(lookup)) == [2, 3, 4]
    assert found(world, sorts=(Sort(lookup, descending=True),)) == [1, 2, 3, 4]


def test_a_title_that_the_actor_may_not_see_does_not_sort(world):
    world.put(
        w.CLIENTS, client(1, "b"), client(2, "a", keys=(w.VIP,)), client(3, "c"), client(4, "B")
    )
    world.put(w.TASKS, *[task(n, {"Client": client(n).id}) for n in (1, 2, 3, 4)], task(5))
    assert found(world, sorts=(Sort(field(world, "Client")),)) == [2, 5, 4, 1, 3]


@pytest.mark.parametrize(
    ("sets", "few", "reach"),
    [(0, 5_000, "many sets"), (1_000, 0, "few sets"), (1_000, 5_000, "few items")],
)
def test_whatever_a_keyring_opens_is_found_alike(world, monkeypatch, sets, few, reach):
    monkeypatch.setattr(search, "_FEW_SETS", sets)
    monkeypatch.setattr(search, "_FEW_ITEMS", few)
    keyring = world.actor(w.BOB).keyring
    world.put(w.CLIENTS, client(1, "a"), client(2, "b", keys=(w.VIP,)))
    items = [task(n, {"Client": client(n).id}, keys=(w.BOB, w.id_of(n))) for n in (1, 2)]
    world.put(w.TASKS, *items, task(3, keys=(w.VIP,)))
    assert find_reach(world.connection, world.tasks, keyring) is Reach(reach)
    assert found(world, sorts=(Sort(field(world, "Client")),)) == [2, 1]
    assert count_items(world.connection, query(world), keyring) == 2


def test_how_much_a_keyring_opens_is_looked_at_again_after_a_second(world, monkeypatch):
    search._reaches.clear()
    now = [100.0]
    monkeypatch.setattr(search.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(search, "_REACHES_MAX", 1)
    monkeypatch.setattr(search, "_FEW_ITEMS", 2)
    keyring, other = world.actor(w.BOB).keyring, frozenset({w.VIP})

    def reach(keys: frozenset[str] = keyring) -> Reach:
        return search.look(world.connection, query(world), keys).reach

    assert reach() is Reach.FEW_ITEMS
    world.put(w.TASKS, *[task(n, keys=(w.BOB,)) for n in range(1, 6)])
    now[0] += search._REACH_S
    assert reach() is Reach.FEW_ITEMS
    now[0] += 0.001
    assert reach() is Reach.FEW_SETS
    world.put(w.TASKS, task(6, keys=(w.VIP,)))
    assert reach(other) is Reach.FEW_ITEMS
    monkeypatch.setattr(search, "_FEW_ITEMS", 5_000)
    assert reach() is Reach.FEW_ITEMS  # there was room for one


# --- text -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "looked_for", "mode", "matches"),
    [
        ("Hello World", "o w", TextMode.CONTAINS, True),
        ("Hello World", "O W", TextMode.CONTAINS, True),
        ("ＨＥＬＬＯ", "hello", TextMode.CONTAINS, True),
        ("hello", "ＥＬＬ", TextMode.CONTAINS, True),
        ("ｶﾞｿﾘﾝ", "ガソ", TextMode.CONTAINS, True),
        ("ÉTÉ", "été", TextMode.CONTAINS, True),
        ("ΟΔΟΣ", "οδοσ", TextMode.CONTAINS, True),
        ("ΟΔΟΣΑ", "ΟΔΟΣ", TextMode.CONTAINS, True),
        ("東京タワー", "京タ", TextMode.CONTAINS, True),
        ("100%", "0%", TextMode.CONTAINS, True),
        ("100x", "0%", TextMode.CONTAINS, False),
        ("a_b", "a_b", TextMode.CONTAINS, True),
        ("axb", "a_b", TextMode.CONTAINS, False),
        ("wow!", "w!", TextMode.CONTAINS, True),
        ("a\\b", "A\\B", TextMode.CONTAINS, True),
        ("Hello", "hell", TextMode.STARTS, True),
        ("Hello", "ello", TextMode.STARTS, False),
        ("Hello", "LLO", TextMode.ENDS, True),
        ("Hello", "hell", TextMode.ENDS, False),
        ("Hello", "Hello", TextMode.EQUALS, True),
        ("Hello", "hello", TextMode.EQUALS, False),
        ("Hello ", "Hello", TextMode.EQUALS, False),
        ("100%", "100_", TextMode.EQUALS, False),
    ],
)
@pytest.mark.parametrize("name", ["Title", "Note"])
def test_text_is_compared_alike_on_both_engines(
    world, monkeypatch, name, text, looked_for, mode, matches
):
    monkeypatch.setattr(narrowing, "_SMALL", 0)
    world.put(w.TASKS, task(1, {name: text}), task(2))
    assert found(world, TextTest(field(world, name), (looked_for,), mode)) == [1] * matches


def test_a_member_of_a_list_is_told_by_its_whole_id_and_its_case(world):
    world.put(w.TASKS, task(1, {"Tags": ("Ab", "c")}), task(2, {"Tags": ("ab",)}), task(3))
    tags = field(world, "Tags")
    assert found(world, ChoiceTest(tags, ("Ab",))) == [1]
    assert found(world, ChoiceTest(tags, ("b",))) == []
    assert found(world, ChoiceTest(tags, ("c", "ab"))) == [1, 2]
    assert found(world, Not(ChoiceTest(tags, ("c",)))) == [2, 3]


# --- unread -----------------------------------------------------------------------------------


def test_unread_are_the_histories_of_others_after_the_mark(world):
    items = [task(n) for n in (1, 2, 3, 4)]
    world.put(w.TASKS, *items)
    world.history(items[0], 1, w.ANN)
    world.history(items[1], 1, w.BOB)
    world.history(items[2], 1, w.ANN)
    world.history(items[3], 1, w.ANN, action_id="")
    world.connection.query(f"INSERT INTO read_marks VALUES ('{w.BOB}', '{items[2].id}', 1)")
    assert found(world, UnreadTest(w.BOB)) == [1, 4]
    assert found(world, UnreadTest(w.BOB, comments=False)) == [1]
    assert found(world, UnreadTest(w.BOB, actions=False)) == [4]


# --- pages and large searches -----------------------------------------------------------------


def test_pages_cut_the_order_without_a_gap(world):
    world.put(w.TASKS, *[task(n, {"Num": float(n % 3)}) for n in range(1, 24)])
    sorts = (Sort(field(world, "Num"), descending=True),)
    whole = found(world, sorts=sorts)
    pages = [found(world, sorts=sorts, page=page, per_page=5) for page in range(1, 7)]
    assert [n for page in pages for n in page] == whole
    assert [len(page) for page in pages] == [5, 5, 5, 5, 3, 0]
    keyring = world.actor(w.BOB).keyring
    portions = list(stream_items(world.connection, query(world, sorts=sorts), keyring, 10))
    assert [one.n for portion in portions for one in portion] == whole
    assert [len(portion) for portion in portions] == [10, 10, 3]


def test_a_search_of_a_thousand_conditions_runs(world):
    world.put(w.TASKS, task(1, {"Note": "x999y"}), task(2, {"Note": "none"}))
    note = field(world, "Note")
    tests = tuple(TextTest(note, (f"x{n}y",)) for n in range(1_000))
    assert found(world, AnyOf(tests)) == [1]
    assert found(world, AllOf(tuple(Not(one) for one in tests))) == [2]
    assert found(world, TextTest(note, tuple(f"x{n}y" for n in range(10_000)))) == [1]
    nested: Condition = tests[999]
    for _ in range(60):
        nested = Not(AllOf((nested,)))
    assert found(world, nested) == [1]


# --- SQL against a plain reading of the rules -------------------------------------------------


@settings(suppress_health_check=list(HealthCheck), max_examples=40)
@given(data=st.data())
def test_sql_finds_orders_and_counts_what_the_rules_say(world, data):
    if not world.connection.query(f"SELECT 1 FROM i_{w.CLIENTS}"):
        world.put(w.CLIENTS, *CLIENTS)
    world.clear(w.TASKS)
    stored = data.draw(items)
    if stored:
        world.put(w.TASKS, *stored)
    keyring = world.actor(w.BOB).keyring
    plain = Plain(world.tasks, keyring)
    for _ in range(5):
        condition = data.draw(conditions(world.tasks))
        keys = data.draw(sorts(world.tasks))
        expected = [
            one
            for one in stored
            if not one.keys.isdisjoint(keyring) and plain.holds(one, condition)
        ]
        made = query(world, condition, sorts=keys)
        reach = data.draw(st.sampled_from(Reach))
        statement = select_items(made, keyring, reach)
        rows = world.connection.query(statement.sql, statement.params)
        assert [row[0] for row in rows] == [one.n for one in plain.order(expected, keys)]
        per_page = data.draw(st.integers(1, 5))
        walked = walk(world, condition, sorts=keys, per_page=per_page)
        assert walked == [one.n for one in plain.order(expected, keys)]
        got = list_items(world.connection, made, keyring)
        assert [one.n for one in got] == [one.n for one in plain.order(expected, keys)]
        assert count_items(world.connection, made, keyring) == len(expected)
        by_n = {one.n: one for one in stored}
        for one in got:
            assert one.values == {f.id: None for f in world.tasks.stored_fields} | dict(
                by_n[one.n].values
            )
