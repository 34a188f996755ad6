"""What calls make of applications, fields and actions, beyond what the recorded exchanges show."""

from __future__ import annotations

import asyncio

import pytest

from hikidashi.core.kinds import KINDS
from tests.api.design_world import APP, A, D, W, design
from tests.api.rest import Chunks, Rest
from tests.deterministic import FixedClock, fixed_ids
from tests.files.papers import BOUNDARY, form

__all__ = ["design"]
FORM = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}


def ask(design, method, path, body=None, status=200, **more):
    reply = design.call(method, path, body, **more)
    assert reply.status == status, (path, reply.body)
    return reply.json


def add(design, kind, name, status=200, **keys):
    body = {"dataType": kind, "name": name, "display_id": name, **keys}
    return ask(design, "POST", f"{A}/fields", body, status)


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_of_every_kind_needs_nothing_but_a_name(design, kind):
    made = add(design, kind, f"bare {kind}")
    told = ask(design, "GET", f"{D}/fields/{made['field_id']}")
    assert told["dataType"] == ("select" if kind == "boolean" else kind)
    drawn = kind in ("label", "separator")
    assert (told["search"], told["show_list"]) == (not drawn and kind != "file", not drawn)
    assert told["unique"] is (kind == "autonum")
    assert design.new({"NAME": kind})


@pytest.mark.parametrize(
    ("kind", "said", "told"),
    [
        ("number", {"min_value": "1", "max_value": 9}, {"min_value": "1", "max_value": "9"}),
        (
            "number",
            {"num_info": {"prefix": "~", "suffix": "km", "no_comma": True}},
            {"num_info": {"prefix": "~", "suffix": "km", "no_comma": True}},
        ),
        (
            "datetime",
            {"min_value": "2026-01-01T00:00:00Z", "max_value": ""},
            {"min_value": "2026-01-01T00:00:00.000Z"},
        ),
        (
            "autonum",
            {"autonum_info": {"prefix": "N-", "digit": 4, "zero_padding": True}},
            {"autonum_info": {"prefix": "N-", "digit": 4, "zero_padding": True}},
        ),
        (
            "dslookup",
            {"dslookup_info": {"dslookup_datastore_id": "CARS", "dslookup_field_id": "NAME"}},
            {
                "dslookup_info": {
                    "dslookup_project_id": "64d7b261cc1351eb97f30001",
                    "dslookup_datastore_id": "64d7b36da69d9d2795450001",
                    "dslookup_field_id": "64d7b36da69d9d279545f001",
                }
            },
        ),
        (
            "dslookup",
            {
                "dslookup_info": {
                    "dslookup_project_id": "BIN",
                    "dslookup_datastore_id": "64d7b36da69d9d2795452001",
                }
            },
            {
                "dslookup_info": {
                    "dslookup_project_id": "64d7b261cc1351eb97f30003",
                    "dslookup_datastore_id": "64d7b36da69d9d2795452001",
                    "dslookup_field_id": "",
                }
            },
        ),
        (
            "users",
            {"users_info": {"single_select": True}, "publish": True},
            {"users_info": {"single_select": True}},
        ),
        (
            "calc",
            {"calc_info": {"formula": "PRICE * 2", "result": "number"}},
            {"calc_info": {"formula": "{PRICE} * 2", "result": "number"}},
        ),
        ("text", {"min_value": "", "max_value": "", "selected": ""}, {}),
    ],
)
def test_settings_are_told_as_they_were_made(design, kind, said, told):
    name = f"set {len(ask(design, 'GET', f'{A}/fields')['fields'])}"
    add(design, kind, name, **said)
    settings = ask(design, "GET", f"{A}/fields/{name}?with_options=true")
    kept = {key: value for key, value in settings.items() if key in {*told, *said} - {"publish"}}
    assert kept == told
    other = f"{name} again"
    add(design, kind, other)
    ask(design, "PUT", f"{A}/fields/{other}", said)
    again = ask(design, "GET", f"{A}/fields/{other}")
    assert {key: again[key] for key in told} == told


@pytest.mark.parametrize(
    ("roles", "holders"),
    [
        (None, ["ADMIN", "MEMBER"]),
        ([], ["ADMIN"]),
        (["MEMBER"], ["ADMIN", "MEMBER"]),
        (["64d7b261cc1351eb97f30e02", "ADMIN"], ["ADMIN", "MEMBER"]),
        ([{"role_id": "MEMBER", "can_use": False}], ["ADMIN"]),
        ([{"display_id": "MEMBER", "can_use": True}], ["ADMIN", "MEMBER"]),
    ],
)
def test_admin_may_always_use_a_field(design, roles, holders):
    name = f"held {len(ask(design, 'GET', f'{A}/fields')['fields'])}"
    add(design, "text", name, **({} if roles is None else {"roles": roles}))
    told = ask(design, "GET", f"{A}/fields/{name}")["roles"]
    assert [one["display_id"] for one in told if one["can_use"]] == holders
    seen = design.call("GET", f"{A}/fields/{name}", user="bob").status
    assert seen == (200 if "MEMBER" in holders else 404)


