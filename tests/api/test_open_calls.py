"""Calls that are open to everybody: what an operator named, and nothing beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from hikidashi.core.access import Identity
from hikidashi.core.errors import FaultError
from hikidashi.core.limits import NAME_CHARS_MAX, SESSION_RECHECK_MS
from tests.api.office import BOB, DESK, NOTES, Office, W, open_office
from tests.api.rest import Reply

OPEN = "auth/unauthorized-call"
NEW, SEARCH = f"{NOTES}/items/new", f"{NOTES}/items/search"


@pytest.fixture(scope="module")
def house(new_database, tmp_path_factory) -> Iterator[Office]:
    url = new_database(tmp_path_factory.mktemp("office"))
    with open_office(url) as one:
        yield one


@pytest.fixture
def office(house) -> Iterator[Office]:
    """The office, in which no call is open afterwards."""
    yield house
    for (id_,) in house.rows("SELECT id FROM tokens WHERE kind = 'open' AND revoked_at IS NULL"):
        house.run(house.app.identities.revoke_token(id_))


def opened(office: Office, method: str, url: str, *, write: bool = False) -> str:
    """Open a call with Bob's rights; its id."""
    identity = Identity(BOB, W, DESK, write)
    return office.run(office.app.identities.open_call(method, url, identity))


def try_(office: Office, method: str, url: str, payload: object = None, query: str = "") -> Reply:
    body = {"method": method, "url": url, "payload": payload}
    return office.ask("POST", OPEN + query, body, token="")


def refused(fn: Callable[[], object]) -> str:
    """What is said of what may not be."""
    with pytest.raises(FaultError) as fault:
        fn()
    return fault.value.faults[0].description


def test_an_open_call_answers_as_it_does_with_a_token(office):
    opened(office, "POST", NEW, write=True)
    opened(office, "POST", SEARCH)
    opened(office, "GET", f"{NOTES}/fields?with_options=true")
    made = try_(office, "POST", NEW, {"item": {"text": "From outside"}})
    assert made.status == 200, made.body
    where = {"page": 1, "per_page": 0, "conditions": []}
    found = try_(office, "POST", SEARCH, where)
    assert found.body == office.ask("POST", SEARCH[8:], where, user="bob").body
    assert b"From outside" in found.body
    [(by,)] = office.rows("SELECT user_id FROM histories WHERE item_id = ?", made.json["item_id"])
    assert by == BOB
    assert try_(office, "GET", f"{NOTES}/fields?with_options=true").json["fields"]
    wrong = try_(office, "POST", NEW, {"item": {"none": 1}})
    direct = office.ask("POST", NEW[8:], {"item": {"none": 1}}, user="bob")
    assert (wrong.status, wrong.body) == (direct.status, direct.body)


def test_a_call_that_only_reads_writes_nothing(office):
    opened(office, "POST", NEW)
    before = office.kept(), office.contents()
    assert try_(office, "POST", NEW, {"item": {"text": "No"}}).status == 403
    assert (office.kept(), office.contents()) == before


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("GET", NEW),
        ("post", NEW),
        ("POST", f"{NEW}/"),
        ("POST", f"{NEW}?dry_run=true"),
        ("POST", f"{NEW}?"),
        ("POST", NEW.replace("NOTES", "notes")),
        ("POST", NEW.replace("NOTES", "%4eOTES")),
        ("POST", NEW.replace("/items", "/./items")),
        ("POST", f"http://server.test{NEW}"),
        ("POST", f"{NEW} "),
        ("POST", f"{NOTES}/items/search"),
        ("GET", "/api/v0/userinfo"),
        ("GET", "/metrics"),
        ("POST", "/api/v0/auth/unauthorized-call"),
        ("", ""),
        ("POST", "\0"),
    ],
)
def test_nothing_but_what_was_opened_is_open(office, method, url):
    opened(office, "POST", NEW, write=True)
    before = office.kept(), office.contents()
    reply = try_(office, method, url, {"item": {"text": "No"}})
    assert (reply.status, reply.json["error_code"]) == (403, "NO_PRIVILEGES")
    assert (office.kept(), office.contents()) == before


def test_what_is_only_to_be_shown_is_not_done(office):
    opened(office, "POST", NEW, write=True)
    before = office.contents()
    reply = try_(office, "POST", NEW, {"item": {"text": "No"}}, "?dry_run=true")
    assert (reply.status, "dry_run" in reply.json["description"]) == (400, True)
    assert office.contents() == before


def test_a_call_is_open_once_and_closed_by_being_revoked(office):
    id_ = opened(office, "POST", SEARCH)
    assert "is open already" in refused(lambda: opened(office, "POST", SEARCH, write=True))
    assert try_(office, "POST", SEARCH, {}).status == 200
    assert office.run(office.app.identities.revoke_token(id_)) is True
    assert try_(office, "POST", SEARCH, {}).status == 403
    opened(office, "POST", SEARCH)
    assert try_(office, "POST", SEARCH, {}).status == 200
    told = office.rows("SELECT after FROM audit WHERE target_id = ? ORDER BY id", id_)
    assert f'"name":"POST {SEARCH}"' in told[0][0]


def test_an_open_call_is_called_by_what_it_opens(office):
    id_ = opened(office, "POST", SEARCH)
    change = office.app.identities.change_token
    told = refused(lambda: office.run(change(id_, "Another", may_write=None)))
    assert "is called by what it opens" in told
    longest = "/api/v0/" + "x" * NAME_CHARS_MAX
    assert "over 500 characters" in refused(lambda: opened(office, "POST", longest))


def test_what_is_open_is_no_token(office):
    opened(office, "POST", SEARCH)
    assert try_(office, "POST", SEARCH, {}).status == 200  # and is remembered
    for token in (f"open POST {SEARCH}", f"Bearer open POST {SEARCH}", f"POST {SEARCH}"):
        assert office.ask("GET", "userinfo", token=token).status == 401


def test_a_call_may_do_no_more_than_its_user_and_no_token_may_have_a_session(office):
    opened(office, "POST", SEARCH)
    opened(office, "POST", "/api/v0/users/logout", write=True)
    opened(office, "GET", "/api/v0/workspaces/67a000000000000000000099/usages")
    assert try_(office, "POST", "/api/v0/users/logout").status == 403
    assert try_(office, "GET", "/api/v0/workspaces/67a000000000000000000099/usages").status == 404
    gone = "DELETE FROM members WHERE user_id = ? AND workspace_id = ?"
    numbers = "UPDATE workspaces SET people_number = people_number + 1"
    office.rows_changed(gone, BOB, W)
    office.rows_changed(numbers)
    office.clock.advance(ms=SESSION_RECHECK_MS)
    assert try_(office, "POST", SEARCH, {}).status in (401, 404)
    back = "INSERT INTO members (workspace_id, user_id, is_admin) VALUES (?, ?, 0)"
    office.rows_changed(back, W, BOB)
    office.rows_changed(numbers)
