"""The papers, opened once for each engine and file of tests, with their bytes in a folder."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from hikidashi.bootstrap import build
from hikidashi.config import load_config
from hikidashi.service.schema import schema_apply
from tests.deterministic import FixedClock, fixed_ids
from tests.files.papers import Papers
from tests.waiting import first_line

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


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[psutil.Process, int]]:
    """A server of its own, with its port."""
    database = f"sqlite:///{tmp_path / 'papers.db'}"

    async def make() -> None:
        app = build(load_config({"HIKIDASHI_DATABASE": database}))
        await app.open()
        await schema_apply(app.store, app.ids, app.clock, WORLD)
        await app.close()

    asyncio.run(make())
    words = [sys.executable, "-m", "hikidashi", "--database", database, "serve", "--port", "0"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:(\d+)", first_line(process))
        assert found
        yield psutil.Process(process.pid), int(found[1])
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()
