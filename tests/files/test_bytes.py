"""Bytes in a folder and in a bucket: put, read, listed and deleted alike."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from hikidashi.core.limits import FILE_WAIT_MS
from hikidashi.storage.objects import (
    MissingObjectError,
    Objects,
    ObjectsError,
    is_stray,
    span_of,
    spans_between,
)
from tests.deterministic import START_MS, FixedClock, fixed_ids
from tests.files.conftest import WORLD
from tests.files.papers import PNG, Papers
from tests.files.steps import get, id_of, link_path, upload

FILE = f"{START_MS // 1_000:08x}" + "0" * 16
OTHER = f"{START_MS // 1_000 + 100_000:08x}" + "1" * 16


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where files are kept."""
    if request.param == "folder":
        return str(tmp_path / "deep" / "files")
    return f"{request.getfixturevalue('bucket')}/{tmp_path.name}"


def put(objects: Objects, file: str, content: bytes) -> None:
    staged = objects.stage()
    try:
        staged.write(content)
        objects.put(file, staged)
    finally:
        objects.discard(staged)


def listed(objects: Objects) -> dict[str, int]:
    return {
        file: size
        for span in objects.spans()
        for some in objects.list_span(span)
        for file, size in some
    }


def test_what_was_put_is_read_listed_and_deleted(place):
    objects = Objects(place, "ours")
    assert listed(objects) == {}
    put(objects, FILE, PNG)
    put(objects, OTHER, b"")
    assert objects.read(FILE, 0, len(PNG)) == PNG
    assert objects.read(FILE, 3, 5) == PNG[3:8]
    assert objects.read(OTHER, 0, 0) == b""
    assert listed(objects) == {FILE: len(PNG), OTHER: 0}
    assert objects.spans() == [span_of(FILE), span_of(OTHER)]
    objects.delete([FILE, "2" * 24])
    objects.delete([FILE])
    assert listed(objects) == {OTHER: 0}


def test_what_is_missing_is_told_apart_from_what_is_out_of_reach(place):
    objects = Objects(place, "ours")
    if "://" not in place:
        with pytest.raises(ObjectsError):  # a disk that is not mounted
            objects.read(FILE, 0, 1)
    put(objects, FILE, b"short")
    with pytest.raises(MissingObjectError):
        objects.read(OTHER, 0, 1)
    with pytest.raises(MissingObjectError):
        objects.read(FILE, 0, 6)


def test_databases_share_a_place_without_seeing_each_other(place):
    ours, theirs = Objects(place, "ours"), Objects(place, "theirs")
    put(ours, FILE, b"ours")
    put(theirs, FILE, b"theirs")
    assert (ours.read(FILE, 0, 4), theirs.read(FILE, 0, 6)) == (b"ours", b"theirs")
    assert listed(ours) == {FILE: 4}
    theirs.delete([FILE])
    assert (listed(ours), listed(theirs)) == ({FILE: 4}, {})


def test_what_is_staged_and_discarded_leaves_nothing(place):
    objects = Objects(place, "ours")
    staged = objects.stage()
    staged.write(b"half")
    objects.discard(staged)
    assert listed(objects) == {}
    assert [one for one in Path(place).rglob("*") if one.is_file()] == []


def test_a_long_file_goes_to_a_bucket_in_parts(bucket):
    objects = Objects(f"{bucket}/long", "ours")
    content = os.urandom(1_000_000) * 12
    put(objects, FILE, content)
    assert objects.read(FILE, 0, len(content)) == content


def test_a_bucket_that_is_not_there_is_told_without_its_keys(bucket, monkeypatch):
    objects = Objects("s3://no-such-bucket", "ours")
    with pytest.raises(ObjectsError) as told:
        put(objects, FILE, b"x")
    assert "key" not in str(told.value).lower()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(ObjectsError):
        Objects(bucket, "ours").spans()


def test_a_file_is_durable_before_put_returns(tmp_path, monkeypatch):
    synced = []
    fsync = os.fsync

    def note(handle):
        synced.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        fsync(handle)

    if not Path("/proc/self/fd").exists():
        pytest.skip("names of open files are told by Linux only")
    objects = Objects(str(tmp_path / "files"), "ours")
    staged = objects.stage()
    staged.write(b"content")
    name = staged.name
    monkeypatch.setattr(os, "fsync", note)
    objects.put(FILE, staged)
    root = tmp_path / "files"
    folders = [root, root / "ours", root / "ours" / span_of(FILE)]
    assert synced == [name, *map(str, folders)]


def test_stretches_of_time_hold_all_ids_between_two_moments():
    day = 86_400_000
    spans = spans_between(START_MS, START_MS + 7 * day)
    assert span_of(FILE) == spans[0]
    assert span_of(OTHER) in spans
    assert len(spans) in (10, 11)
    assert not is_stray(FILE, START_MS + FILE_WAIT_MS)
    assert is_stray(FILE, START_MS + FILE_WAIT_MS + 1)
    assert is_stray("not an id", START_MS)


def test_an_application_keeps_its_files_in_a_bucket(engine_url, bucket):
    clock = FixedClock()
    with asyncio.Runner() as runner:
        place = f"{bucket}/{engine_url.partition(':')[0]}"
        papers = Papers(
            engine_url, clock, fixed_ids(clock), runner, WORLD, Papers.BASE, files=place
        )
        item = papers.make(name="a")
        content = os.urandom(100_000) * 60
        file = papers.file(item, content, name="long.bin")
        assert papers.edit(item, scans=[file]).status == 200
        assert papers.get(file).body == content
        assert papers.get(file, range="bytes=5999990-").body == content[-10:]
        number = upload(papers, content)
        assert get(papers, link_path(papers, number), range="bytes=5999990-").body == content[-10:]
        waits = papers.stored()
        objects = papers.app.files._objects
        announced = id_of(papers, number)
        assert listed(objects) == {file: len(content), announced: len(content), waits: 9}
        papers.sweep(after_days=2)
        assert listed(objects) == {file: len(content)}
        papers.close()
