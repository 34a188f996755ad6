"""Tables as people keep them in files: what a header means, and rows as writes of items. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from .access import Actor, may_use_field
from .catalog import Catalog, Datastore, Field
from .commands import Entry, Op, ParsedRow, Publish, WriteItem
from .errors import InvalidValueError
from .kinds import Storage
from .kinds.derived import parse_auto_number
from .record import record
from .values import Value

DELETE_COLUMN: Final = "_delete_"
STATUS_COLUMN: Final = "_status_"
GROUP_COLUMN: Final = "_group_id_"
HEADER_LINE: Final = 1
_COLUMNS_MAX: Final = 1_000
_KNOWN_MAX: Final = 1_000  # cells of a column whose values are remembered
_KNOWN_CHARS: Final = 200  # the longest of them
_COMMAS: Final = " (cells are parted by commas)"
_YES: Final = frozenset(("true", "1"))
_NO: Final = frozenset(("false", "0", ""))
_RISKY: Final = frozenset("'=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # how a text to guard begins
_FORMULA: Final = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")  # half and full width
_NOT_KEPT: Final = frozenset(("calc", "status", "label", "separator"))


def guard(text: str) -> str:
    """A text that no spreadsheet takes for a formula; `unguard` takes back what was added."""
    return f"'{text}" if text[:1] in _RISKY and _FORMULA.match(text) else text


def unguard(cell: str) -> str:
    """The text that `guard` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


class RowError(Exception):
    """A row, or the header, that can't be taken; the message says why."""


@record
class ImportOptions:
    """How a file is taken in."""

    key: str = ""  # display id or id of the field that says which item a row speaks of
    replace_all: bool = False
    append: bool = False
    overwrite_numbers: bool = False

    @property
    def matches(self) -> bool:
        """Rows may speak of items that are there."""
        return bool(self.key) and not self.replace_all and not self.append


@record
class SheetRow:
    """A row as it is meant."""

    line: int
    key: Value  # None: the row makes an item
    is_delete: bool
    values: Mapping[str, object]  # raw, by field id
    status: str  # id; "" if the row names none
    group: str  # display id; the same


