"""ExecuteAction: the action in the URL says what is done to the item."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.rest import Reply
from tests.writes.nest import MISSING, Nest, effects, fault, refused
from tests.writes.test_effects import NOW, event, history, item


def act(nest: Nest, target: str, action: str, body: Any = None, **more: Any) -> Reply:
    """ExecuteAction."""
    path = f"{nest.base}/items/action/{target}/{action}"
    return nest.call("POST", path, body or {}, **({"user": "bob"} | more))


def act_by_id(nest: Nest, target: str, action: str, body: Any = None, **more: Any) -> Reply:
    """ExecuteActionByActionID."""
    path = f"/api/v0/items/{target}/actions/{action}"
    return nest.call("POST", path, body or {}, **({"user": "bob"} | more))


def same(reply: Reply) -> Any:
    """An answer without the ids of what was written."""
    told = reply.json
    for key in ("history_id", "i_id", "item_id", "transaction_id"):
        del told["itemHistory"][key]
    del told["rev_no"]["_id"]
    return told


@pytest.mark.parametrize("by_id", [False, True])
def test_an_update_action_is_as_update_item(nest, by_id):
    made, twin = nest.make(name="a"), nest.make(name="a")
    body = {"rev_no": 1, "item": {"name": "b"}, "comment": "why"}
    action = nest.action("ROOT", "Update").id if by_id else "Update"
    told = act(nest, made, action, body)
    wanted = nest.edit(twin, body)
    assert told.status == wanted.status == 200
    assert same(told) == same(wanted)
    assert nest.value(made, "name") == "b"


def test_a_status_action_moves_the_status_once(nest):
    made = nest.make(name="a")
    values = {"name": "a", "number": "N-0001"}
    before = nest.contents()
    assert act(nest, made, "Finish", {"rev_no": 1}).status == 200
    assert effects(before, nest.contents()) == {
        "items": ([item("ROOT 1", 1, values)], [item("ROOT 1", 2, values, status="Done")]),
        "histories": (
            [],
            [history("ROOT 1", 2, 2, "Finish", {"status": ["New", "Done"]}, turn=2)],
        ),
        "events": ([], [event("ROOT 1", 2, 2, "item.updated", "Finish", turn=2)]),
    }
    assert act(nest, made, "Finish", {"rev_no": 2}).status == 403


def test_a_delete_action_deletes_and_answers_with_its_history(nest):
    made = nest.make(name="a")
    reply = act(nest, made, "Delete", {"rev_no": 1, "return_item_result": True})
    assert reply.status == 200
    told = reply.json
    assert (told["error"], told["rev_no"]) == ("", {"_id": made, "rev_no": 2})
    assert told["itemHistory"]["action_id"] == nest.action("ROOT", "Delete").id
    assert "item" not in told
    assert nest.contents()["items"] == []
    assert act(nest, made, "Delete", {"rev_no": 2}).status == 404


def test_a_delete_action_of_a_status_waits_for_it(nest):
    made = nest.make()
    assert act(nest, made, "Retire", {"rev_no": 1}).status == 403
    assert act(nest, made, "Finish", {"rev_no": 1}).status == 200
    assert act(nest, made, "Retire", {"rev_no": 2}).status == 200


@pytest.mark.parametrize("action", ["Update", "Delete", "Copy"])
def test_every_action_asks_for_the_revision(nest, action):
    made = nest.make(name="a")
    before = nest.contents()
    for body, given in (({}, 0), ({"rev_no": 2}, 2)):
        reply = act(nest, made, action, body)
        conflict = fault(
            "Revision number mismatch",
            "ITEM_REV_CONFLICT",
            made,
            f"item:{made}(d_id:{nest.id('ROOT')}) has rev_no:1 but specified rev_no:{given}",
        )
        assert (reply.status, reply.json) == (409, refused(conflict, item=made))
    assert nest.contents() == before
    assert act(nest, made, action, {"is_force_update": True}).status == 200


def test_a_copy_takes_over_what_it_may_and_is_a_new_item(nest):
    made = nest.make(name="a", code="c", amount=5)
    assert act(nest, made, "Finish", {"rev_no": 1}).status == 200
    before = nest.contents()
    body = {"rev_no": 2, "comment": "again", "return_item_result": True, "use_display_id": True}
    reply = act(nest, made, "Copy", body)
    assert reply.status == 200
    copy = reply.json["rev_no"]["_id"]
    assert copy != made
    assert reply.json["rev_no"]["rev_no"] == 1
    assert reply.json["itemHistory"]["item_id"] == copy
    shown = reply.json["item"]
    assert (shown["i_id"], shown["name"], shown["number"]) == (copy, "a", "N-0002")
    values = {"name": "a", "amount": 5.0, "number": "N-0002"}
    changes = {
        "name": [None, "a"],
        "amount": [None, 5.0],
        "number": [None, "N-0002"],
        "status": [None, "New"],
        "keys": [None, ["bob"]],
        "copied_from": [None, "ROOT 1"],
    }
    made_history = ["ROOT 2", 1, 1, "Copy", "copy", "bob", "again", "transaction 3", NOW, changes]
    assert effects(before, nest.contents()) == {
        "items": ([], [item("ROOT 2", 1, values)]),
        "histories": ([], [made_history]),
        "events": ([], [event("ROOT 2", 1, 1, "item.created", "Copy", turn=3)]),
        "counters": ([["ROOT number", "-", 1]], [["ROOT number", "-", 2]]),
    }


def test_what_is_given_goes_over_what_is_copied(nest):
    made = nest.make(name="a", code="c")
    body = {"rev_no": 1, "item": {"name": "b", "code": "d"}}
    copy = act(nest, made, "Copy", body).json["rev_no"]["_id"]
    assert (nest.value(copy, "name"), nest.value(copy, "code")) == ("b", "d")
    assert nest.value(made, "code") == "c"


def test_a_copy_is_checked_as_any_write_is(nest):
    made = nest.make(name="a", code="c", amount=5)
    before = nest.contents()
    for values, status, words in (
        ({"code": "c"}, 400, "the value is not unique"),
        ({"amount": 6}, 403, "not arrowed to update this field for this action"),
        ({"nothing": 1}, 400, "unknown field: nothing"),
    ):
        reply = act(nest, made, "Copy", {"rev_no": 1, "item": values})
        assert reply.status == status
        assert words in reply.json["error"][0]["error"]
    assert nest.contents() == before


def test_items_related_to_a_copy_hang_on_the_copy(nest):
    made, child = nest.make(), nest.make("ONE")
    entries = [{"operation": 1}, {"operation": 11, "i_id": child, "link_to_parent": True}]
    body = {"rev_no": 1, "related_ds_items": {"ONE": entries}}
    copy = act(nest, made, "Copy", body).json["rev_no"]["_id"]
    assert (child, copy) in nest.links()
    assert {source for source, _ in nest.links()} == {copy, child}


def test_a_delete_action_takes_no_related_items(nest):
    made = nest.make()
    body = {"rev_no": 1, "related_ds_items": {"ONE": [{"operation": 1}]}}
    reply = act(nest, made, "Delete", body)
    assert reply.status == 400
    assert "operation 3 can't have related_ds_items" in reply.body.decode()


@pytest.mark.parametrize("action", ["Create", "Nothing", MISSING, "Audit"])
def test_an_action_that_is_not_for_it_is_refused_once_the_item_is_seen(nest, action):
    """A new-action, one that is not there, one of other roles."""
    made = nest.make()
    before = nest.contents()
    reply = act(nest, made, action, {"rev_no": 9})
    assert (reply.status, reply.json["error_code"]) == (403, "NO_PRIVILEGES")
    assert act(nest, made, action, {"rev_no": 1}, user="eve").status == 404
    assert act(nest, MISSING, action, {"rev_no": 1}).status == 404
    assert nest.contents() == before


def test_actions_that_the_wire_does_not_know_are_no_operations(nest):
    made, other = nest.make(), nest.make("ONE")
    for operation in (0, 4, 5, 20):
        entry = {"operation": operation, "i_id": other, "action_id": "Copy"}
        reply = nest.edit(made, {"rev_no": 1, "related_ds_items": {"ONE": [entry]}})
        assert reply.status == 400


# --- by the action's id -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        {"datastore_id": "ROOT", "project_id": "NEST"},
        {"history": {"datastore_id": "<id>", "comment": "why"}},
        {"datastore_id": "<id>", "comment": "why"},
    ],
)
def test_the_older_form_names_the_datastore_in_its_body_and_answers_null(nest, body):
    made = nest.make(name="a")
    filled = {
        "rev_no": 1,
        "changes": [{"id": "name", "value": "b"}],
        **json.loads(json.dumps(body).replace("<id>", nest.id("ROOT"))),
    }
    reply = act_by_id(nest, made, nest.action("ROOT", "Update").id, filled)
    assert (reply.status, reply.json) == (200, None)
    assert nest.value(made, "name") == "b"


def test_the_older_form_tells_what_was_not_written(nest):
    made = nest.make()
    related = {"ONE": [{"operation": 1, "item": {"amount": "x"}}]}
    body = {"rev_no": 1, "datastore_id": nest.id("ROOT"), "related_ds_items": related}
    reply = act_by_id(nest, made, "Update", body)
    assert reply.status == 200
    assert reply.json["item_id"] == made
    assert [one["error_code"] for one in reply.json["error"]] == ["INVALID_VALUE"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"datastore_id": ""}, 400),
        ({"datastore_id": MISSING}, 404),
        ({"datastore_id": "ROOT", "project_id": "NOWHERE"}, 404),
    ],
)
def test_the_older_form_without_a_datastore_is_refused(nest, body, status):
    made = nest.make()
    assert act_by_id(nest, made, "Update", {"rev_no": 1, **body}).status == status


def test_a_copy_can_be_brought_back_to_what_it_was(nest):
    """Where it came from is no value of it."""
    made = nest.make(name="a", amount=5)
    copy = act(nest, made, "Copy", {"rev_no": 1}).json["rev_no"]["_id"]
    assert nest.edit(copy, {"rev_no": 1, "item": {"name": "b"}}).status == 200
    body = {"rev_no": 2, "to": 1}
    path = f"{nest.base}/items/restore/{copy}"
    reply = nest.call("POST", path, body, user="bob")
    assert reply.status == 200, reply.body
    assert (nest.value(copy, "name"), nest.value(copy, "amount")) == ("a", 5)
