"""Accounts over the wire: what mails lead to, what is refused, and what is told to whom."""

from __future__ import annotations

import pytest

from hikidashi.core.limits import (
    CONFIRMATION_LIFE_MS,
    INVITATION_LIFE_MS,
    MAILS_PER_ADDRESS_MAX,
    MAILS_WINDOW_MS,
)
from tests.api.accounts_table import ENTER, NEW, REFUSED, SAME
from tests.api.mailed import (
    FORGOT,
    NONE,
    ORIGINS,
    REGISTER,
    forgotten,
    link,
    logged_in,
    login,
    mails,
    member,
    office,
    outside,
    secret,
    set_new,
    token_of,
)
from tests.api.office import BOB, EVE, STRANGE, W, open_office

__all__ = ["logged_in", "office"]  # fixtures


@pytest.mark.parametrize(("method", "path", "body", "status", "words"), REFUSED)
def test_what_is_refused(office, method, path, body, status, words):
    before = office.kept()
    reply = office.ask(method, path, body)
    assert (reply.status, reply.json["error_code"]) == (
        status,
        {400: "INVALID_PARAMS", 403: "NO_PRIVILEGES", 404: "NOT_FOUND"}[status],
    )
    assert words in reply.body.decode()
    assert office.kept() == before


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "userinfo", {"email": "eve@office.test", "user_id": EVE}),
        ("PUT", "users/password", SAME),
        ("POST", "users/email", {"email": "other@office.test"}),
        ("POST", "users/password/reset", {"u_id": BOB}),
    ],
)
def test_what_needs_a_session_of_the_one_concerned(office, method, path, body):
    assert outside(office, method, path, body).status == 401
    machine = office.make_token(EVE, may_write=True)
    assert office.ask(method, path, body, token=machine).status == 403


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", FORGOT, {"email": "bob@office.test"}),
        ("PUT", FORGOT, NEW),
        ("POST", "users/registration", REGISTER),
        ("POST", "users/registration/confirm", ENTER),
        ("POST", "users/confirmations", {"confirmation_id": NONE}),
        ("POST", "users/password/reset", {"u_id": BOB}),
        ("PUT", "users/password", SAME),
        ("POST", "login", {"email": "eve@office.test", "password": "eve-password"}),
        ("POST", "users/logout", None),
        ("POST", f"workspaces/{W}/select", None),
    ],
)
def test_nothing_is_done_only_for_show(office, method, path, body):
    before = office.kept()
    reply = office.ask(method, f"{path}?dry_run=true", body)
    assert reply.status == 400
    assert "dry_run" in reply.json["description"]
    assert office.kept() == before


# --- registration -----------------------------------------------------------------------------


def test_somebody_registers_and_has_a_workspace(office):
    asked = outside(
        office,
        "POST",
        "users/registration",
        REGISTER | {"additional_info": {"team": 7}, "registration_path": "/in/here/"},
    )
    assert asked.status == 200
    assert asked.json["email"] == "new@office.test"
    assert asked.json["status"] == 200
    id_ = secret(office, "new@office.test")
    assert link(office, "new@office.test") == f"https://app.test/in/here/{id_}"
    assert asked.json["confirmation_id"] != id_
    assert office.rows("SELECT 1 FROM users WHERE email = 'new@office.test'") == []
    assert office.rows("SELECT 1 FROM confirmations WHERE hash = ?", id_) == []
    told = outside(office, "GET", f"users/registration/confirm?id={id_}").json["user"]
    assert told == {
        "confirmation_id": id_,
        "confirmed": False,
        "email": "new@office.test",
        "id": told["id"],
        "isElapsed": False,
        "username": "New",
    }
    said = {"confirmation_id": id_, "email": "New@office.test", "password": "good-enough"}
    entered = outside(office, "POST", "users/registration/confirm", said)
    assert entered.status == 200
    info = office.done("GET", "userinfo", token=f"Bearer {entered.json['token']}")
    assert (info["u_id"], info["username"], info["is_ws_admin"]) == (told["id"], "New", True)
    assert info["additional_info"] == {"team": 7}
    assert [one["group_id"] for one in info["user_groups"]] == ["TOP"]
    listed = office.done("GET", "workspaces", token=f"Bearer {entered.json['token']}")
    assert [one["workspace_name"] for one in listed["workspaces"]] == ["New"]
    assert login(office, "new@office.test", "good-enough").status == 200
    again = outside(office, "POST", "users/registration/confirm", said)
    assert (again.status, "used" in again.json["description"]) == (400, True)
    told = outside(office, "GET", f"users/registration/confirm?id={id_}").json["user"]
    assert (told["confirmed"], told["isElapsed"]) == (True, True)
    kinds = office.rows(
        "SELECT kind, user_id FROM audit WHERE workspace_id = ? ORDER BY id",
        info["current_workspace_id"],
    )
    assert ("user", info["u_id"]) in [tuple(one) for one in kinds]


