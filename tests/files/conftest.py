"""The papers, opened once for each engine and file of tests, with their bytes in a folder."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deterministic import FixedClock, fixed_ids
from tests.files.papers import Papers

WORLD = Path(__file__).parent.parent / "worlds" / "papers.yaml"
BYTES_MAX = 20_000


@pytest.fixture(scope="module")
def opened(new_database, tmp_path_factory) -> Iterator[Papers]:
    """The application with the papers in it; a file has at most 20,000 bytes."""
    clock = FixedClock()
    with asyncio.Runner() as runner:
        folder = tmp_path_factory.mktemp("papers")
        settings = {"files": str(folder / "bytes"), "file_bytes_max": BYTES_MAX}
        url = new_database(folder)
        made = Papers(url, clock, fixed_ids(clock), runner, WORLD, Papers.BASE, **settings)
        made.folder = folder / "bytes"
        yield made
        made.close()


@pytest.fixture
def papers(opened: Papers) -> Papers:
    """The same, with nothing in it yet."""
    opened.empty()
    shutil.rmtree(opened.folder, ignore_errors=True)
    return opened
