"""A query and a keyring to one statement: visibility is part of the predicate, values never text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, assert_never

from ..core.catalog import Datastore, Field
from ..core.errors import invalid_request
from ..core.items import Item
from ..core.kinds import Storage
from ..core.query import (
    AllOf,
    AnyOf,
    ChoiceTest,
    Condition,
    EmptyTest,
    Not,
    Query,
    RangeTest,
    Sort,
    Subject,
    SystemKey,
    TextMode,
    TextTest,
    UnreadTest,
    fold,
)
from .engines import Connection, Query as Statement, Row
from .tables import field_column, item_table, table_name

_PARAMS_MAX = 32_000  # SQLite binds 32,766; each look at a lookup's target binds the keyring
_FEW_SETS = 1_000  # rows of access_sets: gathered in about a millisecond
_NEVER = "1 = 0"
_ALWAYS = "1 = 1"
_NOT_READ = frozenset[str]()  # a listed item's keys are not read
_EMPTY_TEXT = frozenset((SystemKey.STATUS, SystemKey.TITLE, SystemKey.UPDATED_BY))


def list_items(connection: Connection, query: Query, keyring: frozenset[str]) -> list[Item]:
    """One page of visible items, or all of them. Their `keys` are left empty."""
    statement = select_items(query, keyring, few_sets=opens_few_sets(connection, keyring))
    return _loaded(query.datastore, connection.query(statement.sql, statement.params))


def stream_items(
    connection: Connection, query: Query, keyring: frozenset[str], rows_max: int
) -> Iterator[list[Item]]:
    """Visible items in portions as they come. Their `keys` are left empty."""
    statement = select_items(query, keyring, few_sets=opens_few_sets(connection, keyring))
    portion: list[Row] = []
    for row in connection.stream(statement.sql, statement.params):
        portion.append(row)
        if len(portion) == rows_max:
            yield _loaded(query.datastore, portion)
            portion = []
    if portion:
        yield _loaded(query.datastore, portion)


def count_items(connection: Connection, query: Query, keyring: frozenset[str]) -> int:
    """How many visible items the condition holds for, on all pages."""
    statement = select_count(query, keyring, few_sets=opens_few_sets(connection, keyring))
    return int(connection.query(statement.sql, statement.params)[0][0])


def list_ids(
    connection: Connection, query: Query, keyring: frozenset[str], most: int
) -> list[tuple[str, int]]:
    """The ids and revisions of visible items, at most so many, in the query's order."""
    made = _Compiler(query, keyring, few_sets=opens_few_sets(connection, keyring))
    text = f"SELECT i.id, i.rev {made.source()} {made.order()} LIMIT ?"
    statement = _statement(text, [*made.params, most])
    return [(row[0], row[1]) for row in connection.query(statement.sql, statement.params)]


def opens_few_sets(connection: Connection, keyring: frozenset[str]) -> bool:
    """Whether the keyring opens so few access sets that gathering them first is cheaper."""
    keys = sorted(keyring)
    if not keys:
        return True
    rows = connection.query(
        f"SELECT count(*) FROM (SELECT 1 FROM access_sets WHERE key IN ({_marks(keys)}) LIMIT ?) s",  # noqa: S608
        (*keys, _FEW_SETS + 1),
    )
    return bool(rows[0][0] <= _FEW_SETS)


def select_items(query: Query, keyring: frozenset[str], *, few_sets: bool = False) -> Statement:
    """The statement that gives one page, with the columns of the datastore's table."""
    made = _Compiler(query, keyring, few_sets=few_sets)
    columns = ", ".join(f"i.{one.name}" for one in item_table(query.datastore).columns)
    text = f"SELECT {columns} {made.source()} {made.order()}"
    params = made.params
    if query.per_page:
        text += " LIMIT ? OFFSET ?"
        params += [query.per_page, (query.page - 1) * query.per_page]
    return _statement(text, params)


def select_count(query: Query, keyring: frozenset[str], *, few_sets: bool = False) -> Statement:
    """The statement that counts what all pages hold."""
    made = _Compiler(query, keyring, few_sets=few_sets)
    text = f"SELECT count(*) {made.source()}"
    return _statement(text, made.params)


