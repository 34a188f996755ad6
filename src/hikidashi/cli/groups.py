"""`group`: the groups of a workspace, who is in them and which roles they hold."""

from __future__ import annotations

from typing import Any

import click

from ..core.catalog import Group
from ..service.design import Scene
from ..service.design_people import (
    GroupText,
    change_group,
    delete_group,
    find_top_group,
    get_group,
    make_group,
)
from ..service.operating import change_grant
from ..service.shown import localized
from .opening import Commands
from .operating import operate, survey, tell, workspace_option
from .output import as_json_option, show_one, show_rows, yes_option
from .people import name_role

language_option = click.option(
    "--language", default="en", show_default=True, help="The language of the name."
)


@click.group(cls=Commands)
def group() -> None:
    """Look after groups: what is shared with a group is everyone's who is in it or below it.

    \b
      hikidashi group list
      hikidashi group add EAST --name "Eastern branch"
      hikidashi group add-member EAST alice@example.com
    """  # noqa: D301  \b is click's


@group.command("list")
@workspace_option
@as_json_option
@click.pass_context
def list_groups(context: click.Context, workspace: str, *, as_json: bool) -> None:
    """List the groups of a workspace, with how many are in each and which roles it holds.

    \b
      hikidashi group list --workspace Acme
    """  # noqa: D301  \b is click's

    def read(scene: Scene) -> list[dict[str, Any]]:
        order = scene.catalog.groups_below(find_top_group(scene.catalog).id)
        return [_row(scene, get_group(scene.catalog, one)) for one in order]

    rows = survey(context, workspace, read)
    columns = ("id", "display_id", "name", "parent", "members", "roles")
    show_rows(rows, columns, as_json=as_json, none="there are no groups")


@group.command("show")
@click.argument("group")
@workspace_option
@as_json_option
@click.pass_context
def show_group(context: click.Context, group: str, workspace: str, *, as_json: bool) -> None:
    """Show one GROUP, by id or display id.

    \b
      hikidashi group show EAST
    """  # noqa: D301  \b is click's

    def read(scene: Scene) -> dict[str, Any]:
        return _row(scene, get_group(scene.catalog, group))

    show_one(survey(context, workspace, read), as_json=as_json)


@group.command("members")
@click.argument("group")
@workspace_option
@as_json_option
@click.pass_context
def list_members(context: click.Context, group: str, workspace: str, *, as_json: bool) -> None:
    """List who is in a GROUP; not those of the groups below it.

    \b
      hikidashi group members EAST
    """  # noqa: D301  \b is click's

    def read(scene: Scene) -> list[dict[str, Any]]:
        found = get_group(scene.catalog, group)
        held = {one for place, one in scene.now.people.group_members if place == found.id}
        return [
            {"id": one.id, "email": one.email or "", "name": one.name}
            for one in scene.now.people.users
            if one.id in held
        ]

    rows = survey(context, workspace, read)
    show_rows(rows, ("id", "email", "name"), as_json=as_json, none="nobody is in the group")


@group.command("add")
@click.argument("display_id")
@click.option("--in", "parent", default="", help="The group to make it in; else the top group.")
@click.option("--name", default="", help="How people call it; else the display id.")
@language_option
@workspace_option
@as_json_option
@click.pass_context
def add(  # noqa: PLR0913  one each option
    context: click.Context,
    display_id: str,
    parent: str,
    name: str,
    language: str,
    workspace: str,
    *,
    as_json: bool,
) -> None:
    """Make a group called DISPLAY_ID.

    \b
      hikidashi group add EAST --name "Eastern branch"
      hikidashi group add TOKYO --in EAST --name 東京 --language ja
    """  # noqa: D301  \b is click's
    text = GroupText(display_id, name or display_id, language)
    lines = operate(context, workspace, lambda scene: make_group(scene, parent, text))
    tell(lines, f"the group {display_id} is there", as_json=as_json)


