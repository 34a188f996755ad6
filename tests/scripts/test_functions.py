"""Functions of an application, constants, and scripts on trial."""

from __future__ import annotations

import pytest

APP = "/api/v0/applications/SHOP"


def call(shop, name, params=None, user="ann", **more):
    """Call a function: status and body."""
    shop.search(user=user)  # logs in
    headers = {"Authorization": f"Bearer {shop._tokens[user]}", **more}
    answer = shop.served.send("POST", f"{APP}/functions/{name}", params, headers)
    return answer.status_code, answer.json()


def test_a_function_gets_its_params_and_gives_its_value(shop):
    assert call(shop, "sum", {"numbers": [1, 2, 3]}) == (200, {"data": 6, "errors": []})


def test_it_calls_the_api_as_whoever_calls_it(shop):
    shop.new(name="pen")
    status, told = call(shop, "count")
    assert (status, told["data"] > 0) == (200, True)


FAILED = {
    "refuse": (200, {"error": "no", "code": 7}),
    "fail": (200, {"error": "the script failed", "description": "wrong (at main (line 1:29))"}),
    "spin": (400, {"error": "the script failed"}),
}


@pytest.mark.parametrize("name", FAILED)
def test_what_goes_wrong_is_among_the_errors(shop, name):
    status, told = call(shop, name)
    assert (status, told["data"]) == (FAILED[name][0], None)
    assert told["errors"][0].items() >= FAILED[name][1].items()


def test_who_may_call_it(shop):
    assert call(shop, "admins")[0] == 200
    assert call(shop, "admins", user="bob")[0] == 403
    assert call(shop, "nothing")[0] == 404


def test_constants_stand_in_scripts(shop):
    told = call(shop, "constants")[1]["data"]
    assert told == {
        "rate": "0.1",
        "greeting": "こんにちは",
        "unknown": "{NOWHERE}",
        "token": "Bearer caller",
        "server": "test",
        "code": {"a": 1},
    }


OWN = [
    ("POST", "api/v0/users/email", {"email": "eve@shop.test"}),
    ("PUT", "api/v0/users/password", {"old_password": "ann-password", "new_password": "x"}),
    ("PUT", "api/v0/userinfo", {"username": "Eve"}),
    ("POST", "api/v0/users/logout", {}),
]


@pytest.mark.parametrize("given", OWN, ids=lambda one: one[1])
def test_the_account_of_whoever_runs_it_is_out_of_reach(shop, given):
    assert call(shop, "reach", given)[1]["data"] == 404


def test_it_may_read_who_runs_it(shop):
    assert call(shop, "reach", ("GET", "api/v0/userinfo"))[1]["data"]["email"] == "ann@shop.test"


HOSTS = {
    "example.test:8000": "example.test:8000",
    "[2001:db8::1]:80": "[2001:db8::1]:80",
    "' + (() => { throw 1 })() + '": "",
    "x'}, main = () => 1, y = {z: '": "",
    "x" * 256: "",
}


@pytest.mark.parametrize("host", HOSTS)
def test_a_caller_writes_no_script(shop, host):
    """The host that a script is told is what the caller sent: nothing but a host gets into it."""
    status, told = call(shop, "constants", Host=host)
    assert (status, told["data"]["server"]) == (200, HOSTS[host])


@pytest.fixture
def action(shop):
    """The ids of actions by name."""
    shop.search()  # logs in
    identities = shop.served.app.identities
    identity = shop.served.run(identities.identify(shop._tokens["ann"]))
    catalog = shop.served.read(identity, lambda view: view.catalog)
    orders = catalog.find_project("SHOP").find_datastore("ORDERS")
    return {one.display_id: one.id for one in orders.actions}


def run_trial(shop, action, body, user="ann", status=200):
    """Try a script."""
    shop.search(user=user)
    headers = {"Authorization": f"Bearer {shop._tokens[user]}"}
    path = f"/api/v0/actions/{action}/actionscripts/run"
    answer = shop.served.send("POST", path, body, headers)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_a_script_is_tried_without_a_trace(shop, action):
    item = shop.new(name="pen", amount=1)
    notes = len(shop.search("NOTES"))
    body = {"script_type": "pre", "item_id": item, "item": {"amount": 2}}
    told = run_trial(shop, action["Tell"], body)
    assert (told["kind"], told["result"]["seen"]["amount"]) == ("done", 2)
    assert told["logs"] == [{"level": "info", "message": "judging pen"}]
    told = run_trial(shop, action["Touch"], body)
    assert (told["kind"], told["result"]["status"]) == ("thrown", 403)
    assert len(shop.search("NOTES")) == notes
    assert shop.details(item)["amount"] == 1


def test_another_text_is_tried_before_it_is_kept(shop, action):
    item = shop.new(name="pen")
    body = {"script_type": "post", "item_id": item, "script": "(data) => data.title + '?'"}
    assert run_trial(shop, action["Plain"], body)["result"] == "pen?"
    body["script"] = "let = ;"
    assert run_trial(shop, action["Plain"], body)["kind"] == "load"
    body["script"] = "//" + "x" * 100_000
    run_trial(shop, action["Plain"], body, status=400)


def test_only_who_designs_tries(shop, action):
    body = {"script_type": "pre", "item": {}}
    run_trial(shop, action["Plain"], body, user="bob", status=403)
    run_trial(shop, "0" * 24, body, status=404)
