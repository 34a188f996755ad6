"""The search over all datastores: which texts hold some words, and texts that are indexed later."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.catalog import Datastore, Field
from ..core.full_text import grams
from ..core.items import Item
from ..core.limits import SEARCH_HITS_MAX
from ..core.plan import Text
from ..core.record import record
from .apply import TEXT_COLUMNS, text_row
from .engines import Column, Connection, Delete, Insert, QueryKeys, Row
from .files import read_files
from .search_sql import marks, visible
from .tables import ACL_AT, ROWS_MAX, item_table

_ITEMS_AT_ONCE = 500
_COMMENTS = (
    "SELECT item_id, seq, comment FROM (SELECT * FROM histories"
    " WHERE comment <> '' AND deleted_at IS NULL) AS h"
)


@record
class TextScope:
    """Where a search looks: what of it the actor may use."""

    workspace: str  # id
    fields: tuple[str, ...]  # ids, of items and of files
    datastores: tuple[str, ...]  # ids of those whose comments count
    categories: tuple[str, ...]


@record
class TextHit:
    """A text that holds every word."""

    category: str
    datastore: str  # id
    item: str  # id
    field: str  # id; "" for a comment
    source: str
    kept: str  # a comment, or the name of a file; "" for what the item itself holds


def find_texts(
    connection: Connection, words: Sequence[str], scope: TextScope, keyring: frozenset[str]
) -> list[TextHit]:
    """Texts of visible items that hold every word, newest first, at most so many."""
    if not words or not scope.categories or not (scope.fields or scope.datastores):
        return []
    source, match, params = connection.matching(words)
    params.append(scope.workspace)
    places = []
    if scope.fields:
        places.append(f"t.field_id IN ({marks(list(scope.fields))})")
        params += scope.fields
    if scope.datastores:
        places.append(f"(t.field_id = '' AND t.datastore_id IN ({marks(list(scope.datastores))}))")
        params += scope.datastores
    params += scope.categories
    seen = visible("t", keyring, params)
    kept = (
        "CASE t.category WHEN 'histories' THEN (SELECT h.comment FROM histories h"
        " WHERE h.item_id = t.item_id AND h.seq = CAST(t.source AS BIGINT))"
        " WHEN 'files' THEN (SELECT f.name FROM files f WHERE f.id = t.source) ELSE '' END"
    )
    rows = connection.query(
        f"SELECT t.category, t.datastore_id, t.item_id, t.field_id, t.source, {kept}"  # noqa: S608
        f" FROM {source} WHERE {match} AND t.workspace_id = ? AND ({' OR '.join(places)})"
        f" AND t.category IN ({marks(list(scope.categories))}) AND {seen} ORDER BY t.n DESC LIMIT ?",
        (*params, SEARCH_HITS_MAX),
    )
    return [TextHit(*row) for row in rows]


# --- when definitions change ------------------------------------------------------------------


def follow_fields(
    connection: Connection,
    before: Datastore | None,
    after: Datastore | None,
    *,
    has_items: bool = False,
) -> list[str]:
    """Forget what is not searched any more of a datastore, in a transaction. Gives what is to be
    indexed of its items: ids of fields, and "" for their comments.

    `has_items`: it was not there before, and yet it has items.
    """
    old = {one.id: one for one in before.text_fields} if before else {}
    new = {one.id: one for one in after.text_fields} if after else {}
    if before is not None and old and not new:
        connection.query("DELETE FROM texts WHERE datastore_id = ?", (before.id,))
        return []
    for key in old.keys() - new.keys():
        connection.query("DELETE FROM texts WHERE field_id = ?", (key,))
    if before is None and not has_items:
        return []
    comments = [""] if new and not old else []
    return [*(key for key in new if key not in old), *comments]


def index_rows(  # noqa: PLR0913
    connection: Connection,
    datastore: Datastore,
    fields: list[Field],
    first: int = -1,
    end: int = ROWS_MAX,
    *,
    with_comments: bool,
) -> None:
    """The texts of items that are there already, some hundred items at a time: of the rows behind
    `first`, up to `end`. Where one is indexed already, it is indexed anew."""
    table = item_table(datastore)
    last = first
    while True:
        rows = connection.query(
            f"{table.select} WHERE n > ? AND n <= ? ORDER BY n LIMIT ?",
            (last, end, _ITEMS_AT_ONCE),
        )
        if not rows:
            return
        last = rows[-1][0]
        items = {row[1]: (table.item(row, frozenset()), row[ACL_AT]) for row in rows}
        texts = [
            (item, acl, Text("items", one.id, one.id, one.kind.text(value, one.settings)))
            for item, acl in items.values()
            for one in fields
            if one.kind.match == "text" and (value := item.values.get(one.id)) is not None
        ]
        texts += _names(connection, items, fields)
        if with_comments:
            texts += _comments(connection, items)
        found: list[Row] = [
            text_row(item, text, datastore.workspace, acl, kept)
            for item, acl, text in texts
            if (kept := grams(text.text))
        ]
        known = Delete("texts", TEXT_COLUMNS[:2], [row[:2] for row in found], together=True)
        connection.write([known, Insert("texts", TEXT_COLUMNS, found, together=True)])


def _names(
    connection: Connection, items: dict[str, tuple[Item, int]], fields: list[Field]
) -> list[tuple[Item, int, Text]]:
    """The names of the files that the items hold."""
    held = {
        file: (*items[item.id], field.id)
        for item, _ in items.values()
        for field in fields
        if field.kind.refers_to == "file"
        for file in field.kind.ids(item.values.get(field.id))
    }
    return [
        (held[id_][0], held[id_][1], Text("files", held[id_][2], id_, file.name))
        for id_, file in read_files(connection, held).items()
    ]


def _comments(
    connection: Connection, items: dict[str, tuple[Item, int]]
) -> list[tuple[Item, int, Text]]:
    rows = connection.read([QueryKeys(_COMMENTS, Column("item_id", "text"), sorted(items))])[0]
    return [(*items[id_], Text("histories", "", str(seq), text)) for id_, seq, text in rows]
