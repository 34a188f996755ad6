"""Two processes over one PostgreSQL write what rules link, at the same time: the links are whole."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from hikidashi.core.ids import ObjectIds
from tests.waiting import drain
from tests.writes.rules import Rules


@pytest.fixture(scope="module")
def other(opened_rules) -> Iterator[Rules]:
    """The second process."""
    if opened_rules.app.config.engine == "sqlite":
        pytest.skip("one process alone serves SQLite")

    class Runner:
        run = opened_rules.run

    ids = ObjectIds(opened_rules.clock, process=1)
    made = Rules(
        opened_rules.app.config.database, opened_rules.clock, ids, Runner, opened_rules.world, ""
    )
    made.token("bob")
    yield made
    made.close()


@pytest.fixture
def both(rules, other) -> tuple[Rules, Rules]:
    rules.token("bob")
    return rules, other


async def write(rules: Rules, place: str, item: str, at_once: bool, **values) -> None:
    body = {"item": values, "is_force_update": True, "realtime_auto_link": at_once}
    path = rules.path(place, f"items/edit/{item}")
    reply = await rules.acall("POST", path, body, user="bob")
    assert reply.status == 200, reply.body


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "behind"])
def test_what_two_processes_write_at_the_same_time_is_linked_in_the_end(both, at_once):
    one, other = both
    customers = [one.make("CUSTOMERS") for _ in range(4)]
    orders = [one.make("ORDERS") for _ in range(4)]
    tasks = [one.make("TASKS") for _ in range(4)]

    async def run() -> None:
        for turn in range(3):
            work = []
            for at in range(4):
                key = f"{(at + turn) % 2}"
                work.append(write(one, "CUSTOMERS", customers[at], at_once, code=key))
                work.append(write(other, "ORDERS", orders[at], at_once, customer=key))
                work.append(write((one, other)[at % 2], "TASKS", tasks[at], at_once, topic=key))
            await asyncio.gather(*work, drain(one.app.events), drain(other.app.events))
        for _ in range(3):
            await asyncio.gather(drain(one.app.events), drain(other.app.events))

    one.run(run())
    assert one.links() == one.wanted()
    assert len(one.links()) == 16 + 4
