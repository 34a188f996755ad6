"""Applications to be changed by calls, opened once for each engine and file of tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.rest import Rest
from tests.deterministic import FixedClock, fixed_ids

WORLD = Path(__file__).parent.parent / "worlds" / "design.yaml"
WORKSPACE = "64d7afb1cc1351eb97f30001"
APP = "/api/v0/applications/FIELDS"
A = f"{APP}/datastores/CARS"
D = "/api/v0/datastores/64d7b36da69d9d2795450001"
W = f"/api/v0/workspaces/{WORKSPACE}"
NOBODY = "6" * 24  # an id that nothing has


@pytest.fixture(scope="module")
def design(new_database, tmp_path_factory) -> Iterator[Rest]:
    """The application with the world of designs in it."""
    clock = FixedClock()
    with asyncio.Runner() as runner:
        folder = tmp_path_factory.mktemp("design")
        files = str(folder / "files")
        made = Rest(new_database(folder), clock, fixed_ids(clock), runner, WORLD, A, files=files)
        for name in ("ann", "bob", "eve"):
            made.token(name)
        yield made
        made.close()
