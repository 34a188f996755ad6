"""`check` and `settings`: looking after an installation."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import click

from ..bootstrap import make_sandbox, open_engine
from ..config import Config, settings_page, show_settings, unknown_variables
from ..storage.engines import Connection, Engine, EngineError
from ..storage.inspection import (
    check_integrity,
    find_odd_files,
    find_oddities,
    find_slow_searches,
)
from ..storage.migrate import find_name, list_migrations, read_version
from ..storage.objects import Objects, ObjectsError
from .opening import WRONG, read_settings, sentence
from .output import as_json_option, print_json

FREE_BYTES_MIN = 500_000_000  # below it a busy day, or a backup beside the file, fills the disk
Finding = tuple[Literal["ok", "note", "wrong"], str]


@click.command()
@click.option("--markdown", is_flag=True, help="Print the page docs/settings.md instead.")
@as_json_option
@click.pass_context
def settings(context: click.Context, *, markdown: bool, as_json: bool) -> None:
    """Print every setting and the value in use.

    \b
      hikidashi settings
      HIKIDASHI_PORT=9000 hikidashi settings
    """  # noqa: D301  \b is click's
    if markdown:
        click.echo(settings_page(), nl=False)
        return
    if as_json:
        print_json(dict(show_settings(read_settings(context))))
        return
    for name, value in show_settings(read_settings(context)):
        click.echo(f"{name}={value}")


# --- check ------------------------------------------------------------------------------------


@click.command()
@click.option("--quick", is_flag=True, help="Leave out what reads the whole database.")
@as_json_option
@click.pass_context
def check(context: click.Context, *, quick: bool, as_json: bool) -> None:
    """Say what is wrong with this installation.

    Looks at Python, the settings, the database (can it be reached, does it keep what it
    acknowledges, is it at the right version), the disk, and at things in the database that should
    not be so. Changes nothing. Exit code 0: all is well, 3: something is wrong.

    \b
      hikidashi check
      hikidashi --database postgresql://me@db/hikidashi check --quick
    """  # noqa: D301  \b is click's
    config = read_settings(context)
    found = []
    for level, words in _findings(config, quick=quick):
        found.append({"level": level, "finding": words})
        if not as_json:
            click.echo(f"{level:5} {words}")
    if as_json:
        print_json(found)
    if any(one["level"] == "wrong" for one in found):
        context.exit(WRONG)


def _findings(config: Config, *, quick: bool) -> Iterator[Finding]:
    yield ("ok", f"Python {sys.version.split()[0]}")
    for slip in unknown_variables():
        yield ("note", slip)
    yield _check_scripts(config)
    yield ("ok", f"database {config.database_shown}")
    if config.engine == "sqlite":
        yield from _check_folder(Path(config.sqlite_path))
        if not Path(config.sqlite_path).exists():
            yield ("note", "the file is not there yet; `hikidashi serve` will make it")
            return
    engine = open_engine(config)
    try:
        connection = engine.connect()
    except (EngineError, RuntimeError, OSError) as error:
        yield ("wrong", sentence(error) or str(error))
        return
    try:
        yield from _check_database(engine, connection, quick=quick)
        yield from _check_files(config, connection, quick=quick)
    except EngineError as error:
        yield ("wrong", sentence(error) or str(error))
    finally:
        connection.close()
        engine.close()


def _check_scripts(config: Config) -> Finding:
    """Whether scripts can run here, after trying what they must not be able to do."""
    if config.scripts == "off":
        return ("ok", "scripts are off [HIKIDASHI_SCRIPTS]")
    sandbox = make_sandbox(config)

    async def start() -> str:
        try:
            return await sandbox.start()
        finally:
            sandbox.close()

    if refusal := asyncio.run(start()):
        return ("wrong", f"{refusal}; HIKIDASHI_SCRIPTS=off says that none are wanted")
    if config.scripts == "unconfined":
        return ("note", "scripts run unconfined: only for trying things out")
    return ("ok", "scripts are confined: every forbidden call was tried and refused")


def _check_folder(path: Path) -> Iterator[Finding]:
    """The folder of the file: is it writable, is there room."""
    folder = path.absolute().parent
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK | os.X_OK):
        yield ("wrong", f"{folder} can't be written to")
    elif path.exists() and not os.access(path, os.R_OK | os.W_OK):
        yield ("wrong", f"{path} can't be written to")
    else:
        yield ("ok", f"{folder} can be written to")
    free = shutil.disk_usage(folder).free
    level: Literal["ok", "wrong"] = "ok" if free >= FREE_BYTES_MIN else "wrong"
    yield (level, f"{free / 1e9:.1f} GB are free on its disk")


def _check_database(engine: Engine, connection: Connection, *, quick: bool) -> Iterator[Finding]:
    shown = ", ".join(f"{name}={value}" for name, value in connection.settings().items())
    yield ("ok", f"settings read back: {shown}")
    if connection.settings().get("fsync") == "off":
        yield ("wrong", "PostgreSQL has fsync=off: a power cut may destroy the database")
    version, newest = read_version(connection), list_migrations(engine.name)[-1][0]
    if version > newest:
        yield ("wrong", f"the schema is at version {version}, this program knows {newest}")
        return
    if version < newest:
        yield ("note", f"the schema is at version {version}; serving brings it to {newest}")
    else:
        yield ("ok", f"the schema is at version {version}, the newest")
    if quick:
        return
    for fault in check_integrity(engine, connection):
        yield ("wrong", f"integrity: {fault}")
    if version == newest:
        odd = list(find_oddities(connection))
        yield from (("wrong", one) for one in odd)
        if not odd:
            yield ("ok", "nothing odd in the database")
        yield from (("note", one) for one in find_slow_searches(engine, connection))


def _check_files(config: Config, connection: Connection, *, quick: bool) -> Iterator[Finding]:
    """The place of the bytes of files, and whether it and the database agree."""
    if read_version(connection) != list_migrations(config.engine)[-1][0]:
        return
    objects = Objects(config.files_place, find_name(connection))
    try:
        words = objects.check_place()
        yield ("ok", f"files are kept in {config.files_place}{words}")
        if quick or not find_name(connection):
            return
        odd = list(find_odd_files(connection, objects, time.time_ns() // 1_000_000))
        yield from (("wrong", one) for one in odd)
        if not odd:
            yield ("ok", "every file has its bytes")
    except ObjectsError as error:
        yield ("wrong", f"the files in {config.files_place} can't be used: {error}")
