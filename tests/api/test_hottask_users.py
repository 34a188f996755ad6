"""The table User, which every project has: who sees which rows, filters, pages, and no writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hikidashi.service import lists
from tests.api.end_people import CLUB, CLUB_KEY, KEY, SCHEMA, SHOP, EndPeople
from tests.served import Served

NAMES = ["ann", "Ben", "carl", "Ägir", "zoë"]


@pytest.fixture(scope="module")
def people(new_database, tmp_path_factory) -> Iterator[EndPeople]:
    served = EndPeople(new_database(tmp_path_factory.mktemp("users")))
    for name in NAMES:
        served.sign_up(f"{name}@Example.test")
        served.clock.advance(seconds=86_400)
    served.sign_up("other@example.test", "ten-characters", CLUB)
    yield served
    served.close()


def ask(served: EndPeople, call: str, body: Any = None, **more: Any) -> dict[str, Any]:
    more = {"headers": {"customauth": KEY}, "table": "User", **more}
    return served.ask(call, {} if body is None else body, **more)


def found(served: EndPeople, *filters: tuple[str, str, object], **more: Any) -> list[str]:
    wanted = [{"name": name, "op": op, "value": value} for name, op, value in filters]
    answer = ask(served, "List", {"Filters": wanted, **more})
    assert answer["Success"], answer
    return [one["Name"] for one in answer["Data"]]


@pytest.mark.parametrize("table", ["User", "user", "USER"])
def test_a_key_for_designing_sees_all_who_have_signed_up_in_its_project(people, table):
    answer = ask(people, "Page", {"PageNo": 2, "PageSize": 2}, table=table)["Data"]
    assert answer["VirtualCount"] == 5
    assert [one["Name"] for one in answer["List"]] == ["carl", "Ägir"]
    first = ask(people, "List", table=table)["Data"][0]
    assert list(first) == ["ID", "id", "Name", "Email", "CreateTime"]
    assert (first["ID"], first["id"], first["Email"]) == (1, 1, "ann@Example.test")
    assert ask(people, "Count", table=table)["Data"] == 5
    listed = people.ask("GetTableDataList", table=table, headers={"customauth": KEY})["Data"]
    assert [one["Name"] for one in listed] == NAMES


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ([("Name", "Equal", "ann")], ["ann"]),
        ([("Name", "NotEqual", "ann")], NAMES[1:]),
        ([("Name", "StringContains", "äG")], ["Ägir"]),
        ([("Email", "StringEndsWith", "@EXAMPLE.test")], NAMES),
        ([("Email", "StringStartsWith", "zoë@")], ["zoë"]),
        ([("Email", "Like", "%n@%")], ["ann", "Ben"]),
        ([("id", "In", [2, 4, 99])], ["Ben", "Ägir"]),
        ([("ID", "GreaterThan", 3)], ["Ägir", "zoë"]),
        ([("Name", "IsNull", None)], []),
        ([("CreateTime", "StringContains", "2026-01-06")], ["Ben"]),
        ([("CreateTime", "LessThan", "2026-01-07T00:00:00Z"), ("id", "NotEqual", 1)], ["Ben"]),
        ([("Name", "Equal", "' OR 1=1 --")], []),
    ],
)
def test_filters_are_those_of_every_table(people, filters, names):
    assert found(people, *filters) == names
    body = {"Filters": [{"name": one, "op": op, "value": value} for one, op, value in filters]}
    assert ask(people, "Count", body)["Data"] == len(names)
    assert ask(people, "Page", body)["Data"]["VirtualCount"] == len(names)


@pytest.mark.parametrize(
    ("order", "ascending", "names"),
    [
        ("id", False, NAMES[::-1]),
        ("Name", True, ["Ben", "ann", "carl", "zoë", "Ägir"]),
        ("Email", False, ["Ägir", "zoë", "carl", "ann", "Ben"]),
        ("CreateTime", False, NAMES[::-1]),
    ],
)
def test_rows_are_sorted_by_one_field_by_code_points(people, order, ascending, names):
    assert found(people, OrderByField=order, IsAsc=ascending) == names


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            {"Filters": [{"name": "password_hash", "op": "Equal", "value": "x"}]},
            "no field password",
        ),
        ({"OrderByField": "user_id"}, "there is no field user_id; the table has id, Name, Email"),
        ({"PageSize": 10_001}, "PageSize is over"),
        ([], "must be a JSON object"),
    ],
)
def test_what_can_not_be_asked_is_told_why(people, body, words):
    answer = ask(people, "Page", body)
    assert (answer["Code"], words in answer["Message"]) == (400, True)


def test_an_end_user_sees_the_own_row_and_no_other(people):
    token = people.sign_in("ben@example.test")
    own = {"headers": {}, "token": token}
    page = ask(people, "Page", **own)["Data"]
    assert [one["Name"] for one in page["List"]] == ["Ben"]
    assert page["VirtualCount"] == 1
    assert [one["ID"] for one in ask(people, "List", **own)["Data"]] == [2]
    assert ask(people, "Count", **own)["Data"] == 1
    other = {"Filters": [{"name": "id", "op": "Equal", "value": 1}]}
    assert ask(people, "List", other, **own)["Data"] == []
    assert ask(people, "Page", code=CLUB, **own)["Code"] == 401


def test_nobody_in_particular_and_no_other_key_sees_any(people):
    for call in ("Page", "List", "Count"):
        assert ask(people, call, headers={})["Code"] == 401
        told = ask(people, call, code=CLUB, headers={"customauth": CLUB_KEY})
        assert (told["Code"], "who has signed up" in told["Message"]) == (403, True)
        assert ask(people, call, headers={"customauth": CLUB_KEY})["Code"] == 401


@pytest.mark.parametrize("headers", [{"customauth": KEY}, None])
@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("Create", {"create": {"Name": "x", "Email": "x@y.test"}}),
        ("UD", {"update": {"ID": 2, "Name": "x"}}),
        ("Delete", {"delete": {"ID": 2}}),
    ],
)
def test_its_rows_are_not_written(people, call, body, headers):
    before = people.rows("SELECT * FROM end_users ORDER BY n")
    if headers is None:
        headers = {"Authorization": f"Bearer {people.sign_in('ben@example.test')}"}
    answer = ask(people, call, body, headers=headers)
    assert (answer["Code"], answer["Data"]) == (403, 0)
    assert answer["Message"].startswith("the rows of the table User are made by SignUp")
    assert ask(people, call, body, headers={})["Code"] == 401
    assert people.rows("SELECT * FROM end_users ORDER BY n") == before


def test_very_many_are_listed_in_portions(people, monkeypatch):
    monkeypatch.setattr("hikidashi.api.hottask.sources.PORTION_ITEMS", 2)
    assert found(people) == NAMES
    assert lists.PORTION_ITEMS > 2


def test_a_project_names_the_roles_that_see_who_has_signed_up(new_database, tmp_path):
    schema = SCHEMA.replace(
        "{roles: [MEMBER]}\n        anonymous",
        "{roles: [MEMBER], seen_by: [MEMBER]}\n        anonymous",
    )
    served = EndPeople(new_database(tmp_path), schema)
    served.sign_up("ida@example.test", "ten-characters", CLUB)
    club = {"code": CLUB, "headers": {"customauth": CLUB_KEY}}
    assert ask(served, "Count", **club)["Data"] == 1
    assert ask(served, "Count", code=CLUB, headers={})["Code"] == 401
    token = served.sign_in("ida@example.test", "ten-characters", CLUB)
    served.sign_up("eva@example.test", "ten-characters", CLUB)
    assert ask(served, "Count", code=CLUB, headers={}, token=token)["Data"] == 1
    served.close()


def test_a_datastore_that_is_called_so_takes_the_place(new_database, tmp_path):
    served = EndPeople(new_database(tmp_path))
    served.apply("datastores: [{display_id: User, fields: [{display_id: Name, type: text}]}]")
    assert ask(served, "Create", {"create": {"Name": "a row"}})["Data"] == 1
    row = ask(served, "List")["Data"][0]
    assert (row["Name"], "Email" in row) == ("a row", False)
    assert ask(served, "Count", table="user")["Data"] == 0
    served.close()


# --- shutting out -----------------------------------------------------------------------------


def test_somebody_who_is_shut_out_is_gone_and_what_they_did_keeps_the_name(new_database, tmp_path):
    url = new_database(tmp_path)
    one = EndPeople(url)
    two = Served(url, "", one.clock)
    for name in ("eva", "ida"):
        one.sign_up(f"{name}@example.test")
    token = one.sign_in("eva@example.test")
    own, path = {"Authorization": f"Bearer {token}"}, f"/autodev/CustomTableValue/GetUser/{SHOP}"
    made = one.ask("Create", {"create": {"subject": "x"}}, token=token, table=1)
    one.ask("SendResetPasswordEmail", {"email": "eva@example.test"})
    secret = one.mailed("eva@example.test")
    assert two.send("GET", path, headers=own).json()["Success"]
    login = one.app.identities.login("dan@makers.test", "dan-password")
    head = {"Authorization": f"Bearer {one.run(login)}"}
    users = "/api/v0/applications/shop/end-users"
    for number in ("3", "x", "0", "-1", "9" * 30, "1.0"):
        assert one.send("DELETE", f"{users}/{number}", headers=head).status_code == 404
    assert one.send("DELETE", f"{users}/1?dry_run=true", headers=head).status_code == 400
    reply = one.send("DELETE", f"{users}/1", headers=head)
    assert (reply.status_code, reply.text) == (200, "null")
    assert one.ask("GetUser", token=token)["Code"] == 401
    one.clock.advance(seconds=2)
    assert two.send("GET", path, headers=own).json()["Code"] == 401
    right = {"email": "eva@example.test", "password": "a-password"}
    assert one.ask("SignIn", right)["Code"] == 401
    change = {"token": secret, "password": "a-new-one"}
    assert one.ask("ResetPasswordForEmail", change)["Code"] == 400
    assert found(one) == ["ida"]
    told = "SELECT u.name, h.rev FROM histories h JOIN users u ON u.id = h.user_id"
    assert (made["Data"], one.rows(told)) == (1, [("eva", 1)])
    [(name, before)] = one.rows("SELECT name, before FROM audit WHERE kind = 'end_user'")
    assert (name, '"number":1' in before, "example" in before) == ("eva", True, False)
    for table in ("users", "end_users", "end_sessions", "end_resets", "audit"):
        assert "eva@example.test" not in str(one.rows(f"SELECT * FROM {table}"))
    assert one.sign_up("eva@example.test") == 3
    two.close()
    one.close()
