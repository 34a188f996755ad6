"""The machinery of the tests themselves: both engines are really there."""

from __future__ import annotations

import apsw
import psycopg
import pytest

from hikidashi.bootstrap import open_engine
from hikidashi.config import Config
from hikidashi.core import values
from hikidashi.core.kinds import Option
from hikidashi.storage.migrate import list_migrations, read_version


def test_an_empty_database_is_empty_and_of_the_engine_named(engine_name, empty_url):
    if engine_name == "sqlite":
        connection = apsw.Connection(empty_url.removeprefix("sqlite:///"))
        assert list(connection.execute("SELECT name FROM sqlite_schema")) == []
        return
    with psycopg.connect(empty_url) as postgres:
        tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        assert postgres.execute(tables).fetchall() == []
        assert postgres.execute("SHOW server_encoding").fetchone() == ("UTF8",)


def test_a_fresh_database_has_every_system_table_and_nobody_in_them(engine_url):
    engine = open_engine(Config(database=engine_url))
    connection = engine.connect()
    assert read_version(connection) == list_migrations(engine.name)[-1][0]
    assert connection.query("SELECT key FROM meta") == [("schema_version",)]
    for table in ("workspaces", "users", "definitions", "histories"):
        assert connection.query(f"SELECT 1 FROM {table}") == []
    connection.close()
    engine.close()


def test_databases_of_one_test_are_apart(new_database, tmp_path):
    assert new_database(tmp_path) != new_database(tmp_path)


def test_records_are_frozen_in_tests():
    option = Option("0" * 24, "a", {"en": "A"})
    with pytest.raises(AttributeError):
        option.id = "1"


def test_the_clock_moves_only_when_told(clock):
    before = clock.now_ms()
    assert clock.now_ms() == before
    clock.advance(minutes=1, ms=5)
    assert clock.now_ms() == before + 60_005
    clock.set("2030-01-01")
    assert values.format_instant(clock.now_ms()) == "2030-01-01T00:00:00.000Z"


def test_ids_are_the_same_in_every_run(ids, clock):
    seconds = f"{clock.now_ms() // 1000:08x}"
    assert [ids.next_id(), ids.next_id()] == [
        f"{seconds}0000000000000001",
        f"{seconds}0000000000000002",
    ]
