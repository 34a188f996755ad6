"""Values as rows are written: ids in place of the numbers of what lookups and file fields name."""

from __future__ import annotations

from collections.abc import Mapping

from ...core.access import Identity
from ...core.catalog import Field
from ...core.errors import invalid_request
from ...core.filters import read_whole
from ...core.ids import is_id
from ...core.limits import CHOICES_MAX
from ...service.app import App, View
from ...service.attachments import find_attachable
from ...service.rows import find_looked_up
from .places import Table


async def read_values(
    app: App, identity: Identity, table: Table, given: Mapping[str, object], row: int | None = None
) -> Mapping[str, object]:
    """The values of a row; `row` is its number unless it is new. Raises 400."""
    items: dict[str, tuple[Field, int]] = {}
    files: dict[str, tuple[Field, list[int | str]]] = {}
    for key, value in given.items():
        field = table.datastore.find_field(key)
        if field is None:
            continue
        if field.kind.refers_to == "item" and not isinstance(value, str | None):
            items[key] = (field, read_whole(value, key))
        elif field.kind.refers_to == "file" and value not in (None, "", []):
            files[key] = (field, _list_files(value, key))
    if not items and not files:
        return given

    def find(view: View) -> dict[str, object]:
        found: dict[str, object] = {}
        for key, (field, number) in items.items():
            item = find_looked_up(view, table.datastore, field, [number]).get(number)
            if item is None:
                raise invalid_request(f"{key}: there is no row {number} to look up", key)
            found[key] = item
        return found | _find_files(view, files, row)

    return {**given, **await app.read(identity, find)}


def _list_files(value: object, key: str) -> list[int | str]:
    """What a file field is given: one file or several, by number or by id. Raises 400."""
    given = value if isinstance(value, list) else [value]
    if len(given) > CHOICES_MAX:
        raise invalid_request(f"{key}: takes {CHOICES_MAX} files at most", key)
    return [one if isinstance(one, str) and is_id(one) else read_whole(one, key) for one in given]


def _find_files(
    view: View, files: Mapping[str, tuple[Field, list[int | str]]], row: int | None
) -> dict[str, object]:
    found: dict[str, object] = {}
    places: dict[int, str] = {}
    for key, (field, given) in files.items():
        numbers = [one for one in given if isinstance(one, int)]
        ids = find_attachable(view, field, row, numbers)
        for number in numbers:
            if number not in ids:
                raise invalid_request(f"{key}: has no file {number}", key)
            if places.setdefault(number, key) != key:
                raise invalid_request(f"{key}: the file {number} is for one field", key)
        found[key] = [ids[one] if isinstance(one, int) else one for one in given]
    return found
