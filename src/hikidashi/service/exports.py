"""Exports: every item of a query as a file that an import reads back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ..core.catalog import Datastore, Field
from ..core.items import Item
from ..core.query import Query
from ..core.sheets import STATUS_COLUMN, cell_of, sheet_fields
from .app import View
from .lists import stream_list
from .sheet_files import Cell, XlsxFile, csv_cell, csv_text
from .shown import Known, Shown, localized

_PIECE_BYTES = 262_144


def export_csv(view: View, query: Query) -> Iterator[bytes]:
    """CSV in pieces, as the items are read."""
    rows: list[list[str]] = []
    for row in _rows(view, query):
        if row is not None:
            rows.append([csv_cell(one) for one in row])
            continue
        yield csv_text(rows)
        rows = []
    yield csv_text(rows)


def export_xlsx(view: View, query: Query, path: Path) -> Iterator[bytes]:
    """XLSX in pieces: empty ones while the file at the path is made, then what is in it.

    Raises 400 before any of it is given if the items have no room in a sheet.
    """
    file = XlsxFile(path)
    try:
        for row in _rows(view, query):
            if row is None:
                yield b""
            else:
                file.add(row)
    finally:
        file.close()
    with path.open("rb") as made:
        while piece := made.read(_PIECE_BYTES):
            yield piece


def _rows(view: View, query: Query) -> Iterator[list[Cell] | None]:
    """The header, then the items; None after each portion."""
    datastore = query.datastore
    fields = sheet_fields(query.fields or ())
    names: list[Cell] = [one.display_id for one in fields]
    yield [*names, STATUS_COLUMN] if datastore.statuses else names
    statuses = _status_names(datastore)
    for portion in stream_list(view, query):
        readers = [_reader(one, portion.known) for one in fields]
        yield from _cells(portion, readers, statuses)
        yield None


def _cells(
    portion: Shown, readers: Sequence[Callable[[Item], Cell]], statuses: dict[str, str]
) -> Iterator[list[Cell]]:
    for item in portion.items:
        row = [read(item) for read in readers]
        if statuses:
            row.append(statuses.get(item.status, ""))
        yield row


def _reader(field: Field, known: Known) -> Callable[[Item], Cell]:
    key = field.id
    if field.kind.refers_to == "item":
        titles = known.titles.get(key, {})  # of those that the actor may see

        def read_lookup(item: Item) -> Cell:
            value = item.values.get(key)
            return str(value) if value in titles else None

        return read_lookup
    return lambda item: cell_of(field, item.values.get(key))


def _status_names(datastore: Datastore) -> dict[str, str]:
    """By status, the name that an import takes for it: the display id where names are alike."""
    names = [localized(one.names, "en") for one in datastore.statuses]
    every = [name for one in datastore.statuses for name in set(one.names.values())]
    return {
        one.id: name if name and every.count(name) == 1 else one.display_id
        for one, name in zip(datastore.statuses, names, strict=True)
    }


__all__ = ["export_csv", "export_xlsx"]
