"""Searches made at random, and what a plain reading of the rules says they find."""

from __future__ import annotations

import functools
import re
from dataclasses import replace

from hypothesis import strategies as st

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
    is_instant,
)
from hikidashi.core.values import format_instant
from hikidashi.storage.search import (
    list_behind,
    list_items,
)
from tests import reads_world as w
from tests.reads_world import ReadsWorld, client, task


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
        "Note": st.lists(text, min_size=1, max_size=3).map("".join),
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


@functools.cache  # to make them takes longer than to draw from them
def conditions(tasks: Datastore) -> st.SearchStrategy[Condition]:
    def of(*names: str) -> st.SearchStrategy[Subject]:
        return st.sampled_from([one for name in names if (one := tasks.find_field(name))])

    texts = st.builds(
        TextTest,
        of("Title", "Note") | st.just(SystemKey.TITLE),
        several(text).map(tuple),
        st.sampled_from(TextMode),
    )
    days = st.builds(
        TextTest,
        of("Due") | st.sampled_from((SystemKey.CREATED_AT, SystemKey.UPDATED_AT)),
        several(st.sampled_from(("2026-01", "T09", "%-0_t%", "00z", "06T", "5"))).map(tuple),
        st.sampled_from([one for one in TextMode if one is not TextMode.EQUALS]),
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
    leaves = st.one_of(texts, days, numbers, times, rows, choices, empties)
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(Not, inner),
            st.builds(AllOf, st.lists(inner, max_size=3).map(tuple)),
            st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple)),
        ),
        max_leaves=6,
    )


@functools.cache
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
                if is_instant(condition.subject):
                    held = format_instant(held)  # type: ignore[arg-type]
                return any(_matches(fold(str(held)), one, mode) for one in values)
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
    if mode is TextMode.LIKE:
        meant = {"%": ".*", "_": "."}
        parts = re.split("([%_])", looked_for)
        pattern = "".join(meant.get(one) or re.escape(fold(one)) for one in parts)
        return re.fullmatch(pattern, held, re.DOTALL) is not None
    word = fold(looked_for)
    if mode is TextMode.STARTS:
        return held.startswith(word)
    return held.endswith(word) if mode is TextMode.ENDS else word in held
