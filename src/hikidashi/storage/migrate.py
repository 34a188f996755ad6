"""Bringing the system tables up to date: the numbered texts of `sql/`, each once, in order."""

from __future__ import annotations

import secrets
import time
from importlib.resources import files

from .engines import Connection, Engine, EngineError

DATABASE_NAME = "database_name"  # a key of `meta`: tells this database's files from others'
DATABASE_NAME_CHARS = 16
LOCK = "migrations"  # what processes that start together lock


def list_migrations(engine: str) -> list[tuple[int, str]]:
    """Number and text of each migration, ascending.

    Where the engines must differ there is one for each, `0004_text.sqlite.sql`.
    """
    folder = files("hikidashi.storage").joinpath("sql")
    ends = (".sql", f".{engine}.sql")
    names = sorted(one.name for one in folder.iterdir() if one.name[one.name.find(".") :] in ends)
    return [(int(name[:4]), folder.joinpath(name).read_text("utf-8")) for name in names]


def read_version(connection: Connection) -> int:
    """The number of the last migration that was applied; 0 for an empty database."""
    try:
        rows = connection.query("SELECT value FROM meta WHERE key = 'schema_version'")
    except EngineError:
        return 0
    return int(rows[0][0]) if rows else 0


def migrate(engine: Engine, connection: Connection) -> None:
    """Apply what is missing, each migration in a transaction. Raises RuntimeError on a newer one."""
    migrations = list_migrations(engine.name)
    newest = migrations[-1][0]
    version = read_version(connection)
    if version > newest:
        raise RuntimeError(
            f"the database is at version {version}, this program knows {newest}: update it"
        )
    for number, text in migrations:
        if number > version:
            _apply(engine, connection, number, text)


def _apply(engine: Engine, connection: Connection, number: int, text: str) -> None:
    begin(connection)
    try:
        lock = engine.lock_workspaces([LOCK], exclusive=True)
        if lock is not None:
            connection.read([lock])
        connection.savepoint()
        version = read_version(connection)
        connection.rollback_to()
        if version < number:  # another process may have been quicker
            run_migration(connection, number, text)
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


def run_migration(connection: Connection, number: int, text: str) -> None:
    """Apply one, inside a transaction that is open."""
    connection.run_script(text)
    connection.query(
        "INSERT INTO meta (key, value) VALUES ('schema_version', ?) "
        "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (str(number),),
    )


def begin(connection: Connection) -> None:
    """Begin a transaction as soon as whoever else is writing lets us."""
    for _ in range(2_000):
        try:
            connection.begin()
        except EngineError:
            time.sleep(0.005)
        else:
            return
    connection.begin()


def make_secret(connection: Connection, name: str) -> bytes:
    """A secret of the database, 32 bytes, made on first use."""
    rows = connection.query("SELECT value FROM meta WHERE key = ?", (name,))
    if not rows:
        begin(connection)
        connection.query(
            "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING",
            (name, secrets.token_hex(32)),
        )
        connection.commit()
        rows = connection.query("SELECT value FROM meta WHERE key = ?", (name,))
    return bytes.fromhex(rows[0][0])


def find_name(connection: Connection) -> str:
    """The database's own name; "" if it has none yet."""
    rows = connection.query("SELECT value FROM meta WHERE key = ?", (DATABASE_NAME,))
    return str(rows[0][0])[:DATABASE_NAME_CHARS] if rows else ""
