"""Reads that come at once are done at once, and each has its own outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from hikidashi.core.access import Identity
from hikidashi.core.errors import FaultError, FaultKind, no_item
from hikidashi.service.schema import loads, schema_apply
from hikidashi.storage.engines import OutdatedSchemaError
from hikidashi.storage.people import find_account
from tests.served import Served

WORLD = """
workspaces:
  - name: W
    users: [{email: ann@x.test, name: Ann}, {email: bob@x.test, name: Bob}]
"""


@pytest.fixture
def served(new_database, tmp_path) -> Iterator[Served]:
    """A workspace with two people in it."""
    one = Served(new_database(tmp_path))
    one.run(schema_apply(one.app.store, one.app.ids, one.app.clock, loads(WORLD)))
    yield one
    one.close()


@pytest.fixture
def ann(served) -> Identity:
    return find(served, "ann@x.test")


@pytest.fixture
def bob(served) -> Identity:
    return find(served, "bob@x.test")


def find(served, email):
    def look(connection):
        workspace = connection.query("SELECT id FROM workspaces")[0][0]
        return Identity(find_account(connection, email).user, workspace)

    return served.run(served.app.store.read(look))


def ask_all(served, look, *asked):
    """What comes of each, asked for in one turn."""

    async def ask():
        reads = [served.app.read_together(identity, one, look) for identity, one in asked]
        return await asyncio.gather(*reads, return_exceptions=True)

    return served.run(ask())


def test_what_comes_at_once_is_one_read_and_a_fault_is_of_one_alone(served, ann, bob):
    looked = []

    def look(asked):
        looked.append([(view.actor.name, one) for view, one in asked])
        counted = asked[0][0].connection.query("SELECT count(*) FROM workspaces")[0][0]
        return [no_item("x") if one == "hidden" else (one, counted) for _, one in asked]

    told = ask_all(served, look, (ann, "a"), (bob, "hidden"), (bob, "b"))
    assert looked == [[("Ann", "a"), ("Bob", "hidden"), ("Bob", "b")]]
    assert (told[0], told[2]) == (("a", 1), ("b", 1))
    assert isinstance(told[1], FaultError)
    assert ask_all(served, look, (ann, "c")) == [("c", 1)]


def test_who_may_look_at_nothing_is_told_so_alone(served, ann):
    def look(asked):
        return [view.actor.name for view, _ in asked]

    stranger = Identity("nobody", ann.workspace)
    told = ask_all(served, look, (stranger, "a"), (ann, "b"), (Identity("ann", "nowhere"), "c"))
    assert told[1] == "Ann"
    assert [one.kind for one in (told[0], told[2])] == [FaultKind.UNAUTHORIZED] * 2


def test_a_read_under_definitions_that_have_moved_is_done_again(served, ann):
    looked = []

    def look(asked):
        looked.append(len(asked))
        if len(looked) == 1:
            raise OutdatedSchemaError("no such column")
        return [one for _, one in asked]

    assert ask_all(served, look, (ann, "a"), (ann, "b")) == ["a", "b"]
    assert looked == [2, 2]


def test_one_that_spoils_a_read_spoils_only_its_own(served, ann, bob):
    def look(asked):
        given = [one for _, one in asked]
        if "bad" in given:
            raise ValueError(given)
        return given

    told = ask_all(served, look, (ann, "a"), (ann, "bad"), (bob, "b"))
    assert (told[0], told[2]) == ("a", "b")
    assert isinstance(told[1], Exception)


def test_kinds_are_kept_apart_and_whoever_left_is_told_nothing(served, ann):
    def double(asked):
        return [2 * one for _, one in asked]

    def negate(asked):
        return [-one for _, one in asked]

    async def ask():
        read = served.app.read_together
        gone = asyncio.ensure_future(read(ann, 1, double))
        others = [asyncio.ensure_future(read(ann, 3, fn)) for fn in (double, negate)]
        await asyncio.sleep(0)
        gone.cancel()
        return await asyncio.gather(gone, *others, return_exceptions=True)

    told = served.run(ask())
    assert isinstance(told[0], asyncio.CancelledError)
    assert told[1:] == [6, -3]
