"""Templates that are kept: listed, sent out, deleted; and how one comes to be kept."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Mapping
from typing import IO, Any, Final

import msgspec

from ..core.access import Actor, Identity, may_administer, may_design
from ..core.catalog import Catalog
from ..core.errors import forbidden, invalid_request, no_place, unavailable
from ..core.file_types import clean_name
from ..core.ids import Clock, IdSource, is_id
from ..core.limits import TEMPLATE_BYTES_MAX, TEMPLATES_MAX
from ..storage.engines import Connection
from ..storage.files import FileRow, insert_file, read_file
from ..storage.jobs import finish_job
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
from .files import Files
from .tasks import UPLOAD, Task
from .template_files import TemplateFile, pack

_PIECE_BYTES: Final = 1_000_000


def may_use_templates(catalog: Catalog, actor: Actor) -> bool:
    """Whoever administers the workspace or designs an application of it; no token of one."""
    designs = any(may_design(actor, one) for one in catalog.projects)
    return not actor.project and (may_administer(actor) or designs)


def check_use(catalog: Catalog, actor: Actor) -> None:
    """Raises 403."""
    if not may_use_templates(catalog, actor):
        raise forbidden("templates are for those who design an application")


class Templates:
    """Keeps templates. One's id is that of the job that made it."""

    def __init__(
        self, store: Store, clock: Clock, ids: IdSource, designs: Designs, files: Files
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._designs = designs
        self._files = files

    # -- making --------------------------------------------------------------------------------

    async def check_upload(self, identity: Identity) -> None:
        """Raises 403, before anything is read."""
        await self._designs.look(identity, lambda one: check_use(one.catalog, one.actor))

    async def keep(
        self, task: Task, template: TemplateFile, staged: IO[bytes] | None = None
    ) -> None:
        """Keep a template, the zip with its contents if it has some, and say that the job is done."""
        job, count = task.job, max(task.count, 1)
        body = msgspec.json.encode(template.application)
        if len(body) > TEMPLATE_BYTES_MAX:
            raise invalid_request(f"the application has over {TEMPLATE_BYTES_MAX} bytes")
        now = self._clock.now_ms()
        words = (template.name, template.category, template.description)
        file = await self._put(task, template, staged) if staged is not None else None
        row = Template(
            job.id,
            job.workspace,
            job.user,
            *words,
            now,
            file.id if file is not None else "",
            job.kind == UPLOAD,
        )

        def write(connection: Connection) -> None:
            if count_templates(connection, job.workspace) >= TEMPLATES_MAX:
                raise invalid_request(f"the workspace has {TEMPLATES_MAX} templates; delete some")
            if not finish_job(connection, job.id, count, (), now):
                raise unavailable("the task was given up by another process")
            if file is not None:
                insert_file(connection, file)
            insert_template(connection, row, body.decode())

        await self._store.change(write)

    async def _put(self, task: Task, template: TemplateFile, staged: IO[bytes]) -> FileRow:
        """Make the bytes of a zip durable; the row that is to be written for them."""
        size, checksum = await asyncio.to_thread(_measure, staged)
        file, now = self._ids.next_id(), self._clock.now_ms()
        await self._files.put(file, staged)
        return FileRow(
            file,
            0,
            task.job.workspace,
            "",  # at no item, so no call for files of items gives it
            "",
            "",
            clean_name(f"{template.name}.zip"),
            "application/zip",
            size,
            checksum,
            task.job.user,
            now,
            now,
        )

    # -- reading -------------------------------------------------------------------------------

    async def list_all(self, identity: Identity) -> list[Template] | None:
        """The workspace's templates; None for who may not use them."""

        def look(scene: Scene) -> list[Template] | None:
            if not may_use_templates(scene.catalog, scene.actor):
                return None
            return list_templates(scene.connection, identity.workspace)

        return await self._designs.look(identity, look)

    async def send(
        self, identity: Identity, template: str
    ) -> tuple[str, bytes | AsyncGenerator[bytes, None]]:
        """A template's name, and the template as a zip. Raises 404, 403."""

        def look(scene: Scene) -> tuple[TemplateFile, FileRow | None]:
            check_use(scene.catalog, scene.actor)
            return find_template(scene.connection, identity.workspace, template)[1:]

        found, file = await self._designs.look(identity, look)
        if file is None:
            return found.name, await asyncio.to_thread(pack, found)
        return found.name, await self._files.open_piece(file, 0, file.size)

    async def delete(self, identity: Identity, template: str) -> None:
        """Take a template away. Raises 404, 403."""
        await self.check_upload(identity)
        now = self._clock.now_ms()
        if not is_id(template) or not await self._store.change(
            lambda one: delete_template(one, identity.workspace, template, now)
        ):
            raise no_place("template", template)


def find_template(
    connection: Connection, workspace: str, template: str
) -> tuple[Template, TemplateFile, FileRow | None]:
    """A template of a workspace, and the file with its contents. Raises 404."""
    found = read_template(connection, workspace, template) if is_id(template) else None
    if found is None:
        raise no_place("template", template)
    told, body = found
    application: Mapping[str, Any] = msgspec.json.decode(body)
    file = read_file(connection, workspace, told.file) if told.file else None
    if told.file and file is None:
        raise no_place("template", template)
    return told, TemplateFile(told.name, told.category, told.description, application), file


def _measure(staged: IO[bytes]) -> tuple[int, str]:
    """How many bytes a file has, and their checksum."""
    staged.flush()
    staged.seek(0)
    sha, size = hashlib.sha256(), 0
    while piece := staged.read(_PIECE_BYTES):
        sha.update(piece)
        size += len(piece)
    return size, sha.hexdigest()


__all__ = ["Templates", "check_use", "find_template", "may_use_templates"]
