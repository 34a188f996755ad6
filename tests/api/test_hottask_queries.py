"""HotTask's Page, List and Count: what is asked in which words, and how rows are shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.tables import CODE, KEY, OTHER_KEY, READ_KEY, SCHEMA, TABLE, Tables

COUNT = 12


@pytest.fixture(scope="module")
def tables(new_database, tmp_path_factory) -> Iterator[Tables]:
    served = Tables(new_database(tmp_path_factory.mktemp("queries")), SCHEMA)
    for at in range(COUNT):
        served.create(subject=f"task {at}", estimate=at, done=at % 2 == 0)
    yield served
    served.close()


def ids(answer: dict[str, Any]) -> list[int]:
    assert answer["Success"], answer
    data = answer["Data"]
    return [one["id"] for one in (data["List"] if isinstance(data, dict) else data)]


# --- rows -------------------------------------------------------------------------------------


def test_a_row_has_its_number_twice_its_revision_times_and_every_field(tables):
    row = tables.create(
        subject="shown", estimate=2.5, done=False, due="2026-02-01T10:00:00+09:00", size="L"
    )
    asked = {"Filters": [{"name": "id", "op": "Equal", "value": row}]}
    [made] = tables.post("List", asked)["Data"]
    assert made["CreateTime"].endswith("Z")
    assert list(made) == [
        *("ID", "id", "rev_no", "CreateTime", "UpdateTime"),
        *("subject", "estimate", "done", "due", "code", "size", "number"),
    ]
    assert {key: one for key, one in made.items() if key not in ("CreateTime", "number")} == {
        "ID": row,
        "id": row,
        "rev_no": 1,
        "UpdateTime": None,
        "subject": "shown",
        "estimate": 2.5,
        "done": False,
        "due": "2026-02-01T01:00:00.000Z",
        "code": None,
        "size": "L",
    }
    whole = {"update": {**made, "subject": "sent back", "number": None}}
    assert tables.post("UD", whole)["Success"]
    [changed] = tables.post("List", asked)["Data"]
    assert (changed["subject"], changed["rev_no"]) == ("sent back", 2)
    assert changed["UpdateTime"] >= changed["CreateTime"] == made["CreateTime"]
    assert tables.post("UD", whole)["Code"] == 409  # its rev_no is not the row's any more
    assert tables.post("Delete", {"ID": row, "rev_no": 1})["Code"] == 409
    assert tables.post("Delete", {"ID": row, "rev_no": 2})["Success"]
    assert tables.post("List", asked)["Data"] == []


# --- what is asked ----------------------------------------------------------------------------


FIRST = {"PageNo": 2, "PageSize": 3, "OrderByField": "estimate", "IsAsc": False}
SOME = [{"name": "done", "op": "Equal", "value": True}]
LOUD = [{"NAME": "done", "OP": "EQUAL", "VALUE": True}]


@pytest.mark.parametrize(
    "body",
    [
        {**FIRST, "Filters": SOME},
        {"pageFilter": {**FIRST, "Filters": SOME}},
        {"filter": {**FIRST, "Filters": SOME}},
        {"customTableID": TABLE, "PageFilter": {**FIRST, "Filters": SOME}},
        {**{key.lower(): one for key, one in FIRST.items()}, "filters": LOUD},
        {**{key.upper(): one for key, one in FIRST.items()}, "FILTERS": LOUD},
        {**FIRST, "PageNo": "2", "PageSize": 3.0, "Filters": SOME, "customTableID": TABLE},
        {**FIRST, "Filters": [{"Name": "done", "Op": "Equal", "Value": True}]},
    ],
)
def test_a_page_is_asked_for_in_either_dialect_and_any_case(tables, body):
    told = tables.post("Page", body)
    assert [one["estimate"] for one in told["Data"]["List"]] == [4, 2, 0]
    assert told["Data"]["VirtualCount"] == COUNT / 2
    assert tables.post("Page", body, base="/stagingautodev") == told
    assert len(ids(tables.post("List", body))) == COUNT / 2
    assert tables.post("Count", body)["Data"] == COUNT / 2


@pytest.mark.parametrize(
    "body", ["", {}, {"pageFilter": {}}, {"Filters": None, "PageNo": None}, {"OrderByField": ""}]
)
def test_what_is_not_said_is_the_first_twenty_rows_by_id(tables, body):
    for _ in range(10):
        tables.create(subject="more", done=False)
    told = tables.post("Page", body)["Data"]
    assert [one["id"] for one in told["List"]] == sorted(ids(tables.post("List", body)))[:20]
    assert told["VirtualCount"] == tables.post("Count", body)["Data"] > 20


def test_a_page_behind_the_last_is_empty_and_still_counts(tables):
    some = {"Filters": [{"name": "estimate", "op": "LessThan", "value": COUNT}]}
    told = tables.post("Page", {"PageNo": 99, "PageSize": 10, **some})["Data"]
    assert told == {"List": [], "VirtualCount": COUNT}
    told = tables.post("Page", {"PageNo": 2, "PageSize": 10, **some})["Data"]
    assert (len(told["List"]), told["VirtualCount"]) == (2, COUNT)
    told = tables.post("Page", {"PageNo": 2, "PageSize": COUNT, **some})["Data"]
    assert told == {"List": [], "VirtualCount": COUNT}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("[]", "the body must be a JSON object like"),
        ("null", "the body must be a JSON object"),
        ("{pageFilter: {}}", "it is JavaScript text"),
        ('{"PageNo": 1', "not valid JSON"),
        ('{"Filters":' + "[" * 70 + "]" * 70 + "}", "nests over 64 levels"),
        ({"pageFilter": []}, "pageFilter must be an object like"),
        ({"filter": SOME}, "filter must be an object like"),
        ({"PageNo": 0}, "PageNo must be at least 1, not 0"),
        ({"PageNo": -1}, "PageNo must be at least 1"),
        ({"PageNo": 1.5}, "PageNo must be a whole number, not 1.5"),
        ({"PageNo": "one"}, "PageNo must be a whole number, not 'one'"),
        ({"PageNo": True}, "PageNo must be a whole number"),
        ({"PageNo": 2**53}, "PageNo is beyond what can be counted"),
        ({"PageNo": 10**30}, "PageNo must be a whole number"),
        ({"PageSize": 0}, "PageSize must be at least 1"),
        ({"PageSize": 10_001}, "PageSize is over 10000, the most for one page"),
        ({"PageSize": [1]}, "PageSize must be a whole number"),
        ({"IsAsc": "yes"}, "IsAsc must be true or false, not 'yes'"),
        ({"OrderByField": 5}, "OrderByField must be the name of a field, not 5"),
        ({"OrderByField": "nothing"}, "there is no field nothing; the table has id, subject"),
        ({"OrderByField": "secret"}, "there is no field secret"),
        ({"Filers": SOME}, "there is no Filers; it takes PageNo, PageSize, OrderByField"),
        ({"pageFilter": {"Where": "x"}}, "there is no Where; the query takes PageNo"),
        ({"PageNo": 1, "pageno": 2}, "PageNo is there twice"),
        ({"Filters": {"name": "done"}}, "Filters must be an array"),
        ({"Filters": "done"}, "Filters must be an array"),
        ({"Filters": ["done"]}, "a filter must be an object of name, op and value"),
        ({"Filters": [{"op": "Equal"}]}, "a filter needs the name of a field"),
        ({"Filters": [{"name": "", "op": "Equal"}]}, "a filter needs the name of a field"),
        ({"Filters": [{"name": "done"}]}, "the filter of done needs an op, not None"),
        ({"Filters": [{"name": "done", "op": 1}]}, "the filter of done needs an op, not 1"),
        ({"Filters": [{**SOME[0], "or": []}]}, "there is no or; a filter takes name, op, value"),
        ({"Filters": SOME * 1_001}, "over 1000 Filters"),
    ],
)
def test_what_can_not_be_asked_is_refused_with_the_reason(tables, body, words):
    for verb in ("Page", "List", "Count"):
        told = tables.post(verb, body)
        assert (told["Code"], told["Data"]) == (400, 0)
        assert words in told["Message"]


def test_as_many_as_may_be_asked_for_are_taken(tables):
    told = tables.post("Page", {"PageSize": 10_000, "Filters": SOME * 1_000})
    assert told["Data"]["VirtualCount"] == COUNT / 2


# --- who asks ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "code", "table", "found"),
    [
        ({"customauth": READ_KEY}, CODE, "tasks", 200),
        ({"customauth": OTHER_KEY}, CODE, TABLE, 401),
        ({"customauth": KEY}, CODE, 125, 404),  # not for the key's role
        ({"customauth": KEY}, CODE, 223, 404),  # of the other project
        ({"customauth": KEY}, "nosuchcode12", TABLE, 401),
        ({}, CODE, TABLE, 401),
        ({"customauth": "nonsense"}, CODE, TABLE, 401),
    ],
)
@pytest.mark.parametrize("verb", ["Page", "List", "Count"])
def test_who_may_see_a_table_may_ask_it(tables, headers, code, table, found, verb):
    told = tables.post(verb, {}, headers, code=code, table=table)
    assert told["Code"] == found


def test_a_list_is_also_had_by_get(tables):
    path = f"/autodev/CustomTableValue/GetTableDataList/{CODE}/{TABLE}"
    told = tables.send("GET", path, headers={"customauth": KEY}).json()
    assert told == tables.post("List", {})
    assert tables.send("GET", path).json()["Code"] == 401


def test_a_long_list_comes_whole_in_the_same_envelope(tables):
    path = f"/autodev/CustomTableValue/Create/{CODE}/124"
    for start in range(0, 510, 102):
        bodies = [{"subject": f"long {start + at}"} for at in range(102)]
        tables.send_all(*(("POST", path, one, {"customauth": KEY}) for one in bodies))
    reply = tables.send(
        "POST",
        f"/autodev/CustomTableValue/List/{CODE}/124",
        {"OrderByField": "subject", "IsAsc": False},
        {"customauth": KEY},
    )
    assert "content-length" not in reply.headers  # it is sent as it is read
    told = reply.json()
    assert list(told) == ["Data", "Version", "Success", "Code", "Message"]
    subjects = [one["subject"] for one in told["Data"]]
    assert subjects == sorted((f"long {at}" for at in range(510)), reverse=True)
    assert tables.post("Count", {}, table=124)["Data"] == 510


# --- what is not there ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("CustomTableValue/SqlQuery", "runs no SQL of its callers: Page, List and Count take"),
        ("CustomTableValue/SqlExecute", "Create, UD and Delete write"),
        ("CustomTableValue/GetGoogleLoginUrl", "use SignUp and SignIn"),
        ("CustomTableValue/GoogleLogin", "no login by other sites"),
        ("CustomTableValue/GetFacebookLoginUrl", "no login by other sites"),
        ("CustomTableValue/FacebookLogin", "no login by other sites"),
        ("CustomProduct/GetProductList", "keep products and orders in tables"),
        ("CustomOrder/CreateOrder", "has no shop"),
        ("CustomOrder/GetUserSubscribe", "has no shop"),
        ("CustomOrder/GetUserOrderList", "has no shop"),
        ("Integration/EmailSend", "a webhook of the table"),
        ("CustomTableValue/CD", f"there is no /autodev/CustomTableValue/CD/{CODE}"),
        ("Nowhere", "there is no /autodev/Nowhere"),
    ],
)
def test_what_is_not_here_is_said_in_the_envelope(tables, path, words):
    for method in ("POST", "GET"):
        reply = tables.send(method, f"/autodev/{path}/{CODE}", {}, {"customauth": KEY})
        told = reply.json()
        assert reply.status_code == 200
        assert list(told) == ["Data", "Version", "Success", "Code", "Message"]
        assert (told["Data"], told["Success"], told["Code"]) == (0, False, 404)
        assert words in told["Message"]
    head = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    asked = tables.send("OPTIONS", f"/stagingautodev/{path}/{CODE}", headers=head)
    assert asked.status_code == 204
    assert "POST" in asked.headers["access-control-allow-methods"]


def test_nothing_below_the_bases_is_a_page_of_html(tables):
    for path in ("/autodev", "/autodev/", "/stagingautodev/x/y/z/a/b/c", "/autodev//"):
        told = json.loads(tables.send("GET", path).text)
        assert (told["Code"], told["Success"]) == (404, False)
