"""ExecuteBulkAction and DeleteItemByConditions: one thing done to all that a search finds."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hikidashi.core.limits import BULK_ITEMS_MAX, FOUND_PORTION
from tests.api.rest import Reply
from tests.writes.nest import MISSING, Nest, effects, fault
from tests.writes.test_effects import event, history, item

ALL: dict[str, Any] = {"conditions": []}


def bulk(nest: Nest, action: str, body: Any, datastore: str = "ROOT", **more: Any) -> Reply:
    """ExecuteBulkAction."""
    path = f"{nest.APP}/{datastore}/items/bulkaction/{action}"
    return nest.call("POST", path, body, **({"user": "bob"} | more))


def wipe(nest: Nest, body: Any, datastore: str = "ROOT", **more: Any) -> Reply:
    """DeleteItemByConditions."""
    path = f"{nest.APP}/{datastore}/items/delete"
    return nest.call("DELETE", path, body, **({"user": "bob"} | more))


def named(*names: str) -> dict[str, Any]:
    """A body whose condition is one of the names."""
    return {"conditions": [{"id": "name", "search_value": list(names), "exact_match": True}]}


def these(*items: str) -> dict[str, Any]:
    """A body whose condition is one of the items."""
    return {"conditions": [{"id": "i_id", "search_value": list(items)}]}


def fill(nest: Nest, count: int, datastore: str = "ROOT") -> None:
    """Make many items; their names are even and odd."""
    entries = [
        {"operation": 1, "item": {"name": "odd" if number % 2 else "even"}}
        for number in range(count)
    ]
    body = {"item_actions": {datastore: entries}}
    reply = nest.call("POST", "/api/v0/applications/NEST/BatchAction", body, user="bob")
    assert (reply.status, reply.json["error"]) == (200, None)


def told(matched: int, processed: int, *errors: Any, has_error: bool = False) -> dict[str, Any]:
    """An answer."""
    result = {"matched": matched, "processed": processed}
    return {
        **({"errors": list(errors)} if errors else {}),
        "has_error": has_error,
        "result": result,
    }


NOTHING = {"description": "target was not found.", "error": "", "error_level": "WARN"}


def reached(most: int) -> dict[str, str]:
    """What is told when there are more."""
    description = f"the number of items has reached max_items {most}"
    return {"description": description, "error_level": "WARN"}


# --- bulk actions -----------------------------------------------------------------------------


def test_each_item_found_has_its_revision_its_history_and_its_event(nest):
    first, _, third = nest.make(name="a"), nest.make(name="b"), nest.make(name="a", amount=1)
    before = nest.contents()
    body = {**named("a"), "item": {"amount": 1}, "comment": "all"}
    reply = bulk(nest, "Update", body)
    assert (reply.status, reply.json) == (200, told(2, 2))
    one = {"name": "a", "number": "N-0001"}
    other = {"name": "a", "amount": 1.0, "number": "N-0003"}
    changes = {"amount": [None, 1.0]}
    assert effects(before, nest.contents()) == {
        "items": (
            [item("ROOT 1", 1, one), item("ROOT 3", 1, other)],
            [item("ROOT 1", 2, {**one, "amount": 1.0}), item("ROOT 3", 2, other)],
        ),
        "histories": (
            [],
            [
                history("ROOT 1", 2, 2, "Update", changes, turn=4, comment="all"),
                history("ROOT 3", 2, 2, "Update", {}, turn=4, comment="all"),
            ],
        ),
        "events": (
            [],
            [
                event("ROOT 1", 2, 2, "item.updated", "Update", turn=4),
                event("ROOT 3", 2, 2, "item.updated", "Update", turn=4, is_changed=False),
            ],
        ),
    }
    found = nest.rows(f"SELECT id FROM i_{nest.id('ROOT')} WHERE rev = 2")
    assert {row[0] for row in found} == {first, third}


def test_a_status_action_moves_those_it_is_for(nest):
    first, second = nest.make(name="a"), nest.make(name="b")
    assert nest.edit(first, {"rev_no": 1, "action_id": "Finish"}).status == 200
    reply = bulk(nest, "Finish", ALL)
    (error,) = reply.json.pop("errors")
    assert (error["error_code"], error["reference_id"]) == ("NO_PRIVILEGES", first)
    assert (reply.status, reply.json) == (200, told(2, 1, error, has_error=True))
    assert {one["status"] for one in nest.contents()["items"]} == {"Done"}
    status = {"conditions": [{"id": "status_id", "search_value": ["Done"]}]}
    assert bulk(nest, "Finish", status).json["result"] == {"matched": 2, "processed": 0}
    assert nest.value(second, "name") == "b"


def test_delete_and_copy_actions_are_for_many_as_well(nest):
    fill(nest, 4)
    assert bulk(nest, "Copy", named("odd")).json == told(2, 2)
    names = [one["values"]["name"] for one in nest.contents()["items"]]
    assert sorted(names) == ["even", "even", "odd", "odd", "odd", "odd"]
    assert bulk(nest, "Delete", named("odd")).json == told(4, 4)
    assert len(nest.contents()["items"]) == 2


def test_revisions_that_are_listed_are_compared_and_others_are_not(nest):
    first, second, third = nest.make(name="a"), nest.make(name="b"), nest.make(name="c")
    for one in (second, third):
        assert nest.edit(one, {"rev_no": 1}).status == 200
    revisions = {first: 1, second: 1, MISSING: 5}
    reply = bulk(nest, "Update", {**ALL, "item": {"amount": 1}, "item_revisions": revisions})
    conflict = fault(
        "Revision number mismatch",
        "ITEM_REV_CONFLICT",
        second,
        f"item:{second}(d_id:{nest.id('ROOT')}) has rev_no:2 but specified rev_no:1",
    )
    assert (reply.status, reply.json) == (200, told(3, 2, conflict, has_error=True))
    assert [nest.value(one, "amount") for one in (first, second, third)] == [1, None, 1]


def test_each_item_stands_for_itself(nest):
    first, second = nest.make(name="a"), nest.make(name="b")
    reply = bulk(nest, "Update", {**ALL, "item": {"code": "x"}})
    assert reply.json["result"] == {"matched": 2, "processed": 1}
    (error,) = reply.json["errors"]
    assert (error["error"], error["reference_id"]) == ("code: the value is not unique", second)
    assert (nest.value(first, "code"), nest.value(second, "code")) == ("x", None)


def test_over_max_items_nothing_is_processed(nest):
    fill(nest, 11)
    before = nest.contents()
    reply = bulk(nest, "Update", {**ALL, "max_items": 10})
    assert (reply.status, reply.json["has_error"], reply.json["result"]) == (400, True, None)
    assert "11 items match, over max_items 10" in reply.json["errors"][0]["description"]
    assert nest.contents() == before


def test_over_max_items_the_first_are_processed_if_it_is_to_go_on(nest):
    fill(nest, 15)
    body = {**ALL, "max_items": 10, "continue_proc": True}
    assert bulk(nest, "Delete", body).json == told(15, 10, reached(10), has_error=True)
    left = nest.rows(f"SELECT n FROM i_{nest.id('ROOT')} ORDER BY n")
    assert len(left) == 5  # the oldest went first
    assert bulk(nest, "Delete", body).json == told(5, 5)
    assert bulk(nest, "Delete", body).json == told(0, 0, NOTHING)


@pytest.mark.parametrize(
    ("count", "most", "status"),
    [
        (100, None, 200),
        (101, None, 400),
        (BULK_ITEMS_MAX, BULK_ITEMS_MAX, 200),
        (BULK_ITEMS_MAX + 1, BULK_ITEMS_MAX, 400),
    ],
)
def test_a_hundred_items_by_default_and_three_hundred_at_most(nest, count, most, status):
    fill(nest, count)
    body = {**ALL, **({"max_items": most} if most else {})}
    assert bulk(nest, "Delete", body).status == status
    assert len(nest.contents()["items"]) == (0 if status == 200 else count)


@pytest.mark.parametrize("most", [0, 5, 15, -10, BULK_ITEMS_MAX + 10, 2**70])
def test_max_items_is_a_multiple_of_ten_up_to_three_hundred(nest, most):
    nest.make()
    reply = bulk(nest, "Delete", {**ALL, "max_items": most})
    assert (reply.status, reply.json["has_error"]) == (400, True)
    assert len(nest.contents()["items"]) == 1


def test_only_what_the_caller_sees_is_found(nest):
    nest.make(name="a")
    mine = nest.make(name="a", user="eve")
    assert bulk(nest, "Update", named("a"), user="eve").json == told(1, 1)
    assert bulk(nest, "Update", these(mine)).json == told(0, 0, NOTHING)
    assert sorted(one["rev"] for one in nest.contents()["items"]) == [1, 2]


@pytest.mark.parametrize("action", ["Create", "Nothing", MISSING, "Audit"])
def test_an_action_that_is_not_for_it_is_refused_as_a_whole(nest, action):
    nest.make()
    before = nest.contents()
    for body in (ALL, named("nobody")):
        reply = bulk(nest, action, body)
        assert (reply.status, reply.json["has_error"]) == (403, True)
        assert reply.json["errors"][0]["error_code"] == "NO_PRIVILEGES"
    assert nest.contents() == before


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"conditions": None},
        {"conditions": {}},
        {"conditions": [{"id": "nothing", "search_value": ["x"]}]},
        {"conditions": [{"search_value": ["x"]}]},
        {"conditions": [{"id": "secret", "search_value": ["x"]}]},
        {"conditions": [{"id": "amount", "search_value": ["x"]}]},
    ],
)
def test_conditions_that_mean_nothing_do_nothing(nest, body):
    nest.make(name="a")
    before = nest.contents()
    reply = bulk(nest, "Update", body)
    assert (reply.status, reply.json["has_error"]) == (400, True)
    assert wipe(nest, body).status == 400
    assert nest.contents() == before


def test_values_that_are_wrong_are_told_of_each_item(nest):
    first, second = nest.make(), nest.make()
    reply = bulk(nest, "Update", {**ALL, "item": {"amount": "x"}})
    assert reply.json["result"] == {"matched": 2, "processed": 0}
    assert [one["reference_id"] for one in reply.json["errors"]] == [first, second]


def test_what_all_items_have_in_common_is_told_once(nest):
    nest.make(), nest.make()
    body = {**ALL, "access_key_updates": {"groups_to_publish": ["NOWHERE"]}}
    reply = bulk(nest, "Update", body)
    (note,) = reply.json["errors"]
    assert note["error_level"] == "WARN"
    assert (reply.json["has_error"], reply.json["result"]["processed"]) == (False, 2)


def test_access_keys_go_to_every_item(nest):
    nest.make(), nest.make()
    body = {**ALL, "access_key_updates": {"roles_to_publish": ["MEMBER"]}}
    assert bulk(nest, "Update", body).json == told(2, 2)
    assert [one["keys"] for one in nest.contents()["items"]] == [["MEMBER", "bob"]] * 2


def test_related_items_of_a_bulk_action_are_refused(nest):
    nest.make()
    assert bulk(nest, "Update", {**ALL, "related_ds_items": {"ONE": []}}).status == 400
    assert bulk(nest, "Update", {**ALL, "related_ds_items": {}}).status == 200


def test_an_item_that_moves_meanwhile_is_looked_for_again(nest):
    """Of many at once each does what it does to items as they are then, and none is lost."""
    made = [nest.make(name="a", amount=0) for _ in range(5)]

    async def all_at_once() -> list[Reply]:
        path = f"{nest.base}/items/bulkaction/Update"
        return await asyncio.gather(
            *(
                nest.acall("POST", path, {**named("a"), "item": {"name": "b"}}, user="bob")
                for _ in range(4)
            )
        )

    replies = nest.run(all_at_once())
    assert [one.status for one in replies] == [200] * 4
    assert sorted(one.json["result"]["processed"] for one in replies) == [0, 0, 0, 5]
    assert [nest.value(one, "name") for one in made] == ["b"] * 5
    assert {one["rev"] for one in nest.contents()["items"]} == {2}


# --- deletes by conditions --------------------------------------------------------------------


def test_what_the_conditions_hold_for_is_deleted(nest):
    fill(nest, 5)
    reply = wipe(nest, named("odd"))
    assert (reply.status, reply.json) == (200, {"error": None})
    assert [one["values"]["name"] for one in nest.contents()["items"]] == ["even"] * 3
    deleted = [one for one in nest.contents()["histories"] if one[4] == "delete"]
    assert [one[0] for one in deleted] == ["ROOT 2", "ROOT 4"]
    assert wipe(nest, named("odd")).json == {"error": None}
    assert wipe(nest, ALL).json == {"error": None}
    assert nest.contents()["items"] == []


def test_more_than_a_portion_is_deleted_in_portions(nest):
    count = 2 * FOUND_PORTION + 1
    fill(nest, count)
    assert wipe(nest, ALL).json == {"error": None}
    contents = nest.contents()
    assert contents["items"] == []
    deleted = [one for one in contents["histories"] if one[4] == "delete"]
    assert len(deleted) == count
    assert len({one[7] for one in deleted}) == 3


def test_items_of_others_stay(nest):
    nest.make(name="a")
    nest.make(name="a", user="eve")
    assert wipe(nest, ALL, user="eve").json == {"error": None}
    assert [one["keys"] for one in nest.contents()["items"]] == [["bob"]]


def test_without_the_right_to_delete_nothing_is(nest):
    nest.make("SEEN", user="ann")
    reply = wipe(nest, ALL, "SEEN")
    assert (reply.status, reply.json["error_code"]) == (403, "NO_PRIVILEGES")
    assert len(nest.contents()["items"]) == 1


def test_a_wipe_that_is_sent_again_is_answered_again_and_deletes_nothing_more(nest):
    fill(nest, FOUND_PORTION + 1)
    key = {"idempotency-key": "once"}
    first = wipe(nest, ALL, headers=key)
    nest.make(name="later")
    again = wipe(nest, ALL, headers=key)
    assert (first.status, first.body) == (again.status, again.body) == (200, b'{"error":null}')
    assert again.headers["idempotent-replay"] == "true"
    assert len(nest.contents()["items"]) == 1
    assert wipe(nest, named("a"), headers=key).status == 422
