"""People and workspaces over the wire: what is refused, and what a change brings about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hikidashi.core.limits import (
    BODY_BYTES_MAX,
    EMAIL_CHARS_MAX,
    NAME_CHARS_MAX,
    PASSWORD_CHARS_MIN,
    PEOPLE_PER_CALL_MAX,
    POLICY_CHARS_MAX,
    POLICY_DAYS_MAX,
    POLICY_LOCKOUT_MINUTES_MAX,
    POLICY_LOCKOUT_TRIES_MAX,
    POLICY_PATTERN_MAX,
    POLICY_SAME_MAX,
    USER_CODE_CHARS_MAX,
    WORKSPACES_PER_USER_MAX,
)
from hikidashi.service import design_workspaces
from hikidashi.service.identity import hash_secret
from hikidashi.service.schema import loads, schema_export, schema_plan
from hikidashi.storage.imports import ERRORS_MAX
from tests.api.doors_table import FORM
from tests.api.office import ANN, BOB, DAN, EVE, GUS, KIM, STRANGE, Office, W, open_office
from tests.api.rest import Reply
from tests.files.papers import form

NONE = "0" * 24
HEADER = b"Email,UserName,Password,GroupDisplayIDs,RoleDisplayIDs,IsDelete\r\n"
ADD = {"email": "new@office.test", "g_id": "ALL"}
INVITE = {"users": [{"email": "bob@office.test"}], "domain": "app.test"}
POLICY = f"workspaces/{W}/password-policy"


@pytest.fixture(scope="module")
def office(new_database, tmp_path_factory) -> Iterator[Office]:
    with open_office(new_database(tmp_path_factory.mktemp("office"))) as one:
        yield one


def send_file(office: Office, text: str | bytes, workspace: str = W, **more: Any) -> Reply:
    """UserImport of some rows; bytes are the whole file."""
    content = text if isinstance(text, bytes) else HEADER + text.encode()
    body = form(("current_workspace_id", workspace.encode()), ("file", content, "a.csv"))
    return office.ask("POST", "userimport", body, headers=FORM, **more)


def login(office: Office, **keys: Any) -> Reply:
    return office.ask("POST", "login", keys, token="")


def holds(office: Office, user: str) -> tuple[bool, set[str], set[str]]:
    """Whether somebody is in the workspace, in which groups, with which roles of the own."""
    named = "SELECT display_id FROM definitions JOIN {} ON {} = definitions.id WHERE user_id = ?"
    groups = office.rows(named.format("group_members", "group_id"), user)
    roles = office.rows(named.format("user_roles", "role_id"), user)
    found = office.rows("SELECT 1 FROM members WHERE user_id = ? AND workspace_id = ?", user, W)
    return bool(found), {one for (one,) in groups}, {one for (one,) in roles}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", "users", {"email": "a@b.test"}, 400, "g_id"),
        ("POST", "users", {"g_id": "ALL"}, 400, "email"),
        ("POST", "users", ADD | {"email": "nobody"}, 400, "email: 'nobody' is no e-mail address"),
        ("POST", "users", ADD | {"email": "a b@c.test"}, 400, "is no e-mail address"),
        ("POST", "users", ADD | {"email": "x" * EMAIL_CHARS_MAX + "@b.test"}, 400, "characters"),
        ("POST", "users", ADD | {"g_id": ""}, 400, "g_id has to be there"),
        ("POST", "users", ADD | {"username": "a\nb"}, 400, "username: must not contain control"),
        (
            "POST",
            "users",
            ADD | {"username": "x" * (NAME_CHARS_MAX + 1)},
            400,
            "username: has over",
        ),
        (
            "POST",
            "users",
            ADD | {"user_code": "x" * (USER_CODE_CHARS_MAX + 1)},
            400,
            "user_code: has over",
        ),
        ("POST", "users", ADD | {"g_id": "NO"}, 404, "group is not found"),
        ("POST", "users", ADD | {"w_id": NONE}, 404, "workspace is not found"),
        ("POST", "users", ADD | {"w_id": STRANGE}, 404, "workspace is not found"),
        ("POST", "users", ADD | {"exclusive_w_id": STRANGE}, 404, "workspace is not found"),
        ("POST", "users?dry_run=true", ADD, 400, "dry_run"),
        ("DELETE", "users", {"g_id": "ALL"}, 400, "u_id"),
        ("DELETE", "users", {"g_id": "ALL", "u_id": BOB}, 404, "user is not found"),
        ("DELETE", "users", {"g_id": "NO", "u_id": BOB}, 404, "group is not found"),
        ("POST", "userinvite", {"users": []}, 400, "domain"),
        ("POST", "userinvite", INVITE | {"domain": "a b"}, 400, "domain: must be"),
        ("POST", "userinvite", INVITE | {"domain": "javascript:x"}, 400, "domain: must be"),
        ("POST", "userinvite", INVITE | {"invitation_path": "a?b"}, 400, "invitation_path: must"),
        ("POST", "userinvite", INVITE | {"sender_address": "a"}, 400, "sender_address: 'a' is no"),
        (
            "POST",
            "userinvite",
            INVITE | {"users": INVITE["users"] * (PEOPLE_PER_CALL_MAX + 1)},
            400,
            f"over {PEOPLE_PER_CALL_MAX}",
        ),
        ("GET", "groups/NO/users", None, 404, "group is not found"),
        ("GET", "groups/ALL/users?recursive=maybe", None, 400, "recursive must be"),
        ("GET", f"workspaces/{STRANGE}/users", None, 404, "workspace is not found"),
        ("GET", "workspaces/Office/users", None, 404, "workspace is not found"),
        ("GET", f"workspaces/{W}/users?admin_only=2", None, 400, "admin_only must be"),
        ("GET", "users/all/g/NO", None, 404, "group is not found"),
        ("POST", "workspaces", {}, 400, "name"),
        ("POST", "workspaces", {"name": " "}, 400, "name has to be there"),
        ("POST", "workspaces", {"name": "x" * (NAME_CHARS_MAX + 1)}, 400, "name: has over"),
        ("POST", "workspaces", {"name": "a\0"}, 400, "control characters"),
        ("GET", f"workspaces/{STRANGE}/usages", None, 404, "workspace is not found"),
        ("GET", f"workspaces/{NONE}/functionality", None, 404, "workspace is not found"),
        ("PUT", POLICY, {"use_min_length": 1}, 400, "$.use_min_length"),
        ("PUT", POLICY, {"expired_day": 0}, 400, "expired_day"),
        ("PUT", POLICY, {"expired_day": POLICY_DAYS_MAX + 1}, 400, "expired_day"),
        ("PUT", POLICY, {"lockout_count": POLICY_LOCKOUT_TRIES_MAX + 1}, 400, "lockout_count"),
        ("PUT", POLICY, {"lockout_time": POLICY_LOCKOUT_MINUTES_MAX + 1}, 400, "lockout_time"),
        ("PUT", POLICY, {"min_length": PASSWORD_CHARS_MIN - 1}, 400, "min_length"),
        ("PUT", POLICY, {"min_length": POLICY_CHARS_MAX + 1}, 400, "min_length"),
        ("PUT", POLICY, {"pattern_check_type": POLICY_PATTERN_MAX + 1}, 400, "pattern_check"),
        ("PUT", POLICY, {"same_limit": POLICY_SAME_MAX + 1}, 400, "same_limit"),
    ],
)
def test_what_can_not_be_is_refused_and_changes_nothing(office, method, path, body, status, words):
    before = office.kept()
    reply = office.ask(method, path, body)
    assert reply.status == status, reply.body
    assert words in reply.json["description"]
    assert office.kept() == before


# --- files of people --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        (b"", [(1, "the header has to be")]),
        (b"Email\r\na@b.test\r\n", [(1, "the header has to be")]),
        ("a@b.test\r\n", [(2, "has 1 cells, the header has 6")]),
        ("nobody,,,,,\r\n", [(2, "Email: 'nobody' is no e-mail address")]),
        ("a@b.test,,short,,,\r\n", [(2, f"at least {PASSWORD_CHARS_MIN} characters")]),
        ("a@b.test,,,,,maybe\r\n", [(2, "IsDelete: 'maybe' is neither")]),
        ("a@b.test,,,,,\r\nA@b.test,,,,,\r\n", [(3, "a@b.test is in line 2 too")]),
        ('a@b.test,"x\r\ny",,,,\r\n', [(2, "UserName: must not contain control")]),
        ("a@b.test,,,NO,,\r\nb@b.test,,,,NO,\r\n", [(2, "id:NO"), (3, "id:NO")]),
        ("a@b.test,,,,NO/READER,\r\n", [(2, "role is not found for id:NO/READER")]),
        ("a@b.test,,,,ADMIN,\r\n", [(2, "several applications have a role ADMIN")]),
        ("bob@office.test,,bob-password,,,\r\n", [(2, "Password: there is an account already")]),
        ("zoe@office.test,,,,,true\r\n", [(2, "user is not found for id:zoe@office.test")]),
        ("ann@office.test,,,,,true\r\n", [(2, "you can't take yourself out")]),
        ('a@b.test,"x,,,,\r\n', [(2, "the file is not CSV here")]),
        (HEADER + b"\xff@b.test,,,,,\r\n", [(2, "the line is not UTF-8")]),
        (
            "".join(f"p{at}@b.test,,,,,\r\n" for at in range(PEOPLE_PER_CALL_MAX + 1)),
            [(PEOPLE_PER_CALL_MAX + 2, f"over {PEOPLE_PER_CALL_MAX} rows")],
        ),
    ],
)
def test_a_file_with_a_bad_row_does_nothing_and_tells_the_line(office, text, errors):
    before = office.kept()
    good = HEADER + b"fine@office.test,,,,,\r\n" if isinstance(text, str) else b""
    reply = send_file(office, text)
    assert reply.status == 400, reply.body
    told = reply.json["errors"]
    assert reply.json["has_error"] is True
    assert [one["reference_id"] for one in told] == [f"line:{line}" for line, _ in errors]
    assert all(words in one["error"] for one, (_, words) in zip(told, errors, strict=True)), told
    if good:
        reply = send_file(office, good + text.encode())
        assert reply.status == 400
    assert office.kept() == before


def test_passwords_of_a_file_keep_to_the_policy(office):
    policy = {"use_min_length": True, "min_length": 9, "use_pattern_check": True}
    office.done("PUT", f"workspaces/{W}/password-policy", policy | {"pattern_check_type": 1})
    before = office.kept()
    rows = "p1@b.test,,12345678,,,\r\np2@b.test,,no-digits,,,\r\np3@b.test,,,,,\r\n"
    told = send_file(office, rows).json["errors"]
    assert [one["error"] for one in told] == [
        "line 2: Password: must have at least 9 characters",
        "line 3: Password: must contain letters and digits",
    ]
    assert office.kept() == before
    office.rows_changed("UPDATE workspaces SET password_policy = '{}'")


def test_so_many_errors_of_a_file_are_told(office):
    reply = send_file(office, "nobody,,,,,\r\n" * (ERRORS_MAX + 1))
    assert len(reply.json["errors"]) == ERRORS_MAX


def test_a_file_has_a_workspace_and_an_end(office):
    before = office.kept()
    body = form(("file", HEADER, "a.csv"))
    reply = office.ask("POST", "userimport", body, headers=FORM)
    assert (reply.status, "current_workspace_id" in reply.json["errors"][0]["description"]) == (
        400,
        True,
    )
    for place in (STRANGE, NONE):
        assert send_file(office, "", place).status == 404
    assert send_file(office, b"x" * (BODY_BYTES_MAX + 1)).status == 413
    assert office.kept() == before


def test_a_file_lets_people_in_with_groups_and_roles_and_takes_them_out(office):
    rows = (
        'hal@office.test,Hal,hal-password,"SALES,STORE",DESK/MEMBER,\r\n'
        "ida@office.test,,,,READER,false\r\n"
        "gus@office.test,Gustav,,EAST,SHOP/MEMBER,0\r\n"
    )
    assert send_file(office, rows).json == {"error": None}
    ids = dict(office.rows("SELECT email, id FROM users"))
    hal, ida = ids["hal@office.test"], ids["ida@office.test"]
    assert holds(office, hal) == (True, {"SALES", "STORE"}, {"MEMBER"})
    assert holds(office, ida) == (True, {"ALL"}, {"READER"})
    assert holds(office, GUS) == (True, {"STORE", "EAST"}, {"MEMBER"})
    assert office.rows("SELECT name FROM users WHERE id IN (?, ?)", GUS, GUS) == [("Gus",)]
    token = login(office, email="hal@office.test", password="hal-password").json["token"]
    assert login(office, email="ida@office.test", password="ida").status == 401
    info = office.done("GET", "userinfo", token=token)
    assert {one["role_id"] for one in info["user_roles"]} == {"MEMBER", "READER"}
    assert send_file(office, "hal@office.test,,,,,TRUE\r\nida@office.test,,,,,1\r\n").status == 200
    assert holds(office, hal) == holds(office, ida) == (False, set(), set())
    assert office.rows("SELECT 1 FROM users WHERE id = ?", hal) == [(1,)]
    before = office.kept()
    assert send_file(office, "").json == {"error": None}
    assert office.kept() == before


# --- who is there -----------------------------------------------------------------------------


def test_members_are_told_with_their_roles_where_the_caller_sees_the_application(office):
    def told(user: str) -> dict[str, list[str]]:
        found = office.done("GET", "groups/ALL/users?recursive=true", user=user)["members"]
        return {
            one["username"]: [f"{r['application_id']}/{r['role_id']}" for r in one["user_roles"]]
            for one in found
        }

    seen = told("ann")
    assert seen["Bob"] == ["DESK/ADMIN", "DESK/READER"]
    assert seen["Eve"] == ["DESK/MEMBER", "SHOP/ADMIN"]
    assert seen["Ann"] == []
    assert told("bob") == seen | {"Eve": ["DESK/MEMBER"], "Gus": told("bob")["Gus"]}
    assert office.ask("GET", "groups/ALL/users", user="zoe").json["members"][0]["username"] == "Zoe"


def test_what_applications_keep_of_members_is_told_to_them_and_their_administrator(office):
    def told(user: str) -> dict[str, object]:
        found = office.done("GET", "groups/ALL/users?recursive=true", user=user)["members"]
        return {one["username"]: one.get("additional_info", "hidden") for one in found}

    body = {"email": "eve@office.test", "user_id": EVE, "additional_info": {"desk": 7}}
    office.done("PUT", "userinfo", body, user="eve")
    assert (told("ann")["Eve"], told("eve")["Eve"]) == ({"desk": 7}, {"desk": 7})
    assert (told("eve")["Bob"], told("bob")["Eve"]) == ("hidden", "hidden")
    office.done("POST", "users", {"email": "eve@office.test", "g_id": "ALL"}, user="zoe")
    assert told("zoe")["Eve"] == "hidden"  # whom she has only just let in
    assert told("ann")["Eve"] == "hidden"
    machine = office.make_token(KIM, may_write=True)
    found = office.done("GET", "groups/STORE/users", token=machine)["members"]
    assert all("additional_info" not in one for one in found)
    office.rows_changed("DELETE FROM members WHERE user_id = ? AND workspace_id = ?", EVE, STRANGE)


# --- coming and going -------------------------------------------------------------------------


def test_a_user_of_another_workspace_comes_in_as_the_same_and_stays_as_it_is(office):
    group = office.make_group()
    body = {"email": "ZOE@office.test", "g_id": group, "username": "Other"}
    answer = office.done("POST", "users", body)
    assert (answer["exists"], answer["added"]) == (True, True)
    assert answer["user_profile"]["username"] == "Zoe"
    zoe = answer["user_profile"]["u_id"]
    assert holds(office, zoe)[0]
    office.token("zoe")
    assert office.done("GET", "workspacecurrent", user="zoe") == {"workspace_id": STRANGE}
    assert office.ask("GET", f"workspaces/{W}/users", user="zoe").status == 200
    assert send_file(office, "zoe@office.test,,,,,true\r\n").status == 200
    assert office.ask("GET", f"workspaces/{W}/users", user="zoe").status == 404


def test_who_is_taken_out_of_a_group_loses_what_came_with_it_and_nothing_else(office):
    group = office.make_group()
    roles = {"group_roles": [{"app_id": "SHOP", "role_id": "MEMBER"}]}
    office.done("PUT", f"grouproles/{group}", roles)
    office.done("POST", "users", {"email": "eve@office.test", "g_id": group})
    body = {"user_id": DAN, "role_id": "MEMBER"}
    office.done("POST", "applications/DESK/userroles", body)

    def shops() -> set[str]:
        info = office.done("GET", "userinfo", user="eve")
        return {one["role_id"] for one in info["user_roles"] if one["application_id"] == "SHOP"}

    assert shops() == {"ADMIN", "MEMBER"}
    office.done("DELETE", "users", {"g_id": group, "u_id": EVE})
    assert shops() == {"ADMIN"}
    assert holds(office, EVE)[0]
    office.done("DELETE", "users", {"g_id": "EAST", "u_id": DAN})
    assert holds(office, DAN) == (True, set(), {"MEMBER"})
    everyone = office.done("GET", "users/all/g/ALL")["members"]
    assert "Dan" in {one["username"] for one in everyone}
    office.done("POST", "users", {"email": "dan@office.test", "g_id": "EAST"})
    office.done("DELETE", "applications/DESK/userroles", body)


def test_users_with_a_code_share_an_address_and_log_in_by_the_code(office):
    share = {"email": "bob@office.test", "g_id": "EAST", "exclusive_w_id": W}
    made = [office.done("POST", "users", share | {"user_code": f"c{at}"}) for at in (1, 2)]
    alone = office.done("POST", "users", share)
    ids = [one["user_profile"]["u_id"] for one in (*made, alone)]
    assert len({*ids, BOB}) == 4
    assert [one["exists"] for one in (*made, alone)] == [False] * 3
    assert office.done("POST", "users", share | {"user_code": "c1"})["exists"] is True
    other = share | {"user_code": "c1", "email": "eve@office.test"}
    assert office.ask("POST", "users", other).json["description"] == (
        "user_code: c1 is another user's"
    )
    seal = "UPDATE users SET password_hash = (SELECT password_hash FROM users WHERE id = ?)"
    for id_, who in zip(ids, (ANN, EVE, KIM), strict=True):
        office.rows_changed(f"{seal} WHERE id = ?", who, id_)

    def comes_in(**keys: Any) -> str:
        reply = login(office, **keys)
        if reply.status != 200:
            return str(reply.status)
        return str(office.done("GET", "userinfo", token=reply.json["token"])["u_id"])

    inside = {"exclusive_w_id": W}
    assert comes_in(user_code="c1", password="ann-password", **inside) == ids[0]
    assert comes_in(user_code="c2", password="eve-password", **inside) == ids[1]
    assert comes_in(email="bob@office.test", password="kim-password", **inside) == ids[2]
    assert comes_in(email="bob@office.test", password="bob-password") == BOB
    assert comes_in(user_code="c1", password="ann-password") == "401"
    assert comes_in(user_code="c1", password="eve-password", **inside) == "401"
    assert comes_in(email="bob@office.test", password="bob-password", exclusive_w_id="x") == "401"
    text = office.run(schema_export(office.app.store))
    assert "user_code: c1" in text
    assert office.run(schema_plan(office.app.store, office.app.ids, loads(text))) == []


# --- invitations ------------------------------------------------------------------------------


def test_an_invitation_is_a_confirmation_and_a_mail_together(office):
    before = len(office.rows("SELECT 1 FROM confirmations"))
    body = INVITE | {"users": [*INVITE["users"], {"email": "zoe@office.test"}]}
    sender = {"sender_address": "a@office.test", "email_templates_id": "t1"}
    told = office.done("POST", "userinvite", body | sender)
    assert told == [
        {"email": "bob@office.test", "stats": 200},
        {"email": "zoe@office.test", "stats": 400},
    ]
    assert len(office.rows("SELECT 1 FROM confirmations")) == before + 1
    [(kind, to, given, template, text)] = office.rows(
        "SELECT kind, recipient, sender, template, body FROM mails WHERE sent_at IS NULL"
        " ORDER BY id DESC LIMIT 1"
    )
    assert (kind, to, given, template) == (
        "invitation",
        "bob@office.test",
        "a@office.test",
        "t1",
    )
    link = text.partition("https://app.test/confirm_email/")[2].split()[0]
    assert office.rows(
        "SELECT user_id, is_mailed FROM confirmations WHERE hash = ?", hash_secret(link)
    ) == [(BOB, 1)]
    audit = office.rows("SELECT kind, target_id, after FROM audit ORDER BY id DESC LIMIT 1")
    assert audit == [("invitation", BOB, '{"mailed_to":"bob@office.test"}')]


def test_the_subject_of_a_mail_is_one_line(office):
    place = office.done("POST", "workspaces", {"name": "Two\nlines"})["w_id"]
    office.done("POST", f"workspaces/{place}/select")
    try:
        body = INVITE | {"users": [{"email": "ann@office.test"}]}
        assert office.done("POST", "userinvite", body)[0]["stats"] == 200
    finally:
        office.done("POST", f"workspaces/{W}/select")
    subjects = office.rows("SELECT subject FROM mails WHERE workspace_id = ?", place)
    assert subjects == [("You are invited to Two lines",)]


def test_without_a_mail_the_secret_is_answered_and_kept_as_a_hash(office):
    mails = office.rows("SELECT id FROM mails")
    body = INVITE | {"no_confirm_email": True}
    [told] = office.done("POST", "userinvite", body)
    assert office.rows("SELECT id FROM mails") == mails
    kept = office.rows("SELECT hash, is_mailed FROM confirmations")
    assert (hash_secret(told["confirmation_id"]), 0) in kept
    assert told["confirmation_id"] not in str(office.kept())


# --- workspaces -------------------------------------------------------------------------------


def test_a_workspace_is_counted(office):
    before = office.done("GET", f"workspaces/{W}/usages")["usage"]
    office.new({"text": "a"}, user="bob")
    after = office.done("GET", f"workspaces/{W}/usages")["usage"]
    assert after == before | {"items": before["items"] + 1}
    assert after["users"] == len(office.done("GET", "users/all/g/ALL")["members"])
    assert after["datastores"] == 1


def test_nobody_makes_more_workspaces_than_so_many(office, monkeypatch):
    assert WORKSPACES_PER_USER_MAX == design_workspaces.WORKSPACES_PER_USER_MAX
    made = office.done("POST", "workspaces", {"name": "One"})["w_id"]
    most = len(office.done("GET", "workspaces")["workspaces"])
    monkeypatch.setattr(design_workspaces, "WORKSPACES_PER_USER_MAX", most)
    before = office.kept()
    reply = office.ask("POST", "workspaces", {"name": "Two"})
    assert (reply.status, reply.json["description"]) == (
        400,
        f"you are in {most} workspaces, which is the most",
    )
    assert office.kept() == before
    assert next(iter(office.done("GET", f"workspaces/{made}/users").values()))[0]["u_id"] == ANN


def test_two_workspaces_may_have_one_name(office):
    made = {office.done("POST", "workspaces", {"name": "Same"})["w_id"] for _ in range(2)}
    assert len(made) == 2


def test_a_policy_is_kept_exported_and_told(office):
    said = {"use_same_limit": True, "same_limit": 5}
    assert office.done("PUT", POLICY, said) == {"error": None}
    found = office.done("GET", POLICY, user="eve")
    assert {key: found[key] for key in said} == said
    before = office.kept()
    office.done("PUT", POLICY, said)
    office.done("PUT", POLICY, {})
    assert office.kept() == before
    text = office.run(schema_export(office.app.store, W))
    assert "password_policy:\n      use_same_limit: true\n      same_limit: 5\n" in text
    assert office.done("GET", f"workspaces/{W}/functionality")["ws_functions"][
        "use_password_policy"
    ]
    token = office.make_token(ANN, may_write=True)
    assert office.ask("POST", "workspaces", {"name": "X"}, token=token).status == 403
    assert office.ask("GET", f"workspaces/{STRANGE}/users", token=token).status == 404
