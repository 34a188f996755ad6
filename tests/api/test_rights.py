"""Who may do what with people: the table of the documents, tried cell by cell."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hikidashi.api.hexabase_rest import groups, members, roles, workspaces
from tests.api.doors_table import FORM
from tests.api.office import KIM, Office, open_office
from tests.api.rest import Reply
from tests.api.rights_table import TRIES, Try

PAGE = Path(__file__).parents[2] / "docs" / "semantics.md"
CALLERS = ("administrator", "`ADMIN`", "`MEMBER`", "nobody", "token", "stranger")
USERS = dict(zip(CALLERS, ("ann", "bob", "eve", "gus", "", "zoe"), strict=True))
STATUS = {"yes": 200, "own": 200, "403": 403, "404": 404}
OURS = (b"Ann", b"Bob", b"Sales", b"ann@", b"bob@")  # what no stranger is told


def told() -> dict[str, dict[str, str]]:
    """The cells of each call, by caller."""
    found = {}
    text = PAGE.read_text(encoding="utf-8").split("## Who may do what")[1].split("\n## ")[0]
    heads: list[str] = []
    for line in text.splitlines():
        if not line.startswith("|") or line.startswith("|---"):
            continue
        cells = [one.strip() for one in line.strip("|").split("|")]
        if not heads:
            heads = cells[1:]
            continue
        for call in re.findall(r"`(\w+)`", cells[0]):
            found[call] = dict(zip(heads, cells[1:], strict=True))
    return found


TOLD = told()


@pytest.fixture(scope="module")
def office(new_database, tmp_path_factory) -> Iterator[Office]:
    with open_office(new_database(tmp_path_factory.mktemp("office"))) as one:
        one.token("gus")
        one.reading = one.make_token(KIM, may_write=False)
        yield one


def send(office: Office, one: Try, caller: str, group: str) -> Reply:
    more = {"user": USERS.get(caller, "")}
    if not more["user"]:
        more = {"token": office.reading if caller == "token" else ""}
    path = one.path.replace("@group", group)
    body = one.body
    if isinstance(body, bytes):
        more["headers"] = FORM
    elif body is not None:
        body = json.dumps(body).encode()
    if body is not None:
        body = body.replace(b"@n", office.fresh().encode()).replace(b"@group", group.encode())
    reply = office.ask(one.method, path, body, **more)
    if caller in ("stranger", ""):
        assert not any(word in reply.body for word in OURS), reply.body
    return reply


def test_the_table_tells_of_every_call_and_every_caller():
    parts = (groups, roles, members, workspaces)
    calls = {one.name for part in parts for one in part.CALLS}
    assert TOLD.keys() == calls
    assert {one.call for one in TRIES} == calls
    assert all(tuple(one) == CALLERS for one in TOLD.values())
    assert {cell for one in TOLD.values() for cell in one.values()} <= STATUS.keys()


@pytest.mark.parametrize("one", TRIES, ids=lambda one: one.call)
def test_each_caller_gets_what_the_table_says(office, one):
    cells = TOLD[one.call]
    group = office.make_group() if "@group" in f"{one.path}{one.body}" else ""
    if one.call == "RemoveUser":
        office.done("POST", "users", {"email": "bob@office.test", "g_id": group})
    refused = [caller for caller in CALLERS if cells[caller] in ("403", "404")]
    before = office.kept()
    assert send(office, one, "", group).status == 401
    answers = {caller: send(office, one, caller, group).status for caller in refused}
    assert office.kept() == before
    for caller in CALLERS:
        if caller not in refused:
            answers[caller] = send(office, one, caller, group).status
    assert answers == {caller: STATUS[cell] for caller, cell in cells.items()}
