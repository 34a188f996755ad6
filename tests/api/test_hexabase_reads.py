"""The read routes of the Hexabase dialect: shapes, what is not there, who sees what."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hikidashi.core.values import parse_instant
from tests import reads_world as w
from tests.api.reads_api import A, Api, D, api, kept_api
from tests.reads_world import client, task

__all__ = ["api", "kept_api"]

DUE = parse_instant("2026-02-03T04:05:06Z")
FULL = {
    "Title": "Desk",
    "Num": 2.0,
    "Colour": w.OPTIONS["red"],
    "Tags": (w.OPTIONS["blue"], w.OPTIONS["green"]),
    "Due": DUE,
    "Done": True,
    "Owners": (w.ANN, w.BOB),
    "Client": client(1).id,
    "Code": "T-0001",
    "Secret": "s3cret",
    "Hidden": "unseen",
}


@pytest.fixture
def full(api: Api) -> Api:
    """A task with everything, a second one, and a third that only VIPs see."""
    api.world.put(w.CLIENTS, client(1, "Ito"), client(2, "Hidden", keys=(w.VIP,)))
    api.world.put(
        w.TASKS,
        task(1, FULL, rev=3, updated_at=w.NOW + 1, updated_by=w.CAT),
        task(2, {"Title": "Chair", "Num": -1.5, "Client": client(2).id}, status=w.DOING),
        task(3, {"Title": "Table", "Num": 9.0}, keys=(w.VIP,), status=w.CLOSED),
    )
    return api


# --- details ----------------------------------------------------------------------------------


def test_details_as_a_map(full):
    body = full.get(f"{A}/items/details/{task(1).id}?format=map")
    values = {key: one["value"] for key, one in body["field_values"].items()}
    ann, bob = (
        {"access_key": id_, "email": f"{name.lower()}@example.com", "media_link": ""}
        | {"user_id": id_, "user_name": name}
        for id_, name in ((w.ANN, "Ann"), (w.BOB, "Bob"))
    )
    assert values == {
        "Title": "Desk",
        "Note": None,
        "Num": 2,
        "Colour": "opt-red",
        "Shade": None,
        "Tags": ["opt-blue", "opt-green"],
        "Due": "2026-02-03T04:05:06.000Z",
        "Day": None,
        "Done": "true",
        "Owners": [ann, bob],
        "Client": {"d_id": w.CLIENTS, "item_id": client(1).id, "title": "Ito"},
        "Code": "T-0001",
        "Status": "New",
        "Total": None,
    }
    del body["field_values"]
    items = {
        "CreateItem": ("1", w.CREATE, 0, {"next_status_id": "New"}),
        "UpdateItem": ("2", w.UPDATE, 1, {}),
        "CopyItem": ("4", w.COPY, 3, {}),
    }
    assert body == {
        "title": "Desk",
        "rev_no": 3,
        "created_at": "2026-01-05T09:00:00.000Z",
        "created_by": "Bob",
        "updated_at": "2026-01-05T09:00:00.001Z",
        "updated_by": "Cat",
        "status_list": {
            name: {"status_id": name, "s_id": id_, "status_name": f"{name}!"}
            for name, id_ in (("New", w.NEW), ("Doing", w.DOING), ("Closed", w.CLOSED))
        },
        "status_order": ["New", "Doing", "Closed"],
        "status_actions": {
            "Start": {
                "action_id": "Start",
                "a_id": w.START,
                "action_name": "Start",
                "display_order": 4,
                "crud_type": "2",
                "next_status_id": "Doing",
            }
        },
        "status_action_order": ["Start"],
        "item_actions": {
            name: {
                "action_id": name,
                "a_id": id_,
                "action_name": name,
                "display_order": order,
                "crud_type": crud,
            }
            | rest
            for name, (crud, id_, order, rest) in items.items()
        },
        "item_action_order": ["CreateItem", "UpdateItem", "CopyItem"],
    }


def test_details_as_lists(full):
    body = full.get(f"{D}/items/{task(1).id}")
    assert body["rev_no"] == 3
    assert body["field_values"][0] == {
        "field_id": "Title",
        "field_name": "Title",
        "dataType": "text",
        "value": "Desk",
        "use_as_search": True,
        "show_in_list": True,
    }
    assert [one["field_id"] for one in body["field_values"]][-2:] == ["Status", "Total"]
    assert body["status_list"][1] == {
        "status_id": w.DOING,
        "status_name": "Doing!",
        "sort_id": 1,
    }
    assert [one["action_id"] for one in body["item_actions"]] == [w.CREATE, w.UPDATE, w.COPY]
    assert body["item_actions"][1]["description"] == "edit"
    assert body["status_actions"] == [
        {
            "action_id": w.START,
            "action_name": "Start",
            "display_order": 4,
            "crud_type": "2",
            "next_status_id": w.DOING,
        }
    ]
    assert "status_order" not in body


def test_details_follow_the_role_the_status_and_the_language(full):
    by_ann = full.get(f"{A}/items/details/{task(1).id}?use_display_id=true", w.ANN)
    assert by_ann["field_values"]["Secret"]["value"] == "s3cret"
    assert by_ann["field_values"]["Title"] == {
        "field_id": "Title",
        "field_name": "Title",
        "dataType": "text",
        "value": "Desk",
        "sizeX": 6,
        "sizeY": 1,
        "col": 0,
        "row": 0,
    }
    assert "DeleteItem" in by_ann["item_actions"]
    doing = full.get(f"{A}/items/details/{task(2).id}?use_display_id=true")
    assert (doing["status_actions"], doing["status_action_order"]) == ({}, [])
    assert "updated_at" not in doing
    assert doing["field_values"]["Client"]["value"] is None
    japanese = full.get(f"{D}/items/{task(1).id}", accept_language="ja,en;q=0.8")
    assert japanese["field_values"][0]["field_name"] == "題"


def test_details_with_the_items_that_lookups_and_links_name(full):
    full.world.link(task(1), client(1))
    full.world.link(task(1), client(2))
    flags = "include_lookups=true&include_linked_items=true&return_number_value=true"
    body = full.get(f"{A}/items/details/{task(1).id}?format=map&{flags}")
    lookup = body["field_values"]["Client"]["value"]
    assert lookup["lookup_item"]["Name"] == "Ito"
    assert lookup["lookup_item"]["rev_no"] == 1
    assert [one["Name"] for one in body["linked_items"]["clients"]["items"]] == ["Ito"]


@pytest.mark.parametrize("item", [task(3).id, task(9).id, "nonsense"])
def test_details_of_what_is_not_there_for_the_caller(full, item):
    expected = {
        "error": "NOT_FOUND",
        "errors": [
            {
                "description": f"item not found for i_id:{item}",
                "error": "not found",
                "error_code": "NOT_FOUND",
                "error_level": "ERROR",
                "reference_id": item,
            }
        ],
    }
    for path in (f"{A}/items/details/{item}", f"{D}/items/{item}"):
        assert full.ask("GET", path) == (404, expected)
    status, body = full.ask("GET", f"{A}/items/details/{task(1).id}", user=w.EVE)
    assert (status, body["error"]) == (404, "NOT_FOUND")
    assert (
        full.ask("GET", f"{A}/items/details/{task(1).id}?format=map&use_display_id=maybe")[0] == 400
    )


# --- lists ------------------------------------------------------------------------------------


def test_a_list_holds_display_values(full):
    body = full.search(use_display_id=True)
    assert body["totalItems"] == 2
    assert body["items"][0] == {
        "Title": "Desk",
        "Note": None,
        "Num": "2",
        "Colour": "Red",
        "Shade": None,
        "Tags": "Blue,Green",
        "Due": "2026-02-03T04:05:06Z",
        "Day": None,
        "Done": "true",
        "Owners": "Ann,Bob",
        "Client": "Ito",
        "Code": "T-0001",
        "Status": "New!",
        "Total": None,
        "i_id": task(1).id,
        "d_id": w.TASKS,
        "p_id": w.SALES,
        "rev_no": "3",
        "title": "Desk",
        "status_id": w.NEW,
        "created_at": "2026-01-05T09:00:00Z",
        "created_by": w.BOB,
        "updated_at": "2026-01-05T09:00:00.001Z",
        "updated_by": w.CAT,
        "unread": "0",
    }
    second = body["items"][1]
    assert second["Num"] == "-1.5"
    assert second["Client"] is None  # what it names may not be seen
    assert "updated_at" not in second


def test_a_list_is_keyed_by_ids_unless_asked_otherwise(full):
    row = full.search(return_number_value=True)["items"][0]
    assert (row[w.F["Num"]], row["rev_no"], row["unread"]) == (2, 3, 0)
    assert "Num" not in row


def test_pages_and_totals(full):
    full.world.put(w.TASKS, *[task(n) for n in range(10, 20)])

    def numbers(**body: Any) -> tuple[list[str], int]:
        told = full.search(**body)
        return [one["i_id"] for one in told["items"]], told["totalItems"]

    whole = [task(n).id for n in (1, 2, *range(10, 20))]
    assert numbers() == (whole, 12)
    assert numbers(page=1, per_page=0) == (whole, 12)
    assert numbers(page=2, per_page=5) == (whole[5:10], 12)
    assert numbers(page=9, per_page=5) == ([], 12)
    assert numbers(return_count_only=True) == ([], 12)
    assert numbers(omit_total_items=True, per_page=1) == (whole[:1], 0)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ({"sort_field_id": "Num"}, [2, 1, 4]),
        ({"sort_field_id": "Num", "sort_order": "desc"}, [4, 1, 2]),
        ({"sort_field_id": w.F["Title"]}, [2, 1, 4]),
        ({"sort_field_id": "Status", "sort_order": "desc"}, [4, 2, 1]),
        ({"sort_field_id": "Colour"}, [2, 1, 4]),
        ({"sort_field_id": "updated_at"}, [2, 4, 1]),
        ({"sort_fields": [{"id": "Shade"}, {"id": "Num", "order": "desc"}]}, [4, 1, 2]),
        ({"sort_fields": [{"id": "Num"}], "sort_field_id": "Title"}, [2, 1, 4]),
    ],
)
def test_orders(full, order, expected):
    extra = {"Title": "Rug", "Num": 5.0, "Colour": w.OPTIONS["green"]}
    full.world.put(w.TASKS, task(4, extra, status=w.CLOSED))
    rows = full.search(**order)["items"]
    assert [one["i_id"] for one in rows] == [task(n).id for n in expected]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"conditions": [{"id": "Title", "search_value": ["ＤＥ"]}]}, [1]),
        ({"conditions": [{"id": "Title", "search_value": ["desk"], "exact_match": True}]}, []),
        ({"conditions": [{"id": "Num", "search_value": ["2", None]}]}, [1]),
        ({"conditions": [{"id": "Status", "search_value": ["Doing"]}]}, [2]),
        ({"conditions": [{"id": "i_id", "search_value": [task(1).id, task(3).id]}]}, [1]),
        ({"conditions": [{"id": "updated_by", "search_value": [w.CAT]}]}, [1]),
        ({"conditions": [{"id": "Colour", "search_value": ["opt-red"], "not_match": True}]}, [2]),
        ({"conditions": [{"id": "Colour", "include_null": True}]}, [2]),
        ({"conditions": [{"id": "Done", "search_value": ["true"]}]}, [1]),
        ({"conditions": [{"id": "Client", "search_value": [client(2).id]}]}, []),
        (
            {
                "conditions": [
                    {"id": "Title", "search_value": ["chair"]},
                    {
                        "conditions": [
                            {"id": "Num", "search_value": [2, 2]},
                            {"id": "Colour", "search_value": ["opt-red"]},
                        ]
                    },
                ],
                "use_or_condition": True,
            },
            [1, 2],
        ),
        ({"conditions": []}, [1, 2]),
        ({"conditions": {}}, [1, 2]),
        ({"conditions": None}, [1, 2]),
    ],
)
def test_conditions(full, body, expected):
    told = full.search(**body)
    assert [one["i_id"] for one in told["items"]] == [task(n).id for n in expected]
    assert told["totalItems"] == len(expected)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"format": "xml"}, "xml"),
        ({"after": ""}, "per_page"),
        ({"after": "", "per_page": 5, "page": 2}, "page"),
        ({"after": "", "per_page": 5, "format": "csv"}, "JSON"),
        ({"after": "nonsense", "per_page": 5}, "cursor"),
        ({"format": "csv", "select_fields": ["unread"]}, "unread"),
        ({"per_page": 10_001}, "10000"),
        ({"page": -1}, "page"),
        ({"per_page": "5"}, "per_page"),
        ({"conditions": [{"id": "nowhere", "search_value": ["x"]}]}, "nowhere"),
        ({"conditions": [{"id": "Secret", "search_value": ["x"]}]}, "Secret"),
        ({"conditions": [{"search_value": ["x"]}]}, "id"),
        ({"conditions": {"id": "Num"}}, "array"),
        ({"conditions": [{"id": "Num", "rpf_id": "x"}]}, "rpf_id"),
        ({"conditions": [{"id": "Num", "search_value": ["x"]}]}, "number"),
        ({"sort_field_id": "Tags"}, "Tags"),
        ({"sort_field_id": "Num", "sort_order": "up"}, "up"),
        ({"select_fields": ["nowhere"]}, "nowhere"),
        ({"include_lookups": True, "include_lookups_limit": 0}, "include_lookups_limit"),
    ],
)
def test_what_a_list_can_not_do_is_refused_by_name(full, body, words):
    status, told = full.ask("POST", f"{A}/items/search", body)
    assert (status, told["has_error"], told["result"]) == (400, True, None)
    assert words in told["errors"][0]["description"]


def test_a_list_is_not_there_without_the_datastore(full):
    for path, user in ((A, w.EVE), (A.replace("tasks", "vault"), w.BOB)):
        status, told = full.ask("POST", f"{path}/items/search", {}, user)
        assert (status, told["errors"][0]["error_code"]) == (404, "NOT_FOUND")


def test_a_list_with_fields_links_and_lookups(full):
    full.world.link(task(1), client(1))
    full.world.link(task(1), client(2))
    full.world.link(task(1), task(3))
    body = full.search(
        use_display_id=True,
        select_fields=["Title", "Client"],
        include_fields_data=True,
        include_links=True,
        include_lookups=True,
    )
    row = body["items"][0]
    assert (set(w.F) & set(row)) == {"Title", "Client"}
    assert list(body["fields"]) == ["Title", "Client"]
    assert body["fields"]["Client"]["dslookup_info"] == {
        "dslookup_project_id": w.SALES,
        "dslookup_datastore_id": w.CLIENTS,
        "dslookup_field_id": w.CLIENT_NAME,
    }
    assert row["item_links"] == {
        "db_count": 1,
        "item_count": 1,
        "links": [
            {
                "d_id": w.CLIENTS,
                "item_count": 1,
                "items": [{"i_id": client(1).id, "type": "link"}],
            }
        ],
    }
    assert row["lookup_items"]["Client"]["Name"] == "Ito"
    assert "unread" not in row["lookup_items"]["Client"]
    assert "lookup_items" not in body["items"][1]
    assert "fields" not in full.search(include_fields_data=True, omit_fields_data=True)


def test_only_unread_items_and_their_counts(full):
    full.world.history(task(1), 1, w.ANN)
    full.world.history(task(1), 2, w.ANN, action_id="")
    full.world.history(task(2), 1, w.BOB)
    full.world.history(task(3), 1, w.ANN)
    assert [one["unread"] for one in full.search(unread_only=True)["items"]] == ["2"]
    narrowed = full.search(unread_only=True, exclude_comment_history=True)
    assert [one["unread"] for one in narrowed["items"]] == ["1"]


# --- links and histories ----------------------------------------------------------------------


def test_linked_items_by_datastore(full):
    for target in (client(1), client(2), task(2)):
        full.world.link(task(1), target)
    body = full.get(f"{A}/items/links/{task(1).id}?use_display_id=true")
    assert body["has_error"] is False
    assert list(body["result"]) == ["tasks", "clients"]
    linked = body["result"]["clients"]
    assert (linked["d_id"], linked["ds_name"], linked["display_id"]) == (
        w.CLIENTS,
        "Clients",
        "clients",
    )
    assert linked["items"][0]["Name"] == "Ito"
    assert len(linked["items"]) == 1
    assert linked["fields"]["Name"]["f_id"] == w.CLIENT_NAME
    narrow = full.get(f"{D}/items/{task(1).id}/links?linked_p_id=sales&linked_d_id=clients")
    assert list(narrow["result"]) == [w.CLIENTS]
    assert narrow["result"][w.CLIENTS]["items"][0][w.CLIENT_NAME] == "Ito"
    status, told = full.ask("GET", f"{A}/items/links/{task(3).id}")
    assert (status, told["has_error"], told["errors"][0]["error_code"]) == (404, True, "NOT_FOUND")
    assert full.ask("GET", f"{A}/items/links/{task(1).id}?linked_d_id=vault")[0] == 404


def test_histories_and_that_they_are_read_once_shown(full):
    full.world.history(task(1), 1, w.BOB, action_id=w.CREATE, operation="new")
    full.world.history(task(1), 2, w.ANN, action_id=w.START, comment="")
    full.world.history(task(1), 3, w.ANN, action_id="")
    path = f"{A}/items/histories/{task(1).id}"
    body = full.get(path)
    assert body["unread"] == 2
    assert [one["display_order"] for one in body["histories"]] == [0, 1, 2]
    assert [one["is_unread"] for one in body["histories"]] == [True, True, False]
    comment, action, _ = body["histories"]
    assert "action_id" not in comment
    assert action == {
        "history_id": action["history_id"],
        "display_order": 1,
        "is_unread": True,
        "comment": "ITEM_DETAILS.POST_EMPTY_COMMENT",
        "created_at": "2026-01-05T09:00:00.002Z",
        "datastore_id": w.TASKS,
        "datastore_name": "Tasks",
        "user_id": w.ANN,
        "username": "Ann",
        "email": "ann@example.com",
        "media_link": "",
        "updated_at": "2026-01-05T09:00:00.002Z",
        "is_updated": False,
        "action_id": w.START,
        "action_name": "Start",
        "transaction_id": action["transaction_id"],
        "action_operation": "2",
        "is_status_action": True,
        "changes": {},
    }

    async def until_read() -> None:
        for _ in range(200):
            _, told = await full._ask("GET", path, None, {"authorization": w.BOB})
            if told["unread"] == 0:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(told)

    full.run(until_read())
    legacy = f"{D}/items/{task(1).id}/histories?from_item_index=1&to_item_index=2"
    page = full.get(legacy, w.ANN)["histories"]
    assert [one["display_order"] for one in page] == [1]


def test_histories_that_are_not_there_or_too_many(full):
    assert full.ask("GET", f"{A}/items/histories/{task(3).id}") == (
        404,
        {
            "description": f"item is not found for i_id:{task(3).id}",
            "error": "target item was not found",
            "error_code": "NOT_FOUND",
        },
    )
    for query in ("to_index=101", "from_index=-1", "from_index=5&to_index=4", "from_datetime=x"):
        assert full.ask("GET", f"{A}/items/histories/{task(1).id}?{query}")[0] == 400
    assert full.ask("HEAD", f"{A}/items/histories/{task(1).id}")[0] == 405
