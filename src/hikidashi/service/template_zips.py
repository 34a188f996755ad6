"""A template's zip, opened with everything bounded: nobody vouches for what is sent.

Beside the design it holds only what its `contents` name: a file of lines for each datastore, and
`files/SHA256`. No name in it is ever used as a path.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Final, cast

import msgspec

from ..core.errors import invalid_request, too_large
from ..core.file_types import HEAD_BYTES
from ..core.limits import (
    JSON_LEVELS_MAX,
    TEMPLATE_BYTES_MAX,
    TEMPLATE_FILES_MAX,
    TEMPLATE_LINE_BYTES_MAX,
    TEMPLATE_LIST_BYTES_MAX,
    TEMPLATE_UNPACKED_BYTES_MAX,
)
from ..storage.jobs import JobError
from .tasks import RefusedError
from .template_files import (
    ABOUT,
    APPLICATION,
    CONTENTS_VERSION,
    FORMAT,
    PLAIN_VERSION,
    About,
    Contents,
    TemplateFile,
    bare,
    check_application,
    check_words,
    member_of,
)

_END: Final = b"PK\x05\x06"
_END_BYTES: Final = 22
_TAIL_BYTES: Final = 65_535 + _END_BYTES  # a zip may end in a comment
_WIDE_END: Final = b"PK\x06\x07"
_WIDE_END_BYTES: Final = 20
_IS_ENCRYPTED: Final = 0x1
_PIECE_BYTES: Final = 1_000_000
_FILE: Final = re.compile(r"files/[0-9a-f]{64}\Z")
_about: Final = msgspec.json.Decoder(About)
_any: Final = msgspec.json.Decoder(dict[str, Any])


class TemplateZip:
    """A zip that was sent, or one that is kept. Raises 400 for what is no template, 413 for too
    much, wherever it shows."""

    def __init__(self, source: IO[bytes]) -> None:
        _check_list(source)
        with _sound():
            self._archive = zipfile.ZipFile(source)
            self._check_members()
            about = _decode(_about, self._read(ABOUT), ABOUT)
            version = CONTENTS_VERSION if about.contents is not None else PLAIN_VERSION
            if (about.format, about.format_version) != (FORMAT, version):
                raise invalid_request(
                    f"{ABOUT}: the format is {about.format[:100]!r} {about.format_version}, not"
                    f" {FORMAT!r} {version}"
                )
            check_words(about.name, about.category, about.description)
            application = bare(_decode(_any, self._read(APPLICATION), APPLICATION))
        check_application(application)
        words = (about.name, about.category, about.description)
        self.template = TemplateFile(*words, application)
        self.contents: Contents | None = about.contents
        self._check_names()

    def _check_members(self) -> None:
        members = self._archive.infolist()
        if len({one.filename for one in members}) != len(members):
            raise invalid_request("the zip holds two files of one name")
        if sum(one.file_size for one in members) > TEMPLATE_UNPACKED_BYTES_MAX:
            raise too_large(f"the zip holds over {TEMPLATE_UNPACKED_BYTES_MAX} bytes")
        for one in members:
            if one.header_offset < 0:
                raise invalid_request("the file is no sound zip: it lacks its beginning")
            if one.flag_bits & _IS_ENCRYPTED:
                raise invalid_request(f"{one.filename[:100]} is encrypted")
            if one.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise invalid_request(
                    f"{one.filename[:100]} is compressed in a way that is not taken; use deflate"
                )

    def _check_names(self) -> None:
        """Nothing is in a zip that its contents do not name."""
        held = self.contents or Contents()
        wanted = {ABOUT, APPLICATION, *(member_of(at) for at in range(len(held.datastores)))}
        files = 0
        names = self._archive.namelist()
        for name in names:
            is_file = held.files and _FILE.match(name) is not None
            files += is_file
            if not is_file and name not in wanted:
                raise invalid_request(f"the template holds {name[:100]!r}, as none does")
        if files > TEMPLATE_FILES_MAX:
            raise too_large(f"the template has over {TEMPLATE_FILES_MAX} files")
        missing = wanted.difference(names)
        if missing:
            raise invalid_request(f"the template has no {min(missing)}")

    def _read(self, name: str) -> bytes:
        try:
            info = self._archive.getinfo(name)
        except KeyError:
            raise invalid_request(f"the template has no {name}") from None
        if info.file_size > TEMPLATE_BYTES_MAX:
            raise too_large(f"{name} has over {TEMPLATE_BYTES_MAX} bytes")
        with self._archive.open(info) as member:
            return member.read(TEMPLATE_BYTES_MAX)

    def lines(self, member: str) -> Iterator[tuple[int, bytes]]:
        """The lines of a member, counted from 1. Raises RefusedError for one that is too long."""
        with _sound(), self._archive.open(member) as opened:
            reader = io.BufferedReader(cast("io.RawIOBase", opened))  # it reads like one
            number = 0
            while text := reader.readline(TEMPLATE_LINE_BYTES_MAX + 1):
                number += 1
                if len(text) > TEMPLATE_LINE_BYTES_MAX:
                    said = f"{member}: the line has over {TEMPLATE_LINE_BYTES_MAX} bytes"
                    raise RefusedError([JobError(said, number)])
                yield number, text

    def file_size(self, sha256: str) -> int | None:
        """How many bytes a file has; None if it is not there."""
        try:
            return self._archive.getinfo(f"files/{sha256}").file_size
        except KeyError:
            return None

    def list_files(self) -> list[str]:
        """The checksums that files are named by."""
        return [one.partition("/")[2] for one in self._archive.namelist() if _FILE.match(one)]

    def copy_file(self, sha256: str, out: IO[bytes]) -> bytes:
        """Write the bytes of a file that is there to `out`; how they begin. Raises 400 where they
        are not those of the checksum."""
        name = f"files/{sha256}"
        head, digest = b"", hashlib.sha256()
        with _sound(), self._archive.open(name) as source:
            while piece := source.read(_PIECE_BYTES):
                head = head or piece[:HEAD_BYTES]
                digest.update(piece)
                out.write(piece)
        if digest.hexdigest() != sha256:
            raise invalid_request(f"{name}: the bytes are not those of that checksum")
        return head

    def close(self) -> None:
        """Close it."""
        self._archive.close()


@contextmanager
def _sound() -> Iterator[None]:
    """Tells of a zip that is broken."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise invalid_request(f"the file is no sound zip: {error}") from None


