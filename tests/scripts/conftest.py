"""The shop with scripts, opened once for each engine and file of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.scripts.world import schema
from tests.writes.client import Client


@pytest.fixture(scope="module")
def shop(new_database, tmp_path_factory) -> Iterator[Client]:
    """The application with the shop in it."""
    client = Client(new_database(tmp_path_factory.mktemp("shop")), schema())
    yield client
    client.served.close()
