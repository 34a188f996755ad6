"""An index of pieces: whatever it is asked, or not asked, a search finds the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from hikidashi.core.items import Item
from hikidashi.core.query import (
    AllOf,
    AnyOf,
    Condition,
    Not,
    TextMode,
    TextTest,
)
from hikidashi.storage import narrowing, search
from hikidashi.storage.search import (
    count_items,
    list_ids,
)
from tests import reads_world as w
from tests.reads_world import ReadsWorld
from tests.storage.search_rules import (
    Plain,
    conditions,
    field,
    found,
    items,
    query,
    several,
    sorts,
    text,
    walk,
)


@pytest.fixture
def world(engine_url: str) -> Iterator[ReadsWorld]:
    made = ReadsWorld(engine_url, indexed=("Note",))
    yield made
    made.close()


def some_of(stored: list[Item]) -> st.SearchStrategy[str]:
    """Parts of the notes that there are, in other case and width."""
    notes = [str(one.values["Note"]) for one in stored if one.values.get("Note")]
    ends = st.tuples(st.integers(0, 9), st.integers(1, 9))
    cut = st.builds(
        lambda note, ends: note[ends[0] : ends[0] + ends[1]] or note, st.sampled_from(notes), ends
    )
    return st.builds(lambda word, change: change(word), cut, st.sampled_from((str, str.upper)))


def found_through_an_index(world: ReadsWorld, stored: list[Item]) -> st.SearchStrategy[Condition]:
    """Conditions about a note, beside others or not, that an index of its pieces may serve."""
    note = field(world, "Note")
    named = [replace(one, values={"Note": one.values.get(note.id)}) for one in stored]
    words = some_of(named) | text if any(one.values["Note"] for one in named) else text
    tests = st.builds(
        TextTest,
        st.just(note),
        several(words).map(tuple),
        st.sampled_from((TextMode.CONTAINS, TextMode.STARTS, TextMode.ENDS)),
    )
    others = conditions(world.tasks)
    return st.one_of(
        tests,
        st.builds(lambda *parts: AllOf(parts), tests, others),
        st.builds(lambda *parts: AllOf((AnyOf(parts),)), tests, tests),
        st.builds(lambda *parts: AnyOf(parts), tests, others),
        st.builds(Not, tests),
    )


@settings(suppress_health_check=list(HealthCheck), max_examples=15)
@given(data=st.data())
def test_an_index_of_pieces_changes_no_answer(world, data):
    """Whatever a sample makes of the words, and wherever the index is asked no further."""
    world.clear(w.TASKS)
    stored = data.draw(items)
    if stored:
        world.put(w.TASKS, *stored)
    keyring = world.actor(w.BOB).keyring
    plain = Plain(world.tasks, keyring)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(narrowing, "_SMALL", 0)
        patch.setattr(narrowing, "_FREQUENT", data.draw(st.sampled_from((0.0, 0.2, 9.0))))
        patch.setattr(narrowing, "ROWS_MAX", data.draw(st.sampled_from((1, 3, 10_001))))
        patch.setattr(search, "_SORTED_ROWS", data.draw(st.sampled_from((0, 1_000))))
        patch.setattr(search, "_FEW_ITEMS", 0)
        for _ in range(3):
            condition = data.draw(found_through_an_index(world, stored))
            keys = data.draw(sorts(world.tasks))
            visible = [one for one in stored if not one.keys.isdisjoint(keyring)]
            expected = plain.order([one for one in visible if plain.holds(one, condition)], keys)
            numbers = [one.n for one in expected]
            assert found(world, condition, sorts=keys) == numbers
            assert found(world, condition, sorts=keys, per_page=4) == numbers[:4]
            assert walk(world, condition, sorts=keys, per_page=3) == numbers
            made = query(world, condition, sorts=keys)
            assert count_items(world.connection, made, keyring) == len(numbers)
            assert count_items(world.connection, made, keyring, 2) == min(2, len(numbers))
            listed = list_ids(world.connection, made, keyring, 5)
            assert [row for _, _, row in listed] == numbers[:5]
