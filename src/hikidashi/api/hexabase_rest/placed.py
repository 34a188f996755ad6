"""Reads and changes in a workspace that a call names, which has to be one of the caller's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import msgspec

from ...core.access import Identity
from ...core.errors import FaultError, FaultKind, no_place
from ...core.ids import is_id
from ...service.app import App, View
from ...service.design import Scene, Wish
from ..exchange import HttpRequest
from ..running import refuse_dry_run

T = TypeVar("T")


class NoErrorAnswer(msgspec.Struct):
    """Done."""

    error: None = None


async def look(
    app: App, identity: Identity, read: Callable[[View], T], workspace: str | None = None
) -> T:
    """Read in a workspace, in the current one if none is named. Raises 404 for others'."""
    place = in_workspace(identity, workspace)
    try:
        return await app.scan(place, read)
    except FaultError as fault:
        raise as_missing(fault, identity, workspace) from None


async def change(  # noqa: PLR0913
    app: App,
    request: HttpRequest,
    identity: Identity,
    wish: Callable[[Scene], Wish],
    answer: Callable[[Scene], T],
    workspace: str | None = None,
) -> T:
    """Make a change in a workspace, as `look` reads; it is not done only for show."""
    refuse_dry_run(request)
    place = in_workspace(identity, workspace)
    try:
        return await app.designs.change(place, wish, answer)
    except FaultError as fault:
        raise as_missing(fault, identity, workspace) from None


def in_workspace(identity: Identity, workspace: str | None) -> Identity:
    """The caller in that workspace; whether it is the caller's the people in it will tell."""
    if not workspace or workspace == identity.workspace:
        return identity
    if not is_id(workspace) or not identity.session:  # a token stays in its workspace
        raise no_place("workspace", workspace)
    return replace(identity, workspace=workspace, session="")  # its session is elsewhere


def as_missing(fault: FaultError, identity: Identity, workspace: str | None) -> FaultError:
    """A workspace that is not the caller's, or not there, is told as one that is not there."""
    elsewhere = workspace and workspace != identity.workspace
    if elsewhere and fault.kind is FaultKind.UNAUTHORIZED:
        return no_place("workspace", workspace or "")
    return fault
