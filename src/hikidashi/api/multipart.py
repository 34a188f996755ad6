"""Uploads: a multipart form read piece by piece, its file handed on, its other fields kept."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from ..core.errors import invalid_request, too_large
from ..core.limits import FORM_BYTES_MAX, FORM_PARTS_MAX
from .exchange import HttpRequest

FILE_PART: Final = "file"
_Write = Callable[[bytes], Awaitable[None]]

# What is wrong with a request is told to its sender; the log is not the place for it.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)


class Form:
    """What a form holds beside its file."""

    __slots__ = ("fields", "file_name")

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}  # by the name in lower case
        self.file_name: str | None = None  # as the file's own part says; None: there is no file

    def get(self, name: str) -> str:
        """A field; "" if it is not there."""
        return self.fields.get(name, "")


async def read_form(request: HttpRequest, write: _Write, file_bytes_max: int) -> Form:
    """Read an upload to its end; the bytes of its part `file` go to `write`, in order.

    Raises 400 for what is no such form, 413 for too much of it. How long the file may be is for
    `write` to say, which learns of each byte; this refuses what is too long by its own word.
    """
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length[:20]) > file_bytes_max + FORM_BYTES_MAX:
        raise too_large(f"the file has over {file_bytes_max} bytes")
    reader = _Reader(_boundary(request))
    if request.chunks is None:
        raise TypeError("the call does not stream its body")
    await reader.read(request.chunks, write)
    if reader.form.file_name is None:
        raise invalid_request(f"the form has no part {FILE_PART}")
    return reader.form


def _boundary(request: HttpRequest) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise invalid_request("the body has to be multipart/form-data with a boundary")
    return boundary


class _Reader:
    """Fed with a body, gathers the form; what it has of the file waits in `_file`."""

    def __init__(self, boundary: bytes) -> None:
        self.form = Form()
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part_begin,
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_part_data,
                    "on_part_end": self._on_part_end,
                    "on_end": self._on_end,
                },
            )
        except FormParserError as error:
            raise _malformed(error) from None
        self._parts = 0
        self._name = ""  # of the part that is being read
        self._header = b""
        self._value = b""
        self._disposition = b""
        self._text = bytearray()
        self._file: list[bytes] = []
        self._is_whole = False

    async def read(self, chunks: AsyncIterator[bytes], write: _Write) -> None:
        """Read it all."""
        beside = 0  # bytes that are not the file's
        async for chunk in chunks:
            try:
                self._parser.write(chunk)
            except FormParserError as error:
                raise _malformed(error) from None
            pieces, self._file = self._file, []
            beside += len(chunk) - sum(map(len, pieces))
            for piece in pieces:
                await write(piece)
            if beside > FORM_BYTES_MAX:
                raise too_large(f"the form has over {FORM_BYTES_MAX} bytes beside its file")
        if not self._is_whole:
            raise invalid_request("the form ends before its last boundary")

    def _on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > FORM_PARTS_MAX:
            raise invalid_request(f"the form has over {FORM_PARTS_MAX} parts")
        self._disposition = self._header = self._value = b""
        self._text.clear()

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _on_headers_finished(self) -> None:
        kind, options = parse_options_header(self._disposition)
        if kind != b"form-data" or b"name" not in options:
            raise invalid_request("a part of the form has no name")
        self._name = _decoded(options[b"name"]).lower()
        if self._name == FILE_PART:
            if self.form.file_name is not None:
                raise invalid_request(f"the form has two parts {FILE_PART}")
            self.form.file_name = _decoded(options.get(b"filename", b""))

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._name == FILE_PART:
            self._file.append(data[start:end])
        else:
            self._text += data[start:end]

    def _on_part_end(self) -> None:
        if self._name != FILE_PART:
            self.form.fields[self._name] = _decoded(bytes(self._text))

    def _on_end(self) -> None:
        self._is_whole = True


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise invalid_request("a text of the form is not UTF-8") from None


def _malformed(error: Exception) -> Exception:
    return invalid_request(f"the body is not a multipart form: {error}")
