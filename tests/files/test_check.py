"""`hikidashi check` tells where rows and bytes of files disagree; a copy names their folder."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner

from hikidashi.bootstrap import SystemClock, make_ids
from hikidashi.cli import cli
from hikidashi.storage.objects import Objects
from tests.files.conftest import WORLD
from tests.files.papers import Papers


@pytest.fixture
def place(engine_url: str, tmp_path: Path):
    """A database that holds two files, and the folder of their bytes; nobody serves it."""
    folder = tmp_path / "bytes"
    clock = SystemClock()
    with asyncio.Runner() as runner:
        papers = Papers(
            engine_url, clock, make_ids(clock), runner, WORLD, Papers.BASE, files=str(folder)
        )
        files = [papers.stored(b"one"), papers.stored(b"two")]
        papers.make(scans=files)
        name = papers.app.store.name
        papers.close()
    return engine_url, folder, files, Objects(str(folder), name)


def check(url: str, folder: Path, *words: str) -> tuple[int, list[str]]:
    """Exit code and what was found of files."""
    given = {"HIKIDASHI_DATABASE": url, "HIKIDASHI_FILES": str(folder)}
    result = CliRunner().invoke(cli, ["check", *words], env=given)
    lines = result.output.splitlines()
    return result.exit_code, [one for one in lines if "files" in one or "objects" in one]


def test_all_is_well(place):
    url, folder, _, _ = place
    code, told = check(url, folder)
    assert told[0] == f"ok    files are kept in {folder}"
    assert not [one for one in told if one.startswith("wrong")]
    assert code in (0, 3)  # the tests' PostgreSQL does without fsync


def test_missing_bytes_are_told(place):
    url, folder, (one, two), _ = place
    [first] = folder.rglob(one)
    first.unlink()
    [second] = folder.rglob(two)
    second.write_bytes(b"t")
    code, told = check(url, folder)
    assert code == 3
    assert f"wrong 2 files lack their bytes, or some of them: {one}, {two}" in told


def test_bytes_that_belong_to_no_file_are_told_once_their_upload_is_over(place):
    url, folder, _, objects = place
    for id_ in ("5" * 24, make_ids(SystemClock()).next_id()):
        staged = objects.stage()
        staged.write(b"stray")
        objects.put(id_, staged)
    code, told = check(url, folder)
    assert code == 3
    assert "wrong 1 objects, 5 bytes, belong to no file" in told


def test_a_folder_that_is_not_there_is_told(place, tmp_path):
    url, _, files, _ = place
    code, told = check(url, tmp_path / "elsewhere")
    assert code == 3
    assert told[0].endswith("which is made with the first one")
    assert any(f"{len(files)} files lack their bytes" in one for one in told)


def test_a_backup_says_what_is_to_be_copied_too(tmp_path):
    database = tmp_path / "papers.db"
    (tmp_path / "files").mkdir()
    given = {"HIKIDASHI_DATABASE": f"sqlite:///{database}"}
    clock = SystemClock()
    with asyncio.Runner() as runner:
        url = given["HIKIDASHI_DATABASE"]
        Papers(url, clock, make_ids(clock), runner, WORLD, Papers.BASE).close()
    told = (
        CliRunner()
        .invoke(cli, ["backup", "--sqlite-copy", str(tmp_path / "copy.db")], env=given)
        .output
    )
    assert f"uploaded files are not in it: copy {tmp_path / 'files'} now, too" in told
