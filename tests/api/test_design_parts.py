"""Relations, functions and schedules that are made, changed and deleted by calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.schedules.world import APP, ORDERS, Shop

RELATIONS, FUNCTIONS, SCHEDULES = f"{ORDERS}/relations", f"{APP}/functions", f"{APP}/schedules"
CLOCK = {
    "datastore": "ORDERS",
    "action": "Count",
    "cron": "0 3 * * *",
    "conditions": [],
    "user": "robot@shop.test",
}
NEW = {
    "relation": (RELATIONS, {"display_id": "more", "to": {"datastore": "ORDERS"}}),
    "function": (FUNCTIONS, {"display_id": "more", "script": "(data) => 1"}),
    "schedule": (SCHEDULES, {"display_id": "more", **CLOCK}),
}


@pytest.fixture(scope="module")
def open_shop(new_database, tmp_path_factory) -> Iterator[Shop]:
    made = Shop(new_database(tmp_path_factory.mktemp("parts")))
    key = {"dataType": "text", "name": "Code", "display_id": "code", "unique": True}
    assert made.call("POST", f"{ORDERS}/fields", key)[0] == 200
    yield made
    made.close()


@pytest.fixture
def shop(open_shop) -> Iterator[Shop]:
    """Nothing of all that is there."""
    yield open_shop
    for kind, (path, _) in NEW.items():
        for one in listed(open_shop, kind):
            assert open_shop.call("DELETE", f"{path}/{one['display_id']}")[0] == 200


def listed(shop: Shop, kind: str) -> list[dict[str, Any]]:
    status, told = shop.call("GET", NEW[kind][0])
    assert status == 200, told
    return told[f"{kind}s"]


CHANGES = {
    "relation": ({"name": "More"}, "name", {"en": "More", "ja": "More"}),
    "function": ({"description": "words"}, "description", "words"),
    "schedule": ({"cron": "0 4 * * *"}, "cron", "0 4 * * *"),
}


@pytest.mark.parametrize("kind", NEW)
def test_one_is_made_changed_and_deleted_and_the_audit_knows(shop, kind):
    path, body = NEW[kind]
    before = shop.count("audit")
    status, made = shop.call("POST", path, body)
    assert (status, made["display_id"]) == (200, "more")
    assert [one[f"{kind}_id"] for one in listed(shop, kind)] == [made[f"{kind}_id"]]
    changed, key, value = CHANGES[kind]
    assert shop.call("PATCH", f"{path}/more", changed) == (200, None)
    assert listed(shop, kind)[0][key] == value
    assert shop.call("DELETE", f"{path}/{made[f'{kind}_id']}") == (200, None)
    assert listed(shop, kind) == []
    assert shop.count("audit") == before + 3


@pytest.mark.parametrize("kind", NEW)
def test_one_without_a_display_id_is_given_one_and_a_second_is_refused(shop, kind):
    path, body = NEW[kind]
    bare = {key: value for key, value in body.items() if key != "display_id"}
    status, made = shop.call("POST", path, bare)
    assert (status, len(made["display_id"].partition("-")[2])) == (200, 8)
    status, told = shop.call("POST", path, {**body, "display_id": made["display_id"]})
    assert (status, "is there already" in told["description"]) == (400, True)


@pytest.mark.parametrize("kind", NEW)
def test_a_dry_run_changes_nothing(shop, kind):
    path, body = NEW[kind]
    status, told = shop.call("POST", f"{path}?dry_run=true", body)
    assert (status, told["plan"][0].startswith(f"+ {kind} ")) == (200, True)
    assert listed(shop, kind) == []


SAID = {
    "a rule": ("relation", {"rule": {"field": "code", "equals": "code"}}),
    "a name": ("relation", {"name": "More"}),
    "words": ("function", {"description": "words"}),
    "roles": ("function", {"roles": ["ADMIN"]}),
}


@pytest.mark.parametrize("name", SAID)
def test_null_takes_back_what_was_said_and_what_is_absent_stays(shop, name):
    kind, said = SAID[name]
    path, body = NEW[kind]
    assert shop.call("POST", path, body)[0] == 200
    told = listed(shop, kind)
    found = []
    for change in (said, {}, dict.fromkeys(said)):
        assert shop.call("PATCH", f"{path}/more", change) == (200, None)
        found.append(listed(shop, kind))
    assert (found[0] == told, found[1], found[2]) == (False, found[0], told)


REFUSED = {
    "a relation to nothing": ("POST", RELATIONS, {"to": {"datastore": "none"}}, 400, "to"),
    "a relation without an end": ("POST", RELATIONS, {}, 400, "to"),
    "half a rule": (
        "POST",
        RELATIONS,
        {"to": {"datastore": "ORDERS"}, "rule": {"field": "name"}},
        400,
        "rule",
    ),
    "a function without a script": ("POST", FUNCTIONS, {}, 400, "script"),
    "a long script": ("POST", FUNCTIONS, {"script": "x" * 100_001}, 400, "script"),
    "another role": ("POST", FUNCTIONS, {"script": "1", "roles": ["none"]}, 400, "roles"),
    "a wrong line": ("POST", SCHEDULES, {**CLOCK, "cron": "x"}, 400, "cron"),
    "a user who is no bot": ("POST", SCHEDULES, {**CLOCK, "user": "bob@shop.test"}, 400, "user"),
    "another action": ("POST", SCHEDULES, {**CLOCK, "action": "none"}, 400, "action"),
    "values that are none": ("POST", SCHEDULES, {**CLOCK, "values": []}, 400, "values"),
    "a relation that leads nowhere any more": (
        "PATCH",
        f"{RELATIONS}/none",
        {"to": None},
        400,
        "to",
    ),
    "a function that does nothing": ("PATCH", f"{FUNCTIONS}/none", {"script": None}, 400, "script"),
    "no display id": ("POST", FUNCTIONS, {"script": "1", "display_id": None}, 400, "display_id"),
    "a relation that is not there": ("PATCH", f"{RELATIONS}/none", {}, 404, "relation"),
    "a function that is not there": ("DELETE", f"{FUNCTIONS}/none", None, 404, "function"),
    "a schedule that is not there": ("PATCH", f"{SCHEDULES}/none", {}, 404, "schedule"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_and_changes_nothing(shop, name):
    method, path, body, status, word = REFUSED[name]
    before = shop.count("definitions")
    found, told = shop.call(method, path, body)
    assert (found, word in told["description"]) == (status, True), told
    assert shop.count("definitions") == before


@pytest.mark.parametrize("kind", NEW)
def test_only_who_designs_the_application_may(shop, kind):
    path, body = NEW[kind]
    assert shop.call("GET", path, user="bob")[0] == 403
    assert shop.call("POST", path, body, user="bob")[0] == 403


def test_a_function_that_a_call_made_is_called(shop):
    body = {"display_id": "double", "script": "(data) => 2 * data.params.n"}
    assert shop.call("POST", FUNCTIONS, body)[0] == 200
    shop.call("PATCH", f"{FUNCTIONS}/double", {"script": "(data) => 3 * data.params.n"})
    told = shop.call("POST", f"{FUNCTIONS}/double", {"n": 2})[1]
    assert told == {"data": 6, "errors": []}


def test_a_schedule_that_a_call_made_is_run(shop):
    shop.make("pen")
    assert shop.call("POST", SCHEDULES, {**CLOCK, "display_id": "nightly"})[0] == 200
    assert shop.call("POST", f"{SCHEDULES}/nightly/run")[0] == 200
    shop.turn()
    assert shop.runs() == [("done", 1, 1)]
