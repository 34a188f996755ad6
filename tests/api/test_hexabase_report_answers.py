"""What answers about reports and charts look like, and who gets them."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from hikidashi.core import limits
from hikidashi.service import lists, reports
from tests.api.test_hexabase_reports import SIZES, World, world

__all__ = ["world"]

RED = {"id": "SIZE", "search_value": ["L"]}


def sales(world: World, size: str = "L") -> list[Any]:
    return [one for one in world.sales if one["SIZE"] == size]


def test_a_report_of_items_shows_them_to_people(world):
    told = world.ask("/reports/list").json
    assert (told["error"], told["report_title"]) == ("", "Sales")
    rows = told["report_results"]
    assert told["totalItems"] == len(rows) == len(world.sales) == told["item_index_to"]
    assert told["item_index_from"] == 1
    amounts = [one["AMOUNT"] for one in rows]
    held = [one for one in amounts if one is not None]
    assert amounts == [*sorted(held, reverse=True), *[None] * (len(amounts) - len(held))]
    by_id = {
        one["i_id"]: one
        for one in world.ask("/reports/list?sort_field_id=BY").json["report_results"]
    }
    found = [by_id[one] for one in sorted(by_id)]
    for row, sale in zip(found, world.sales, strict=True):
        assert row["SIZE"] == SIZES.get(sale["SIZE"])
        assert row["PAID"] == (None if sale["PAID"] is None else str(sale["PAID"]).lower())
        assert row["BUYER"] == sale["BUYER"]
        assert row["BY"] == sale.maker.capitalize()
        assert set(row) == {*(one["display_id"] for one in told["report_fields"]), "i_id"}


def test_the_columns_are_told_with_titles_and_types(world):
    reply = world.rest.call(
        "GET", "/api/v0/applications/APP/reports/list", headers={"accept-language": "ja"}
    )
    told = {one["display_id"]: one for one in reply.json["report_fields"]}
    field = world.rest.catalogs[0].find_project("APP").find_datastore("SALES").find_field("AMOUNT")
    assert told["AMOUNT"] == {
        "title": "金額",
        "rpf_id": told["AMOUNT"]["rpf_id"],
        "display_id": "AMOUNT",
        "data_type": "number",
        "display_type": "number",
        "align": "right",
        "width": 0,
        "num_info": {"prefix": "$"},
        "conditions": [],
        "f_id": field.id,
        "d_id": world.rest.catalogs[0].find_project("APP").find_datastore("SALES").id,
        "merge_cells": False,
        "hide": False,
        "disable_search": False,
        "use_integrated_report": False,
        "is_cross_key": False,
    }
    assert told["SIZE"]["title"] == "大きさ"
    assert [told[one]["data_type"] for one in ("SIZE", "PAID", "STATE", "BY")] == [
        "select",
        "select",
        "status",
        "users",
    ]


@pytest.mark.parametrize(
    ("asked", "keys"),
    [
        ("include_date_at=true", {"created_at", "updated_at"}),
        ("include_item_ref=true", {"items"}),
        ("include_links=1", {"item_links"}),
        ("return_id_value_results=true", {"id_value_results"}),
        ("", set()),
    ],
)
def test_rows_have_more_where_it_is_asked_for(world, asked, keys):
    plain = world.ask("/reports/list?per_page=5").json["report_results"]
    told = world.ask(f"/reports/list?per_page=5&{asked}").json["report_results"]
    assert [set(one) - set(other) for one, other in zip(told, plain, strict=True)] == [keys] * 5
    for row in told:
        if "items" in row:
            assert row["items"][0]["i_id"] == row["i_id"]
        if row["SIZE"] and "id_value_results" in row:
            ids = row["id_value_results"]
            assert ids["SIZE"] == {"id": row["SIZE"][0], "value": row["SIZE"]}
            assert ids["STATE"] == {"id": row["STATE"], "value": row["STATE"]}


def test_lookups_bring_the_items_that_they_name(world):
    rows = world.rows("list", include_lookups=True)
    named = [one for one in rows if one["BUYER"]]
    assert [one["lookup_items"]["BUYER"]["NAME"] for one in named] == [
        one["BUYER"] for one in named
    ]


def test_instants_are_shown_where_the_workspace_is_or_in_utc(world):
    local = {one["i_id"]: one for one in world.rows("list")}
    utc = {one["i_id"]: one for one in world.rows("list", return_utc_datetime=True)}
    seen = {(local[one]["DAY"], utc[one]["DAY"]) for one in local}
    assert seen == {
        ("2025/01/01", "2025-01-01T00:00:00Z"),
        ("2024/12/31", "2025-01-01T03:00:00Z"),
        ("2024/02/29", "2024-02-29T00:00:00Z"),
        (None, None),
    }
    turns = {local[one]["AT"] for one in local if utc[one]["AT"] == "2024-11-04T05:00:00Z"}
    assert turns == {"2024/11/04 00:00:00"}


def test_pages_and_counts(world):
    whole = world.rows("by_day")
    told = world.ask("/reports/by_day/filter", {"page": 2, "per_page": 5}).json
    assert told["report_results"] == whole[5:10]
    assert (told["totalItems"], told["item_index_from"], told["item_index_to"]) == (
        len(whole),
        6,
        10,
    )
    beyond = world.ask("/reports/by_day?page=99&per_page=7").json
    assert (beyond["report_results"], beyond["item_index_from"]) == ([], 0)
    items = world.ask("/reports/list?page=2&per_page=7").json
    assert len(items["report_results"]) == 7
    assert (items["totalItems"], items["item_index_to"]) == (len(world.sales), 14)
    for report, count in (("by_day", len(whole)), ("list", len(world.sales))):
        counted = world.ask(f"/reports/{report}?return_count_only=true").json
        assert (counted["report_results"], counted["totalItems"]) == (None, count)
        uncounted = world.ask(f"/reports/{report}?omit_total_items=true&omit_fields_data=1").json
        assert (uncounted["totalItems"], "report_fields" in uncounted) == (0, False)
        assert len(uncounted["report_results"]) == count


def test_rows_are_sorted_by_the_columns_asked_for(world):
    rows = world.rows("by_name", sort_fields=[{"id": "AMOUNT_sum", "order": "desc"}])
    sums = [one["AMOUNT_sum"] for one in rows]
    assert sums == sorted(sums, reverse=True)
    rows = world.rows("by_size", sort_field_id="SIZE", sort_order="desc")
    assert [one["SIZE"] for one in rows] == ["Small", "Large", None]
    (saved,) = [one["ITEMS"] for one in world.rows("open_large")][:1]
    assert saved == max(one["ITEMS"] for one in world.rows("open_large"))


def test_conditions_come_beside_those_of_the_report(world):
    large = [one for one in sales(world) if one["AMOUNT"] is not None and one["AMOUNT"] <= 50]
    assert sum(one["ITEMS"] for one in world.rows("open_large")) == len(large)
    paid = {"id": "PAID", "search_value": ["true"]}
    assert world.rows("open_large", conditions=[paid]) == [
        {"PAID": "true", "ITEMS": sum(1 for one in large if one["PAID"])}
    ]
    either = {"use_or_condition": True, "conditions": [paid, {"id": "NAME", "search_value": ["X"]}]}
    found = sum(one["ITEMS"] for one in world.rows("open_large", conditions=[either]))
    assert found == sum(1 for one in large if one["PAID"] or one["NAME"] in ("x", "X"))


def test_conditions_name_columns_by_id_or_display_id(world):
    told = world.ask("/reports/list/conditions").json
    assert told["has_error"] is False
    columns = {one["display_id"]: one for one in told["result"]}
    assert [one["order"] for one in told["result"]] == list(range(len(columns)))
    assert columns["SIZE"]["options"][0]["value"] == "Large"
    assert columns["DAY"]["data_type"] == "date"
    day = {"search_value": ["2024-02-29"]}
    for named in ({"rpf_id": columns["DAY"]["rpf_id"]}, {"id": "DAY"}, {"id": "SOLD"}):
        rows = world.rows("list", conditions=[{**named, **day}])
        assert {one["DAY"] for one in rows} == {"2024/02/29"}
    mine = [{"id": "BY", "search_value": [world.users["bob"]]}]
    assert {one["BY"] for one in world.rows("list", conditions=mine)} == {"Bob"}
    computed = {
        one["display_id"] for one in world.ask("/reports/by_size/conditions").json["result"]
    }
    assert computed == {"SIZE"}


@pytest.mark.parametrize("method", ["filter", "conditions"])
def test_both_spellings_of_the_filter_are_served(world, method):
    reply = world.ask(f"/reports/by_size/{method}", {"conditions": [RED]})
    assert [one["ITEMS"] for one in reply.json["report_results"]] == [len(sales(world))]


def test_csv_has_a_row_of_names_and_the_same_values(world):
    for report in ("by_size", "list"):
        reply = world.ask(f"/reports/{report}?format=csv")
        assert reply.headers["content-type"] == "text/csv; charset=utf-8"
        names, *rows = csv.reader(io.StringIO(reply.body.decode()))
        shown = world.rows(report)
        assert rows == [
            ["" if row[one] is None else str(row[one]) for one in names] for row in shown
        ]


def test_a_long_report_of_items_comes_in_portions(world, monkeypatch):
    whole = world.ask("/reports/list").json
    sheet = world.ask("/reports/list?format=csv").body
    monkeypatch.setattr(lists, "PORTION_ITEMS", 9)
    assert world.ask("/reports/list").json == whole
    assert world.ask("/reports/list?format=csv").body == sheet


# --- access -----------------------------------------------------------------------------------


def test_what_one_may_not_see_is_neither_shown_nor_grouped_by_nor_filtered_by(world):
    def names(path: str, user: str) -> list[str]:
        return [one["display_id"] for one in world.ask(path, user=user).json]

    assert {"by_cost", "cheap"} == set(names("/reports", "ann")) - set(names("/reports", "bob"))
    assert names("/charts", "ann") == ["sizes", "months", "costs"]
    assert names("/charts", "bob") == ["sizes", "months"]
    for path in (
        "/reports/by_cost",
        "/reports/cheap",
        "/charts/costs",
        "/reports/cheap/conditions",
    ):
        assert world.ask(path).status == 200
        assert world.ask(path, user="bob").status == 404
    by_bob = world.ask("/reports/list", user="bob").json
    assert "COST" not in {one["display_id"] for one in by_bob["report_fields"]}
    assert not any("COST" in one for one in by_bob["report_results"])
    for body in (
        {"conditions": [{"id": "COST", "search_value": [3]}]},
        {"sort_field_id": "COST"},
    ):
        assert world.ask("/reports/list/filter", body).status == 200
        reply = world.ask("/reports/list/filter", body, user="bob")
        assert (reply.status, reply.json["error_code"]) == (400, "INVALID_PARAMS")


def test_items_that_the_keys_do_not_open_are_in_no_count(world):
    counts = {
        user: world.ask("/reports/list", user=user).json["totalItems"] for user in ("ann", "bob")
    }
    assert counts == {"ann": len(world.sales), "bob": len(world.seen("bob"))}
    assert counts["bob"] < counts["ann"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/reports", 404),
        ("/reports/by_size", 404),
        ("/reports/by_size/conditions", 404),
        ("/charts", 404),
        ("/charts/sizes", 404),
    ],
)
def test_who_has_no_role_finds_nothing(world, path, status):
    assert world.ask(path, user="eve").status == status


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/reports/none", None, 404, "report is not found"),
        ("/charts/none", None, 404, "chart is not found"),
        ("/reports/by_size?page=x", None, 400, "page must be a whole number"),
        ("/reports/by_size?format=xml", None, 400, "neither json nor csv"),
        ("/reports/by_size?omit_fields_data=maybe", None, 400, "must be true or false"),
        ("/reports/by_size/filter", {"per_page": -1}, 400, "per_page at least 0"),
        ("/reports/by_size/filter", {"per_page": 10_001}, 400, "per_page is over"),
        ("/reports/by_size/filter", {"sort_field_id": "NAME"}, 400, "no column NAME"),
        ("/reports/by_size/filter", {"sort_field_id": "SIZE", "sort_order": "up"}, 400, "asc nor"),
        ("/reports/list/filter", {"sort_field_id": "TAGS"}, 400, "has no order"),
        ("/reports/list/filter", {"sort_field_id": "nothing"}, 400, "no field nothing"),
        ("/reports/by_size/filter", {"conditions": {"id": "SIZE"}}, 400, "must be an array"),
        ("/reports/by_size/filter", {"conditions": [{"id": "none"}]}, 400, "no field none"),
        ("/reports/by_size/filter", {"conditions": [{"rpf_id": "none"}]}, 400, "no column none"),
        ("/reports/by_size/filter", {"conditions": [{"id": "ITEMS"}]}, 400, "is computed"),
        ("/reports/by_size/filter", {"conditions": [{}]}, 400, "needs an id"),
        ("/reports/by_size/filter", {"page": "one"}, 400, "page"),
        (
            "/charts/sizes/filter",
            {"conditions": [{"id": "AMOUNT", "search_value": ["x"]}]},
            400,
            "number",
        ),
    ],
)
def test_what_means_nothing_is_told(world, path, body, status, words):
    reply = world.ask(path, body)
    assert reply.status == status, reply.body
    assert words in reply.json["description"]


@pytest.mark.parametrize(
    ("limit", "path", "most"),
    [
        ("REPORT_GROUPS_MAX", "/reports/by_size", 3),
        ("CHART_LABELS_MAX", "/charts/sizes", 3),
        ("CHART_SERIES_MAX", "/charts/months", 4),
    ],
)
def test_groups_labels_and_series_have_a_limit(world, monkeypatch, limit, path, most):
    assert getattr(limits, limit) > most
    monkeypatch.setattr(reports, limit, most)
    assert world.ask(path).status == 200
    monkeypatch.setattr(reports, limit, most - 1)
    reply = world.ask(path)
    assert (reply.status, str(most - 1) in reply.json["description"]) == (400, True)


def test_a_report_that_takes_too_long_says_so(world, monkeypatch):
    def late(*_: Any) -> Any:
        raise lists.TimeLimitError

    monkeypatch.setattr("hikidashi.api.hexabase_rest.reports.count_list", late)
    told = world.ask("/reports/list/filter", {"per_page": 5, "total_count_timeout_sec": 3}).json
    assert (told["totalItems"], len(told["report_results"])) == (-1, 5)
    assert told["error"] == "error totalItems count process timeout. (3 sec elapsed)"
    monkeypatch.setattr("hikidashi.api.hexabase_rest.reports.read_groups", late)
    told = world.ask("/reports/by_size").json
    assert (told["totalItems"], told["report_results"]) == (-1, None)
    assert told["error"] == "error report data process timeout. (60 sec elapsed)"
    assert world.ask("/reports/by_size?format=csv").status == 503


# --- charts -----------------------------------------------------------------------------------


def test_a_chart_draws_each_value_of_a_report(world):
    rows = world.rows("by_size")
    assert world.ask("/charts/sizes").json == {
        "chart": {"type": "bar"},
        "color": "",
        "datasets": [
            {"data": [one["AMOUNT_sum"] for one in rows], "label": "AMOUNT_sum"},
            {"data": [one["ITEMS"] for one in rows], "label": "ITEMS"},
        ],
        "labels": ["", "Large", "Small"],
        "title": {"text": "By size"},
        "zero": True,
    }
    told = world.ask("/charts/sizes/filter", {"conditions": [RED]}).json
    assert (told["labels"], told["datasets"][1]["data"]) == (["Large"], [len(sales(world))])
    columns = world.ask("/charts/sizes/conditions").json["result"]
    assert [one["display_id"] for one in columns] == ["SIZE"]


@pytest.mark.parametrize("user", ["ann", "bob"])
def test_a_chart_has_a_dataset_for_each_value_of_its_series(world, user):
    told = world.ask("/charts/months", user=user).json
    rows = {
        (one["MONTH"], one["TAGS"]): one["AMOUNT_sum"]
        for one in world.rows("by_month_and_tag", user)
    }
    assert (told["chart"], told["color"], told["zero"]) == ({"type": "line"}, "teal", False)
    assert [one["label"] for one in told["datasets"]] == ["", "Blue", "Azure", "c"]
    assert told["labels"] == ["", *sorted({one for one, _ in rows if one})]
    for one in told["datasets"]:
        places = [(label or None, one["label"] or None) for label in told["labels"]]
        assert one["data"] == [rows.get(place, 0) for place in places]
