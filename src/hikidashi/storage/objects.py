"""Where the bytes of uploaded files lie: a folder, or a bucket, behind one library.

An object bears the id of its file, under the name of the database that it belongs to, so that
databases may share a folder or bucket, and under the start of the id, which is its time, so that
those of some days can be listed without the rest. What `put` has returned from is durable.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from ..core.ids import is_id
from ..core.limits import FILE_WAIT_MS

if TYPE_CHECKING:
    from obstore.store import ObjectStore

PIECE_BYTES: Final = 2_000_000  # read at a time: what a download holds in memory
SPAN_DIGITS: Final = 4  # of an id: 65,536 seconds lie together
_SPAN_SECONDS: Final = 16 ** (8 - SPAN_DIGITS)
_LIST_COUNT: Final = 1_000
_RETRIES_MAX: Final = 3
_RETRY_TIME: Final = timedelta(seconds=30)
_STAGED: Final = "incoming"


class ObjectsError(Exception):
    """The folder or bucket can't be used now; says in a sentence what it answered."""


class MissingObjectError(Exception):
    """There are no bytes for a file that should have some."""


class Objects:
    """The bytes of one database's files. Everything here blocks: call it from a thread."""

    def __init__(self, place: str, owner: str) -> None:
        self.place = place  # a path, or s3://bucket/prefix
        self._owner = owner  # the database's own name
        self._folder = None if "://" in place else Path(place)
        self._opened: ObjectStore | None = None

    # -- writing -------------------------------------------------------------------------------

    def stage(self) -> IO[bytes]:
        """A new file to write an upload to; it goes with `discard`, or becomes an object."""
        try:
            if self._folder is None:
                return tempfile.TemporaryFile()
            folder = self._folder / _STAGED
            _make_folder(folder)
            return (folder / secrets.token_hex(12)).open("xb+")
        except OSError as error:
            raise _as_error(error) from error

    def discard(self, staged: IO[bytes]) -> None:
        """Take a staged file away."""
        staged.close()
        if isinstance(staged.name, str):
            Path(staged.name).unlink(missing_ok=True)

    def put(self, file: str, staged: IO[bytes]) -> None:
        """Make a staged file the bytes of a file, durably. It is closed then."""
        try:
            if self._folder is None:
                self._upload(file, staged)
            else:
                staged.flush()
                os.fsync(staged.fileno())
                target = self._folder / self._key(file)
                _make_folder(target.parent)
                Path(staged.name).replace(target)
                _sync_folder(target.parent)
            staged.close()
        except OSError as error:
            raise _as_error(error) from error

    def _upload(self, file: str, staged: IO[bytes]) -> None:
        import obstore  # noqa: PLC0415  only where there are files

        staged.seek(0)
        try:
            obstore.put(self._store(), self._key(file), staged, max_concurrency=2)
        except obstore.exceptions.BaseError as error:
            raise _as_error(error) from error

    def delete(self, files: Sequence[str]) -> None:
        """Take the bytes of files away; those that are gone already are no fault."""
        import obstore  # noqa: PLC0415

        keys = [self._key(one) for one in files]
        try:
            if self._folder is None:
                obstore.delete(self._store(), keys)
                return
            for key in keys:
                (self._folder / key).unlink(missing_ok=True)
        except (OSError, obstore.exceptions.BaseError) as error:
            raise _as_error(error) from error

    # -- reading -------------------------------------------------------------------------------

    def read(self, file: str, start: int, length: int) -> bytes:
        """So many bytes of a file from a place on. Raises MissingObjectError if they are not all
        there."""
        import obstore  # noqa: PLC0415

        if not length:
            return b""
        try:
            found = bytes(
                obstore.get_range(self._store(), self._key(file), start=start, length=length)
            )
        except FileNotFoundError:
            raise MissingObjectError(f"the bytes of the file {file} are missing") from None
        except (OSError, obstore.exceptions.BaseError) as error:
            raise _as_error(error) from error
        if len(found) != length:
            raise MissingObjectError(f"bytes of the file {file} are missing")
        return found

    def spans(self) -> list[str]:
        """The stretches of time that there are objects of, for `list_span`."""
        import obstore  # noqa: PLC0415

        if not self._is_there():
            return []
        try:
            found = obstore.list_with_delimiter(self._store(), self._owner)
        except FileNotFoundError:
            return []
        except (OSError, obstore.exceptions.BaseError) as error:
            raise _as_error(error) from error
        return sorted(one.rsplit("/", 1)[-1] for one in found["common_prefixes"])

    def list_span(self, span: str) -> Iterator[list[tuple[str, int]]]:
        """File id and size of the objects of a stretch of time, some at a time."""
        import obstore  # noqa: PLC0415

        try:
            prefix = f"{self._owner}/{span}"
            for some in obstore.list(self._store(), prefix, chunk_size=_LIST_COUNT):
                yield [(one["path"].rsplit("/", 1)[-1], one["size"]) for one in some]
        except (OSError, obstore.exceptions.BaseError) as error:
            raise _as_error(error) from error

    def sweep_staged(self, now_ms: int) -> None:
        """Take away what uploads that were cut off have left behind."""
        folder = self._folder / _STAGED if self._folder is not None else None
        if folder is None or not folder.is_dir():
            return
        for one in folder.iterdir():
            try:
                if one.stat().st_mtime * 1_000 < now_ms - FILE_WAIT_MS:
                    one.unlink(missing_ok=True)
            except FileNotFoundError:
                continue

    def check_place(self) -> str:
        """What more there is to say of the place. Raises ObjectsError if it can't be used."""
        if self._folder is None:
            self.spans()
            return ""
        if not self._folder.exists():
            return ", which is made with the first one"
        if not os.access(self._folder, os.R_OK | os.W_OK | os.X_OK):
            raise ObjectsError("the folder can't be written to")
        return ""

    # -- the place -----------------------------------------------------------------------------

    def _key(self, file: str) -> str:
        return f"{self._owner}/{span_of(file)}/{file}"

    def _is_there(self) -> bool:
        return self._folder is None or self._folder.is_dir()

    def _store(self) -> ObjectStore:
        """The library's store, opened when it is first needed."""
        if self._opened is None:
            from obstore.store import LocalStore, S3Store  # noqa: PLC0415

            if self._folder is not None:
                self._opened = LocalStore(self._folder.absolute())
            else:
                self._opened = S3Store.from_url(
                    self.place,  # the rest, and whether http will do, is in the environment
                    retry_config={"max_retries": _RETRIES_MAX, "retry_timeout": _RETRY_TIME},
                )
        return self._opened


def span_of(file: str) -> str:
    """The stretch of time that a file's id belongs to."""
    return file[:SPAN_DIGITS]


def spans_between(start_ms: int, end_ms: int) -> list[str]:
    """The stretches that hold all ids given between two moments."""
    first, last = (ms // 1_000 // _SPAN_SECONDS for ms in (start_ms, end_ms))
    return [f"{one:0{SPAN_DIGITS}x}" for one in range(first, last + 1)]


def is_stray(file: str, now_ms: int) -> bool:
    """Whether an object that has no row will never get one: its upload is long over."""
    return not is_id(file) or int(file[:8], 16) * 1_000 < now_ms - FILE_WAIT_MS


def _as_error(error: Exception) -> ObjectsError:
    """What went wrong, without what a bucket's answer may repeat of the keys it was sent."""
    words = getattr(error, "strerror", None) or str(error).split("<")[0]
    return ObjectsError(f"{type(error).__name__}: {' '.join(words.split())[:200]}")


def _make_folder(folder: Path) -> None:
    """Make a folder whose name survives a power cut."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
