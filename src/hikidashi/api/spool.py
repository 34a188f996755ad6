"""Uploads that go to a file of their own, written piece by piece on a thread."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Final

from ..core.errors import too_large
from ..service.sheet_files import TEMPORARY

_BUFFER_BYTES: Final = 1_000_000  # written to the disk at a time


def new_file() -> Path:
    """An empty file that goes after a day, if nobody removes it before."""
    handle, name = tempfile.mkstemp(prefix=f"{TEMPORARY}import-")
    os.close(handle)
    return Path(name)


class Spool:
    """An upload on its way to a file."""

    def __init__(self, path: Path, bytes_max: int) -> None:
        self._file = path.open("wb")
        self._bytes_max = bytes_max
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._bytes = 0

    async def write(self, piece: bytes) -> None:
        """Take a piece. Raises 413."""
        self._bytes += len(piece)
        if self._bytes > self._bytes_max:
            raise too_large(f"the file has over {self._bytes_max} bytes")
        self._waiting.append(bytes(piece))
        self._waiting_bytes += len(piece)
        if self._waiting_bytes >= _BUFFER_BYTES:
            await self._flush()

    async def _flush(self) -> None:
        pieces, self._waiting, self._waiting_bytes = self._waiting, [], 0
        await asyncio.to_thread(self._file.writelines, pieces)

    async def finish(self) -> None:
        """Write the rest."""
        await self._flush()
        await asyncio.to_thread(self._file.flush)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