class Layout:
    """A header resolved under one catalogue, for one actor."""

    def __init__(
        self,
        header: Sequence[str],
        options: ImportOptions,
        datastore: Datastore,
        catalog: Catalog,
        actor: Actor,
    ) -> None:
        """Raises RowError."""
        self.datastore = datastore
        self.width = len(header)
        self._catalog = catalog
        self._actor = actor
        self._options = options
        self._fields: list[tuple[int, Field, Callable[[str], object]]] = []
        self._special: dict[str, int] = {}
        self._read_header(header)
        self.key = self._find_key()
        self._parsers = [(at, one, _parser(one)) for at, one, _ in self._fields]
        self._is_plain = self.key is None and not self._special
        self._skipped = frozenset(  # columns that only say which item a row speaks of
            one.id
            for _, one, _ in self._fields
            if one.kind.name == "autonum" and not options.overwrite_numbers
        )
        self.columns = tuple(one.id for _, one, _ in self._fields if one.id not in self._skipped)
        self._statuses = _status_names(datastore)

    def _read_header(self, header: Sequence[str]) -> None:
        if not header:
            raise RowError("the file is empty; its first line names the columns")
        if len(header) > _COLUMNS_MAX:
            raise RowError(f"the header has over {_COLUMNS_MAX} columns")
        named: set[str] = set()
        for at, cell in enumerate(header):
            name = unguard(cell)
            if name in (DELETE_COLUMN, STATUS_COLUMN, GROUP_COLUMN):
                if name in self._special:
                    raise RowError(f"the header names {name} twice")
                self._special[name] = at
                continue
            field = self.datastore.find_field(name)
            if field is None or not may_use_field(self._actor, field):
                hint = _COMMAS if len(header) == 1 and (";" in name or "\t" in name) else ""
                raise RowError(f"the header names no field: {name[:200]!r}{hint}")
            if field.id in named:
                raise RowError(f"the header names {field.display_id} twice")
            named.add(field.id)
            is_number = field.kind.name == "autonum"
            is_key = self._options.key in (field.id, field.display_id)
            if is_number and not (self._options.overwrite_numbers or is_key):
                continue
            if not field.kind.writable and not is_number:
                if field.kind.name in _NOT_KEPT:
                    continue
                raise RowError(f"a field of type {field.kind.name} can't be imported: {name}")
            self._fields.append((at, field, _reader(field)))
        if not self._fields and not self._special:
            raise RowError("the header names no field that can be written")

    def _find_key(self) -> Field | None:
        wanted = self._options.key
        if not wanted:
            return None
        for _, field, _ in self._fields:
            if wanted in (field.id, field.display_id):
                if field.storage in (Storage.LIST, None):
                    raise RowError(f"a field of type {field.kind.name} can't be the key")
                return field
        raise RowError(f"the header does not name the key field {wanted[:200]!r}")

    def parse(self, line: int, cells: Sequence[str]) -> tuple[ParsedRow, list[str]]:
        """A row with its values parsed, and what is wrong with them. Raises RowError."""
        if len(cells) != self.width:
            raise RowError(f"the row has {len(cells)} cells, the header {self.width}")
        if self._is_plain:
            try:
                values = [
                    parse(unguard(cell) if (cell := cells[at])[:1] == "'" else cell)
                    for at, _, parse in self._parsers
                ]
                return ParsedRow(line, None, False, tuple(values), "", ""), []  # noqa: FBT003
            except InvalidValueError:
                pass  # told below, with what else is wrong
        if self._special and self._is_delete(cells):
            row = self.read(line, cells)
            return ParsedRow(line, row.key, True, (), "", ""), []  # noqa: FBT003
        return self._parse_each(line, cells)

    def _parse_each(self, line: int, cells: Sequence[str]) -> tuple[ParsedRow, list[str]]:
        key: Value = None
        values: list[Value] = []
        faults: list[str] = []
        for at, field, parse in self._parsers:
            cell = cells[at]
            try:
                value = parse(unguard(cell) if cell[:1] == "'" else cell)
            except InvalidValueError as error:
                if field is self.key:
                    raise RowError(f"{field.display_id}: {error}") from error
                faults.append(f"{field.display_id}: {error}")
                value = None
            if field is self.key:
                key = value
                if field.id in self._skipped:
                    continue
            values.append(value)
        status = group = ""
        if self._special:
            status, group = self._status(cells), self._group(cells)
        return ParsedRow(line, key, False, tuple(values), status, group), faults  # noqa: FBT003

    def read(self, line: int, cells: Sequence[str]) -> SheetRow:
        """A row by its cells. Raises RowError."""
        if len(cells) != self.width:
            raise RowError(f"the row has {len(cells)} cells, the header {self.width}")
        is_delete = self._is_delete(cells)
        key: Value = None
        values: dict[str, object] = {}
        for at, field, read in self._fields:
            raw = read(unguard(cells[at]))
            if field is self.key:
                try:
                    is_number = field.kind.name == "autonum"
                    parse = parse_auto_number if is_number else field.kind.parse
                    key = parse(raw, field.settings)
                except InvalidValueError as error:
                    raise RowError(f"{field.display_id}: {error}") from error
            if field.kind.name == "autonum" and (
                not raw or not self._options.overwrite_numbers
            ):  # an empty one is given on creation, and stays
                continue
            values[field.id] = raw
        if is_delete and (not self._options.matches or key is None):
            raise RowError(f"{DELETE_COLUMN} needs key_field_displayid, and a key in the row")
        return SheetRow(
            line,
            key,
            is_delete,
            {} if is_delete else values,
            "" if is_delete else self._status(cells),
            "" if is_delete else self._group(cells),
        )

    def _cell(self, name: str, cells: Sequence[str]) -> str:
        at = self._special.get(name)
        return "" if at is None else unguard(cells[at])

    def _is_delete(self, cells: Sequence[str]) -> bool:
        word = self._cell(DELETE_COLUMN, cells).lower()
        if word in _YES:
            return True
        if word in _NO:
            return False
        raise RowError(f"{DELETE_COLUMN}: must be true, 1, false, 0 or empty")

    def _status(self, cells: Sequence[str]) -> str:
        name = self._cell(STATUS_COLUMN, cells)
        if not name:
            return ""
        found = self._statuses.get(name, ())
        if len(found) != 1:
            what = "there is no status" if not found else "several statuses are called"
            raise RowError(f"{STATUS_COLUMN}: {what} {name[:200]!r}")
        return found[0]

    def _group(self, cells: Sequence[str]) -> str:
        name = self._cell(GROUP_COLUMN, cells)
        if not name:
            return ""
        group = self._catalog.find_group(name)
        if group is None or group.display_id != name:
            raise RowError(f"{GROUP_COLUMN}: there is no group {name[:200]!r}")
        if group.id not in self._actor.keyring:
            raise RowError(f"{GROUP_COLUMN}: the key of the group {name[:200]!r} is not held")
        return name

    def command(self, row: SheetRow, item: str, project: str) -> WriteItem:
        """The write that a row asks for; `item` is the id of the one it speaks of, or ""."""
        operation = Op.DELETE if row.is_delete else Op.UPDATE if item else Op.NEW
        publish = Publish(groups=(row.group,)) if row.group else None
        entry = Entry(
            operation,
            self.datastore.id,
            item,
            values=row.values,
            publish=publish,
            status=row.status,
        )
        return WriteItem(project, entry, force=True, is_import=True)


