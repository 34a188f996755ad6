"""Changes, which are transactions of their own: where they run, and what is left of one that fails."""

from __future__ import annotations

import asyncio
import threading

import pytest

from hikidashi.storage.engines import Connection
from tests.worlds import World, world

__all__ = ["world"]  # a fixture

NOTED = "SELECT value FROM meta WHERE key = 'noted'"


def note(connection: Connection) -> int:
    connection.query("INSERT INTO meta (key, value) VALUES ('noted', 'once')")
    return threading.get_ident()


@pytest.mark.parametrize("is_brief", [True, False], ids=["brief", "long"])
def test_a_brief_change_has_the_event_loop_and_a_long_one_a_thread(
    world: World, runner: asyncio.Runner, is_brief: bool
) -> None:
    store = world.app.store
    ran_on = runner.run(store.change(note, is_brief=is_brief))
    assert (ran_on == threading.get_ident()) == is_brief
    assert runner.run(store.read(lambda one: one.query(NOTED))) == [("once",)]


@pytest.mark.parametrize("is_brief", [True, False], ids=["brief", "long"])
def test_a_change_that_fails_leaves_nothing_and_holds_up_nobody(
    world: World, runner: asyncio.Runner, is_brief: bool
) -> None:
    store = world.app.store

    def fail(connection: Connection) -> None:
        note(connection)
        raise KeyError("on purpose")

    with pytest.raises(KeyError, match="on purpose"):
        runner.run(store.change(fail, is_brief=is_brief))
    assert runner.run(store.read(lambda one: one.query(NOTED))) == []
    runner.run(store.change(note, is_brief=is_brief))
    assert runner.run(store.read(lambda one: one.query(NOTED))) == [("once",)]
