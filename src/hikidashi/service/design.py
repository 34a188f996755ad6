"""Changes of definitions and people that a call asks for, made as a schema file's are.

A call says what it wants as a part of a schema file (see docs/schema-files.md) or as edits of
people. It is planned, checked, carried out and audited like a file, in one transaction under the
workspace's lock, and writes in flight are resolved again after it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from ..core.access import Actor, Identity, may_administer, may_design
from ..core.catalog import Catalog, Datastore, Project
from ..core.errors import Code, Fault, FaultError, FaultKind, forbidden, no_place, unauthorized
from ..core.ids import Clock, IdSource
from ..core.places import get_datastore, get_project
from ..core.record import record
from ..storage.audit import Author
from ..storage.definitions import list_workspaces, load_catalog, lock_workspaces
from ..storage.engines import Connection
from ..storage.people import load_actor
from ..storage.store import Store
from .schema import Change, Place, SchemaError, loads, plan, read_now
from .schema.apply import apply_changes, check_destruction
from .schema.changes import SchemaEdit
from .schema.now import WorkspaceNow, read_workspace

T = TypeVar("T")
REQUEST = "request"  # what problems call the file that a call makes
_NOWHERE = Place(REQUEST, 1, "")


@record
class Scene:
    """What a change finds inside its transaction: all of the caller's workspace as it is now."""

    connection: Connection
    now: WorkspaceNow
    catalog: Catalog
    actor: Actor
    ids: IdSource
    now_ms: int

    def designed_project(self, ref: str) -> Project:
        """A project that the actor may see and design. Raises 404, 403."""
        project = get_project(self.catalog, self.actor, ref)
        if not may_design(self.actor, project):
            raise forbidden(f"you may not change the design of {project.display_id}")
        return project

    def designed_datastore(self, ref: str, project: str = "") -> Datastore:
        """A datastore that the actor may use, of a project that the actor may design."""
        datastore = get_datastore(self.catalog, self.actor, project, ref)
        self.designed_project(datastore.project)
        return datastore

    def managed_project(self, ref: str) -> Project:
        """A project whose roles the actor may give and take: one that the actor may design, and
        every one for an administrator of the workspace. Raises 404, 403."""
        if may_administer(self.actor):
            project = self.catalog.find_project(ref)
            if project is None:
                raise no_place("application", ref)
            return project
        project = get_project(self.catalog, self.actor, ref)
        if not may_design(self.actor, project):
            raise forbidden("No privileges to the Application")
        return project

    def administered(self) -> None:
        """Only an administrator of the workspace goes on, and no token of one. Raises 403."""
        if not may_administer(self.actor):
            raise forbidden("only an administrator of the workspace may do this")


@record
class Wish:
    """What a call wants: keys of a workspace in a schema file, edits beside them, or both."""

    keys: Mapping[str, Any] | None = None  # "applications", "top_group", "users", "name", …
    edits: Sequence[SchemaEdit] = ()
    may_destroy: bool = False  # the call itself asks for what destroys data


class Designs:
    """Carries wishes out."""

    def __init__(self, store: Store, clock: Clock, ids: IdSource) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    async def change(
        self, identity: Identity, wish: Callable[[Scene], Wish], answer: Callable[[Scene], T]
    ) -> T:
        """Make a change and answer from what it leads to; durable when this returns.

        `wish` checks the actor's rights and raises FaultError for what may not be. Both functions
        may be run again when the database asks for it.
        """

        def run(connection: Connection) -> T:
            lock_workspaces(connection, self._store.engine, ["", identity.workspace])
            scene = self._scene(connection, identity)
            self._carry_out(scene, wish(scene), Author("api", identity.user))
            return answer(self._scene(connection, identity))

        return await self._store.change(run)

    async def rehearse(self, identity: Identity, wish: Callable[[Scene], Wish]) -> list[str]:
        """What a change would do, a line each; nothing is done."""

        def look(connection: Connection) -> list[str]:
            scene = self._scene(connection, identity)
            return [str(one) for one in _plan(scene, wish(scene))]

        return await self._store.scan(look)

    def _scene(self, connection: Connection, identity: Identity) -> Scene:
        listed = list_workspaces(connection)
        if all(one.id != identity.workspace for one in listed):
            raise unauthorized("the workspace of the token is not there")
        catalog = load_catalog(connection, identity.workspace)
        return Scene(
            connection,
            read_workspace(connection, identity.workspace, listed),
            catalog,
            load_actor(connection, identity, catalog, 0),
            self._ids,
            self._clock.now_ms(),
        )

    def _carry_out(self, scene: Scene, wish: Wish, author: Author) -> None:
        changes = _plan(scene, wish)
        if not changes:
            return
        try:
            if not wish.may_destroy:
                check_destruction(changes, ())
            apply_changes(
                scene.connection, self._store.engine, changes, author, scene.ids, scene.now_ms
            )
        except SchemaError as error:
            raise refused(error) from error


def _plan(scene: Scene, wish: Wish) -> list[Change]:
    changes: list[Change] = []
    if wish.keys is not None:
        document = {"workspaces": [{"id": scene.now.workspace.id, **wish.keys}]}
        try:
            schema = loads(msgspec.json.encode(document).decode(), REQUEST)
            changes += plan(schema, read_now(scene.connection, schema), scene.ids)
        except SchemaError as error:
            raise refused(error) from error
    if wish.edits:
        changes.append(Change("people and grants", tuple(wish.edits), _NOWHERE))
    return changes


def refused(error: SchemaError) -> FaultError:
    """400: each problem of a change, with the key of a schema file that it is about."""
    faults = []
    for one in error.problems:
        key = one.place.key.rpartition(".")[2]
        words = f"{key}: {one.message}" if key and "[" not in key else one.message
        faults.append(Fault(Code.INVALID_PARAMS, "invalid parameter", words))
    return FaultError(FaultKind.INVALID, *faults)
