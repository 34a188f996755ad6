"""Files: bytes first, then the row that says so, then the item that holds them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import IO, TypeAlias, TypeVar

from ..core.access import Identity
from ..core.errors import invalid_request, too_large, unavailable
from ..core.file_types import HEAD_BYTES, clean_name, sniff
from ..core.ids import Clock, IdSource
from ..core.limits import FILE_KEEP_MS, FILE_WAIT_MS, UPLOAD_LIFE_MS
from ..core.record import record
from ..observe import Observer
from ..storage import files as rows
from ..storage.engines import Connection
from ..storage.files import FileRow
from ..storage.objects import (
    PIECE_BYTES,
    MissingObjectError,
    Objects,
    ObjectsError,
    is_stray,
    spans_between,
)
from ..storage.store import Store
from ..storage.uploads import forget_uploads

T = TypeVar("T")
Note: TypeAlias = Callable[[Connection, FileRow], FileRow]

_WRITE_BYTES = 1_000_000  # of an upload: written at a time
_THREADS = 8  # that wait for the folder or bucket
_SWEPT_AT_ONCE = 500
_STRAY_DAYS_MS = 7 * 86_400_000  # how far back a sweep looks for bytes without a row


@record
class Target:
    """What a file is uploaded for."""

    datastore: str = ""  # id
    field: str = ""  # id
    item: str = ""  # id


class Incoming:
    """An upload on its way: staged, measured, hashed and looked at as it comes."""

    def __init__(self, files: Files, staged: IO[bytes]) -> None:
        self._files = files
        self._staged = staged
        self._pending = bytearray()
        self._hash = hashlib.sha256()
        self.head = b""
        self.size = 0

    async def write(self, data: bytes) -> None:
        """Take some bytes more. Raises 413 past the limit."""
        self.size += len(data)
        if self.size > self._files.bytes_max:
            raise too_large(f"the file has over {self._files.bytes_max} bytes")
        if len(self.head) < HEAD_BYTES:
            self.head += data[: HEAD_BYTES - len(self.head)]
        self._pending += data
        if len(self._pending) >= _WRITE_BYTES:
            await self._flush()

    async def _flush(self) -> None:
        pending, self._pending = self._pending, bytearray()

        def write() -> None:
            try:
                self._staged.write(pending)
            except OSError as error:
                raise ObjectsError(str(error.strerror)) from error
            self._hash.update(pending)

        await self._files.work(write)

    async def measure(self) -> str:
        """The SHA-256 of all that has come, in hexadecimal digits."""
        await self._flush()
        return self._hash.hexdigest()

    async def keep(
        self, identity: Identity, name: str, target: Target, note: Note | None = None
    ) -> FileRow:
        """Make it a file that waits to be attached: durable when this returns.

        `note` writes its row, if that is not all there is to write.
        """
        await self._flush()
        return await self._files.add(
            self._staged,
            FileRow(
                "",
                0,
                identity.workspace,
                target.datastore,
                target.field,
                target.item,
                clean_name(name),
                sniff(self.head),
                self.size,
                self._hash.hexdigest(),
                identity.user,
                0,
            ),
            note,
        )


class Files:
    """Uploads, downloads and the sweep of what nobody holds."""

    def __init__(  # noqa: PLR0913
        self,
        store: Store,
        clock: Clock,
        ids: IdSource,
        observe: Observer,
        place: str,
        bytes_max: int,
    ) -> None:
        self.bytes_max = bytes_max
        self._store = store
        self._clock = clock
        self._ids = ids
        self._observe = observe
        self._place = place
        self._threads = ThreadPoolExecutor(_THREADS, "files")
        self._objects: Objects

    def open(self) -> None:
        """Begin, once the store is open. Nothing is made or reached before it is needed."""
        self._objects = Objects(self._place, self._store.name)

    def close(self) -> None:
        """End."""
        self._threads.shutdown()

    async def work(self, fn: Callable[[], T]) -> T:
        """Run on a thread what waits for the folder or bucket. Raises 503 if it can't be used."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, fn)
        except ObjectsError as error:
            self._observe.warn("files out of reach", reason=str(error))
            raise unavailable("the place of the files is out of reach; try again") from error

    # -- uploads -------------------------------------------------------------------------------

    @asynccontextmanager
    async def receive(self) -> AsyncIterator[Incoming]:
        """An upload; what is not kept within is gone after it."""
        staged = await self.work(self._objects.stage)
        try:
            yield Incoming(self, staged)
        finally:
            await asyncio.shield(self.work(lambda: self._objects.discard(staged)))

    async def add(self, staged: IO[bytes], file: FileRow, note: Note | None) -> FileRow:
        """Bytes first, then the row. Bytes that get no row are found by the sweep."""
        now = self._clock.now_ms()
        id_ = self._ids.next_id()
        await self.work(lambda: self._objects.put(id_, staged))
        row = FileRow(
            id_,
            0,
            file.workspace,
            file.datastore,
            file.field,
            file.item,
            file.name,
            file.content_type,
            file.size,
            file.sha256,
            file.user,
            now,
        )
        write = note or rows.insert_file
        return await self._store.change(lambda connection: write(connection, row))

    @asynccontextmanager
    async def staging(self) -> AsyncIterator[IO[bytes]]:
        """A file to be written; what is not `put` within is gone after it."""
        staged = await self.work(self._objects.stage)
        try:
            yield staged
        finally:
            await asyncio.shield(self.work(lambda: self._objects.discard(staged)))

    async def put(self, file: str, staged: IO[bytes]) -> None:
        """Make it the bytes of a file, durably. The row is the caller's to write."""
        await self.work(lambda: self._objects.put(file, staged))

    # -- downloads -----------------------------------------------------------------------------

    async def open_piece(self, file: FileRow, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """The bytes from `start` to before `stop`; the first of them are there when this returns."""
        first = await self.work(lambda: self._read(file.id, start, stop))
        return self._pieces(file.id, first, start + len(first), stop)

    async def copy(self, file: str, size: int, take: Callable[[bytes], object]) -> None:
        """Hand on all bytes of a file, piece by piece, on a thread. Raises 400 if some are missing."""
        at = 0
        while at < size:

            def move(start: int = at) -> int:
                piece = self._read(file, start, size)
                take(piece)
                return len(piece)

            try:
                at += await self.work(move)
            except MissingObjectError as error:
                raise invalid_request(str(error)) from error

    async def _pieces(
        self, file: str, first: bytes, start: int, stop: int
    ) -> AsyncGenerator[bytes, None]:
        at, piece = start, first
        while piece:
            yield piece
            piece = await self.work(lambda: self._read(file, at, stop))  # noqa: B023
            at += len(piece)

    def _read(self, file: str, start: int, stop: int) -> bytes:
        return self._objects.read(file, start, min(PIECE_BYTES, stop - start))

    # -- the sweep -----------------------------------------------------------------------------

    async def sweep(self) -> None:
        """Take away what nobody holds: rows are marked first, then bytes go, then the rows."""
        now = self._clock.now_ms()

        def mark(connection: Connection) -> bool:
            rows.delete_homeless(connection, now)
            forget_uploads(connection, now - UPLOAD_LIFE_MS)
            before = (now - FILE_WAIT_MS, now - FILE_KEEP_MS)
            return rows.drop_old(connection, now, *before, _SWEPT_AT_ONCE) == _SWEPT_AT_ONCE

        while await self._store.change(mark):
            pass
        while dropped := await self._store.scan(lambda one: rows.list_dropped(one, _SWEPT_AT_ONCE)):
            await self._drop(dropped)
        await self._sweep_strays(now)
        await self.work(lambda: self._objects.sweep_staged(now))

    async def _drop(self, files: list[str]) -> None:
        await self.work(lambda: self._objects.delete(files))
        await self._store.change(lambda connection: rows.forget_files(connection, files))

    async def _sweep_strays(self, now: int) -> None:
        """Bytes of the last days that got no row: an upload was cut off in between."""
        there = set(await self.work(self._objects.spans))
        for span in spans_between(now - _STRAY_DAYS_MS, now - FILE_WAIT_MS):
            if span not in there:
                continue
            listed = self._objects.list_span(span)
            while some := await self.work(lambda: next(listed, None)):  # noqa: B023
                old = [one for one, _ in some if is_stray(one, now)]
                known = await self._store.scan(lambda one: rows.find_known(one, old))  # noqa: B023
                strays = [one for one in old if one not in known]
                if strays:
                    await self.work(lambda: self._objects.delete(strays))  # noqa: B023
