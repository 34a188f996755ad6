"""What the torture needs in `make test`: one process that forks servers, a durable PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.postgres import Server, make_data_dir, start_postgres

from .servers import Spawner


@pytest.fixture(scope="session")
def spawner() -> Iterator[Spawner]:
    """Forks servers; none is left at the end."""
    with Spawner() as one:
        yield one


@pytest.fixture
def durable_postgres() -> Iterator[Server]:
    """A server of the test's own, which may be stopped."""
    server = start_postgres(make_data_dir(), durable=True)
    yield server
    server.destroy()
