"""The table of a datastore: its name, its columns, and how a row becomes an item and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any
from weakref import WeakKeyDictionary

import msgspec

from ..core.catalog import Datastore, Field
from ..core.ids import is_id
from ..core.items import Item
from ..core.kinds import Storage
from ..core.substrings import has_substrings
from ..core.values import Value
from .engines import Column, ColumnType, Row

N = Column("n", "bigint")
ID = Column("id", "text")
SYSTEM_COLUMNS: tuple[Column, ...] = (
    N,
    ID,
    Column("rev", "bigint"),
    Column("seq", "bigint"),
    Column("status", "text"),
    Column("title", "text"),
    Column("created_at", "bigint"),
    Column("created_by", "text"),
    Column("updated_at", "bigint"),
    Column("updated_by", "text"),
    Column("acl", "bigint"),
)
CHANGING_COLUMNS = tuple(  # by every action; `acl` only where the keys change: it is indexed
    one
    for one in SYSTEM_COLUMNS
    if one.name in ("rev", "seq", "status", "title", "updated_at", "updated_by")
)
_COLUMN_TYPES: dict[Storage, ColumnType] = {
    Storage.TEXT: "text",
    Storage.NUMBER: "double precision",
    Storage.INTEGER: "bigint",
    Storage.BOOLEAN: "bigint",
    Storage.LIST: "text",
}
ROWS_MAX = (1 << 63) - 1  # no row has a greater number
_encode_list = msgspec.json.Encoder().encode
_decode_list = msgspec.json.Decoder(tuple[str, ...]).decode


def table_name(datastore: str) -> str:
    """The table of a datastore's items."""
    if not is_id(datastore):
        raise ValueError("a table is named by an id of ours")
    return f"i_{datastore}"


def field_column(field: Field) -> Column:
    """The column of a field that keeps values."""
    if not is_id(field.id) or field.storage is None:
        raise ValueError("a column is named by the id of a field that keeps values")
    return Column(f"f_{field.id}", _COLUMN_TYPES[field.storage])


def store_value(value: Value) -> Any:
    """A value as a column keeps it."""
    if isinstance(value, tuple):
        return _encode_list(value).decode()
    if isinstance(value, bool):
        return int(value)
    return value


def load_value(stored: Any, storage: Storage) -> Value:
    """A column's value as the core holds it."""
    if stored is None:
        return None
    if storage is Storage.LIST:
        return _decode_list(stored)
    if storage is Storage.BOOLEAN:
        return bool(stored)
    return stored  # type: ignore[no-any-return]


class ItemTable:
    """How the items of one datastore, at one number of its catalogue, lie in their table."""

    def __init__(self, datastore: Datastore) -> None:
        self.datastore = datastore.id
        self.name = table_name(datastore.id)
        self.fields = datastore.stored_fields
        self.columns = (*SYSTEM_COLUMNS, *(field_column(one) for one in self.fields))
        self.column_of = {one.id: field_column(one) for one in self.fields}
        self.searched = frozenset(one.id for one in self.fields if has_substrings(one))
        names = ", ".join(one.name for one in self.columns)
        self.select = f"SELECT {names} FROM {self.name}"  # noqa: S608  names are our own hex ids
        self._keys = tuple(one.id for one in self.fields)
        self._loads = tuple(
            (one.id, one.storage)
            for one in self.fields
            if one.storage in (Storage.LIST, Storage.BOOLEAN)
        )
        self._converted = frozenset(one for one, _ in self._loads)
        self._stored_apart = tuple(
            at for at, one in enumerate(self.fields) if one.id in self._converted
        )

    def item(self, row: Row, keys: frozenset[str]) -> Item:
        """A row of `select` as an item; `keys` are those of its `acl`, at ACL_AT in the row."""
        values: dict[str, Value] = dict(zip(self._keys, row[SYSTEM_COUNT:], strict=True))
        for key, storage in self._loads:
            if storage is not None and values[key] is not None:
                values[key] = load_value(values[key], storage)
        return Item(
            self.datastore,
            row[1],
            row[0],
            row[2],
            row[3],
            row[4],
            row[5],
            row[6],
            row[7],
            row[8],
            row[9],
            keys,
            values,
        )

    def row(self, item: Item, acl: int) -> Row:
        """An item as a row of all columns."""
        get = item.values.get
        values = [get(one) for one in self._keys]
        for at in self._stored_apart:
            values[at] = store_value(values[at])
        return (
            item.n,
            item.id,
            item.rev,
            item.seq,
            item.status,
            item.title,
            item.created_at,
            item.created_by,
            item.updated_at,
            item.updated_by,
            acl,
            *values,
        )

    def values(self, item: Item, fields: Sequence[str]) -> list[Any]:
        """What the columns of some fields keep of an item."""
        get = item.values.get
        if self._converted.isdisjoint(fields):
            return [get(one) for one in fields]
        return [store_value(get(one)) for one in fields]


