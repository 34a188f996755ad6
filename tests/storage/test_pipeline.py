"""PostgreSQL: statements that are sent together, what they are given and what they leave."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from hikidashi.storage.engines import (
    EngineError,
    IntegrityError,
    InvalidTextError,
    OutdatedSchemaError,
    Query,
    UnreachableError,
    postgres_pipeline as pipeline,
)
from hikidashi.storage.engines.postgres import PostgresEngine
from hikidashi.storage.engines.postgres_connection import PostgresConnection
from tests.conftest import Databases

PREPARED = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE ?"
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@pytest.fixture(scope="module")
def url(databases: Databases) -> Iterator[str]:
    made = databases.create()
    yield made
    databases.drop(made)


@pytest.fixture
def connection(url: str) -> Iterator[PostgresConnection]:
    made = PostgresEngine(url).connect()
    yield made
    made.close()


def count_prepared(connection: PostgresConnection, pattern: str) -> int:
    [[count]] = connection.query(PREPARED, (pattern,))
    assert isinstance(count, int)
    return count


@pytest.mark.parametrize(
    ("cast", "value"),
    [
        ("text", 'a "b" \\ {c}, NULL'),
        ("text", "東京 🗼"),
        ("text", ""),
        ("text", None),
        ("bigint", 0),
        ("bigint", -(2**31) - 1),
        ("bigint", 2**31),
        ("bigint", 2**63 - 1),
        ("bigint", None),
        ("boolean", True),
        ("boolean", False),
        ("double precision", 0.1),
        ("double precision", -1e300),
        ("bytea", b"\0\xff\\x"),
        ("text[]", []),
        ("text[]", ["", "NULL", 'a"b', "c\\d", "{e}", " f,g "]),
        ("bigint[]", [1, -(2**63), 2**40]),
    ],
)
def test_values_go_there_and_back(connection: PostgresConnection, cast: str, value: object) -> None:
    for _ in range(pipeline.PREPARE_AFTER + 2):  # in full, and prepared
        assert connection.query(f"SELECT ?::{cast}", (value,)) == [(value,)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(texts, max_size=5))
def test_lists_of_any_texts_go_there_and_back(
    connection: PostgresConnection, values: list[str]
) -> None:
    assert connection.query("SELECT ?::text[]", (values,)) == [(values,)]


def test_numbers_too_long_for_a_bigint_are_compared_all_the_same(
    connection: PostgresConnection,
) -> None:
    assert connection.query("SELECT 1 WHERE 5::bigint < ?", (2**63,)) == [(1,)]


@pytest.mark.parametrize("value", ["a\0b", ["a", "b\0"]])
def test_nul_is_refused_and_nothing_is_sent(connection: PostgresConnection, value: object) -> None:
    with pytest.raises(InvalidTextError):
        connection.read([Query("SELECT 1"), Query("SELECT ?", (value,))])
    assert connection.query("SELECT 1") == [(1,)]


def test_what_is_no_parameter_is_refused(connection: PostgresConnection) -> None:
    with pytest.raises(EngineError, match="set is no type of a parameter"):
        connection.query("SELECT ?", ({1},))
    assert connection.query("SELECT 1") == [(1,)]


def test_a_statement_is_prepared_once_it_has_been_run_often_enough(
    connection: PostgresConnection,
) -> None:
    for times in range(1, pipeline.PREPARE_AFTER + 3):
        assert connection.query("SELECT ?::bigint + 41", (1,)) == [(42,)]
        assert count_prepared(connection, "%+ 41%") == (times > pipeline.PREPARE_AFTER)


def test_a_statement_that_comes_often_at_once_is_prepared_once(
    connection: PostgresConnection,
) -> None:
    found = connection.read([Query("SELECT ?::bigint + 42", (one,)) for one in range(10)])
    assert found == [[(one + 42,)] for one in range(10)]
    assert count_prepared(connection, "%+ 42%") == 1


def test_what_was_not_used_for_long_is_dropped(
    connection: PostgresConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "PREPARED_MAX", 3)
    for one in range(6):
        for _ in range(pipeline.PREPARE_AFTER + 1):
            connection.query(f"SELECT ?::bigint + 43 + {one}", (1,))
    connection.query("SELECT 1")
    assert 1 <= count_prepared(connection, "%+ 43%") <= 3
    assert connection.query("SELECT ?::bigint + 43 + 0", (1,)) == [(44,)]


def test_after_an_error_the_rest_is_not_run_and_nothing_half_prepared_is_left(
    connection: PostgresConnection,
) -> None:
    connection.run_script("CREATE TEMPORARY TABLE kept (n BIGINT PRIMARY KEY)")
    insert = "INSERT INTO kept SELECT ?::bigint"
    connection.query(insert, (1,))
    connection.query(insert, (2,))  # the next time it is prepared
    with pytest.raises(IntegrityError):
        connection.read([Query(insert, (1,)), Query(insert, (3,))])
    with pytest.raises(OutdatedSchemaError):
        connection.read([Query("SELECT * FROM nowhere"), Query(insert, (3,))])
    assert connection.query("SELECT n FROM kept ORDER BY n") == [(1,), (2,)]
    for one in (4, 5):
        connection.query(insert, (one,))
    assert connection.query("SELECT n FROM kept ORDER BY n") == [(1,), (2,), (4,), (5,)]


def test_a_table_that_was_changed_is_read_as_it_is_now(connection: PostgresConnection) -> None:
    connection.run_script("CREATE TEMPORARY TABLE changed (a BIGINT)")
    connection.query("INSERT INTO changed VALUES (1)")
    for _ in range(pipeline.PREPARE_AFTER + 1):
        assert connection.query("SELECT * FROM changed") == [(1,)]
    connection.run_script("ALTER TABLE changed ADD COLUMN b TEXT")
    assert connection.query("SELECT * FROM changed") == [(1, None)]
    connection.query("SELECT 1")
    assert count_prepared(connection, "SELECT * FROM changed") == 0


def test_more_than_the_connection_holds_goes_both_ways_at_once(
    connection: PostgresConnection,
) -> None:
    """Who only wrote until all is sent would wait for a server that waits for us to read."""
    large = "x" * 1_000_000
    found = connection.read([Query("SELECT ?::text", (large,)) for _ in range(30)])
    assert [rows == [(large,)] for rows in found] == [True] * 30


def test_a_connection_lost_between_statements_is_told_and_opened_again(
    connection: PostgresConnection,
) -> None:
    ending = Query("SELECT pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(UnreachableError):
        connection.read([Query("SELECT 1"), ending, Query("SELECT 2")])
    assert connection.query("SELECT 3") == [(3,)]
