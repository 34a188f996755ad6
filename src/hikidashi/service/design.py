"""Changes of definitions and people that a call asks for, made as a schema file's are.

A call says what it wants as a part of a schema file (see docs/schema-files.md) or as edits of
people. It is planned, checked, carried out and audited like a file, in one transaction under the
workspace's lock, and writes in flight are resolved again after it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Protocol, TypeVar

from ..core.access import Actor, Identity, make_operator, may_administer, may_design
from ..core.catalog import Catalog, Datastore, Project
from ..core.errors import (
    Code,
    Fault,
    FaultError,
    FaultKind,
    forbidden,
    invalid_request,
    no_place,
    unauthorized,
)
from ..core.ids import Clock, IdSource
from ..core.limits import DELETED_KEEP_MS
from ..core.places import get_datastore, get_project
from ..core.record import record
from ..storage.audit import Author
from ..storage.definition_bodies import Definition
from ..storage.definitions import (
    Edit,
    list_workspaces,
    load_catalog,
    lock_workspaces,
)
from ..storage.deletions import drop_for_good, list_deletions
from ..storage.engines import Connection, Engine
from ..storage.people import load_actor
from ..storage.removed import Removed, list_removed
from ..storage.store import Store
from ..storage.templates import drop_files
from ..storage.written import staying
from .builds import Builds
from .schema import Change, Place, SchemaError, SchemaFile, of_data, plan, read_now
from .schema.apply import apply_changes, check_destruction, check_values
from .schema.changes import EditDefinition, ReturnWorkspace, SchemaEdit
from .schema.deletions import Loss, losses_of
from .schema.model import WORDS
from .schema.now import Now, WorkspaceNow, read_workspace

T = TypeVar("T")
REQUEST = "request"  # what problems call the file that a call makes
NO_WORDS: Mapping[str, str] = {}
_NOWHERE = Place(REQUEST, 1, "")


class Inside(Protocol):
    """What any change is planned and carried out with, inside its transaction."""

    @property
    def connection(self) -> Connection:
        """What the transaction is open on."""

    @property
    def ids(self) -> IdSource:
        """Where new ids come from."""

    @property
    def now_ms(self) -> int:
        """When it happens."""


@dataclass(frozen=True)
class Scene:
    """What a change finds inside its transaction: all of the caller's workspace as it is now."""

    connection: Connection
    catalog: Catalog
    actor: Actor
    ids: IdSource
    now_ms: int

    @cached_property
    def now(self) -> WorkspaceNow:
        """Definitions and people, read when they are first asked for: not for who has no right."""
        listed = list_workspaces(self.connection)
        return read_workspace(self.connection, self.actor.workspace, listed)

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
    restored: Sequence[Definition] = ()  # deleted ones that are to be there again, parents first
    words: Mapping[str, str] = field(
        default_factory=dict
    )  # what the caller calls a key, where it is another name
    workspace: str = ""  # id of the one that the keys are of, if it is not the scene's


@record
class Forecast:
    """What a change would do."""

    lines: tuple[str, ...]
    losses: tuple[Loss, ...]  # what it would take away


