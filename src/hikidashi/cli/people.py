"""`user`: who is in a workspace, with which groups and roles, and their passwords."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import click

from ..core.catalog import Catalog
from ..service.app import App
from ..service.design import Scene
from ..service.identity import check_password, hash_password
from ..service.operating import (
    Newcomer,
    add_user,
    change_grant,
    change_user,
    get_member,
    remove_user,
)
from ..storage.people import find_account, list_memberships
from ..storage.people_state import User, find_users
from .opening import Commands, RefusedError, read_settings, run_app
from .operating import operate, survey, tell, workspace_option
from .output import as_json_option, show_done, show_one, show_rows, yes_option


@click.group(cls=Commands)
def user() -> None:
    """Look after the people of a workspace.

    \b
      hikidashi user list
      hikidashi user add alice@example.com --name Alice --group EAST --role SALES/MEMBER
      hikidashi user set-password alice@example.com

    Many people at once are better written in a file (see `schema`). A server that runs sees every
    change within two seconds.
    """  # noqa: D301  \b is click's


@user.command("list")
@workspace_option
@as_json_option
@click.pass_context
def list_users(context: click.Context, workspace: str, *, as_json: bool) -> None:
    """List who is in a workspace, programs too.

    \b
      hikidashi user list
      hikidashi user list --workspace Acme --json | jq -r '.[].email'
    """  # noqa: D301  \b is click's
    rows = survey(
        context, workspace, lambda scene: [_row(scene, u) for u in scene.now.people.users]
    )
    columns = ("id", "email", "name", "admin", "groups", "roles")
    show_rows(rows, columns, as_json=as_json, none="nobody is in the workspace")


@user.command("show")
@click.argument("user")
@workspace_option
@as_json_option
@click.pass_context
def show_user(context: click.Context, user: str, workspace: str, *, as_json: bool) -> None:
    """Show one USER, by address or id: groups, roles, workspaces.

    \b
      hikidashi user show alice@example.com
    """  # noqa: D301  \b is click's

    def read(scene: Scene) -> dict[str, Any]:
        found = get_member(scene, user)
        held = list_memberships(scene.connection, found.id)
        own = {
            "user_code": found.user_code or "",
            "exclusive": bool(found.exclusive),
            "may_log_in": found.password_hash is not None and not found.is_bot,
        }
        return _row(scene, found) | own | {"workspaces": [one.name for one in held]}

    show_one(survey(context, workspace, read), as_json=as_json)


@user.command("add")
@click.argument("email")
@click.option("--name", default="", help="What the user is called; else the part before the @.")
@click.option("--admin/--no-admin", default=None, help="Administers the workspace.")
@click.option("--group", "groups", multiple=True, help="A group to be in. May be repeated.")
@click.option(
    "--role", "roles", multiple=True, metavar="APPLICATION/ROLE", help="A role. May be repeated."
)
@click.option("--stdin", "from_stdin", is_flag=True, help="Read a password from one line of stdin.")
@workspace_option
@as_json_option
@click.pass_context
def add(  # noqa: PLR0913  one each option
    context: click.Context,
    email: str,
    name: str,
    groups: tuple[str, ...],
    roles: tuple[str, ...],
    workspace: str,
    *,
    admin: bool | None,
    from_stdin: bool,
    as_json: bool,
) -> None:
    """Add a user with the address EMAIL to a workspace; in its top group, if no other is named.

    Somebody who is in another workspace already comes into this one as well.

    \b
      hikidashi user add alice@example.com --name Alice --role SALES/MEMBER
      pass show bob | hikidashi user add bob@example.com --admin --group EAST --stdin
    """  # noqa: D301  \b is click's
    password = hashed = ""
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
        check_password(password)
        hashed = asyncio.run(asyncio.to_thread(hash_password, password))
    newcomer = Newcomer(email, name, admin, password, hashed, groups, roles)
    lines = operate(context, workspace, add_user(newcomer))
    tell(lines, f"{email} is in the workspace", as_json=as_json)


@user.command("change")
@click.argument("user")
@click.option("--email", default="", help="Another address; with it the user logs in.")
@click.option("--name", default="", help="Another name.")
@click.option("--admin/--no-admin", default=None, help="Administers the workspace, or does not.")
@workspace_option
@as_json_option
@click.pass_context
def change(  # noqa: PLR0913  one each option
    context: click.Context,
    user: str,
    email: str,
    name: str,
    workspace: str,
    *,
    admin: bool | None,
    as_json: bool,
) -> None:
    """Give a USER, by address or id, another address or name, or make an administrator of them.

    \b
      hikidashi user change alice@example.com --name "Alice B." --admin
      hikidashi user change alice@example.com --email alice.b@example.com
    """  # noqa: D301  \b is click's
    if not (email or name) and admin is None:
        raise click.UsageError("say what is to change: --email, --name or --admin")
    lines = operate(context, workspace, change_user(user, email=email, name=name, is_admin=admin))
    tell(lines, f"{user} is changed", as_json=as_json)


@user.command("remove")
@click.argument("user")
@workspace_option
@yes_option
@as_json_option
@click.pass_context
def remove(context: click.Context, user: str, workspace: str, *, yes: bool, as_json: bool) -> None:
    """Take a USER, by address or id, out of a workspace; what the user did there stays.

    \b
      hikidashi user remove alice@example.com
      hikidashi user remove alice@example.com --workspace Acme --yes
    """  # noqa: D301  \b is click's
    lines = operate(context, workspace, remove_user(user), yes=yes)
    tell(lines, f"{user} is in the workspace no more", as_json=as_json)


@user.command("give-role")
@click.argument("user")
@click.argument("role")
@workspace_option
@as_json_option
@click.pass_context
def give_role(
    context: click.Context, user: str, role: str, workspace: str, *, as_json: bool
) -> None:
    """Give a USER a ROLE, named as APPLICATION/ROLE.

    \b
      hikidashi user give-role alice@example.com SALES/ADMIN
    """  # noqa: D301  \b is click's
    lines = operate(context, workspace, change_grant("user_roles", role, user, give=True))
    tell(lines, f"{user} holds {role}", as_json=as_json)


@user.command("take-role")
@click.argument("user")
@click.argument("role")
@workspace_option
@as_json_option
@click.pass_context
def take_role(
    context: click.Context, user: str, role: str, workspace: str, *, as_json: bool
) -> None:
    """Take a ROLE, named as APPLICATION/ROLE, from a USER, who may still hold it through a group.

    \b
      hikidashi user take-role alice@example.com SALES/ADMIN
    """  # noqa: D301  \b is click's
    lines = operate(context, workspace, change_grant("user_roles", role, user, give=False))
    tell(lines, f"{user} holds {role} no more", as_json=as_json)


@user.command("set-password")
@click.argument("user")
@click.option(
    "--stdin", "from_stdin", is_flag=True, help="Read the password from one line of stdin."
)
@as_json_option
@click.pass_context
def set_password(context: click.Context, user: str, *, from_stdin: bool, as_json: bool) -> None:
    """Set the password of a USER, by address or id, and end the user's sessions.

    \b
      hikidashi user set-password alice@example.com
      pass show alice | hikidashi user set-password alice@example.com --stdin
    """  # noqa: D301  \b is click's
    if from_stdin or not sys.stdin.isatty():
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("New password", hide_input=True, confirmation_prompt=True)

    async def work(app: App) -> None:
        account = await app.store.read(lambda one: find_account(one, user))
        known = await app.store.read(lambda one: find_users(one, [], [user]))
        if account is None and not known:
            raise RefusedError(f"nobody has the address {user}; `user add` makes users")
        await app.identities.set_password(account.user if account else known[0].id, password)

    run_app(read_settings(context), work)
    sentence = f"{user} has a new password; every session of the user has ended"
    show_done(sentence, {"changed": True}, as_json=as_json)


def _row(scene: Scene, one: User) -> dict[str, Any]:
    people = scene.now.people
    groups = [group for group, holder in people.group_members if holder == one.id]
    roles = [role for role, holder in people.user_roles if holder == one.id]
    return {
        "id": one.id,
        "email": one.email or "",
        "name": one.name,
        "admin": one.id in people.admins,
        "bot": one.is_bot,
        "groups": sorted(name_group(scene.catalog, group) for group in groups),
        "roles": sorted(name_role(scene.catalog, role) for role in roles),
    }


def name_group(catalog: Catalog, group: str) -> str:
    """The display id of a group."""
    found = catalog.find_group(group)
    return found.display_id if found else group


def name_role(catalog: Catalog, role: str) -> str:
    """APPLICATION/ROLE."""
    for project in catalog.projects:
        found = project.find_role(role)
        if found is not None:
            return f"{project.display_id}/{found.display_id}"
    return role
