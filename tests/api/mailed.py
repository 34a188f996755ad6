"""Calls without a token, the mails that they bring about, and members who have confirmed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from hikidashi.core.limits import SESSION_IDLE_MS
from tests.api.office import Office, W, open_office
from tests.api.rest import Reply
from tests.deterministic import START_MS

NONE = "0" * 64
FORGOT = "users/password/forgot"
REGISTER = {
    "email": "new@office.test",
    "username": "New",
    "registration_domain": "app.test",
    "hostname": "api.test",
}
ORIGINS = ("https://app.test", "http://app.test:3000")


def stay_logged_in(office: Office) -> None:
    """Have sessions that have not run out, however far a test has moved the clock."""
    if office.clock.now_ms() - getattr(office, "logged_in_at", START_MS) < SESSION_IDLE_MS // 2:
        return
    office.logged_in_at = office.clock.now_ms()
    for name in ("ann", "bob", "eve", "zoe"):
        office._tokens.pop(name)
        office.token(name)


@pytest.fixture(scope="module")
def office(new_database, tmp_path_factory) -> Iterator[Office]:
    """The office, opened once for each engine and file of tests."""
    url = new_database(tmp_path_factory.mktemp("office"))
    with open_office(url, link_origins=ORIGINS) as one:
        yield one


@pytest.fixture(autouse=True)
def logged_in(office) -> None:
    """Whoever calls has a session."""
    stay_logged_in(office)


def mails(office: Office, to: str) -> list[Any]:
    """What was written to an address: kind, subject, body."""
    sql = "SELECT kind, subject, body, sender, template FROM mails WHERE recipient = ? ORDER BY id"
    return office.rows(sql, to)


def link(office: Office, to: str) -> str:
    """The link of the last mail to an address."""
    return re.search(r"https?://\S+", mails(office, to)[-1][2])[0]


def secret(office: Office, to: str) -> str:
    return link(office, to).partition("?")[0].rpartition("/")[2]


def outside(office: Office, method: str, path: str, body: Any = None, **more: Any) -> Reply:
    """A call without a token."""
    return office.ask(method, path, body, token="", **more)


def login(office: Office, email: str, password: str, **keys: Any) -> Reply:
    return outside(office, "POST", "login", {"email": email, "password": password, **keys})


def member(office: Office, password: str = "first-one", **keys: Any) -> tuple[str, str]:
    """Somebody new in the workspace who has confirmed: address and id."""
    email = f"member-{office.fresh()}@office.test"
    added = office.done("POST", "users", {"email": email, "g_id": "ALL", **keys})
    body = {"users": [{"email": email}], "domain": "app.test"}
    if "exclusive_w_id" in keys:
        body["users"][0]["exclusive_w_id"] = keys["exclusive_w_id"]
    office.done("POST", "userinvite", body)
    said = {"confirmation_id": secret(office, email), "email": email, "password": password}
    assert outside(office, "POST", "users/registration/confirm", said).status == 200
    return email, added["user_profile"]["u_id"]


def token_of(office: Office, email: str, password: str = "first-one") -> str:
    return "Bearer " + login(office, email, password).json["token"]


def forgotten(office: Office, email: str) -> str:
    """The secret of a mail about a password."""
    outside(office, "POST", FORGOT, {"email": email})
    return secret(office, email)


def set_new(office: Office, id_: str, new: str) -> Reply:
    body = {"id": id_, "new_password": new, "confirm_password": new}
    return outside(office, "PUT", FORGOT, body)


def policy(office: Office, **rules: Any) -> None:
    office.done("PUT", f"workspaces/{W}/password-policy", rules)
