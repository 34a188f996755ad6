"""`user` and `token`: passwords and long-lived tokens."""

from __future__ import annotations

import sys

import click

from ..core.access import Identity, may_see_project
from ..core.values import format_instant
from ..service.app import App
from ..storage.definitions import list_workspaces, load_catalog
from ..storage.engines import Connection
from ..storage.inspection import Token, list_tokens
from ..storage.people import find_account, load_actor
from .opening import Commands, RefusedError, read_settings, run_app


@click.group(cls=Commands)
def user() -> None:
    """Look after the people of a workspace.

    Who there is, in which groups, with which roles, is in the schema file (see `schema`); a
    password is set here.
    """


@user.command("set-password")
@click.argument("email")
@click.option(
    "--stdin", "from_stdin", is_flag=True, help="Read the password from one line of stdin."
)
@click.pass_context
def set_password(context: click.Context, email: str, *, from_stdin: bool) -> None:
    """Set the password of a user, and end the user's sessions.

    \b
      hikidashi user set-password alice@example.com
      pass show alice | hikidashi user set-password alice@example.com --stdin
    """  # noqa: D301  \b is click's
    if from_stdin or not sys.stdin.isatty():
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("New password", hide_input=True, confirmation_prompt=True)

    async def work(app: App) -> None:
        account = await app.store.read(lambda one: find_account(one, email))
        if account is None:
            raise RefusedError(f"nobody has the address {email}; `schema apply` makes users")
        await app.identities.set_password(account.user, password)

    run_app(read_settings(context), work)
    click.echo(f"{email} has a new password; every session of the user has ended")


# --- tokens -----------------------------------------------------------------------------------


@click.group(cls=Commands)
def token() -> None:
    """Make, list and revoke API tokens: for programs that act for a user in one application."""


@token.command("create")
@click.argument("name")
@click.option("--user", "email", required=True, metavar="EMAIL", help="Who the token acts for.")
@click.option("--project", required=True, metavar="ID", help="The application that it opens.")
@click.option("--read-only", is_flag=True, help="Let it read and nothing else.")
@click.pass_context
def create_token(
    context: click.Context, name: str, *, email: str, project: str, read_only: bool
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
    click.echo(secret)
    click.echo(f"token {id_}: revoke it with `hikidashi token revoke {id_}`", err=True)


@token.command("revoke")
@click.argument("id")
@click.pass_context
def revoke_token(context: click.Context, id: str) -> None:  # noqa: A002  the vocabulary's word
    """End the token or project key with that ID; servers see it within two seconds.

    \b
      hikidashi token list
      hikidashi token revoke 6560c1a2f3b4c5d6e7f80912
    """  # noqa: D301  \b is click's
    if not run_app(read_settings(context), lambda app: app.identities.revoke_token(id)):
        raise RefusedError(f"there is no token {id}; `hikidashi token list` shows them")
    click.echo(f"{id} opens nothing any more")


@token.command("list")
@click.pass_context
def show_tokens(context: click.Context) -> None:
    """List the API tokens and project keys that open something; secrets are not kept."""

    async def work(app: App) -> tuple[list[Token], dict[str, str]]:
        return await app.store.scan(lambda one: (list_tokens(one), _project_names(one)))

    tokens, projects = run_app(read_settings(context), work)
    for one in tokens:
        made = format_instant(one.created_at)[:10]
        rights = "write" if one.may_write else "read"
        project = projects.get(one.project, one.project or "-")
        click.echo(
            f"{one.id}  {one.kind:7}  {rights:5}  {made}  {project}  {one.name}  ({one.user})"
        )
    if not tokens:
        click.echo("there are no tokens", err=True)


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
