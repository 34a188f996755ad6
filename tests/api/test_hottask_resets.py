"""HotTask's end users: a password that was forgotten, the mail about it, and what it ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hikidashi.service import end_users
from tests.api.end_people import CLUB, SHOP, EndPeople
from tests.served import Served


@pytest.fixture(scope="module")
def people(new_database, tmp_path_factory) -> Iterator[EndPeople]:
    served = EndPeople(new_database(tmp_path_factory.mktemp("resets")))
    yield served
    served.close()


def test_a_password_is_chosen_anew_by_the_mail_and_every_session_ends(people):
    people.sign_up("Forgot@example.test")
    tokens = [people.sign_in("forgot@example.test") for _ in range(2)]
    people.ask("SendResetPasswordEmail", {"email": "FORGOT@example.test"})
    [(body, sender)] = people.rows(
        "SELECT body, sender FROM mails WHERE recipient = 'Forgot@example.test'"
    )
    secret = people.mailed("Forgot@example.test")
    assert f"https://shop.test/choose?from=mail&token={secret}" in body
    assert sender == ""
    assert secret not in str(people.rows("SELECT * FROM end_resets"))
    change = {"token": secret, "password": "a-new-one"}
    assert people.ask("ResetPasswordForEmail", change)["Success"]
    assert [people.ask("GetUser", token=one)["Code"] for one in tokens] == [401, 401]
    old = {"email": "forgot@example.test", "password": "a-password"}
    assert people.ask("SignIn", old)["Code"] == 401
    assert people.sign_in("forgot@example.test", "a-new-one")
    again = people.ask("ResetPasswordForEmail", {**change, "password": "a-third-one"})
    assert (again["Code"], "has been used" in again["Message"]) == (400, True)


def test_one_mail_that_is_used_ends_the_others(people):
    people.sign_up("some@example.test")
    secrets = []
    for _ in range(2):
        people.ask("SendResetPasswordEmail", {"email": "some@example.test"})
        secrets.append(people.mailed("some@example.test"))
        people.clock.advance(seconds=1)
    answers = [
        people.ask("ResetPasswordForEmail", {"token": one, "password": "a-new-one"})["Code"]
        for one in (*secrets, *secrets)
    ]
    assert answers == [200, 400, 400, 400]


def test_an_address_that_has_not_signed_up_is_answered_alike_and_sent_nothing(people):
    people.sign_up("known@example.test")
    answers = [
        people.ask("SendResetPasswordEmail", {"email": one})
        for one in ("known@example.test", "unknown@example.test", "no address")
    ]
    assert answers[0] == answers[1] == answers[2]
    sent = "SELECT count(*) FROM mails WHERE recipient = 'unknown@example.test'"
    assert people.rows(sent) == [(0,)]


def test_a_mail_gives_a_password_in_its_project_alone_and_for_an_hour(people):
    people.sign_up("hour@example.test")
    people.ask("SendResetPasswordEmail", {"email": "hour@example.test"})
    secret = people.mailed("hour@example.test")
    change = {"token": secret, "password": "ten-characters"}
    assert people.ask("ResetPasswordForEmail", change, code=CLUB)["Code"] == 400
    assert people.ask("ResetPasswordForEmail", {**change, "password": "short"})["Code"] == 400
    account = {"id": secret, "new_password": "abcdef1", "confirm_password": "abcdef1"}
    assert people.send("PUT", "/api/v0/users/password/forgot", account).status_code == 404
    people.clock.advance(seconds=3600)
    assert people.ask("ResetPasswordForEmail", change)["Code"] == 400


def test_a_mail_about_an_account_gives_no_password_of_an_end_user(people):
    people.sign_up("ann2@example.test")
    people.send("POST", "/api/v0/users/password/forgot", {"email": "ann@makers.test"})
    [(body,)] = people.rows(
        "SELECT body FROM mails WHERE recipient = 'ann@makers.test' AND kind = 'password'"
    )
    secret = body.partition("://")[2].split()[0].rpartition("/")[2]
    change = {"token": secret, "password": "a-new-one"}
    assert people.ask("ResetPasswordForEmail", change)["Code"] == 400


def test_a_project_that_says_nowhere_for_new_passwords_sends_no_mail(people):
    answer = people.ask("SendResetPasswordEmail", {"email": "both@example.test"}, code=CLUB)
    assert (answer["Code"], "does not say where" in answer["Message"]) == (403, True)


def test_a_reset_is_seen_by_another_process_within_two_seconds(new_database, tmp_path):
    url = new_database(tmp_path)
    one = EndPeople(url)
    two = Served(url, "", one.clock)
    one.sign_up("eva@example.test")
    token = one.sign_in("eva@example.test")
    path, head = f"/autodev/CustomTableValue/GetUser/{SHOP}", {"Authorization": f"Bearer {token}"}
    assert two.send("GET", path, headers=head).json()["Success"]
    one.ask("SendResetPasswordEmail", {"email": "eva@example.test"})
    secret = one.mailed("eva@example.test")
    one.ask("ResetPasswordForEmail", {"token": secret, "password": "a-new-one"})
    one.clock.advance(seconds=2)
    assert two.send("GET", path, headers=head).json()["Code"] == 401
    two.close()
    one.close()


def test_of_very_many_forgotten_passwords_no_more_are_kept(people, monkeypatch):
    people.clock.advance(seconds=2 * 3600)
    monkeypatch.setattr(end_users, "END_RESETS_MAX", 2)
    before = people.rows("SELECT count(*) FROM end_resets")[0][0]
    for one in range(4):
        body = {"email": f"nobody{one}@example.test"}
        assert people.ask("SendResetPasswordEmail", body)["Success"]
    assert people.rows("SELECT count(*) FROM end_resets")[0][0] == before + 2


def test_a_password_runs_out_and_may_not_come_again_where_the_workspace_says_so(
    new_database, tmp_path
):
    served = EndPeople(new_database(tmp_path))
    policy = "{use_expired_day: true, expired_day: 2, use_same_limit: true, same_limit: 2}"
    served.apply_text(f"workspaces: [{{id: 68a0000000000000000000f1, password_policy: {policy}}}]")
    served.sign_up("eva@example.test")
    assert served.sign_in("eva@example.test")
    served.clock.advance(seconds=2 * 86_400)
    right = {"email": "eva@example.test", "password": "a-password"}
    answer = served.ask("SignIn", right)
    assert (answer["Code"], "SendResetPasswordEmail" in answer["Message"]) == (403, True)
    assert served.ask("SignIn", {**right, "password": "wrong"})["Code"] == 401
    served.ask("SendResetPasswordEmail", {"email": "eva@example.test"})
    change = {"token": served.mailed("eva@example.test"), "password": "a-password"}
    again = served.ask("ResetPasswordForEmail", change)
    assert (again["Code"], "one of the last" in again["Message"]) == (400, True)
    assert served.ask("ResetPasswordForEmail", {**change, "password": "a-new-one"})["Success"]
    assert served.sign_in("eva@example.test", "a-new-one")
    served.close()