@group.command("change")
@click.argument("group")
@click.option("--display-id", default="", help="Another display id.")
@click.option("--name", default="", help="Another name.")
@language_option
@workspace_option
@as_json_option
@click.pass_context
def change(  # noqa: PLR0913  one each option
    context: click.Context,
    group: str,
    display_id: str,
    name: str,
    language: str,
    workspace: str,
    *,
    as_json: bool,
) -> None:
    """Give a GROUP another display id or name.

    \b
      hikidashi group change EAST --display-id EASTERN --name "Eastern branches"
    """  # noqa: D301  \b is click's
    if not (display_id or name):
        raise click.UsageError("say what is to change: --display-id or --name")
    text = GroupText(display_id, name, language)
    lines = operate(context, workspace, lambda scene: change_group(scene, group, text))
    tell(lines, f"the group {group} is changed", as_json=as_json)


@group.command("remove")
@click.argument("group")
@workspace_option
@yes_option
@as_json_option
@click.pass_context
def remove(context: click.Context, group: str, workspace: str, *, yes: bool, as_json: bool) -> None:
    """Take a GROUP away. Whoever was in it is in it no more; what they share through it, ends.

    \b
      hikidashi group remove EAST
    """  # noqa: D301  \b is click's
    lines = operate(context, workspace, lambda scene: delete_group(scene, group), yes=yes)
    tell(lines, f"the group {group} is gone", as_json=as_json)


@group.command("add-member")
@click.argument("group")
@click.argument("user")
@workspace_option
@as_json_option
@click.pass_context
def add_member(
    context: click.Context, group: str, user: str, workspace: str, *, as_json: bool
) -> None:
    """Put a USER of the workspace, by address or id, into a GROUP.

    \b
      hikidashi group add-member EAST alice@example.com
    """  # noqa: D301  \b is click's
    lines = operate(context, workspace, change_grant("group_members", group, user, give=True))
    tell(lines, f"{user} is in {group}", as_json=as_json)


@group.command("remove-member")
@click.argument("group")
@click.argument("user")
@workspace_option
@as_json_option
@click.pass_context
def remove_member(
    context: click.Context, group: str, user: str, workspace: str, *, as_json: bool
) -> None:
    """Take a USER out of a GROUP; `add-member` puts the user back.

    \b
      hikidashi group remove-member EAST alice@example.com
    """  # noqa: D301  \b is click's
    lines = operate(context, workspace, change_grant("group_members", group, user, give=False))
    tell(lines, f"{user} is in {group} no more", as_json=as_json)


@group.command("give-role")
@click.argument("group")
@click.argument("role")
@workspace_option
@as_json_option
@click.pass_context
def give_role(
    context: click.Context, group: str, role: str, workspace: str, *, as_json: bool
) -> None:
    """Give a GROUP a ROLE, named as APPLICATION/ROLE: everyone in it and below it holds it.

    \b
      hikidashi group give-role EAST SALES/MEMBER
    """  # noqa: D301  \b is click's
    lines = operate(context, workspace, change_grant("group_roles", role, group, give=True))
    tell(lines, f"{group} holds {role}", as_json=as_json)


@group.command("take-role")
@click.argument("group")
@click.argument("role")
@workspace_option
@as_json_option
@click.pass_context
def take_role(
    context: click.Context, group: str, role: str, workspace: str, *, as_json: bool
) -> None:
    """Take a ROLE, named as APPLICATION/ROLE, from a GROUP.

    \b
      hikidashi group take-role EAST SALES/MEMBER
    """  # noqa: D301  \b is click's
    lines = operate(context, workspace, change_grant("group_roles", role, group, give=False))
    tell(lines, f"{group} holds {role} no more", as_json=as_json)


def _row(scene: Scene, one: Group) -> dict[str, Any]:
    people = scene.now.people
    parent = scene.catalog.find_group(one.parent) if one.parent else None
    roles = [role for role, holder in people.group_roles if holder == one.id]
    return {
        "id": one.id,
        "display_id": one.display_id,
        "name": localized(one.names, "en"),
        "parent": parent.display_id if parent else "",
        "members": sum(1 for place, _ in people.group_members if place == one.id),
        "roles": sorted(name_role(scene.catalog, role) for role in roles),
    }
