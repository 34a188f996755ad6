"""The whole database as plain rows, the same from either engine, and a new one made of them.

What an engine keeps in its own way is told neutrally: row numbers as rows, searched texts as what
they are the text of. Their pairs of characters are made again.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from itertools import islice

from ..core.catalog import Datastore
from ..core.full_text import grams
from ..core.ids import is_id
from ..core.record import record
from .definitions import (
    Workspace,
    build_catalog,
    list_deleted_parts,
    list_workspaces,
    load_catalog,
)
from .engines import Column, ColumnType, Connection, Engine, Insert, QueryKeys, Row
from .files import read_files
from .migrate import (
    DATABASE_NAME,
    DATABASE_NAME_CHARS,
    list_migrations,
    read_version,
    run_migration,
)
from .tables import ID, create_indexes, item_table

ROWS_AT_ONCE = 1_000
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_TYPES: dict[str, ColumnType] = {
    "text": "text",
    "bigint": "bigint",
    "integer": "bigint",
    "double precision": "double precision",
    "real": "double precision",
}
_TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    " AND name NOT LIKE 'text_%' ORDER BY 1",
    "postgresql": "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()"
    " ORDER BY 1",
}
_COLUMNS = {
    "sqlite": 'SELECT name, lower(type), "notnull" FROM pragma_table_info(?) ORDER BY cid',
    "postgresql": "SELECT a.attname::text, format_type(a.atttypid, NULL), a.attnotnull::int"
    " FROM pg_attribute a WHERE a.attrelid = to_regclass(?)"
    " AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
}
_OWN = {"commits", "listening_processes", "live_events", "live_notes"}  # of processes that run
_LEFT_OVER = "d_"  # columns that hold nothing any more
_INDEXES = "s_"  # what finds texts anywhere in a field
_OWN_KEYS = ("schema_version", DATABASE_NAME)  # of `meta`
_NUMBERS = "row_numbers"
_TEXTS = "texts"
_TEXT_COLUMNS = tuple(
    Column(one, "bigint" if one == "acl" else "text")
    for one in ("item_id", "source", "category", "field_id", "workspace_id", "datastore_id", "acl")
)
_NUMBER_COLUMNS = (Column("datastore_id", "text"), Column("last", "bigint"))


@record
class Table:
    """A table as any engine could have it."""

    name: str
    columns: tuple[Column, ...]
    filled: frozenset[str]  # the columns that are never NULL

    @property
    def datastore(self) -> str:
        """The id of the datastore whose items it holds; "" for any other."""
        return self.name[2:] if self.name.startswith("i_") and is_id(self.name[2:]) else ""


class WholeError(ValueError):
    """A description of a table, or a row, that can't be."""


def is_empty(connection: Connection) -> bool:
    """Whether nothing of ours is in a database."""
    return read_version(connection) == 0


# --- reading ----------------------------------------------------------------------------------


def list_tables(engine: Engine, connection: Connection) -> list[Table]:
    """Every table with something of its own: the system's first, items after them, texts last."""
    found = []
    for (name,) in connection.query(_TABLES[engine.name]):
        if name in _OWN or name == _TEXTS or name.startswith(_INDEXES):
            continue
        rows = connection.query(_COLUMNS[engine.name], (name,))
        if name.startswith("i_"):
            rows = [row for row in rows if not row[0].startswith(_LEFT_OVER)]
        columns = tuple(Column(column, _TYPES[kind]) for column, kind, _ in rows)
        filled = frozenset(column for column, _, is_filled in rows if is_filled)
        found.append(Table(name, columns, filled))
    found.sort(key=lambda one: (one.datastore != "", one.name))
    return [*found, Table(_TEXTS, _TEXT_COLUMNS, frozenset(one.name for one in _TEXT_COLUMNS))]


def read_rows(
    engine: Engine, connection: Connection, table: Table, tables: Sequence[Table]
) -> Iterator[Row]:
    """The rows of a table, in bounded memory, inside `begin_reading`."""
    if table.name == _NUMBERS:
        for one in tables:
            if one.datastore:
                yield (one.datastore, _last_number(engine, connection, one.datastore))
        return
    names = ", ".join(one.name for one in table.columns)
    order = " ORDER BY n" if table.datastore or table.name == _TEXTS else ""
    kept = f" WHERE key NOT IN {_OWN_KEYS}" if table.name == "meta" else ""
    yield from connection.stream(f"SELECT {names} FROM {table.name}{kept}{order}")  # noqa: S608


def _last_number(engine: Engine, connection: Connection, datastore: str) -> int:
    if engine.name == "sqlite":
        rows = connection.query("SELECT last FROM row_numbers WHERE datastore_id = ?", (datastore,))
    else:
        rows = connection.query(
            f"SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM rows_{datastore}"  # noqa: S608
        )
    return int(rows[0][0]) if rows else 0


# --- making -----------------------------------------------------------------------------------


def make_tables(
    engine: Engine, connection: Connection, version: int, tables: Sequence[Table]
) -> None:
    """The empty tables of a database at a version, without the indexes of items. In a transaction."""
    for number, text in list_migrations(engine.name):
        if number <= version:
            run_migration(connection, number, text)
    there = {one.name: one for one in list_tables(engine, connection)}
    words = engine.types()
    for table in tables:
        _check(table)
        known = there.get(table.name)
        if known is None and not table.datastore:
            raise WholeError(f"no table {table.name} belongs to version {version}")
        if known is not None and set(known.columns) != set(table.columns):
            raise WholeError(f"the table {table.name} has other columns at version {version}")
        if known is None:
            columns = [
                f"n {words['rowid']}"
                if one.name == "n"
                else f"{one.name} {words[one.type]}{' NOT NULL' * (one.name in table.filled)}"
                for one in table.columns
            ]
            connection.run_script(f"CREATE TABLE {table.name} ({', '.join(columns)})")


