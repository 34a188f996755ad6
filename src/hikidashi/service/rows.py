"""Rows of a table: items with numbers in place of the ids of what they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ..core.catalog import Datastore, Field
from ..core.filters import RowScope
from ..core.items import Item
from ..core.query import Query
from ..core.record import record
from ..storage.files import number_files
from ..storage.items import read_numbered, read_numbers
from ..storage.search import Sight, count_items, list_items, look, stream_items
from .app import View
from .lists import PORTION_ITEMS
from .shown import aspect


@record
class Rows:
    """Items of one datastore, as far as the actor sees them, with the numbers they are shown by."""

    datastore: Datastore
    items: Sequence[Item]
    fields: tuple[Field, ...]
    numbers: Mapping[str, Mapping[str, int]]  # by field id: of what it names, by id


def row_scope(view: View, datastore: Datastore) -> RowScope:
    """What the names in filters are read against."""
    seen = aspect(view.catalog, view.actor, datastore)

    def find(field: Field, numbers: Sequence[int]) -> Mapping[int, str]:
        return find_looked_up(view, datastore, field, numbers)

    return RowScope(datastore, seen.fields, find)


def find_looked_up(
    view: View, datastore: Datastore, field: Field, numbers: Sequence[int]
) -> Mapping[int, str]:
    """Of what a lookup field leads to: the ids of visible items, by row number."""
    target = aspect(view.catalog, view.actor, datastore).lookups.get(field.id)
    if target is None:
        return {}
    keyring = view.actor.keyring
    return read_numbered(view.connection, view.access, target.datastore, numbers, keyring)


def page_rows(view: View, query: Query) -> tuple[Rows, int]:
    """The rows of one page, and how many there are on all pages."""
    keyring = view.actor.keyring
    sight = look(view.connection, query, keyring)
    items = list_items(view.connection, query, keyring, sight)
    before = (query.page - 1) * query.per_page
    if len(items) < query.per_page and (items or not before):
        return _rows(view, query.datastore, items), before + len(items)
    return _rows(view, query.datastore, items), _count(view, query, sight)


def short_rows(view: View, query: Query) -> Rows | None:
    """All rows of a query, if they are few enough for one portion."""
    some = replace(query, page=1, per_page=PORTION_ITEMS + 1)
    items = list_items(view.connection, some, view.actor.keyring)
    return _rows(view, query.datastore, items) if len(items) <= PORTION_ITEMS else None


def stream_rows(view: View, query: Query) -> Iterator[Rows]:
    """All rows of a query in portions, as they are read."""
    for items in stream_items(view.connection, query, view.actor.keyring, PORTION_ITEMS):
        yield _rows(view, query.datastore, items)


def count_rows(view: View, query: Query) -> int:
    """How many rows a query finds."""
    return _count(view, query, None)


def _count(view: View, query: Query, sight: Sight | None) -> int:
    return count_items(view.connection, query, view.actor.keyring, 0, sight)


def _rows(view: View, datastore: Datastore, items: Sequence[Item]) -> Rows:
    seen = aspect(view.catalog, view.actor, datastore)
    numbers: dict[str, Mapping[str, int]] = {}
    for one in seen.lookup_fields:
        named = {str(item.values[one.id]) for item in items if item.values.get(one.id)}
        target, keyring = seen.lookups[one.id].datastore, view.actor.keyring
        numbers[one.id] = read_numbers(view.connection, view.access, target, named, keyring)
    for one in seen.fields:
        if one.kind.refers_to == "file":
            files = {file for item in items for file in one.kind.ids(item.values.get(one.id))}
            numbers[one.id] = number_files(view.connection, files)
    return Rows(datastore, items, seen.fields, numbers)
