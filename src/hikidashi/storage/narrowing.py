"""Which items a search for a text anywhere in a field needs to look at: what its index tells.

A rare text is found through its pieces; one that is in every fifth item is found soon by going
over the items in their order. A sample of the field's texts, taken all over them, tells which it
is, and which pieces of a longer text are rare.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core.catalog import Field
from ..core.query import Query, TextMode, TextTest, fold
from ..core.record import record
from ..core.substrings import choose_pieces, is_whole, list_narrowing
from .engines import Connection
from .search_sql import Reach, text_likes, visible
from .tables import substring_table

ROWS_MAX = 10_001  # rows that an index is asked for: read, tested and sorted in some 30 ms
_SMALL = 2_000  # row numbers of a field's texts: gone over in a millisecond or two
_SAMPLES = 300  # texts: read in a millisecond or two
_FREQUENT = 0.2  # of a sample: so many rows are as soon found without the index
_SAMPLE = (
    "WITH RECURSIVE p (n) AS (SELECT CAST(? AS BIGINT)"
    " UNION ALL SELECT p.n + CAST(? AS BIGINT) FROM p WHERE p.n + CAST(? AS BIGINT) <= ?)"
    " SELECT (SELECT s.folded FROM {table} s WHERE s.n >= p.n ORDER BY s.n LIMIT 1) FROM p"
)
_HOLDS: dict[TextMode, Callable[[str, str], bool]] = {
    TextMode.CONTAINS: str.__contains__,
    TextMode.STARTS: str.startswith,
    TextMode.ENDS: str.endswith,
}


@record
class Narrowing:
    """A part of a condition, and which visible items it holds for."""

    part: tuple[TextTest, ...]  # one of them holds
    rows: tuple[int, ...] | None  # row numbers of all items; None: they are many
    is_whole: bool  # the condition is nothing but the part
    is_frequent: bool  # they are too many to ask the index


def narrow(
    connection: Connection, query: Query, keyring: frozenset[str], reach: Reach
) -> Narrowing | None:
    """What indexes of pieces tell of a condition; None where they need not be asked."""
    parts = list_narrowing(query.condition)
    if not parts or reach is Reach.FEW_ITEMS:
        return None
    samples: dict[str, list[str]] = {}  # by field id
    for test in [one for part in parts for one in part]:
        field = _field(test)
        if field.id not in samples:
            samples[field.id] = _sample(connection, field)
    if all(not one for one in samples.values()):
        return None
    share, at = min((_share(part, samples), at) for at, part in enumerate(parts))
    part = parts[at]
    whole = is_whole(query.condition, part)
    if share >= _FREQUENT:
        return Narrowing(part, None, whole, is_frequent=True)
    rows: set[int] = set()
    for test in part:
        for word in test.values:
            rows.update(_find(connection, test, word, samples[_field(test).id], keyring, reach))
            if len(rows) >= ROWS_MAX:
                return Narrowing(part, None, whole, is_frequent=False)
    return Narrowing(part, tuple(sorted(rows)), whole, is_frequent=False)


def count_narrowed(
    connection: Connection,
    narrowing: Narrowing,
    keyring: frozenset[str],
    reach: Reach,
    most: int,
) -> int | None:
    """How many items a narrowing holds for, at most so many (0: all of them); None where counting
    takes a look at the items themselves."""
    if not narrowing.is_whole:
        return None
    if narrowing.rows is not None:
        count = len(narrowing.rows)
        return min(count, most) if most else count
    if 0 < most <= ROWS_MAX and not narrowing.is_frequent:
        return most
    if len(narrowing.part) > 1:
        return None
    (test,) = narrowing.part
    source, match, params = f"{substring_table(_field(test))} s", "1 = 1", list[Any]()
    if not narrowing.is_frequent and len(test.values) == 1:
        word = fold(test.values[0])
        pieces = choose_pieces(word, _sample(connection, _field(test)))
        source, match, params = connection.holding(substring_table(_field(test)), pieces)
    likes = text_likes("s", test, params)
    seen = visible("s", keyring, params, reach)
    found = f"FROM {source} WHERE {match} AND {likes} AND {seen}"
    if most:
        found = f"FROM (SELECT 1 {found} LIMIT ?) o"
        params.append(most)
    return int(connection.query(f"SELECT count(*) {found}", params)[0][0])


def _field(test: TextTest) -> Field:
    if not isinstance(test.subject, Field):
        raise TypeError("only fields have an index of pieces")
    return test.subject


def _sample(connection: Connection, field: Field) -> list[str]:
    """Texts from all over a field; none if it has few."""
    table = substring_table(field)
    ends = f"SELECT (SELECT min(n) FROM {table}), (SELECT max(n) FROM {table})"  # noqa: S608
    low, high = connection.query(ends)[0]  # SQLite has an index tell one of them at a time
    if low is None or high - low < _SMALL:
        return []
    step = (high - low) // _SAMPLES + 1
    rows = connection.query(_SAMPLE.format(table=table), (low, step, step, high))
    return [row[0] for row in rows]


def _share(part: tuple[TextTest, ...], samples: dict[str, list[str]]) -> float:
    """How much of the items a part holds for, as far as samples tell; of few texts, none."""
    share = 0.0
    for test in part:
        holds, words = _HOLDS[test.mode], [fold(one) for one in test.values]
        texts = samples[_field(test).id]
        hits = sum(any(holds(text, one) for one in words) for text in texts)
        share += hits / max(len(texts), 1)
    return share


def _find(  # noqa: PLR0913  a look at an index takes all of these
    connection: Connection,
    test: TextTest,
    word: str,
    sample: Sequence[str],
    keyring: frozenset[str],
    reach: Reach,
) -> list[int]:
    """Row numbers of visible items whose text holds a word, at most so many."""
    table = substring_table(_field(test))
    source, match, params = connection.holding(table, choose_pieces(fold(word), sample))
    likes = text_likes("s", TextTest(test.subject, (word,), test.mode), params)
    seen = visible("s", keyring, params, reach)
    rows = connection.query(
        f"SELECT s.n FROM {source} WHERE {match} AND {likes} AND {seen} LIMIT ?",  # noqa: S608
        (*params, ROWS_MAX),
    )
    return [row[0] for row in rows]