def _check(table: Table) -> None:
    """Names become part of statements."""
    for name in (table.name, *(one.name for one in table.columns)):
        if not _NAME.fullmatch(name):
            raise WholeError(f"{name!r} is no name of a table or column")
    for one in table.columns:
        if one.type not in _TYPES:
            raise WholeError(f"{one.type!r} is no type of a column")


class Filler:
    """Fills tables that `make_tables` made. In its transaction."""

    def __init__(self, engine: Engine, connection: Connection) -> None:
        self._engine = engine
        self._connection = connection
        self._datastores: dict[str, Datastore] | None = None
        self._filled: dict[str, Table] = {}  # by the datastore whose items they hold

    def fill(self, table: Table, rows: Iterator[Row]) -> int:
        """Write the rows of a table; how many they are. Texts have to come last."""
        count = 0
        if table.datastore:
            self._filled[table.datastore] = table
        while some := list(islice(rows, ROWS_AT_ONCE)):
            count += len(some)
            width = len(table.columns)
            if any(len(row) != width for row in some):
                raise WholeError(f"a row of {table.name} has not {width} values")
            if table.name == _NUMBERS:
                self._set_numbers(some)
            elif table.name == _TEXTS:
                self._write_texts(some)
            else:
                self._connection.write([Insert(table.name, table.columns, some)])
        return count

    def finish(self) -> str:
        """Indexes of items, what versions since then have brought, and the database's own name."""
        version = read_version(self._connection)
        for datastore in (*self._all().values(), *self._deleted()):
            for statement in create_indexes(datastore, self._engine.name).values():
                self._connection.run_script(statement)
        for number, text in list_migrations(self._engine.name):
            if number > version:
                run_migration(self._connection, number, text)
        name = secrets.token_hex(32)
        row = (DATABASE_NAME, name)
        self._connection.query("INSERT INTO meta (key, value) VALUES (?, ?)", row)
        return name[:DATABASE_NAME_CHARS]

    def _set_numbers(self, rows: Sequence[Row]) -> None:
        for datastore, last in rows:
            if not is_id(datastore):
                raise WholeError(f"{datastore!r} is no id of a datastore")
            self._engine.create_row_numbers(self._connection, datastore, last)

    def _all(self) -> dict[str, Datastore]:
        if self._datastores is None:
            self._datastores = {
                one.id: one
                for workspace in list_workspaces(self._connection)
                for project in load_catalog(self._connection, workspace.id).projects
                for one in project.datastores
            }
        return self._datastores

    def _deleted(self) -> Iterator[Datastore]:
        """Deleted datastores, which may come back, with the fields that their tables have."""
        for key, table in self._filled.items():
            if key in self._all():
                continue
            names = {one.name for one in table.columns}
            parts = list_deleted_parts(self._connection, key)
            fields = [one for one in parts if one.kind == "field" and f"f_{one.id}" in names]
            places = [one for one in parts if one.kind in ("project", "datastore")]
            catalog = build_catalog(Workspace("", "", "UTC"), 0, [*places, *fields])
            yield from (one for project in catalog.projects for one in project.datastores)

    def _write_texts(self, rows: Sequence[Row]) -> None:
        texts = self._find_texts(rows)
        kept = [(*row, grams(texts[row[0], row[1]])) for row in rows if (row[0], row[1]) in texts]
        columns = (*_TEXT_COLUMNS, Column("grams", "text"))
        found = [row for row in kept if row[-1]]
        self._connection.write([Insert(_TEXTS, columns, found, together=True)])

    def _find_texts(self, rows: Sequence[Row]) -> dict[tuple[str, str], str]:
        """By item and source, what the rows are the texts of."""
        found: dict[tuple[str, str], str] = {}
        wanted: dict[str, dict[str, list[str]]] = {}
        comments: set[str] = set()
        files: dict[str, str] = {}
        for item, source, category, _, _, datastore, _ in rows:
            if category == "items":
                wanted.setdefault(datastore, {}).setdefault(item, []).append(source)
            elif category == "files":
                files[source] = item
            else:
                comments.add(item)
        for file, row in read_files(self._connection, files).items():
            found[files[file], file] = row.name
        if comments:
            select = "SELECT item_id, seq, comment FROM histories"
            query = QueryKeys(select, Column("item_id", "text"), sorted(comments))
            for item, seq, comment in self._connection.read([query])[0]:
                found[item, str(seq)] = comment
        for key, items in wanted.items():
            found |= self._item_texts(key, items)
        return found

    def _item_texts(self, key: str, items: dict[str, list[str]]) -> dict[tuple[str, str], str]:
        datastore = self._all().get(key)
        if datastore is None:
            return {}
        table = item_table(datastore)
        fields = {one.id: one for one in datastore.fields}
        found: dict[tuple[str, str], str] = {}
        for row in self._connection.read([QueryKeys(table.select, ID, sorted(items))])[0]:
            item = table.item(row, frozenset())
            for source in items[item.id]:
                field, value = fields.get(source), item.values.get(source)
                if field is not None and value is not None:
                    found[item.id, source] = field.kind.text(value, field.settings)
        return found


__all__ = [
    "Filler",
    "Table",
    "WholeError",
    "is_empty",
    "list_tables",
    "make_tables",
    "read_rows",
]
