"""What the five operations do to items and links, in which order, and how deep they nest."""

from __future__ import annotations

from typing import Any

import pytest

from hikidashi.core.limits import RELATED_LEVELS_MAX
from tests.writes.nest import LEVELS, MISSING, Nest


def related(nest: Nest, parent: str, entries: Any, **more: Any) -> Any:
    """UpdateItem of the parent with entries of ONE, or of what they are keyed by."""
    keyed = entries if isinstance(entries, dict) else {"ONE": entries}
    reply = nest.edit(parent, {"is_force_update": True, "related_ds_items": keyed, **more})
    assert reply.status == 200, reply.json
    return reply.json


def add_link(nest: Nest, source: str, target: str, kind: str = "link") -> None:
    """A link of any kind, past the wire."""
    row = (source, target, kind, nest.id("ROOT"), nest.id("ONE"))
    sql = (
        "INSERT INTO links (from_item, to_item, kind, from_datastore, to_datastore)"
        " VALUES (?, ?, ?, ?, ?)"
    )
    nest.run(nest.app.store.change(lambda one: one.query(sql, row)))


@pytest.mark.parametrize("operation", [1, 2, 11])
@pytest.mark.parametrize("both", [True, False, None])
def test_making_changing_and_linking_link_the_parent_and_on_wish_the_child(nest, operation, both):
    parent = nest.make()
    child = "" if operation == 1 else nest.make("ONE")
    entry = {"operation": operation, "i_id": child or None, "link_to_parent": both}
    told = related(nest, parent, [entry], return_item_result=True)
    [made] = told["item"]["links"][0]["i_ids"]
    assert made == child or operation == 1
    assert nest.links() == {(parent, made)} | ({(made, parent)} if both else set())


@pytest.mark.parametrize("operation", [2, 11])
@pytest.mark.parametrize("kind", ["link", "lookup", "auto_link"])
def test_a_link_of_any_kind_that_is_there_is_not_made_again(nest, operation, kind):
    parent, child = nest.make(), nest.make("ONE")
    add_link(nest, parent, child, kind)
    related(nest, parent, [{"operation": operation, "i_id": child}])
    assert nest.rows("SELECT kind FROM links") == [(kind,)]


def test_unlinking_takes_links_in_both_directions_but_only_manual_ones(nest):
    parent, child = nest.make(), nest.make("ONE")
    for source, target in ((parent, child), (child, parent)):
        for kind in ("link", "auto_link", "lookup"):
            add_link(nest, source, target, kind)
    related(nest, parent, [{"operation": 12, "i_id": child}])
    assert {kind for (kind,) in nest.rows("SELECT kind FROM links")} == {"auto_link", "lookup"}
    assert len(nest.rows("SELECT 1 FROM links")) == 4
    told = related(nest, parent, [{"operation": 12, "i_id": child}])
    assert told["error"] == ""  # nothing to remove is no fault


def test_deleting_needs_no_link(nest):
    parent, child = nest.make(), nest.make("ONE")
    assert related(nest, parent, [{"operation": 3, "i_id": child}])["error"] == ""
    assert nest.rows(f"SELECT 1 FROM i_{nest.id('ONE')}") == []


@pytest.mark.parametrize("operation", [11, 12])
def test_linking_needs_the_target_visible_and_no_right_of_its_own(nest, operation):
    parent = nest.make()
    seen = nest.new({"name": "s"}, "SEEN", user="ann")
    entry = {"operation": operation, "i_id": seen}
    assert related(nest, parent, {"SEEN": [entry]})["error"] == ""
    assert nest.links() == ({(parent, seen)} if operation == 11 else set())
    told = related(nest, parent, {"SEEN": [{"operation": 2, "i_id": seen, "item": {}}]})
    assert [one["error_code"] for one in told["error"]] == ["NO_PRIVILEGES"]


