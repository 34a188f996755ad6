"""In which order a write is checked, and how revisions, actions and statuses decide."""

from __future__ import annotations

import asyncio

import pytest

from tests.writes.nest import MISSING, Nest, fault, refused

STALE, BAD, FORBIDDEN = {"rev_no": 9}, {"item": {"amount": "x"}}, {"action_id": "Audit"}
NOT_OPEN = "not arrowed to update this field for this action"


@pytest.mark.parametrize(
    ("body", "user", "status"),
    [
        (FORBIDDEN | STALE | BAD, "eve", 404),
        (FORBIDDEN | STALE | BAD, "bob", 403),
        (STALE | BAD, "bob", 409),
        ({"rev_no": 1} | BAD, "bob", 400),
        ({"rev_no": 1, "item": {"secret": "x"}}, "bob", 403),
        ({"rev_no": 1}, "bob", 200),
    ],
)
def test_visible_then_allowed_then_the_revision_then_the_values(nest, body, user, status):
    assert nest.edit(nest.make(name="a"), body, user=user).status == status


def test_a_malformed_body_is_told_before_anything_is_looked_up(nest):
    for body in (b"{", {"rev_no": "1"}, []):
        reply = nest.edit(MISSING, body, datastore="NOWHERE")
        assert reply.status == 400
        assert reply.json["error"][0]["error_code"] == "INVALID_PARAMS"


@pytest.mark.parametrize("clients", [2, 16])
def test_of_many_writers_with_one_revision_exactly_one_succeeds(nest, clients):
    made = nest.make(name="start")

    async def all_at_once():
        path = f"{nest.base}/items/edit/{made}"
        bodies = ({"rev_no": 1, "item": {"name": f"by {one}"}} for one in range(clients))
        return await asyncio.gather(
            *(nest.acall("POST", path, body, user="bob") for body in bodies)
        )

    replies = nest.run(all_at_once())
    statuses = sorted(one.status for one in replies)
    assert statuses == [200] + [409] * (clients - 1)
    [winner] = [at for at, one in enumerate(replies) if one.status == 200]
    assert nest.value(made, "name") == f"by {winner}"
    assert len(nest.rows("SELECT 1 FROM histories WHERE item_id = ?", made)) == 2
    loser = next(one for one in replies if one.status == 409)
    words = f"item:{made}(d_id:{nest.id('ROOT')}) has rev_no:2 but specified rev_no:1"
    assert loser.json == refused(
        fault("Revision number mismatch", "ITEM_REV_CONFLICT", made, words), item=made
    )


def test_forced_writers_all_succeed_and_each_is_a_revision(nest):
    made = nest.make(name="start")

    async def all_at_once():
        path = f"{nest.base}/items/edit/{made}"
        return await asyncio.gather(
            *(nest.acall("POST", path, {"is_force_update": True}, user="bob") for _ in range(9))
        )

    revisions = sorted(one.json["rev_no"]["rev_no"] for one in nest.run(all_at_once()))
    assert revisions == list(range(2, 11))


def test_every_executed_action_raises_the_revision_by_one_and_nothing_else_does(nest):
    made, other = nest.make(name="a"), nest.make("ONE", name="b")
    revision = 1
    link = {"link_datastore_id": "ONE", "link_item_id": other}
    for action, raises in (
        ({}, True),
        ({"item": {"name": "a"}}, True),
        ({"action_id": "Finish"}, True),
        ({"comment": "only words"}, True),
        ({"action_id": "Finish"}, False),
        ("addlink", False),
        ("dellink", False),
        ("histories", False),
    ):
        if isinstance(action, dict):
            reply = nest.edit(made, {"rev_no": revision, **action})
            assert reply.status == (200 if raises else 403)
        elif action == "histories":
            reply = nest.call("GET", f"{nest.base}/items/histories/{made}", user="bob")
            assert reply.status == 200
        else:
            method = "POST" if action == "addlink" else "DELETE"
            assert nest.call(method, f"/items/{action}/{made}", link, user="bob").status == 200
        revision += raises
        path = f"{nest.base}/items/details/{made}"
        assert nest.call("GET", path, user="bob").json["rev_no"] == revision


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        ({"item": {"name": "a"}}, False),
        ({"item": {"amount": "12"}}, False),  # the same number, written otherwise
        ({"item": {"code": ""}}, False),
        ({"item": {"amount": 12.5}}, True),
        ({"item": {"amount": None}}, True),
        ({"action_id": "Finish"}, True),
        ({"access_key_updates": {"users_to_publish": ["eve"]}}, True),
    ],
)
def test_is_changed_says_whether_anything_did(nest, body, changed):
    made = nest.make(name="a", amount=12)
    if "access_key_updates" in body:
        body = {"access_key_updates": {"users_to_publish": [nest.identity("eve").user]}}
    reply = nest.edit(made, {"rev_no": 1, **body})
    assert reply.json["itemHistory"]["IsChanged"] is changed
    assert reply.json["rev_no"]["rev_no"] == 2