def visible(
    alias: str, keyring: frozenset[str], params: list[Any], *, few_sets: bool = False
) -> str:
    """The predicate that some key of the ring is in an item's access set.

    A scan is two to three times faster over the gathered sets of the ring, if they are few; a
    page from the start of a table where the ring opens 100,000 sets would wait for all of them.
    """
    keys = sorted(keyring)
    if not keys:
        return _NEVER
    params += keys
    if few_sets:
        return f"{alias}.acl IN (SELECT a.acl FROM access_sets a WHERE a.key IN ({_marks(keys)}))"  # noqa: S608
    return (
        f"EXISTS (SELECT 1 FROM access_sets a WHERE a.acl = {alias}.acl"  # noqa: S608
        f" AND a.key IN ({_marks(keys)}))"
    )


def unread(alias: str, test: UnreadTest, params: list[Any]) -> str:
    """FROM and WHERE of an item's histories that the user has not read."""
    params += [test.user, test.user]
    kinds = ""
    if not test.actions:
        kinds += " AND h.action_id = ''"
    if not test.comments:
        kinds += " AND h.action_id <> ''"
    return (
        f"FROM histories h WHERE h.item_id = {alias}.id AND h.user_id <> ?{kinds}"  # noqa: S608
        " AND h.marks_unread = 1 AND h.deleted_at IS NULL"
        " AND h.seq > coalesce((SELECT m.upto FROM read_marks m"
        f" WHERE m.user_id = ? AND m.item_id = {alias}.id), 0)"
    )


def escape(text: str) -> str:
    """A text as a LIKE pattern that matches only itself; `!` escapes."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def _statement(text: str, params: list[Any]) -> Statement:
    if len(params) > _PARAMS_MAX:
        raise invalid_request("the search has too many values and conditions on lookups")
    return Statement(text, tuple(params))


def _loaded(datastore: Datastore, rows: list[Row]) -> list[Item]:
    make = item_table(datastore).item
    return [make(row, _NOT_READ) for row in rows]


def _marks(values: list[Any]) -> str:
    return ", ".join("?" * len(values))


def _joined(word: str, parts: list[str]) -> str:
    """Parts joined by AND or OR as a balanced tree: SQLite limits how deep one may be."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return f"({_joined(word, parts[:middle])} {word} {_joined(word, parts[middle:])})"


