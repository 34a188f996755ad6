"""What a template says of itself, and which keys of an application are in one.

`template.json` tells name, category and description, `application.json` is an application in the
keys of a schema file, without ids, people and keys.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ..core.errors import invalid_request
from ..core.limits import NAME_CHARS_MAX, TEMPLATE_WORDS_MAX
from ..core.record import record
from .design import refused
from .schema import SchemaError
from .schema.model import of_data

FORMAT: Final = "hikidashi template"
PLAIN_VERSION: Final = 1  # of the format, for the design alone
CONTENTS_VERSION: Final = 2  # with contents
ABOUT: Final = "template.json"
APPLICATION: Final = "application.json"
_LEFT_OUT: Final = frozenset(
    (
        *("id", "was", "deleted", "users", "groups", "keys", "hottask_code", "hottask_table"),
        *("sign_up", "anonymous", "hottask_public"),  # whoever takes it opens it, or does not
        "webhooks",  # whoever they tell of these items is not to be told of others
        "user",  # a bot that schedules act as is for whoever takes the template to name
    )
)
_Parts = Mapping[str, "_Parts"]
_PARTS: Final[_Parts] = {
    "roles": {},
    "datastores": {"statuses": {}, "fields": {"options": {}}, "actions": {}, "relations": {}},
    "queries": {},
    "reports": {"columns": {}},
    "charts": {},
    "functions": {},
    "constants": {},
    "schedules": {},
}


class KeptCounter(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """The last number that was given of a field."""

    field: str  # display id
    last: int
    branch: str | None = None  # None: the numbers that items get when they are made


class KeptStore(msgspec.Struct, forbid_unknown_fields=True):
    """A datastore whose items are in a template."""

    datastore: str  # display id
    items: int
    counters: list[KeptCounter] = []


class Contents(msgspec.Struct, forbid_unknown_fields=True):
    """What of an application's contents is in a template."""

    links: bool = False
    histories: bool = False
    files: bool = False
    datastores: list[KeptStore] = []


class About(msgspec.Struct, omit_defaults=True):
    """`template.json`."""

    format: str
    format_version: int
    name: str
    category: str = ""
    description: str = ""
    contents: Contents | None = None


@record
class TemplateFile:
    """What a template holds beside its contents."""

    name: str
    category: str
    description: str
    application: Mapping[str, Any]


def member_of(at: int) -> str:
    """What in a zip holds the items of its first, second, … datastore."""
    return f"items/{at + 1}.jsonl"


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


def write_design(
    archive: zipfile.ZipFile, template: TemplateFile, contents: Contents | None
) -> None:
    """Write what every template holds."""
    version = PLAIN_VERSION if contents is None else CONTENTS_VERSION
    words = (template.name, template.category, template.description)
    about = About(FORMAT, version, *words, contents)
    for name, value in ((ABOUT, about), (APPLICATION, template.application)):
        text = msgspec.json.format(msgspec.json.encode(value))
        archive.writestr(new_member(name), text)


def new_member(name: str, *, is_packed: bool = True) -> zipfile.ZipInfo:
    """A member of a zip that says nothing of when it was made."""
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED if is_packed else zipfile.ZIP_STORED
    return info


def pack(template: TemplateFile) -> bytes:
    """A template without contents as a zip; the same one always as the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        write_design(archive, template, None)
    return out.getvalue()


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
        of_data({"workspaces": [{"name": "any", "applications": [said]}]}, APPLICATION)
    except SchemaError as error:
        raise refused(error) from None


__all__ = [
    "ABOUT",
    "APPLICATION",
    "FORMAT",
    "About",
    "Contents",
    "KeptCounter",
    "KeptStore",
    "TemplateFile",
    "bare",
    "check_application",
    "check_words",
    "member_of",
    "new_member",
    "pack",
    "write_design",
]
