"""CreateNewItemID and CreateItemWithItemID: an id first, the item later."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hikidashi.core.limits import RESERVATION_LIFE_MS
from tests.api.rest import Reply
from tests.writes.nest import MISSING, Nest, effects
from tests.writes.test_effects import NOW, event, history, item


def reserve(nest: Nest, datastore: str = "ROOT", **more: Any) -> str:
    """CreateNewItemID."""
    path = f"/api/v0/datastores/{nest.id(datastore)}/items/create-id"
    reply = nest.call("POST", path, **({"user": "bob"} | more))
    assert reply.status == 200, reply.body
    assert list(reply.json) == ["item_id"]
    return str(reply.json["item_id"])


def make(nest: Nest, reserved: str, body: Any = None, action: str = "Create", **more: Any) -> Reply:
    """CreateItemWithItemID."""
    path = f"/api/v0/items/{reserved}/new-actions/{action}"
    sent = {"datastore_id": nest.id("ROOT"), **(body or {})}
    return nest.call("POST", path, sent, **({"user": "bob"} | more))


def test_an_id_is_reserved_and_no_item_is_there(nest):
    before = nest.contents()
    reserved = reserve(nest)
    assert effects(before, nest.contents()) == {"reserved": ([], [["ROOT", "bob", NOW]])}
    reply = nest.call("GET", f"{nest.base}/items/details/{reserved}", user="bob")
    assert reply.status == 404


def test_the_item_is_made_with_the_id(nest):
    reserved = reserve(nest)
    before = nest.contents()
    reply = make(nest, reserved, {"item": {"name": "a"}, "comment": "made"})
    assert (reply.status, reply.json) == (200, None)
    assert nest.rows(f"SELECT id FROM i_{nest.id('ROOT')}") == [(reserved,)]
    values = {"name": "a", "number": "N-0001"}
    changes = {"name": [None, "a"], "number": [None, "N-0001"], "status": [None, "New"]}
    changes["keys"] = [None, ["bob"]]
    assert effects(before, nest.contents()) == {
        "reserved": ([["ROOT", "bob", NOW]], []),
        "items": ([], [item("ROOT 1", 1, values)]),
        "histories": ([], [history("ROOT 1", 1, 1, "Create", changes, comment="made")]),
        "events": ([], [event("ROOT 1", 1, 1, "item.created", "Create")]),
        "counters": ([], [["ROOT number", "-", 1]]),
        "access sets": ([], [["bob"]]),
    }
    assert make(nest, reserved).status == 404


@pytest.mark.parametrize(
    "body",
    [
        {"datastore_id": "ROOT", "project_id": "NEST", "use_display_id": True},
        {"datastore_id": "ROOT"},
        {"changes": [{"id": "name", "value": "a"}]},
    ],
)
def test_places_and_values_are_named_as_elsewhere(nest, body):
    assert make(nest, reserve(nest), body).json is None
    assert len(nest.contents()["items"]) == 1


def test_the_item_is_told_if_it_is_asked_for(nest):
    reserved = reserve(nest)
    body = {"item": {"name": "a"}, "return_item_result": True, "use_display_id": True}
    told = make(nest, reserved, body).json
    assert (told["error"], told["item_id"], told["item"]["name"]) == (None, reserved, "a")


def test_an_id_is_for_its_user_and_its_datastore(nest):
    reserved = reserve(nest)
    before = nest.contents()
    assert make(nest, reserved, user="eve").status == 404
    assert make(nest, reserved, {"datastore_id": nest.id("ONE")}).status == 404
    assert nest.contents() == before
    assert make(nest, reserved).status == 200


@pytest.mark.parametrize("item", [MISSING, "x", "0" * 23, "A" * 24])
def test_an_id_that_is_not_reserved_makes_nothing(nest, item):
    before = nest.contents()
    reply = make(nest, item)
    assert (reply.status, reply.json["error_code"]) == (404, "NOT_FOUND")
    assert nest.contents() == before


def test_the_id_of_an_item_that_is_there_makes_nothing(nest):
    made = nest.make()
    assert make(nest, made).status == 404


def test_a_write_that_fails_leaves_the_id_reserved(nest):
    reserved = reserve(nest)
    before = nest.contents()
    assert make(nest, reserved, {"item": {"amount": "x"}}).status == 400
    assert make(nest, reserved, {"item": {"name": "a", "amount": 1}}, "CreateNamed").status == 403
    assert make(nest, reserved, action="Update").status == 400
    assert make(nest, reserved, action="CreateDone").status == 403
    related = {"ONE": [{"operation": 1, "item": {"amount": "x"}}]}
    body = {"ensure_transaction": True, "related_ds_items": related}
    assert make(nest, reserved, body).status == 400
    assert nest.contents() == before
    assert make(nest, reserved).status == 200


def test_an_id_is_good_for_a_day(nest):
    first, second = reserve(nest), reserve(nest)
    nest.clock.advance(ms=RESERVATION_LIFE_MS)
    assert make(nest, first).status == 200
    nest.clock.advance(ms=1)
    assert make(nest, second).status == 404


def test_ids_past_their_day_are_swept_away(nest):
    reserve(nest)
    nest.clock.advance(ms=RESERVATION_LIFE_MS)
    kept = reserve(nest)
    nest.clock.advance(ms=1)
    nest.run(nest.app._housekeeping.round())
    assert nest.rows("SELECT id FROM reserved_items") == [(kept,)]


def test_of_two_that_use_an_id_at_once_one_does(nest):
    reserved = reserve(nest)

    async def both() -> list[Reply]:
        path = f"/api/v0/items/{reserved}/new-actions/Create"
        body = {"datastore_id": "ROOT"}
        return await asyncio.gather(*(nest.acall("POST", path, body, user="bob") for _ in range(4)))

    assert sorted(one.status for one in nest.run(both())) == [200, 404, 404, 404]
    assert len(nest.contents()["items"]) == 1


def test_without_the_right_to_make_items_no_id_is_reserved(nest):
    for datastore, user, status in (
        ("SEEN", "bob", 403),
        ("ROOT", "rex", 403),
        ("CLOSED", "bob", 404),
    ):
        path = f"/api/v0/datastores/{nest.id(datastore)}/items/create-id"
        assert nest.call("POST", path, user=user).status == status
    assert nest.contents()["reserved"] == []


@pytest.mark.parametrize("body", [None, b"null", b"{}", b"anything"])
def test_the_body_of_a_reservation_is_nothing_to_us(nest, body):
    path = f"/api/v0/datastores/{nest.id('ROOT')}/items/create-id"
    assert nest.call("POST", path, body, user="bob").status == 200


def test_each_id_is_another(nest):
    assert len({reserve(nest) for _ in range(20)}) == 20
