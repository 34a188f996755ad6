"""What may be searched by: search conditions, saved queries, the default search."""

from __future__ import annotations

import pytest

from tests import reads_world as w
from tests.api.reads_api import A, Api, api, kept_api
from tests.reads_world import client, task

__all__ = ["api", "kept_api"]


def test_search_conditions_are_the_fields_one_may_search_by(api):
    for method in ("GET", "POST"):
        status, told = api.ask(method, f"{A}/items/conditions")
        assert (status, told["has_error"]) == (200, False)
    found = {one["display_id"]: one for one in told["result"]}
    assert not {"Secret", "Hidden", "Line"} & set(found)
    assert [one["order"] for one in told["result"]] == list(range(len(found)))
    assert found["Title"] == {
        "f_id": w.F["Title"],
        "name": "Title",
        "display_id": "Title",
        "data_type": "text",
        "order": 0,
    }
    assert found["Colour"]["options"][0] == {
        "option_id": w.OPTIONS["red"],
        "sort_id": 0,
        "value": "Red",
        "enabled": True,
        "color": "",
    }
    assert (found["Num"]["min_value"], found["Num"]["max_value"]) == ("-1000", "1000")
    assert found["Status"]["statuses"][1] == {"status_id": w.DOING, "status_name": "Doing!"}
    assert found["Owners"]["users_info"] == {"single_select": False}
    assert found["Client"]["ds_lookup_info"]["dslookup_datastore_id"] == w.CLIENTS
    assert found["Done"]["data_type"] == "select"
    by_ann = api.get(f"{A}/items/conditions", w.ANN)["result"]
    assert "Secret" in {one["display_id"] for one in by_ann}
    status, told = api.ask("GET", f"{A}/items/conditions", user=w.EVE)
    assert (status, told["has_error"]) == (404, True)


def test_saved_queries_are_told_to_those_who_could_ask_them(api):
    path = "/api/v0/applications/sales/queries"
    assert api.get(path) == [
        {
            "q_id": w.QUERIES[0],
            "name": "Usual",
            "desc": "what is shown first",
            "display_order": 0,
            "conditions": [
                {"id": w.F["Num"], "data_type": "number", "search_value": [0, None]},
                {
                    "id": w.F["Colour"],
                    "data_type": "select",
                    "search_value": [w.OPTIONS["red"]],
                    "include_null": True,
                },
                {
                    "id": "status_id",
                    "data_type": "status",
                    "search_value": [w.CLOSED],
                    "exact_match": True,
                    "not_match": True,
                },
            ],
            "use_or_condition": False,
            "projectId": w.SALES,
            "datastoreId": w.TASKS,
        }
    ]
    by_ann = api.get(f"/api/v0/applications/{w.SALES}/queries", w.ANN, accept_language="ja")
    assert [one["q_id"] for one in by_ann] == list(w.QUERIES)
    assert by_ann[0]["name"] == "普段"
    status, told = api.ask("GET", path, user=w.EVE)
    assert (status, told["error_code"]) == (404, "NOT_FOUND")


@pytest.fixture
def tasks(api: Api) -> Api:
    red, blue = w.OPTIONS["red"], w.OPTIONS["blue"]
    api.world.put(
        w.TASKS,
        task(1, {"Num": 1.0, "Colour": red}),
        task(2, {"Num": 2.0}),
        task(3, {"Num": -1.0, "Colour": red}),
        task(4, {"Num": 4.0, "Colour": blue}),
        task(5, {"Num": 5.0}, status=w.CLOSED),
        task(6, {"Num": 6.0}, keys=(w.VIP,)),
    )
    return api


def test_the_default_search_is_added_to_the_conditions(tasks):
    def numbers(**body: object) -> list[int]:
        told = tasks.search(**body)
        assert told["totalItems"] == len(told["items"])
        return [int(one["i_id"], 16) - 0x10000 for one in told["items"]]

    assert numbers() == [1, 2, 3, 4, 5]
    assert numbers(use_default_search=True) == [1, 2]
    narrow = [{"id": "Num", "search_value": [2, None]}]
    assert numbers(use_default_search=True, conditions=narrow) == [2]
    assert numbers(use_default_search=True, conditions=narrow, use_or_condition=True) == [2]
    saved = tasks.get("/api/v0/applications/sales/queries")[0]["conditions"]
    assert numbers(conditions=saved) == [1, 2]


