"""SQLite: of the file, what is mapped belongs to those who look for single items and pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from hikidashi.storage.engines.sqlite import MAPPED_BYTES_MAX, SqliteEngine


@pytest.mark.parametrize(
    ("read_only", "whole", "mapped"),
    [(True, False, MAPPED_BYTES_MAX), (True, True, 0), (False, False, 0)],
    ids=["short reads", "long reads", "writes"],
)
def test_only_short_reads_map_the_file(tmp_path: Path, read_only, whole, mapped):
    engine = SqliteEngine(str(tmp_path / "a.db"))
    writer = engine.connect()
    writer.run_script("CREATE TABLE t (n INTEGER PRIMARY KEY, word TEXT)")
    connection = engine.connect(read_only=read_only, whole=whole)
    try:
        assert connection.query("PRAGMA mmap_size") == [(mapped,)]
        for at in range(3):
            writer.query("INSERT INTO t (word) VALUES (?)", (str(at) * 10_000,))
            writer.query("PRAGMA wal_checkpoint(TRUNCATE)")
            assert len(connection.query("SELECT word FROM t")) == at + 1
    finally:
        connection.close()
        writer.close()
