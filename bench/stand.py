"""Holds the contenders: each is started once, when a work first asks for it, and stopped at the end."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import psycopg

from tests.postgres import Server as Postgres, make_data_dir, start_postgres

from . import bodies
from .bodies import make_order
from .hikidashi import Hikidashi
from .load import Load, MissingToolError, Pool
from .many_items import SEED, fill, write_indexed
from .pocketbase import PocketBase
from .raw import RawPostgres, RawSqlite, read_postgres_settings
from .servers import Server, UnavailableError, make_echo

T = TypeVar("T")
ITEMS = 10_000


class Stand:
    """A folder for data and every server that was started over it."""

    def __init__(self, folder: Path, *, is_quick: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix="run-", dir=folder))
        self.is_quick = is_quick
        self._made: dict[str, object] = {}
        self._stack = ExitStack()
        self.durability: dict[str, dict[str, Any]] = {}  # contender -> settings, read back
        self.versions: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def once(self, key: str, make: Callable[[], T]) -> T:
        """What `make` gives, made once; its failure is remembered as well."""
        if key not in self._made:
            try:
                self._made[key] = make()
            except (UnavailableError, MissingToolError) as error:
                self._made[key] = error
        found = self._made[key]
        if isinstance(found, Exception):
            raise found
        return cast("T", found)

    def stop_at_end(self, stop: Callable[[], None]) -> None:
        """Stop a server when all is measured."""
        self._stack.callback(stop)

    # --- servers --------------------------------------------------------------------------

    def hikidashi(self) -> Hikidashi:
        """On SQLite."""

        def make() -> Hikidashi:
            url = f"sqlite:///{self.folder}/hikidashi.db"
            made = Hikidashi(self.folder, url, "hikidashi")
            self._stack.callback(made.server.stop)
            self.durability["hikidashi"] = dict(made.durability)
            return made

        return self.once("hikidashi", make)

    def hikidashi_on_postgres(self) -> Hikidashi:
        """On PostgreSQL."""

        def make() -> Hikidashi:
            url = self._postgres_database("bench_hikidashi")
            made = Hikidashi(self.folder, url, "hikidashi-postgresql")
            self._stack.callback(made.server.stop)
            self.durability["hikidashi on PostgreSQL"] = dict(made.durability)
            return made

        return self.once("hikidashi-postgresql", make)

    def pocketbase(self) -> PocketBase:
        """As it comes, with request logs off and batches on."""

        def make() -> PocketBase:
            made = PocketBase(self.folder)
            self._stack.callback(made.server.stop)
            self.durability["pocketbase"] = made.durability
            self.versions["PocketBase"] = made.version
            return made

        return self.once("pocketbase", make)

    def large(self, items: int) -> Hikidashi:
        """On SQLite, with so many orders put into its tables; notes are indexed."""
        name = f"hikidashi-{items}"
        return self.once(
            name, lambda: self._filled(name, f"sqlite:///{self.folder}/{name}.db", items)
        )

    def large_on_postgres(self, items: int) -> Hikidashi:
        """The same on PostgreSQL."""
        name = f"hikidashi-postgresql-{items}"
        return self.once(
            name, lambda: self._filled(name, self._postgres_database(f"bench_{items}"), items)
        )

    def _filled(self, name: str, url: str, items: int) -> Hikidashi:
        world = write_indexed(self.folder)
        fill(url, items, world=world)
        made = Hikidashi(self.folder, url, name, world)
        self._stack.callback(made.server.stop)
        return made

    def large_pocketbase(self, items: int) -> PocketBase:
        """A PocketBase of its own with the same orders, put into its table."""

        def make() -> PocketBase:
            folder = self.folder / "large"
            folder.mkdir()
            made = PocketBase(folder)
            self._stack.callback(made.server.stop)
            made.fill(make_order, items, SEED)
            return made

        return self.once("large-pocketbase", make)

    def echo(self) -> Server:
        """The bare application."""

        def make() -> Server:
            made = make_echo(self.folder)
            made.start()
            self._stack.callback(made.stop)
            return made

        return self.once("echo", make)

    def _postgres(self) -> Postgres:
        def make() -> Postgres:
            try:
                made = start_postgres(make_data_dir(), durable=True)
            except RuntimeError as error:
                raise UnavailableError(f"PostgreSQL: {error}") from error
            self._stack.callback(made.destroy)
            found = read_postgres_settings(made.url)
            self.durability["PostgreSQL"] = dict(found)
            self.versions["PostgreSQL"] = found["server_version"]
            return made

        return self.once("postgres", make)

    def _postgres_database(self, name: str) -> str:
        server = self._postgres()
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return server.database_url(name)

    # --- engines --------------------------------------------------------------------------

    def raw_sqlite(self) -> RawSqlite:
        """SQLite without a server."""

        def make() -> RawSqlite:
            made = RawSqlite(self.folder / "raw.db", ITEMS)
            self._stack.callback(made.close)
            self.durability["raw SQLite"] = made.durability()
            return made

        return self.once("raw-sqlite", make)

    def pgbench(self) -> RawPostgres:
        """PostgreSQL without a server of ours."""

        def make() -> RawPostgres:
            url = self._postgres_database("bench_raw")
            return RawPostgres(url, self._postgres().bin, self.folder, ITEMS)

        return self.once("pgbench", make)

    # --- items ----------------------------------------------------------------------------

    def orders_of(self, server: Hikidashi) -> list[str]:
        """Ids of the orders that are there to be read and updated."""
        pool = Pool(
            "POST",
            [f"{bodies.ITEMS}/new"],
            bodies.creates(bare=False),
            [f"Authorization: {server.token}"],
            take='"item_id":"(%x+)"',
        )
        return self.once(f"{server.name}-orders", lambda: self._fill(server.name, server.url, pool))

    def records_of(self, server: PocketBase, name: str = "pocketbase") -> list[str]:
        """The same in PocketBase."""
        pool = Pool(
            "POST",
            [bodies.RECORDS],
            bodies.creates(bare=True),
            [f"Authorization: {server.token}"],
            take='"id":"(%w+)"',
        )
        return self.once(f"{name}-orders", lambda: self._fill(name, server.url, pool))

    def _fill(self, name: str, url: str, pool: Pool) -> list[str]:
        taken = self.folder / f"{name}.ids"
        load = Load(url, pool, self.folder / f"{name}-fill.pool", taken)
        errors = load.send(ITEMS).errors
        if errors:
            raise UnavailableError(f"{name} could not be filled: {'; '.join(errors)}")
        return taken.read_text().split()
