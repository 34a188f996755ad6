"""`schema`: definitions and people as a file that is planned, applied and exported."""

from __future__ import annotations

from pathlib import Path

import click

from ..service.app import App
from ..service.builds import Build
from ..service.schema import Change, schema_apply, schema_export, schema_plan
from .opening import Commands, RefusedError, read_settings, run_app
from .output import as_json_option, print_json

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(cls=Commands)
def schema() -> None:
    """Keep workspaces, applications, datastores and people in a file.

    What the file leaves out stays as it is; `deleted: true` takes away, `was:` renames. What would
    destroy data is refused until it is allowed by name.

    \b
      hikidashi schema plan sales.yaml
      hikidashi schema apply sales.yaml
      hikidashi schema export > everything.yaml
    """  # noqa: D301  \b is click's


@schema.command("plan")
@click.argument("file", type=_FILE)
@as_json_option
@click.pass_context
def plan_file(context: click.Context, file: Path, *, as_json: bool) -> None:
    """Show what applying FILE would change, and change nothing."""

    async def work(app: App) -> list[Change]:
        return await schema_plan(app.store, app.ids, file)

    _tell(run_app(read_settings(context), work), as_json=as_json, is_plan=True)


@schema.command("apply")
@click.argument("file", type=_FILE)
@click.option(
    "--allow-destroy",
    multiple=True,
    metavar="NAME",
    help="Allow what destroys the data of NAME, as the plan calls it. May be repeated.",
)
@as_json_option
@click.pass_context
def apply_file(
    context: click.Context, file: Path, allow_destroy: tuple[str, ...], *, as_json: bool
) -> None:
    """Make the database as FILE says, in one transaction. Servers that run see it at once.

    Indexes and values of many items are made after that, while others read and write; stderr tells
    how far they are. If that is stopped, a server goes on with it.

    \b
      hikidashi schema apply sales.yaml
      hikidashi schema apply sales.yaml --allow-destroy sales/orders/old_note
    """  # noqa: D301  \b is click's

    async def work(app: App) -> list[Change]:
        changes = await schema_apply(app.store, app.ids, app.clock, file, allow_destroy)
        await app.builds.finish(_tell_build)
        return changes

    _tell(run_app(read_settings(context), work), as_json=as_json, is_plan=False)


@schema.command("export")
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--workspace", default="", metavar="NAME", help="Only this one, by name or id.")
@click.pass_context
def export_file(context: click.Context, file: Path | None, workspace: str) -> None:
    """Write everything that is defined to FILE, or to the terminal.

    Applying what was exported changes nothing. Passwords and keys are in it as hashes.
    """
    if file is not None and file.exists():
        raise RefusedError(f"{file} is there already; name another file")

    async def work(app: App) -> str:
        return await schema_export(app.store, workspace)

    text = run_app(read_settings(context), work)
    if file is None:
        click.echo(text, nl=False)
    else:
        file.write_text(text, encoding="utf-8")
        click.echo(f"{file}: {len(text.splitlines())} lines", err=True)


def _tell_build(name: str, build: Build) -> None:
    done = max(build.last, 0)
    click.echo(f"{build.kind.value} {name}: {done:,} of {build.upto:,}", err=True)


def _tell(changes: list[Change], *, as_json: bool, is_plan: bool) -> None:
    if as_json:
        print_json([{"change": one.line, "destroys": one.destroys} for one in changes])
        return
    for one in changes:
        click.echo(str(one) if is_plan else one.line)
    if not changes:
        click.echo("nothing to change", err=True)