class Designs:
    """Carries wishes out."""

    def __init__(self, store: Store, clock: Clock, ids: IdSource, builds: Builds) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._builds = builds

    async def change(
        self, identity: Identity, wish: Callable[[Scene], Wish], answer: Callable[[Scene], T]
    ) -> T:
        """Make a change and answer from what it leads to; durable when this returns.

        `wish` checks the actor's rights and raises FaultError for what may not be. Both functions
        may be run again when the database asks for it.
        """
        identity = staying(identity)

        def run(connection: Connection) -> T:
            lock_workspaces(connection, self._store.engine, ["", identity.workspace])
            scene = self._scene(connection, identity)
            self._carry_out(scene, wish(scene), Author("api", identity.user))
            return answer(self._scene(connection, identity, is_changed=True))

        answered = await self._store.change(run)
        self._builds.wake()
        return answered

    async def forecast(self, identity: Identity, wish: Callable[[Scene], Wish]) -> Forecast:
        """What a change would do and take away; what would be refused is refused."""
        identity = staying(identity)

        def look(connection: Connection) -> Forecast:
            scene = self._scene(connection, identity)
            wanted = wish(scene)
            changes = _plan(scene, wanted)
            try:
                check_values(connection, changes)
            except SchemaError as error:
                raise refused(error, wanted.words) from error
            losses = losses_of(connection, changes, scene.catalog)
            return Forecast(tuple(one.line for one in changes), tuple(losses))

        return await self._store.scan(look)

    async def act(self, identity: Identity, act: Callable[[Scene], T]) -> T:
        """Do what changes no definition, and only those who design or administer may; durable when
        this returns."""
        who = staying(identity)
        return await self._store.change(lambda one: act(self._scene(one, who)))

    async def look(self, identity: Identity, read: Callable[[Scene], T]) -> T:
        """Read what only those who design or administer may."""
        who = staying(identity)
        return await self._store.scan(lambda one: read(self._scene(one, who)))

    async def operate(self, workspace: str, wish: Callable[[Scene], Wish]) -> list[str]:
        """The same for the operator, in a workspace by id; a line for each change."""

        def run(connection: Connection) -> list[str]:
            lock_workspaces(connection, self._store.engine, ["", workspace])
            scene = self._operator_scene(connection, workspace)
            return [one.line for one in self._carry_out(scene, wish(scene), Author("cli"))]

        return await self._store.change(run)

    async def bring_back(self, ref: str) -> Removed:
        """A workspace that an operator removed, by id or name, is there again; its applications
        are not yet. Raises 404, and 400 if several bear the name."""
        known = await self._store.scan(self._removed)
        found = [one for one in known if ref in (one.workspace.id, one.workspace.name)]
        if not found:
            raise no_place("removed workspace", ref)
        if len(found) > 1:
            raise invalid_request(f"{len(found)} removed workspaces bear this name: give the id")
        [one] = found
        place = one.workspace

        def run(connection: Connection) -> None:
            lock_workspaces(connection, self._store.engine, ["", place.id])
            if one not in self._removed(connection):
                raise no_place("removed workspace", ref)
            change = Change(
                f"+ workspace {place.name} (again)", (ReturnWorkspace(place),), _NOWHERE
            )
            now = self._clock.now_ms()
            engine, author = self._store.engine, Author("cli")
            apply_changes(connection, engine, [change], author, self._ids, now)

        await self._store.change(run)
        return one

    def _removed(self, connection: Connection) -> list[Removed]:
        return list_removed(connection, self._clock.now_ms() - DELETED_KEEP_MS)

    async def survey(self, workspace: str, read: Callable[[Scene], T]) -> T:
        """Read what an operator may; the id of a workspace is given."""
        return await self._store.scan(lambda one: read(self._operator_scene(one, workspace)))

    async def foresee(self, workspace: str, wish: Callable[[Scene], Wish]) -> list[str]:
        """What `operate` would do, a line each; what would be refused is refused."""
        return await self.survey(
            workspace, lambda scene: [one.line for one in _plan(scene, wish(scene))]
        )

    async def discard(self, workspace: str, project: str) -> None:
        """Take an application that nobody has been let into away for good."""
        engine = self._store.engine

        def run(connection: Connection) -> None:
            lock_workspaces(connection, engine, ["", workspace])
            scene = self._operator_scene(connection, workspace)
            found = scene.catalog.find_project(project)
            if found is None:
                return
            fields = [field.id for one in found.datastores for field in one.file_fields]
            drop_files(connection, fields, scene.now_ms)
            gone = Wish({"applications": [{"id": project, "deleted": True}]}, may_destroy=True)
            self._carry_out(scene, gone, Author("api"))
            for one in list_deletions(connection, workspace, scene.now_ms):
                if one.id == project:
                    drop_for_good(connection, engine, one)

        await self._store.change(run)

    def _operator_scene(self, connection: Connection, workspace: str) -> Scene:
        catalog = load_catalog(connection, workspace)
        return self._scene_of(connection, catalog, make_operator(workspace, catalog))

    def _scene(
        self, connection: Connection, identity: Identity, *, is_changed: bool = False
    ) -> Scene:
        workspace = identity.workspace
        if is_changed:  # what may yet be undone is kept in no memory
            catalog: Catalog | None = load_catalog(connection, workspace)
        else:
            catalog = self._store.standing.find_catalog(connection, workspace)
        if catalog is None:
            raise unauthorized("the workspace of the token is not there")
        return self._scene_of(connection, catalog, load_actor(connection, identity, catalog, 0))

    def _scene_of(self, connection: Connection, catalog: Catalog, actor: Actor) -> Scene:
        return Scene(connection, catalog, actor, self._ids, self._clock.now_ms())

    def _carry_out(self, scene: Scene, wish: Wish, author: Author) -> list[Change]:
        changes = _plan(scene, wish)
        carry_out(scene, self._store.engine, wish, changes, author)
        return changes


