"""Exports: every item of a query as a file that an import reads back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ..core.catalog import Datastore, Field
from ..core.items import Item
from ..core.kinds import Kind
from ..core.query import Query
from ..core.sheets import STATUS_COLUMN, cell_of, guard, sheet_fields
from ..core.values import Value
from .app import View
from .lists import stream_list
from .sheet_files import Cell, XlsxFile, csv_cell, csv_text
from .shown import Known, Shown, localized

_PIECE_BYTES = 262_144
_CHOICES_MAX = 10_000  # choices, and sets of them, whose text is remembered


def export_csv(view: View, query: Query) -> Iterator[bytes]:
    """CSV in pieces, as the items are read."""
    fields = sheet_fields(query.fields or ())
    yield csv_text([_header(query.datastore, fields)])
    statuses = {key: guard(name) for key, name in _status_names(query.datastore).items()}
    writers = [_csv_writer(one) for one in fields]
    for portion in stream_list(view, query):
        columns = [write(_column(one, portion)) for one, write in zip(fields, writers, strict=True)]
        if statuses:
            columns.append([statuses.get(item.status, "") for item in portion.items])
        yield csv_text(zip(*columns, strict=True))


def _column(field: Field, portion: Shown) -> list[Value]:
    """What the items hold; of a lookup, what the actor may see."""
    key = field.id
    if field.kind.refers_to == "item":
        titles = portion.known.titles.get(key, {})
        found = [item.values.get(key) for item in portion.items]
        return [one if one in titles else None for one in found]
    return [item.values.get(key) for item in portion.items]


def _csv_writer(field: Field) -> Callable[[Iterable[Value]], list[str]]:
    """Writes a column as `csv_cell` writes a cell, without asking of each what it is."""
    kind, settings = field.value_kind, field.settings
    if kind.has_options:
        known: dict[Value, str] = {}

        def write_choices(values: Iterable[Value]) -> list[str]:
            given = list(values)
            if len(known) > _CHOICES_MAX:
                known.clear()
            for one in set(given) - known.keys():
                known[one] = csv_cell(cell_of(field, one))
            return [known[one] for one in given]

        return write_choices
    if kind.match == "range":
        return lambda values: [kind.text(one, settings) for one in values]
    if kind.match == "text" and type(kind).dump is Kind.dump:
        return lambda values: [guard(one) if isinstance(one, str) else "" for one in values]
    return lambda values: [csv_cell(cell_of(field, one)) for one in values]


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
    yield [*_header(datastore, fields)]
    statuses = _status_names(datastore)
    for portion in stream_list(view, query):
        readers = [_reader(one, portion.known) for one in fields]
        yield from _cells(portion, readers, statuses)
        yield None


def _header(datastore: Datastore, fields: Sequence[Field]) -> list[str]:
    names = [one.display_id for one in fields]
    return [*names, STATUS_COLUMN] if datastore.statuses else names


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
