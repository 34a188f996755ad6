"""A PRE script checks a write, changes it or refuses it."""

from __future__ import annotations

import pytest

from hikidashi.service import found


def act(shop, action, item="", values=None, status=200, user="ann", **more):
    """Run an update action, on a new item unless one is named."""
    item = item or shop.new(name="pen", amount=3)
    body = {"item": values or {}, "action_id": action, "is_force_update": True, **more}
    return item, shop.send("POST", f"ORDERS/items/edit/{item}", body, user, status)


def test_it_sees_the_item_as_it_is_and_as_the_write_would_leave_it(shop):
    _, told = act(shop, "Tell", values={"amount": 5})
    seen, old = told["pre_result"]["seen"], told["pre_result"]["old"]
    assert (old["amount"], old["twice"]) == (3, 6)
    assert (seen["amount"], seen["twice"], seen["name"]) == (5, 10, "pen")


def test_it_sees_what_its_user_sees(shop):
    _, told = act(shop, "Tell")
    assert "hidden" in told["pre_result"]["seen"]
    item = shop.new(name="pen")
    _, told = act(shop, "Tell", item, user="bob")
    assert "hidden" not in told["pre_result"]["seen"]


def test_data_has_the_documented_keys(shop):
    item, told = act(shop, "Whole", values={"amount": 5}, as_params=[1], comment="why")
    data = told["pre_result"]["data"]
    assert (data["user_name"], data["email"]) == ("Ann", "ann@shop.test")
    assert (data["i_id"], data["d_disp_id"], data["rev_no"]) == (item, "ORDERS", 1)
    assert (data["title"], data["created_by"]) == ("pen", "Ann")
    assert data["created_at"] == "2026/01/05 09:00:00"
    assert data["statuses"][data["status_id"]]["name"] == "新規"
    amount = data["fields_data"]["amount"]
    assert (amount["value"], amount["uncommitted_value"]) == (5, 5)
    assert data["fields_data"]["name"]["uncommitted_value"] is None
    assert (data["as_params"], data["comment"], data["action_id"]) == ([1], "why", "Whole")


CHANGED = {
    "Change": {"name": "pen!", "amount": 7},
    "ChangeById": {"name": "by id", "amount": 4},
    "Tell": {"name": "pen", "amount": 4},
}


@pytest.mark.parametrize("action", CHANGED)
def test_an_item_in_its_result_changes_what_is_written(shop, action):
    item, told = act(shop, action, values={"amount": 4, "name": "pen"})
    assert shop.details(item).items() >= CHANGED[action].items()
    assert told["pre_result"] is not None
    assert told["rev_no"]["rev_no"] == 2


WRONG = {
    "Spoil": (400, "amount: must be a number"),
    "Unknown": (400, "unknown field: nowhere"),
    "Forbidden": (403, "not arrowed to update this field for this action"),
    "Broken": (400, "the script failed"),
    "Loop": (400, "the script failed"),
}


@pytest.mark.parametrize("action", WRONG)
def test_what_it_gives_is_checked_like_any_input(shop, action):
    status, said = WRONG[action]
    item, told = act(shop, action, values={"amount": 4}, status=status)
    assert [one["error"] for one in told["error"]] == [said]
    assert shop.details(item)["rev"] == 1


def test_a_script_that_can_t_be_read_is_told_with_its_line(shop):
    _, told = act(shop, "Broken", status=400)
    assert "(load): SyntaxError" in told["error"][0]["description"]
    assert "line 2:9" in told["error"][0]["description"]


REJECTED = {
    "Reject": {"result": "", "error": "在庫がありません"},
    "RejectText": "no",
    "Throw": {"name": "Error", "message": "broken", "stack": "at main (line 2:13)"},
}


