"""A template as a zip, and what may be taken of one that somebody sends.

`template.json` tells name, category and description, `application.json` is an application in the
keys of a schema file, without ids, people and keys. Nothing else may be in it, and no name in it
is ever used as a path.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ..core.errors import invalid_request, too_large
from ..core.limits import (
    JSON_LEVELS_MAX,
    NAME_CHARS_MAX,
    TEMPLATE_BYTES_MAX,
    TEMPLATE_LIST_BYTES_MAX,
    TEMPLATE_WORDS_MAX,
)
from ..core.record import record
from .design import refused
from .schema import SchemaError
from .schema.model import of_data

FORMAT: Final = "hikidashi template"
FORMAT_VERSION: Final = 1
_ABOUT: Final = "template.json"
_APPLICATION: Final = "application.json"
_END: Final = b"PK\x05\x06"
_END_BYTES: Final = 22
_WIDE_END: Final = b"PK\x06\x07"
_WIDE_END_BYTES: Final = 20
_IS_ENCRYPTED: Final = 0x1
_LEFT_OUT: Final = frozenset(
    ("id", "was", "deleted", "users", "groups", "keys", "hottask_code", "hottask_table")
)
_Parts = Mapping[str, "_Parts"]
_PARTS: Final[_Parts] = {
    "roles": {},
    "datastores": {"statuses": {}, "fields": {"options": {}}, "actions": {}},
    "queries": {},
    "reports": {"columns": {}},
    "charts": {},
    "functions": {},
    "constants": {},
}


class _About(msgspec.Struct):
    format: str
    format_version: int
    name: str
    category: str = ""
    description: str = ""


@record
class TemplateFile:
    """What a template holds."""

    name: str
    category: str
    description: str
    application: Mapping[str, Any]


_about: Final = msgspec.json.Decoder(_About)
_any: Final = msgspec.json.Decoder(dict[str, Any])


def bare(application: Mapping[str, Any], parts: _Parts = _PARTS) -> dict[str, Any]:
    """An application's keys without what belongs to the one it was: ids, people, keys, codes."""
    found: dict[str, Any] = {}
    for key, value in application.items():
        if key in _LEFT_OUT:
            continue
        inner = parts.get(key)
        if inner is not None and isinstance(value, list):
            found[key] = [bare(one, inner) if isinstance(one, dict) else one for one in value]
        else:
            found[key] = value
    return found


def pack(template: TemplateFile) -> bytes:
    """A template as a zip; the same one always as the same bytes."""
    about = _About(FORMAT, FORMAT_VERSION, template.name, template.category, template.description)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, value in ((_ABOUT, about), (_APPLICATION, template.application)):
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(info, msgspec.json.format(msgspec.json.encode(value)))
    return out.getvalue()


def unpack(content: bytes) -> TemplateFile:
    """What a zip holds. Raises 400 for what is no template, 413 for too much."""
    _check_list(content)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            for one in file.infolist():
                if one.filename not in (_ABOUT, _APPLICATION):
                    raise invalid_request(
                        f"the template holds {one.filename[:100]!r}, as none does"
                    )
            about = _read(file, _ABOUT)
            application = _read(file, _APPLICATION)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise invalid_request(f"the file is no sound zip: {error}") from None
    found = _decode(_about, about, _ABOUT)
    if (found.format, found.format_version) != (FORMAT, FORMAT_VERSION):
        raise invalid_request(
            f"{_ABOUT}: the format is {found.format[:100]!r} {found.format_version}, not"
            f" {FORMAT!r} {FORMAT_VERSION}"
        )
    check_words(found.name, found.category, found.description)
    template = TemplateFile(
        found.name,
        found.category,
        found.description,
        bare(_decode(_any, application, _APPLICATION)),
    )
    check_application(template.application)
    return template


def _check_list(content: bytes) -> None:
    """The list at the end of a zip, before anything reads it into memory."""
    at = content.rfind(_END)
    if at < 0 or len(content) < at + _END_BYTES:
        raise invalid_request("the file is no zip")
    (size,) = struct.unpack_from("<I", content, at + 12)
    is_wide = content[max(0, at - _WIDE_END_BYTES) :].startswith(_WIDE_END)
    if is_wide or size > TEMPLATE_LIST_BYTES_MAX:
        raise too_large(f"the zip lists over {TEMPLATE_LIST_BYTES_MAX} bytes of names")


def _read(file: zipfile.ZipFile, name: str) -> bytes:
    try:
        info = file.getinfo(name)
    except KeyError:
        raise invalid_request(f"the template has no {name}") from None
    if info.flag_bits & _IS_ENCRYPTED:
        raise invalid_request(f"{name} is encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise invalid_request(f"{name} is compressed in a way that is not taken; use deflate")
    with file.open(info) as member:
        content = member.read(TEMPLATE_BYTES_MAX + 1)
    if len(content) > TEMPLATE_BYTES_MAX:
        raise too_large(f"{name} has over {TEMPLATE_BYTES_MAX} bytes")
    return content


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


def check_words(name: str, category: str, description: str) -> None:
    """Raises 400 for a name that is empty, or for words that are too long."""
    if not name.strip():
        raise invalid_request("name must not be empty")
    for key, text, most in (
        ("name", name, NAME_CHARS_MAX),
        ("category", category, NAME_CHARS_MAX),
        ("description", description, TEMPLATE_WORDS_MAX),
    ):
        if len(text) > most:
            raise invalid_request(f"{key} has over {most} characters")
        if "\0" in text:
            raise invalid_request(f"{key} holds U+0000")


def check_application(application: Mapping[str, Any]) -> None:
    """Raises 400 with everything that is wrong with the form of an application."""
    said = {"display_id": "TEMPLATE", **application}
    try:
        of_data({"workspaces": [{"name": "any", "applications": [said]}]}, _APPLICATION)
    except SchemaError as error:
        raise refused(error) from None


__all__ = ["TemplateFile", "bare", "check_words", "pack", "unpack"]
