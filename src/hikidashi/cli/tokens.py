"""`token`: long-lived secrets for programs."""

from __future__ import annotations

from typing import Any

import click

from ..core.access import Identity, may_see_project
from ..core.values import format_instant
from ..service.app import App
from ..service.design_keys import create_key
from ..storage.definitions import list_workspaces, load_catalog
from ..storage.engines import Connection
from ..storage.inspection import Token, list_tokens
from ..storage.people import find_account, load_actor
from .opening import Commands, RefusedError, read_settings, run_app
from .operating import read_workspace_id, workspace_option
from .output import (
    as_json_option,
    confirm,
    plain,
    print_json,
    show_done,
    show_one,
    show_rows,
    yes_option,
)


@click.group(cls=Commands)
def token() -> None:
    """Make, list and revoke API tokens: for programs that act for a user in one application.

    \b
      hikidashi token create nightly-report --user alice@example.com --project SALES --read-only
      hikidashi token list
    """  # noqa: D301  \b is click's


@token.command("create")
@click.argument("name")
@click.option("--user", "email", required=True, metavar="EMAIL", help="Who the token acts for.")
@click.option("--project", required=True, metavar="ID", help="The application that it opens.")
@click.option("--read-only", is_flag=True, help="Let it read and nothing else.")
@as_json_option
@click.pass_context
def create_token(  # noqa: PLR0913  one each option
    context: click.Context, name: str, *, email: str, project: str, read_only: bool, as_json: bool
) -> None:
    """Make a token called NAME and print its secret, which is shown only now.

    \b
      hikidashi token create nightly-report --user alice@example.com --project sales --read-only
      curl -H "Authorization: Bearer hk_…" http://127.0.0.1:8000/api/v0/applications
    """  # noqa: D301  \b is click's

    async def work(app: App) -> tuple[str, str]:
        identity = await app.store.scan(lambda one: _find_identity(one, email, project))
        scoped = Identity(identity.user, identity.workspace, identity.project, not read_only)
        return await app.identities.create_token(name, scoped)

    id_, secret = run_app(read_settings(context), work)
    if as_json:
        print_json({"id": id_, "secret": secret})
        return
    click.echo(secret)
    click.echo(f"token {id_}: revoke it with `hikidashi token revoke {id_}`", err=True)


@token.command("key")
@click.argument("name")
@click.option("--project", required=True, metavar="ID", help="The application that it opens.")
@click.option("--role", "roles", multiple=True, help="A role of it; may be repeated.")
@click.option("--read-only", is_flag=True, help="Let it read and nothing else.")
@workspace_option
@as_json_option
@click.pass_context
def create_project_key(  # noqa: PLR0913  one each option
    context: click.Context,
    name: str,
    *,
    project: str,
    roles: tuple[str, ...],
    read_only: bool,
    workspace: str,
    as_json: bool,
) -> None:
    """Make a key called NAME for the HotTask API and print its secret, which is shown only now.

    It acts as a bot of the application that holds the roles; without any it holds MEMBER.

    \b
      hikidashi token key site --project SHOP --role SITE
      curl -H "customauth: hk_…" http://127.0.0.1:8000/autodev/CustomTableValue/Count/shopcode1234/1 -d '{}'
    """  # noqa: D301  \b is click's
    keys = {"roles": list(roles)} if roles else {}

    async def work(app: App) -> tuple[str, str]:
        secret, key_hash = app.identities.new_key()
        making = create_key(project, name, key_hash, {**keys, "read_only": read_only})
        place = await read_workspace_id(app, workspace)
        await app.designs.operate(place, making.wish)
        return making.made.id, secret

    id_, secret = run_app(read_settings(context), work)
    if as_json:
        print_json({"id": id_, "secret": secret})
        return
    click.echo(secret)
    click.echo(f"key {id_}: revoke it with `hikidashi token revoke {id_}`", err=True)


@token.command("open")
@click.argument("method")
@click.argument("url")
@click.option("--user", "email", required=True, metavar="EMAIL", help="Whose rights it has.")
@click.option("--project", required=True, metavar="ID", help="The application that it is about.")
@click.option("--write", is_flag=True, help="Let it write; else it only reads.")
@as_json_option
@click.pass_context
def open_call(  # noqa: PLR0913  one each option
    context: click.Context,
    method: str,
    url: str,
    *,
    email: str,
    project: str,
    write: bool,
    as_json: bool,
) -> None:
    """Open one call to everybody, without a token: METHOD and URL, from /api/v0/ on.

    Whoever knows the server may make it, by UnauthorizedCall, exactly as it stands here and with any
    body, and may do with it what the user may. Have a user for it who may do nothing else.

    \b
      hikidashi token open POST /api/v0/applications/SITE/datastores/FORMS/items/new \\
        --user form@example.com --project SITE --write
      hikidashi token revoke 6560c1a2f3b4c5d6e7f80912
    """  # noqa: D301  \b is click's
    from ..api.hexabase_rest.open_calls import OpenCalls  # noqa: PLC0415  only this command needs it
    from ..api.hexabase_rest.routes import CALLS  # noqa: PLC0415

    if OpenCalls(CALLS).find(method, url) is None:
        raise RefusedError(f"{plain(method)} {plain(url)} is no call that can be open")

    async def work(app: App) -> str:
        identity = await app.store.scan(lambda one: _find_identity(one, email, project))
        scoped = Identity(identity.user, identity.workspace, identity.project, write)
        return await app.identities.open_call(method, url, scoped)

    id_ = run_app(read_settings(context), work)
    sentence = f"{method} {url} is open; close it with `hikidashi token revoke {id_}`"
    show_done(sentence, {"id": id_}, as_json=as_json)


