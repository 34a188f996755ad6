"""Parameters as libpq takes them: text by text, and the type only where the text does not tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import psycopg

BOOL: Final = 16
BYTES: Final = 17
INT8: Final = 20
INT4: Final = 23
FLOAT8: Final = 701
NUMERIC: Final = 1700
TEXTS: Final = 1009
NUMBERS: Final = 1016
UNKNOWN: Final = 0  # the server finds the type by where the parameter stands
_TEXT_FORMAT: Final = 0
_BINARY_FORMAT: Final = 1
_INT4_END: Final = 2**31
_INT8_END: Final = 2**63


class Given(NamedTuple):
    """A parameter on its way to the server."""

    data: bytes | None
    type: int  # its OID
    format: int = _TEXT_FORMAT


_NULL: Final = Given(None, UNKNOWN)


def given(value: object) -> Given:
    """A value as a parameter. Raises psycopg.DataError for U+0000, which PostgreSQL can't hold, and
    psycopg.ProgrammingError for what is no parameter."""
    make = _MAKERS.get(type(value))
    if make is None:
        for kind in _MAKERS:  # bool before int, of which it is one
            if isinstance(value, kind):
                return _MAKERS[kind](value)
        raise psycopg.ProgrammingError(f"{type(value).__name__} is no type of a parameter")
    return make(value)


def _text(value: str) -> Given:
    if "\0" in value:
        raise psycopg.DataError("a text can't hold NUL (0x00)")
    return Given(value.encode(), UNKNOWN)


def _number(value: int) -> Given:
    data = b"%d" % value
    if -_INT4_END <= value < _INT4_END:
        return Given(data, INT4)
    return Given(data, INT8 if -_INT8_END <= value < _INT8_END else NUMERIC)


def _list(values: list[Any]) -> Given:
    """Texts or numbers; no value among them is NULL."""
    if not values:
        return Given(b"{}", UNKNOWN)
    if isinstance(values[0], str):
        quoted = '","'.join(values)
        if "\0" in quoted:
            raise psycopg.DataError("a text can't hold NUL (0x00)")
        if "\\" in quoted or quoted.count('"') > 2 * (len(values) - 1):
            quoted = '","'.join(one.replace("\\", "\\\\").replace('"', '\\"') for one in values)
        return Given(f'{{"{quoted}"}}'.encode(), TEXTS)
    return Given(b"{%s}" % b",".join(b"%d" % one for one in values), NUMBERS)


_MAKERS: Final[dict[type, Callable[[Any], Given]]] = {
    str: _text,
    bool: lambda value: Given(b"t" if value else b"f", BOOL),
    int: _number,
    list: _list,
    type(None): lambda _: _NULL,
    float: lambda value: Given(repr(value).encode(), FLOAT8),
    bytes: lambda value: Given(value, BYTES, _BINARY_FORMAT),
}
