"""Requests that come twice with an Idempotency-Key, and scripts that judged another revision."""

from __future__ import annotations

import asyncio

import pytest

from hikidashi.core.commands import Entry, Op, WriteItem
from hikidashi.core.draft import HandedBackError
from hikidashi.core.errors import FaultError, FaultKind
from hikidashi.storage.telling import PLAINLY
from tests.writes.nest import MISSING, Nest

KEY = {"idempotency-key": "again"}


def calls(nest: Nest):
    """A request of each route that writes, by name, and its status."""
    item, target = nest.make(name="a"), nest.make("ONE")
    linked = nest.make()
    link = {"link_datastore_id": "ONE", "link_item_id": target}
    assert nest.call("POST", f"/items/addlink/{linked}", link, user="bob").status == 200
    base = nest.base
    key = {"customauth": "key-of-the-nest-site"}
    return {
        "CreateItem": ("POST", f"{base}/items/new", {"item": {"name": "b"}}, {}),
        "UpdateItem": ("POST", f"{base}/items/edit/{item}", {"rev_no": 1}, {}),
        "DeleteItem": ("DELETE", f"{base}/items/delete/{item}", {}, {}),
        "AddItemLink": ("POST", f"{base}/items/addlink/{item}", link, {}),
        "DeleteItemLink": ("DELETE", f"{base}/items/dellink/{linked}", link, {}),
        "GetAutoNumber": ("GET", f"{base}/fields/number/autonum", None, {}),
        "UpdateAutoNumber": ("POST", f"{base}/fields/number/autonum", {"auto_num": 5}, {}),
        "Create": ("POST", "/autodev/CustomTableValue/Create/nesttestcode/1", {"name": "c"}, key),
        "a refusal": ("POST", f"{base}/items/new", {"item": {"amount": "x"}}, {}),
        "a conflict": ("POST", f"{base}/items/edit/{item}", {"rev_no": 9}, {}),
        "an absence": ("DELETE", f"{base}/items/delete/{MISSING}", {}, {}),
        "a partial success": (
            "POST",
            f"{base}/items/new",
            {"related_ds_items": {"ONE": [{"operation": 1, "item": {"amount": "x"}}]}},
            {},
        ),
        **calls_of_many(nest, item, target, linked),
    }


def reserved(nest: Nest) -> str:
    """An id that is Bob's to use."""
    path = f"/api/v0/datastores/{nest.id('ROOT')}/items/create-id"
    return str(nest.call("POST", path, user="bob").json["item_id"])


def calls_of_many(nest: Nest, item: str, target: str, linked: str):
    """Those that execute actions, write several items or show one."""
    base = nest.base
    return {
        "CreateNewItemID": (
            "POST",
            f"/api/v0/datastores/{nest.id('ROOT')}/items/create-id",
            None,
            {},
        ),
        "CreateItemWithItemID": (
            "POST",
            f"/api/v0/items/{reserved(nest)}/new-actions/Create",
            {"datastore_id": nest.id("ROOT"), "item": {"name": "r"}},
            {},
        ),
        "ExecuteAction": ("POST", f"{base}/items/action/{item}/Copy", {"rev_no": 1}, {}),
        "ExecuteActionByActionID": (
            "POST",
            f"/api/v0/items/{item}/actions/Update",
            {"rev_no": 1, "datastore_id": nest.id("ROOT")},
            {},
        ),
        "ExecuteBulkAction": (
            "POST",
            f"{base}/items/bulkaction/Update",
            {"conditions": [], "item": {"name": "z"}},
            {},
        ),
        "ExecuteBatchAction": (
            "POST",
            "/api/v0/applications/NEST/BatchAction",
            {"item_actions": {"ROOT": [{"operation": 1}, {"operation": 2, "i_id": item}]}},
            {},
        ),
        "DeleteItemByConditions": ("DELETE", f"{base}/items/delete", {"conditions": []}, {}),
        "DeleteItem with linked items": (
            "DELETE",
            f"{base}/items/delete/{linked}",
            {"delete_linked_items": True, "target_datastores": ["ONE"]},
            {},
        ),
        "CreateItem that shows the item": (
            "POST",
            f"{base}/items/new",
            {
                "return_item_result": True,
                "related_ds_items": {"ONE": [{"operation": 11, "i_id": target}]},
            },
            {},
        ),
        "UpdateItem that shows the item": (
            "POST",
            f"{base}/items/edit/{linked}",
            {"rev_no": 1, "return_item_result": True, "item": {"name": "shown"}},
            {},
        ),
        "a refusal to show the item": (
            "POST",
            f"{base}/items/edit/{linked}",
            {"rev_no": 7, "return_item_result": True},
            {},
        ),
        "a bulk action on nothing": (
            "POST",
            f"{base}/items/bulkaction/Update",
            {"conditions": [{"id": "name", "search_value": ["nobody"]}]},
            {},
        ),
    }