def _plan(scene: Scene, wish: Wish) -> list[Change]:
    workspace = scene.actor.workspace
    returned = [_return(workspace, one) for one in wish.restored]
    now = partial(_with_restored, scene, wish=wish)
    return returned + plan_wish(scene, wish, wish.workspace or workspace, now)


def planned_definitions(scene: Scene, wish: Wish) -> list[Definition]:
    """What a wish would make or change, as it would be then. Raises 400."""
    edits = [edit for change in _plan(scene, wish) for edit in change.edits]
    after = (one.edit.after for one in edits if isinstance(one, EditDefinition))
    return [one for one in after if one is not None]


def plan_wish(
    inside: Inside, wish: Wish, workspace: str, read: Callable[[SchemaFile], Now]
) -> list[Change]:
    """What a wish comes to in a workspace. Raises 400 with every problem."""
    changes: list[Change] = []
    if wish.keys is not None or wish.restored:
        document = {"workspaces": [{"id": workspace, **(wish.keys or {})}]}
        try:
            schema = of_data(document, REQUEST)
            changes += plan(schema, read(schema), inside.ids)
        except SchemaError as error:
            raise refused(error, wish.words) from error
    if wish.edits:
        changes.append(Change("people and grants", tuple(wish.edits), _NOWHERE))
    return changes


def carry_out(
    inside: Inside, engine: Engine, wish: Wish, changes: Sequence[Change], author: Author
) -> None:
    """Do what was planned and tell the audit. Raises 400 for what may not be."""
    if not changes:
        return
    try:
        if not wish.may_destroy:
            check_destruction(changes, ())
        apply_changes(inside.connection, engine, changes, author, inside.ids, inside.now_ms)
    except SchemaError as error:
        raise refused(error, wish.words) from error


def _return(workspace: str, one: Definition) -> Change:
    kind = WORDS.get(one.kind, one.kind)
    edit = EditDefinition(workspace, Edit(None, one))
    return Change(f"+ {kind} {one.display_id} (again)", (edit,), _NOWHERE)


def _with_restored(scene: Scene, schema: SchemaFile, wish: Wish) -> Now:
    """The database as if what is to come back had been there all the time: so it is checked."""
    now = read_now(scene.connection, schema)
    if not wish.restored:
        return now
    held = now.workspaces[scene.actor.workspace]
    everything = (*held.definitions, *wish.restored)
    whole = WorkspaceNow(held.workspace, everything, held.people)
    places = {held.workspace.id: whole}
    return Now(now.listed, places, now.users, now.codes, now.used_ids, now.key_holders)


def refused(error: SchemaError, words: Mapping[str, str] = NO_WORDS) -> FaultError:
    """400: each problem of a change, with the key of a schema file that it is about.

    `words`: what the caller calls some of the keys.
    """
    faults = []
    for one in error.problems:
        key = one.place.key.rpartition(".")[2]
        key = words.get(key, key)
        told = f"{key}: {one.message}" if key and "[" not in key else one.message
        faults.append(Fault(Code.INVALID_PARAMS, "invalid parameter", told))
    return FaultError(FaultKind.INVALID, *faults)
