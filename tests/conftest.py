"""What every test has: a fresh database of each engine, a fixed clock and ids."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import itertools
import os
import pickle
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

import hypothesis
import psycopg
import pytest
from argon2 import PasswordHasher

from hikidashi.bootstrap import open_engine
from hikidashi.config import Config
from hikidashi.core.ids import ObjectIds
from hikidashi.service import passwords
from hikidashi.service.schema import model, sections
from hikidashi.storage.migrate import migrate
from tests.buckets import bucket
from tests.deterministic import FixedClock, fixed_ids
from tests.memory_disk import memory_disk
from tests.postgres import Server, make_data_dir, start_postgres

ENGINES = ("sqlite", "postgresql")
GARBAGE_THRESHOLD = 50_000  # as servers have it

__all__ = ["bucket"]  # a fixture

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


def pytest_configure() -> None:
    """Temporary folders are made in memory, if there is room for them."""
    folder = memory_disk()
    if folder is not None:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(folder))
        if sys.dont_write_bytecode:
            keep_compiled(folder / "compiled")
    # Thousands of tests and their reports live to the end: to go through them again and again
    # while they are made finds no garbage.
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 1_000)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)


def keep_compiled(folder: Path) -> None:
    """Where nothing compiled may lie beside the sources, it lies here: each process of a run, and
    each server that a test starts, would compile some hundred modules."""
    sys.dont_write_bytecode = False
    sys.pycache_prefix = str(folder)
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def interrupt(number: int, frame: FrameType | None) -> None:
    """What Python does at a Ctrl-C. A runner of coroutines that finds Python's own function sets
    another one each time it runs something, which took an eighth of all time."""
    raise KeyboardInterrupt


def pytest_collection_finish() -> None:
    """The tests are not looked at as garbage any more."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 20)


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


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """Runs coroutines, on one event loop for a file of tests."""
    with asyncio.Runner() as made:
        yield made


# --- databases --------------------------------------------------------------------------------


class Databases:
    """Makes fresh databases on one PostgreSQL server, and drops them.

    One with the system tables in it is a copy: to make them takes longer than most tests.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self._with_tables = ""
        self._names = (f"t{number}" for number in itertools.count(1))
        self._admin = psycopg.connect(
            server.url, autocommit=True, connect_timeout=30, options="-c statement_timeout=60s"
        )

    def create(self, *, with_tables: bool = False) -> str:
        """The URL of a new database: empty, or with the system tables, in which nothing is."""
        template = "template0"
        if with_tables:
            template = self._with_tables = self._with_tables or self._make_tables()
        return self._copy(template)

    def _make_tables(self) -> str:
        url = self._copy("template0")
        make_system_tables(url)
        return _name_of(url)

    def _copy(self, template: str) -> str:
        name = next(self._names)
        self._run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return self.server.database_url(name)

    def drop(self, url: str) -> None:
        """Remove a database; who is still connected is cut off."""
        self._run(f"DROP DATABASE IF EXISTS {_name_of(url)} WITH (FORCE)")

    def close(self) -> None:
        """Leave the server."""
        self._admin.close()

    def _run(self, statement: str) -> None:
        self._admin.execute(statement.encode())


def _name_of(url: str) -> str:
    return urlsplit(url).path.lstrip("/")


def make_system_tables(url: str) -> None:
    """As a server does that is started on an empty database."""
    engine = open_engine(Config(database=url))
    connection = engine.connect()
    try:
        migrate(engine, connection)
    finally:
        connection.close()
        engine.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """One PostgreSQL for a whole run (for each process of it), started when first wanted."""
    server = start_postgres(make_data_dir(memory_disk()), durable=False)
    yield server
    server.destroy()


@pytest.fixture(scope="session")
def databases(postgres_server: Server) -> Iterator[Databases]:
    """The maker of PostgreSQL databases."""
    made = Databases(postgres_server)
    yield made
    made.close()


@pytest.fixture(scope="session")
def sqlite_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of SQLite with the system tables, to be copied."""
    path = tmp_path_factory.mktemp("tables") / "tables.db"
    make_system_tables(f"sqlite:///{path}")
    return path


def _copied(tables: Path, path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(tables, path)
    return f"sqlite:///{path}"


@pytest.fixture(scope="session")
def new_database(request: pytest.FixtureRequest, engine_name: str) -> Callable[..., str]:
    """Gives the URL of a fresh database of the engine, in which nothing is but system tables; for
    tests that want more than one, and for fixtures that live longer than a test. Give a folder for
    SQLite's file."""
    numbers = itertools.count(1)
    if engine_name == "sqlite":
        tables: Path = request.getfixturevalue("sqlite_tables")
        return lambda folder: _copied(tables, folder / f"hikidashi-{next(numbers)}.db")
    databases: Databases = request.getfixturevalue("databases")
    return lambda _folder: databases.create(with_tables=True)  # they go with the server


@pytest.fixture
def engine_url(request: pytest.FixtureRequest, engine_name: str, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh database, in which nothing is but system tables: the test runs once on
    SQLite, once on PostgreSQL."""
    if engine_name == "sqlite":
        yield _copied(request.getfixturevalue("sqlite_tables"), tmp_path / "hikidashi.db")
        return
    databases: Databases = request.getfixturevalue("databases")
    url = databases.create(with_tables=True)
    yield url
    databases.drop(url)


@pytest.fixture
def empty_url(request: pytest.FixtureRequest, engine_name: str, tmp_path: Path) -> Iterator[str]:
    """The same with nothing at all: what a server finds at its first start."""
    if engine_name == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    databases: Databases = request.getfixturevalue("databases")
    url = databases.create()
    yield url
    databases.drop(url)


# --- schema files -----------------------------------------------------------------------------

TEXTS_KEPT_MAX = 100


@pytest.fixture(scope="session", autouse=True)
def _same_texts_parsed_once() -> Iterator[None]:
    """Worlds are made of the same few files, and half of the time went on parsing YAML: a text that
    comes again gives a copy of what it gave before, with its lines."""
    kept: dict[tuple[str, str], bytes] = {}
    plain = sections.parse_yaml

    def parse(text: str, file: str) -> sections.Section:
        key = (text, file)
        if key in kept:
            found: sections.Section = pickle.loads(kept[key])
            return found
        if len(kept) >= TEXTS_KEPT_MAX:
            kept.pop(next(iter(kept)))
        parsed = plain(text, file)
        kept[key] = pickle.dumps(parsed)
        return parsed

    with pytest.MonkeyPatch.context() as patch:
        for module in (sections, model):
            patch.setattr(module, "parse_yaml", parse)
        yield


# --- passwords --------------------------------------------------------------------------------

REAL_PASSWORDS = (passwords._HASHER, passwords.NOBODY)


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> Iterator[None]:
    """A world has several people, and to hash a password takes longer than a test."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASHER", hasher)
        patch.setattr(passwords, "NOBODY", hasher.hash("a password nobody has"))
        yield


@pytest.fixture
def real_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashed at the costs that servers have."""
    monkeypatch.setattr(passwords, "_HASHER", REAL_PASSWORDS[0])
    monkeypatch.setattr(passwords, "NOBODY", REAL_PASSWORDS[1])
