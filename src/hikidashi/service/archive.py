"""A whole server as one zip that either engine can be filled from.

`manifest.json` tells the version, every table with its columns, rows and checksum, and what files
lack their bytes; `tables/NAME.jsonl` has a row a line, a JSON array in the order of the columns;
`objects/ID` are the bytes of a file, whose length and checksum are in the table `files`.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from .. import __version__
from ..core.record import record
from ..storage.engines import Column, ColumnType, Connection, Engine, IntegrityError, Row
from ..storage.files import find_live
from ..storage.migrate import begin, find_name, list_migrations, read_version
from ..storage.objects import PIECE_BYTES, MissingObjectError, Objects
from ..storage.whole import Filler, Table, WholeError, is_empty, list_tables, make_tables, read_rows

FORMAT: Final = "hikidashi backup"
FORMAT_VERSION: Final = 1
MANIFEST: Final = "manifest.json"
MANIFEST_BYTES_MAX: Final = 100_000_000
TOLD_EVERY: Final = 100_000  # rows, or files, between two lines of progress
_LEVEL: Final = 3  # of compression: the writer is to be as quick as the disk
Tell = Callable[[str], None]
OpenObjects = Callable[[str], Objects]  # by the name of the database


class ArchiveError(Exception):
    """A backup that can't be made, or restored; says in a sentence why."""


class StoredColumn(msgspec.Struct, frozen=True):
    """A column in the manifest."""

    name: str
    type: ColumnType
    filled: bool  # never null


