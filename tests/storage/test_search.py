"""Searching: SQL on both engines gives what a plain reading of the rules gives."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from hikidashi.core.catalog import Datastore, Field
from hikidashi.core.conditions import find_lookups
from hikidashi.core.cursor import decode_cursor, encode_cursor
from hikidashi.core.items import Item
from hikidashi.core.query import (
    EVERYTHING,
    AllOf,
    AnyOf,
    ChoiceTest,
    Condition,
    EmptyTest,
    Not,
    Query,
    RangeTest,
    Sort,
    Subject,
    SystemKey,
    TextMode,
    TextTest,
    UnreadTest,
    fold,
)
from hikidashi.storage import search
from hikidashi.storage.search import (
    count_items,
    find_reach,
    list_behind,
    list_ids,
    list_items,
    stream_items,
)
from hikidashi.storage.search_sql import Reach, select_items
from tests import reads_world as w
from tests.reads_world import ReadsWorld, client, task


@pytest.fixture
def world(engine_url: str) -> Iterator[ReadsWorld]:
    made = ReadsWorld(engine_url)
    yield made
    made.close()


def query(world: ReadsWorld, condition: Condition = EVERYTHING, **rest: object) -> Query:
    actor = world.actor(w.BOB)
    lookups = find_lookups(world.catalog, actor, world.tasks)
    return Query(world.tasks, condition, lookups=lookups, **rest)  # type: ignore[arg-type]


def found(world: ReadsWorld, condition: Condition = EVERYTHING, **rest: object) -> list[int]:
    made = query(world, condition, **rest)
    return [one.n for one in list_items(world.connection, made, world.actor(w.BOB).keyring)]


def walk(world: ReadsWorld, condition: Condition, **rest: object) -> list[int]:
    """The whole list, page by page, each page asked for with the cursor of the one before."""
    made = query(world, condition, **rest)
    keyring = world.actor(w.BOB).keyring
    items, position = list_behind(world.connection, made, keyring)
    numbers = [one.n for one in items]
    while position is not None:
        assert len(items) == made.per_page
        text = encode_cursor(position, b"asked")
        after = decode_cursor(text, b"asked", made.sorts)
        assert after == position
        items, position = list_behind(world.connection, replace(made, after=after), keyring)
        assert items
        numbers += [one.n for one in items]
    return numbers


def field(world: ReadsWorld, name: str) -> Field:
    one = world.tasks.find_field(name)
    assert one is not None
    return one


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
def test_text_is_compared_alike_on_both_engines(world, text, looked_for, mode, matches):
    world.put(w.TASKS, task(1, {"Note": text}), task(2))
    assert found(world, TextTest(field(world, "Note"), (looked_for,), mode)) == [1] * matches


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

WORDS = ("a", "A", "ab", "b%", "_", "Ａ", "ｶﾞ", "ガ", "été", "ÉTÉ", "東京", "ς", "Σ", "!", "\\", "'")
OPTION_IDS = (*w.OPTIONS.values(), "gone")
CLIENT_IDS = tuple(client(n).id for n in range(1, 5))
CLIENTS = (
    client(1, "b"),
    client(2, "a", keys=(w.VIP,)),
    client(3),
    client(4, "B"),
)
USER_IDS = (w.ANN, w.BOB, w.CAT)
STATUSES = (w.NEW, w.DOING, w.CLOSED, "")
text = st.text(st.sampled_from("".join(WORDS)), min_size=1, max_size=4)
number = st.sampled_from((-1.5, 0.0, 1.0, 2.0, 2.5, 1e10))
instant = st.integers(-3, 3).map(lambda day: w.NOW + day * 86_400_000 // 2)
several = functools.partial(st.lists, min_size=1, max_size=3, unique=True)

item_values = st.fixed_dictionaries(
    {},
    optional={
        "Title": text,
        "Note": text,
        "Num": number,
        "Colour": st.sampled_from(OPTION_IDS),
        "Tags": several(st.sampled_from(OPTION_IDS)).map(tuple),
        "Due": instant,
        "Done": st.booleans(),
        "Owners": several(st.sampled_from(USER_IDS)).map(tuple),
        "Client": st.sampled_from((*CLIENT_IDS, client(9).id)),
    },
)
item_system = st.fixed_dictionaries(
    {
        "keys": st.sampled_from(((w.MEMBER,), (w.VIP,), (w.BOB, w.VIP), (w.ANN,))),
        "status": st.sampled_from(STATUSES),
        "rev": st.integers(1, 3),
        "created_by": st.sampled_from(USER_IDS),
    },
    optional={"updated_at": instant, "updated_by": st.sampled_from(USER_IDS)},
)
items = st.lists(st.tuples(item_values, item_system), max_size=12).map(
    lambda made: [task(n, values, **system) for n, (values, system) in enumerate(made, 1)]
)


def conditions(tasks: Datastore) -> st.SearchStrategy[Condition]:
    def of(*names: str) -> st.SearchStrategy[Subject]:
        return st.sampled_from([one for name in names if (one := tasks.find_field(name))])

    texts = st.builds(
        TextTest,
        of("Title", "Note") | st.just(SystemKey.TITLE),
        several(text).map(tuple),
        st.sampled_from(TextMode),
    )
    bounds = {"low_included": st.booleans(), "high_included": st.booleans()}
    numbers = st.builds(
        RangeTest, of("Num"), low=st.none() | number, high=st.none() | number, **bounds
    )
    times = st.builds(
        RangeTest,
        of("Due") | st.sampled_from((SystemKey.CREATED_AT, SystemKey.UPDATED_AT)),
        low=st.none() | instant,
        high=st.none() | instant,
        **bounds,
    )
    rows = st.builds(
        RangeTest,
        st.sampled_from((SystemKey.REVISION, SystemKey.ROW)),
        low=st.none() | st.integers(0, 4),
        high=st.none() | st.integers(0, 4),
    )
    choices = st.one_of(
        *[
            st.builds(ChoiceTest, subject, several(st.sampled_from(ids)).map(tuple))
            for subject, ids in (
                (of("Colour", "Tags"), OPTION_IDS),
                (of("Owners"), USER_IDS),
                (of("Client"), (*CLIENT_IDS, client(9).id)),
                (of("Done"), (True, False)),
                (st.just(SystemKey.STATUS), STATUSES[:3]),
                (st.just(SystemKey.ID), tuple(task(n).id for n in range(1, 6))),
                (st.sampled_from((SystemKey.CREATED_BY, SystemKey.UPDATED_BY)), USER_IDS),
            )
        ]
    )
    empties = st.builds(
        EmptyTest,
        of("Title", "Note", "Num", "Colour", "Tags", "Due", "Done", "Owners", "Client")
        | st.sampled_from(
            (SystemKey.STATUS, SystemKey.TITLE, SystemKey.UPDATED_AT, SystemKey.UPDATED_BY)
        ),
    )
    leaves = st.one_of(texts, numbers, times, rows, choices, empties)
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(Not, inner),
            st.builds(AllOf, st.lists(inner, max_size=3).map(tuple)),
            st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple)),
        ),
        max_leaves=6,
    )


def sorts(tasks: Datastore) -> st.SearchStrategy[tuple[Sort, ...]]:
    names = ("Title", "Note", "Num", "Colour", "Due", "Done", "Client")
    fields = [one for name in names if (one := tasks.find_field(name))]
    return st.lists(
        st.builds(Sort, st.sampled_from([*fields, *SystemKey]), st.booleans()), max_size=3
    ).map(tuple)


class Plain:
    """The rules of a search, said over values in memory for one keyring."""

    def __init__(self, tasks: Datastore, keyring: frozenset[str]) -> None:
        self.tasks = tasks
        self.keyring = keyring
        self.clients = {one.id: one for one in CLIENTS if not one.keys.isdisjoint(keyring)}

    def value(self, item: Item, subject: Subject) -> object:
        if isinstance(subject, SystemKey):
            held = getattr(item, subject.value)
            return None if held == "" else held
        held = item.values.get(subject.id)
        if subject.kind.name == "dslookup" and held not in self.clients:
            return None
        return held

    def holds(self, item: Item, condition: Condition) -> bool:
        match condition:
            case AllOf(parts):
                return all(self.holds(item, one) for one in parts)
            case AnyOf(parts):
                return any(self.holds(item, one) for one in parts)
            case Not(part):
                return not self.holds(item, part)
            case EmptyTest(subject):
                return self.value(item, subject) is None
            case UnreadTest():
                raise NotImplementedError
        held = self.value(item, condition.subject)
        if held is None:
            return False
        match condition:
            case TextTest(_, values, TextMode.EQUALS):
                return held in values
            case TextTest(_, values, mode):
                return any(_matches(fold(str(held)), fold(one), mode) for one in values)
            case ChoiceTest(_, values):
                return any(one in values for one in (held if isinstance(held, tuple) else (held,)))
            case RangeTest(_, low, high, low_in, high_in):
                return (low is None or held > low or (low_in and held == low)) and (  # type: ignore[operator]
                    high is None or held < high or (high_in and held == high)  # type: ignore[operator]
                )

    def rank(self, item: Item, subject: Subject) -> tuple[bool, object]:
        held = self.value(item, subject)
        ids: list[str] = []
        if subject is SystemKey.STATUS:
            ids = [one.id for one in self.tasks.statuses]
        elif isinstance(subject, Field) and subject.kind.has_options:
            ids = [one.id for one in subject.settings.options]
        elif isinstance(subject, Field) and subject.kind.name == "dslookup":
            held = (self.clients[str(held)].title or None) if held is not None else None
        if ids and held is not None:
            held = ids.index(str(held)) if held in ids else len(ids)
        return (held is not None, held if held is not None else 0)

    def order(self, items: list[Item], keys: tuple[Sort, ...]) -> list[Item]:
        ordered = sorted(items, key=lambda one: one.n)
        for key in reversed(keys):
            ordered.sort(key=lambda one: self.rank(one, key.subject), reverse=key.descending)
        return ordered


def _matches(held: str, looked_for: str, mode: TextMode) -> bool:
    if mode is TextMode.STARTS:
        return held.startswith(looked_for)
    return held.endswith(looked_for) if mode is TextMode.ENDS else looked_for in held


@settings(suppress_health_check=list(HealthCheck), max_examples=100)
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