@pytest.mark.parametrize(
    ("action", "status", "ends"),
    [
        ("", "New", "New"),
        ("Finish", "New", "Done"),
        ("Finish", "Done", None),
        ("Rename", "Done", "Done"),
    ],
)
def test_a_status_action_runs_in_its_status_only(nest: Nest, action, status, ends):
    made = nest.new({"name": "a"}, "ROOT", user="bob")
    if status == "Done":
        assert nest.edit(made, {"rev_no": 1, "action_id": "Finish"}).status == 200
    reply = nest.edit(made, {"is_force_update": True, "action_id": action})
    assert reply.status == (200 if ends else 403)
    [(found,)] = nest.rows(f"SELECT status FROM i_{nest.id('ROOT')} WHERE id = ?", made)
    known = nest.datastore("ROOT").find_status(found)
    assert known is not None
    assert known.display_id == (ends or status)


def test_a_new_action_may_set_the_first_status(nest):
    reply = nest.create({"action_id": "CreateDone", "return_item_result": True}, user="ann")
    done = nest.datastore("ROOT").find_status("Done")
    assert reply.json["item"]["status_id"] == done.id


@pytest.mark.parametrize(
    ("call", "action", "user", "status"),
    [
        ("create", "Update", "bob", 400),
        ("create", "Nothing", "bob", 400),
        ("create", "CreateDone", "bob", 403),
        ("create", None, "rex", 403),
        ("edit", "Create", "bob", 403),
        ("edit", "Nothing", "bob", 403),
        ("edit", "Audit", "bob", 403),
        ("delete", "Update", "bob", 403),
        ("delete", "Wipe", "bob", 403),
    ],
)
def test_an_action_has_to_fit_the_call_and_the_caller(nest, call, action, user, status):
    made = nest.make(name="a")
    if call == "create":
        reply = nest.create({"action_id": action}, user=user)
    elif call == "edit":
        reply = nest.edit(made, {"rev_no": 1, "action_id": action}, user=user)
    else:
        reply = nest.delete(made, {"a_id": action}, user=user)
    assert reply.status == status
    if status == 403:
        shown = action or "Create"
        assert f"a_id:{shown}(" in reply.json["error"]
        assert reply.json["error_code"] == "NO_PRIVILEGES"
    else:
        assert list(reply.json) == ["error"]
        assert "no available actions to create new item in the database" in reply.json["error"]


def test_what_a_role_or_an_action_does_not_open_is_403_and_a_mixture_400(nest):
    made = nest.make(name="a")
    secret = f"f_id:{nest.id('ROOT', 'secret')}"
    told = fault(NOT_OPEN, "NO_PRIVILEGES", secret, "secret can't be updated with this action")
    reply = nest.edit(made, {"rev_no": 1, "item": {"secret": "x", "name": "b"}})
    assert (reply.status, reply.json) == (403, refused(told, item=made))
    mixed = nest.edit(made, {"rev_no": 1, "item": {"secret": "x", "amount": -1}})
    assert mixed.status == 400
    assert [one["error_code"] for one in mixed.json["error"]] == ["INVALID_VALUE", "NO_PRIVILEGES"]
    assert nest.value(made, "name") == "a"
    assert nest.edit(made, {"rev_no": 1, "item": {"secret": "x"}}, user="ann").status == 404


@pytest.mark.parametrize(
    ("project", "datastore", "user"),
    [
        ("NOWHERE", "ROOT", "bob"),
        ("NEST", "NOWHERE", "bob"),
        ("NEST", "CLOSED", "bob"),
        ("BESIDE", "ROOT", "bob"),
        ("BESIDE", "AWAY", "eve"),
        ("NEST", "ROOT", "out"),
        ("0" * 24, "ROOT", "bob"),
    ],
)
def test_a_place_one_has_no_access_to_is_not_there(nest, project, datastore, user):
    place = f"/api/v0/applications/{project}/datastores/{datastore}/items"
    for method, path, body in (
        ("POST", "new", {}),
        ("POST", f"edit/{MISSING}", {"rev_no": 1}),
        ("DELETE", f"delete/{MISSING}", {}),
        ("POST", f"addlink/{MISSING}", {"link_datastore_id": "ONE", "link_item_id": "1" * 24}),
        ("DELETE", f"dellink/{MISSING}", {"link_datastore_id": "ONE"}),
    ):
        reply = nest.call(method, f"{place}/{path}", body, user=user)
        assert reply.status == 404
        assert reply.json["error_code"] == "NOT_FOUND"
        assert list(reply.json) == ["description", "error", "error_code"]
