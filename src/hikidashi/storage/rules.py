"""What rules would make of links, against the links that there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core.catalog import Catalog, Datastore
from ..core.items import AUTO_LINK, Differences, Link
from ..core.limits import RULE_PAIRS_MAX
from ..core.relations import Question, Rule
from ..core.values import Value
from .engines import Connection, Query, Row
from .search_sql import visible
from .tables import field_column, store_value, table_name

FindDatastore = Callable[[str], Datastore | None]
Handle = Callable[[list[Row]], None]
_MOST = RULE_PAIRS_MAX + 1  # one more than are done at once: there is more


class Finding:
    """One question, as queries whose rows are given back to it."""

    def __init__(self, question: Question, find: FindDatastore) -> None:
        self._question = question
        self._find = find
        self._keys = dict(question.keys)
        self._lacking: dict[tuple[str, str, str], Link] = {}
        self._stale: dict[tuple[str, str, str], Link] = {}

    def queries(self) -> list[tuple[Query, Handle]]:
        """What to ask."""
        asked: list[tuple[Query, Handle]] = []
        own, rules = self._question.datastore, self._question.rules
        for rule in rules:
            if rule.source == own:
                asked += self._lacking_query(rule, is_source=True)
            if rule.target == own:
                asked += self._lacking_query(rule, is_source=False)
        asked.append(self._stale_query(is_source=True))
        asked.append(self._stale_query(is_source=False))
        return asked

    def answer(self) -> Differences:
        """What was found."""
        return Differences(tuple(self._lacking.values()), tuple(self._stale.values()))

    def _partner(self, rule: Rule, *, is_source: bool) -> tuple[Datastore, str, Value] | None:
        """The other datastore, its column, and the key that the other item must have."""
        place, field = (rule.target, rule.equals) if is_source else (rule.source, rule.field)
        value = self._keys.get(rule.field if is_source else rule.equals)
        datastore = self._find(place)
        known = datastore.find_field(field) if datastore is not None else None
        if datastore is None or known is None or value is None:
            return None
        return datastore, field_column(known).name, value

    def _lacking_query(self, rule: Rule, *, is_source: bool) -> list[tuple[Query, Handle]]:
        partner = self._partner(rule, is_source=is_source)
        if partner is None:
            return []
        datastore, column, value = partner
        ends = "l.from_item = ? AND l.to_item = o.id"
        if not is_source:
            ends = "l.to_item = ? AND l.from_item = o.id"
        item = self._question.item
        text = (
            f"SELECT o.id FROM {table_name(datastore.id)} o WHERE o.{column} = ? AND o.id <> ?"  # noqa: S608  our own names
            f" AND NOT EXISTS (SELECT 1 FROM links l WHERE {ends} AND l.kind = '{AUTO_LINK}')"
            " ORDER BY o.n LIMIT ?"
        )
        own = (self._question.datastore, item)

        def handle(rows: list[Row]) -> None:
            for (found,) in rows:
                link = Link(*own, datastore.id, found, AUTO_LINK)
                if not is_source:
                    link = Link(datastore.id, found, *own, AUTO_LINK)
                self._lacking[link.key] = link

        return [(Query(text, (store_value(value), item, item, _MOST)), handle)]

    def _stale_query(self, *, is_source: bool) -> tuple[Query, Handle]:
        """Links of the item that no rule asks for."""
        near, far = ("from", "to") if is_source else ("to", "from")
        params: list[Any] = [self._question.item]
        asked_for: list[str] = []
        for rule in self._question.rules:
            if (rule.source if is_source else rule.target) != self._question.datastore:
                continue
            partner = self._partner(rule, is_source=is_source)
            if partner is not None:
                datastore, column, value = partner
                asked_for.append(
                    f"l.{far}_datastore = ? AND EXISTS (SELECT 1 FROM {table_name(datastore.id)} o"  # noqa: S608
                    f" WHERE o.id = l.{far}_item AND o.{column} = ?)"
                )
                params += [datastore.id, store_value(value)]
        but = f" AND NOT ({' OR '.join(asked_for)})" if asked_for else ""
        text = (
            "SELECT l.from_datastore, l.from_item, l.to_datastore, l.to_item, l.kind FROM links l"  # noqa: S608
            f" WHERE l.{near}_item = ? AND l.kind = '{AUTO_LINK}'{but}"
            " ORDER BY l.from_item, l.to_item LIMIT ?"
        )

        def handle(rows: list[Row]) -> None:
            for row in rows:
                link = Link(*row)
                self._stale[link.key] = link

        return Query(text, (*params, _MOST)), handle


# --- the items of a datastore -----------------------------------------------------------------


def find_outdated(
    connection: Connection, catalog: Catalog, datastore: Datastore, keyring: frozenset[str]
) -> tuple[int, list[str]]:
    """How many items that the keyring opens have other links than the rules of their datastore
    say, and the first hundred of them. Links that are lacking to what it does not open count not."""
    params: list[Any] = []
    seen = visible("i", keyring, params)
    reasons: list[str] = []
    kept: list[str] = []
    kept_params: list[Any] = []
    for rule in catalog.rules_of(datastore.id):
        target = catalog.find_datastore(rule.target)
        if rule.source != datastore.id or target is None:
            continue
        columns = _columns(datastore, target, rule)
        table = table_name(target.id)
        reasons.append(
            f"EXISTS (SELECT 1 FROM {table} o WHERE o.{columns[1]} = i.{columns[0]}"  # noqa: S608
            f" AND o.id <> i.id AND {visible('o', keyring, params)} AND NOT EXISTS"
            " (SELECT 1 FROM links l WHERE l.from_item = i.id AND l.to_item = o.id"
            f" AND l.kind = '{AUTO_LINK}'))"
        )
        kept.append(
            f"l.to_datastore = ? AND EXISTS (SELECT 1 FROM {table} o WHERE o.id = l.to_item"  # noqa: S608
            f" AND o.{columns[1]} = i.{columns[0]})"
        )
        kept_params.append(target.id)
    but = f" AND NOT ({' OR '.join(kept)})" if kept else ""
    reasons.append(
        f"EXISTS (SELECT 1 FROM links l WHERE l.from_item = i.id AND l.kind = '{AUTO_LINK}'{but})"  # noqa: S608
    )
    found = f"FROM {table_name(datastore.id)} i WHERE {seen} AND ({' OR '.join(reasons)})"
    params += kept_params
    count = connection.query(f"SELECT count(*) {found}", params)[0][0]
    rows = connection.query(f"SELECT i.id {found} ORDER BY i.n LIMIT 100", params)
    return int(count), [row[0] for row in rows]


def _columns(source: Datastore, target: Datastore, rule: Rule) -> tuple[str, str]:
    field, equals = source.find_field(rule.field), target.find_field(rule.equals)
    if field is None or equals is None:  # the catalogue holds no such rule
        raise KeyError(rule)
    return field_column(field).name, field_column(equals).name


def list_portion(
    connection: Connection, datastore: str, last: int, upto: int, most: int
) -> Sequence[tuple[str, int]]:
    """The next items of a datastore by row number, each with its own."""
    rows = connection.query(
        f"SELECT id, n FROM {table_name(datastore)} WHERE n > ? AND n <= ? ORDER BY n LIMIT ?",  # noqa: S608
        (last, upto, most),
    )
    return [(row[0], row[1]) for row in rows]