def test_settings_sent_back_as_they_were_told_change_nothing(design):
    add(design, "number", "back", min_value=1, num_info={"suffix": "m"})
    add(design, "select", "chosen", roles=["MEMBER"], options=[{"name": "a"}, {"name": "b"}])
    before = design.rows("SELECT count(*) FROM audit")
    for name in ("back", "chosen"):
        told = ask(design, "GET", f"{A}/fields/{name}?with_options=true")
        ask(design, "PUT", f"{A}/fields/{name}", told)
        ask(design, "PATCH", f"{D}/fields/{name}", told)
    settings = ask(design, "GET", f"{D}/action/setting")
    actions = [one for status in settings["statuses"] for one in status["status_actions"]]
    for one in (*actions, *settings["item_actions"]):
        ask(design, "PATCH", f"{D}/actions/{one['action_id']}", one)
    assert design.rows("SELECT count(*) FROM audit") == before


def test_new_fields_stand_below_the_others(design):
    first, second = (add(design, "text", name)["field_id"] for name in ("upper", "lower"))
    laid = ask(design, "GET", f"{A}/fields")["field_layout"]
    assert laid[second]["row"] == laid[first]["row"] + 1
    given = {"col": 2, "row": 7, "sizeX": 3, "sizeY": 2}
    third = add(design, "text", "placed", field_layout=given)["field_id"]
    placed = ask(design, "GET", f"{A}/fields")["field_layout"][third]
    assert placed == {"field_id": third, **given}


def test_of_two_that_want_a_display_id_at_once_one_gets_it(design):
    body = {"dataType": "text", "name": "x", "display_id": "raced"}

    async def race():
        return await asyncio.gather(*[design.acall("POST", f"{A}/fields", body) for _ in range(4)])

    replies = design.run(race())
    assert sorted(one.status for one in replies) == [200, 400, 400, 400]


def test_a_script_comes_in_chunks_and_goes_when_it_is_empty(design):
    place = "/api/v0/actions/64d7b36da69d9d279545a003/actionscripts"
    text = "// 日本\r\nfunction main(data) {\n\treturn 1;\n}\n".encode()
    body = form(("file", text, "a.js"), ("script_type", b"post"))
    chunks = Chunks([body[at : at + 7] for at in range(0, len(body), 7)])
    ask(design, "POST", f"{place}/upload", chunks, headers=FORM)
    assert design.call("GET", f"{place}/download?script_type=post").body == text
    assert design.call("GET", f"{place}/download?script_type=pre").status == 404
    audit = ask(design, "GET", f"{W}/audit?kind=action&limit=1")["entries"][0]
    assert audit["after"]["body"]["post_script"].startswith(f"{len(text)} bytes, BLAKE2b ")
    empty = form(("file", b"", "a.js"), ("script_type", b"post"))
    ask(design, "POST", f"{place}/upload", empty, headers=FORM)
    assert design.call("GET", f"{place}/download?script_type=post").status == 404


def test_new_default_actions_publish_to_every_role(design):
    ask(design, "POST", f"{APP}/datastores", {"name": "Open", "display_id": "Open"})
    item = design.new({"Title": "seen"}, "Open")
    path = f"{APP}/datastores/Open/items/details/{item}"
    assert design.call("GET", path, user="bob").status == 200
    assert design.call("GET", path, user="eve").status == 404


def test_member_of_the_first_application_is_everybody(new_database, tmp_path):
    world = tmp_path / "empty.yaml"
    world.write_text(
        "workspaces: [{name: Empty, users: ["
        "{email: ann@empty.test, password: ann-password, admin: true},"
        " {email: bob@empty.test, password: bob-password}],"
        " top_group: {display_id: TOP, members: [bob@empty.test]}}]"
    )
    clock = FixedClock()
    with asyncio.Runner() as runner:
        rest = Rest(new_database(tmp_path), clock, fixed_ids(clock), runner, world)
        for name, status in (("First", 200), ("Second", 404)):
            body = {"name": name, "display_id": name}
            ask(rest, "POST", "/api/v0/applications", body)
            seen = rest.call("GET", f"/api/v0/applications/{name}/setting", user="bob")
            assert seen.status == status
            assert rest.call("GET", f"/api/v0/applications/{name}/setting").status == 200
        rest.close()


def test_a_deleted_group_comes_back_with_the_roles_it_held(design):
    body = {"name": "East", "display_id": "EAST"}
    group = ask(design, "POST", "/api/v0/groups/TOP", body)["group"]["g_id"]
    grant = {"group_roles": [{"app_id": "BIN", "role_id": "ADMIN"}]}
    ask(design, "POST", f"/api/v0/grouproles/{group}", grant)
    held = "SELECT group_id FROM group_roles WHERE group_id = ?"
    assert design.rows(held, group) == [(group,)]
    ask(design, "DELETE", f"/api/v0/groups/{group}", {})
    assert design.rows(held, group) == []
    ask(design, "POST", f"{W}/deleted/{group}/recover", status=404, user="bob")
    ask(design, "POST", f"{W}/deleted/{group}/recover")
    assert design.rows(held, group) == [(group,)]