@pytest.mark.parametrize(
    ("keys", "start"),
    [
        ({"email_template_id": "t1"}, "https://app.test/confirm_email/"),
        ({**REGISTER, "protocol": "http", "registration_domain": "localhost:5173"},
         "http://localhost:5173/confirm_email/"),
        ({**REGISTER, "protocol": "http", "registration_domain": "app.test:3000"},
         "http://app.test:3000/confirm_email/"),
    ],
)  # fmt: skip
def test_where_the_link_of_a_registration_leads(office, keys, start):
    email = f"way-{office.fresh()}@office.test"
    assert (
        outside(
            office, "POST", "users/registration", {"username": "Way", **keys, "email": email}
        ).status
        == 200
    )
    assert link(office, email).startswith(start)
    assert mails(office, email)[0][4] == keys.get("email_template_id", "")


def test_a_mail_is_in_the_language_of_the_client(office):
    for language, subject in (("ja", "メールアドレスの確認"), ("en", "Confirm your address")):
        email = f"{language}@office.test"
        headers = {"accept-language": language}
        outside(office, "POST", "users/registration", REGISTER | {"email": email}, headers=headers)
        assert mails(office, email)[0][1] == subject
    body = {"users": [{"email": "dan@office.test"}], "domain": "app.test"}
    office.done("POST", "userinvite", body, headers={"accept-language": "ja"})
    assert mails(office, "dan@office.test")[-1][1] == "「Office」への招待"


def test_only_the_address_learns_that_it_has_an_account(office):
    free = outside(office, "POST", "users/registration", REGISTER | {"email": "free@office.test"})
    taken = outside(office, "POST", "users/registration", REGISTER | {"email": "bob@office.test"})
    assert taken.json.keys() == free.json.keys()
    assert (taken.status, taken.json["status"]) == (free.status, free.json["status"])
    (kind, _, body, *_) = mails(office, "bob@office.test")[-1]
    assert kind == "registered"
    assert "http" not in body


def test_what_a_registration_is_confirmed_with_runs_out(office):
    outside(office, "POST", "users/registration", REGISTER | {"email": "late@office.test"})
    said = {
        **ENTER,
        "confirmation_id": secret(office, "late@office.test"),
        "email": "late@office.test",
    }
    other = outside(office, "POST", "users/registration/confirm", said | {"email": "x@office.test"})
    assert (other.status, "email: is not" in other.json["description"]) == (400, True)
    weak = outside(office, "POST", "users/registration/confirm", said | {"password": "x"})
    assert weak.status == 400
    office.clock.advance(ms=CONFIRMATION_LIFE_MS)
    late = outside(office, "POST", "users/registration/confirm", said)
    assert (late.status, "run out" in late.json["description"]) == (400, True)
    path = f"users/registration/confirm?id={said['confirmation_id']}"
    assert outside(office, "GET", path).json["user"]["isElapsed"] is True


def test_of_two_registrations_of_an_address_one_serves(office):
    email = "twice@office.test"
    ids = []
    for _ in range(2):
        outside(office, "POST", "users/registration", REGISTER | {"email": email})
        ids.append(secret(office, email))
    assert ids[0] != ids[1]
    said = {"email": email, "password": "good-enough"}
    first, second = (
        outside(office, "POST", "users/registration/confirm", said | {"confirmation_id": one})
        for one in ids
    )
    assert (first.status, second.status) == (200, 400)
    assert "has a password already" in second.json["description"]


