"""What the designer of a datastore does about links by rule: count what is outdated, and mend it."""

from __future__ import annotations

from ..core.access import Identity, may_design
from ..core.catalog import Datastore, Project
from ..core.errors import forbidden
from ..core.places import get_datastore, get_project
from ..storage.builds import Kind, order_build, tell_of_builds
from ..storage.engines import Connection
from ..storage.rules import find_outdated
from ..storage.written import staying
from .app import App, View
from .design import Scene


async def count_outdated(
    app: App, identity: Identity, project: str, datastore: str
) -> tuple[int, list[str]]:
    """How many items that the caller sees have other links than rules say, and some of them.
    Raises 404, 403."""

    def read(view: View) -> tuple[int, list[str]]:
        place = get_datastore(view.catalog, view.actor, project, datastore)
        holder: Project = get_project(view.catalog, view.actor, place.project)
        if not may_design(view.actor, holder):
            raise forbidden(f"you may not change the design of {holder.display_id}")
        return find_outdated(view.connection, view.catalog, place, view.actor.keyring)

    return await app.scan(identity, read)


async def build_keys(
    app: App, identity: Identity, project: str, datastore: str, *, behind: bool
) -> None:
    """Wait for the indexes of the datastore's keys: they are made behind a change of the design.
    Raises 404, 403."""
    place = await app.designs.look(identity, lambda scene: _place(scene, project, datastore).id)
    app.builds.wake()
    if not behind:
        await app.builds.finish_of(place, (Kind.INDEX,))


async def build_links(
    app: App, identity: Identity, project: str, datastore: str, *, behind: bool
) -> None:
    """Link every item of a datastore as its rules say; a task tells how far it is. Raises 404, 403."""
    place = await app.designs.look(identity, lambda scene: _place(scene, project, datastore).id)
    workspace = staying(identity).workspace
    now = app.clock.now_ms()

    def order(connection: Connection) -> None:
        order_build(connection, Kind.LINKS, workspace, place)
        tell_of_builds(connection, workspace, identity.user, app.ids, now)

    await app.store.change(order, workspace)
    app.builds.wake()
    if not behind:
        await app.builds.finish_of(place, (Kind.LINKS,))


def _place(scene: Scene, project: str, datastore: str) -> Datastore:
    return scene.designed_datastore(datastore, project)
