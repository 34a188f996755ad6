"""An SQLite VFS that remembers what was synced, so that any moment can be a power cut.

Writes go through to real files, which is what the running process sees. Beside them the VFS keeps
what would be on the disk after a power cut: the bytes as of the last xSync of each file, and the
writes since then, of which a cut may keep all, none, some, or halves.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

SECTOR = 512  # what a disk writes whole
_Write = tuple[int, bytes] | int  # (offset, bytes), or a truncation to a length


@dataclass
class _Kept:
    """A file on the disk, and what was written to it since."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[_Write] = field(default_factory=list)
    exists: bool = False  # whether its name is on the disk

    def sync(self) -> bool:
        """What was written is on the disk; True if the file was not there before."""
        for one in self.pending:
            _apply(self.durable, one)
        self.pending.clear()
        is_new, self.exists = not self.exists, True
        return is_new


def _apply(image: bytearray, write: _Write) -> None:
    if isinstance(write, int):
        del image[write:]
        return
    offset, data = write
    if len(image) < offset:
        image.extend(bytes(offset - len(image)))
    image[offset : offset + len(data)] = data


class CutVfs(apsw.VFS):
    """The default VFS, watched. `on_call` hears of each call that changes the disk."""

    def __init__(self, name: str, *, forgets_syncs: bool = False) -> None:
        self.name = name
        self.files: dict[str, _Kept] = {}
        self.ghosts: dict[str, _Kept] = {}  # deleted, and the folder not synced since
        self.lock = threading.RLock()
        self.forgets_syncs = forgets_syncs  # for a test of the test
        self.calls = 0
        self.on_call: Callable[[str], None] | None = None
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802  SQLite's word
        """Open a file, watched if it has a name."""
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if path is None:
            return apsw.VFSFile("", name, flags)
        with self.lock:
            self.files.setdefault(Path(path).name, _Kept())
        return CutFile(self, Path(path).name, name, flags)

    def xDelete(self, name: str, sync_directory: bool) -> None:  # noqa: N802
        """Delete a file; until its folder is synced it may come back."""
        with self.lock:
            base = Path(name).name
            if base in self.files:
                self.ghosts[base] = self.files.pop(base)
            if sync_directory and not self.forgets_syncs:
                self.ghosts.clear()
        super().xDelete(name, sync_directory)

    def sync(self, base: str) -> None:
        """A file is synced, and with a new log or journal its folder."""
        if self.forgets_syncs:
            return
        with self.lock:
            is_new = self.files.setdefault(base, _Kept()).sync()
            if is_new and base.endswith(("-wal", "-journal")):
                self.ghosts.clear()

    def note(self, what: str) -> None:
        """A call that changes the disk is about to be made."""
        self.calls += 1
        if self.on_call is not None:
            self.on_call(what)

    def cut(self, folder: Path, rng: random.Random, *, torn: bool) -> None:
        """Write what a power cut now would leave into a folder."""
        folder.mkdir(parents=True)
        with self.lock:
            for name, kept in (self.ghosts | self.files).items():
                image = bytearray(kept.durable)
                if torn:
                    _tear(image, kept.pending, rng)
                if kept.exists or (torn and image and rng.random() < 0.5):
                    (folder / name).write_bytes(image)


def _tear(image: bytearray, pending: list[_Write], rng: random.Random) -> None:
    """The disk took some of the unsynced writes, in an order of its own, some in part."""
    some = [one for one in pending if rng.random() < 0.6]
    if rng.random() < 0.5:
        rng.shuffle(some)
    for one in some:
        if isinstance(one, int) or rng.random() < 0.7:
            _apply(image, one)
            continue
        offset, data = one
        start = rng.randrange(0, len(data), SECTOR)
        _apply(image, (offset + start, data[start : start + SECTOR]))


class CutFile(apsw.VFSFile):
    """A watched file."""

    def __init__(self, vfs: CutVfs, base: str, name: Any, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._vfs = vfs
        self._base = base

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        """A write waits for the next sync."""
        vfs = self._vfs
        vfs.note(f"write to {self._base}")
        with vfs.lock:
            vfs.files.setdefault(self._base, _Kept()).pending.append((offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:  # noqa: N802
        """So does a truncation."""
        vfs = self._vfs
        vfs.note(f"truncation of {self._base}")
        with vfs.lock:
            vfs.files.setdefault(self._base, _Kept()).pending.append(size)
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:  # noqa: N802
        """What was written is now on the disk."""
        vfs = self._vfs
        vfs.note(f"sync of {self._base}")
        vfs.sync(self._base)
        vfs.note(f"synced {self._base}")
