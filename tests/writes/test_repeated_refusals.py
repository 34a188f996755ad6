"""Requests with an Idempotency-Key that name what is not there: refused once, answered alike."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hikidashi.core.commands import Entry, Op, WriteItem
from hikidashi.core.errors import FaultError, FaultKind, unauthorized, unavailable
from hikidashi.storage.idempotency import Remember
from hikidashi.storage.telling import Telling
from tests.writes.nest import MISSING, Nest

KEY = {"idempotency-key": "again"}
TABLE_KEY = {"customauth": "key-of-the-nest-site"}
APP = Nest.APP
NESTED = {
    "related_ds_items": {
        "ONE": [{"operation": 1, "related_ds_items": {"ROOT": [{"operation": 1}]}}]
    }
}
LINKED = {"delete_linked_items": True, "target_datastores": ["NOWHERE"]}
UNKNOWN = {"conditions": [{"id": "nothing", "search_value": ["x"]}]}
AT = {"link_datastore_id": "NOWHERE", "link_item_id": MISSING}

REFUSED: dict[str, tuple[str, str, Any, int]] = {
    "an application": ("POST", "/api/v0/applications/NONE/datastores/ROOT/items/new", {}, 404),
    "a datastore": ("POST", f"{APP}/NOWHERE/items/new", {}, 404),
    "an item's id": ("POST", f"{APP}/ROOT/items/edit/x", {"rev_no": 1}, 404),
    "an action": ("POST", f"{APP}/ROOT/items/new", {"action_id": "Nothing"}, 400),
    "a related datastore": (
        "POST",
        f"{APP}/ROOT/items/new",
        {"related_ds_items": {"NOWHERE": [{"operation": 1}]}},
        400,
    ),
    "a tree that can't be": ("POST", f"{APP}/ROOT/items/new", NESTED, 400),
    "an item shown": ("POST", f"{APP}/NOWHERE/items/new", {"return_item_result": True}, 404),
    "a link": ("POST", f"{APP}/ROOT/items/addlink/{MISSING}", AT, 404),
    "linked items": ("DELETE", f"{APP}/ROOT/items/delete/{MISSING}", LINKED, 400),
    "a number": ("GET", f"{APP}/ROOT/fields/nothing/autonum", None, 400),
    "a bulk action": ("POST", f"{APP}/ROOT/items/bulkaction/Nothing", {"conditions": []}, 403),
    "a condition": ("POST", f"{APP}/ROOT/items/bulkaction/Update", UNKNOWN, 400),
    "what to delete": ("DELETE", f"{APP}/ROOT/items/delete", UNKNOWN, 400),
    "a batch": (
        "POST",
        "/api/v0/applications/NEST/BatchAction",
        {"item_actions": {"NOWHERE": [{"operation": 1}]}},
        400,
    ),
    "a table": ("POST", "/autodev/CustomTableValue/Create/nesttestcode/99", {"name": "c"}, 200),
}


def send(nest: Nest, name: str, more: Any = None):
    method, path, body, _ = REFUSED[name]
    if more is not None:
        path, body = (f"{path}?branch_key=b", body) if method == "GET" else (path, {**body, **more})
    head = TABLE_KEY if name == "a table" else {}
    return nest.call(method, path, body, user="bob", headers={**head, **KEY})


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_for_what_is_not_there_is_kept_under_its_key(nest, name):
    first = send(nest, name)
    assert first.status == REFUSED[name][3]
    assert "idempotent-replay" not in first.headers
    before = nest.contents()
    again = send(nest, name)
    assert (again.status, again.body) == (first.status, first.body)
    assert again.headers["idempotent-replay"] == "true"
    other = send(nest, name, {"comment": "other"})
    if name == "a table":
        assert (other.status, first.json["Code"], other.json["Code"]) == (200, 404, 422)
    else:
        assert other.status == 422
    assert nest.contents() == before


def test_a_refusal_stays_the_answer_when_the_write_could_be_done_by_now(nest):
    """As for any other key: who wants the write now, sends another one."""
    items = [nest.make(name="a") for _ in range(11)]
    path = f"{nest.base}/items/bulkaction/Update"
    body = {"conditions": [], "item": {"name": "z"}, "max_items": 10}
    first = nest.call("POST", path, body, user="bob", headers=KEY)
    assert first.status == 400
    assert nest.delete(items[0]).status == 200
    again = nest.call("POST", path, body, user="bob", headers=KEY)
    assert (again.status, again.body) == (first.status, first.body)
    fresh = nest.call("POST", path, body, user="bob", headers={"idempotency-key": "new"})
    assert fresh.status == 200, fresh.json


def test_the_same_refusal_at_the_same_moment_is_kept_once(nest):
    path = f"{APP}/NOWHERE/items/new"

    async def all_at_once():
        same = (nest.acall("POST", path, {}, user="bob", headers=KEY) for _ in range(6))
        other = nest.acall("POST", path, {"comment": "x"}, user="bob", headers=KEY)
        fine = nest.acall("POST", f"{APP}/ROOT/items/new", {}, user="bob")
        return await asyncio.gather(*same, other, fine)

    nest.token("bob")
    *replies, other, fine = nest.run(all_at_once())
    assert {one.status for one in replies} == {404}
    assert sum("idempotent-replay" in one.headers for one in replies) == 5
    assert (other.status, fine.status) == (422, 200)


@pytest.mark.parametrize("error", [unauthorized("gone"), unavailable("busy")])
def test_what_may_pass_is_not_kept(nest, monkeypatch, error):
    def refuse(*_: object) -> None:
        raise error

    keeping = Telling(Remember("k" * 64, "b" * 64, lambda _: (500, "")))
    entry = Entry(Op.NEW, "ROOT", values={"name": "a"})
    bob = nest.identity("bob")
    monkeypatch.setattr("hikidashi.storage.group.resolve", refuse)
    with pytest.raises(FaultError) as caught:
        nest.run(nest.app.store.submit(bob, WriteItem("NEST", entry), keeping))
    assert caught.value.kind in (FaultKind.UNAUTHORIZED, FaultKind.UNAVAILABLE)
    assert nest.rows("SELECT 1 FROM idempotency") == []


def test_without_a_key_nothing_is_kept(nest):
    assert nest.call("POST", f"{APP}/NOWHERE/items/new", {}, user="bob").status == 404
    assert nest.rows("SELECT 1 FROM idempotency") == []