SYSTEM_COUNT = len(SYSTEM_COLUMNS)
ACL_AT = SYSTEM_COUNT - 1

_tables: WeakKeyDictionary[Datastore, ItemTable] = WeakKeyDictionary()


def item_table(datastore: Datastore) -> ItemTable:
    """The table of a datastore, made once for each catalogue number."""
    table = _tables.get(datastore)
    if table is None:
        table = _tables[datastore] = ItemTable(datastore)
    return table


# --- definition -------------------------------------------------------------------------------


def create_table(datastore: Datastore, types: Callable[[str], str], engine: str) -> list[str]:
    """The statements that make a datastore's table. `types` gives an engine's word for a type."""
    table = item_table(datastore)
    columns = [f"n {types('rowid')}"]
    columns += [_definition(one, types) for one in SYSTEM_COLUMNS[1:]]
    columns += [_definition(one, types) for one in table.columns[SYSTEM_COUNT:]]
    return [
        f"CREATE TABLE {table.name} ({', '.join(columns)})",
        *create_indexes(datastore, engine).values(),
    ]


def create_indexes(datastore: Datastore, engine: str) -> dict[str, str]:
    """The statements that make the indexes of a datastore's table, by the name of each.

    That of a field's pieces is a table on SQLite.
    """
    name = table_name(datastore.id)
    statements = {
        f"{name}_id": f"CREATE UNIQUE INDEX {name}_id ON {name} (id)",
        # The newest first, and the items of an access set: neither asks for a look at all items.
        f"{name}_created": f"CREATE INDEX {name}_created ON {name} (created_at @by_row)",
        f"{name}_acl": f"CREATE INDEX {name}_acl ON {name} (acl @by_row)",
    }
    for field in datastore.stored_fields:
        statements |= create_field_index(datastore.id, field, engine)
    return statements


def add_column(datastore: str, field: Field, types: Callable[[str], str]) -> list[str]:
    """The statements that give a table the column of a new field, without its indexes."""
    definition = _definition(field_column(field), types)
    return [f"ALTER TABLE {table_name(datastore)} ADD COLUMN {definition}"]


def retire_column(datastore: str, field: Field, engine: str) -> list[str]:
    """A deleted field's values are set aside, to be dropped by a sweep."""
    column = field_column(field).name
    return [
        *drop_field_index(datastore, field, engine),
        f"ALTER TABLE {table_name(datastore)} RENAME COLUMN {column} TO x_{field.id}",
    ]


def return_column(datastore: str, field: Field) -> list[str]:
    """The values that were set aside are the field's again; it has no indexes yet."""
    column = field_column(field).name
    return [f"ALTER TABLE {table_name(datastore)} RENAME COLUMN x_{field.id} TO {column}"]


