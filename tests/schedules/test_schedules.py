"""Schedules: when they run, what they write and as whom, and what is told of it."""

from __future__ import annotations

import pytest

from hikidashi.core.limits import (
    BULK_ITEMS_MAX,
    SCHEDULE_FAULTS_KEPT_MAX,
    SCHEDULE_RUN_KEPT_MS,
    SCHEDULE_RUNS_TOLD_MAX,
)
from hikidashi.service.schema import loads, schema_apply
from tests.schedules.world import APP, ORDERS, schema

NIGHT = "2026-01-05T18:00:00Z"  # three o'clock in Tokyo


def test_it_runs_once_when_it_is_time(open_shop):
    shop = open_shop()
    shop.make("pen", "ink")
    shop.turn()
    assert shop.told()["next_at"] == "2026-01-05T18:00:00.000Z"
    shop.at("2026-01-05T17:59:59Z")
    assert shop.runs() == []
    shop.at(NIGHT)
    assert shop.runs() == [("done", 2, 2)]
    assert [one["status"] for one in shop.orders()] == ["Late", "Late"]
    assert {one["by"] for one in shop.orders()} == {"Robot"}
    shop.turn()
    shop.make("cup")
    shop.at("2026-01-06T18:00:01Z")
    assert shop.runs() == [("done", 1, 1), ("done", 2, 2)]


def test_times_that_were_missed_are_made_up_for_once(open_shop):
    shop = open_shop()
    shop.make("pen")
    shop.turn()
    shop.at("2026-01-08T20:00:00Z")
    told = shop.told()
    assert [one["due_at"] for one in told["runs"]] == ["2026-01-05T18:00:00.000Z"]
    assert told["runs"][0]["started_at"] == "2026-01-08T20:00:00.000Z"
    assert told["next_at"] == "2026-01-09T18:00:00.000Z"


WRITES = {
    "values and a comment": (
        {"action": "Update", "conditions": [], "query": None}
        | {"values": {"times": 7, "due": "2026-02-01"}, "comment": "by the clock"},
        ("done", 2, 2),
        {"times": 7.0},
    ),
    "conditions": (
        {"action": "Update", "query": None, "conditions": [{"field": "name", "values": ["ink"]}]}
        | {"values": {"name": "blue ink"}},
        ("done", 1, 1),
        {"name": "blue ink"},
    ),
    "either condition": (
        {"action": "Update", "query": None, "any": True, "values": {"times": 1}}
        | {"conditions": [{"field": "name", "values": [one]} for one in ("ink", "pen")]},
        ("done", 2, 2),
        {"times": 1.0},
    ),
    "a new item": (
        {"action": "Create", "query": None, "values": {"name": "made"}},
        ("done", 1, 1),
        {"name": "made", "by": "Robot"},
    ),
    "copies, none of its own copies": (
        {"action": "Copy", "query": None, "conditions": []},
        ("done", 2, 2),
        {"name": "ink"},
    ),
    "a script that counts": (
        {"action": "Count", "query": None, "conditions": []},
        ("done", 2, 2),
        {"times": 1.0},
    ),
}


@pytest.mark.parametrize("name", WRITES)
def test_what_it_writes(open_shop, name):
    given, outcome, item = WRITES[name]
    shop = open_shop(given)
    shop.make("pen", "ink")
    shop.turn()
    shop.at(NIGHT)
    assert shop.runs() == [outcome]
    assert shop.orders()[-1].items() >= item.items()


def test_deleted_items_and_histories_are_as_always(open_shop):
    shop = open_shop(
        {"action": "Remove", "query": None, "conditions": []},
        {"display_id": "notes", "action": "Update", "query": None, "cron": "0 2 * * *"}
        | {"conditions": [], "comment": "by the clock"},
    )
    (item,) = shop.make("pen")
    shop.turn()
    shop.at("2026-01-05T17:00:00Z")
    _, told = shop.call("GET", f"{ORDERS}/items/histories/{item}")
    assert told["histories"][0]["comment"] == "by the clock"
    assert told["histories"][0]["username"] == "Robot"
    shop.at(NIGHT)
    assert (shop.runs(), shop.orders()) == ([("done", 1, 1)], [])


FAILS = {
    "a user that is gone": ({"deleted": True}, "who is not in the workspace"),
    "a user that is no bot": ({"bot": False}, "who is no bot"),
}


@pytest.mark.parametrize("name", FAILS)
def test_a_run_that_can_not_be_fails_and_says_why(open_shop, name):
    robot, words = FAILS[name]
    shop = open_shop()
    shop.change_robot(robot)
    shop.make("pen")
    shop.turn()
    shop.at(NIGHT)
    (run,) = shop.told()["runs"]
    assert (run["state"], words in run["error"]) == ("failed", True), run
    assert shop.orders()[0]["rev"] == 1


