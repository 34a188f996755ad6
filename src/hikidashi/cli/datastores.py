"""`datastore`: which there are, how much they hold, who may use them."""

from __future__ import annotations

from typing import Any

import click

from ..core.catalog import Datastore, Project
from ..service.design import Scene, Wish
from ..service.design_applications import create_datastore, delete_datastore, update_datastore
from ..service.design_parts import Place
from ..service.operating import get_operated
from ..service.shown import localized
from ..storage.inspection import measure
from .groups import language_option
from .opening import Commands
from .operating import operate, survey, tell, workspace_option
from .output import as_json_option, show_one, show_rows, yes_option

roles_option = click.option(
    "--role", "roles", multiple=True, help="Who may use it: `every`, or a role; may be repeated."
)


@click.group(cls=Commands)
def datastore() -> None:
    """Look after datastores. A DATASTORE is named as APPLICATION/DATASTORE, or by its id.

    \b
      hikidashi datastore list
      hikidashi datastore usage SALES/ORDERS

    Fields, statuses and actions are written in a file (see `schema`) or made over the API.
    """  # noqa: D301  \b is click's


@datastore.command("list")
@workspace_option
@as_json_option
@click.pass_context
def list_datastores(context: click.Context, workspace: str, *, as_json: bool) -> None:
    """List the datastores of all applications of a workspace.

    \b
      hikidashi datastore list
    """  # noqa: D301  \b is click's

    def read(scene: Scene) -> list[dict[str, Any]]:
        return [_row(p, one) for p in scene.catalog.projects for one in p.datastores]

    columns = ("id", "datastore", "name", "fields", "roles")
    rows = survey(context, workspace, read)
    show_rows(rows, columns, as_json=as_json, none="there are no datastores")


@datastore.command("show")
@click.argument("datastore")
@workspace_option
@as_json_option
@click.pass_context
def show_datastore(
    context: click.Context, datastore: str, workspace: str, *, as_json: bool
) -> None:
    """Show a DATASTORE: its fields, statuses, actions, and who may use it.

    \b
      hikidashi datastore show SALES/ORDERS
    """  # noqa: D301  \b is click's

    def read(scene: Scene) -> dict[str, Any]:
        found = get_operated(scene, datastore)
        return _row(scene.designed_project(found.project), found) | {
            "fields": [f"{one.display_id} ({one.kind.name})" for one in found.fields],
            "statuses": [one.display_id for one in found.statuses],
            "actions": [one.display_id for one in found.actions],
        }

    show_one(survey(context, workspace, read), as_json=as_json)


@datastore.command("usage")
@click.argument("datastore", default="")
@workspace_option
@as_json_option
@click.pass_context
def show_usage(context: click.Context, datastore: str, workspace: str, *, as_json: bool) -> None:
    """Count the items of a DATASTORE, or of each, its files and their bytes.

    \b
      hikidashi datastore usage
      hikidashi datastore usage SALES/ORDERS --json
    """  # noqa: D301  \b is click's

    def read(scene: Scene) -> list[dict[str, Any]]:
        one = get_operated(scene, datastore) if datastore else None
        rows = []
        for project in scene.catalog.projects:
            for place in project.datastores:
                if one is None or one.id == place.id:
                    size = measure(scene.connection, place)
                    name = f"{project.display_id}/{place.display_id}"
                    told = {"items": size.items, "files": size.files, "bytes": size.bytes}
                    rows.append({"id": place.id, "datastore": name, **told})
        return rows

    columns = ("datastore", "items", "files", "bytes")
    rows = survey(context, workspace, read)
    show_rows(rows, columns, as_json=as_json, none="there are no datastores")


@datastore.command("add")
@click.argument("application")
@click.argument("display_id")
@click.option("--name", default="", help="How people call it; else the display id.")
@language_option
@roles_option
@workspace_option
@as_json_option
@click.pass_context
def add(  # noqa: PLR0913  one each option
    context: click.Context,
    application: str,
    display_id: str,
    name: str,
    language: str,
    roles: tuple[str, ...],
    workspace: str,
    *,
    as_json: bool,
) -> None:
    """Make a datastore in an APPLICATION: with a title, a status and the four default actions.

    \b
      hikidashi datastore add SALES INVOICES --name Invoices
    """  # noqa: D301  \b is click's
    keys = {"display_id": display_id, "name": {language: name or display_id}, **_roles(roles)}
    lines = operate(context, workspace, create_datastore(application, keys).wish)
    tell(lines, f"the datastore {application}/{display_id} is there", as_json=as_json)


@datastore.command("change")
@click.argument("datastore")
@click.option("--display-id", default="", help="Another display id.")
@click.option("--name", default="", help="Another name.")
@language_option
@roles_option
@workspace_option
@as_json_option
@click.pass_context
def change(  # noqa: PLR0913  one each option
    context: click.Context,
    datastore: str,
    display_id: str,
    name: str,
    language: str,
    roles: tuple[str, ...],
    workspace: str,
    *,
    as_json: bool,
) -> None:
    """Give a DATASTORE another display id, name, or roles that may use it (the whole list).

    \b
      hikidashi datastore change SALES/ORDERS --display-id PURCHASES --name Purchases
      hikidashi datastore change SALES/ORDERS --role MEMBER --role AUDITOR
    """  # noqa: D301  \b is click's
    if not (display_id or name or roles):
        raise click.UsageError("say what is to change: --display-id, --name or --role")

    def wish(scene: Scene) -> Wish:
        found = get_operated(scene, datastore)
        keys: dict[str, Any] = {"display_id": display_id} if display_id else {}
        keys |= {"name": {**found.names, language: name}} if name else {}
        return update_datastore(Place(found.id), {**keys, **_roles(roles)}, ())(scene)

    lines = operate(context, workspace, wish)
    tell(lines, f"the datastore {datastore} is changed", as_json=as_json)


@datastore.command("remove")
@click.argument("datastore")
@workspace_option
@yes_option
@as_json_option
@click.pass_context
def remove(
    context: click.Context, datastore: str, workspace: str, *, yes: bool, as_json: bool
) -> None:
    """Take a DATASTORE away, with all its items. For seven days the API can bring it back.

    \b
      hikidashi datastore remove SALES/OLD_ORDERS
    """  # noqa: D301  \b is click's

    def wish(scene: Scene) -> Wish:
        return delete_datastore(Place(get_operated(scene, datastore).id))(scene)

    lines = operate(context, workspace, wish, yes=yes)
    tell(lines, f"the datastore {datastore} is gone", as_json=as_json)


def _roles(roles: tuple[str, ...]) -> dict[str, Any]:
    if not roles:
        return {}
    return {"roles": "every" if roles == ("every",) else list(roles)}


def _row(project: Project, one: Datastore) -> dict[str, Any]:
    return {
        "id": one.id,
        "datastore": f"{project.display_id}/{one.display_id}",
        "name": localized(one.names, "en"),
        "fields": len(one.fields),
        "roles": sorted(r.display_id for r in project.roles if r.id in one.roles),
    }
