"""What is told of a schedule may be sent back as it stands, and null takes back what was said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hikidashi.core.limits import CONDITIONS_MAX
from tests.schedules.world import APP, ORDERS, Shop

SCHEDULES = f"{APP}/schedules"
ITS_OWN = ("schedule_id", "display_id", "name", "next_at", "runs")
BARE = {"datastore": "ORDERS", "action": "Update", "cron": "0 3 * * *"}
EVERY = {**BARE, "conditions": []}
OPEN = {"field": "status", "values": ["Open"]}
RICH = {
    **BARE,
    "display_id": "more",
    "name": "Another",
    "description": "words",
    "time_zone": "Asia/Tokyo",
    "conditions": [OPEN, {"field": "times", "values": [1, 2]}],
    "any": True,
    "values": {"name": "x", "times": 3},
    "comment": "by the clock",
    "user": "robot@shop.test",
    "enabled": False,
}


@pytest.fixture(scope="module")
def open_shop(new_database, tmp_path_factory) -> Iterator[Shop]:
    made = Shop(new_database(tmp_path_factory.mktemp("told")))
    yield made
    made.close()


@pytest.fixture
def shop(open_shop) -> Iterator[Shop]:
    """No schedule is there."""
    yield open_shop
    for one in listed(open_shop):
        assert open_shop.call("DELETE", f"{SCHEDULES}/{one['schedule_id']}")[0] == 200


def listed(shop: Shop) -> list[dict[str, Any]]:
    status, told = shop.call("GET", SCHEDULES)
    assert status == 200, told
    return told["schedules"]


def made(shop: Shop, body: dict[str, Any]) -> dict[str, Any]:
    """A new schedule as it is told."""
    status, ids = shop.call("POST", SCHEDULES, body)
    assert status == 200, ids
    return shop.told(ids["display_id"])


def shared(told: dict[str, Any]) -> dict[str, Any]:
    """What two schedules have in common."""
    return {key: value for key, value in told.items() if key not in ITS_OWN}


SAVED = {
    "a query": {**BARE, "query": "open"},
    "every item": EVERY,
    "conditions": {
        **BARE,
        "conditions": [
            {"field": "name", "values": ["期限", "a"], "exact": True},
            {"field": "times", "values": [1, None]},
            {"field": "times", "values": [2.5], "not": True},
            {"field": "due", "values": [None, "TODAY"], "empty": True},
            {"field": "note", "empty": False},
            {"field": "created_at", "values": ["2026-01-01", None]},
            OPEN,
        ],
        "any": True,
    },
    "values": {**EVERY, "values": {"name": None, "times": 1.5, "note": "期限です"}},
    "values of any form": {**EVERY, "values": {"name": ["x", {"a": [True, None]}], "note": ""}},
    "a new item": {**BARE, "action": "Create", "values": {"name": "one a day"}},
    "all the rest": {**RICH, "name": {"en": "Another", "ja": "別"}},
}


@pytest.mark.parametrize("name", SAVED)
def test_it_is_told_as_it_was_made_and_sent_back_it_changes_nothing(shop, name):
    told = made(shop, SAVED[name])
    usual = {"description": "", "time_zone": "", "query": "", "conditions": None, "any": False}
    usual |= {"values": {}, "comment": "", "user": "", "enabled": True}
    wanted = {**usual, **SAVED[name]}
    wanted |= {"name": told["name"]} if isinstance(wanted.get("name"), str) else {}
    assert {key: told[key] for key in wanted} == wanted
    before = shop.count("audit")
    assert shop.call("PATCH", f"{SCHEDULES}/{told['schedule_id']}", told) == (200, None)
    assert (shop.told(told["display_id"]), shop.count("audit")) == (told, before)


@pytest.mark.parametrize("name", SAVED)
def test_what_is_told_makes_the_same_again(shop, name):
    told = made(shop, SAVED[name])
    sent = {key: value for key, value in told.items() if key != "display_id"}
    assert shared(made(shop, sent)) == shared(told)


@pytest.mark.parametrize("name", SAVED)
def test_what_is_told_makes_another_the_same(shop, name):
    sent = {**made(shop, {**SAVED[name], "display_id": "first"}), "display_id": "more"}
    made(shop, RICH)
    assert shop.call("PATCH", f"{SCHEDULES}/more", sent) == (200, None)
    assert shared(shop.told("more")) == shared(sent)


def test_what_was_named_by_id_is_told_by_display_id(shop):
    fields = shop.call("GET", f"{ORDERS}/fields")[1]["fields"]
    ids = {one["display_id"]: key for key, one in fields.items()}
    base = made(shop, EVERY)
    body = {
        "datastore": base["datastore_id"],
        "action": base["action_id"],
        "cron": "0 3 * * *",
        "conditions": [{"field": ids["times"], "values": [1]}],
        "values": {ids["note"]: "x"},
    }
    told = made(shop, body)
    found = [told[key] for key in ("datastore", "action", "conditions", "values")]
    assert found == ["ORDERS", "Update", [{"field": "times", "values": [1]}], {"note": "x"}]


def test_a_time_zone_is_told_as_it_was_said_and_as_it_is_used(shop):
    zones = [
        (told["time_zone"], told["used_time_zone"])
        for told in (made(shop, EVERY), made(shop, {**EVERY, "time_zone": "Europe/Berlin"}))
    ]
    assert zones == [("", "Asia/Tokyo"), ("Europe/Berlin", "Europe/Berlin")]


# What a change says, and what is told then. All else stays as it is.
UNSET = {
    "name": ({"name": None}, {"name": {"en": "more"}}),
    "description": ({"description": None}, {"description": ""}),
    "time zone": ({"time_zone": None}, {"time_zone": "", "used_time_zone": "Asia/Tokyo"}),
    "time zone, empty": ({"time_zone": ""}, {"time_zone": "", "used_time_zone": "Asia/Tokyo"}),
    "conditions for a query": (
        {"conditions": None, "query": "open"},
        {"conditions": None, "query": "open"},
    ),
    "conditions for every item": ({"conditions": []}, {"conditions": []}),
    "a query that is not there": ({"query": None}, {}),
    "any": ({"any": None}, {"any": False}),
    "values": ({"values": None}, {"values": {}}),
    "values, empty": ({"values": {}}, {"values": {}}),
    "comment": ({"comment": None}, {"comment": ""}),
    "user": ({"user": None}, {"user": ""}),
    "enabled": ({"enabled": None}, {"enabled": True}),
    "nothing": ({}, {}),
    "another line": ({"cron": "0 4 * * *"}, {"cron": "0 4 * * *"}),
}


@pytest.mark.parametrize("name", UNSET)
def test_null_takes_back_what_was_said_and_what_is_absent_stays(shop, name):
    change, wanted = UNSET[name]
    told = made(shop, RICH)
    assert shop.call("PATCH", f"{SCHEDULES}/more", change) == (200, None)
    now = shop.told("more")
    assert {**now, "next_at": None} == {**told, **wanted}


def test_a_query_makes_place_for_conditions_and_they_for_a_new_item(shop):
    made(shop, {**BARE, "display_id": "more", "query": "open"})
    for change, found in (
        ({"query": None, "conditions": [OPEN]}, ("", [OPEN])),
        ({"conditions": None, "action": "Create"}, ("", None)),
        ({"query": "open", "action": "Update"}, ("open", None)),
    ):
        assert shop.call("PATCH", f"{SCHEDULES}/more", change) == (200, None)
        told = shop.told("more")
        assert (told["query"], told["conditions"]) == found


def test_what_finds_the_items_is_what_is_left(shop):
    shop.make("pen")
    made(shop, {**RICH, "conditions": [{"field": "name", "values": ["none"]}], "any": False})
    for change in ({}, {"conditions": None, "query": "open"}):
        assert shop.call("PATCH", f"{SCHEDULES}/more", change) == (200, None)
        assert shop.call("POST", f"{SCHEDULES}/more/run")[0] == 200
        shop.turn()
        shop.clock.advance(seconds=1)
    assert shop.runs("more") == [("done", 1, 1), ("done", 0, 0)]


REFUSED = {
    "neither": ({"conditions": None}, "needs either a query or conditions"),
    "both": ({"query": "open"}, "needs either a query or conditions"),
    "conditions for a new item": ({"action": "Create"}, "its action makes a new item"),
    "no line": ({"cron": None}, "$.cron"),
    "no datastore": ({"datastore": None}, "$.datastore"),
    "no action": ({"action": None}, "$.action"),
    "no display id": ({"display_id": None}, "$.display_id"),
    "an empty name": ({"name": ""}, "name must not be empty"),
    "a condition that is none": ({"conditions": [1]}, "$.conditions[0]"),
    "a condition that is null": ({"conditions": [None]}, "$.conditions[0]"),
    "a condition on nothing": ({"conditions": [{"values": [1]}]}, "needs field"),
    "a condition with another key": ({"conditions": [{**OPEN, "like": 1}]}, "like"),
    "too many conditions": (
        {"conditions": [OPEN] * (CONDITIONS_MAX + 1)},
        f"has {CONDITIONS_MAX + 1} conditions, at most {CONDITIONS_MAX}",
    ),
    "values of another field": ({"values": {"none": None}}, "has no field none"),
    "values that are a list": ({"values": []}, "$.values"),
    "no time zone": ({"time_zone": "Nowhere"}, "time_zone"),
    "a user who is no bot": ({"user": "bob@shop.test"}, "user"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_change_that_is_refused_changes_nothing(shop, name):
    change, words = REFUSED[name]
    told = made(shop, RICH)
    status, answer = shop.call("PATCH", f"{SCHEDULES}/more", {**change, "comment": None})
    assert (status, words in answer["description"]) == (400, True), answer
    assert shop.told("more") == told


def test_nothing_of_it_is_told_to_who_may_not_design(shop):
    made(shop, {**RICH, "values": {"note": "a word of theirs"}})
    for method, path, body in (
        ("GET", SCHEDULES, None),
        ("PATCH", f"{SCHEDULES}/more", {"conditions": None, "query": "open"}),
        ("PATCH", f"{SCHEDULES}/more?dry_run=true", {"values": None}),
    ):
        status, answer = shop.call(method, path, body, user="bob")
        assert (status, "theirs" in str(answer), "times" in str(answer)) == (403, False, False)
    assert shop.told("more")["values"] == {"note": "a word of theirs"}
