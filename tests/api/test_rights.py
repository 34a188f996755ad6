"""Who may make which call: the table of the documents, tried cell by cell."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hikidashi.core.access import Identity
from tests.api.calls_table import ROUTES, ROWS, Proper
from tests.api.rest import Reply
from tests.api.sealed import OURS, Sealed, Things, id_in, open_sealed

PAGE = Path(__file__).parents[2] / "docs" / "rights.md"
USERS = {  # who calls; "": nobody, or a token of Kim's
    "anonymous": "",
    "nobody": "gus",
    "`MEMBER`": "eve",
    "`ADMIN`": "dan",
    "administrator": "ann",
    "token": "",
    "reading token": "",
    "stranger": "zoe",
}
CALLERS = tuple(USERS)
REFUSED = ("400", "401", "403", "404", "error")
KEPT = (
    *("workspaces", "definitions", "users", "members", "group_members", "user_roles"),
    *("group_roles", "tokens", "audit", "mails", "confirmations", "templates", "jobs", "links"),
    *("histories", "files", "uploads", "file_numbers", "reserved_items", "counters"),
    *("end_users", "end_sessions"),
)
ITEMS = f"SELECT id, rev, seq, acl FROM i_{id_in(OURS, 'e1')}"
OWN = {"$me", "$address", "$password", "$comment", "$reserved", "$import", "$task", "$loose"}
NAMES = (b"Ann", b"Kim", b"Eve", b"ann@", b"kim@", b"eve@", b"words")  # of ours


def told() -> dict[str, dict[str, str]]:
    """The cells of each call, by caller."""
    found: dict[str, dict[str, str]] = {}
    heads: list[str] = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("|") or line.startswith("|---"):
            continue
        cells = [one.strip() for one in line.strip("|").split("|")]
        if cells[0] == "call":
            heads = cells[1:]
            continue
        for call in re.findall(r"`([\w.-]+)`", cells[0]):
            assert call not in found, call
            found[call] = dict(zip(heads, cells[1:], strict=True))
    return found


TOLD = told()


class Callers:
    """The world, and each caller in it."""

    def __init__(self, sealed: Sealed) -> None:
        self.sealed = sealed
        user, workspace, project = (id_in(OURS, end) for end in ("a5", "f1", "c1"))
        self._tokens = {"anonymous": ""}
        for caller, may_write in (("token", True), ("reading token", False)):
            identity = Identity(user, workspace, project, may_write)
            made = sealed.run(sealed.app.identities.create_token("test", identity))
            self._tokens[caller] = f"Bearer {made[1]}"

    def things(
        self, one: Proper, caller: str, shared: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """What the words of a call stand for when a caller says them; what is `shared` is anybody's."""
        things = Things(self.sealed, OURS, USERS[caller], by_id=True)
        things.update({word: meant for word, meant in (shared or {}).items() if word not in OWN})
        return {word: things[word] for word in one.words}

    def status(self, one: Proper, caller: str, words: dict[str, Any]) -> str:
        """How a caller is answered."""
        token = self._tokens.get(caller)
        if token is None and one.auth == "hottask":
            token = f"Bearer {self.sealed.token(USERS[caller])}"
        more = {} if token is None else {"token": token}
        reply = self.sealed.send(one, words, USERS[caller] or "kim", **more)
        if caller in ("stranger", "anonymous") and one.auth != "none":
            assert not any(word in reply.body for word in NAMES), (one, reply.body)
        return self._said(one, reply)

    @staticmethod
    def _said(one: Proper, reply: Reply) -> str:
        if one.name == "ExecuteBatchAction" and reply.status == 200 and not reply.json["results"]:
            return "error"
        is_envelope = one.name.startswith("hottask") and reply.body.startswith(b'{"Data"')
        status = reply.json["Code"] if is_envelope else reply.status
        return "yes" if status == one.status else str(status)

    def kept(self) -> list[Any]:
        """All that the database holds of what calls may change, in no order."""
        reads = [ITEMS, *(f"SELECT * FROM {one}" for one in KEPT)]
        return [Counter(self.sealed.rows(one)) for one in reads]


@pytest.fixture(scope="module")
def callers(new_database, tmp_path_factory) -> Iterator[Callers]:
    folder = tmp_path_factory.mktemp("rights")
    people = ("kim", *filter(None, USERS.values()))
    with open_sealed(new_database(folder), folder, people) as sealed:
        yield Callers(sealed)


def test_the_page_tells_of_every_route_and_every_caller():
    assert TOLD.keys() == ROUTES.keys()
    assert {tuple(one) for one in TOLD.values()} == {CALLERS}
    cells = {(caller, cell) for one in TOLD.values() for caller, cell in one.items()}
    assert {cell for _, cell in cells} <= {"yes", "own", *REFUSED}
    assert {caller for caller, cell in cells if cell == "own"} == {"stranger"}
    open_to_all = {name for name, one in TOLD.items() if set(one.values()) == {"yes"}}
    assert open_to_all == {name for name, one in ROUTES.items() if one.auth == "none"}


def test_each_caller_is_answered_as_the_page_says(callers):
    wrong = []
    for one in ROWS.values():
        cells = TOLD[one.name]
        if one.auth == "none":  # tokens are not looked at
            cells = {"anonymous": "yes"}
        refused = [caller for caller in cells if cells[caller] in REFUSED]
        shared = callers.things(one, "administrator")
        words = {caller: callers.things(one, caller, shared) for caller in refused}
        before = callers.kept() if one.writes else []
        answers = {caller: callers.status(one, caller, words[caller]) for caller in refused}
        assert not one.writes or callers.kept() == before, one
        for caller in cells.keys() - words.keys():
            meant = callers.things(one, caller, {} if one.writes else shared)
            answers[caller] = callers.status(one, caller, meant)
        wanted = {caller: "yes" if cell == "own" else cell for caller, cell in cells.items()}
        if answers != wanted:
            wrong.append((one.name, answers, wanted))
    assert wrong == []
