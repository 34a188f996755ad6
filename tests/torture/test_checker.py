"""The checker finds what it is there to find."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace

import pytest

from hikidashi.core.commands import TakeNumber

from .checker import check
from .doors import StoreDoor
from .kills import look
from .ledger import Attempt, Ledger, Reply, Verdict
from .load import Load, run_clients
from .state import State
from .world import World, build_world, make_engine, make_store

Spoil = Callable[[State, Ledger], None]
Made = tuple[State, World, Ledger]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A database after a short load, and what the driver was told."""
    url = f"sqlite:///{tmp_path_factory.mktemp('checker') / 'torture.db'}"
    return asyncio.run(_make(url))


async def _make(url: str) -> Made:
    rng = random.Random(1)
    store = make_store(make_engine(url), rng)
    await store.open()
    try:
        world = await build_world(store, rng)
        ledger = Ledger()
        doors = [StoreDoor(store, world.me) for _ in range(4)]
        await run_clients(Load(1, ledger), list(doors), 60.0, 60)
        return look(store.engine, world), world, ledger
    finally:
        await store.close()


def _a_done(ledger: Ledger, kind: str) -> Attempt:
    return next(
        one for one in ledger.attempts if one.kind == kind and one.reply.verdict is Verdict.DONE
    )


def _lose_item(state: State, ledger: Ledger) -> None:
    state.items.popitem()


def _lose_history(state: State, ledger: Ledger) -> None:
    next(rows for rows in state.histories.values() if len(rows) > 1).pop()


def _lose_event(state: State, ledger: Ledger) -> None:
    next(rows for rows in state.events.values() if len(rows) > 1).pop(0)


def _lose_link(state: State, ledger: Ledger) -> None:
    state.links.pop()


def _lose_write(state: State, ledger: Ledger) -> None:
    mark = _a_done(ledger, "create").mark
    item = next(id_ for id_, rows in state.histories.items() if rows[0].comment == mark)
    for table in (state.items, state.histories, state.events):
        table.pop(item, None)


def _lose_child(state: State, ledger: Ledger) -> None:
    mark = next(one for one in ledger.attempts if one.kind == "create" and one.children).mark
    item = next(
        id_
        for id_, rows in state.histories.items()
        if str(next(iter(rows[0].changes.values()))[1]).startswith(f"{mark}.")
    )
    for table in (state.items, state.histories, state.events):
        table.pop(item, None)


def _change_value(state: State, ledger: Ledger) -> None:
    id_, item = next(iter(state.items.items()))
    state.items[id_] = replace(item, values={**item.values, next(iter(item.values)): "other"})


def _raise_revision(state: State, ledger: Ledger) -> None:
    id_, item = next(iter(state.items.items()))
    state.items[id_] = replace(item, rev=item.rev + 1)


def _hang_link(state: State, ledger: Ledger) -> None:
    state.links.append((next(iter(state.items)), "0" * 24, "link", "1" * 24, "2" * 24))


def _hold_twice(state: State, ledger: Ledger) -> None:
    (name,) = {one for names in state.unique.values() for one in names if one} & {
        key
        for item in state.items.values()
        for key, value in item.values.items()
        if str(value).startswith("code-") and item.datastore == next(iter(state.unique))
    }
    holders = [one for one in state.items.values() if one.datastore == next(iter(state.unique))]
    for item in holders[:2]:
        state.items[item.id] = replace(item, values={**item.values, name: "code-x"})


def _skip_number(state: State, ledger: Ledger) -> None:
    key = next(key for key, last in state.counters.items() if key[1] == "-" and last > 1)
    state.counters[key] += 1


def _give_number_twice(state: State, ledger: Ledger) -> None:
    taken = [
        one
        for one in ledger.attempts
        if isinstance(one.command, TakeNumber) and one.command.branch == "a"
    ]
    taken[0].reply = replace(taken[0].reply, number=taken[1].reply.number)


def _turn_back_counter(state: State, ledger: Ledger) -> None:
    key = next(key for key, last in state.counters.items() if key[1] == "+a")
    state.counters[key] -= 1


def _claim_refusal(state: State, ledger: Ledger) -> None:
    _a_done(ledger, "create").reply = Reply(Verdict.REFUSED, 400)


def _claim_another_history(state: State, ledger: Ledger) -> None:
    one = _a_done(ledger, "force")
    one.reply = replace(one.reply, history="0" * 24)


def _answer_500(state: State, ledger: Ledger) -> None:
    one = _a_done(ledger, "force")
    ledger.end(one, Reply(Verdict.UNKNOWN, 500, "oh"))


def _do_twice(state: State, ledger: Ledger) -> None:
    rows = next(rows for rows in state.histories.values() if len(rows) > 2)
    rows[2] = rows[2]._replace(comment=rows[0].comment)


SPOILS: tuple[tuple[Spoil, str], ...] = (
    (_lose_item, "its history says otherwise"),
    (_lose_history, "rev"),
    (_lose_event, "gap in its events"),
    (_lose_link, "missing"),
    (_lose_write, "was acknowledged and is missing"),
    (_lose_child, "is half there"),
    (_change_value, "the row holds"),
    (_raise_revision, "rev"),
    (_hang_link, "hangs in the air"),
    (_hold_twice, "is held by"),
    (_skip_number, "numbers to"),
    (_give_number_twice, "were given twice"),
    (_turn_back_counter, "the counter stands at"),
    (_claim_refusal, "was refused"),
    (_claim_another_history, "answered"),
    (_answer_500, "500"),
    (_do_twice, "was done twice"),
)


def test_a_sound_database_has_no_problem(made: Made):
    assert check(*made) == []


@pytest.mark.parametrize(("spoil", "told"), SPOILS, ids=[one.__name__[1:] for one, _ in SPOILS])
def test_a_spoiled_database_is_found_out(made: Made, spoil: Spoil, told: str):
    state, world, ledger = made
    state, ledger = deepcopy(state), deepcopy(ledger)
    spoil(state, ledger)
    assert [one for one in check(state, world, ledger) if told in one]
