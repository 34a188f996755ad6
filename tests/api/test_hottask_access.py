"""The HotTask tables API: who calls, on which table, from where, and errors as HTTP has them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.api.tables import CODE, JSON, KEY, OTHER_KEY, READ_KEY, SCHEMA, TABLE, Tables


@pytest.fixture(scope="module")
def tables(new_database, tmp_path_factory) -> Iterator[Tables]:
    folder = tmp_path_factory.mktemp("hottask")
    served = Tables(new_database(folder), SCHEMA)
    yield served
    served.close()


# --- who calls --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "code", "words"),
    [
        ({"customauth": KEY}, 200, ""),
        ({"Authorization": KEY}, 200, ""),
        ({"Authorization": f"Bearer {KEY}"}, 200, ""),
        ({"Authorization": f"bearer  {KEY}"}, 200, ""),
        ({"customauth": KEY, "Authorization": KEY}, 200, ""),
        ({"customauth": KEY, "Authorization": READ_KEY}, 200, ""),
        ({"customauth": KEY, "Authorization": "nonsense"}, 200, ""),
        ({"customauth": KEY, "Authorization": ""}, 200, ""),
        ({"customauth": KEY, "Authorization": OTHER_KEY}, 401, "different projects"),
        ({"customauth": "nonsense", "Authorization": KEY}, 401, "not one of this server"),
        ({}, 401, "the project key is missing"),
        ({"Authorization": ""}, 401, "the project key is missing"),
        ({"Authorization": "Bearer "}, 401, "the project key is missing"),
        ({"Authorization": f"Basic {KEY}"}, 401, "not basic"),
        ({"Authorization": "nonsense"}, 401, "not one of this server"),
        ({"Authorization": "Bearer nonsense"}, 401, "not one of this server"),
        ({"Authorization": "Bearer a.b.c"}, 401, "not one of this server"),
        ({"customauth": "ключ".encode()}, 401, "not one of this server"),
        ({"customauth": OTHER_KEY}, 401, f"not of a project {CODE}"),
        ({"customauth": READ_KEY}, 403, ""),
    ],
)
def test_headers_decide_who_calls(tables, headers, code, words):
    row = tables.create(subject="before")
    answer = tables.post("UD", {"update": {"id": row, "subject": "after"}}, headers)
    assert answer["Code"] == code
    assert words in answer["Message"]
    assert tables.row(row)["subject"] == ("after" if code == 200 else "before")


def test_a_user_of_the_project_may_come_with_a_session(tables):
    token = tables.run(tables.app.identities.login("ann@makers.test", "ann-password"))
    answer = tables.post("Create", {"subject": "mine"}, {"Authorization": f"Bearer {token}"})
    assert answer["Success"]


def test_a_write_bears_the_name_of_its_key(tables):
    row = tables.create(subject="by the bot")
    [item] = [one for one in tables.items(tables.bot, "tasks", "tasks") if one.n == row]
    assert item.created_by == tables.bot.user


# --- places -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "table", "words"),
    [
        (CODE, 999, "table is not found for id:999"),
        (CODE, 223, "table is not found for id:223"),  # of the other project
        (CODE, 125, "table is not found for id:125"),  # not for the key's role
        (CODE, "99999999999999999999", "table is not found"),
        (CODE, "%20", "table is not found"),
    ],
)
@pytest.mark.parametrize("verb", ["UD", "Create"])
def test_what_is_not_there_for_the_key_is_not_found(tables, verb, code, table, words):
    answer = tables.post(verb, {"id": 1, "subject": "x"}, code=code, table=table)
    assert (answer["Code"], answer["Data"]) == (404, 0)
    assert words in answer["Message"]


@pytest.mark.parametrize(("code", "table"), [("nosuchcode12", TABLE), ("aaaaaaaaaaaa", 223)])
@pytest.mark.parametrize("verb", ["UD", "Create"])
def test_a_key_is_not_told_which_other_projects_there_are(tables, verb, code, table):
    answer = tables.post(verb, {"id": 1, "subject": "x"}, code=code, table=table)
    assert (answer["Code"], answer["Data"]) == (401, 0)
    assert answer["Message"] == f"the key or token is not of a project {code}"


@pytest.mark.parametrize(("code", "table"), [(CODE, "tasks"), ("tasks", TABLE)])
def test_a_place_may_be_named_by_its_display_id(tables, code, table):
    assert tables.post("Create", {"subject": "x"}, code=code, table=table)["Success"]


# --- HTTP -------------------------------------------------------------------------------------


def test_a_page_of_another_origin_may_call(tables):
    path = f"/autodev/CustomTableValue/UD/{CODE}/{TABLE}"
    asked = "authorization,content-type,customauth,referrerinfo"
    head = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": asked,
    }
    reply = tables.send("OPTIONS", path, headers=head)
    assert reply.status_code in (200, 204)
    assert reply.headers["access-control-allow-origin"] == "*"
    assert "POST" in reply.headers["access-control-allow-methods"]
    allowed = {one.strip() for one in reply.headers["access-control-allow-headers"].split(",")}
    assert set(asked.split(",")) <= allowed
    reply = tables.send("POST", path, "{}", {"Origin": "https://app.example", **JSON})
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.json()["Code"] == 401


def test_errors_are_http_errors_too_where_that_is_set(new_database, tmp_path):
    served = Tables(new_database(tmp_path), SCHEMA, hottask_http_errors="status")
    path = f"/autodev/CustomTableValue/UD/{CODE}/{TABLE}"
    deep = '{"a":' * 70 + "1" + "}" * 70
    for body, head, code in (
        ({"update": {"id": 9, "subject": "x"}}, {"customauth": KEY}, 404),
        ({"update": {"subject": "x"}}, {"customauth": KEY}, 400),
        ({"update": {"id": 9, "subject": "x"}}, {}, 401),
        (deep, {"customauth": KEY}, 400),
    ):
        reply = served.send("POST", path, body, head)
        assert (reply.status_code, reply.json()["Code"]) == (code, code)
    reply = served.send("POST", f"/autodev/CustomTableValue/SqlQuery/{CODE}", {})
    assert (reply.status_code, reply.json()["Code"]) == (404, 404)
    served.close()


def test_a_body_over_the_limit_is_refused(new_database, tmp_path):
    served = Tables(new_database(tmp_path), SCHEMA, body_bytes_max="1000")
    answer = served.post("Create", json.dumps({"create": {"subject": "x" * 2000}}))
    assert (answer["Code"], "1000 bytes" in answer["Message"]) == (413, True)
    served.close()


def test_only_post_is_answered(tables):
    assert tables.send("GET", f"/autodev/CustomTableValue/UD/{CODE}/{TABLE}").status_code == 405
