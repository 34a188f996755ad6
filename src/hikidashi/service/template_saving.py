"""Saving an application as a template: its design, and what its saver may see of its contents."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any, Final

from ..core.access import Identity, may_use_datastore
from ..core.catalog import Datastore, Field, Project
from ..core.errors import invalid_request, unavailable
from ..core.items import Item
from ..core.kept import Reach, dump_value
from ..core.limits import TEMPLATE_FILES_MAX, TEMPLATE_ITEMS_MAX, TEMPLATE_LINE_BYTES_MAX
from ..core.query import LookupTarget, Query
from ..core.record import record
from ..core.values import format_instant
from ..storage import items as stored
from ..storage.files import FileRow, read_files
from ..storage.items import History
from ..storage.templates import list_counters
from .app import App, View
from .design import Scene
from .lists import stream_list
from .schema.export import export_application
from .shown import aspect
from .tasks import SAVE, Task
from .template_files import (
    Contents,
    KeptCounter,
    KeptStore,
    TemplateFile,
    bare,
    check_words,
    member_of,
    new_member,
    write_design,
)
from .template_lines import FileLine, HistoryLine, ItemLine, Line, LinkLine, encode_line
from .templates import check_use

_HISTORIES_AT_ONCE: Final = 200


@record
class Saving:
    """What is to be saved, as what."""

    project: str
    name: str
    category: str
    description: str
    items: bool = False  # these come with items alone
    links: bool = False
    histories: bool = False
    files: bool = False

    @property
    def has_contents(self) -> bool:
        """Whether more than the design is wanted."""
        return self.items or self.links or self.histories or self.files


async def save_template(app: App, identity: Identity, wanted: Saving) -> str:
    """Begin to save an application; the id of the job. Raises 404, 403, 400."""
    check_words(wanted.name, wanted.category, wanted.description)

    def look(scene: Scene) -> str:
        project = scene.designed_project(wanted.project)
        check_use(scene.catalog, scene.actor)
        return project.id

    project = await app.designs.look(identity, look)

    async def work(task: Task) -> None:
        def read(scene: Scene) -> tuple[TemplateFile, int]:
            found = scene.designed_project(project)
            keys = bare(export_application(scene.now, found.id))
            words = (wanted.name, wanted.category, wanted.description)
            return TemplateFile(*words, keys), scene.catalog.number

        template, number = await app.designs.look(task.identity, read)
        if not wanted.has_contents:
            await app.templates.keep(task, template)
            return
        async with app.files.staging() as staged:
            await _write(app, task, wanted, (project, template, number), staged)
            await app.templates.keep(task, template, staged)

    return await app.tasks.start(identity, SAVE, project, work)


async def _write(
    app: App,
    task: Task,
    wanted: Saving,
    subject: tuple[str, TemplateFile, int],
    staged: IO[bytes],
) -> None:
    project, template, number = subject
    with zipfile.ZipFile(staged, "w") as archive:

        def begin(view: View) -> Iterator[int]:
            found = view.catalog.find_project(project)
            if found is None or view.catalog.number != number:
                raise unavailable("the design changed meanwhile; try again")
            writer.begin(view, found)
            return writer.write()

        writer = _Writer(wanted, archive)
        counts = await app.stream(task.identity, begin)
        try:
            async for count in counts:
                task.note(count)
        finally:
            await counts.aclose()
        count = writer.count
        for file in writer.files.values():
            with archive.open(new_member(f"files/{file.sha256}", is_packed=False), "w") as member:
                await app.files.copy(file.id, file.size, member.write)
            count += 1
            task.note(count)
        write_design(archive, template, writer.contents)


class _Writer:
    """Writes the items of an application, as they are at one moment."""

    def __init__(self, wanted: Saving, archive: zipfile.ZipFile) -> None:
        self._wanted = wanted
        self._archive = archive
        self.count = 0  # items
        self.files: dict[str, FileRow] = {}  # by checksum
        self.contents = Contents(wanted.links, wanted.histories, wanted.files, [])
        self._view: View
        self._project: Project

    def begin(self, view: View, project: Project) -> None:
        """What to read, and who looks."""
        self._view = view
        self._project = project

    def write(self) -> Iterator[int]:
        """The lines of all datastores; tells how many items have been written."""
        self._view.connection.begin_reading()
        yield 0
        for datastore in self._project.datastores:
            if not may_use_datastore(self._view.actor, datastore):
                continue
            before = self.count
            member = new_member(member_of(len(self.contents.datastores)))
            with self._archive.open(member, "w") as out:
                yield from self._datastore(datastore, out)
            counters = self._counters(datastore)
            kept = KeptStore(datastore.display_id, self.count - before, counters)
            self.contents.datastores.append(kept)

    def _datastore(self, datastore: Datastore, out: IO[bytes]) -> Iterator[int]:
        source = _Source(self._view, self._project, datastore, self._wanted)
        for shown in stream_list(self._view, Query(datastore)):
            self.count += len(shown.items)
            if self.count > TEMPLATE_ITEMS_MAX:
                raise invalid_request(f"the application has over {TEMPLATE_ITEMS_MAX} items")
            titles = {key: frozenset(found) for key, found in shown.known.titles.items()}
            files = source.read_files(shown.items)
            links = source.read_links(shown.items)
            for item in shown.items:
                held = source.held(item, files)
                line = source.item_line(item, titles, held)
                _put(out, Line(item=line))
                for history in source.histories(item, frozenset(one.id for one in held)):
                    _put(out, Line(history=history))
                for link in links.get(item.id, ()):
                    _put(out, Line(link=link))
                for one in held:
                    self.files.setdefault(one.sha256, one)
            if len(self.files) > TEMPLATE_FILES_MAX:
                raise invalid_request(f"the application has over {TEMPLATE_FILES_MAX} files")
            yield self.count

    def _counters(self, datastore: Datastore) -> list[KeptCounter]:
        seen = aspect(self._view.catalog, self._view.actor, datastore).fields
        names = {one.id: one.display_id for one in seen if one in datastore.number_fields}
        return [
            KeptCounter(names[field], last, branch)
            for field, branch, last in list_counters(self._view.connection, sorted(names))
        ]


def _put(out: IO[bytes], line: Line) -> None:
    text = encode_line(line)
    if len(text) > TEMPLATE_LINE_BYTES_MAX:
        raise invalid_request(f"an item has over {TEMPLATE_LINE_BYTES_MAX} bytes")
    out.write(text)


class _Source:
    """What may be kept of one datastore's items: no more than their reader may see."""

    def __init__(self, view: View, project: Project, datastore: Datastore, wanted: Saving) -> None:
        seen = aspect(view.catalog, view.actor, datastore)
        self._view = view
        self._wanted = wanted
        self._datastore = datastore
        fields = [one for one in seen.fields if one.storage is not None]
        own = {one.id for one in project.datastores}
        self._lookups: Mapping[str, LookupTarget] = {
            key: one for key, one in seen.lookups.items() if one.datastore.id in own
        }
        self._fields: dict[str, Field] = {
            one.id: one
            for one in fields
            if one.kind.refers_to not in ("item", "file")
            or (one.kind.refers_to == "item" and one.id in self._lookups)
            or (one.kind.refers_to == "file" and wanted.files)
        }
        self._file_fields = [one for one in self._fields.values() if one.kind.refers_to == "file"]
        self._statuses = {one.id: one.display_id for one in datastore.statuses}
        self._actions = {one.id: one.display_id for one in datastore.actions}
        self._targets = [
            one for one in project.datastores if wanted.links and may_use_datastore(view.actor, one)
        ]

    def read_files(self, items: Sequence[Item]) -> dict[str, FileRow]:
        """The files that items hold in open fields."""
        held = {
            file
            for item in items
            for field in self._file_fields
            for file in field.kind.ids(item.values.get(field.id))
        }
        return read_files(self._view.connection, held)

    def held(self, item: Item, files: Mapping[str, FileRow]) -> list[FileRow]:
        """Those of one item, in the order of its fields."""
        return [
            files[file]
            for field in self._file_fields
            for file in field.kind.ids(item.values.get(field.id))
            if file in files
        ]

    def read_links(self, items: Sequence[Item]) -> dict[str, list[LinkLine]]:
        """The links from items to visible ones of the same application."""
        found: dict[str, list[LinkLine]] = {}
        ids = [item.id for item in items]
        view = self._view
        for one in self._targets:
            for source, target, kind in stored.list_links(
                view.connection, one, ids, view.actor.keyring
            ):
                found.setdefault(source, []).append(LinkLine(one.display_id, target, kind))
        return found

    def item_line(
        self, item: Item, titles: Mapping[str, frozenset[str]], held: Sequence[FileRow]
    ) -> ItemLine:
        """The item without its histories."""
        reach = Reach(titles, frozenset(one.id for one in held))
        values: dict[str, Any] = {}
        for key, field in self._fields.items():
            told = dump_value(field, item.values.get(key), reach)
            if told is not None:
                values[field.display_id] = told
        line = ItemLine(
            item.id,
            self._statuses.get(item.status, ""),
            values,
            [FileLine(one.id, one.name, one.size, one.sha256) for one in held],
        )
        if self._wanted.histories:
            line.rev, line.seq = item.rev, item.seq
            line.created_at, line.created_by = format_instant(item.created_at), item.created_by
            if item.updated_at is not None:
                line.updated_at = format_instant(item.updated_at)
                line.updated_by = item.updated_by
        return line

    def histories(self, item: Item, files: frozenset[str]) -> Iterator[HistoryLine]:
        """What was done to the item, oldest first, as far as its fields are open."""
        last = 0
        while self._wanted.histories:
            some = stored.list_histories_after(
                self._view.connection, item.id, last, _HISTORIES_AT_ONCE
            )
            reach = Reach(self._targets_of(some), files)
            for one in some:
                yield self._history(one, reach)
                last = one.seq
            if len(some) < _HISTORIES_AT_ONCE:
                return

    def _targets_of(self, histories: Sequence[History]) -> dict[str, frozenset[str]]:
        """By lookup field, the visible items that histories name."""
        found: dict[str, frozenset[str]] = {}
        view = self._view
        for key, target in self._lookups.items():
            named = {one for history in histories for one in history.changes.get(key, ())}
            items = [one for one in named if isinstance(one, str)]
            if items:
                titles = stored.read_titles(
                    view.connection, view.access, target, items, view.actor.keyring
                )
                found[key] = frozenset(titles)
        return found

    def _history(self, one: History, reach: Reach) -> HistoryLine:
        line = HistoryLine(
            one.seq, one.rev, format_instant(one.created_at), one.user, comment=one.comment
        )
        if not one.action:
            line.quiet = not one.marks_unread
            if one.updated_at is not None:
                line.updated_at = format_instant(one.updated_at)
                line.updated_by = one.updated_by
            return line
        line.operation, line.action = one.operation, self._actions.get(one.action, "")
        for key, (before, after) in one.changes.items():
            field = self._fields.get(key)
            if field is not None:
                told = (dump_value(field, before, reach), dump_value(field, after, reach))
                if told != (None, None):
                    line.values[field.display_id] = told
        if "status" in one.changes:
            before, after = one.changes["status"]
            get = self._statuses.get
            line.status = (get(str(before)), get(str(after)))
        return line


__all__ = ["Saving", "save_template"]