def drop_column(datastore: str, field: Field, engine: str) -> list[str]:
    """The statements that take a computed field's column away."""
    column = field_column(field).name
    return [
        *drop_field_index(datastore, field, engine),
        f"ALTER TABLE {table_name(datastore)} DROP COLUMN {column}",
    ]


def create_field_index(datastore: str, field: Field, engine: str) -> dict[str, str]:
    """The indexes of a unique or searched field; nothing for others.

    That of a searched text has its pieces as well.
    """
    found = create_value_index(datastore, field)
    if has_substrings(field):
        parts = [
            prepare_substrings(datastore, field, engine),
            fill_substrings(datastore, field, engine),
            *sort_substrings(field, engine).values(),
        ]
        found[f"{substring_table(field)}_pieces"] = "\n".join(parts)
    return found


def create_value_index(datastore: str, field: Field) -> dict[str, str]:
    """The index by value, that of a page in its order: empty values first, equal ones by row."""
    if field.storage is None or not (field.unique or field.has_index):
        return {}
    name, table, column = _field_index(field), table_name(datastore), field_column(field).name
    if field.unique:
        return {name: f"CREATE UNIQUE INDEX {name} ON {table} ({column} @empty_first)"}
    return {name: f"CREATE INDEX {name} ON {table} ({column} @empty_first @by_row)"}


def prepare_substrings(datastore: str, field: Field, engine: str) -> str:
    """Make what keeps the pieces of a field in line from now on; it holds nothing yet."""
    return _substrings("make", datastore, field, engine)


def fill_substrings(  # noqa: PLR0913
    datastore: str, field: Field, engine: str, first: int = -1, last: int = ROWS_MAX, top: int = 0
) -> str:
    """Take in the texts of the rows behind `first` to `last`. On SQLite `top` is the greatest
    number that its table of texts has given."""
    return _substrings("fill", datastore, field, engine, first=first, last=last, top=top)


def sort_substrings(field: Field, engine: str) -> dict[str, str]:
    """The index of pieces by name, where it is one of its own: made last, it is made at once."""
    if engine == "sqlite":
        return {}
    name = f"{substring_table(field)}_pieces"
    return {name: _template("sort", engine).format(index=substring_table(field))}


def drop_field_index(datastore: str, field: Field, engine: str) -> list[str]:
    """Take a field's indexes away, if there are any."""
    found = [drop_value_index(field)]
    if has_substrings(field):
        found.append(drop_substrings(datastore, field.id, engine))
    return found


def drop_value_index(field: Field) -> str:
    """Take its index by value away, if there is one."""
    return f"DROP INDEX IF EXISTS {_field_index(field)}"


def _field_index(field: Field) -> str:
    return f"x_{field.id}_i"


def substring_table(field: Field) -> str:
    """The table of a field's texts as they are compared; `_pieces` behind it is their index."""
    if not is_id(field.id):
        raise ValueError("a table is named by an id of ours")
    return f"s_{field.id}"


def _substrings(verb: str, datastore: str, field: Field, engine: str, **rows: int) -> str:
    text = _template(verb, engine)
    names = {"index": substring_table(field), "table": table_name(datastore)}
    return text.format(**names, column=field_column(field).name, **rows)


def drop_substrings(datastore: str, field: str, engine: str) -> str:
    """The statements that take the pieces of a field away, by ids, if it has any."""
    if not is_id(field):
        raise ValueError("a table is named by an id of ours")
    return _template("drop", engine).format(index=f"s_{field}", table=table_name(datastore))


@cache
def _template(verb: str, engine: str) -> str:
    folder = files("hikidashi.storage").joinpath("sql").joinpath("substrings")
    return folder.joinpath(f"{verb}.{engine}.sql").read_text("utf-8")


def _definition(column: Column, types: Callable[[str], str]) -> str:
    nullable = column.name.startswith("f_") or column.name == "updated_at"
    return f"{column.name} {types(column.type)}{'' if nullable else ' NOT NULL'}"