NAMES = (
    "CreateItem",
    "UpdateItem",
    "DeleteItem",
    "AddItemLink",
    "DeleteItemLink",
    "GetAutoNumber",
    "UpdateAutoNumber",
    "Create",
    "a refusal",
    "a conflict",
    "an absence",
    "a partial success",
    "CreateNewItemID",
    "CreateItemWithItemID",
    "ExecuteAction",
    "ExecuteActionByActionID",
    "ExecuteBulkAction",
    "ExecuteBatchAction",
    "DeleteItemByConditions",
    "DeleteItem with linked items",
    "CreateItem that shows the item",
    "UpdateItem that shows the item",
    "a refusal to show the item",
    "a bulk action on nothing",
)


def send(nest: Nest, name: str, **other):
    """One of the calls with the key; what is given instead of its parts."""
    method, path, body, headers = other.pop("call", None) or calls(nest)[name]
    user = "ann" if name == "UpdateAutoNumber" else "bob"
    return nest.call(method, path, body, user=user, headers={**headers, **KEY, **other})


@pytest.mark.parametrize("name", NAMES)
def test_the_same_request_with_the_same_key_is_done_once_and_answered_twice(nest, name):
    call = calls(nest)[name]
    first = send(nest, name, call=call)
    before = nest.contents()
    again = send(nest, name, call=call)
    assert (again.status, again.body) == (first.status, first.body)
    assert "idempotent-replay" not in first.headers
    assert again.headers["idempotent-replay"] == "true"
    assert nest.contents() == before


@pytest.mark.parametrize("name", NAMES)
def test_the_same_key_with_another_request_is_422_and_does_nothing(nest, name):
    method, path, body, headers = calls(nest)[name]
    call = (method, path, body, headers)
    send(nest, name, call=call)
    before = nest.contents()
    if method == "GET":
        call = (method, f"{path}?branch_key=b", body, headers)
    else:
        call = (method, path, {**(body or {}), "comment": "other", "name": "d"}, headers)
    again = send(nest, name, call=call)
    if name == "Create":
        assert (again.status, again.json["Code"]) == (200, 422)
    else:
        assert (again.status, again.json["error_code"]) == (422, "INVALID_PARAMS")
        assert list(again.json) == ["description", "error", "error_code"]
    assert nest.contents() == before


def test_a_key_counts_for_one_user_one_method_and_one_path(nest):
    item = nest.make()
    share = {"rev_no": 1, "action_id": "Share"}
    assert nest.edit(item, share).status == 200
    body = {"is_force_update": True}
    assert nest.edit(item, body, headers=KEY).json["rev_no"]["rev_no"] == 3
    assert nest.edit(item, body, user="eve", headers=KEY).json["rev_no"]["rev_no"] == 4
    assert nest.edit(item, body, headers=KEY).json["rev_no"]["rev_no"] == 3
    assert nest.create({}, headers=KEY).status == 200


def test_a_request_that_fails_before_it_is_a_command_keeps_no_key(nest):
    assert nest.create(b"{", headers=KEY).status == 400
    assert nest.create({}, headers=KEY).status == 200


def test_the_same_request_at_the_same_moment_is_done_once(nest):
    item = nest.make()

    async def all_at_once():
        path = f"{nest.base}/items/edit/{item}"
        body = {"is_force_update": True}
        return await asyncio.gather(
            *(nest.acall("POST", path, body, user="bob", headers=KEY) for _ in range(10))
        )

    replies = nest.run(all_at_once())
    assert len({(one.status, one.body) for one in replies}) == 1
    assert sum("idempotent-replay" in one.headers for one in replies) == 9
    assert nest.rows(f"SELECT rev FROM i_{nest.id('ROOT')}") == [(2,)]


