"""text and textarea: what people type."""

from __future__ import annotations

import re

from ..errors import InvalidValueError
from ..limits import INDEXED_BYTES_MAX, INDEXED_CHARS_MAX, TEXT_BYTES_MAX
from ..values import Value
from .base import Kind, Settings, Storage

_SURROGATE = re.compile("[\ud800-\udfff]")


class Text(Kind):
    """A string, kept as it came."""

    name = "text"
    storage = Storage.TEXT
    can_be_unique = True
    match = "text"
    operand = "text"

    def parse(self, raw: object, settings: Settings) -> Value:
        """Take a string; the empty one clears the field."""
        if not isinstance(raw, str):
            raise InvalidValueError("must be a string")
        if not raw:
            return None
        if "\0" in raw:
            raise InvalidValueError("must not contain U+0000")
        if not raw.isascii() and _SURROGATE.search(raw):
            raise InvalidValueError("must not contain a lone surrogate")
        if settings.indexed:
            if len(raw) > INDEXED_CHARS_MAX:
                raise InvalidValueError(
                    f"has {len(raw)} characters; a unique or indexed field takes {INDEXED_CHARS_MAX}"
                )
            if len(raw.encode()) > INDEXED_BYTES_MAX:
                raise InvalidValueError(
                    f"is over {INDEXED_BYTES_MAX} bytes, the most for a unique or indexed field"
                )
        elif len(raw) > TEXT_BYTES_MAX // 4 and len(raw.encode()) > TEXT_BYTES_MAX:
            raise InvalidValueError(f"is over {TEXT_BYTES_MAX} bytes")
        return raw


class TextArea(Text):
    """A string of several lines."""

    name = "textarea"
