"""Taking a template in that somebody sends: everything in it is looked at, then written anew.

What is kept is never what was sent but what was understood of it, so that whoever downloads it
gets a zip of ours.
"""

from __future__ import annotations

import asyncio
import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from ..core.access import Identity
from ..core.catalog import Datastore, Project
from ..core.errors import invalid_request, too_large
from ..core.ids import is_id
from ..core.kept import Renaming
from ..core.limits import BRANCH_KEY_CHARS_MAX, INTEGER_MAX, TEMPLATE_ITEMS_MAX
from ..storage.imports import ERRORS_MAX
from ..storage.jobs import JobError
from .app import App
from .design_templates import plan_project
from .tasks import UPLOAD, RefusedError, Task
from .template_files import Contents, KeptStore, member_of, new_member, write_design
from .template_lines import ItemLine, LineError, LineReader, decode_line, encode_line
from .template_zips import TemplateZip

_NOTED_EVERY: Final = 200


async def take_template(app: App, identity: Identity, path: Path) -> str:
    """Begin to take a zip in, which is removed in the end; the id of the job."""

    async def work(task: Task) -> None:
        try:
            with path.open("rb") as source:
                await _take(app, task, source)
        finally:
            _remove(path)

    return await app.tasks.start(identity, UPLOAD, "", work)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


async def _take(app: App, task: Task, source: IO[bytes]) -> None:
    opened = await asyncio.to_thread(TemplateZip, source)
    template, contents = opened.template, opened.contents
    if contents is None:
        await app.templates.keep(task, template)
        return
    project = await app.designs.look(
        task.identity, lambda scene: plan_project(scene, template.application)
    )
    async with app.files.staging() as staged:

        def check() -> None:
            with zipfile.ZipFile(staged, "w") as archive:
                checker = _Checker(opened, contents, project, task, app.files.bytes_max)
                checker.run(archive)
                write_design(archive, template, contents)

        await asyncio.to_thread(check)
        await app.templates.keep(task, template, staged)