def test_an_item_that_is_shown_is_shown_as_it_was_then(nest):
    """Whatever has become of it since."""
    target = nest.make("ONE", name="b")
    related = {"ONE": [{"operation": 11, "i_id": target}]}
    body = {"item": {"name": "a"}, "return_item_result": True, "related_ds_items": related}
    first = nest.create(body, headers=KEY)
    made = first.json["item_id"]
    assert first.json["item"]["links"] == [{"d_id": nest.id("ONE"), "i_ids": [target]}]
    assert nest.edit(made, {"rev_no": 1, "item": {"name": "c"}}).status == 200
    assert nest.delete(target, datastore="ONE").status == 200
    again = nest.create(body, headers=KEY)
    assert again.body == first.body
    assert again.headers["idempotent-replay"] == "true"
    assert nest.delete(made).status == 200
    assert nest.create(body, headers=KEY).body == first.body


def test_the_same_request_that_shows_the_item_at_the_same_moment_is_done_once(nest):
    item = nest.make()

    async def all_at_once():
        path = f"{nest.base}/items/edit/{item}"
        body = {"is_force_update": True, "return_item_result": True}
        other = {**body, "comment": "another"}
        return await asyncio.gather(
            *(nest.acall("POST", path, body, user="bob", headers=KEY) for _ in range(6)),
            nest.acall("POST", path, other, user="bob", headers=KEY),
            nest.acall("POST", path, other, user="bob"),
        )

    *replies, reused, plain = nest.run(all_at_once())
    assert len({(one.status, one.body) for one in replies}) == 1
    assert sum("idempotent-replay" in one.headers for one in replies) == 5
    assert (reused.status, plain.status) == (422, 200)
    assert nest.rows(f"SELECT rev FROM i_{nest.id('ROOT')}") == [(3,)]


# --- what a script judged ---------------------------------------------------------------------


def judged(nest: Nest, item: str, revision: int):
    """A forced write as it is submitted once a script has judged the item at a revision."""
    entry = Entry(Op.UPDATE, "ROOT", item, values={"name": "judged"})
    command = WriteItem("NEST", entry, force=True)
    return nest.app.store.submit(nest.identity("bob"), command, PLAINLY, revision)


def test_a_forced_write_is_handed_back_if_the_item_is_not_as_the_script_saw_it(nest):
    item = nest.make(name="a")
    nest.edit(item, {"rev_no": 1})
    before = nest.contents()
    with pytest.raises(HandedBackError):
        nest.run(judged(nest, item, 1))
    assert nest.contents() == before
    nest.run(judged(nest, item, 2))
    assert nest.value(item, "name") == "judged"


def test_a_write_with_a_revision_is_a_conflict_if_the_item_is_not_as_the_script_saw_it(nest):
    item = nest.make(name="a")
    nest.edit(item, {"rev_no": 1})
    entry = Entry(Op.UPDATE, "ROOT", item, values={"name": "judged"}, revision=2)
    command = WriteItem("NEST", entry)
    with pytest.raises(FaultError) as caught:
        nest.run(nest.app.store.submit(nest.identity("bob"), command, PLAINLY, 1))
    assert caught.value.kind is FaultKind.CONFLICT
    assert "has rev_no:2 but specified rev_no:1" in caught.value.faults[0].description
    assert nest.value(item, "name") == "a"


def test_one_that_is_handed_back_fails_nobody_else_of_its_group(nest):
    item, other = nest.make(name="a"), nest.make(name="b")
    nest.edit(item, {"rev_no": 1})

    writes = [judged(nest, item, 1), judged(nest, other, 1), judged(nest, item, 2)]

    async def together():
        return await asyncio.gather(*writes, return_exceptions=True)

    first, second, third = nest.run(together())
    assert isinstance(first, HandedBackError)
    assert second.item.rev == 2
    assert third.item.rev == 3


def test_the_judged_revision_is_that_of_the_parent_alone(nest):
    parent, child = nest.make(), nest.make("ONE")
    nest.edit(child, {"rev_no": 1}, "ONE")
    related = (Entry(Op.UPDATE, "ONE", child, values={"name": "child"}),)
    nest.run(judged(nest, parent, 1))
    entry = Entry(Op.UPDATE, "ROOT", parent, related=related)
    command = WriteItem("NEST", entry, force=True)
    result = nest.run(nest.app.store.submit(nest.identity("bob"), command, PLAINLY, 2))
    assert result.faults == ()
    assert nest.value(child, "name", "ONE") == "child"
