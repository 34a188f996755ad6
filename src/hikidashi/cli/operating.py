"""What the commands that look after a workspace share: which one, reading it, changing it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

from ..service.app import App
from ..service.design import Scene, Wish
from ..storage.definitions import Workspace, list_workspaces
from .opening import RefusedError, read_settings, run_app
from .output import confirm, show_done

T = TypeVar("T")
NOTHING = "nothing to change"

workspace_option = click.option(
    "--workspace",
    "-w",
    default="",
    metavar="NAME",
    help="The workspace, by name or id. May be left out where there is only one.",
)


def find_workspace(listed: list[Workspace], ref: str) -> Workspace:
    """A workspace by id or name; the only one for "". Raises RefusedError."""
    found = [one for one in listed if not ref or ref in (one.id, one.name)]
    names = ", ".join(one.name for one in listed)
    if not listed:
        raise RefusedError("there is no workspace yet; `hikidashi workspace add` makes one")
    if not found:
        raise RefusedError(f"there is no workspace {ref}; there are: {names}")
    if len(found) > 1:
        words = "several have this name, give the id" if ref else f"name one of {names}"
        raise RefusedError(f"which workspace? With --workspace {words}")
    return found[0]


async def read_workspace_id(app: App, ref: str) -> str:
    """The id of a workspace that was named, or of the only one."""
    return find_workspace(await app.store.scan(list_workspaces), ref).id


def survey(context: click.Context, workspace: str, read: Callable[[Scene], T]) -> T:
    """Read what a workspace holds."""

    async def work(app: App) -> T:
        return await app.designs.survey(await read_workspace_id(app, workspace), read)

    return run_app(read_settings(context), work)


def operate(
    context: click.Context,
    workspace: str,
    wish: Callable[[Scene], Wish],
    *,
    yes: bool = True,
) -> list[str]:
    """Change a workspace; a line for each change. `yes`: it is not asked whether it is meant."""

    async def work(app: App) -> list[str]:
        place = await read_workspace_id(app, workspace)
        if not yes:
            confirm(await app.designs.foresee(place, wish), yes=yes)
        return await app.designs.operate(place, wish)

    return run_app(read_settings(context), work)


def tell(lines: list[str], sentence: str, *, as_json: bool) -> None:
    """Say what was done, or that it was so already."""
    show_done(sentence if lines else NOTHING, {"changed": bool(lines)}, as_json=as_json)
