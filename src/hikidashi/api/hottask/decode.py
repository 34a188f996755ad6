"""Bodies of HotTask calls: `{"update": {…}}`, `{"create": {…}}` and bare fields."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from typing import Final

from ...core.errors import FaultError, invalid_request
from ...core.filters import read_whole
from ...core.record import record
from ..body import decode_any

UPDATE_SHAPE = '{"update": {"id": 1, "<field>": <value>}}'
DELETE_SHAPE = '{"delete": {"id": 1}}'
CREATE_SHAPE = '{"create": {"<field>": <value>}}'
_SCRIPT = re.compile(rb"\s*(body\s*:|JSON\.stringify|\{\s*(?:[A-Za-z_$][\w$]*\s*:|'|//|/\*))")
_FORM = re.compile(rb"[\w.%+\[\]-]+=[^{}\s]*\Z")
PLACES: Final = frozenset(("customtableid", "randomcode"))  # which the path names
_HINT_BYTES = 200  # of a broken body that are looked at


@record
class RowUpdate:
    """Which row a UD call changes, and to what."""

    row: int
    values: Mapping[str, object]
    revision: int | None  # None: the last write wins


@record
class RowDelete:
    """Which row a Delete call deletes."""

    row: int
    revision: int | None  # None: whatever it is


def decode_update(body: bytes, told_only: Container[str] = ()) -> RowUpdate:
    """Read a UD body; keys that are only told of a row are left out. Raises FaultError (400) that
    says what is wrong with it."""
    given = _fields(body, "update", UPDATE_SHAPE)
    values = {key: one for key, one in given.items() if key not in told_only}
    row = _take_id(values)
    revision = _take_revision(values)
    if row is None:
        raise _missing_id(body, values, "update", UPDATE_SHAPE)
    if not values:
        raise invalid_request(f"update names no field to change; send {UPDATE_SHAPE}")
    return RowUpdate(row, values, revision)


def decode_delete(body: bytes) -> RowDelete:
    """Read a Delete body. Raises FaultError (400) that says what is wrong with it."""
    values = dict(_fields(body, "delete", DELETE_SHAPE))
    row = _take_id(values)
    revision = _take_revision(values)
    if row is None:
        raise _missing_id(body, values, "delete", DELETE_SHAPE)
    rest = [key for key in values if key.lower() not in PLACES]
    if rest:
        raise invalid_request(
            f"Delete takes the id of one row, and no {rest[0][:80]}; send {DELETE_SHAPE}"
        )
    return RowDelete(row, revision)


def decode_create(body: bytes) -> Mapping[str, object]:
    """Read a Create body. Raises FaultError (400) that says what is wrong with it."""
    values = _fields(body, "create", CREATE_SHAPE)
    return {key: one for key, one in values.items() if not (key.lower() == "id" and one is None)}


def read_keys(body: bytes, shape: str) -> dict[str, object]:
    """A body that is an object of settings, by key in lower case. Raises FaultError (400)."""
    top = decode_json(body, shape)
    if not isinstance(top, dict):
        raise invalid_request(f"the body must be a JSON object like {shape}")
    found: dict[str, object] = {}
    for key, value in top.items():
        if found.setdefault(key.lower(), value) != value:
            raise invalid_request(f"the body says {key} twice")
    return found


def is_placeholder(key: str) -> bool:
    """Tell whether a key is the page's stand-in for field names rather than one."""
    return key.endswith("...") or "field definitions" in key


def _fields(body: bytes, wrapper: str, shape: str) -> Mapping[str, object]:
    """The object that holds the fields: under the wrapper, or the body itself."""
    top = decode_json(body, shape)
    if not isinstance(top, dict):
        raise invalid_request(f"the body must be a JSON object like {shape}")
    inner = top.get(wrapper)
    if isinstance(inner, dict):
        return inner
    if wrapper in top and len(top) == 1:
        raise invalid_request(f'"{wrapper}" must be an object of fields, like {shape}')
    if wrapper == "update" and isinstance(top.get("create"), dict):
        # The page update-table-data shows "update", and lists the parameter as "create".
        return top["create"]  # type: ignore[no-any-return]
    if wrapper == "create" and isinstance(top.get("update"), dict) and len(top) == 1:
        raise invalid_request(f"this path creates rows, and takes {shape}; UD updates them")
    if not top:
        raise invalid_request(f"the body names no field; send {shape}")
    return top


def decode_json(body: bytes, shape: str) -> object:
    """Read a body of any shape; `shape` is shown where it is no JSON. Raises 400."""
    try:
        return decode_any(body)
    except FaultError as error:
        words = error.faults[0].description
        raise invalid_request(f"{words}{_hint(body)}; send {shape}") from None


def _hint(body: bytes) -> str:
    start = body[:_HINT_BYTES]
    if _SCRIPT.match(start):
        return (
            " (it is JavaScript text: send what JSON.stringify returns, with every name and"
            " text in double quotes)"
        )
    if _FORM.match(start):
        return " (it is a form: send JSON with Content-Type: application/json)"
    return ""


def _take_id(values: dict[str, object]) -> int | None:
    """Take the row number out, whatever the case of its key (real clients send `id` and `ID`)."""
    found: int | None = None
    for key in [one for one in values if one.lower() == "id"]:
        number = read_whole(values.pop(key), key)
        if found is not None and number != found:
            raise invalid_request(f"the row is named twice, as {found} and as {number}")
        found = number
    return found


def _take_revision(values: dict[str, object]) -> int | None:
    if "rev_no" not in values:
        return None
    return read_whole(values.pop("rev_no"), "rev_no")


def _missing_id(body: bytes, values: Mapping[str, object], wrapper: str, shape: str) -> FaultError:
    if any(is_placeholder(key) for key in values):
        return invalid_request(
            f"{next(filter(is_placeholder, values))!r} stands for the table's own fields: name the"
            f" row by its id and each field to change, like {shape}"
        )
    top = decode_any(body)
    if isinstance(top, dict) and any(key.lower() == "id" for key in top):
        return invalid_request(f"the id belongs inside {wrapper}: {shape}")
    return invalid_request(f"the id of the row to {wrapper} is missing; send {shape}")
