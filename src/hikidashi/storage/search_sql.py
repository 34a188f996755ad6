"""A query and a keyring as SQL: visibility is part of the predicate, values are never text."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import Enum
from typing import Any, TypeAlias, assert_never

from ..core.catalog import Field
from ..core.errors import invalid_request
from ..core.kinds import Storage
from ..core.query import (
    AllOf,
    AnyOf,
    ChoiceTest,
    Condition,
    EmptyTest,
    Not,
    Position,
    Query,
    RangeTest,
    Sort,
    Subject,
    SystemKey,
    TextMode,
    TextTest,
    UnreadTest,
    fold,
    is_instant,
    split_like,
)
from ..core.substrings import serves_substrings
from .engines import Query as Statement
from .tables import field_column, item_table, substring_table, table_name

_PARAMS_MAX = 32_000  # SQLite binds 32,766; each look at a lookup's target binds the keyring
_NEVER = "1 = 0"
_ALWAYS = "1 = 1"
_EMPTY_TEXT = frozenset((SystemKey.STATUS, SystemKey.TITLE, SystemKey.UPDATED_BY))
_NEVER_EMPTY = frozenset(
    (
        SystemKey.ROW,
        SystemKey.ID,
        SystemKey.REVISION,
        SystemKey.CREATED_AT,
        SystemKey.CREATED_BY,
    )
)
_INDEXED = frozenset((SystemKey.ROW, SystemKey.ID, SystemKey.CREATED_AT))


Among: TypeAlias = tuple[str, Any]  # a predicate over row numbers, and its parameter


class Reach(Enum):
    """How the items that a keyring opens are best told from others."""

    FEW_ITEMS = "few items"  # begin with them, through the index of access sets
    FEW_SETS = "few sets"  # gather the sets, and go over the items
    MANY_SETS = "many sets"  # look the set of each item up


def select_items(
    query: Query, keyring: frozenset[str], reach: Reach, among: Among | None = None
) -> Statement:
    """The statement that gives one page, with the columns of the datastore's table."""
    made = Compiler(query, keyring, reach, among)
    columns = ", ".join(f"i.{one.name}" for one in item_table(query.datastore).columns)
    text = f"SELECT {columns} {made.source()} {made.order()}"
    params = made.params
    if query.per_page:
        text += " LIMIT ? OFFSET ?"
        params += [query.per_page, (query.page - 1) * query.per_page]
    return made.statement(text)


def select_behind(
    query: Query,
    keyring: frozenset[str],
    reach: Reach,
    count: int,
    among: Among | None = None,
) -> tuple[Statement, ...]:
    """The statements that give the next items behind `query.after`, with their sort keys as last
    columns. Where there are two, the second continues the first."""
    made = []
    for part in _parts(query.sorts[0] if query.sorts else None, query.after):
        compiler = Compiler(query, keyring, reach, among)
        columns = ", ".join(f"i.{one.name}" for one in item_table(query.datastore).columns)
        keys = "".join(f", {compiler.key(one)} AS s{at}" for at, one in enumerate(query.sorts))
        source = compiler.source()
        behind = compiler.behind(part)
        text = f"SELECT {columns}{keys} {source} AND {behind} {compiler.order(named=True)} LIMIT ?"
        compiler.params.append(count)
        made.append(compiler.statement(text))
    return tuple(made)


def select_ids(
    query: Query,
    keyring: frozenset[str],
    reach: Reach,
    most: int,
    among: Among | None = None,
) -> Statement:
    """The statement that gives ids and revisions, at most so many."""
    made = Compiler(query, keyring, reach, among)
    text = f"SELECT i.id, i.rev, i.n {made.source()} {made.order()} LIMIT ?"
    made.params.append(most)
    return made.statement(text)


def select_count(
    query: Query,
    keyring: frozenset[str],
    reach: Reach,
    most: int = 0,
    among: Among | None = None,
) -> Statement:
    """The statement that counts what all pages hold, or so many of it; 0: all."""
    if reach is Reach.FEW_SETS and query.condition == AllOf(()):
        reach = Reach.FEW_ITEMS  # the index of access sets alone tells
    made = Compiler(query, keyring, reach, among)
    if not most:
        return made.statement(f"SELECT count(*) {made.source()}")
    text = f"SELECT count(*) FROM (SELECT 1 {made.source()} LIMIT ?) o"  # noqa: S608
    made.params.append(most)
    return made.statement(text)


def visible(
    alias: str, keyring: frozenset[str], params: list[Any], reach: Reach = Reach.MANY_SETS
) -> str:
    """The predicate that some key of the ring is in an item's access set.

    A scan is two to three times faster over the gathered sets of the ring, if they are few; a
    page from the start of a table where the ring opens 100,000 sets would wait for all of them.
    IS TRUE keeps both engines from beginning with the sets where they open most of the table.
    """
    keys = sorted(keyring)
    if not keys:
        return _NEVER
    params += keys
    sets = f"SELECT a.acl FROM access_sets a WHERE a.key IN ({marks(keys)})"  # noqa: S608
    match reach:
        case Reach.FEW_ITEMS:
            return f"{alias}.acl IN ({sets})"
        case Reach.FEW_SETS:
            return f"(({alias}.acl IN ({sets})) IS TRUE)"
        case Reach.MANY_SETS:
            return f"EXISTS ({sets} AND a.acl = {alias}.acl)"


