"""Conditions as callers word them: what they mean, and what is refused."""

from __future__ import annotations

import pytest

from hikidashi.core import limits
from hikidashi.core.access import Actor, may_use_datastore
from hikidashi.core.conditions import (
    DAY_MS,
    Branch,
    Leaf,
    Scope,
    find_lookups,
    make_query,
    read_sort,
    read_wish,
    shown_fields,
)
from hikidashi.core.errors import FaultError
from hikidashi.core.query import (
    AllOf,
    AnyOf,
    ChoiceTest,
    Condition,
    EmptyTest,
    Not,
    RangeTest,
    Sort,
    SystemKey,
    TextMode,
    TextTest,
    UnreadTest,
    fold,
    subjects,
)
from hikidashi.core.values import parse_instant
from hikidashi.storage.definitions import Workspace, build_catalog
from tests import reads_world as w

CATALOG = build_catalog(Workspace(w.WORKSPACE, "Acme", "UTC"), 1, w.definitions())
TASKS = CATALOG.find_datastore(w.TASKS)
TODAY = (1_000 * DAY_MS, 1_001 * DAY_MS - 1)
MIDNIGHT = parse_instant("2026-01-05") or 0
NOON = MIDNIGHT + DAY_MS // 2


def actor(*roles: str) -> Actor:
    return Actor(w.BOB, "Bob", "", w.WORKSPACE, frozenset(roles), frozenset(), frozenset(roles), 1)


SCOPE = Scope(TASKS, actor(w.MEMBER), {"i_id": SystemKey.ID, "title": SystemKey.TITLE}, TODAY)
TIMES = {"created_at": SystemKey.CREATED_AT, "rev_no": SystemKey.REVISION}


def field(name: str):
    return TASKS.find_field(name)


def text(*values: str, mode: TextMode = TextMode.CONTAINS) -> TextTest:
    return TextTest(field("Note"), values, mode)


def number(low: float | None, high: float | None) -> RangeTest:
    return RangeTest(field("Num"), low, high)


def due(low: int | None, high: int | None) -> RangeTest:
    return RangeTest(field("Due"), low, high)


NOTE_EMPTY = EmptyTest(field("Note"))
ALL = AllOf(())


