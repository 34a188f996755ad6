"""A list of items as CSV (RFC 4180, UTF-8), safe to open in a spreadsheet."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from ...core.catalog import Field
from ...core.errors import invalid_request
from ...core.items import Item
from ...core.query import Query
from ...core.sheets import guard
from ...service.sheet_files import csv_text
from ...service.shown import Shown
from ..exchange import HeaderList
from .reads_bodies import ItemListBody
from .reads_encode import RowOptions, list_time, shower

CSV_HEADERS: Final[HeaderList] = (
    (b"content-type", b"text/csv; charset=utf-8"),
    (b"x-content-type-options", b"nosniff"),
)
_BOM: Final = b"\xef\xbb\xbf"
_NUMERAL: Final = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?\Z", re.ASCII)

_SYSTEM: Final[dict[str, Callable[[Item], object]]] = {
    "i_id": lambda item: item.id,
    "d_id": lambda item: item.datastore,
    "title": lambda item: item.title,
    "rev_no": lambda item: item.rev,
    "status_id": lambda item: item.status,
    "created_at": lambda item: list_time(item.created_at),
    "created_by": lambda item: item.created_by,
    "updated_at": lambda item: "" if item.updated_at is None else list_time(item.updated_at),
    "updated_by": lambda item: item.updated_by,
}


class Sheet:
    """The columns of one list: the item's id and its fields, or what `select_fields` names."""

    def __init__(self, query: Query, body: ItemListBody, options: RowOptions) -> None:
        fields = [one for one in query.fields or () if one.kind.name not in ("label", "separator")]
        self._columns: list[Field | str] = ["i_id", *fields]
        if body.select_fields:
            named: dict[str, Field | str] = {key: key for key in _SYSTEM}
            named |= {one.id: one for one in fields} | {one.display_id: one for one in fields}
            absent = [one for one in body.select_fields if one not in named]
            if absent:
                raise invalid_request(f"{absent[0][:200]} is not a column of CSV", "select_fields")
            chosen = [named[one] for one in body.select_fields]
            once = {one if isinstance(one, str) else one.id: one for one in chosen}
            self._columns = list(once.values())
        self._options = options
        self._bom = _BOM if body.csv_bom else b""
        self._guards = not body.csv_formulas

    def head(self) -> bytes:
        """The row of names: system keys, and display ids of fields."""
        names = [one if isinstance(one, str) else one.display_id for one in self._columns]
        return self._bom + csv_text([names])

    def rows(self, portion: Shown) -> bytes:
        """The rows of some items."""
        showers = [
            _SYSTEM[one] if isinstance(one, str) else shower(one, portion, self._options)
            for one in self._columns
        ]
        return csv_text([[self._cell(show(item)) for show in showers] for item in portion.items])

    def _cell(self, value: object) -> str:
        text = "" if value is None else str(value)
        if self._guards and not _NUMERAL.match(text):
            return guard(text)
        return text