@pytest.mark.parametrize(
    ("first", "second", "codes"),
    [
        ({"rev_no": 1}, {"rev_no": 2}, []),
        ({"rev_no": 1}, {"rev_no": 1}, ["ITEM_REV_CONFLICT"]),
        ({}, {"rev_no": 1}, ["ITEM_REV_CONFLICT"]),
        ({"rev_no": 2}, {"rev_no": 1}, ["ITEM_REV_CONFLICT"]),
    ],
)
def test_an_update_of_a_child_compares_its_own_revision_with_what_earlier_entries_left(
    nest, first, second, codes
):
    parent, child = nest.make(), nest.make("ONE")
    entries = [{"operation": 2, "i_id": child, **one} for one in (first, second)]
    body = {"rev_no": 1, "related_ds_items": {"ONE": entries}}
    told = nest.edit(parent, body).json["error"]
    assert [one["error_code"] for one in told or ()] == codes


def test_the_parents_force_covers_its_children(nest):
    parent, child = nest.make(), nest.make("ONE")
    entries = [{"operation": 2, "i_id": child, "rev_no": 9}, {"operation": 2, "i_id": child}]
    assert related(nest, parent, entries)["error"] == ""
    [(revision,)] = nest.rows(f"SELECT rev FROM i_{nest.id('ONE')}")
    assert revision == 3


@pytest.mark.parametrize("operation", [3, 11, 12])
def test_deleting_and_linking_compare_no_revision(nest, operation):
    parent, child = nest.make(), nest.make("ONE")
    entry = {"operation": operation, "i_id": child, "rev_no": 9}
    body = {"rev_no": 1, "related_ds_items": {"ONE": [entry]}}
    assert nest.edit(parent, body).json["error"] == ""


def test_entries_run_in_payload_order_and_each_is_a_revision(nest):
    parent, child = nest.make(), nest.make("ONE")
    write = {"operation": 2, "i_id": child}
    entries = [
        {**write, "rev_no": 1, "item": {"name": "first", "code": "c"}},
        {**write, "rev_no": 2, "item": {"name": "second", "code": None}},
        {"operation": 1, "item": {"code": "c"}},  # given up by the one before
        {"operation": 3, "i_id": child},
        {**write, "rev_no": 3},
    ]
    body = {"rev_no": 1, "related_ds_items": {"ONE": entries}, "is_sync_related_items": False}
    told = nest.edit(parent, body).json["error"]
    assert [(one["error_code"], one["path"]) for one in told] == [
        ("NOT_FOUND", f"{nest.id('ONE')}/4")
    ]
    sql = "SELECT seq, operation FROM histories WHERE item_id = ? ORDER BY seq"
    assert nest.rows(sql, child) == [(1, "new"), (2, "update"), (3, "update"), (4, "delete")]


def test_of_two_entries_that_claim_one_unique_value_the_second_fails(nest):
    parent = nest.make()
    entries = [{"operation": 1, "item": {"code": "c"}}] * 2
    told = related(nest, parent, entries)["error"]
    assert [(one["error"], one["path"]) for one in told] == [
        ("code: the value is not unique", f"{nest.id('ONE')}/1")
    ]


def test_one_datastore_under_two_names_is_one_list(nest):
    parent = nest.make()
    entries = {
        "ONE": [{"operation": 1}, {"operation": 1, "item": {"amount": "x"}}],
        "TWO": [{"operation": 1, "item": {"amount": "y"}}],
        nest.id("ONE"): [{"operation": 1}, {"operation": 1, "item": {"amount": "z"}}],
    }
    one, two = nest.id("ONE"), nest.id("TWO")
    told = related(nest, parent, entries)["error"]
    assert [entry["path"] for entry in told] == [f"{one}/1", f"{two}/0", f"{one}/3"]


def test_a_datastore_of_another_application_is_named_by_its_id(nest):
    parent = nest.make()
    away = nest.id("AWAY")
    told = related(nest, parent, {away: [{"operation": 1, "item": {"name": "there"}}]})
    assert told["error"] == ""
    [(made,)] = nest.rows(f"SELECT id FROM i_{away}")
    assert nest.links() == {(parent, made)}