class _Checker:
    """Looks at all contents of a template, and writes down what it understood."""

    def __init__(
        self,
        opened: TemplateZip,
        contents: Contents,
        project: Project,
        task: Task,
        file_bytes_max: int,
    ) -> None:
        self._opened = opened
        self._contents = contents
        self._project = project
        self._task = task
        self._file_bytes_max = file_bytes_max
        self._errors: list[JobError] = []
        self._items: dict[str, set[bytes]] = {}  # ids by datastore
        self._files: set[str] = set()  # checksums that items name
        self._file_ids: set[bytes] = set()
        self._unique: set[bytes] = set()

    def run(self, archive: zipfile.ZipFile) -> None:
        """Raises RefusedError, and FaultError for what concerns no line."""
        stores = self._find_stores()
        for at, (store, datastore) in enumerate(stores):
            self._items[datastore.id] = self._gather(member_of(at), store)
        self._tell()
        count = 0
        for at, (store, datastore) in enumerate(stores):
            member = member_of(at)
            with archive.open(new_member(member), "w") as out:
                for text in self._check(member, datastore):
                    out.write(text)
            count += store.items
            self._task.note(count)
        self._tell()
        self._copy_files(archive, count)

    def _tell(self) -> None:
        if self._errors:
            raise RefusedError(self._errors)

    def _fail(self, member: str, reason: object, line: int) -> None:
        self._errors.append(JobError(f"{member}: {reason}", line))
        if len(self._errors) >= ERRORS_MAX:
            self._tell()

    def _find_stores(self) -> list[tuple[KeptStore, Datastore]]:
        """The datastores that the contents name."""
        found: list[tuple[KeptStore, Datastore]] = []
        for store in self._contents.datastores:
            datastore = self._project.find_datastore(store.datastore)
            if datastore is None or datastore.display_id != store.datastore:
                raise invalid_request(f"contents: has no datastore {store.datastore[:100]}")
            if any(datastore is one for _, one in found):
                raise invalid_request(f"contents: names the datastore {store.datastore} twice")
            self._check_counters(store, datastore)
            found.append((store, datastore))
        if sum(store.items for store, _ in found) > TEMPLATE_ITEMS_MAX:
            raise too_large(f"the template has over {TEMPLATE_ITEMS_MAX} items")
        return found

    def _check_counters(self, store: KeptStore, datastore: Datastore) -> None:
        seen: set[tuple[str, str | None]] = set()
        for one in store.counters:
            field = datastore.find_field(one.field)
            branch = one.branch or ""
            if (
                field is None
                or field not in datastore.number_fields
                or not 0 <= one.last <= INTEGER_MAX
                or len(branch) > BRANCH_KEY_CHARS_MAX
                or "\0" in branch
                or (field.id, one.branch) in seen
            ):
                raise invalid_request(
                    f"contents: {store.datastore} has no counter like that of {one.field[:100]}"
                )
            seen.add((field.id, one.branch))

    # -- lines ---------------------------------------------------------------------------------

    def _gather(self, member: str, store: KeptStore) -> set[bytes]:
        """The ids of a datastore's items, so that lines may name those of later ones."""
        found: set[bytes] = set()
        for number, text in self._opened.lines(member):
            if not number % _NOTED_EVERY:
                self._task.note(self._task.count)
            try:
                line = decode_line(text)
            except LineError as error:
                self._fail(member, error, number)
                continue
            if line.item is None:
                continue
            id_ = line.item.id
            if not is_id(id_):
                self._fail(member, "id: must be an item id", number)
            elif (key := bytes.fromhex(id_)) in found:
                self._fail(member, f"the item {id_} is there twice", number)
            else:
                found.add(key)
            if len(found) > store.items:
                raise invalid_request(f"{member}: has more items than contents says")
        if len(found) != store.items and not self._errors:
            raise invalid_request(f"{member}: has fewer items than contents says")
        return found

    def _check(self, member: str, datastore: Datastore) -> Iterator[bytes]:
        renaming = Renaming(str, self._contents.files, lambda _: True)
        reader = LineReader(
            self._project,
            datastore,
            renaming,
            has_histories=self._contents.histories,
            has_links=self._contents.links,
            is_believed=True,
            known=self,
        )
        for number, text in self._opened.lines(member):
            if not number % _NOTED_EVERY:
                reader.portion(number)  # nothing is to be kept of it
                self._task.note(self._task.count)
            try:
                yield encode_line(reader.read(text))
            except LineError as error:
                self._fail(member, error, number)

    def check_item(self, datastore: Datastore, item: ItemLine) -> None:
        """Its files are there, and its unique values are nobody else's. Raises LineError."""
        for file in item.files:
            key = bytes.fromhex(file.id)
            if key in self._file_ids:
                raise LineError(f"files: the file {file.id} is held twice")
            if self._opened.file_size(file.sha256) != file.size:
                raise LineError(f"files: the template has no file {file.sha256} of that size")
            self._file_ids.add(key)
            self._files.add(file.sha256)
        for field in datastore.unique_fields:
            value = item.values.get(field.display_id)
            if value is None:
                continue
            said = f"{field.id}{value!r}".encode("utf-8", "backslashreplace")
            digest = hashlib.blake2b(said, digest_size=12).digest()
            if digest in self._unique:
                raise LineError(f"{field.display_id}: the value is not unique")
            self._unique.add(digest)

    def check_target(self, datastore: str, item: str) -> None:
        """An item that is named is in the template. Raises LineError."""
        if not is_id(item) or bytes.fromhex(item) not in self._items.get(datastore, ()):
            raise LineError(f"has no item {item[:100]}")

    # -- files ---------------------------------------------------------------------------------

    def _copy_files(self, archive: zipfile.ZipFile, count: int) -> None:
        for sha256 in self._opened.list_files():
            name = f"files/{sha256}"
            if sha256 not in self._files:
                raise invalid_request(f"{name}: no item holds it")
            if (self._opened.file_size(sha256) or 0) > self._file_bytes_max:
                raise too_large(f"{name}: has over {self._file_bytes_max} bytes")
            with archive.open(new_member(name, is_packed=False), "w") as out:
                self._opened.copy_file(sha256, out)
            count += 1
            self._task.note(count)


__all__ = ["take_template"]