class _Compiler:
    """Renders one query; parameters gather in the order of the text."""

    def __init__(self, query: Query, keyring: frozenset[str], *, few_sets: bool) -> None:
        self._query = query
        self._keyring = keyring
        self._few_sets = few_sets
        self.params: list[Any] = []

    def _visible(self, alias: str) -> str:
        return visible(alias, self._keyring, self.params, few_sets=self._few_sets)

    def source(self) -> str:
        """FROM and WHERE."""
        seen = self._visible("i")
        condition = self._condition(self._query.condition)
        return f"FROM {table_name(self._query.datastore.id)} i WHERE {seen} AND {condition}"

    def order(self) -> str:
        """ORDER BY, which always ends in the order of creation."""
        keys = [self._sort(one) for one in self._query.sorts]
        return f"ORDER BY {', '.join([*keys, 'i.n'])}"

    # -- conditions ----------------------------------------------------------------------------

    def _condition(self, condition: Condition) -> str:
        """A predicate that is true or false, never NULL."""
        match condition:
            case AllOf(parts):
                return _joined("AND", [self._condition(one) for one in parts]) if parts else _ALWAYS
            case AnyOf(parts):
                return _joined("OR", [self._condition(one) for one in parts]) if parts else _NEVER
            case Not(part):
                return f"(NOT {self._condition(part)})"
            case EmptyTest(subject):
                return self._empty(subject)
            case TextTest():
                return self._text(condition)
            case RangeTest():
                return self._range(condition)
            case ChoiceTest():
                return self._choice(condition)
            case UnreadTest():
                return f"EXISTS (SELECT 1 {unread('i', condition, self.params)})"
            case _:
                assert_never(condition)

    def _empty(self, subject: Subject) -> str:
        column = _column(subject)
        if isinstance(subject, SystemKey):
            if subject in _EMPTY_TEXT:
                return f"({column} = '')"
            return f"({column} IS NULL)"
        if subject.kind.refers_to == "item":
            return f"({column} IS NULL OR NOT {self._target(subject, column)})"
        return f"({column} IS NULL)"

    def _target(self, field: Field, column: str) -> str:
        """The predicate that a lookup's target is there and visible."""
        target = self._query.lookups.get(field.id)
        if target is None:
            return f"({_NEVER})"
        seen = self._visible("t")
        return (
            f"EXISTS (SELECT 1 FROM {table_name(target.datastore.id)} t"  # noqa: S608
            f" WHERE t.id = {column} AND {seen})"
        )

    def _text(self, test: TextTest) -> str:
        column = _column(test.subject)
        values = [one for one in test.values if one]
        if not values:
            return f"({_NEVER})"
        if test.mode is TextMode.EQUALS:
            self.params += values
            return f"({column} IS NOT NULL AND {column} IN ({_marks(values)}))"
        folded = f"hikidashi_fold({column}) LIKE ? ESCAPE '!'"
        self.params += [_PATTERNS[test.mode](escape(fold(one))) for one in values]
        return f"({column} IS NOT NULL AND {_joined('OR', [folded] * len(values))})"

    def _range(self, test: RangeTest) -> str:
        column = _column(test.subject)
        bounds = [f"{column} IS NOT NULL"]
        if test.low is not None:
            bounds.append(f"{column} {'>=' if test.low_included else '>'} ?")
            self.params.append(test.low)
        if test.high is not None:
            bounds.append(f"{column} {'<=' if test.high_included else '<'} ?")
            self.params.append(test.high)
        return f"({' AND '.join(bounds)})"

    def _choice(self, test: ChoiceTest) -> str:
        values = [int(one) if isinstance(one, bool) else one for one in test.values if one != ""]
        if not values:
            return f"({_NEVER})"
        column = _column(test.subject)
        subject = test.subject
        if isinstance(subject, Field) and subject.storage is Storage.LIST:
            # A member of a JSON array of strings; LIKE would take "a" for "A" on SQLite.
            self.params += [json.dumps(one, ensure_ascii=False) for one in values]
            parts = [f"replace({column}, ?, '') <> {column}"] * len(values)
            return f"({column} IS NOT NULL AND {_joined('OR', parts)})"
        self.params += values
        chosen = f"{column} IN ({_marks(values)})"
        if isinstance(subject, Field) and subject.kind.refers_to == "item":
            return f"({column} IS NOT NULL AND {chosen} AND {self._target(subject, column)})"
        return f"({column} IS NOT NULL AND {chosen})"

    # -- order ---------------------------------------------------------------------------------

    def _sort(self, sort: Sort) -> str:
        subject = sort.subject
        column = _column(subject)
        if subject is SystemKey.STATUS:
            column = self._ranked(column, [one.id for one in self._query.datastore.statuses])
        elif isinstance(subject, SystemKey):
            column = f"nullif({column}, '')" if subject in _EMPTY_TEXT else column
        elif subject.kind.has_options:
            column = self._ranked(column, [one.id for one in subject.settings.options])
        elif subject.kind.refers_to == "item":
            column = self._shown(subject, column)
        return f"{column} {'DESC NULLS LAST' if sort.descending else 'ASC NULLS FIRST'}"

    def _ranked(self, column: str, ids: list[str]) -> str:
        """The place of an id in a list; ids that are no longer in it come after those that are."""
        if not ids:
            return f"(CASE WHEN {column} IS NULL OR {column} = '' THEN NULL ELSE 0 END)"
        self.params += ids
        whens = " ".join(f"WHEN {column} = ? THEN {place}" for place in range(len(ids)))
        empty = f"WHEN {column} IS NULL OR {column} = '' THEN NULL"
        return f"(CASE {empty} {whens} ELSE {len(ids)} END)"

    def _shown(self, field: Field, column: str) -> str:
        """What a lookup shows: the title, or a field, of the item it names, if that is visible."""
        target = self._query.lookups.get(field.id)
        if target is None:
            return "NULL"
        title = "t.title" if target.shown is None else f"t.{field_column(target.shown).name}"
        seen = self._visible("t")
        return (
            f"(SELECT nullif({title}, '') FROM {table_name(target.datastore.id)} t"  # noqa: S608
            f" WHERE t.id = {column} AND {seen})"
        )


_PATTERNS: dict[TextMode, Callable[[str], str]] = {
    TextMode.CONTAINS: lambda text: f"%{text}%",
    TextMode.STARTS: lambda text: f"{text}%",
    TextMode.ENDS: lambda text: f"%{text}",
}


def _column(subject: Subject) -> str:
    if isinstance(subject, SystemKey):
        return f"i.{subject.value}"
    return f"i.{field_column(subject).name}"