def _parser(field: Field) -> Callable[[str], Value]:
    """A cell to a value; what the cells of a choice stand for is found once."""
    kind, settings, read = field.kind, field.settings, _reader(field)
    if kind.name == "autonum":
        return lambda cell: parse_auto_number(cell, settings)
    parse = kind.parse
    if kind.storage is not Storage.BOOLEAN and not kind.has_options:
        if kind.storage is Storage.LIST:
            return lambda cell: parse(read(cell), settings)
        return lambda cell: parse(cell, settings)
    known: dict[str, Value] = {}

    def look(cell: str) -> Value:
        try:
            return known[cell]
        except KeyError:
            value = parse(read(cell), settings)
        if len(known) < _KNOWN_MAX and len(cell) <= _KNOWN_CHARS:
            known[cell] = value
        return value

    return look


def _reader(field: Field) -> Callable[[str], object]:
    """How a cell becomes what the field's kind parses."""
    if field.storage is Storage.LIST:
        return lambda cell: [one.strip() for one in cell.split(",")] if cell else ""
    return lambda cell: cell


def _status_names(datastore: Datastore) -> dict[str, tuple[str, ...]]:
    """By each name of a status, in any language, or its display id, the ids of those it may be."""
    found: dict[str, tuple[str, ...]] = {}
    for status in datastore.statuses:
        for name in {*status.names.values()} - {""}:
            found[name] = (*found.get(name, ()), status.id)
    for status in datastore.statuses:
        found.setdefault(status.display_id, (status.id,))
    return found


# --- out --------------------------------------------------------------------------------------


def sheet_fields(fields: Sequence[Field]) -> tuple[Field, ...]:
    """The fields that a file has columns for; the status has a special one."""
    return tuple(one for one in fields if one.storage is not None)


def cell_of(field: Field, value: Value) -> str | float | int | bool | None:
    """A value as a file keeps it, and as an import reads it back."""
    if value is None:
        return None
    dumped = field.kind.dump(value, field.settings)
    if isinstance(dumped, list):
        return ",".join(str(one) for one in dumped)
    return dumped if isinstance(dumped, (str, float, int, bool)) else None


__all__ = [
    "DELETE_COLUMN",
    "GROUP_COLUMN",
    "HEADER_LINE",
    "STATUS_COLUMN",
    "ImportOptions",
    "Layout",
    "RowError",
    "SheetRow",
    "cell_of",
    "guard",
    "sheet_fields",
    "unguard",
]
