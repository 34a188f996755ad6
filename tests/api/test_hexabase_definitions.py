"""The read routes of definitions: what a role opens, and how what it does not is told."""

from __future__ import annotations

import pytest

from tests import reads_world as w
from tests.api.reads_api import A, D, api, kept_api

__all__ = ["api", "kept_api"]
WORKSPACE = f"/api/v0/workspaces/{w.WORKSPACE}/applications"


def test_applications_and_datastores_are_those_that_may_be_used(api):
    assert api.get(WORKSPACE, accept_language="ja") == [
        {
            "application_id": w.SALES,
            "name": "営業",
            "display_id": "sales",
            "datastores": [
                {"datastore_id": w.TASKS, "name": "仕事", "display_id": "tasks"},
                {"datastore_id": w.CLIENTS, "name": "Clients", "display_id": "clients"},
            ],
        }
    ]
    everything = api.get(WORKSPACE, w.ANN)[0]["datastores"]
    assert [one["display_id"] for one in everything] == ["tasks", "clients", "vault"]
    assert [one["display_id"] for one in api.get(WORKSPACE, w.EVE)] == ["other"]
    status, told = api.ask("GET", f"/api/v0/workspaces/{w.id_of(1)}/applications")
    assert (status, told["error_code"]) == (404, "NOT_FOUND")


def test_datastores_of_an_application(api):
    for ref in ("sales", w.SALES):
        found = api.get(f"/api/v0/applications/{ref}/datastores")
        assert [one["display_id"] for one in found] == ["tasks", "clients"]
        assert found[0] == {
            "datastore_id": w.TASKS,
            "name": "Tasks",
            "display_id": "tasks",
            "deleted": False,
            "imported": False,
            "uploading": False,
        }
    status, told = api.ask("GET", "/api/v0/applications/sales/datastores", user=w.EVE)
    assert (status, told["error"]) == (404, "application was not found")


def test_statuses(api):
    assert api.get(f"{D}/statuses")[1] == {
        "display_id": "Doing",
        "name": {"en": "Doing!", "ja": "Doing!"},
        "displayed_name": "Doing!",
        "status_id": w.DOING,
        "sort_id": 1,
        "x": 0,
        "y": 0,
    }
    assert api.ask("GET", f"{D}/statuses", user=w.EVE)[0] == 404


def test_fields(api):
    body = api.get(f"{A}/fields")
    fields = {one["display_id"]: one for one in body["fields"].values()}
    assert "Secret" not in fields
    assert "Secret" in {
        one["display_id"] for one in api.get(f"{A}/fields", w.ANN)["fields"].values()
    }
    assert body["fields"][w.F["Title"]] == {
        "field_id": w.F["Title"],
        "name": "Title",
        "display_id": "Title",
        "dataType": "text",
        "search": True,
        "show_list": True,
        "as_title": True,
        "status": False,
        "fieldIndex": 0,
        "title_order": 1,
        "full_text": False,
        "unique": False,
        "min_value": "",
        "max_value": "",
    }
    assert (fields["Num"]["min_value"], fields["Num"]["max_value"]) == ("-1000", "1000")
    assert fields["Colour"]["options"][3] == {
        "option_id": w.OPTIONS["old"],
        "sort_id": 3,
        "value": "Old",
        "enabled": False,
        "display_id": "opt-old",
    }
    assert fields["Done"]["dataType"] == "select"
    assert [one["option_id"] for one in fields["Done"]["options"]] == ["true", "false"]
    assert fields["Status"]["status"] is True
    assert body["field_layout"][w.F["Title"]] == {
        "field_id": w.F["Title"],
        "sizeX": 6,
        "sizeY": 1,
        "col": 0,
        "row": 0,
    }


@pytest.mark.parametrize(
    ("datastore", "user"), [("nil", w.BOB), ("vault", w.BOB), ("tasks", w.EVE)]
)
def test_fields_of_what_is_not_there(api, datastore, user):
    path = f"/api/v0/applications/sales/datastores/{datastore}/fields"
    expected = {"description": f"fields for d_id: {datastore} is not found", "error": "NOT_FOUND"}
    assert api.ask("GET", path, user=user) == (404, expected)


