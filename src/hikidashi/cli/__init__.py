"""The command line: parse, call the application, print."""

from __future__ import annotations

import click

from .. import __version__
from .audits import audit
from .backup import backup, restore
from .datastores import datastore
from .groups import group
from .mail import mail
from .opening import Commands
from .people import user
from .schema import schema
from .serve import serve
from .teaching import commands, completion
from .tokens import token
from .upkeep import check, settings
from .workspaces import workspace


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="hikidashi %(version)s")
@click.option(
    "--database",
    metavar="URL",
    help="sqlite:///PATH or postgresql://USER@HOST/NAME [HIKIDASHI_DATABASE].",
)
@click.pass_context
def cli(context: click.Context, database: str | None) -> None:
    """A data backend of typed items that change through actions.

    To look around, with an example workspace and a login:

    \b
      hikidashi serve --demo

    To start for real: write down applications, datastores and people in a file, apply it, give
    yourself a password, serve.

    \b
      hikidashi schema apply sales.yaml
      hikidashi user set-password alice@example.com
      hikidashi serve

    People, groups and grants one by one, beside a server that runs:

    \b
      hikidashi user add bob@example.com --role SALES/MEMBER
      hikidashi audit

    Settings are environment variables; `hikidashi settings` lists them, `hikidashi check` says what
    is wrong with an installation. Exit codes: 0 done, 1 refused, 2 not understood, 3 `check` found
    something, 4 no database, 5 a mistake of ours. What docs/commands.md says is this help.
    """  # noqa: D301  \b is click's
    context.obj = {"database": database}


for _command in (
    serve,
    schema,
    workspace,
    user,
    group,
    token,
    datastore,
    audit,
    mail,
    check,
    backup,
    restore,
    settings,
    completion,
    commands,
):
    cli.add_command(_command)


def main() -> None:
    """The entry point."""
    cli(prog_name="hikidashi")


__all__ = ["cli", "main"]