@pytest.mark.parametrize("action", REJECTED)
def test_a_reject_stops_the_action(shop, action):
    item, told = act(shop, action, values={"amount": 4})
    details = {"result": REJECTED[action], "status": "REJECTED", "stop_execution": True}
    assert told == {"details": details, "error": ""}
    assert shop.details(item)["rev"] == 1


def test_every_kind_of_action_has_its_script(shop):
    made = shop.new(action="MakeJudged", name="ink", amount=1)
    assert shop.details(made)["name"] == "ink!"
    body = {"item": {"name": "x"}, "action_id": "MakeRejected"}
    told = shop.send("POST", "ORDERS/items/new", body)
    assert told["details"]["status"] == "REJECTED"
    told = shop.send("POST", f"ORDERS/items/action/{made}/Copy", {"is_force_update": True})
    assert told["pre_result"]["item"]["name"] == "ink!!"
    body = {"is_force_update": True}
    told = shop.send("POST", f"ORDERS/items/action/{made}/RemoveRejected", body)
    assert told["details"]["status"] == "REJECTED"
    assert shop.details(made)["rev"] == 1


def test_checks_come_before_the_script(shop):
    """A write that is refused anyway runs no script: none of its calls is made."""
    notes = len(shop.search("NOTES"))
    act(shop, "Touch", values={"amount": -1}, status=400)
    item = shop.new(name="pen")
    act(shop, "Touch", item, is_force_update=False, rev_no=7, status=409)
    assert len(shop.search("NOTES")) == notes


def test_it_calls_the_api_as_its_user_while_no_lock_is_held(shop):
    item, told = act(shop, "Touch", values={"name": "note me"})
    assert [one["text"] for one in shop.search("NOTES")].count("note me") == 1
    assert told["pre_result"]
    assert shop.details(item)["rev"] == 2


def test_a_refused_call_rejects_with_status_and_body(shop):
    _, told = act(shop, "Missing")
    assert told["pre_result"]["status"] == 404
    assert told["pre_result"]["body"]["error"] == "NOT_FOUND"


def test_a_dry_run_lets_it_read_and_write_nothing(shop):
    notes = len(shop.search("NOTES"))
    item = shop.new(name="pen")
    body = {"item": {}, "action_id": "Touch", "is_force_update": True}
    told = shop.send("POST", f"ORDERS/items/edit/{item}?dry_run=true", body)
    assert told["details"]["result"]["status"] == 403
    body["action_id"] = "TouchDeep"  # by way of a function
    told = shop.send("POST", f"ORDERS/items/edit/{item}?dry_run=true", body)
    assert told["pre_result"]["data"] is None
    assert told["pre_result"]["errors"][0]["status"] == 403
    assert len(shop.search("NOTES")) == notes
    body["action_id"] = "Read"
    told = shop.send("POST", f"ORDERS/items/edit/{item}?dry_run=true", body)
    assert told["pre_result"] > 0
    assert told["plan"]
    assert shop.details(item)["rev"] == 1


def test_it_judges_again_what_has_moved_since(shop):
    item, told = act(shop, "MeddleOnce")
    assert (told["pre_result"], told["rev_no"]["rev_no"]) == (2, 3)
    assert shop.details(item)["amount"] == 5


def test_an_item_that_keeps_moving_is_a_conflict(shop):
    item, told = act(shop, "Meddle", status=409)
    assert told["error"][0]["error_code"] == "ITEM_REV_CONFLICT"
    assert shop.details(item)["rev"] == 4  # three judgements, each spoilt by the script itself


def test_a_revision_that_was_judged_and_has_moved_is_a_conflict(shop):
    _, told = act(shop, "Meddle", is_force_update=False, rev_no=1, status=409)
    assert told["error"][0]["error_code"] == "ITEM_REV_CONFLICT"


def test_a_script_that_calls_its_own_action_ends(shop):
    _, told = act(shop, "Again", status=409)  # the inner ones have moved the item
    assert told["error"][0]["error_code"] == "ITEM_REV_CONFLICT"