class StoredTable(msgspec.Struct, frozen=True):
    """A table in the manifest."""

    name: str
    columns: tuple[StoredColumn, ...]
    rows: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What is in a backup."""

    format: str
    format_version: int
    program: str
    schema_version: int
    engine: str
    made_at: int  # ms
    tables: tuple[StoredTable, ...]
    files: int
    missing_files: tuple[str, ...]


@record
class Told:
    """What a backup or a restore has gone through."""

    tables: int
    rows: int
    items: int
    files: int
    missing: tuple[str, ...]  # files that lack their bytes


_encode = msgspec.json.Encoder().encode
_decode_row = msgspec.json.Decoder(list[Any]).decode
_decode_manifest = msgspec.json.Decoder(Manifest).decode


# --- backup -----------------------------------------------------------------------------------


def write_archive(
    engine: Engine, open_objects: OpenObjects, path: Path, now_ms: int, tell: Tell
) -> Told:
    """Write a backup of one moment to a new file, while others write. Raises ArchiveError."""
    connection = engine.connect(read_only=True, whole=True)
    try:
        connection.begin_reading()
        version = read_version(connection)
        if version != list_migrations(engine.name)[-1][0]:
            raise ArchiveError(
                f"the database is at version {version} of its tables, not at that of this"
                " program; serve it once with this program first"
            )
        with zipfile.ZipFile(path, "x", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
            return _write(engine, connection, open_objects, archive, (version, now_ms), tell)
    finally:
        connection.rollback()
        connection.close()


def _write(  # noqa: PLR0913
    engine: Engine,
    connection: Connection,
    open_objects: OpenObjects,
    archive: zipfile.ZipFile,
    stamp: tuple[int, int],
    tell: Tell,
) -> Told:
    tables = list_tables(engine, connection)
    stored: list[StoredTable] = []
    for table in tables:
        rows = read_rows(engine, connection, table, tables)
        stored.append(_write_table(archive, table, rows, tell))
    [files] = [one for one in tables if one.name == "files"]
    objects = open_objects(find_name(connection))
    rows = read_rows(engine, connection, files, tables)
    count, missing = _write_objects(archive, objects, _live_files(files.columns, rows), tell)
    connection.rollback()  # a file may have been swept meanwhile
    lost = tuple(sorted(find_live(connection, missing)))
    manifest = Manifest(
        FORMAT, FORMAT_VERSION, __version__, stamp[0], engine.name, stamp[1], tuple(stored), count,
        tuple(missing),
    )  # fmt: skip
    archive.writestr(MANIFEST, msgspec.json.format(_encode(manifest)))
    items = sum(one.rows for table, one in zip(tables, stored, strict=True) if table.datastore)
    return Told(len(stored), sum(one.rows for one in stored), items, count, lost)


def _write_table(
    archive: zipfile.ZipFile, table: Table, rows: Iterator[Row], tell: Tell
) -> StoredTable:
    sha, count = hashlib.sha256(), 0
    with archive.open(_member(table.name), "w", force_zip64=True) as file:
        for row in rows:
            line = _encode(row) + b"\n"
            sha.update(line)
            file.write(line)
            count += 1
            if count % TOLD_EVERY == 0:
                tell(f"{table.name}: {count:,} rows so far")
    tell(f"{table.name}: {count:,} rows")
    columns = tuple(
        StoredColumn(one.name, one.type, one.name in table.filled) for one in table.columns
    )
    return StoredTable(table.name, columns, count, sha.hexdigest())


@record
class _LiveFile:
    id: str
    size: int
    sha256: str


def _live_files(columns: Sequence[Column], rows: Iterator[Row]) -> Iterator[_LiveFile]:
    """The files whose bytes are kept, from rows of their table."""
    at = {one.name: index for index, one in enumerate(columns)}
    for row in rows:
        if row[at["dropped_at"]] is None:
            yield _LiveFile(row[at["id"]], row[at["size"]], row[at["sha256"]])


def _write_objects(
    archive: zipfile.ZipFile, objects: Objects, files: Iterator[_LiveFile], tell: Tell
) -> tuple[int, list[str]]:
    """The bytes of files; how many there are, and which are not as they should be."""
    count = 0
    missing: list[str] = []
    for file in files:
        if not _write_object(archive, objects, file):
            missing.append(file.id)
            continue
        count += 1
        if count % TOLD_EVERY == 0:
            tell(f"{count:,} files so far")
    tell(f"{count:,} files with their bytes")
    return count, missing


def _write_object(archive: zipfile.ZipFile, objects: Objects, file: _LiveFile) -> bool:
    sha, at = hashlib.sha256(), 0
    info = zipfile.ZipInfo(f"objects/{file.id}")  # most are compressed already
    try:
        piece = objects.read(file.id, 0, min(PIECE_BYTES, file.size))
        with archive.open(info, "w", force_zip64=True) as member:
            while True:
                sha.update(piece)
                member.write(piece)
                at += len(piece)
                if at >= file.size:
                    break
                piece = objects.read(file.id, at, min(PIECE_BYTES, file.size - at))
    except MissingObjectError:
        return False
    return sha.hexdigest() == file.sha256


def _member(table: str) -> str:
    return f"tables/{table}.jsonl"


# --- restore ----------------------------------------------------------------------------------


def read_archive(
    engine: Engine, connection: Connection, open_objects: OpenObjects, path: Path, tell: Tell
) -> Told:
    """Fill an empty database from a backup, all or nothing. Raises ArchiveError."""
    if not is_empty(connection):
        raise ArchiveError("the database is not empty; name one that is not there yet, or empty")
    try:
        with zipfile.ZipFile(path) as archive:
            return _restore(engine, connection, open_objects, archive, tell)
    except (WholeError, IntegrityError) as error:
        raise ArchiveError(f"the backup is not sound: {error}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise ArchiveError(f"the file is not a whole backup: {error}") from error


def _restore(
    engine: Engine,
    connection: Connection,
    open_objects: OpenObjects,
    archive: zipfile.ZipFile,
    tell: Tell,
) -> Told:
    manifest = read_manifest(archive)
    newest = list_migrations(engine.name)[-1][0]
    if manifest.schema_version > newest:
        raise ArchiveError("the backup was made by a newer version of this program: update it")
    tables = [
        Table(
            one.name,
            tuple(Column(column.name, column.type) for column in one.columns),
            frozenset(column.name for column in one.columns if column.filled),
        )
        for one in manifest.tables
    ]
    begin(connection)
    put: list[str] = []
    objects: Objects | None = None
    try:
        make_tables(engine, connection, manifest.schema_version, tables)
        filler = Filler(engine, connection)
        for table, stored in zip(tables, manifest.tables, strict=True):
            with closing(_read_rows(archive, stored, tell)) as rows:
                filler.fill(table, rows)
            tell(f"{table.name}: {stored.rows:,} rows")
        objects = open_objects(filler.finish())
        _restore_objects(archive, manifest, objects, put, tell)
        connection.commit()
    except BaseException:
        connection.rollback()
        if objects is not None and put:
            objects.delete(put)
        raise
    items = sum(
        one.rows for table, one in zip(tables, manifest.tables, strict=True) if table.datastore
    )
    count = sum(one.rows for one in manifest.tables)
    return Told(len(tables), count, items, len(put), manifest.missing_files)


def read_manifest(archive: zipfile.ZipFile) -> Manifest:
    """What a backup says of itself. Raises ArchiveError."""
    try:
        with archive.open(MANIFEST) as file:
            text = file.read(MANIFEST_BYTES_MAX + 1)
        if len(text) > MANIFEST_BYTES_MAX:
            raise ArchiveError(f"{MANIFEST} has over {MANIFEST_BYTES_MAX} bytes")
        manifest = _decode_manifest(text)
    except (KeyError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ArchiveError("the file is no backup of a whole server") from error
    if manifest.format != FORMAT or manifest.format_version != FORMAT_VERSION:
        raise ArchiveError(
            f"the file is of the format {manifest.format!r} {manifest.format_version}; this"
            f" program reads {FORMAT!r} {FORMAT_VERSION}"
        )
    return manifest


def _read_rows(
    archive: zipfile.ZipFile, table: StoredTable, tell: Tell
) -> Generator[Row, None, None]:
    """The rows of a table, checked against the manifest at their end."""
    sha, count = hashlib.sha256(), 0
    with _open(archive, _member(table.name)) as file:
        for line in file:
            sha.update(line)
            count += 1
            if count % TOLD_EVERY == 0:
                tell(f"{table.name}: {count:,} of {table.rows:,} rows")
            try:
                yield tuple(_decode_row(line))
            except msgspec.MsgspecError as error:
                raise ArchiveError(f"{table.name}, line {count} is no row: {error}") from error
    if (count, sha.hexdigest()) != (table.rows, table.sha256):
        raise ArchiveError(f"the rows of {table.name} are not those that were written")


def _open(archive: zipfile.ZipFile, member: str) -> IO[bytes]:
    try:
        return archive.open(member)
    except KeyError:
        raise ArchiveError(f"{member} is missing in the backup") from None


def _restore_objects(
    archive: zipfile.ZipFile, manifest: Manifest, objects: Objects, put: list[str], tell: Tell
) -> None:
    missing = set(manifest.missing_files)
    found = [one for one in manifest.tables if one.name == "files"]
    for table in found:
        columns = [Column(one.name, one.type) for one in table.columns]
        with closing(_read_rows(archive, table, lambda _: None)) as rows:
            for file in _live_files(columns, rows):
                if file.id in missing:
                    continue
                _restore_object(archive, objects, file)
                put.append(file.id)
                if len(put) % TOLD_EVERY == 0:
                    tell(f"{len(put):,} of {manifest.files:,} files")
    if len(put) != manifest.files:
        raise ArchiveError(f"{len(put)} files are in the backup where {manifest.files} should be")
    tell(f"{len(put):,} files with their bytes")


def _restore_object(archive: zipfile.ZipFile, objects: Objects, file: _LiveFile) -> None:
    staged = objects.stage()
    try:
        with _open(archive, f"objects/{file.id}") as member:
            _copy_checked(member, staged, file)
        objects.put(file.id, staged)
    except BaseException:
        objects.discard(staged)
        raise


def _copy_checked(source: IO[bytes], target: IO[bytes], file: _LiveFile) -> None:
    sha, size = hashlib.sha256(), 0
    while piece := source.read(PIECE_BYTES):
        size += len(piece)
        sha.update(piece)
        target.write(piece)
    if (size, sha.hexdigest()) != (file.size, file.sha256):
        raise ArchiveError(f"the bytes of the file {file.id} are not those that were written")


__all__ = ["ArchiveError", "Told", "read_archive", "write_archive"]
