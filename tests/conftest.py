"""What every test has: a fresh database of each engine, a fixed clock and ids."""

from __future__ import annotations

import faulthandler
import itertools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import hypothesis
import psycopg
import pytest

from hikidashi.core.ids import ObjectIds
from tests.deterministic import FixedClock, fixed_ids
from tests.postgres import Server, make_data_dir, start_postgres

ENGINES = ("sqlite", "postgresql")

hypothesis.settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    max_examples=100,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile("search", deadline=None, max_examples=5_000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--golden` writes recorded exchanges anew; `--engine` runs the tests of one engine."""
    parser.addoption("--golden", action="store_true", help="write recorded exchanges anew")
    parser.addoption("--engine", choices=ENGINES, help="run engine tests on this engine only")


@pytest.hookimpl(trylast=True)
def pytest_exception_interact(node: pytest.Item | pytest.Collector) -> None:
    """pytest stops the clock of `faulthandler_timeout` when a test fails; what is closed after it
    may hang too, and most likely then."""
    config = node.config
    seconds = float(config.getini("faulthandler_timeout"))
    if isinstance(node, pytest.Item) and seconds and not config.getoption("usepdb"):
        faulthandler.dump_traceback_later(seconds, exit=True, file=sys.__stderr__)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that wants an engine runs on each."""
    if "engine_name" in metafunc.fixturenames:
        only = metafunc.config.getoption("--engine")
        metafunc.parametrize("engine_name", [only] if only else ENGINES, scope="session")


# --- time and ids -----------------------------------------------------------------------------


@pytest.fixture
def clock() -> FixedClock:
    """A clock that stands at 2026-01-05T09:00:00.000Z until it is moved."""
    return FixedClock()


@pytest.fixture
def ids(clock: FixedClock) -> ObjectIds:
    """Ids of process 0, counted from 1."""
    return fixed_ids(clock)


# --- databases --------------------------------------------------------------------------------


class Databases:
    """Makes fresh databases on one PostgreSQL server, and drops them."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._names = (f"t{number}" for number in itertools.count(1))
        self._admin = psycopg.connect(
            server.url, autocommit=True, connect_timeout=30, options="-c statement_timeout=60s"
        )

    def create(self, template_url: str = "") -> str:
        """The URL of a new database: empty, or a copy of one that nobody is connected to."""
        name = next(self._names)
        template = urlsplit(template_url).path.lstrip("/") or "template0"
        self._run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return self.server.database_url(name)

    def drop(self, url: str) -> None:
        """Remove a database; who is still connected is cut off."""
        self._run(f"DROP DATABASE IF EXISTS {urlsplit(url).path.lstrip('/')} WITH (FORCE)")

    def close(self) -> None:
        """Leave the server."""
        self._admin.close()

    def _run(self, statement: str) -> None:
        self._admin.execute(statement.encode())


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """One PostgreSQL for a whole run (for each process of it), started when first wanted."""
    server = start_postgres(make_data_dir(), durable=False)
    yield server
    server.destroy()


@pytest.fixture(scope="session")
def databases(postgres_server: Server) -> Iterator[Databases]:
    """The maker of PostgreSQL databases."""
    made = Databases(postgres_server)
    yield made
    made.close()


@pytest.fixture(scope="session")
def new_database(request: pytest.FixtureRequest, engine_name: str) -> Iterator[Callable[..., str]]:
    """Gives the URL of a fresh, empty database of the engine; for tests that want more than one,
    and for fixtures that live longer than a test. Give a folder for SQLite's file."""
    numbers = itertools.count(1)
    if engine_name == "sqlite":
        yield lambda folder: f"sqlite:///{folder / f'hikidashi-{next(numbers)}.db'}"
        return
    databases: Databases = request.getfixturevalue("databases")  # before the yield: outlives this
    made: list[str] = []

    def new(_folder: Path) -> str:
        made.append(databases.create())
        return made[-1]

    yield new
    for url in made:
        databases.drop(url)


@pytest.fixture
def engine_url(request: pytest.FixtureRequest, engine_name: str, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh, empty database: the test runs once on SQLite, once on PostgreSQL."""
    if engine_name == "sqlite":
        yield f"sqlite:///{tmp_path / 'hikidashi.db'}"
        return
    databases: Databases = request.getfixturevalue("databases")
    url = databases.create()
    yield url
    databases.drop(url)