def test_a_datastore_without_a_default_search_has_none_to_add(tasks):
    path = A.replace("tasks", "clients")
    status, told = tasks.ask("POST", f"{path}/items/search", {"use_default_search": True})
    assert (status, told["items"]) == (200, [])


# --- the condition language -------------------------------------------------------------------

DAY_MS = 86_400_000
FULL = {
    "Title": "Desk lamp",
    "Note": "two\nlines",
    "Num": 2.0,
    "Colour": w.OPTIONS["red"],
    "Shade": w.OPTIONS["blue"],
    "Tags": (w.OPTIONS["blue"], w.OPTIONS["green"]),
    "Due": w.NOW,
    "Day": w.NOW - w.NOW % DAY_MS,
    "Done": True,
    "Owners": (w.ANN, w.BOB),
    "Client": client(1).id,
    "Code": "T-0001",
}


@pytest.mark.parametrize(
    ("key", "values", "flags"),
    [
        ("Title", ["LAMP"], {}),
        ("Title", ["nothing|esk"], {}),
        ("Title", ["nothing", "desk"], {}),
        ("Title", ["Desk lamp", "Desk"], {"exact_match": True}),
        ("Title", ["Desk"], {"exact_match": True, "not_match": True}),
        ("Note", ["LINES"], {}),
        ("Num", ["1.5", "2"], {}),
        ("Num", [None, 2], {}),
        ("Num", [2], {}),
        ("Num", [1, 2], {"exact_match": True}),
        ("Num", ["3", None], {"not_match": True, "include_null": False}),
        ("Colour", [w.OPTIONS["red"], w.OPTIONS["green"]], {}),
        ("Colour", ["opt-red"], {"exact_match": True}),
        ("Colour", ["赤"], {}),
        ("Shade", ["opt-blue"], {}),
        ("Tags", [w.OPTIONS["green"]], {}),
        ("Due", ["2026-01-05T09:00:00Z", None], {}),
        ("Due", ["TODAY", "TODAY"], {}),
        ("Due", [None, "TODAY"], {}),
        ("Due", ["2026-01-05"], {}),
        ("Day", ["2026-01-05"], {}),
        ("Day", ["2026-01-01", "2026-01-05"], {"exact_match": True}),
        ("Done", ["true"], {}),
        ("Done", [True], {}),
        ("Owners", [w.BOB], {}),
        ("Client", [client(1).id], {}),
        ("Client", [], {"include_null": False}),
        ("Code", ["t-00"], {}),
        ("Status", ["New"], {}),
        ("Status", [w.NEW, w.DOING], {}),
        ("status_id", ["New!"], {}),
        ("i_id", [task(1).id], {}),
        ("title", ["desk"], {}),
        ("rev_no", [7, 7], {}),
        ("created_at", ["2026-01-05T09:00:00Z", "2026-01-05T09:00:00Z"], {}),
        ("updated_at", ["TODAY", None], {}),
        ("created_by", [w.BOB], {}),
        ("updated_by", [w.CAT], {}),
    ],
)
def test_every_kind_and_system_key_finds_the_full_item_and_not_the_empty(api, key, values, flags):
    api.world.put(w.CLIENTS, client(1, "Ito"))
    full = task(1, FULL, rev=7, updated_at=w.NOW + 1, updated_by=w.CAT)
    title = "Desk" if "not_match" in flags else "Chair"
    bare = task(2, {"Title": title}, status="", created_at=w.NOW + 1, created_by=w.EVE)
    api.world.put(w.TASKS, full, bare)
    wanted = {"id": key, "search_value": values, **flags}
    told = api.search(conditions=[wanted])
    assert [one["i_id"] for one in told["items"]] == [full.id]
    if key in w.F:
        assert api.search(conditions=[{**wanted, "id": w.F[key]}])["totalItems"] == 1