def test_nobody_registers_where_that_is_off(engine_url):
    with open_office(engine_url, registration=False, link_origins=ORIGINS) as office:
        reply = outside(office, "POST", "users/registration", REGISTER)
        assert (reply.status, reply.json["error_code"]) == (403, "NO_PRIVILEGES")
        assert mails(office, REGISTER["email"]) == []


def test_an_address_is_not_flooded_by_calls_without_a_token(office):
    email = "flooded@office.test"
    for _ in range(MAILS_PER_ADDRESS_MAX + 1):
        body = REGISTER | {"email": email}
        assert outside(office, "POST", "users/registration", body).status == 200
    assert len(mails(office, email)) == MAILS_PER_ADDRESS_MAX
    office.clock.advance(ms=MAILS_WINDOW_MS)
    outside(office, "POST", "users/registration", REGISTER | {"email": email})
    assert len(mails(office, email)) == MAILS_PER_ADDRESS_MAX + 1


# --- invitations ------------------------------------------------------------------------------


def test_who_is_invited_comes_into_the_workspace(office):
    email, id_ = member(office, username="Mia")
    assert login(office, email, "first-one").status == 200
    info = office.done("GET", "userinfo", token=token_of(office, email))
    assert (info["u_id"], info["username"], info["current_workspace_id"]) == (id_, "Mia", W)
    assert info["is_ws_admin"] is False
    listed = office.done("GET", "workspaces", token=token_of(office, email))
    assert [one["workspace_id"] for one in listed["workspaces"]] == [W]


def test_what_an_invitation_tells(office):
    email = f"guest-{office.fresh()}@office.test"
    office.done("POST", "users", {"email": email, "g_id": "ALL", "username": "Gil"})
    office.done("POST", "userinvite", {"users": [{"email": email}], "domain": "app.test"})
    id_ = secret(office, email)
    told = outside(office, "GET", f"users/confirmations/{id_}").json["user"]
    assert told["workspace"]["display_id"] == "ALL"
    assert told["workspace"]["is_root"] is True
    assert (told["email"], told["tmp_email"], told["confirmed"]) == (email, "", False)
    assert (told["current_workspace_id"], told["isElapsed"]) == (W, False)
    early = outside(office, "POST", "users/confirmations", {"confirmation_id": id_})
    assert (early.status, "no password yet" in early.json["description"]) == (400, True)
    office.clock.advance(ms=INVITATION_LIFE_MS)
    assert outside(office, "GET", f"users/confirmations/{id_}").json["user"]["isElapsed"] is True


def test_who_has_an_account_confirms_an_invitation(office):
    office.done("POST", "userinvite", {"users": [{"email": "bob@office.test"}], "domain": "a.test"})
    id_ = secret(office, "bob@office.test")
    said = {"confirmation_id": id_, "email": "bob@office.test", "password": "stolen-one"}
    reply = outside(office, "POST", "users/registration/confirm", said)
    assert (reply.status, "has a password already" in reply.json["description"]) == (400, True)
    done = outside(office, "POST", "users/confirmations", {"confirmation_id": id_})
    assert (done.status, done.json) == (200, {})
    assert outside(office, "GET", f"users/confirmations/{id_}").json["user"]["email_confirmed"]


def test_what_was_not_mailed_opens_nobody_elses_account(office):
    """An administrator who gets the id can't take over somebody of another workspace."""
    email = f"both-{office.fresh()}@office.test"
    office.done("POST", "users", {"email": email, "g_id": "ALL"}, user="zoe")
    office.done("POST", "users", {"email": email, "g_id": "ALL"})
    body = {"users": [{"email": email}], "domain": "app.test", "no_confirm_email": True}
    id_ = office.done("POST", "userinvite", body)[0]["confirmation_id"]
    said = {"confirmation_id": id_, "email": email, "password": "stolen-one"}
    reply = outside(office, "POST", "users/registration/confirm", said)
    assert (reply.status, "other workspaces" in reply.json["description"]) == (400, True)
    office.rows_changed(
        "DELETE FROM members WHERE workspace_id = ? AND user_id IN"
        " (SELECT id FROM users WHERE email = ?)",
        STRANGE,
        email,
    )
    assert outside(office, "POST", "users/registration/confirm", said).status == 200


