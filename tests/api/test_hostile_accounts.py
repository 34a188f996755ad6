"""What strangers try with accounts: to guess, to reuse, to learn who has one, to take one over."""

from __future__ import annotations

import asyncio

import pytest

from hikidashi.core.limits import LOGIN_FAILURES_MAX, MAILS_PER_ADDRESS_MAX
from hikidashi.service import passwords
from tests.api.mailed import (
    FORGOT,
    REGISTER,
    forgotten,
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
from tests.api.office import STRANGE, Office, W
from tests.files.papers import FORM, form

__all__ = ["logged_in", "office"]  # fixtures

HEADER = b"Email,UserName,Password,GroupDisplayIDs,RoleDisplayIDs,IsDelete\r\n"


def fresh_address(office: Office) -> str:
    return f"victim-{office.fresh()}@office.test"


# --- who has an account -----------------------------------------------------------------------


@pytest.fixture
def addresses(office) -> dict[str, str]:
    """An address of each sort: known, known without a password, in no workspace, nobody's."""
    known, _ = member(office)
    waiting, alone, nobody = (fresh_address(office) for _ in range(3))
    office.done("POST", "users", {"email": waiting, "g_id": "ALL"})
    outside(office, "POST", "users/registration", REGISTER | {"email": alone})
    said = {"confirmation_id": secret(office, alone), "email": alone, "password": "first-one"}
    assert outside(office, "POST", "users/registration/confirm", said).status == 200
    office.rows_changed(
        "DELETE FROM members WHERE user_id = (SELECT id FROM users WHERE email = ?)", alone
    )
    return {"known": known, "waiting": waiting, "alone": alone, "nobody": nobody}


def test_wrong_logins_and_locks_are_the_same_for_every_address(office, addresses, monkeypatch):
    work: list[str] = []

    class Hasher:
        def verify(self, hash_, _given):
            work.append(hash_.rsplit("$", 2)[0])
            return False

    monkeypatch.setattr(passwords, "_HASHER", Hasher())
    told = {}
    for sort, address in addresses.items():
        work.clear()
        spellings = [address, address.upper(), f" {address} "]
        replies = [login(office, spellings[at % 3], "wrong") for at in range(LOGIN_FAILURES_MAX)]
        locked = [login(office, one, "first-one") for one in spellings]
        told[sort] = ([(one.status, one.body) for one in (*replies, *locked)], tuple(work))
    assert len({repr(one) for one in told.values()}) == 1, told
    answers, done = told["nobody"]
    assert [status for status, _ in answers] == [401] * LOGIN_FAILURES_MAX + [423] * 3
    assert len(done) == LOGIN_FAILURES_MAX


def test_lockout_rules_of_workspaces_do_not_tell_who_is_in_none(office, addresses):
    rules = '\'{"use_lockout_count": true, "lockout_count": 2}\''
    office.rows_changed(f"UPDATE workspaces SET password_policy = {rules}")
    for sort, address in addresses.items():
        statuses = [login(office, address, "wrong").status for _ in range(3)]
        assert statuses == [401, 401, 423], sort
    office.rows_changed("UPDATE workspaces SET password_policy = '{}'")


@pytest.mark.parametrize("path", [FORGOT, "users/registration"])
def test_who_asks_for_a_mail_learns_nothing_however_often(office, addresses, path):
    told = set()
    for address in addresses.values():
        for _ in range(MAILS_PER_ADDRESS_MAX + 1):
            reply = outside(office, "POST", path, REGISTER | {"email": address})
            answer = {key: len(str(one)) for key, one in reply.json.items() if key != "email"}
            told.add((reply.status, tuple(sorted(answer.items()))))
    assert len(told) == 1, told
    assert mails(office, addresses["nobody"]) == [] or path != FORGOT


# --- what mails lead to -----------------------------------------------------------------------


def all_secrets(office: Office) -> dict[str, tuple[str, str]]:
    """What a mail of each kind leads to, and whose address it went to."""
    email, _ = member(office)
    other = fresh_address(office)
    office.ask("POST", "users/email", {"email": other}, token=token_of(office, email))
    guest = fresh_address(office)
    office.done("POST", "users", {"email": guest, "g_id": "ALL"})
    office.done("POST", "userinvite", {"users": [{"email": guest}], "domain": "app.test"})
    new = fresh_address(office)
    outside(office, "POST", "users/registration", REGISTER | {"email": new})
    return {
        "email": (secret(office, other), other),
        "password": (forgotten(office, email), email),
        "invitation": (secret(office, guest), guest),
        "registration": (secret(office, new), new),
    }


TAKEN = {  # by which calls, with the kinds that they take
    "users/registration/confirm": ("invitation", "registration"),
    FORGOT: ("password",),
    "users/confirmations": ("email", "invitation"),
}


def test_what_a_mail_leads_to_serves_its_own_purpose_and_is_kept_as_a_hash(office):
    held = all_secrets(office)
    before = office.kept()
    for kind, (id_, email) in held.items():
        for path, kinds in TAKEN.items():
            if kind in kinds:
                continue
            method = "PUT" if path == FORGOT else "POST"
            body = {"id": id_, "confirmation_id": id_, "email": email, "password": "second-one"}
            body |= {"new_password": "second-one", "confirm_password": "second-one"}
            assert outside(office, method, path, body).status == 404, (kind, path)
    assert office.kept() == before
    kept = repr(office.rows("SELECT * FROM confirmations"))
    assert not any(id_ in kept for id_, _ in held.values())
    assert all(len(id_) == 64 for id_, _ in held.values())  # 256 bits
    assert len({id_ for id_, _ in held.values()}) == len(held)


def test_what_a_mail_leads_to_serves_one_of_those_who_come_at_once(office):
    email, _ = member(office)
    id_ = forgotten(office, email)

    async def race() -> list[int]:
        bodies = [
            {"id": id_, "new_password": one, "confirm_password": one}
            for one in ("second-one", "third-one")
        ]
        calls = [office.acall("PUT", f"/api/v0/{FORGOT}", one, token="") for one in bodies]
        return [one.status for one in await asyncio.gather(*calls)]

    assert sorted(office.run(race())) == [200, 400]


def test_a_new_password_ends_the_change_of_address_that_a_thief_asked_for(office):
    email, _ = member(office)
    thief = fresh_address(office)
    office.ask("POST", "users/email", {"email": thief}, token=token_of(office, email))
    assert set_new(office, forgotten(office, email), "second-one").status == 200
    said = {"confirmation_id": secret(office, thief)}
    assert outside(office, "POST", "users/confirmations", said).status == 400
    assert login(office, email, "second-one").status == 200


# --- taking over ------------------------------------------------------------------------------


def take_by_file(office: Office, email: str) -> None:
    """A stranger makes an account for an address, with a password of the stranger's choice."""
    place = ("current_workspace_id", STRANGE.encode())
    rows = HEADER + f"{email},,stranger-1,,,\r\n".encode()
    body = form(place, ("filename", b"a.csv"), ("file", rows, "a.csv"))
    assert office.ask("POST", "userimport", body, user="zoe", headers=FORM).status == 200


def take_by_invitation(office: Office, email: str) -> None:
    """The same without a mail to anybody."""
    office.done("POST", "users", {"email": email, "g_id": "ALL"}, user="zoe")
    body = {"users": [{"email": email}], "domain": "app.test", "no_confirm_email": True}
    [invited] = office.done("POST", "userinvite", body, user="zoe")
    said = {"confirmation_id": invited["confirmation_id"], "email": email}
    reply = outside(office, "POST", "users/registration/confirm", said | {"password": "stranger-1"})
    assert reply.status == 200, reply.body


@pytest.mark.parametrize("take", [take_by_file, take_by_invitation])
def test_an_account_that_a_stranger_made_for_an_address_is_let_in_nowhere_else(office, take):
    email = fresh_address(office)
    take(office, email)
    assert login(office, email, "stranger-1").status == 200
    before = office.kept()
    adding = {"email": email, "g_id": "ALL"}
    reply = office.ask("POST", "users", adding)
    assert (reply.status, "has not confirmed its address" in reply.json["description"]) == (
        400,
        True,
    )
    assert office.kept() == before
    assert set_new(office, forgotten(office, email), "owners-one").status == 200
    assert login(office, email, "stranger-1").status == 401
    assert office.done("POST", "users", adding)["added"] is True


def test_who_is_let_in_unasked_keeps_to_no_rules_of_the_place(office):
    email, _ = member(office)
    token = token_of(office, email)
    office.done("POST", "users", {"email": email, "g_id": "ALL"}, user="zoe")
    rules = {"use_expired_day": True, "expired_day": 1, "use_lockout_count": True}
    rules |= {"lockout_count": 1, "use_min_length": True, "min_length": 40}
    office.done("PUT", f"workspaces/{STRANGE}/password-policy", rules, user="zoe")
    office.clock.advance(days=2)
    assert [login(office, email, "wrong").status for _ in range(2)] == [401, 401]
    assert login(office, email, "first-one").status == 200
    assert set_new(office, forgotten(office, email), "second-one").status == 200
    token = token_of(office, email, "second-one")
    assert office.ask("POST", f"workspaces/{STRANGE}/select", token=token).status == 200
    refused = set_new(office, forgotten(office, email), "third-one")
    assert (refused.status, "at least 40" in refused.json["description"]) == (400, True)
    assert office.ask("POST", f"workspaces/{W}/select", token=token).status == 200
    office.clock.advance(days=2)
    assert login(office, email, "second-one").status == 403
    office.rows_changed("UPDATE workspaces SET password_policy = '{}'")


def test_who_accepts_an_invitation_keeps_to_the_rules_of_the_place(office):
    email, id_ = member(office)
    office.done("POST", "users", {"email": email, "g_id": "ALL"}, user="zoe")
    accepted = "SELECT accepted FROM members WHERE user_id = ? AND workspace_id = ?"
    assert office.rows(accepted, id_, STRANGE) == [(0,)]
    body = {"users": [{"email": email}], "domain": "app.test"}
    office.done("POST", "userinvite", body, user="zoe")
    said = {"confirmation_id": secret(office, email)}
    assert outside(office, "POST", "users/confirmations", said).status == 200
    assert office.rows(accepted, id_, STRANGE) == [(1,)]
