"""`workspace`: which there are, who holds what in them, how much they hold."""

from __future__ import annotations

from typing import Any

import click

from ..core.limits import DELETED_KEEP_MS
from ..core.values import format_instant
from ..service.app import App
from ..service.design import Scene, Wish
from ..service.operating import (
    list_grants,
    recover_applications,
    remove_workspace,
    workspace_to_make,
)
from ..service.schema import Change, schema_apply
from ..storage.audit import Author
from ..storage.definitions import Workspace, list_workspaces
from ..storage.inspection import measure
from ..storage.people_state import find_users
from ..storage.removed import Removed, list_removed
from .opening import Commands, RefusedError, read_settings, run_app
from .operating import find_workspace, operate, survey, tell
from .output import as_json_option, confirm, show_done, show_one, show_rows, yes_option


@click.group(cls=Commands)
def workspace() -> None:
    """Look after workspaces: each has people, groups and applications of its own.

    \b
      hikidashi workspace list
      hikidashi workspace add Acme --time-zone Asia/Tokyo --admin alice@example.com
      hikidashi workspace usage Acme
    """  # noqa: D301  \b is click's


@workspace.command("list")
@click.option("--removed", is_flag=True, help="Those that can be brought back.")
@as_json_option
@click.pass_context
def list_all(context: click.Context, *, removed: bool, as_json: bool) -> None:
    """List the workspaces.

    \b
      hikidashi workspace list
      hikidashi workspace list --removed
    """  # noqa: D301  \b is click's

    async def work(app: App) -> tuple[list[Workspace], list[Removed]]:
        since = app.clock.now_ms() - DELETED_KEEP_MS
        return await app.store.scan(lambda one: (list_workspaces(one), list_removed(one, since)))

    found, gone = run_app(read_settings(context), work)
    if removed:
        rows = [
            {"id": one.workspace.id, "name": one.workspace.name, "removed": format_instant(one.at)}
            for one in gone
        ]
        none = "no workspace was removed of late"
        show_rows(rows, ("id", "name", "removed"), as_json=as_json, none=none)
        return
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
    show_one(survey(context, workspace, _usage), as_json=as_json)


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


@workspace.command("remove")
@click.argument("workspace")
@yes_option
@as_json_option
@click.pass_context
def remove(context: click.Context, workspace: str, *, yes: bool, as_json: bool) -> None:
    """Take a WORKSPACE away, by name or id, with its applications and all their items.

    People keep their accounts and what they are in elsewhere. For seven days `workspace restore`
    brings it back; `hikidashi backup` keeps it for longer.

    \b
      hikidashi workspace remove Acme
    """  # noqa: D301  \b is click's

    async def work(app: App) -> Workspace:
        place = find_workspace(await app.store.scan(list_workspaces), workspace)
        told = await app.designs.survey(place.id, _usage)
        counted = ", ".join(f"{count:,} {what}" for what, count in told.items())
        confirm(
            [
                f"- workspace {place.name}: {counted}",
                "it can be had again for seven days, not later",
            ],
            yes=yes,
        )
        await app.designs.operate(place.id, remove_workspace)
        return place

    place = run_app(read_settings(context), work)
    sentence = (
        f"the workspace {place.name} is gone; for seven days"
        f" `hikidashi workspace restore {place.id}` brings it back"
    )
    show_done(sentence, {"changed": True, "id": place.id}, as_json=as_json)


@workspace.command("restore")
@click.argument("workspace")
@as_json_option
@click.pass_context
def restore(context: click.Context, workspace: str, *, as_json: bool) -> None:
    """Bring a WORKSPACE back that was removed, by id or name, with who and what was in it.

    Keys of HotTask are revoked with their application, and have to be given anew by a schema file.

    \b
      hikidashi workspace list --removed
      hikidashi workspace restore Acme
    """  # noqa: D301  \b is click's

    async def work(app: App) -> Workspace:
        found = await app.designs.bring_back(workspace)
        await app.designs.operate(found.workspace.id, recover_applications(found.at))
        return found.workspace

    place = run_app(read_settings(context), work)
    sentence = f"the workspace {place.name} is there again"
    show_done(sentence, {"changed": True, "id": place.id}, as_json=as_json)


def _usage(scene: Scene) -> dict[str, Any]:
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
