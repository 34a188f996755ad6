"""Templates: applications saved as they are designed, sent in, taken out, and made again.

Saving and taking in go on behind the answer, each as a job that is told of from the first moment.
The id of a template is that of the job that makes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from ..core.access import Actor, Identity, may_administer, may_design
from ..core.catalog import Catalog
from ..core.errors import FaultError, forbidden, invalid_request, no_place, unavailable
from ..core.ids import Clock, IdSource, is_id
from ..core.limits import (
    TASKS_TOLD_MAX,
    TASKS_WAITING_MAX,
    TEMPLATE_BYTES_MAX,
    TEMPLATES_MAX,
)
from ..core.record import record
from ..storage.engines import Connection, EngineError
from ..storage.jobs import (
    JobError,
    StoredJob,
    finish_job,
    insert_job,
    list_jobs,
)
from ..storage.store import Store
from ..storage.templates import (
    Template,
    count_templates,
    delete_template,
    insert_template,
    list_templates,
    read_template,
)
from .design import Designs, Scene
from .imports import Imports
from .schema.export import export_application
from .template_files import TemplateFile, bare, check_words, pack, unpack

SAVE: Final = "savetemplate"  # kinds of jobs
UPLOAD: Final = "uploadtemplate"
_Make = Callable[[Connection], tuple[TemplateFile, str]]


@record
class Saving:
    """What is to be saved, as what."""

    project: str
    name: str
    category: str
    description: str


def may_use_templates(catalog: Catalog, actor: Actor) -> bool:
    """Whoever administers the workspace or designs an application of it; no token of one."""
    designs = any(may_design(actor, one) for one in catalog.projects)
    return not actor.project and (may_administer(actor) or designs)


class Templates:
    """Keeps templates, and the jobs that make them."""

    def __init__(
        self, store: Store, clock: Clock, ids: IdSource, designs: Designs, imports: Imports
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._designs = designs
        self._alive = imports.others  # what a sweep must not take for lost
        self._turn = asyncio.Lock()
        self._waiting: set[str] = set()  # jobs whose turn has not come
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Finish what has begun."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- making --------------------------------------------------------------------------------

    async def save(self, identity: Identity, wanted: Saving) -> str:
        """Begin to save an application; the id of the job. Raises 404, 403, 400."""
        check_words(wanted.name, wanted.category, wanted.description)

        def look(scene: Scene) -> str:
            project = scene.designed_project(wanted.project)
            _check_use(scene.catalog, scene.actor)
            return project.id

        project = await self._designs.look(identity, look)

        async def make() -> TemplateFile:
            def read(scene: Scene) -> TemplateFile:
                found = scene.designed_project(project)
                keys = bare(export_application(scene.now, found.id))
                return TemplateFile(wanted.name, wanted.category, wanted.description, keys)

            return await self._designs.look(identity, read)

        return await self._start(identity, SAVE, project, make)

    async def check_upload(self, identity: Identity) -> None:
        """Raises 403, before anything is read."""
        await self._designs.look(identity, lambda one: _check_use(one.catalog, one.actor))

    async def take(self, identity: Identity, content: bytes) -> str:
        """Begin to take a zip in; the id of the job."""
        return await self._start(identity, UPLOAD, "", lambda: asyncio.to_thread(unpack, content))

    async def _start(
        self, identity: Identity, kind: str, project: str, make: Callable[[], Any]
    ) -> str:
        if len(self._tasks) >= TASKS_WAITING_MAX:
            raise unavailable(f"{TASKS_WAITING_MAX} templates are on their way; try again")
        now = self._clock.now_ms()
        job = StoredJob(
            self._ids.next_id(),
            identity.workspace,
            kind,
            "",
            identity.user,
            "running",
            0,
            (),
            now,
            now,
            None,
            project,
        )
        self._alive.add(job.id)
        self._waiting.add(job.id)
        try:
            await self._store.change(lambda connection: insert_job(connection, job))
        except BaseException:
            self._forget(job.id)
            raise
        task = asyncio.get_running_loop().create_task(self._run(job, make))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job.id

    async def _run(self, job: StoredJob, make: Callable[[], Any]) -> None:
        try:
            async with self._turn:  # one at a time: each may be large
                self._waiting.discard(job.id)
                await self._make(job, await make())
        except FaultError as error:
            await self._fail(
                job, [JobError(one.description or one.error, 0) for one in error.faults]
            )
        except EngineError as error:
            await self._fail(job, [JobError(f"the database refused: {error}", 0)])
        except Exception:
            await self._fail(job, [JobError("something went wrong on the server", 0)])
            raise
        finally:
            self._forget(job.id)

    def _forget(self, job: str) -> None:
        self._alive.discard(job)
        self._waiting.discard(job)

    async def _fail(self, job: StoredJob, errors: list[JobError]) -> None:
        now = self._clock.now_ms()
        await self._store.change(lambda one: finish_job(one, job.id, 0, tuple(errors), now))

    async def _make(self, job: StoredJob, file: TemplateFile) -> None:
        body = msgspec.json.encode(file.application)
        if len(body) > TEMPLATE_BYTES_MAX:
            raise invalid_request(f"the application has over {TEMPLATE_BYTES_MAX} bytes")
        now = self._clock.now_ms()
        template = Template(
            job.id, job.workspace, job.user, file.name, file.category, file.description, now
        )

        def write(connection: Connection) -> None:
            if count_templates(connection, job.workspace) >= TEMPLATES_MAX:
                raise invalid_request(f"the workspace has {TEMPLATES_MAX} templates; delete some")
            if not finish_job(connection, job.id, 1, (), now):
                raise unavailable("the task was given up by another process")
            insert_template(connection, template, body.decode())

        await self._store.change(write)

    # -- reading -------------------------------------------------------------------------------

    async def list_all(self, identity: Identity) -> list[Template] | None:
        """The workspace's templates; None for who may not use them."""

        def look(scene: Scene) -> list[Template] | None:
            if not may_use_templates(scene.catalog, scene.actor):
                return None
            return list_templates(scene.connection, identity.workspace)

        return await self._designs.look(identity, look)

    async def pack(self, identity: Identity, template: str) -> tuple[str, bytes]:
        """A template's name, and the template as a zip. Raises 404, 403."""

        def look(scene: Scene) -> TemplateFile:
            _check_use(scene.catalog, scene.actor)
            return find_template(scene.connection, identity.workspace, template)

        found = await self._designs.look(identity, look)
        return found.name, await asyncio.to_thread(pack, found)

    async def delete(self, identity: Identity, template: str) -> None:
        """Take a template away. Raises 404, 403."""
        await self.check_upload(identity)
        if not is_id(template) or not await self._store.change(
            lambda one: delete_template(one, identity.workspace, template)
        ):
            raise no_place("template", template)

    def is_waiting(self, job: str) -> bool:
        """Whether a job of this process has yet to begin."""
        return job in self._waiting

    async def list_tasks(self, identity: Identity, *, only_running: bool) -> list[StoredJob]:
        """The caller's jobs in the workspace, the newest first."""
        return await self._store.scan(
            lambda one: list_jobs(
                one,
                identity.workspace,
                identity.user,
                only_running=only_running,
                most=TASKS_TOLD_MAX,
            )
        )


def _check_use(catalog: Catalog, actor: Actor) -> None:
    if not may_use_templates(catalog, actor):
        raise forbidden("templates are for those who design an application")


def find_template(connection: Connection, workspace: str, template: str) -> TemplateFile:
    """A template of a workspace. Raises 404."""
    found = read_template(connection, workspace, template) if is_id(template) else None
    if found is None:
        raise no_place("template", template)
    told, body = found
    application: Mapping[str, Any] = msgspec.json.decode(body)
    return TemplateFile(told.name, told.category, told.description, application)
