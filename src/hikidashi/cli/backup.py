"""`backup` and `restore`: a whole server as one file, while it runs, and a new one from it."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ..bootstrap import open_engine
from ..config import Config
from ..service.archive import ArchiveError, Told, read_archive, write_archive
from ..storage.inspection import check_integrity
from ..storage.migrate import read_version
from ..storage.objects import Objects, ObjectsError
from .opening import RefusedError, read_settings
from .output import as_json_option, print_json

_SHOWN_MAX = 5  # of what is counted


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--sqlite-copy", is_flag=True, help="Write a plain copy of the SQLite file, without files."
)
@as_json_option
@click.pass_context
def backup(context: click.Context, file: Path, *, sqlite_copy: bool, as_json: bool) -> None:
    """Write everything that the server keeps to FILE, a zip, while it runs.

    Definitions, people, items, links, histories, counters, events, the audit and uploaded files
    with their bytes: as they are at one moment, however long it takes. Writers do not wait. The
    zip holds a text file for each table and a checksum of everything; `hikidashi restore` makes a
    server of it, on SQLite or PostgreSQL, whichever it came from.

    With --sqlite-copy FILE is a database file that a server can open as it is; it is checked
    before it gets its name, and uploaded files are not in it.

    \b
      hikidashi backup /backups/hikidashi-$(date +%F).zip
      hikidashi --database postgresql://me@db/hikidashi backup today.zip
      hikidashi backup --sqlite-copy /backups/hikidashi-$(date +%F).db
    """  # noqa: D301  \b is click's
    config = read_settings(context)
    source = Path(config.sqlite_path) if config.engine == "sqlite" else None
    if sqlite_copy and source is None:
        raise RefusedError(
            "--sqlite-copy copies SQLite files; leave it out, or use PostgreSQL's own tools, for"
            f' example pg_dump --format=custom --file={file} "$HIKIDASHI_DATABASE"'
        )
    if source is not None and not source.exists():
        raise RefusedError(f"there is no database at {source}")
    if file.exists():
        raise RefusedError(f"{file} is there already; name another file")
    if not file.absolute().parent.is_dir():
        raise RefusedError(f"there is no folder {file.absolute().parent}")
    partial = file.with_name(f"{file.name}.partial")
    partial.unlink(missing_ok=True)
    told = None
    try:
        if sqlite_copy:
            _copy(config, partial)
        else:
            told = _archive(config, partial)
        _sync(partial)
        partial.rename(file)
    finally:
        for leftover in ("", "-wal", "-shm"):
            Path(f"{partial}{leftover}").unlink(missing_ok=True)
    _sync(file.absolute().parent)
    if as_json:
        size = {"file": str(file), "bytes": file.stat().st_size}
        print_json(size | (_counted(told) if told is not None else {}))
        return
    if told is not None:
        click.echo(f"{file}: {file.stat().st_size:,} bytes, {_shown(told)}")
        _tell_missing(told.missing)
        return
    click.echo(f"{file}: {file.stat().st_size:,} bytes, checked")
    if Path(config.files_place).is_dir() or "://" in config.files_place:
        click.echo(f"uploaded files are not in it: copy {config.files_place} now, too")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@as_json_option
@click.pass_context
def restore(context: click.Context, file: Path, *, as_json: bool) -> None:
    """Make a new server of FILE, which `hikidashi backup` has written.

    The database has to be empty, or not there yet: nothing is ever written over. Every row and
    every file is compared with its checksum, and either all of the backup is there in the end or
    nothing. The engine may be another than the one that the backup was made on: so a server moves
    from SQLite to PostgreSQL, or back. Logins and tokens go on being good; the settings are not
    part of a backup.

    \b
      hikidashi restore /backups/hikidashi-2026-01-05.zip
      hikidashi --database postgresql://me@db/empty restore today.zip
    """  # noqa: D301  \b is click's
    config = read_settings(context)
    engine = open_engine(config)
    try:
        connection = engine.connect()
        try:
            told = _reported(
                lambda: read_archive(engine, connection, _objects(config), file, _progress)
            )
            faults = check_integrity(engine, connection)
            if engine.name == "postgresql":
                connection.query("ANALYZE")
        finally:
            connection.close()
    finally:
        engine.close()
    if faults:
        raise RefusedError(f"the database is not sound: {faults[0]}")
    if as_json:
        print_json({"database": config.database_shown} | _counted(told))
        return
    click.echo(f"{config.database_shown}: {_shown(told)}, checked")
    _tell_missing(told.missing)


def _archive(config: Config, partial: Path) -> Told:
    engine = open_engine(config)
    now_ms = time.time_ns() // 1_000_000
    try:
        return _reported(
            lambda: write_archive(engine, _objects(config), partial, now_ms, _progress)
        )
    finally:
        engine.close()


def _reported(work: Callable[[], Told]) -> Told:
    try:
        return work()
    except ArchiveError as error:
        raise RefusedError(str(error)) from error
    except ObjectsError as error:
        raise RefusedError(f"the place of the files can't be used: {error}") from error


def _objects(config: Config) -> Callable[[str], Objects]:
    return lambda name: Objects(config.files_place, name)


def _progress(words: str) -> None:
    click.echo(words, err=True)


def _counted(told: Told) -> dict[str, Any]:
    counts = {key: getattr(told, key) for key in ("tables", "rows", "items", "files")}
    return {**counts, "missing": list(told.missing)}


def _shown(told: Told) -> str:
    return f"{told.tables} tables, {told.rows:,} rows, {told.items:,} items, {told.files:,} files"


def _tell_missing(missing: tuple[str, ...]) -> None:
    if missing:
        shown = ", ".join(missing[:_SHOWN_MAX])
        click.echo(f"{len(missing)} files lack their bytes, or some of them: {shown}")


def _copy(config: Config, partial: Path) -> None:
    engine = open_engine(config)
    try:
        engine.copy_to(str(partial))
    finally:
        engine.close()
    copied = open_engine(dataclasses.replace(config, database=f"sqlite:///{partial}"))
    connection = copied.connect()
    try:
        faults = check_integrity(copied, connection)
        if read_version(connection) == 0:
            faults.append("it holds no tables of ours")
    finally:
        connection.close()
        copied.close()
    if faults:
        raise RefusedError(f"the copy is not sound and was dropped: {faults[0]}")


def _sync(path: Path) -> None:
    """Make a file, or the names in a folder, survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