def has_indexed_order(query: Query) -> bool:
    """A page of the query is found by going along an index."""
    if not query.sorts or not query.per_page:
        return False
    first = query.sorts[0].subject
    if isinstance(first, SystemKey):
        return first in _INDEXED
    is_ranked = first.kind.has_options or first.kind.refers_to == "item"
    return first.is_indexed and not is_ranked


def text_likes(alias: str, test: TextTest, params: list[Any]) -> str:
    """The predicate that a row of an index of substrings holds what a test looks for."""
    values = [one for one in test.values if one]
    params += [_PATTERNS[test.mode](one) for one in values]
    return _joined("OR", [f"{alias}.folded LIKE ? ESCAPE '!'"] * len(values))


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


def marks(values: list[Any]) -> str:
    """A parameter for each value."""
    return ", ".join("?" * len(values))


def _joined(word: str, parts: list[str]) -> str:
    """Parts joined by AND or OR as a balanced tree: SQLite limits how deep one may be."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return f"({_joined(word, parts[:middle])} {word} {_joined(word, parts[middle:])})"


class _Part(Enum):
    """Stretches of an order by its first key, each of which an index has in one piece."""

    ALL = "all"  # no first key, or no position yet
    FROM = "from"  # the key of the position, and values behind it
    EMPTY = "empty"  # no value, from the position on
    EMPTIES = "empties"  # no value, from the first
    VALUES = "values"  # any value, from the first


def _parts(first: Sort | None, after: Position | None) -> tuple[_Part, ...]:
    if first is None or after is None:
        return (_Part.ALL,)
    if after.keys[0] is None:
        return (_Part.EMPTY,) if first.descending else (_Part.EMPTY, _Part.VALUES)
    ends = first.descending and not _is_never_empty(first.subject)
    return (_Part.FROM, _Part.EMPTIES) if ends else (_Part.FROM,)


class Compiler:
    """Renders one query; parameters gather in the order of the text."""

    def __init__(
        self, query: Query, keyring: frozenset[str], reach: Reach, among: Among | None = None
    ) -> None:
        self._query = query
        self._among = among
        self._keyring = keyring
        self._reach = reach
        self.params: list[Any] = []

    def statement(self, text: str) -> Statement:
        """The text with its parameters. Raises 400 if they are too many."""
        if len(self.params) > _PARAMS_MAX:
            raise invalid_request("the search has too many values and conditions on lookups")
        return Statement(text, tuple(self.params))

    def _visible(self, alias: str) -> str:
        reach = self._reach
        if alias != "i" and reach is Reach.FEW_ITEMS:
            reach = Reach.FEW_SETS  # an item that a lookup names is found by its id
        return visible(alias, self._keyring, self.params, reach)

    def source(self, joins: str = "") -> str:
        """FROM and WHERE. `joins` has no parameters."""
        among = ""
        if self._among is not None:
            among = f"{self._among[0]} AND "
            self.params.append(self._among[1])
        seen = self._visible("i")
        condition = self._condition(self._query.condition)
        table = table_name(self._query.datastore.id)
        return f"FROM {table} i{joins} WHERE {among}{seen} AND {condition}"

    def condition(self) -> str:
        """What the query asks, of whatever rows are called `i` and have its columns."""
        return self._condition(self._query.condition)

    def value(self, subject: Subject) -> str:
        """What an item holds, NULL where that is nothing to the actor."""
        column = _column(subject)
        if isinstance(subject, SystemKey):
            return f"nullif({column}, '')" if subject in _EMPTY_TEXT else column
        if subject.kind.refers_to == "item":
            return f"CASE WHEN {self._target(subject, column)} THEN {column} END"
        return column

    def order(self, *, named: bool = False) -> str:
        """ORDER BY, which always ends in the order of creation; `named`: the keys are columns."""
        keys = [
            f"{f's{at}' if named else self.key(one)}{_direction(one)}"
            for at, one in enumerate(self._query.sorts)
        ]
        return f"ORDER BY {', '.join([*keys, 'i.n'])}"

    def behind(self, part: _Part) -> str:
        """The predicate that an item lies behind `query.after`, in one part of the order."""
        after, sorts = self._query.after, self._query.sorts
        if after is None:
            return _ALWAYS
        if part is _Part.ALL:
            return self._after(after, 0)
        first = sorts[0]
        if part is _Part.FROM:
            bound = f"{self.key(first)} {'<=' if first.descending else '>='} ?"
            self.params.append(after.keys[0])
            return f"({bound} AND {self._after(after, 0, values_only=True)})"
        if part is _Part.EMPTY:
            return f"({self.key(first)} IS NULL AND {self._after(after, 1)})"
        return f"({self.key(first)} IS {'NOT NULL' if part is _Part.VALUES else 'NULL'})"

    def _after(self, after: Position, at: int, *, values_only: bool = False) -> str:
        """What lies behind the position by its sort keys from `at` on, then by row."""
        if at == len(self._query.sorts):
            self.params.append(after.n)
            return "i.n > ?"
        sort, value = self._query.sorts[at], after.keys[at]
        if value is None:
            past = "" if sort.descending else f"{self.key(sort)} IS NOT NULL OR "
            return f"({past}({self.key(sort)} IS NULL AND {self._after(after, at + 1)}))"
        past = f"{self.key(sort)} {'<' if sort.descending else '>'} ?"
        self.params.append(value)
        if sort.descending and not values_only and not _is_never_empty(sort.subject):
            past = f"{past} OR {self.key(sort)} IS NULL"
        same = f"{self.key(sort)} = ?"
        self.params.append(value)
        return f"({past} OR ({same} AND {self._after(after, at + 1)}))"

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
                return _unless_indexed(subject, self._empty(subject))
            case TextTest(subject):
                return _unless_indexed(subject, self._text(condition))
            case RangeTest(subject):
                return _unless_indexed(subject, self._range(condition))
            case ChoiceTest(subject):
                return _unless_indexed(subject, self._choice(condition))
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
        if is_instant(test.subject):
            column = f"hikidashi_instant({column})"
        if test.mode is TextMode.EQUALS:
            self.params += values
            return f"({column} IS NOT NULL AND {column} IN ({marks(values)}))"
        if isinstance(test.subject, Field) and serves_substrings(test.subject):
            likes = text_likes("s", test, self.params)
            table = substring_table(test.subject)
            return f"((SELECT {likes} FROM {table} s WHERE s.n = i.n) IS TRUE)"  # noqa: S608
        # Text of ASCII alone, which most is, needs no fold to be compared.
        ascii_only = f"octet_length({column}) = length({column})"
        text = f"CASE WHEN {ascii_only} THEN lower({column}) ELSE hikidashi_fold({column}) END"
        folded = f"{text} LIKE ? ESCAPE '!'"
        self.params += [_PATTERNS[test.mode](one) for one in values]
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
        chosen = f"{column} IN ({marks(values)})"
        if isinstance(subject, Field) and subject.kind.refers_to == "item":
            return f"({column} IS NOT NULL AND {chosen} AND {self._target(subject, column)})"
        return f"({column} IS NOT NULL AND {chosen})"

    # -- order ---------------------------------------------------------------------------------

    def key(self, sort: Sort) -> str:
        """What a sort compares; NULL where the item has no value."""
        subject = sort.subject
        column = _column(subject)
        if subject is SystemKey.STATUS:
            return self._ranked(column, [one.id for one in self._query.datastore.statuses])
        if isinstance(subject, SystemKey):
            return f"nullif({column}, '')" if subject in _EMPTY_TEXT else column
        if subject.kind.has_options:
            return self._ranked(column, [one.id for one in subject.settings.options])
        if subject.kind.refers_to == "item":
            return self._shown(subject, column)
        return column

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


def _like(text: str) -> str:
    """A pattern whose wildcards are meant; what lies between them is not."""
    parts = split_like(text)
    return "".join(one if at % 2 else escape(fold(one)) for at, one in enumerate(parts))


_PATTERNS: dict[TextMode, Callable[[str], str]] = {
    TextMode.CONTAINS: lambda text: f"%{escape(fold(text))}%",
    TextMode.STARTS: lambda text: f"{escape(fold(text))}%",
    TextMode.ENDS: lambda text: f"%{escape(fold(text))}",
    TextMode.LIKE: _like,
}


def _column(subject: Subject) -> str:
    if isinstance(subject, SystemKey):
        return f"i.{subject.value}"
    return f"i.{field_column(subject).name}"


def _unless_indexed(subject: Subject, test: str) -> str:
    """A test; one that no index serves is dressed so that SQLite does not count on it.

    It takes any equality for a rare one, and would rather go over all items and sort those found
    than go over them in their order until a page is full.
    """
    is_indexed = subject in _INDEXED if isinstance(subject, SystemKey) else subject.is_indexed
    return test if is_indexed else f"({test} IS TRUE)"


def _is_never_empty(subject: Subject) -> bool:
    return isinstance(subject, SystemKey) and subject in _NEVER_EMPTY


def _direction(sort: Sort) -> str:
    """The words behind a sort key; those about NULL would keep PostgreSQL from some indexes."""
    if _is_never_empty(sort.subject):
        return " DESC" if sort.descending else ""
    return " DESC NULLS LAST" if sort.descending else " ASC NULLS FIRST"
