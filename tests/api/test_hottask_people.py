"""HotTask's end users: signing up and in, forgotten passwords, and what a session opens."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from hikidashi.core import limits
from hikidashi.core.access import Identity
from hikidashi.core.errors import FaultError
from hikidashi.service import end_users
from hikidashi.service.operating import recover_applications, remove_workspace
from tests.api.end_people import CLUB, CLUB_KEY, KEY, SHOP, SHUT, EndPeople
from tests.served import Served

WEEK = 7 * 24 * 3600
PLACE = "68a0000000000000000000f1"


@pytest.fixture(scope="module")
def people(new_database, tmp_path_factory) -> Iterator[EndPeople]:
    served = EndPeople(new_database(tmp_path_factory.mktemp("people")))
    yield served
    served.close()


def test_who_signs_up_signs_in_and_is_known(people):
    number = people.sign_up("Eva.M@Example.test")
    token = people.sign_in("eva.m@example.test")
    user = people.ask("GetUser", token=token)["Data"]
    assert (user["ID"], user["id"], user["Name"]) == (number, number, "Eva.M")
    assert user["Email"] == "Eva.M@Example.test"
    assert user["CreateTime"].startswith("20")
    assert people.sign_up("next@example.test") == number + 1


def test_keys_of_bodies_are_read_in_any_case_and_the_staging_path_is_the_same(people):
    body = {"Email": "cased@example.test", "PASSWORD": "a-password"}
    assert people.ask("SignUp", body, base="/stagingautodev")["Success"]
    token = people.ask("SignIn", body, base="/stagingautodev")["Data"]
    assert people.ask("GetUser", token=token, base="/stagingautodev")["Success"]


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"email": "x@y.test"}, 400, "password must be a text"),
        ({"email": "x@y.test", "password": ""}, 400, "password must be a text"),
        ({"email": "x@y.test", "password": 5}, 400, "password must be a text"),
        ({"email": ["x@y.test"], "password": "abcdef"}, 400, "email must be a text"),
        ({"email": "x@y.test", "Email": "z@y.test", "password": "abcdef"}, 400, "twice"),
        ({"email": "x@y.test", "password": "short"}, 400, "at least 6 characters"),
        ({"email": "x@y.test", "password": "x" * 1025}, 400, "at most 1024 bytes"),
        ({"email": "nobody", "password": "abcdef"}, 400, "is no e-mail address"),
        ({"email": "a@b@c.test", "password": "abcdef"}, 400, "is no e-mail address"),
        ({"email": "a b@c.test", "password": "abcdef"}, 400, "is no e-mail address"),
        ({"email": "a\r\nBcc: x@c.test", "password": "abcdef"}, 400, "is no e-mail address"),
        ({"email": "a\u200b@c.test", "password": "abcdef"}, 400, "is no e-mail address"),
        ({"email": "a" * 315 + "@c.test", "password": "abcdef"}, 400, "is no e-mail address"),
        ({"email": "ｗｉｄｅ@c.test", "password": "abcdef"}, 400, "is no e-mail address"),
        ({"email": "\ufb01ne@c.test", "password": "abcdef"}, 400, "is no e-mail address"),
        ({"email": "a\0@c.test", "password": "abcdef"}, 400, "email must be a text"),
        ([], 400, "the body must be a JSON object"),
    ],
)
def test_what_can_not_sign_up_is_told_why(people, body, code, words):
    before = people.rows("SELECT count(*) FROM users")
    answer = people.ask("SignUp", body)
    assert (answer["Code"], answer["Data"]) == (code, 0)
    assert words in answer["Message"]
    assert people.rows("SELECT count(*) FROM users") == before


def test_a_project_that_does_not_say_so_lets_nobody_sign_up(people):
    body = {"email": "x@y.test", "password": "a-password"}
    answer = people.ask("SignUp", body, code=SHUT)
    assert (answer["Code"], answer["Message"]) == (403, "nobody may sign up in this project")
    assert people.ask("SignIn", body, code=SHUT)["Code"] == 401
    for call in ("SignUp", "SignIn"):
        assert people.ask(call, body, code="nosuchcode12")["Code"] == 404


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("twice@example.test", "twice@example.test"),
        ("case@example.test", "CASE@Example.TEST"),
        ("straße@example.test", "STRA\u1e9eE@example.test"),
        ("\u00e9va@example.test", "e\u0301va@example.test"),
        ("\u212aelvin@example.test", "kelvin@example.test"),
        ("  space@example.test ", "space@example.test"),
    ],
)
def test_an_address_signs_up_once_however_it_is_written(people, first, second):
    people.sign_up(first)
    answer = people.ask("SignUp", {"email": second, "password": "another-one"})
    assert answer["Code"] == 400
    assert "has signed up already" in answer["Message"]
    assert people.sign_in(second)
    assert people.ask("SignIn", {"email": second, "password": "another-one"})["Code"] == 401


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("weiß@example.test", "weiss@example.test"),
        ("\u0131da@example.test", "ida@example.test"),
        ("jos\u00e9@example.test", "jose@example.test"),
    ],
)
def test_letters_that_are_merely_alike_are_of_others(people, first, second):
    numbers = [people.sign_up(first, "first-password"), people.sign_up(second, "second-password")]
    for email, password, number in zip(
        (first, second), ("first-password", "second-password"), numbers, strict=True
    ):
        token = people.sign_in(email.upper() if email.isascii() else email, password)
        user = people.ask("GetUser", token=token)["Data"]
        assert (user["ID"], user["Email"]) == (number, email)


def test_of_many_who_sign_up_with_one_address_at_once_exactly_one_does(people):
    path = f"/autodev/CustomTableValue/SignUp/{SHOP}"
    bodies = [{"email": "race@example.test", "password": f"password-{one}"} for one in range(8)]
    replies = people.send_all(*(("POST", path, body, {}) for body in bodies))
    codes = [one.json()["Code"] for one in replies]
    assert sorted(codes) == [200] + [400] * 7
    assert people.sign_in("race@example.test", f"password-{codes.index(200)}")


# --- accounts of the workspace ----------------------------------------------------------------


def test_an_account_of_the_workspace_is_neither_given_nor_blocked_nor_told(people):
    before = people.rows("SELECT * FROM users WHERE email = 'ann@makers.test'")
    people.sign_up("ann@makers.test", "taken-by-eva")
    people.sign_up("zoe@players.test", "taken-by-eva")
    assert people.rows("SELECT * FROM users WHERE email = 'ann@makers.test'") == before
    login = {"email": "ann@makers.test", "password": "taken-by-eva"}
    assert people.send("POST", "/api/v0/login", login).status_code == 401
    token = people.sign_in("ann@makers.test", "taken-by-eva")
    assert people.ask("GetUser", token=token)["Data"]["Name"] == "ann"
    assert people.ask("SignIn", {**login, "password": "ann-password"})["Code"] == 401
    for _ in range(limits.LOGIN_FAILURES_MAX):
        people.ask("SignIn", {**login, "password": "wrong"})
    assert people.ask("SignIn", {**login, "password": "taken-by-eva"})["Code"] == 423
    own = people.send("POST", "/api/v0/login", {**login, "password": "ann-password"})
    assert own.status_code == 200


def test_an_address_that_an_end_user_has_comes_to_the_workspace_as_if_it_had_not(people):
    people.sign_up("later@makers.test", "end-password")
    ann = people.send(
        "POST", "/api/v0/login", {"email": "ann@makers.test", "password": "ann-password"}
    )
    head = {"Authorization": f"Bearer {ann.json()['token']}"}
    body = {"email": "later@makers.test", "g_id": "ALL"}
    added = people.send("POST", "/api/v0/users", body, head).json()
    end = people.rows("SELECT user_id FROM end_users WHERE address = 'later@makers.test'")
    assert added["user_profile"]["u_id"] != end[0][0]
    assert people.ask("SignIn", {"email": "later@makers.test", "password": "end-password"})[
        "Success"
    ]


def test_mails_to_end_users_keep_no_mail_about_an_account_away(people):
    people.sign_up("dan@makers.test")
    for _ in range(limits.MAILS_PER_ADDRESS_MAX + 1):
        assert people.ask("SendResetPasswordEmail", {"email": "dan@makers.test"})["Success"]
    kinds = "SELECT kind FROM mails WHERE recipient = 'dan@makers.test' ORDER BY id"
    sent = [kind for (kind,) in people.rows(kinds)]
    assert sent == ["end_password"] * limits.MAILS_PER_ADDRESS_MAX
    people.send("POST", "/api/v0/users/password/forgot", {"email": "dan@makers.test"})
    assert people.rows(kinds)[-1] == ("password",)


def test_no_list_of_the_workspace_tells_of_end_users(people):
    people.sign_up("unlisted@example.test")
    login = {"email": "ann@makers.test", "password": "ann-password"}
    head = {
        "Authorization": f"Bearer {people.send('POST', '/api/v0/login', login).json()['token']}"
    }
    for path in (
        f"workspaces/{PLACE}/users",
        "users/all/g/ALL",
        "applications/shop/roleusers/BUYER",
    ):
        reply = people.send("GET", f"/api/v0/{path}", headers=head)
        assert (reply.status_code, "unlisted" in reply.text) == (200, False), path


# --- sessions ---------------------------------------------------------------------------------


def test_a_session_opens_its_own_project_and_no_other(people):
    people.sign_up("both@example.test")
    people.sign_up("both@example.test", code=CLUB)
    shop, club = people.sign_in("both@example.test"), people.sign_in("both@example.test", code=CLUB)
    row = {"create": {"subject": "mine"}}
    assert people.ask("Create", row, token=shop, table=1)["Success"]
    assert people.ask("Create", row, token=club, code=CLUB, table=1)["Success"]
    for token, code in ((shop, CLUB), (club, SHOP), (shop, SHUT), (shop, "nosuchcode12")):
        for call, body in (("GetUser", None), ("Create", row)):
            more = {"table": 1} if body else {}
            answer = people.ask(call, body, code=code, token=token, **more)
            assert (answer["Code"], answer["Data"]) == (401, 0)
            assert answer["Message"] == f"the key or token is not of a project {code}"


@pytest.mark.parametrize("scheme", ["Bearer ", ""])
def test_no_other_api_takes_a_session_of_an_end_user(people, scheme):
    people.sign_up(f"edge{len(scheme)}@example.test")
    head = {"Authorization": scheme + people.sign_in(f"edge{len(scheme)}@example.test")}
    for method, path in (
        ("GET", "/api/v0/userinfo"),
        ("GET", "/api/v0/workspaces"),
        ("POST", "/api/v0/applications/shop/datastores/orders/items/search"),
        ("GET", "/api/v0/applications/shop/keys"),
        ("PUT", "/api/v0/users/password"),
    ):
        assert people.send(method, path, {}, head).status_code == 401, path


@pytest.mark.parametrize(
    "headers",
    [
        {"customauth": KEY, "Authorization": "Bearer <token>"},
        {"customauth": KEY},
        {"Authorization": KEY},
        {"Authorization": f"Bearer {KEY}"},
    ],
)
def test_get_user_tells_of_nobody_who_has_not_signed_in(people, headers):
    people.ask("SignUp", {"email": "whose@example.test", "password": "a-password"})
    token = people.sign_in("whose@example.test")
    head = {key: value.replace("<token>", token) for key, value in headers.items()}
    answer = people.ask("GetUser", headers=head)
    assert (answer["Code"], "who has signed in" in answer["Message"]) == (401, True)


def test_a_key_of_another_project_beside_a_token_is_a_mistake(people):
    people.sign_up("mixed@example.test")
    token = people.sign_in("mixed@example.test")
    head = {"customauth": CLUB_KEY, "Authorization": f"Bearer {token}"}
    answer = people.ask("Create", {"create": {}}, code=CLUB, table=1, headers=head)
    assert (answer["Code"], "different projects" in answer["Message"]) == (401, True)


def test_what_an_end_user_may_do_is_what_the_roles_say(people):
    people.sign_up("rights@example.test")
    people.sign_up("other@example.test")
    eva, ida = people.sign_in("rights@example.test"), people.sign_in("other@example.test")
    made = people.ask("Create", {"create": {"subject": "one"}}, token=eva, table=1)["Data"]
    assert people.ask("UD", {"id": made, "subject": "two"}, token=eva, table=1)["Success"]
    assert people.ask("UD", {"id": made, "subject": "x"}, token=ida, table=1)["Code"] == 404
    assert people.ask("UD", {"id": made, "price": 1}, token=eva, table=1)["Code"] in (400, 403)
    assert people.ask("Create", {"create": {}}, token=eva, table=4)["Code"] == 404
    rows = people.rows("SELECT h.user_id, u.name FROM histories h JOIN users u ON u.id = h.user_id")
    assert any(name == "rights" for _, name in rows)


def test_an_end_user_is_told_by_name_and_may_stand_in_a_field_of_users(people):
    people.sign_up("named@example.test")
    token = people.sign_in("named@example.test")
    [(user,)] = people.rows("SELECT user_id FROM end_users WHERE address = 'named@example.test'")
    made = people.ask("Create", {"create": {"subject": "n"}}, token=token, table=1)["Data"]
    login = {"email": "ann@makers.test", "password": "ann-password"}
    head = {
        "Authorization": f"Bearer {people.send('POST', '/api/v0/login', login).json()['token']}"
    }
    orders = "/api/v0/applications/shop/datastores/orders"
    [(item,)] = people.rows("SELECT id FROM i_68a0000000000000000000e1 WHERE n = ?", made)
    body = {"is_force_update": True, "item": {"buyer": [user]}}
    assert people.send("POST", f"{orders}/items/edit/{item}", body, head).status_code == 200
    shown = people.send("GET", f"{orders}/items/details/{item}?format=map", headers=head)
    assert '"named"' in shown.text
    told = people.send("GET", f"{orders}/items/histories/{item}", headers=head)
    assert '"named"' in told.text


def test_what_follows_a_write_is_done_with_the_rights_of_who_made_it(people):
    """Scripts and webhooks know the user and the workspace, and nothing of the project."""
    people.sign_up("followed@example.test")
    whole = people.run(people.app.end_users.identify(people.sign_in("followed@example.test")))
    plain = Identity(whole.user, whole.workspace)
    found = [people.run(people.app.read(one, lambda view: view.actor)) for one in (whole, plain)]
    assert found[0] == found[1]
    assert (found[0].project, len(found[0].roles)) == ("68a0000000000000000000c1", 1)
    stranger = Identity(whole.user, people.rows("SELECT id FROM workspaces ORDER BY id")[-1][0])
    with pytest.raises(FaultError):
        people.run(people.app.read(stranger, lambda view: view.actor))


def test_a_session_that_is_left_idle_or_very_old_has_run_out(people):
    people.sign_up("idle@example.test")
    token = people.sign_in("idle@example.test")
    for _ in range(3):
        people.clock.advance(seconds=limits.SESSION_IDLE_MS // 1000 - 3_600)
        assert people.ask("GetUser", token=token)["Success"]
    people.clock.advance(seconds=limits.SESSION_IDLE_MS // 1000 + 1)
    answer = people.ask("GetUser", token=token)
    assert (answer["Code"], "run out" in answer["Message"]) == (401, True)


def test_of_very_many_sessions_the_one_left_idle_longest_ends(people, monkeypatch):
    monkeypatch.setattr("hikidashi.storage.end_users.END_SESSIONS_PER_USER_MAX", 2)
    people.sign_up("many@example.test")
    tokens = []
    for _ in range(3):
        people.clock.advance(seconds=2)
        tokens.append(people.sign_in("many@example.test"))
    codes = [people.ask("GetUser", token=one)["Code"] for one in tokens]
    assert codes == [401, 200, 200]


def test_housekeeping_drops_what_has_run_out(people):
    people.sign_up("swept@example.test")
    people.sign_in("swept@example.test")
    people.ask("SendResetPasswordEmail", {"email": "swept@example.test"})
    people.clock.advance(seconds=WEEK)
    people.run(people.app._housekeeping.round())
    for table in ("end_sessions", "end_resets"):
        assert people.rows(f"SELECT count(*) FROM {table}") == [(0,)]


# --- guessing ---------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["guessed@example.test", "nobody-has@example.test"])
def test_after_many_wrong_passwords_nobody_comes_in_whether_the_address_exists(people, address):
    if address.startswith("guessed"):
        people.sign_up(address)
    answers = [
        people.ask("SignIn", {"email": address, "password": f"guess-{one}"}) for one in range(6)
    ]
    assert [one["Code"] for one in answers] == [401] * 5 + [423]
    assert {one["Message"] for one in answers[:5]} == {"the account or the password is wrong"}
    assert "wait 5 minutes" in answers[5]["Message"]
    people.clock.advance(seconds=301)
    answer = people.ask("SignIn", {"email": address.upper(), "password": "a-password"})
    assert answer["Code"] == (200 if address.startswith("guessed") else 401)


def test_the_policy_of_the_workspace_holds_for_end_users(people):
    body = {"email": "weak@example.test", "password": "ninechars"}
    answer = people.ask("SignUp", body, code=CLUB)
    assert (answer["Code"], answer["Message"]) == (
        400,
        "password: must have at least 10 characters",
    )
    people.sign_up("strong@example.test", "ten-characters", CLUB)
    for code in (401, 401, 423):
        wrong = {"email": "strong@example.test", "password": "wrong"}
        assert people.ask("SignIn", wrong, code=CLUB)["Code"] == code


@pytest.mark.parametrize("body", [{"email": "no-address", "password": "x"}])
def test_what_is_no_address_is_answered_as_one_that_nobody_has(people, body):
    answer = people.ask("SignIn", body)
    assert (answer["Code"], answer["Message"]) == (401, "the account or the password is wrong")


# --- limits -----------------------------------------------------------------------------------


def test_so_many_sign_up_in_a_project_within_an_hour_and_no_more(people, monkeypatch):
    people.clock.advance(seconds=2 * 3600)
    monkeypatch.setattr(end_users, "SIGN_UPS_MAX", 3)
    for one in range(3):
        people.sign_up(f"crowd{one}@example.test")
    body = {"email": "crowd3@example.test", "password": "a-password"}
    answer = people.ask("SignUp", body)
    assert (answer["Code"], "within 60 minutes" in answer["Message"]) == (423, True)
    assert people.ask("SignUp", {**body, "password": "ten-characters"}, code=CLUB)["Success"]
    people.clock.advance(seconds=limits.SIGN_UPS_WINDOW_MS // 1000 + 1)
    assert people.ask("SignUp", body)["Success"]


def test_so_many_sign_up_in_a_project_at_all(people, monkeypatch):
    monkeypatch.setattr(end_users, "END_USERS_PER_PROJECT_MAX", people.sign_up("last@example.test"))
    answer = people.ask("SignUp", {"email": "over@example.test", "password": "a-password"})
    assert (answer["Code"], "have signed up" in answer["Message"]) == (403, True)


def test_a_password_that_was_verified_opens_nothing_once_it_is_another(people):
    people.sign_up("slow@example.test")
    [(user,)] = people.rows("SELECT user_id FROM end_users WHERE address = 'slow@example.test'")
    path = f"/autodev/CustomTableValue/SignIn/{SHOP}"
    body = {"email": "slow@example.test", "password": "a-password"}
    begin = people.app.end_users._begin

    async def later(*given):
        await people.app.store.change(
            lambda one: one.query("UPDATE users SET password_hash = 'x' WHERE id = ?", (user,))
        )
        return await begin(*given)

    people.app.end_users._begin = later
    try:
        assert people.send("POST", path, body).json()["Code"] == 401
    finally:
        del people.app.end_users._begin
    assert people.rows("SELECT 1 FROM end_sessions WHERE user_id = ?", user) == []


def test_a_role_that_is_taken_from_end_users_is_theirs_no_more(new_database, tmp_path):
    served = EndPeople(new_database(tmp_path))
    served.sign_up("eva@example.test")
    token = served.sign_in("eva@example.test")
    row = {"create": {"subject": "x"}}
    assert served.ask("Create", row, token=token, table=1)["Success"]
    served.apply("sign_up: {roles: [GUEST]}")
    assert served.ask("Create", row, token=token, table=1)["Code"] == 404
    assert served.ask("Create", row, token=token, table=2)["Success"]
    served.apply("sign_up: {closed: true}")
    body = {"email": "new@example.test", "password": "a-password"}
    assert served.ask("SignUp", body)["Code"] == 403
    assert served.ask("Create", row, token=token, table=2)["Success"]
    served.apply("deleted: true", allow=["shop"])
    assert served.ask("GetUser", token=token)["Code"] == 401
    served.close()


# --- what is taken away -----------------------------------------------------------------------


def test_a_workspace_that_comes_back_has_its_end_users_and_one_that_is_gone_has_none(
    new_database, tmp_path
):
    served = EndPeople(new_database(tmp_path))
    operate, app = served.app.designs.operate, served.app
    served.sign_up("eva@example.test")
    token = served.sign_in("eva@example.test")
    served.run(operate(PLACE, remove_workspace))
    assert served.ask("GetUser", token=token)["Code"] == 401
    body = {"email": "eva@example.test", "password": "a-password"}
    assert served.ask("SignIn", body)["Code"] == 404
    found = served.run(app.designs.bring_back("Makers"))
    served.run(operate(PLACE, recover_applications(found.at)))
    served.clock.advance(seconds=2)
    assert served.ask("GetUser", token=token)["Data"]["Name"] == "eva"
    assert served.sign_in("eva@example.test")
    served.run(operate(PLACE, remove_workspace))
    served.clock.advance(ms=limits.DELETED_KEEP_MS + 1)
    served.run(app._housekeeping.round())
    for table in ("end_users", "end_sessions", "end_resets"):
        assert served.rows(f"SELECT 1 FROM {table}") == []
    assert served.rows("SELECT password_hash FROM users WHERE name = 'eva'") == [(None,)]
    served.close()


def test_a_project_that_is_gone_for_good_has_no_end_users(new_database, tmp_path):
    served = EndPeople(new_database(tmp_path))
    served.sign_up("eva@example.test")
    served.sign_up("ida@example.test", "ten-characters", CLUB)
    served.apply("deleted: true", allow=["shop"])
    served.run(served.app._housekeeping.round())
    assert served.rows("SELECT count(*) FROM end_users") == [(2,)]
    served.clock.advance(ms=limits.DELETED_KEEP_MS + 1)
    served.run(served.app._housekeeping.round())
    assert served.rows("SELECT address FROM end_users") == [("ida@example.test",)]
    served.close()


def test_of_two_processes_that_sign_an_address_up_at_once_one_does(new_database, tmp_path):
    url = new_database(tmp_path)
    one = EndPeople(url)
    two = Served(url, "", one.clock)
    path = f"/autodev/CustomTableValue/SignUp/{SHOP}"
    addresses = [f"eva{at}@example.test" for at in range(4)] * 2

    def sign_up(served: Served) -> list[int]:
        bodies = [{"email": email, "password": "a-password"} for email in addresses]
        replies = served.send_all(*(("POST", path, body, {}) for body in bodies))
        return [reply.json()["Code"] for reply in replies]

    with ThreadPoolExecutor() as threads:
        codes = [code for found in threads.map(sign_up, (one, two)) for code in found]
    assert sorted(codes) == [200] * 4 + [400] * 12
    assert one.rows("SELECT n FROM end_users ORDER BY n") == [(1,), (2,), (3,), (4,)]
    two.close()
    one.close()
