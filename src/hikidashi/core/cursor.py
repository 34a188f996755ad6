"""The cursor of a list: where its walk stands, as a text that says nothing to the caller.

It is bound to what was asked for, so that one walk is not continued as another. It needs no
secret: it holds nothing but the sort keys of an item that its holder was shown, and a made-up one
finds only what the holder may see. What is no cursor of ours never reaches the database.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math

from .errors import FaultError, invalid_request
from .kinds import Storage
from .limits import TEXT_BYTES_MAX
from .query import Position, Sort, SystemKey

_VERSION = 1
_MARK_CHARS = 22
_CHARS_MAX = 8 * TEXT_BYTES_MAX  # a key may be a text of the longest kind
_INTEGER_END = 2**63
_NUMBERED = frozenset(
    (
        SystemKey.ROW,
        SystemKey.REVISION,
        SystemKey.STATUS,
        SystemKey.CREATED_AT,
        SystemKey.UPDATED_AT,
    )
)


def encode_cursor(position: Position, asked: bytes) -> str:
    """The cursor of a position in the list that `asked` stands for."""
    held = [_VERSION, _mark(asked), position.n, *position.keys]
    text = json.dumps(held, ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(text: str, asked: bytes, sorts: tuple[Sort, ...]) -> Position:
    """The position that a cursor stands for. Raises 400 if it is none of the list asked for."""
    if len(text) > _CHARS_MAX:
        raise _no_cursor()
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        held = json.loads(raw.decode())
    except (ValueError, binascii.Error, RecursionError):
        raise _no_cursor() from None
    if not isinstance(held, list) or len(held) < 3 or held[0] != _VERSION:
        raise _no_cursor()
    if held[1] != _mark(asked):
        raise invalid_request(
            "after belongs to another list: conditions and sorts must be those it was given for",
            "after",
        )
    n, keys = held[2], held[3:]
    if len(keys) != len(sorts) or not _is_integer(n):
        raise _no_cursor()
    read = tuple(_key(one, sort) for one, sort in zip(keys, sorts, strict=True))
    return Position(read, n)


def _mark(asked: bytes) -> str:
    digest = hashlib.blake2b(asked, digest_size=16).digest()
    return base64.urlsafe_b64encode(digest).decode()[:_MARK_CHARS]


def _key(raw: object, sort: Sort) -> str | float | int | None:
    """A key of the type that the sort gives; other types would stop PostgreSQL."""
    if raw is None:
        return None
    subject = sort.subject
    if isinstance(subject, SystemKey):
        storage = Storage.INTEGER if subject in _NUMBERED else Storage.TEXT
    elif subject.kind.has_options:
        storage = Storage.INTEGER  # the place among the options
    else:
        storage = subject.storage or Storage.TEXT
    match storage:
        case Storage.NUMBER:
            if isinstance(raw, (int, float)) and not isinstance(raw, bool):
                number = float(raw) if abs(raw) < _INTEGER_END or isinstance(raw, float) else None
                if number is not None and math.isfinite(number):
                    return number
        case Storage.INTEGER | Storage.BOOLEAN:
            if _is_integer(raw):
                return raw  # type: ignore[return-value]
        case _:
            if isinstance(raw, str) and "\0" not in raw and _is_text(raw):
                return raw
    raise _no_cursor()


def _is_integer(raw: object) -> bool:
    is_whole = isinstance(raw, int) and not isinstance(raw, bool)
    return is_whole and -_INTEGER_END <= raw < _INTEGER_END  # type: ignore[operator]


def _is_text(raw: str) -> bool:
    try:
        raw.encode()
    except UnicodeEncodeError:
        return False
    return True


def _no_cursor() -> FaultError:
    return invalid_request("after is not a cursor that a list has given", "after")
