"""Passwords over the wire: set, forgotten, chosen anew, and what the policy of a workspace asks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hikidashi.core.limits import (
    LOGIN_FAILURES_MAX,
    LOGIN_WINDOW_MS,
    MAILS_WINDOW_MS,
    POLICY_CHARS_MAX,
    POLICY_PATTERN_MAX,
    POLICY_SAME_MAX,
    RESET_LIFE_MS,
    SESSION_TIMEOUT_S_MAX,
    SESSION_TIMEOUT_S_MIN,
)
from hikidashi.core.password_policy import PasswordPolicy
from hikidashi.core.password_rules import find_weakness
from hikidashi.service.passwords import check_password, make_password
from hikidashi.service.schema import SchemaError, loads, schema_apply, schema_plan
from tests.api.accounts_table import SAME
from tests.api.mailed import (
    FORGOT,
    REGISTER,
    forgotten,
    link,
    logged_in,
    login,
    mails,
    member,
    office,
    outside,
    policy,
    secret,
    set_new,
    token_of,
)
from tests.api.office import ANN, KIM, Office, W

__all__ = ["logged_in", "office"]  # fixtures


@pytest.fixture
def ruled(office) -> Iterator[Office]:
    """A workspace whose policy is as it was afterwards."""
    yield office
    office.rows_changed("UPDATE workspaces SET password_policy = '{}'")


def test_a_password_is_changed_and_every_session_ends(office):
    email, _ = member(office)
    mine, other = token_of(office, email), token_of(office, email)
    old_mail = forgotten(office, email)
    body = {
        "old_password": "first-one",
        **dict.fromkeys(("new_password", "confirm_password"), "second-one"),
    }
    reply = office.ask("PUT", "users/password", body, token=mine)
    assert (reply.status, reply.json) == (200, {"error": None})
    assert [office.ask("GET", "userinfo", token=one).status for one in (mine, other)] == [401, 401]
    assert login(office, email, "first-one").status == 401
    assert login(office, email, "second-one").status == 200
    assert set_new(office, old_mail, "third-one").status == 400


def test_guesses_at_the_old_password_are_counted(office):
    email, _ = member(office)
    token = token_of(office, email)
    wrong = SAME | {"old_password": "wrong"}
    statuses = [
        office.ask("PUT", "users/password", wrong, token=token).status
        for _ in range(LOGIN_FAILURES_MAX + 1)
    ]
    assert statuses == [400] * LOGIN_FAILURES_MAX + [423]


def test_a_forgotten_password_is_chosen_anew_once(office):
    email, _ = member(office)
    token = token_of(office, email)
    body = {
        "email": email.upper(),
        "host": "https://app.test",
        "root_path": "a/b",
        "query_params": "l=ja&x=1",
    }
    reply = outside(office, "POST", FORGOT, body)
    assert (reply.status, reply.json) == (200, {"valid_email": True})
    id_ = secret(office, email)
    assert link(office, email) == f"https://app.test/a/b/{id_}?l=ja&x=1"
    seen = [outside(office, "GET", f"users/password/validate?id={id_}").json for _ in range(2)]
    assert [(one["id"], one["accessed"], one["isElapsed"]) for one in seen] == [
        (id_, False, False),
        (id_, True, False),
    ]
    assert set_new(office, id_, "short").status == 400
    done = set_new(office, id_, "second-one")
    assert (done.status, done.body) == (200, b"")
    assert office.ask("GET", "userinfo", token=token).status == 401
    assert login(office, email, "second-one").status == 200
    assert set_new(office, id_, "third-one").status == 400
    assert outside(office, "GET", f"users/password/validate?id={id_}").json["isElapsed"] is True


def test_a_mail_about_a_password_runs_out(office):
    email, _ = member(office)
    id_ = forgotten(office, email)
    office.clock.advance(ms=RESET_LIFE_MS - 1)
    path = f"users/password/validate?id={id_}"
    assert outside(office, "GET", path).json["isElapsed"] is False
    office.clock.advance(ms=1)
    assert outside(office, "GET", path).json["isElapsed"] is True
    assert set_new(office, id_, "second-one").status == 400


def test_nobody_learns_whether_an_address_has_an_account(office):
    email, _ = member(office)
    known = outside(office, "POST", FORGOT, {"email": email})
    unknown = outside(office, "POST", FORGOT, {"email": "ghost@office.test"})
    assert (known.status, known.body) == (unknown.status, unknown.body)
    assert mails(office, "ghost@office.test") == []


def test_all_who_share_an_address_get_a_mail_each(office):
    for code in ("desk-a", "desk-b"):
        body = {"email": "desk@office.test", "g_id": "ALL", "user_code": code}
        office.done("POST", "users", body)
    outside(office, "POST", FORGOT, {"email": "desk@office.test"})
    bodies = [one[2] for one in mails(office, "desk@office.test")]
    assert ["desk-a" in one for one in bodies] == [True, False]
    assert ["desk-b" in one for one in bodies] == [False, True]
    assert set_new(office, secret(office, "desk@office.test"), "good-enough").status == 200
    said = {"user_code": "desk-b", "password": "good-enough"}
    assert outside(office, "POST", "login", said).status == 200
    assert outside(office, "POST", "login", said | {"user_code": "desk-a"}).status == 401


def test_an_administrator_has_a_member_choose_a_password(office):
    email, id_ = member(office)
    reply = office.ask("POST", "users/password/reset", {"u_id": id_})
    assert (reply.status, reply.json) == (200, {"error": None})
    assert login(office, email, "first-one").status == 200
    assert set_new(office, secret(office, email), "second-one").status == 200
    assert login(office, email, "second-one").status == 200
    told = office.rows(
        "SELECT user_id, after FROM audit WHERE target_id = ? AND kind = 'password' ORDER BY id",
        id_,
    )
    assert [user for user, _ in told] == [ANN, id_]
    refused = office.ask("POST", "users/password/reset", {"u_id": KIM}, user="bob")
    assert refused.status == 403
    assert office.ask("POST", "users/password/reset", {"u_id": KIM}, user="zoe").status == 404


# --- the policy of a workspace ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "bad", "good", "words"),
    [
        ({"use_min_length": True, "min_length": 9}, "12345678", "123456789", "at least 9"),
        ({"use_pattern_check": True, "pattern_check_type": 0}, "ab cdef", "abcdefg", "spaces"),
        ({"use_pattern_check": True, "pattern_check_type": 1}, "abcdefg", "abcdef1", "digits"),
        ({"use_pattern_check": True, "pattern_check_type": 1}, "1234567", "a234567", "letters"),
        ({"use_pattern_check": True, "pattern_check_type": 2}, "abcdef1", "abcde1#", "one of"),
    ],
)
def test_a_password_keeps_to_the_policy(ruled, rules, bad, good, words):
    email, _ = member(ruled)
    policy(ruled, **rules)
    id_ = forgotten(ruled, email)
    reply = set_new(ruled, id_, bad)
    assert (reply.status, words in reply.json["description"]) == (400, True)
    assert set_new(ruled, id_, good).status == 200


def test_the_last_passwords_do_not_come_again(ruled):
    email, _ = member(ruled, "number-one")
    policy(ruled, use_same_limit=True, same_limit=2)
    for new, status in (
        ("number-one", 400),
        ("number-two", 200),
        ("number-one", 400),
        ("number-six", 200),
        ("number-one", 200),
    ):
        reply = set_new(ruled, forgotten(ruled, email), new)
        assert reply.status == status, new
        ruled.clock.advance(ms=MAILS_WINDOW_MS)
    assert (
        "one of the last 2"
        in set_new(ruled, forgotten(ruled, email), "number-six").json["description"]
    )


def test_no_more_passwords_are_kept_than_the_policy_looks_at(ruled):
    email, id_ = member(ruled, "number-zero")
    count = "SELECT count(*) FROM old_passwords WHERE user_id = ?"

    def keep(*passwords: str) -> int:
        for one in passwords:
            assert set_new(ruled, forgotten(ruled, email), one).status == 200
            ruled.clock.advance(ms=MAILS_WINDOW_MS)
        return ruled.rows(count, id_)[0][0]

    assert keep("number-one") == 0  # no policy looks at any
    policy(ruled, use_same_limit=True, same_limit=POLICY_SAME_MAX)
    assert keep(*(f"number-{at}" for at in range(2, 6))) == 4
    policy(ruled, same_limit=3)
    assert keep("number-6") == 2  # with the present one, three
    assert set_new(ruled, forgotten(ruled, email), "number-4").status == 400
    assert keep("number-3") == 2


def test_an_account_of_another_id_than_was_registered_keeps_to_the_policy_as_well(ruled):
    new = REGISTER | {"email": f"late-{ruled.fresh()}@office.test"}
    outside(ruled, "POST", "users/registration", new)
    id_ = secret(ruled, new["email"])
    ruled.done("POST", "users", {"email": new["email"], "g_id": "ALL"})
    policy(ruled, use_min_length=True, min_length=9)
    said = {"confirmation_id": id_, "email": new["email"], "password": "12345678"}
    reply = outside(ruled, "POST", "users/registration/confirm", said)
    assert (reply.status, reply.json["description"]) == (
        400,
        "password: must have at least 9 characters",
    )


RULES = "{use_min_length: true, min_length: 9, use_same_limit: true, same_limit: 3}"


def test_a_schema_file_gives_no_password_that_the_policy_refuses(ruled):
    email, _ = member(ruled, "number-one")
    policy(ruled, use_same_limit=True, same_limit=2)
    assert set_new(ruled, forgotten(ruled, email), "number-two").status == 200
    store, ids, clock = ruled.app.store, ruled.app.ids, ruled.app.clock

    def apply(who: str, password: str, rules: str = "{}") -> str:
        users = f"[{{email: {who}, password: {password}}}]"
        text = f"workspaces: [{{id: {W}, password_policy: {rules}, users: {users}}}]"
        before = ruled.kept()
        try:
            ruled.run(schema_apply(store, ids, clock, loads(text, "file")))
        except SchemaError as error:
            assert ruled.kept() == before
            return str(error)
        return ""

    assert "password: must have at least 9 characters" in apply(email, "number-1", RULES)
    assert "password: must have at least 9" in apply("none@office.test", "number-1", RULES)
    assert "password: is one of the last 2 passwords" in apply(email, "number-one")
    assert apply(email, "number-two", RULES) == ""  # what fits already is no new password
    assert apply(email, "number-six") == ""
    assert "is one of the last 3 passwords" in apply(email, "number-two")
    assert "at least 9 characters" in apply("none@office.test", "number-1")
    assert login(ruled, email, "number-six").status == 200


@pytest.mark.parametrize("kind", range(POLICY_PATTERN_MAX + 1))
@pytest.mark.parametrize("length", [6, POLICY_CHARS_MAX])
def test_a_password_that_we_make_keeps_to_any_policy(kind, length):
    rules = {"use_min_length": True, "min_length": length}
    strict = PasswordPolicy(use_pattern_check=True, pattern_check_type=kind, **rules)
    for chance in (b"\0" * 16, b"\xaa" * 16):  # no letter, no digit
        made = make_password(chance, [strict, PasswordPolicy()])
        assert find_weakness([strict], made) == ""
        check_password(made)


def test_a_password_runs_out(ruled):
    email, _ = member(ruled)
    policy(ruled, use_expired_day=True, expired_day=10)
    ruled.clock.advance(days=10, ms=-1)
    assert login(ruled, email, "first-one").status == 200
    ruled.clock.advance(ms=1)
    reply = login(ruled, email, "first-one")
    assert (reply.status, reply.json["error"]) == (403, "PASSWORD_EXPIRED")
    assert login(ruled, email, "wrong").status == 401
    assert set_new(ruled, forgotten(ruled, email), "second-one").status == 200
    assert login(ruled, email, "second-one").status == 200


def test_the_policy_says_when_somebody_is_locked_out_and_for_how_long(ruled):
    email, _ = member(ruled)
    policy(ruled, use_lockout_count=True, lockout_count=2, use_lockout_time=True, lockout_time=30)
    assert [login(ruled, email, "wrong").status for _ in range(3)] == [401, 401, 423]
    ruled.clock.advance(minutes=29)
    locked = login(ruled, email, "first-one")
    assert (locked.status, "30 minutes" in locked.json["description"]) == (423, True)
    ruled.clock.advance(minutes=1)
    assert login(ruled, email, "first-one").status == 200


def test_without_a_policy_five_failures_lock_for_five_minutes_from_the_last(office):
    email, _ = member(office)
    for _ in range(LOGIN_FAILURES_MAX):
        assert login(office, email, "wrong").status == 401
        office.clock.advance(minutes=1)
    office.clock.advance(ms=LOGIN_WINDOW_MS - 60_001)
    assert login(office, email, "first-one").status == 423
    office.clock.advance(ms=1)
    assert login(office, email, "first-one").status == 200


# --- sessions ---------------------------------------------------------------------------------


def test_a_workspace_says_how_long_its_sessions_last(ruled):
    email, _ = member(ruled)
    token = token_of(ruled, email)
    other = ruled.token("zoe")
    ruled.rows_changed("UPDATE workspaces SET session_timeout = 60 WHERE id = ?", W)
    for _ in range(4):
        ruled.clock.advance(seconds=59)
        assert ruled.ask("GET", "userinfo", token=token).status == 200
    ruled.clock.advance(ms=60_001)
    assert ruled.ask("GET", "userinfo", token=token).status == 401
    assert ruled.ask("GET", "userinfo", token=f"Bearer {other}").status == 200
    ruled.rows_changed("UPDATE workspaces SET session_timeout = NULL")


def test_the_schema_file_has_the_timeout_of_sessions(ruled):
    text = "workspaces: [{id: 66a000000000000000000001, session_timeout: %s}]"
    for seconds in (SESSION_TIMEOUT_S_MIN - 1, SESSION_TIMEOUT_S_MAX + 1):
        with pytest.raises(SchemaError, match="session_timeout: must be a whole number from 60"):
            loads(text % seconds, "file")
    store, ids = ruled.app.store, ruled.app.ids
    told = ruled.run(schema_plan(store, ids, loads(text % 3600, "file")))
    assert [one.line for one in told] == ["~ workspace Office: session_timeout (3600 s)"]
