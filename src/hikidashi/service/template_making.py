"""Making an application of a template with contents: behind the answer, seen at one moment.

The application is there at once but nobody holds a role of it; its items are written in portions
under access sets that open nothing. The last transaction lets everybody in. What was written of one
that comes to nothing is taken back, and the application with it.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import IO

from ..core.access import Identity
from ..core.catalog import Datastore, Project
from ..core.commands import WriteKept
from ..core.errors import invalid_request, no_place, unavailable
from ..core.file_types import clean_name, sniff
from ..core.kept import Renaming
from ..storage.access_sets import StagedSets
from ..storage.engines import Connection
from ..storage.files import FileRow
from ..storage.group import Planner
from ..storage.jobs import JobError, StoredJob, finish_job, insert_job
from ..storage.staging import publish
from ..storage.templates import KeptWriter, Template, list_members
from .app import App
from .design import Scene
from .design_parts import Keys, Made
from .design_templates import create_from_template, let_in
from .tasks import CREATE, RefusedError, Task, check_goes_on
from .template_files import Contents, KeptStore, member_of
from .template_lines import LineError, LineReader, Portion, portions
from .template_zips import TemplateZip
from .templates import find_template


async def make_application(
    app: App, identity: Identity, keys: Keys, template: str
) -> tuple[Made, str]:
    """Make an application of a template; with it the id of the job that fills it, "" if it is
    whole. Raises 403, 404, 400."""

    def look(scene: Scene) -> tuple[Template, FileRow | None]:
        scene.administered()
        told, _, file = find_template(scene.connection, identity.workspace, template)
        return told, file

    told, file = await app.designs.look(identity, look)
    if file is None:
        making = create_from_template(keys, template)
        return await app.designs.change(identity, making.wish, making.answer), ""
    app.tasks.check_room()
    job = app.tasks.new(identity, CREATE, "")
    making = create_from_template(keys, template, is_hidden=True)

    def answer(scene: Scene) -> Made:
        made = making.answer(scene)
        insert_job(scene.connection, _about(job, made.id))
        return made

    app.tasks.hold(job.id)
    try:
        made = await app.designs.change(identity, making.wish, answer)
    except BaseException:
        app.tasks.let_go(job.id)
        raise

    async def work(task: Task) -> None:
        await _Filling(app, task, is_believed=not told.is_sent).run(file)

    return made, app.tasks.run(identity, _about(job, made.id), work)


def _about(job: StoredJob, project: str) -> StoredJob:
    return replace(job, project=project)


def new_id(job: str, old: str) -> str:
    """The id of an item or file in the application that a job makes, by the one that it had."""
    digest = hashlib.blake2b(old.encode(), key=job.encode(), digest_size=8).hexdigest()
    return job[:8] + digest  # the time, as in any id


class _Filling:
    """One application that is being filled."""

    def __init__(self, app: App, task: Task, *, is_believed: bool) -> None:
        self._app = app
        self._task = task
        self._job = task.job
        self._is_believed = is_believed
        self._count = 0

    async def run(self, file: FileRow) -> None:
        """Fill it from the file of its template, then let everybody in."""
        with tempfile.TemporaryFile() as source:
            await self._app.files.copy(file.id, file.size, self._taking(source))
            opened = await asyncio.to_thread(TemplateZip, source)
            await self._fill(opened, opened.contents or Contents())
        await self._show()

    def _taking(self, source: IO[bytes]) -> Callable[[bytes], object]:
        def take(piece: bytes) -> None:
            self._task.note(0)
            source.write(piece)

        return take

    async def _fill(self, opened: TemplateZip, contents: Contents) -> None:
        def look(connection: Connection) -> tuple[Project, frozenset[str]]:
            catalog, _ = self._app.store.standing.get(connection, self._task.identity)
            found = catalog.find_project(self._job.project)
            if found is None:
                raise no_place("application", self._job.project)
            return found, list_members(connection, catalog.workspace)

        project, members = await self._app.store.scan(look)
        for at, store in enumerate(contents.datastores):
            datastore = project.find_datastore(store.datastore)
            if datastore is None:
                raise no_place("datastore", store.datastore)
            renaming = Renaming(
                lambda old: new_id(self._job.id, old), contents.files, members.__contains__
            )
            reader = LineReader(
                project,
                datastore,
                renaming,
                has_histories=contents.histories,
                has_links=contents.links,
                is_believed=self._is_believed,
            )
            await self._fill_datastore(opened, (at, store, datastore), reader, contents)

    async def _fill_datastore(
        self,
        opened: TemplateZip,
        place: tuple[int, KeptStore, Datastore],
        reader: LineReader,
        contents: Contents,
    ) -> None:
        at, store, datastore = place
        access = self._app.store.access.staged(self._job.id, datastore.id)
        counters = tuple(_counters(store, datastore))
        if counters:
            first = WriteKept(datastore.project, datastore.id, (), counters=counters)
            await self._write(first, (), access)
        found = portions(reader, opened.lines(member_of(at)))
        done = 0
        while (portion := await asyncio.to_thread(self._next, found, at)) is not None:
            files = await self._put_files(opened, portion, datastore)
            command = WriteKept(datastore.project, datastore.id, portion.items, contents.histories)
            await self._write(command, files, access)
            new = sum(one.is_new for one in portion.items)
            self._count += new + len(files)
            done += new
            self._task.note(self._count)
        if done != store.items:
            raise invalid_request(f"{member_of(at)}: has not {store.items} items")

    def _next(self, found: object, at: int) -> Portion | None:
        try:
            return next(found, None)  # type: ignore[call-overload,no-any-return]
        except LineError as error:
            raise RefusedError([JobError(f"{member_of(at)}: {error}", 0)]) from None

    async def _put_files(
        self, opened: TemplateZip, portion: Portion, datastore: Datastore
    ) -> list[FileRow]:
        """The bytes of a portion's files; the rows that are to be written for them."""
        rows: list[FileRow] = []
        for id_, file, field, item in portion.files:
            self._task.note(self._count)
            now = self._app.clock.now_ms()
            async with self._app.files.staging() as staged:
                head = await asyncio.to_thread(opened.copy_file, file.sha256, staged)
                await self._app.files.put(id_, staged)
            place = (self._job.workspace, datastore.id, field, item)
            said = (clean_name(file.name), sniff(head), file.size, file.sha256)
            rows.append(FileRow(id_, 0, *place, *said, self._job.user, now, now))
        return rows

    async def _write(
        self, command: WriteKept, files: Sequence[FileRow], access: StagedSets
    ) -> None:
        app = self._app

        def write(connection: Connection) -> dict[tuple[str, frozenset[str]], int]:
            check_goes_on(connection, self._job.id, self._count, app.clock.now_ms())
            standing = app.store.standing.get(connection, self._task.identity)
            planner = Planner(
                app.store.engine,
                connection,
                app.store.standing,
                access,
                app.clock,
                app.ids,
                locks_values=False,  # nobody else writes there
            )
            writer = KeptWriter(connection, planner, self._task.identity, standing)
            return writer.write(command, files)

        access.remember(await app.store.change(write))

    async def _show(self) -> None:
        """The last transaction: everything is there, and who may come in, in one moment."""
        job, now = self._job, self._app.clock.now_ms()

        def finish(scene: Scene) -> None:
            publish(scene.connection, job.id)
            if not finish_job(scene.connection, job.id, self._count, (), now):
                raise unavailable("the task was given up by another process")

        await self._app.designs.change(
            self._task.identity, lambda scene: let_in(scene, job.project), finish
        )


def _counters(store: KeptStore, datastore: Datastore) -> list[tuple[str, str | None, int]]:
    found = [(datastore.find_field(one.field), one) for one in store.counters]
    return [(field.id, one.branch, one.last) for field, one in found if field is not None]


__all__ = ["make_application", "new_id"]
