"""ExecuteBatchAction: entries over several datastores of an application, without a parent."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.rest import Reply
from tests.writes.nest import ABORTED, MISSING, Nest, effects, fault, refused
from tests.writes.test_effects import event, history, item


def batch(nest: Nest, actions: Any, user: str = "bob", **more: Any) -> Reply:
    """ExecuteBatchAction."""
    body = {"item_actions": actions, **more}
    return nest.call("POST", "/api/v0/applications/NEST/BatchAction", body, user=user)


def test_entries_are_written_in_payload_order(nest):
    old, gone = nest.make(name="old"), nest.make("ONE", name="gone")
    before = nest.contents()
    reply = batch(
        nest,
        {
            "ONE": [{"operation": 3, "i_id": gone}, {"operation": 1, "item": {"name": "new"}}],
            "ROOT": [{"operation": 2, "i_id": old, "rev_no": 1, "item": {"name": "older"}}],
        },
    )
    assert (reply.status, reply.json["error"]) == (200, None)
    one, root = nest.id("ONE"), nest.id("ROOT")
    results = reply.json["results"]
    assert [(each["path"], each["d_id"], each["rev_no"]) for each in results] == [
        (f"{one}/0", one, 2),
        (f"{one}/1", one, 1),
        (f"{root}/0", root, 2),
    ]
    assert (results[0]["i_id"], results[2]["i_id"]) == (gone, old)
    new = {"name": "new", "number": "N-0002"}
    created = {"name": [None, "new"], "number": [None, "N-0002"], "status": [None, "New"]}
    went = {"name": ["gone", None], "number": ["N-0001", None]}
    values = {"name": "old", "number": "N-0001"}
    assert effects(before, nest.contents()) == {
        "items": (
            [item("ONE 1", 1, {"name": "gone", "number": "N-0001"}), item("ROOT 1", 1, values)],
            [item("ONE 2", 1, new), item("ROOT 1", 2, {**values, "name": "older"})],
        ),
        "histories": (
            [],
            [
                history("ONE 1", 2, 2, "Delete", went, turn=3),
                history("ONE 2", 1, 1, "Create", {**created, "keys": [None, ["bob"]]}, turn=3),
                history("ROOT 1", 2, 2, "Update", {"name": ["old", "older"]}, turn=3),
            ],
        ),
        "events": (
            [],
            [
                event("ONE 1", 2, 2, "item.deleted", "Delete", turn=3),
                event("ONE 2", 1, 1, "item.created", "Create", turn=3),
                event("ROOT 1", 2, 2, "item.updated", "Update", turn=3),
            ],
        ),
        "counters": ([["ONE number", "-", 1]], [["ONE number", "-", 2]]),
    }


BAD = {"operation": 1, "item": {"amount": "x"}}
GOOD = {"operation": 1, "item": {"name": "good"}}


def test_an_entry_that_fails_leaves_the_others_written(nest):
    reply = batch(nest, {"ROOT": [GOOD, BAD, GOOD], "ONE": [{"operation": 3, "i_id": MISSING}]})
    assert reply.status == 200
    root, one = nest.id("ROOT"), nest.id("ONE")
    assert [each["path"] for each in reply.json["results"]] == [f"{root}/0", f"{root}/2"]
    first, second = reply.json["error"]
    assert (first["error_code"], first["path"]) == ("INVALID_VALUE", f"{root}/1")
    description = f"couldn't check rev_no or item not found. ds:{one} i:{MISSING} "
    missing = fault("couldn't check rev_no", "NOT_FOUND", f"d_id:{one}", description, f"{one}/0")
    assert second == missing
    assert len(nest.contents()["items"]) == 2


def test_with_ensure_transaction_one_that_fails_takes_all_back(nest):
    before = nest.contents()
    actions = {"ROOT": [GOOD, BAD], "ONE": [GOOD, BAD]}
    reply = batch(nest, actions, ensure_transaction=True)
    assert reply.status == 400
    faults = reply.json["error"]
    assert reply.json == refused(*faults)
    assert faults[0] == ABORTED
    paths = [one["path"] for one in faults[1:]]
    assert paths == [f"{nest.id('ROOT')}/1", f"{nest.id('ONE')}/1"]
    assert nest.contents() == before
    assert batch(nest, {"ROOT": [GOOD]}, ensure_transaction=True).status == 200


def test_a_batch_may_hold_nothing(nest):
    for actions in ({}, {"ROOT": []}):
        reply = batch(nest, actions)
        assert (reply.status, reply.json) == (200, {"error": None, "results": []})


def test_an_update_asks_for_its_revision_unless_it_is_forced(nest):
    made = nest.make()
    entry = {"operation": 2, "i_id": made}
    (conflict,) = batch(nest, {"ROOT": [entry]}).json["error"]
    assert conflict["error_code"] == "ITEM_REV_CONFLICT"
    assert batch(nest, {"ROOT": [{**entry, "rev_no": 1}]}).json["error"] is None
    assert batch(nest, {"ROOT": [{**entry, "is_force_update": True}]}).json["error"] is None
    assert batch(nest, {"ROOT": [entry]}, is_force_update=True).json["error"] is None
    assert nest.rows(f"SELECT rev FROM i_{nest.id('ROOT')}") == [(4,)]


def test_entries_take_actions_keys_and_related_items(nest):
    entry = {
        "operation": 1,
        "action_id": "CreateNamed",
        "item": {"name": "a"},
        "access_key_updates": {"roles_to_publish": ["MEMBER"], "apply_related_ds": True},
        "related_ds_items": {"ONE": [{"operation": 1, "item": {"name": "b"}}]},
        "as_params": {"any": "thing"},
    }
    assert batch(nest, {"ROOT": [entry, {**entry, "item": {}}]}).json["results"]
    items = nest.contents()["items"]
    assert [one["keys"] for one in items] == [["MEMBER", "bob"]] * 2
    assert len(nest.links()) == 1


def test_several_entries_of_one_item_are_revisions_of_it(nest):
    made = nest.make(name="a")
    entries = [
        {"operation": 2, "i_id": made, "rev_no": rev, "item": {"name": name}}
        for rev, name in ((1, "b"), (2, "c"))
    ]
    assert batch(nest, {"ROOT": [*entries, {"operation": 3, "i_id": made}]}).json["error"] is None
    assert nest.contents()["items"] == []


@pytest.mark.parametrize(
    "actions",
    [
        {"NOWHERE": [GOOD]},
        {"AWAY": [GOOD]},
        {"CLOSED": [GOOD]},
        {"ROOT": [{"operation": 11, "i_id": MISSING}]},
        {"ROOT": [{"operation": 12, "i_id": MISSING}]},
        {"ROOT": [{"operation": 4, "i_id": MISSING}]},
        {"ROOT": [{"operation": 2}]},
        {"ROOT": [{}]},
        {"ROOT": [{**GOOD, "related_ds_items": {"ROOT": [GOOD]}}]},
        {"ROOT": [GOOD] * 1_001},
        [],
        None,
    ],
)
def test_a_batch_that_is_malformed_does_nothing(nest, actions):
    before = nest.contents()
    reply = batch(nest, actions)
    assert reply.status == 400
    assert list(reply.json) == ["error", "history_id", "item_id", "item"]
    assert nest.contents() == before


def test_a_thousand_entries_are_one_transaction(nest):
    assert batch(nest, {"ROOT": [GOOD] * 1_000}).status == 200
    contents = nest.contents()
    assert len(contents["items"]) == 1_000
    assert len({one[7] for one in contents["histories"]}) == 1