def _check_list(source: IO[bytes]) -> None:
    """The list at the end of a zip, before anything reads it into memory."""
    size = source.seek(0, io.SEEK_END)
    source.seek(max(0, size - _TAIL_BYTES))
    content = source.read()
    source.seek(0)
    at = content.rfind(_END)
    if at < 0 or len(content) < at + _END_BYTES:
        raise invalid_request("the file is no zip")
    (length,) = struct.unpack_from("<I", content, at + 12)
    is_wide = content[max(0, at - _WIDE_END_BYTES) :].startswith(_WIDE_END)
    if is_wide or length > TEMPLATE_LIST_BYTES_MAX:
        raise too_large(f"the zip lists over {TEMPLATE_LIST_BYTES_MAX} bytes of names")


def _decode(decoder: msgspec.json.Decoder[Any], content: bytes, name: str) -> Any:
    try:
        found = decoder.decode(content)
        content.decode()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise invalid_request(f"{name}: {error}") from None
    fault = _unfit(found)
    if fault:
        raise invalid_request(f"{name} {fault}")
    return found


def _unfit(value: object) -> str:
    """Why a value can't be taken, whatever it means; "" if it can."""
    level: list[object] = [value]
    for _ in range(JSON_LEVELS_MAX):
        inner: list[object] = []
        for one in level:
            if isinstance(one, dict):
                inner += one
                inner += one.values()
            elif isinstance(one, list):
                inner += one
            elif isinstance(one, str) and "\0" in one:
                return "holds U+0000"
        if not inner:
            return ""
        level = inner
    return f"nests over {JSON_LEVELS_MAX} levels"


__all__ = ["TemplateZip"]
