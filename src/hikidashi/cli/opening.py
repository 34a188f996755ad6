"""What every command does: read the settings, open the application, refuse in one sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

import click

from ..bootstrap import build
from ..config import Config, ConfigError, load_config
from ..core.errors import FaultError
from ..observe import start_logging
from ..service.app import App
from ..service.schema import SchemaError
from ..storage.engines import EngineError, UnreachableError

T = TypeVar("T")


# What a shell sees when a command ends; docs/commands.md tells them. 1 is also an interruption.
REFUSED, USAGE, WRONG, UNREACHABLE, UNFORESEEN = 1, 2, 3, 4, 5


class RefusedError(click.ClickException):
    """A command that can't be carried out, in one sentence."""

    exit_code = REFUSED


class SettingError(RefusedError):
    """A setting that can't be used."""

    exit_code = USAGE


class NoDatabaseError(RefusedError):
    """The database is not there to be asked."""

    exit_code = UNREACHABLE


class UnforeseenError(RefusedError):
    """A mistake of ours."""

    exit_code = UNFORESEEN


def read_settings(context: click.Context, **overrides: str | None) -> Config:
    """The settings, with what was said on the command line."""
    given = {**(context.find_root().obj or {}), **overrides}
    return load_config(overrides=given)


def run_app(config: Config, work: Callable[[App], Awaitable[T]]) -> T:
    """Open the application, do something with it, close it."""
    start_logging(config)
    alone = replace(config, writers=1)  # a command writes one thing after another

    async def run() -> T:
        app = build(alone)
        await app.open()
        try:
            return await work(app)
        finally:
            await app.close()

    return asyncio.run(run())


def sentence(error: Exception, database: str = "the database") -> str | None:
    """An error that a person may mend, in one sentence; None for any other."""
    if isinstance(error, FaultError):
        return "; ".join(
            f"{one.error}: {one.description}" if one.description else one.error
            for one in error.faults
        )
    if isinstance(error, UnreachableError):
        return f"{database} can't be reached: {_line(error)}"
    if isinstance(error, EngineError):
        return f"{database} refused: {_line(error)}"
    if isinstance(error, FileNotFoundError):
        return f"there is no file {error.filename}"
    if isinstance(error, OSError):
        return f"{error.filename or database}: {error.strerror or error}"
    if isinstance(error, SchemaError):
        return str(error)
    if isinstance(error, (ConfigError, RuntimeError)):
        return _line(error)
    return None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


class Commands(click.Group):
    """A group whose commands fail with one sentence, never with a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            words = sentence(error)
            if words is None:
                raise UnforeseenError(
                    f"something unforeseen went wrong ({type(error).__name__}: {_line(error)});"
                    " please report it"
                ) from error
            raise _refusal(error)(words) from error


def _refusal(error: Exception) -> type[RefusedError]:
    if isinstance(error, ConfigError):
        return SettingError
    return NoDatabaseError if isinstance(error, UnreachableError) else RefusedError