def test_its_rights_are_those_of_its_user(open_shop):
    shop = open_shop({"action": "Secret", "query": None, "conditions": []})
    shop.make("pen")
    shop.turn()
    shop.at(NIGHT)
    (run,) = shop.told()["runs"]
    assert (run["processed"], shop.orders()[0]["rev"]) == (0, 1)
    assert run["error"] or run["faults"]


def test_an_item_at_fault_keeps_no_other_from_being_written(open_shop):
    shop = open_shop({"action": "Count", "query": None, "conditions": []})
    shop.make("pen", *["bad"] * (SCHEDULE_FAULTS_KEPT_MAX + 1), "ink")
    shop.turn()
    shop.at(NIGHT)
    (run,) = shop.told()["runs"]
    count = SCHEDULE_FAULTS_KEPT_MAX + 3
    assert (run["state"], run["matched"], run["processed"]) == ("done", count, 2)
    assert len(run["faults"]) == SCHEDULE_FAULTS_KEPT_MAX
    assert "not this one" in run["faults"][0]["description"]


def test_more_items_than_one_transaction_takes(open_shop):
    shop = open_shop({"action": "Update", "query": None, "conditions": [], "values": {"times": 1}})
    shop.make("pen")
    shop.copy_rows(BULK_ITEMS_MAX + 1)
    shop.turn()
    shop.at(NIGHT)
    assert shop.runs() == [("done", BULK_ITEMS_MAX + 2, BULK_ITEMS_MAX + 2)]
    assert {(one["times"], one["rev"]) for one in shop.orders()} == {(1.0, 2)}


# --- by hand ----------------------------------------------------------------------------------


def test_a_run_that_is_asked_for(open_shop):
    shop = open_shop({"enabled": False})
    shop.make("pen")
    shop.turn()
    status, asked = shop.call("POST", f"{APP}/schedules/nightly/run")
    assert status == 200
    assert shop.call("POST", f"{APP}/schedules/nightly/run")[1] == asked  # it waits already
    assert [one["state"] for one in shop.told()["runs"]] == ["waiting"]
    shop.turn()
    (run,) = shop.told()["runs"]
    assert (run["run_id"], run["state"], run["processed"]) == (asked["run_id"], "done", 1)
    assert run["asked_by"]


REFUSED = {
    "another's application": ("POST", "/api/v0/applications/NONE/schedules/nightly/run", 404),
    "no schedule": ("POST", f"{APP}/schedules/weekly/run", 404),
    "for show": ("POST", f"{APP}/schedules/nightly/run?dry_run=true", 400),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(open_shop, name):
    shop = open_shop()
    method, path, status = REFUSED[name]
    assert shop.call(method, path)[0] == status
    assert shop.call("GET", f"{APP}/schedules", user="bob")[0] == 403
    assert shop.call("POST", f"{APP}/schedules/nightly/run", user="bob")[0] == 403
    assert shop.runs() == []


# --- changes ----------------------------------------------------------------------------------


def change(shop, *schedules):
    """Another file."""
    app = shop.app
    shop.run(schema_apply(app.store, app.ids, app.clock, loads(schema(*schedules))))


def test_a_change_of_its_line_sets_its_clock_anew(open_shop):
    shop = open_shop()
    shop.turn()
    change(shop, {"cron": "30 9 * * *"})
    shop.turn()
    assert shop.told()["next_at"] == "2026-01-06T00:30:00.000Z"
    change(shop, {"cron": "30 9 * * *", "time_zone": "Europe/Berlin"})
    shop.turn()
    assert shop.told()["next_at"] == "2026-01-06T08:30:00.000Z"
    assert shop.runs() == []


def test_one_that_is_enabled_again_makes_up_for_nothing(open_shop):
    shop = open_shop()
    shop.turn()
    change(shop, {"enabled": False})
    shop.turn()
    assert shop.told()["next_at"] is None
    shop.at("2026-01-07T00:00:00Z")
    change(shop, {"enabled": True})
    shop.turn()
    assert (shop.told()["next_at"], shop.runs()) == ("2026-01-07T18:00:00.000Z", [])


def test_only_so_many_runs_are_told_and_old_ones_forgotten(open_shop):
    shop = open_shop({"cron": "* * * * *"})
    shop.turn()
    shop.make()
    for _ in range(SCHEDULE_RUNS_TOLD_MAX + 1):
        shop.clock.advance(minutes=1)
        shop.turn()
    assert len(shop.told()["runs"]) == SCHEDULE_RUNS_TOLD_MAX
    shop.clock.advance(ms=SCHEDULE_RUN_KEPT_MS + 1)
    shop.run(shop.app._housekeeping.round())
    assert shop.count("schedule_runs") == 0
