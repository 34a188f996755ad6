"""The nest, opened once for each engine."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deterministic import FixedClock, fixed_ids
from tests.writes.ground import Ground
from tests.writes.nest import Nest
from tests.writes.rules import Rules

WORLD = Path(__file__).parent.parent / "worlds" / "nest.yaml"
RULES = WORLD.with_name("rules.yaml")


@pytest.fixture(scope="session")
def opened(new_database, tmp_path_factory) -> Iterator[Nest]:
    """The application with the nest in it."""
    clock = FixedClock()
    with asyncio.Runner() as runner:
        url = new_database(tmp_path_factory.mktemp("nest"))
        made = Nest(url, clock, fixed_ids(clock), runner, WORLD, Nest.BASE)
        yield made
        made.close()


@pytest.fixture
def nest(opened) -> Nest:
    """The same, with nothing in it yet."""
    opened.empty()
    return opened


@pytest.fixture(scope="session")
def held_ground(opened) -> Ground:
    """The nest with some items, for those who may not change them."""
    return Ground(opened)


@pytest.fixture
def ground(held_ground) -> Ground:
    """The same, whole again if a test has spoilt it."""
    if not held_ground.before or held_ground.times_emptied != held_ground.nest.times_emptied:
        held_ground.make()
    return held_ground


@pytest.fixture(scope="session")
def opened_rules(new_database, tmp_path_factory) -> Iterator[Rules]:
    """A world in which items are linked by rule."""
    clock = FixedClock()
    with asyncio.Runner() as runner:
        url = new_database(tmp_path_factory.mktemp("rules"))
        made = Rules(url, clock, fixed_ids(clock), runner, RULES, "")
        yield made
        made.close()


@pytest.fixture
def rules(opened_rules) -> Rules:
    """The same, where nothing has happened yet."""
    opened_rules.drain()
    opened_rules.empty()
    return opened_rules