def test_a_repeated_request_runs_no_script_again(shop):
    item = shop.new(name="pen")
    path = f"/api/v0/applications/SHOP/datastores/ORDERS/items/edit/{item}"
    body = {"item": {"name": "once"}, "action_id": "Touch", "is_force_update": True}
    headers = {"Authorization": f"Bearer {shop._tokens['ann']}", "Idempotency-Key": "touch"}
    first = shop.served.send("POST", path, body, headers)
    second = shop.served.send("POST", path, body, headers)
    assert (first.status_code, second.content) == (200, first.content)
    assert second.headers["idempotent-replay"] == "true"
    assert first.json()["pre_result"]
    assert [one["text"] for one in shop.search("NOTES")].count("once") == 1


POSTED = {
    "After": {"rev": 2, "name": "pen"},
    "AfterThrows": None,
    "AfterNotes": None,
}


@pytest.mark.parametrize("action", POSTED)
def test_a_synchronous_post_script_tells_its_value_and_undoes_nothing(shop, action):
    item, told = act(shop, action, values={"amount": 8})
    if POSTED[action] is None:
        assert told["as_result"] is None
    else:
        assert told["as_result"].items() >= POSTED[action].items()
        assert told["as_result"]["history"] == told["itemHistory"]["history_id"]
    assert shop.details(item)["amount"] == 8
    if action == "AfterNotes":
        assert "after pen" in [one["text"] for one in shop.search("NOTES")]


def test_a_repeated_request_is_told_no_result_of_the_post_script(shop):
    item = shop.new(name="again")
    path = f"/api/v0/applications/SHOP/datastores/ORDERS/items/edit/{item}"
    body = {"item": {}, "action_id": "After", "is_force_update": True}
    headers = {"Authorization": f"Bearer {shop._tokens['ann']}", "Idempotency-Key": "after"}
    first = shop.served.send("POST", path, body, headers).json()
    second = shop.served.send("POST", path, body, headers)
    assert first["as_result"]["name"] == "again"
    assert second.headers["idempotent-replay"] == "true"
    assert second.json() == {**first, "as_result": None}


def test_what_comes_at_once_is_judged_each_by_itself(shop):
    made = [shop.new(name=f"at once {n}", amount=n) for n in range(4)]
    paths = [f"/api/v0/applications/SHOP/datastores/ORDERS/items/edit/{one}" for one in made]
    heads = {
        who: {"Authorization": f"Bearer {shop._tokens[who]}"}
        for who in ("ann", "bob")
        if shop.search(user=who) is not None
    }
    body = {"is_force_update": True, "action_id": "Change"}
    told = shop.served.send_all(
        ("POST", paths[0], {**body, "item": {"name": "one"}}, heads["ann"]),
        ("POST", paths[1], {**body, "item": {"amount": -1}}, heads["ann"]),
        ("POST", paths[2][:-24] + "0" * 24, {**body, "item": {}}, heads["bob"]),
        ("POST", paths[3], {**body, "item": {"name": "four"}}, heads["bob"]),
        ("POST", paths[2], {**body, "item": {}, "action_id": "Reject"}, heads["bob"]),
    )
    assert [one.status_code for one in told] == [200, 400, 404, 200, 200]
    names = [shop.details(one)["name"] for one in made]
    assert names == ["one!", "at once 1", "at once 2", "four!"]
    assert told[4].json()["details"]["status"] == "REJECTED"


def several(shop, *names):
    """Items by name, and the conditions that find them."""
    made = {name: shop.new(name=name) for name in names}
    conditions = [{"id": "i_id", "search_value": list(made.values()), "exact_match": True}]
    return made, conditions