@pytest.mark.parametrize(
    ("leaf", "condition"),
    [
        # text: substrings, any of them; a bar is an or
        (Leaf("Note", ("a",)), text("a")),
        (Leaf(w.F["Note"], ("a",)), text("a")),
        (Leaf("Note", ("a|b", "c")), text("a", "b", "c")),
        (Leaf("Note", ("|",)), ALL),
        (Leaf("Note", ("a|b", "c"), exact=True), text("a|b", "c", mode=TextMode.EQUALS)),
        (Leaf("Code", ("T-1",)), TextTest(field("Code"), ("T-1",))),
        (Leaf("title", ("a",)), TextTest(SystemKey.TITLE, ("a",))),
        # numbers: a range, or equalities
        (Leaf("Num", (1, 2)), number(1.0, 2.0)),
        (Leaf("Num", ("1", "2.5")), number(1.0, 2.5)),
        (Leaf("Num", (None, "100")), number(None, 100.0)),
        (Leaf("Num", (1, None)), number(1.0, None)),
        (Leaf("Num", (1,)), number(1.0, 1.0)),
        (Leaf("Num", (1, 2), exact=True), AnyOf((number(1.0, 1.0), number(2.0, 2.0)))),
        (Leaf("Num", (1, None), exact=True), number(1.0, None)),
        (Leaf("Num", (1, 2, 3)), AnyOf(tuple(number(n, n) for n in (1.0, 2.0, 3.0)))),
        (Leaf("Num", (None, None)), ALL),
        # instants: the same, but a midnight alone is its day
        (Leaf("Due", ("2026-01-05T12:00:00Z", None)), due(NOON, None)),
        (Leaf("Due", ("2026-01-05T12:00:00Z",)), due(NOON, NOON)),
        (Leaf("Due", ("2026-01-05",)), due(MIDNIGHT, MIDNIGHT + DAY_MS - 1)),
        (Leaf("Due", (None, "2026-01-05")), due(None, MIDNIGHT)),
        (Leaf("Due", ("TODAY",)), due(*TODAY)),
        (Leaf("Due", ("TODAY", None)), due(TODAY[0], None)),
        (Leaf("Due", (None, "TODAY")), due(None, TODAY[1])),
        (Leaf("Due", ("TODAY", "TODAY")), due(*TODAY)),
        # choices: ids, display ids, labels that one option bears
        (Leaf("Colour", (w.OPTIONS["red"],)), ChoiceTest(field("Colour"), (w.OPTIONS["red"],))),
        (Leaf("Colour", ("opt-red",)), ChoiceTest(field("Colour"), (w.OPTIONS["red"],))),
        (Leaf("Colour", ("赤", "Old")), ChoiceTest(field("Colour"), (
            w.OPTIONS["red"], w.OPTIONS["old"],
        ))),
        (Leaf("Colour", ("nothing",)), ChoiceTest(field("Colour"), ("nothing",))),
        (Leaf("Done", (True, "false")), ChoiceTest(field("Done"), (True, False))),
        (Leaf("Done", ("perhaps",)), ChoiceTest(field("Done"), ())),
        (Leaf("Status", ("New",)), ChoiceTest(SystemKey.STATUS, (w.NEW,))),
        (Leaf("Status", ("Doing!",)), ChoiceTest(SystemKey.STATUS, (w.DOING,))),
        (Leaf("i_id", ("x", "y")), ChoiceTest(SystemKey.ID, ("x", "y"))),
        # nothing looked for filters nothing; empties come in or stay out when that is said
        (Leaf("Note"), ALL),
        (Leaf("Note", ("",)), ALL),
        (Leaf("Note", negate=True), ALL),
        (Leaf("Note", include_null=True), NOTE_EMPTY),
        (Leaf("Note", include_null=False), Not(NOTE_EMPTY)),
        (Leaf("Note", include_null=True, negate=True), Not(NOTE_EMPTY)),
        (Leaf("Note", ("a",), negate=True), Not(text("a"))),
        (Leaf("Note", ("a",), include_null=True), AnyOf((text("a"), NOTE_EMPTY))),
        (Leaf("Note", ("a",), include_null=False), AllOf((text("a"), Not(NOTE_EMPTY)))),
        (
            Leaf("Note", ("a",), negate=True, include_null=False),
            AllOf((Not(text("a")), Not(NOTE_EMPTY))),
        ),
    ],
)  # fmt: skip
def test_a_leaf_means(leaf: Leaf, condition: Condition):
    assert read_wish(leaf, SCOPE) == condition


@pytest.mark.parametrize(
    ("branch", "condition"),
    [
        (Branch(()), ALL),
        (Branch((), any=True), ALL),
        (Branch((Leaf("Note"),), any=True), ALL),
        (Branch((Leaf("Note"), Leaf("Note", ("a",))), any=True), AnyOf((text("a"),))),
        (
            Branch((Branch((Leaf("Note", ("a",)), Leaf("Num", (1,))), any=True), Leaf("Note"))),
            AllOf((AnyOf((text("a"), number(1.0, 1.0))),)),
        ),
    ],
)
def test_a_branch_joins_what_filters(branch: Branch, condition: Condition):
    assert read_wish(branch, SCOPE) == condition


@pytest.mark.parametrize(
    ("leaf", "words"),
    [
        (Leaf("nowhere", ("a",)), "no field nowhere"),
        (Leaf("Secret", ("a",)), "no field Secret"),
        (Leaf("Hidden", ("a",)), "no field Hidden"),
        (Leaf("Total", ("a",)), "must be a number"),
        (Leaf("Line", ("a",)), "a separator field"),
        (Leaf("Num", ("12x",)), "must be a number"),
        (Leaf("Num", (True,)), "must be a number"),
        (Leaf("Num", ("TODAY",)), "must be a number"),
        (Leaf("Due", ("soon", None)), "must be a date"),
        (Leaf("Due", (5,)), "ISO 8601"),
        (Leaf("Note", (5,)), "must hold strings"),
        (Leaf("Colour", ({"a": 1},)), "must hold strings"),
        (Leaf("Done", (1,)), "takes true and false"),
        (Leaf("Note", ("a\0b",)), "U+0000"),
        (Leaf("Note", ("x" * (limits.SEARCH_TEXT_CHARS_MAX + 1),)), "characters"),
        (Leaf("Note", ("ﷺ" * 100,)), "characters"),  # one character that folds to eighteen
    ],
)
def test_what_a_leaf_can_not_mean_is_refused(leaf: Leaf, words: str):
    with pytest.raises(FaultError) as raised:
        read_wish(leaf, SCOPE)
    assert words in raised.value.faults[0].description