@token.command("change")
@click.argument("id")
@click.option("--name", default="", help="Another name.")
@click.option("--read-only/--write", default=None, help="Let it read and nothing else, or write.")
@as_json_option
@click.pass_context
def change_token(
    context: click.Context,
    id: str,  # noqa: A002  the vocabulary's word
    *,
    name: str,
    read_only: bool | None,
    as_json: bool,
) -> None:
    """Give the token or project key with that ID another name, or let it only read.

    \b
      hikidashi token change 6560c1a2f3b4c5d6e7f80912 --name weekly-report --read-only
    """  # noqa: D301  \b is click's
    if not name and read_only is None:
        raise click.UsageError("say what is to change: --name, --read-only or --write")
    may_write = None if read_only is None else not read_only

    async def work(app: App) -> bool:
        return await app.identities.change_token(id, name, may_write=may_write)

    if not run_app(read_settings(context), work):
        raise RefusedError(f"there is no token {id}; `hikidashi token list` shows them")
    show_done(f"{id} is changed", {"changed": True}, as_json=as_json)


@token.command("revoke")
@click.argument("id")
@yes_option
@as_json_option
@click.pass_context
def revoke_token(
    context: click.Context,
    id: str,  # noqa: A002  the vocabulary's word
    *,
    yes: bool,
    as_json: bool,
) -> None:
    """End the token or project key with that ID; servers see it within two seconds.

    \b
      hikidashi token list
      hikidashi token revoke 6560c1a2f3b4c5d6e7f80912
    """  # noqa: D301  \b is click's

    async def work(app: App) -> bool:
        found = await app.store.scan(list_tokens)
        names = [f"- {one.kind} token {one.name} of {one.user}" for one in found if one.id == id]
        if names:
            confirm(names, yes=yes)
        return await app.identities.revoke_token(id)

    if not run_app(read_settings(context), work):
        raise RefusedError(f"there is no token {id}; `hikidashi token list` shows them")
    show_done(f"{id} opens nothing any more", {"changed": True}, as_json=as_json)


@token.command("list")
@as_json_option
@click.pass_context
def show_tokens(context: click.Context, *, as_json: bool) -> None:
    """List the API tokens and project keys that open something; secrets are not kept.

    \b
      hikidashi token list
      hikidashi token list --json | jq -r '.[] | select(.kind == "api") | .id'
    """  # noqa: D301  \b is click's
    columns = ("id", "kind", "rights", "made", "project", "name", "user")
    show_rows(_read_tokens(context), columns, as_json=as_json, none="there are no tokens")


@token.command("show")
@click.argument("id")
@as_json_option
@click.pass_context
def show_token(
    context: click.Context,
    id: str,  # noqa: A002  the vocabulary's word
    *,
    as_json: bool,
) -> None:
    """Show the token or project key with that ID.

    \b
      hikidashi token show 6560c1a2f3b4c5d6e7f80912
    """  # noqa: D301  \b is click's
    for one in _read_tokens(context):
        if one["id"] == id:
            show_one(one, as_json=as_json)
            return
    raise RefusedError(f"there is no token {plain(id)}; `hikidashi token list` shows them")


def _read_tokens(context: click.Context) -> list[dict[str, Any]]:
    async def work(app: App) -> tuple[list[Token], dict[str, str]]:
        return await app.store.scan(lambda one: (list_tokens(one), _project_names(one)))

    tokens, projects = run_app(read_settings(context), work)
    return [
        {
            "id": one.id,
            "kind": one.kind,
            "rights": "write" if one.may_write else "read",
            "made": format_instant(one.created_at)[:10],
            "project": projects.get(one.project, one.project),
            "name": one.name,
            "user": one.user,
            "workspace": one.workspace,
        }
        for one in tokens
    ]


def _project_names(connection: Connection) -> dict[str, str]:
    return {
        project.id: project.display_id
        for workspace in list_workspaces(connection)
        for project in load_catalog(connection, workspace.id).projects
    }


def _find_identity(connection: Connection, email: str, ref: str) -> Identity:
    """The user in the workspace of a project that the user may see."""
    account = find_account(connection, email)
    if account is None:
        raise RefusedError(f"nobody has the address {email}")
    found: list[Identity] = []
    is_there = False
    for workspace in list_workspaces(connection):
        catalog = load_catalog(connection, workspace.id)
        project = catalog.find_project(ref)
        if project is None:
            continue
        is_there = True
        identity = Identity(account.user, workspace.id, project.id)
        if may_see_project(load_actor(connection, identity, catalog, 0), project):
            found.append(identity)
    if not is_there:
        raise RefusedError(f"there is no application {ref}")
    if not found:
        raise RefusedError(f"{email} has no role in the application {ref}")
    if len(found) > 1:
        raise RefusedError(f"several workspaces have an application {ref}: give its id")
    return found[0]
