"""`?dry_run=true`: the answer that the write would have, with its plan, and no write."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest

from tests.api.rest import Reply
from tests.writes.nest import Nest
from tests.writes.test_repeats import KEY, NAMES, calls

ID = re.compile(r"\b[0-9a-f]{24}\b")


def rehearse(nest: Nest, method: str, path: str, body: Any = None, **more: Any) -> Reply:
    """A request that is only to be shown."""
    return nest.call(method, f"{path}?dry_run=true", body, **({"user": "bob"} | more))


def edited(nest: Nest, item: str, body: Any, datastore: str = "ROOT", **more: Any) -> Any:
    """The plan of an UpdateItem."""
    path = f"{nest.APP}/{datastore}/items/edit/{item}"
    reply = rehearse(nest, "POST", path, {"is_force_update": True, **body}, **more)
    assert reply.status == 200, reply.body
    return reply.json["plan"]


@pytest.mark.parametrize("name", NAMES)
def test_a_rehearsal_is_answered_as_the_write_and_leaves_nothing(nest, name):
    method, path, body, headers = calls(nest)[name]
    user = "ann" if name == "UpdateAutoNumber" else "bob"
    before = nest.contents()
    shown = rehearse(nest, method, path, body, user=user, headers=headers)
    assert nest.contents() == before
    done = nest.call(method, path, body, user=user, headers=headers)
    assert shown.status == done.status
    told = shown.json
    if done.status == 200:
        plan = told.pop("plan")
        assert bool(plan) == (nest.contents() != before)
        told = told or None  # where the write is answered `null`
        assert "idempotent-replay" not in shown.headers
    if name == "Create":
        del told["Data"]  # the numbers of rows have gaps
        assert told.items() <= done.json.items()
        return
    assert ID.sub("<id>", json.dumps(told)) == ID.sub("<id>", json.dumps(done.json))


def test_the_plan_tells_each_step_in_order(nest):
    made, other = nest.make(name="a", amount=1), nest.make("ONE", name="b")
    related = {
        "ONE": [
            {"operation": 1, "item": {"name": "c"}, "link_to_parent": True},
            {"operation": 3, "i_id": other},
        ]
    }
    body = {"item": {"name": "d", "amount": 1}, "comment": "why", "related_ds_items": related}
    plan = edited(nest, made, {**body, "action_id": "Share"})
    new, me = plan[3]["i_id"], nest.identity("bob").user
    root, one = {"datastore": "ROOT", "i_id": made}, {"datastore": "ONE", "i_id": new}
    gone = {"datastore": "ONE", "i_id": other}
    row = {"step": "update_item", **root, "rev_no": 2, "status": "New", "title": "d"}
    new_row = {"step": "insert_item", **one, "rev_no": 1, "status": "New", "title": "c"}
    link = {"step": "insert_link", "type": "link"}
    event = {"step": "emit_event", "is_changed": True, "post_procs": False}
    history = {"step": "insert_history", "comment": ""}
    values = {"name": "c", "number": "N-0002"}
    assert plan == [
        {**row, "values": {"name": "d"}, "access_keys": [me, "EAST", "MEMBER"]},
        {**history, **root, "rev_no": 2, "action": "Share", "comment": "why"},
        {"step": "set_counter", "datastore": "ONE", "field": "number", "last": 2},
        {**new_row, "values": values, "access_keys": [me]},
        {**history, **one, "rev_no": 1, "action": "Create"},
        {**link, **root, "link_datastore": "ONE", "link_i_id": new},
        {**link, **one, "link_datastore": "ROOT", "link_i_id": made},
        {**event, "kind": "item.created", **one},
        {"step": "delete_item", **gone, "rev_no": 2},
        {**history, **gone, "rev_no": 2, "action": "Delete"},
        {**event, "kind": "item.deleted", **gone},
        {**event, "kind": "item.updated", **root, "post_procs": True},
    ]


def test_the_plan_tells_nothing_that_is_hidden(nest):
    """A field of other roles that a copy takes along, and links of items that are not seen."""
    made = nest.make(user="ann", name="a")
    assert nest.edit(made, {"rev_no": 1, "item": {"secret": "s"}}, user="ann").status == 200
    share = {"is_force_update": True, "action_id": "Share"}
    assert nest.edit(made, share, user="ann").status == 200
    path = f"{nest.base}/items/action/{made}/Copy"
    reply = rehearse(nest, "POST", path, {"is_force_update": True})
    assert reply.json["plan"][1]["values"] == {"name": "a", "number": "N-0002"}
    assert '"s"' not in reply.body.decode()
    seen, hidden = nest.make("ONE", user="ann"), nest.make("ONE", user="ann")
    assert nest.edit(seen, share, "ONE", user="ann").status == 200
    for one in (seen, hidden):
        body = {"link_datastore_id": "ONE", "link_item_id": one}
        assert nest.call("POST", f"/items/addlink/{made}", body).status == 200
    reply = rehearse(
        nest, "DELETE", f"{nest.base}/items/dellink/{made}", {"link_datastore_id": "ONE"}
    )
    removed = [one for one in reply.json["plan"] if one["step"] == "delete_link"]
    assert [one["link_i_id"] for one in removed] == [seen]
    assert hidden not in reply.body.decode()


def test_the_item_that_is_shown_is_as_it_would_be(nest):
    target = nest.make("ONE", name="b")
    related = {"ONE": [{"operation": 11, "i_id": target}, {"operation": 1}]}
    body = {"item": {"name": "a"}, "return_item_result": True, "related_ds_items": related}
    reply = rehearse(nest, "POST", f"{nest.base}/items/new", body)
    (links,) = reply.json["item"]["links"]
    assert (links["i_ids"][0], len(links["i_ids"])) == (target, 2)
    assert len(nest.contents()["items"]) == 1


def test_rehearsals_and_writes_at_once_see_only_the_writes(nest):
    made = nest.make(name="a")

    async def all_at_once() -> list[Reply]:
        path = f"{nest.base}/items/edit/{made}"
        body = {"is_force_update": True, "item": {"code": "same"}}
        return await asyncio.gather(
            *(
                nest.acall("POST", path + "?dry_run=true" * (turn % 3 > 0), body, user="bob")
                for turn in range(9)
            )
        )

    replies = [one.json for one in nest.run(all_at_once())]
    assert sorted(one["rev_no"]["rev_no"] for one in replies[::3]) == [2, 3, 4]
    assert ["plan" in one for one in replies] == [turn % 3 > 0 for turn in range(9)]
    assert nest.contents()["items"][0]["rev"] == 4


def test_a_rehearsal_stores_no_key_and_is_not_replayed(nest):
    made = nest.make()
    path, body = f"{nest.base}/items/edit/{made}", {"rev_no": 1}
    for _ in range(2):
        assert rehearse(nest, "POST", path, body, headers=KEY).json["plan"]
    assert nest.contents()["remembered"] == []
    done = nest.call("POST", path, body, user="bob", headers=KEY)
    assert (done.status, "plan" in done.json) == (200, False)
    assert rehearse(nest, "POST", path, {"rev_no": 2}, headers=KEY).json["plan"]


@pytest.mark.parametrize("given", ["maybe", "2", "yes", "%00"])
def test_a_flag_that_is_none_is_refused_and_nothing_is_written(nest, given):
    made = nest.make()
    before = nest.contents()
    reply = nest.call(
        "POST", f"{nest.base}/items/edit/{made}?dry_run={given}", {"rev_no": 1}, user="bob"
    )
    assert reply.status == 400
    assert nest.contents() == before


@pytest.mark.parametrize("given", ["false", "0", "", "FALSE"])
def test_a_flag_that_is_off_is_none(nest, given):
    made = nest.make()
    path = f"{nest.base}/items/edit/{made}?dry_run={given}"
    reply = nest.call("POST", path, {"rev_no": 1}, user="bob")
    assert (reply.status, "plan" in reply.json) == (200, False)


def test_a_branch_is_not_made_by_a_rehearsal(nest):
    path = f"{nest.base}/fields/number/autonum"
    reply = nest.call("GET", f"{path}?branch_key=b&dry_run=true", user="bob")
    assert reply.json["result"] == {"number": 1, "value": "N-b0001"}
    step = {"step": "set_counter", "datastore": "ROOT", "field": "number", "branch_key": "b"}
    assert reply.json["plan"] == [{**step, "last": 1}]
    assert nest.call("POST", path, {"auto_num": 5, "branch_key": "b"}).status == 400


def test_a_wipe_of_more_than_a_portion_is_not_rehearsed(nest):
    entries = [{"operation": 1}] * 201
    body = {"item_actions": {"ROOT": entries}}
    reply = nest.call("POST", "/api/v0/applications/NEST/BatchAction", body, user="bob")
    assert reply.status == 200
    reply = rehearse(nest, "DELETE", f"{nest.base}/items/delete", {"conditions": []})
    assert reply.status == 400
    assert "200 items at most" in reply.json["error"][0]["description"]
    assert len(nest.contents()["items"]) == 201