def test_an_account_of_one_workspace_alone_gets_no_other(office):
    email = f"only-{office.fresh()}@office.test"
    office.done("POST", "users", {"email": email, "g_id": "ALL", "exclusive_w_id": W})
    body = {"users": [{"email": email, "exclusive_w_id": W}], "domain": "app.test"}
    office.done("POST", "userinvite", body)
    said = {"confirmation_id": secret(office, email), "email": email, "password": "good-enough"}
    reply = outside(office, "POST", "users/registration/confirm", said | {"workspace": "Mine"})
    assert (reply.status, "one workspace alone" in reply.json["description"]) == (400, True)
    assert outside(office, "POST", "users/registration/confirm", said).status == 200
    assert login(office, email, "good-enough").status == 401
    assert login(office, email, "good-enough", exclusive_w_id=W).status == 200


# --- the address and the profile --------------------------------------------------------------


def test_an_address_is_changed_by_who_has_it(office):
    email, id_ = member(office, username="Moe")
    token = token_of(office, email)
    reset = forgotten(office, email)
    new = f"moved-{office.fresh()}@office.test"
    reply = office.ask(
        "POST", "users/email", {"email": new, "registration_path": "to"}, token=token
    )
    assert (reply.status, reply.json) == (200, {"error": None})
    assert link(office, new).startswith("https://app.test/to/")
    told = outside(office, "GET", f"users/confirmations/{secret(office, new)}").json["user"]
    assert (told["email"], told["tmp_email"], told["id"], told["username"]) == (
        email,
        new,
        id_,
        "Moe",
    )
    assert login(office, email, "first-one").status == 200
    body = {"confirmation_id": secret(office, new)}
    done = outside(office, "POST", "users/confirmations", body)
    assert (done.status, done.json) == (200, {})
    assert login(office, email, "first-one").status == 401
    assert login(office, new, "first-one").status == 200
    assert mails(office, email)[-1][0] == "email_changed"
    assert set_new(office, reset, "second-one").status == 400
    assert outside(office, "POST", "users/confirmations", body).status == 400


def test_an_address_that_somebody_has_is_told_to_it_alone(office):
    email, _ = member(office)
    reply = office.ask(
        "POST", "users/email", {"email": "dan@office.test"}, token=token_of(office, email)
    )
    assert (reply.status, reply.json) == (200, {"error": None})
    assert mails(office, "dan@office.test")[-1][0] == "registered"
    new = f"race-{office.fresh()}@office.test"
    office.done("POST", "users/email", {"email": new}, token=token_of(office, email))
    id_ = secret(office, new)
    office.done("POST", "users", {"email": new, "g_id": "ALL"})
    late = outside(office, "POST", "users/confirmations", {"confirmation_id": id_})
    assert (late.status, "another account's" in late.json["description"]) == (400, True)


def test_a_profile_is_changed_and_told(office):
    email, id_ = member(office, username="Moe")
    token = token_of(office, email)
    said = {
        "email": email,
        "user_id": id_,
        "username": "Max",
        "additional_info": {"a": [1], "b": None},
    }
    reply = office.ask("PUT", "userinfo", said, token=token)
    assert (reply.status, reply.json) == (200, {"error": None})
    info = office.done("GET", "userinfo", token=token)
    assert (info["username"], info["additional_info"]) == ("Max", {"a": [1], "b": None})
    office.done("PUT", "userinfo", {"email": email, "user_id": id_}, token=token)
    info = office.done("GET", "userinfo", token=token)
    assert (info["username"], info["additional_info"]) == ("Max", {"a": [1], "b": None})
    told = office.rows(
        "SELECT user_id FROM audit WHERE target_id = ? AND workspace_id = ? AND kind = 'user'"
        " AND user_id = ?",
        id_,
        W,
        id_,
    )
    assert len(told) >= 2
