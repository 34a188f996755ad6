"""What a check has read of a file, kept beside it until it is written: portions of parsed rows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import msgspec

from ..core.commands import ParsedRow
from ..core.errors import unavailable

_LENGTH_BYTES: Final = 4
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[ParsedRow]).decode


def parsed_path(path: Path) -> Path:
    """Where what was parsed of a file is kept."""
    return path.with_name(f"{path.name}.rows")


@contextmanager
def _room() -> Iterator[None]:
    """Tells of a full disk as of what passes."""
    try:
        yield
    except OSError as error:
        raise unavailable("there is no room for the rows of the file") from error


@contextmanager
def writing(path: Path, rows_max: int, chars_max: int) -> Iterator[ParsedWriter]:
    """A writer of portions of so many rows or characters. Raises 503 if there is no room."""
    with _room():
        file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
    with file:
        writer = ParsedWriter(file, rows_max, chars_max)
        yield writer
        writer.flush()


class ParsedWriter:
    """Gathers rows to portions."""

    def __init__(self, file: IO[bytes], rows_max: int, chars_max: int) -> None:
        self._file = file
        self._rows_max = rows_max
        self._chars_max = chars_max
        self._portion: list[ParsedRow] = []
        self._chars = 0

    def add(self, row: ParsedRow, chars: int) -> None:
        """One more row, of so many characters. Raises 503 if there is no room."""
        self._portion.append(row)
        self._chars += chars
        if len(self._portion) >= self._rows_max or self._chars >= self._chars_max:
            self.flush()

    def flush(self) -> None:
        """Write the last portion. Raises 503 if there is no room."""
        if self._portion:
            written = _encode(self._portion)
            with _room():
                self._file.write(len(written).to_bytes(_LENGTH_BYTES, "big"))
                self._file.write(written)
                self._file.flush()
            self._portion, self._chars = [], 0


def read_parsed(path: Path) -> Iterator[list[ParsedRow]]:
    """The portions as they were written."""
    with path.open("rb") as file:
        while length := file.read(_LENGTH_BYTES):
            yield _decode(file.read(int.from_bytes(length, "big")))


__all__ = ["ParsedWriter", "parsed_path", "read_parsed", "writing"]