def test_the_limits_of_a_search_are_refused_one_over():
    leaf = Leaf("Note", ("a",))
    read_wish(Branch((leaf,) * limits.CONDITIONS_MAX), SCOPE)
    with pytest.raises(FaultError, match="invalid parameter"):
        read_wish(Branch((leaf,) * (limits.CONDITIONS_MAX + 1)), SCOPE)
    many = tuple(f"{n}" for n in range(limits.SEARCH_VALUES_MAX + 1))
    read_wish(Leaf("i_id", many[1:]), SCOPE)
    with pytest.raises(FaultError):
        read_wish(Leaf("i_id", many), SCOPE)
    deep: Leaf | Branch = leaf
    for _ in range(limits.CONDITION_LEVELS_MAX - 1):
        deep = Branch((deep,))
    read_wish(deep, SCOPE)
    with pytest.raises(FaultError):
        read_wish(Branch((deep,)), SCOPE)


def test_system_keys_are_compared_as_what_they_are():
    scope = Scope(TASKS, actor(w.MEMBER), TIMES, TODAY)
    assert read_wish(Leaf("rev_no", (2, None)), scope) == RangeTest(SystemKey.REVISION, 2.0, None)
    assert read_wish(Leaf("created_at", ("TODAY",)), scope) == RangeTest(
        SystemKey.CREATED_AT, *TODAY
    )


def test_a_sort_needs_an_order():
    assert read_sort("Num", descending=True, scope=SCOPE) == Sort(field("Num"), descending=True)
    assert read_sort("Status", descending=False, scope=SCOPE) == Sort(SystemKey.STATUS)
    for key in ("Tags", "Owners", "Line", "Secret", "nowhere"):
        with pytest.raises(FaultError):
            read_sort(key, descending=False, scope=SCOPE)


@pytest.mark.parametrize(
    "over",
    [
        {"per_page": limits.PAGE_ITEMS_MAX + 1},
        {"page": 0},
        {"per_page": -1},
        {"page": 2**53, "per_page": 2},
        {"sorts": (Sort(SystemKey.ID),) * (limits.SORTS_MAX + 1)},
    ],
)
def test_a_query_beyond_its_limits_is_refused(over):
    whole = {"condition": ALL, "per_page": limits.PAGE_ITEMS_MAX}
    make_query(CATALOG, actor(w.MEMBER), TASKS, **whole)
    with pytest.raises(FaultError):
        make_query(CATALOG, actor(w.MEMBER), TASKS, **(whole | over))


def test_fields_are_shown_to_the_roles_they_are_for_unless_hidden_from_programs():
    shown = {one.display_id for one in shown_fields(actor(w.MEMBER), TASKS)}
    assert {"Secret", "Hidden"}.isdisjoint(shown)
    assert "Secret" in {one.display_id for one in shown_fields(actor(w.ADMIN), TASKS)}


def test_a_lookup_leads_where_the_actor_may_go():
    found = find_lookups(CATALOG, actor(w.MEMBER), TASKS)
    assert [(key, one.datastore.id) for key, one in found.items()] == [(w.F["Client"], w.CLIENTS)]
    assert found[w.F["Client"]].shown is not None
    assert find_lookups(CATALOG, actor(), TASKS) == {}
    vault = CATALOG.find_datastore(w.VAULT)
    assert not may_use_datastore(actor(w.MEMBER), vault)


def test_subjects_are_what_a_condition_looks_at():
    tree = AllOf((Not(AnyOf((text("a"), number(1, 2)))), UnreadTest(w.BOB), NOTE_EMPTY))
    assert [one.display_id for one in subjects(tree)] == ["Note", "Num", "Note"]


@pytest.mark.parametrize(
    ("raw", "folded"),
    [("ＡＢ", "ab"), ("ｶﾞ", "ガ"), ("ΟΔΟΣ", "οδοσ"), ("ß", "ß"), ("ﬁ", "fi"), ("", "")],
)
def test_folding_forgets_case_and_width(raw, folded):
    assert fold(raw) == folded
    assert fold(fold(raw)) == folded
