"""The cars, opened once for each engine and file of tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.api.rest import Rest
from tests.deterministic import FixedClock, fixed_ids


@pytest.fixture(scope="module")
def rest(new_database, tmp_path_factory) -> Iterator[Rest]:
    """The application with the cars in it; tests make the items they need."""
    clock = FixedClock()
    with asyncio.Runner() as runner:
        folder = tmp_path_factory.mktemp("cars")
        made = Rest(new_database(folder), clock, fixed_ids(clock), runner)
        for name in ("ann", "bob", "eve"):
            made.token(name)
        yield made
        made.close()