def test_field_settings(api):
    body = api.get(f"{A}/fields/Colour?with_options=true")
    assert (body["field_id"], body["name"]) == (
        w.F["Colour"],
        {"en": "Colour", "ja": "Colour"},
    )
    assert body["options"][0] == {
        "_id": w.OPTIONS["red"],
        "o_id": w.OPTIONS["red"],
        "d_id": w.TASKS,
        "display_id": "opt-red",
        "value": {"en": "Red", "ja": "赤"},
        "enabled": True,
        "selected": False,
        "sort_id": 0,
        "color": "",
    }
    assert "options" not in api.get(f"{A}/fields/Colour")
    roles = api.get(f"{A}/fields/{w.F['Secret']}", w.ANN)["roles"]
    assert [(one["display_id"], one["can_use"]) for one in roles] == [
        ("ADMIN", True),
        ("MEMBER", False),
        ("VIP", False),
    ]
    status, told = api.ask("GET", f"{A}/fields/Secret")
    assert (status, told["error"]) == (404, "NOT_FOUND")


def test_actions_of_a_status_and_of_all(api):
    assert [one["display_id"] for one in api.get(f"{D}/actions")] == [
        "CreateItem",
        "UpdateItem",
        "CopyItem",
        "Start",
    ]
    of_new = api.get(f"{D}/actions?status_id={w.NEW}")
    assert [one["display_id"] for one in of_new][-1] == "Start"
    assert of_new[-1] == {
        "workspace_id": w.WORKSPACE,
        "project_id": w.SALES,
        "datastore_id": w.TASKS,
        "action_id": w.START,
        "is_status_action": True,
        "display_id": "Start",
        "operation": "update",
        "set_status": w.DOING,
        "name": "Start",
        "status_id": w.NEW,
    }
    of_doing = api.get(f"{D}/actions?status_id=Doing")
    assert [one["display_id"] for one in of_doing] == ["CreateItem", "UpdateItem", "CopyItem"]
    assert api.ask("GET", f"{D}/actions?status_id=nil")[0] == 404


@pytest.mark.parametrize("word", ["new-action", "new-actions"])
def test_new_actions(api, word):
    assert api.get(f"{D}/{word}") == {
        "actions": [
            {
                "action_id": w.CREATE,
                "name": "CreateItem",
                "display_id": "CreateItem",
                "display_order": 0,
                "crud_type": "1",
                "next_status_id": w.NEW,
            }
        ]
    }


@pytest.mark.parametrize("word", ["update-action", "update-actions"])
def test_update_actions(api, word):
    found = api.get(f"{D}/{word}")["actions"]
    assert found[0] == {
        "action_id": w.UPDATE,
        "name": "UpdateItem",
        "display_id": "UpdateItem",
        "display_order": 1,
        "description": "edit",
        "crud_type": "2",
    }
    assert [one["display_id"] for one in found] == ["UpdateItem", "Start"]


@pytest.mark.parametrize("word", ["new-action", "update-actions"])
def test_no_action_to_offer(api, word):
    for datastore, user in ((w.id_of(1), w.BOB), (w.TASKS, w.EVE), (w.CLIENTS, w.BOB)):
        expected = {
            "code": 101,
            "error_code": "INVALID_PARAMS",
            "message": f"new action is not found for {datastore}",
        }
        path = f"/api/v0/datastores/{datastore}/{word}"
        assert api.ask("GET", path, user=user) == (404, expected)


def test_input_fields_of_an_action(api):
    body = api.get(f"{D}/actions/{w.UPDATE}/fields")
    assert body["action"] == {
        "action_id": w.UPDATE,
        "display_order": 1,
        "description": "edit",
        "crud_type": "2",
        "next_status_id": "",
    }
    settings = {name: body["action_field_settings"][w.F[name]] for name in ("Title", "Note", "Num")}
    assert [
        (one["show"], one["update"], one["mandatory"], one["action_id"])
        for one in settings.values()
    ] == [(True, True, True, w.UPDATE), (True, False, False, w.UPDATE), (True, True, False, "")]
    assert w.F["Secret"] not in body["action_fields"]
    for action in (w.DELETE, "nil"):
        expected = {"description": f"action_id not found. {action}", "error": "NOT_FOUND"}
        assert api.ask("GET", f"{D}/actions/{action}/fields") == (404, expected)