def test_a_bulk_action_is_judged_item_by_item(shop):
    made, conditions = several(shop, "yes", "no", "also")
    body = {"conditions": conditions, "item": {"amount": 9}, "use_display_id": True}
    told = shop.send("POST", "ORDERS/items/bulkaction/Each", body)
    assert told["result"] == {"matched": 3, "processed": 2}
    assert told["has_error"] is True
    assert [(one["reference_id"], one["description"]) for one in told["errors"]] == [
        (made["no"], "not this one (at main (line 1:62))")
    ]
    found = {name: shop.details(item) for name, item in made.items()}
    assert {name: (one["name"], one["amount"]) for name, one in found.items()} == {
        "yes": ("yes!", 9),
        "no": ("no", None),
        "also": ("also!", 9),
    }


def test_a_bulk_delete_can_be_refused(shop):
    made, conditions = several(shop, "yes", "no")
    body = {"conditions": conditions, "use_display_id": True}
    told = shop.send("POST", "ORDERS/items/bulkaction/RemoveEach", body)
    assert told["result"] == {"matched": 2, "processed": 1}
    assert shop.details(made["no"])["rev"] == 1


@pytest.mark.parametrize("count", [4, 5, 7])
def test_of_a_long_delete_so_many_faults_are_told_and_that_there_are_more(shop, monkeypatch, count):
    monkeypatch.setattr(found, "FAULTS_TOLD_MAX", 4)
    monkeypatch.setattr(found, "FOUND_PORTION", 2)
    conditions = [{"id": "text", "search_value": [f"of {count}"]}]
    made = [shop.new("KEPT", text=f"of {count}") for _ in range(count)]
    errors = shop.send("DELETE", "KEPT/items/delete", {"conditions": conditions})["error"]
    assert [one["reference_id"] for one in errors] == [*made[:4], ""][: min(count, 5)]
    levels = ["ERROR"] * 4 + ["WARN"] * (count > 4)
    assert [one["error_level"] for one in errors] == levels
    assert [one["error"] for one in errors[4:]] == ["more items failed"] * (count > 4)


def test_a_batch_runs_no_pre_script(shop):
    item = shop.new(name="no")
    entry = {"operation": 2, "i_id": item, "action_id": "Each", "item": {"amount": 2}}
    body = {"item_actions": {"ORDERS": [entry]}, "is_force_update": True, "use_display_id": True}
    shop.served.send(
        "POST",
        "/api/v0/applications/SHOP/BatchAction",
        body,
        {"Authorization": f"Bearer {shop._tokens['ann']}"},
    )
    assert shop.details(item).items() >= {"name": "no", "amount": 2}.items()


def test_logs_are_told_to_whoever_asks(shop):
    _, told = act(shop, "Tell", return_actionscript_logs=True)
    assert told["actionscript_logs"] == [{"level": "info", "message": "judging pen"}]
    assert "actionscript_logs" not in act(shop, "Tell")[1]
    _, told = act(shop, "AfterThrows", return_actionscript_logs=True)
    assert told["actionscript_logs"] == [
        {"level": "error", "message": "late (at main (line 1:29))"}
    ]


def test_lines_are_told_at_once_to_whoever_listens(shop, monkeypatch):
    heard = []
    monkeypatch.setattr(shop.served.app.live, "publish_log", lambda *line: heard.append(line))
    _, told = act(shop, "Whole")
    act(shop, "Tell")
    data = told["pre_result"]["data"]
    assert heard == [(data["u_id"], data["p_id"], "judging pen")]


@pytest.mark.parametrize("action", ["Reject", "Broken"])
def test_a_refusal_is_kept_under_its_key(shop, action):
    item = shop.new(name="pen")
    path = f"/api/v0/applications/SHOP/datastores/ORDERS/items/edit/{item}"
    body = {"item": {}, "action_id": action, "is_force_update": True}
    headers = {"Authorization": f"Bearer {shop._tokens['ann']}", "Idempotency-Key": action}
    first = shop.served.send("POST", path, body, headers)
    second = shop.served.send("POST", path, body, headers)
    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert second.headers["idempotent-replay"] == "true"