def nested(levels: list[str], operation: int = 1, item: str = "") -> dict[str, Any]:
    """Entries below entries, one on each level."""
    entries: dict[str, Any] = {}
    for name in reversed(levels):
        entries = {name: [{"operation": operation, "i_id": item, "related_ds_items": entries}]}
    return entries


def malformed(nest: Nest) -> dict[str, dict[str, Any]]:
    """Trees that are refused before anything is done."""
    return {
        "one level too many": nested([*LEVELS[: RELATED_LEVELS_MAX + 1]]),
        "the item's own datastore": nested(["ROOT"]),
        "the same by its id": nested([nest.id("ROOT")]),
        "a datastore in itself": nested(["ONE", "TWO", "ONE"]),
        "the same by two names": nested(["ONE", nest.id("ONE")]),
        "below a deletion": nested(["ONE", "TWO"], 3, MISSING),
        "below an unlinking": nested(["ONE", "TWO"], 12, MISSING),
        "no such datastore": nested(["NOWHERE"]),
        "one that is closed": nested(["CLOSED"]),
        "another application's by name": nested(["AWAY"]),
        "another workspace's": nested([nest.catalogs[1].projects[0].datastores[0].id]),
        "an operation that is none": nested(["ONE"], 4),
        "a change without an item": nested(["ONE"], 2),
    }


@pytest.mark.parametrize("ensure", [True, False])
def test_a_malformed_tree_is_refused_before_anything_runs(nest, ensure):
    parent = nest.make()
    before = nest.contents()
    for name, tree in malformed(nest).items():
        good = {"operation": 1, "item": {"name": "good"}}
        entries = {"FIVE": [good], **tree}
        body = {"is_force_update": True, "ensure_transaction": ensure, "related_ds_items": entries}
        for reply in (nest.edit(parent, body), nest.create(body)):
            assert reply.status == 400, name
            [told] = reply.json["error"]
            assert told["error_code"] == "INVALID_PARAMS", name
            assert "path" not in told
    assert nest.contents() == before


def test_five_levels_are_not_too_deep(nest):
    tree = nested([*LEVELS[:RELATED_LEVELS_MAX]])
    assert nest.create({"related_ds_items": tree}).json["error"] is None
    assert len(nest.links()) == RELATED_LEVELS_MAX


def test_apply_related_ds_puts_the_parents_keys_on_children_unless_they_have_their_own(nest):
    eve, rex = nest.identity("eve").user, nest.identity("rex").user
    keys = {"apply_related_ds": True, "users_to_publish": [eve]}
    own = {"users_to_publish": [rex]}
    entries = [
        {
            "operation": 1,
            "item": {"name": "inherits"},
            "related_ds_items": {"TWO": [{"operation": 1}]},
        },
        {"operation": 1, "item": {"name": "own"}, "access_key_updates": own},
    ]
    body = {"access_key_updates": keys, "related_ds_items": {"ONE": entries}}
    assert nest.create(body).status == 200
    held = {one["item"]: one["keys"] for one in nest.contents()["items"]}
    assert held == {
        "ROOT 1": ["bob", "eve"],
        "ONE 1": ["bob", "eve"],
        "TWO 1": ["bob", "eve"],
        "ONE 2": ["bob", "rex"],
    }


def test_without_apply_related_ds_children_have_the_keys_of_their_actions(nest):
    eve = nest.identity("eve").user
    body = {
        "access_key_updates": {"users_to_publish": [eve]},
        "related_ds_items": {"ONE": [{"operation": 1}]},
    }
    assert nest.create(body).status == 200
    held = {one["item"]: one["keys"] for one in nest.contents()["items"]}
    assert held == {"ROOT 1": ["bob", "eve"], "ONE 1": ["bob"]}
