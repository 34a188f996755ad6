"""Every route that the pages of the API document is there, and answers as the table of calls says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hikidashi.api.routing import Routes
from tests.api.calls_table import ROUTES, ROWS
from tests.api.rest import Reply
from tests.api.sealed import OURS, Sealed, Things, open_sealed

TABLE = Routes(ROUTES.values())
A, D = "applications/:app-id", "applications/:app-id/datastores/:datastore-id"
NOT_YET = {  # documented routes that are lacking, and what they wait for
}
WHOLE: dict[str, Callable[[Reply], bool]] = {  # of what has no keys
    "null": lambda reply: reply.body == b"null",
    "{}": lambda reply: reply.body == b"{}",
    "empty": lambda reply: reply.body == b"",
    "bytes": lambda reply: reply.body != b"" and "json" not in reply.headers["content-type"],
}


@pytest.fixture(scope="module")
def sealed(new_database, tmp_path_factory) -> Iterator[Sealed]:
    folder = tmp_path_factory.mktemp("documented")
    with open_sealed(new_database(folder), folder, ("kim",)) as one:
        yield one


def found(answer: Any, key: str) -> bool:
    """Whether an answer has a key, which may be a path."""
    for part in key.split("."):
        if isinstance(answer, list) and part.isdigit() and len(answer) > int(part):
            answer = answer[int(part)]
        elif isinstance(answer, dict) and answer and part == "*":
            answer = next(iter(answer.values()))
        elif isinstance(answer, dict) and part in answer:
            answer = answer[part]
        else:
            return False
    return True


def test_every_route_has_its_proper_call():
    assert ROWS.keys() == ROUTES.keys()
    meant = {}
    for name, one in ROWS.items():
        target = TABLE.find(one.method, one.path.partition("?")[0].split("/"))
        meant[name] = target and target.call.name
    assert meant == {name: name for name in ROWS}


def test_each_proper_call_is_answered_well(sealed):
    wrong = []
    for one in ROWS.values():
        reply = sealed.send(one, Things(sealed, OURS))
        has_key = WHOLE.get(one.key) or (lambda reply, key=one.key: found(reply.json, key))
        if reply.status != one.status or not has_key(reply):
            wrong.append((one.name, reply.status, reply.body))
    assert wrong == []


def test_what_is_not_there_yet_is_what_this_list_says(sealed):
    there = []
    for route in NOT_YET:
        method, path = route.split(" ")
        path = path if path[0] == "/" else f"/api/v0/{path}"
        if TABLE.find(method, path.split("/")) is not None:
            there.append(route)
        assert sealed.call(method, path, {}, user="kim").status == 404, route
    assert there == []
