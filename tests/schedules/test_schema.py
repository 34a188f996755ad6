"""What a file may say of schedules, what is refused, and what `hikidashi check` finds."""

from __future__ import annotations

import pytest
from ruamel.yaml import YAML

from hikidashi.core.limits import CRON_CHARS_MAX, SCHEDULES_PER_PROJECT_MAX
from hikidashi.service.schema import SchemaError, loads, schema_apply, schema_export
from hikidashi.service.template_files import bare
from hikidashi.storage.inspection import find_oddities
from tests.schedules.world import APP, BASE, ORDERS, schema

BULK = {"query": None, "conditions": []}
REFUSED = {
    "no datastore": ({"datastore": None}, "needs a datastore"),
    "another datastore": ({"datastore": "NONE"}, "has no datastore NONE in the application"),
    "no action": ({"action": None}, "needs an action"),
    "another action": ({"action": "NONE"}, "has no action NONE in the datastore"),
    "no line": ({"cron": None}, "needs a cron line"),
    "a wrong line": ({"cron": "61 * * * *"}, "is no cron line that means a time"),
    "seconds": ({"cron": "0 0 * * * *"}, "must have five fields"),
    "a time that never comes": ({"cron": "0 0 30 2 *"}, "is no cron line that means a time"),
    "a long line": ({"cron": "0 " * CRON_CHARS_MAX}, f"at most {CRON_CHARS_MAX} are allowed"),
    "no time zone": ({"time_zone": "Asia/Nowhere"}, "is no time zone"),
    "another query": ({"query": "none"}, "has no query none in the application"),
    "both": ({"conditions": []}, "needs either a query or conditions"),
    "neither": ({"query": None}, "needs either a query or conditions"),
    "a new item that is found": ({"action": "Create"}, "its action makes a new item"),
    "another field": ({"values": {"none": 1}}, "has no field none in the datastore"),
    "values that are none": ({"values": [1]}, "must be a mapping"),
    "a condition on nothing": (
        {"query": None, "conditions": [{"field": "none", "values": [1]}]},
        "has no field none in the datastore",
    ),
    "a condition that means nothing": (
        {"query": None, "conditions": [{"field": "times", "values": ["x", "y", "z"]}]},
        "has a condition that means nothing",
    ),
    "a user who is not there": (
        {"user": "gone@shop.test"},
        "schedules[0].user: gone@shop.test is not in the workspace",
    ),
    "a user who is no bot": (
        {"user": "bob@shop.test"},
        "schedules[0].user: bob@shop.test is no bot",
    ),
    "another key": ({"every": "day"}, "is not a key here"),
}


@pytest.fixture(scope="module")
def apply(new_database, tmp_path_factory):
    """Applies a file to a database of its own."""
    from tests.schedules.world import Shop

    shop = Shop(new_database(tmp_path_factory.mktemp("shop")), {})

    def run(text):
        app = shop.app
        return shop.run(schema_apply(app.store, app.ids, app.clock, loads(text)))

    yield run
    shop.close()


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_and_changes_nothing(apply, name):
    given, words = REFUSED[name]
    with pytest.raises(SchemaError) as caught:
        apply(schema({"display_id": "other", **given}))
    assert words in str(caught.value), caught.value


def test_how_many_there_may_be(apply):
    many = [{"display_id": f"s{number}"} for number in range(SCHEDULES_PER_PROJECT_MAX + 1)]
    with pytest.raises(SchemaError, match=f"at most {SCHEDULES_PER_PROJECT_MAX} are allowed"):
        apply(schema(*many))


def test_what_it_needs_is_not_deleted_from_under_it(open_shop):
    shop = open_shop({**BULK, "action": "Update", "values": {"times": 1}})
    _, told = shop.call("GET", f"{ORDERS}/fields")
    fields = {one["display_id"]: key for key, one in told["fields"].items()}
    _, actions = shop.call("GET", f"{APP}/schedules")
    (one,) = actions["schedules"]
    place = one["datastore_id"]
    for path in (f"/datastores/{place}/actions/{one['action_id']}",):
        status, body = shop.call("DELETE", f"/api/v0{path}")
        assert (status, "runs an action that is gone" in str(body)) == (400, True), body
    status, body = shop.call("DELETE", f"{ORDERS}/fields/{fields['times']}")
    assert (status, "writes a field that is not in its datastore" in str(body)) == (400, True), body


def test_an_export_says_the_same(open_shop):
    whole = {
        "query": None,
        "conditions": [{"field": "status", "values": ["Open"]}],
        "any": True,
        "values": {"times": 2, "name": None},
        "comment": "by the clock",
        "enabled": False,
        "time_zone": "Europe/Berlin",
        "description": "words",
        "action": "Update",
    }
    shop = open_shop(whole, {"display_id": "second"})
    text = shop.run(schema_export(shop.app.store))
    for words in ("Europe/Berlin", "by the clock", "query: open"):
        assert words in text
    app = shop.app
    changes = shop.run(schema_apply(app.store, app.ids, app.clock, loads(text)))
    assert list(changes) == []


def test_a_file_takes_conditions_back_by_null(open_shop):
    shop = open_shop({"query": None, "conditions": [], "values": {"times": 2}})
    text = schema({"values": None})  # with a query
    app = shop.app
    with pytest.raises(SchemaError, match="needs either a query or conditions"):
        shop.run(schema_apply(app.store, app.ids, app.clock, loads(text)))
    null = text.replace('"query":', '"conditions": null, "query":')
    shop.run(schema_apply(app.store, app.ids, app.clock, loads(null)))
    told = shop.told()
    assert [told[key] for key in ("query", "conditions", "values")] == ["open", None, {"times": 2}]


ODD = {
    "none": ({}, {}, []),
    "no user": ({"user": None}, {}, ["schedule SHOP/nightly acts as nobody: it has no user"]),
    "gone": (
        {},
        {"deleted": True},
        ["schedule SHOP/nightly acts as robot@shop.test, who is not in the workspace"],
    ),
    "no bot": (
        {},
        {"bot": False},
        ["schedule SHOP/nightly acts as robot@shop.test, who is no bot"],
    ),
    "no right": (
        {"action": "Secret", **BULK},
        {},
        ["schedule SHOP/nightly acts as robot@shop.test, who may not execute Secret"],
    ),
    "not enabled": ({"user": None, "enabled": False}, {}, []),
}


@pytest.mark.parametrize("name", ODD)
def test_what_a_check_says(open_shop, name):
    given, robot, wanted = ODD[name]
    shop = open_shop(given)
    shop.change_robot(robot)
    found = shop.run(shop.app.store.scan(lambda one: list(find_oddities(one))))
    assert [one for one in found if one.startswith("schedule")] == wanted


def test_a_template_leaves_the_user_out(open_shop):
    shop = open_shop()
    (workspace,) = YAML(typ="safe").load(shop.run(schema_export(shop.app.store)))["workspaces"]
    (one,) = bare(workspace["applications"][0])["schedules"]
    wanted = {**BASE, "name": "nightly"}
    assert one == {key: value for key, value in wanted.items() if key != "user"}
