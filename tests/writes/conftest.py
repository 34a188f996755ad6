"""The nest, opened once for each engine."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deterministic import FixedClock, fixed_ids
from tests.writes.nest import Nest

WORLD = Path(__file__).parent.parent / "worlds" / "nest.yaml"


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
