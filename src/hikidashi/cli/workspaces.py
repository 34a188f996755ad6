"""`workspace`: which there are, who holds what in them, how much they hold."""

from __future__ import annotations

from typing import Any

import click

from ..service.app import App
from ..service.design import Scene, Wish
from ..service.operating import list_grants, workspace_to_make
from ..service.schema import Change, schema_apply
from ..storage.audit import Author
from ..storage.definitions import Workspace, list_workspaces
from ..storage.inspection import measure
from ..storage.people_state import find_users
from .opening import Commands, RefusedError, read_settings, run_app
from .operating import operate, survey, tell
from .output import as_json_option, show_one, show_rows


@click.group(cls=Commands)
def workspace() -> None:
    """Look after workspaces: each has people, groups and applications of its own.

    \b
      hikidashi workspace list
      hikidashi workspace add Acme --time-zone Asia/Tokyo --admin alice@example.com
      hikidashi workspace usage Acme
    """  # noqa: D301  \b is click's


@workspace.command("list")
@as_json_option
@click.pass_context
def list_all(context: click.Context, *, as_json: bool) -> None:
    """List the workspaces.

    \b
      hikidashi workspace list
    """  # noqa: D301  \b is click's

    async def work(app: App) -> list[Workspace]:
        return await app.store.scan(list_workspaces)

    found = run_app(read_settings(context), work)
    rows = [{"id": one.id, "name": one.name, "time_zone": one.time_zone} for one in found]
    none = "there is no workspace yet; `hikidashi workspace add` makes one"
    show_rows(rows, ("id", "name", "time_zone"), as_json=as_json, none=none)


@workspace.command("show")
@click.argument("workspace", default="")
@as_json_option
@click.pass_context
def show_workspace(context: click.Context, workspace: str, *, as_json: bool) -> None:
    """Show a WORKSPACE, by name or id: what is in it. It may be left out where there is only one.

    \b
      hikidashi workspace show Acme
    """  # noqa: D301  \b is click's

    def read(scene: Scene) -> dict[str, Any]:
        people, place = scene.now.people, scene.now.workspace
        admins = [one.email or one.name for one in people.users if one.id in people.admins]
        return {
            "id": place.id,
            "name": place.name,
            "time_zone": place.time_zone,
            "administrators": admins,
            "users": sum(1 for one in people.users if not one.is_bot),
            "groups": len(scene.catalog.groups),
            "applications": [one.display_id for one in scene.catalog.projects],
        }

    show_one(survey(context, workspace, read), as_json=as_json)


@workspace.command("roles")
@click.argument("workspace", default="")
@as_json_option
@click.pass_context
def list_roles(context: click.Context, workspace: str, *, as_json: bool) -> None:
    """List the roles of all applications of a WORKSPACE and who holds each, people and groups.

    \b
      hikidashi workspace roles
    """  # noqa: D301  \b is click's
    rows = survey(context, workspace, list_grants)
    columns = ("role", "may_design", "users", "groups")
    show_rows(rows, columns, as_json=as_json, none="there are no applications")


@workspace.command("usage")
@click.argument("workspace", default="")
@as_json_option
@click.pass_context
def show_usage(context: click.Context, workspace: str, *, as_json: bool) -> None:
    """Count what a WORKSPACE holds: people, items, files and their bytes.

    \b
      hikidashi workspace usage
      hikidashi workspace usage Acme --json | jq .bytes
    """  # noqa: D301  \b is click's

    def read(scene: Scene) -> dict[str, Any]:
        places = [one for project in scene.catalog.projects for one in project.datastores]
        sizes = [measure(scene.connection, one) for one in places]
        return {
            "users": sum(1 for one in scene.now.people.users if not one.is_bot),
            "applications": len(scene.catalog.projects),
            "datastores": len(places),
            "items": sum(one.items for one in sizes),
            "files": sum(one.files for one in sizes),
            "bytes": sum(one.bytes for one in sizes),
        }

    show_one(survey(context, workspace, read), as_json=as_json)


@workspace.command("add")
@click.argument("name")
@click.option("--time-zone", default="UTC", show_default=True, help="An IANA name.")
@click.option("--admin", required=True, metavar="EMAIL", help="Who administers it.")
@as_json_option
@click.pass_context
def add(context: click.Context, name: str, *, time_zone: str, admin: str, as_json: bool) -> None:
    """Make a workspace called NAME, with a top group and an administrator.

    \b
      hikidashi workspace add Acme --time-zone Asia/Tokyo --admin alice@example.com
      hikidashi user set-password alice@example.com
    """  # noqa: D301  \b is click's

    async def work(app: App) -> list[Change]:
        listed = await app.store.scan(list_workspaces)
        if any(one.name == name for one in listed):
            raise RefusedError(f"there is a workspace {name} already")
        known = await app.store.scan(lambda one: find_users(one, [admin, admin.lower()], []))
        schema = workspace_to_make(name, time_zone, known[0].email or "" if known else admin)
        return await schema_apply(app.store, app.ids, app.clock, schema, author=Author("cli"))

    lines = [str(one) for one in run_app(read_settings(context), work)]
    tell(lines, f"the workspace {name} is there", as_json=as_json)


@workspace.command("change")
@click.argument("workspace", default="")
@click.option("--name", default="", help="Another name.")
@click.option("--time-zone", default="", help="Another time zone, an IANA name.")
@as_json_option
@click.pass_context
def change(
    context: click.Context, workspace: str, *, name: str, time_zone: str, as_json: bool
) -> None:
    """Give a WORKSPACE, by name or id, another name or time zone.

    \b
      hikidashi workspace change Acme --name "Acme Ltd" --time-zone Europe/Paris
    """  # noqa: D301  \b is click's
    if not (name or time_zone):
        raise click.UsageError("say what is to change: --name or --time-zone")
    wanted = {key: one for key, one in (("name", name), ("time_zone", time_zone)) if one}
    lines = operate(context, workspace, lambda _scene: Wish(wanted))
    tell(lines, f"the workspace {name or workspace} is changed", as_json=as_json)
