"""What an uploaded file is, told from its first bytes and never from what its sender says."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from .limits import FILE_NAME_BYTES_MAX

HEAD_BYTES: Final = 4_096  # of a file: what its type is told from
UNKNOWN: Final = "application/octet-stream"
TEXT: Final = "text/plain; charset=utf-8"

# What begins a file, where, and the type it tells; the first that fits.
_MAGIC: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),  # in a RIFF
    (8, b"WAVE", "audio/wav"),
    (8, b"AVI ", "video/x-msvideo"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"OggS", "application/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"PK\x05\x06", "application/zip"),
    (0, b"\x1f\x8b\x08", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\0", "application/x-xz"),
    (0, b"(\xb5/\xfd", "application/zstd"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (257, b"ustar", "application/x-tar"),
    (0, b"SQLite format 3\0", "application/vnd.sqlite3"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),  # old Office files
)
# The folder that an Office file keeps its content in, which its first entries name.
_OFFICE: Final[tuple[tuple[bytes, str], ...]] = (
    (b"word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (b"xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (b"ppt/", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
)
_RIFF_ONLY: Final = frozenset(("image/webp", "audio/wav", "video/x-msvideo"))
_SHOWN: Final = frozenset(("image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"))
_NOT_TEXT: Final = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_ENDING_CHARS_MAX: Final = 20  # of a name, past its last dot
_JOINERS: Final = "\u200c\u200d"  # between the parts of some letters and emoji
_SEPARATORS: Final = re.compile(r"[/\\]")


def sniff(head: bytes) -> str:
    """The content type of a file that begins so; what could carry a script is plain text."""
    for at, magic, found in _MAGIC:
        if head.startswith(magic, at) and (found not in _RIFF_ONLY or head.startswith(b"RIFF")):
            return _office(head) or found if found == "application/zip" else found
    return TEXT if head and _is_text(head) else UNKNOWN


def is_shown(content_type: str) -> bool:
    """Whether a browser may show it in place: pictures that can hold no script."""
    return content_type in _SHOWN


def _office(head: bytes) -> str:
    if b"[Content_Types].xml" not in head and b"_rels/.rels" not in head:
        return ""
    return next((found for folder, found in _OFFICE if folder in head), "")


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data" or len(head) - error.start > 3:
            return False
        text = head[: error.start].decode()
    return _NOT_TEXT.search(text) is None


def clean_name(given: str) -> str:
    """A file's name without folders, control characters and what no file system takes."""
    name = _SEPARATORS.split(given)[-1]
    kept = "".join(one for one in name if one in _JOINERS or not _is_control(one))
    kept = kept.strip(" .")
    stem, dot, ending = kept.rpartition(".")
    if not stem or len(ending) > _ENDING_CHARS_MAX:
        stem, dot, ending = kept, "", ""
    stem = stem[:FILE_NAME_BYTES_MAX]
    while len(f"{stem}{dot}{ending}".encode()) > FILE_NAME_BYTES_MAX:
        stem = stem[:-1]
    return f"{stem}{dot}{ending}" or "file"


def _is_control(one: str) -> bool:
    return unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp")
