"""Bytes of a file as HTTP gives them: whole or a range, unless the client has them already."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final
from urllib.parse import quote

from ..core.file_types import is_shown
from ..storage.files import FileRow
from .exchange import Answer, HeaderList, HttpRequest

_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})\Z", re.ASCII)
_UNSAFE: Final = re.compile(r"[^\w !#$&+.^`|~()\[\]{}@=,-]", re.ASCII)
_ALWAYS: Final[HeaderList] = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; sandbox"),
    (b"cache-control", b"private, no-cache"),
    (b"accept-ranges", b"bytes"),
)

# Gives the bytes of a file from a place to before another.
Open = Callable[[FileRow, int, int], Awaitable[AsyncGenerator[bytes, None]]]


async def download(request: HttpRequest, file: FileRow, open_piece: Open) -> Answer:
    """200 whole, 206 a range, 304 unchanged, 416 a range that lies past the end.

    Several ranges at once, and what is no range, get the whole, as HTTP allows.
    """
    tag = f'"{file.sha256}"'
    headers: HeaderList = ((b"etag", tag.encode()), *_ALWAYS)
    if _names(request.headers.get("if-none-match", ""), tag):
        return Answer(304, b"", headers)
    start, stop, status = 0, file.size, 200
    if "range" in request.headers and request.headers.get("if-range", tag) == tag:
        span = _span(request.headers["range"], file.size)
        if span is not None and span[0] >= span[1]:
            past = (b"content-range", f"bytes */{file.size}".encode())
            return Answer(416, b"", (*headers, past, _type_of(file)))
        if span is not None:
            (start, stop), status = span, 206
    if status == 206:
        told = f"bytes {start}-{stop - 1}/{file.size}"
        headers = (*headers, (b"content-range", told.encode()))
    headers = (
        *headers,
        _type_of(file),
        (b"content-length", str(stop - start).encode()),
        (b"content-disposition", _disposition(file).encode()),
    )
    if request.method == "HEAD":
        return Answer(status, b"", headers)
    return Answer(status, b"", headers, await open_piece(file, start, stop))


def _names(condition: str, tag: str) -> bool:
    """Whether an `If-None-Match` names a tag; weakly, as it compares."""
    tags = (one.strip().removeprefix("W/") for one in condition.split(","))
    return condition.strip() == "*" or tag in tags


def _span(asked: str, size: int) -> tuple[int, int] | None:
    """The bytes meant, to before the second number; None if it is no range that we give."""
    found = _RANGE.match(asked)
    if found is None or found[0] == "bytes=-":
        return None
    if not found[1]:
        return (size - min(int(found[2]), size), size)
    start = int(found[1])
    stop = min(int(found[2]) + 1, size) if found[2] else size
    return None if found[2] and int(found[2]) < start else (start, stop)


def _type_of(file: FileRow) -> tuple[bytes, bytes]:
    return (b"content-type", file.content_type.encode())


def _disposition(file: FileRow) -> str:
    """Shown in place only where that can do no harm; with the name in both of its forms."""
    kind = "inline" if is_shown(file.content_type) else "attachment"
    plain = _UNSAFE.sub("_", file.name)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(file.name, safe='')}"
