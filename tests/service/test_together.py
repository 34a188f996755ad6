"""Reads that come at once are done at once, and each has its own outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from hikidashi.core.access import Identity
from hikidashi.core.errors import FaultError, no_item
from tests.served import Served

ANN, BOB = Identity("ann", "w"), Identity("bob", "w")


@pytest.fixture
def served(new_database, tmp_path) -> Iterator[Served]:
    """A database with nothing in it."""
    one = Served(new_database(tmp_path))
    yield one
    one.close()


def ask_all(served, look, *asked):
    """What comes of each, asked for in one turn."""

    async def ask():
        reads = [served.app.read_together(identity, one, look) for identity, one in asked]
        return await asyncio.gather(*reads, return_exceptions=True)

    return served.run(ask())


def test_what_comes_at_once_is_one_read_and_a_fault_is_of_one_alone(served):
    looked = []

    def look(connection, asked):
        looked.append([(identity.user, one) for identity, one in asked])
        counted = connection.query("SELECT count(*) FROM workspaces")[0][0]
        return [no_item("x") if one == "hidden" else (one, counted) for _, one in asked]

    told = ask_all(served, look, (ANN, "a"), (BOB, "hidden"), (BOB, "b"))
    assert looked == [[("ann", "a"), ("bob", "hidden"), ("bob", "b")]]
    assert (told[0], told[2]) == (("a", 0), ("b", 0))
    assert isinstance(told[1], FaultError)
    assert ask_all(served, look, (ANN, "c")) == [("c", 0)]


def test_one_that_spoils_a_read_spoils_only_its_own(served):
    def look(connection, asked):
        given = [one for _, one in asked]
        if "bad" in given:
            connection.query("SELECT nothing FROM nowhere")
        return given

    told = ask_all(served, look, (ANN, "a"), (ANN, "bad"), (BOB, "b"))
    assert (told[0], told[2]) == ("a", "b")
    assert isinstance(told[1], Exception)


def test_kinds_are_kept_apart_and_whoever_left_is_told_nothing(served):
    def double(_, asked):
        return [2 * one for _, one in asked]

    def negate(_, asked):
        return [-one for _, one in asked]

    async def ask():
        read = served.app.read_together
        gone = asyncio.ensure_future(read(ANN, 1, double))
        others = [asyncio.ensure_future(read(ANN, 3, fn)) for fn in (double, negate)]
        await asyncio.sleep(0)
        gone.cancel()
        return await asyncio.gather(gone, *others, return_exceptions=True)

    told = served.run(ask())
    assert isinstance(told[0], asyncio.CancelledError)
    assert told[1:] == [6, -3]
