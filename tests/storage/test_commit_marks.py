"""PostgreSQL: the mark of a writer's last group is found again after its connection was lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hikidashi.storage.engines import Column, Insert, UnreachableError
from hikidashi.storage.engines.postgres import PostgresEngine
from hikidashi.storage.engines.postgres_connection import PostgresConnection
from hikidashi.storage.migrate import migrate
from tests.conftest import Databases

META = Insert(
    "meta", (Column("key", "text"), Column("value", "text")), [("k", "v")], ("key",), ("value",)
)


@pytest.fixture
def url(databases: Databases) -> Iterator[str]:
    made = databases.create()
    yield made
    databases.drop(made)


def commit_group(connection: PostgresConnection, group: str) -> None:
    connection.begin()
    connection.query("SELECT 1")
    connection.write_and_commit([META], group)


def test_a_writer_keeps_its_mark_over_connections_and_has_it_alone(url: str) -> None:
    """A backend's pid would not do: after a restart of the server another writer may have it."""
    engine = PostgresEngine(url)
    one, other = engine.connect(), engine.connect()
    migrate(engine, one)
    try:
        commit_group(one, "first")
        commit_group(other, "second")
        pid = one.query("SELECT pg_backend_pid()")[0][0]
        other.query("SELECT pg_terminate_backend(?, 5000)", (pid,))
        with pytest.raises(UnreachableError, match=r"terminat|closed|lost"):
            one.query("SELECT 1")
        assert one.query("SELECT pg_backend_pid()")[0][0] != pid
        marks = one.query("SELECT writer_id, group_id FROM commits")
        assert sorted(group for _, group in marks) == ["first", "second"]
        commit_group(one, "third")
        after = one.query("SELECT writer_id, group_id FROM commits")
        assert sorted(group for _, group in after) == ["second", "third"]
        assert {writer for writer, _ in after} == {writer for writer, _ in marks}
    finally:
        one.close()
        other.close()


def test_a_group_that_writes_nothing_leaves_no_mark(url: str) -> None:
    connection = PostgresEngine(url).connect()
    migrate(PostgresEngine(url), connection)
    try:
        connection.begin()
        connection.query("SELECT 1")
        connection.write_and_commit([META._replace(rows=[])], "empty")
        assert connection.query("SELECT count(*) FROM commits") == [(0,)]
        connection.begin()
        connection.write([META])
        connection.write_and_commit([], "written step by step")
        assert connection.query("SELECT group_id FROM commits") == [("written step by step",)]
    finally:
        connection.close()
