"""Conditions as a caller words them, to the search tree: names to definitions, words to values.

One leaf names a field or system key and gives a list of values whose meaning depends on the
field's kind (items-search/ItemList): substrings, a range, or choices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from .access import Actor, may_use_datastore, may_use_field
from .catalog import Catalog, Datastore, Field
from .errors import InvalidValueError, invalid_request
from .kinds import KINDS, Settings
from .kinds.choice import find_option
from .limits import (
    CONDITION_LEVELS_MAX,
    CONDITIONS_MAX,
    PAGE_ITEMS_MAX,
    SEARCH_TEXT_CHARS_MAX,
    SEARCH_VALUES_MAX,
    SORTS_MAX,
)
from .query import (
    AllOf,
    AnyOf,
    ChoiceTest,
    Condition,
    EmptyTest,
    LookupTarget,
    Not,
    Position,
    Query,
    RangeTest,
    Sort,
    Subject,
    SystemKey,
    TextMode,
    TextTest,
    fold,
)
from .record import record
from .saved import SavedQuery, SavedReport

DAY_MS = 86_400_000
TODAY = "TODAY"
_PLAIN = Settings()
_UNSORTED_KINDS = frozenset(("checkbox", "users", "file", "label", "separator"))
_RANGE_KEYS = {
    SystemKey.ROW: "number",
    SystemKey.REVISION: "number",
    SystemKey.CREATED_AT: "datetime",
    SystemKey.UPDATED_AT: "datetime",
}


@record
class Leaf:
    """One wish: what it looks at, the values, and how they are meant."""

    key: str
    values: tuple[object, ...] = ()
    exact: bool = False
    negate: bool = False
    include_null: bool | None = None


@record
class Branch:
    """Wishes joined by and, or by or."""

    parts: tuple[Wish, ...]
    any: bool = False


Wish: TypeAlias = Leaf | Branch


@record
class Scope:
    """What wishes are read against."""

    datastore: Datastore
    actor: Actor
    system_keys: Mapping[str, SystemKey]  # the caller's words for them
    today: tuple[int, int]  # first and last millisecond of the day it is for the workspace
    is_saved: bool = False  # of what is saved: it may look at what its user may not


def read_saved(saved: SavedQuery | SavedReport, scope: Scope) -> Condition:
    """The search tree of a saved query, or of a report. Raises 400 if it can't mean anything (any more)."""
    leaves = tuple(
        Leaf(one.key, one.values, one.exact, one.negate, one.include_null)
        for one in saved.conditions
    )
    own = {one.value: one for one in SystemKey}
    inner = Scope(scope.datastore, scope.actor, own, scope.today, is_saved=True)
    return read_wish(Branch(leaves, any=saved.any), inner)


def read_wish(wish: Wish, scope: Scope) -> Condition:
    """The search tree of a wish. Raises 400 for what it can't mean or is too large."""
    return _Reader(scope).read(wish, 1)


def read_sort(key: str, *, descending: bool, scope: Scope) -> Sort:
    """A sort by a field or system key. Raises 400 if there is none, or none with an order."""
    return make_sort(find_subject(key, scope), key, descending=descending)


def make_sort(subject: Subject, key: str, *, descending: bool) -> Sort:
    """A sort by what a caller names so. Raises 400 for what has no order."""
    if isinstance(subject, Field) and subject.kind.name in _UNSORTED_KINDS:
        raise invalid_request(
            f"items can't be sorted by {key}: a {subject.kind.name} field has no order", key
        )
    return Sort(subject, descending)


def make_query(  # noqa: PLR0913  a query has the parts it has
    catalog: Catalog,
    actor: Actor,
    datastore: Datastore,
    *,
    condition: Condition,
    sorts: tuple[Sort, ...] = (),
    page: int = 1,
    per_page: int = 0,
    after: Position | None = None,
    fields: tuple[Field, ...] | None = None,
) -> Query:
    """A query within its limits. Raises 400 beyond them."""
    if page < 1 or per_page < 0:
        raise invalid_request("page must be at least 1 and per_page at least 0")
    if per_page > PAGE_ITEMS_MAX:
        raise invalid_request(f"per_page is over {PAGE_ITEMS_MAX}, the most for one page")
    if page * per_page > 2**53:
        raise invalid_request("page is beyond what can be counted")
    if len(sorts) > SORTS_MAX:
        raise invalid_request(f"over {SORTS_MAX} sort fields")
    lookups = find_lookups(catalog, actor, datastore)
    return Query(
        datastore, condition, sorts, page, per_page, after=after, fields=fields, lookups=lookups
    )


def shown_fields(actor: Actor, datastore: Datastore) -> tuple[Field, ...]:
    """The fields whose values the actor is shown, and may search and sort by."""
    return tuple(
        one for one in datastore.fields if not one.hide_from_api and may_use_field(actor, one)
    )


def find_lookups(catalog: Catalog, actor: Actor, datastore: Datastore) -> dict[str, LookupTarget]:
    """What the lookup fields of a datastore lead to, as far as the actor may go."""
    found: dict[str, LookupTarget] = {}
    for one in datastore.stored_fields:
        if one.kind.refers_to != "item":
            continue
        target = catalog.find_datastore(one.settings.lookup_datastore)
        if target is None or not may_use_datastore(actor, target):
            continue
        shown = target.find_field(one.settings.lookup_field)
        if shown is not None and (
            shown.hide_from_api
            or shown.value_kind.name not in ("text", "textarea", "autonum")
            or not may_use_field(actor, shown)
        ):
            shown = None
        found[one.id] = LookupTarget(target, shown)
    return found


def find_subject(key: str, scope: Scope) -> Subject:
    """A field or system key by its name. Raises 400 if the actor has no such thing."""
    found = scope.datastore.find_field(key)
    if found is not None and (
        scope.is_saved or (not found.hide_from_api and may_use_field(scope.actor, found))
    ):
        return SystemKey.STATUS if found.kind.name == "status" else found
    system = scope.system_keys.get(key)
    if system is None:
        raise invalid_request(f"the datastore has no field {key[:200]}", f"f_id:{key[:200]}")
    return system


class _Reader:
    """Reads the wishes of one search, counting them and their values."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._wishes = 0
        self._values = 0

    def read(self, wish: Wish, level: int) -> Condition:
        if level > CONDITION_LEVELS_MAX:
            raise invalid_request(f"conditions are nested over {CONDITION_LEVELS_MAX} levels")
        match wish:
            case Branch():
                parts = [self.read(part, level + 1) for part in wish.parts]
                held = tuple(part for part in parts if not _is_everything(part))
                return AnyOf(held) if wish.any and held else AllOf(held)
            case Leaf():
                self._wishes += 1
                if self._wishes > CONDITIONS_MAX:
                    raise invalid_request(f"over {CONDITIONS_MAX} conditions")
                return self._leaf(wish)

    def _leaf(self, leaf: Leaf) -> Condition:
        subject = find_subject(leaf.key, self._scope)
        given = tuple(one for one in leaf.values if one != "")
        if any(isinstance(one, str) and "\0" in one for one in given):
            raise invalid_request(f"search_value of {leaf.key} holds U+0000", leaf.key)
        test: Condition | None = None
        if any(one is not None for one in given):
            test = self._test(leaf, subject, given)
        empty = EmptyTest(subject)
        if test is None:
            if leaf.include_null is None:
                return AllOf(())
            return empty if leaf.include_null is not leaf.negate else Not(empty)
        found: Condition = Not(test) if leaf.negate else test
        if leaf.include_null is None:
            return found
        return AnyOf((found, empty)) if leaf.include_null else AllOf((found, Not(empty)))

    def _test(self, leaf: Leaf, subject: Subject, given: tuple[object, ...]) -> Condition | None:
        if isinstance(subject, SystemKey):
            kind = _RANGE_KEYS.get(subject, "choice")
            if kind != "choice":
                return self._ranges(leaf, subject, kind, given)
            if subject is SystemKey.TITLE:
                return self._text(leaf, subject, given)
            return self._choice(leaf, subject, given)
        held = subject.value_kind
        match held.match:
            case "text":
                return self._text(leaf, subject, given)
            case "range":
                return self._ranges(leaf, subject, held.name, given)
            case "choice":
                return self._choice(leaf, subject, given)
            case "none":
                raise invalid_request(
                    f"{leaf.key} can't be searched: it is a {subject.kind.name} field", leaf.key
                )

    def _count(self, values: int) -> None:
        self._values += values
        if self._values > SEARCH_VALUES_MAX:
            raise invalid_request(f"over {SEARCH_VALUES_MAX} values in one search")

    def _text(self, leaf: Leaf, subject: Subject, given: tuple[object, ...]) -> Condition | None:
        words = _strings(leaf, given)
        if not leaf.exact:
            words = [part for word in words for part in word.split("|") if part]
            for word in words:
                if len(word) > SEARCH_TEXT_CHARS_MAX or len(fold(word)) > SEARCH_TEXT_CHARS_MAX:
                    raise invalid_request(
                        f"a text to look for has over {SEARCH_TEXT_CHARS_MAX} characters", leaf.key
                    )
        self._count(len(words))
        if not words:
            return None
        return TextTest(subject, tuple(words), TextMode.EQUALS if leaf.exact else TextMode.CONTAINS)

    def _choice(self, leaf: Leaf, subject: Subject, given: tuple[object, ...]) -> Condition:
        name = subject.value if isinstance(subject, SystemKey) else subject.value_kind.name
        if name == "boolean":
            booleans = {True: True, False: False, "true": True, "false": False}
            if any(not isinstance(one, (str, bool)) and one is not None for one in given):
                raise invalid_request(f"search_value of {leaf.key} takes true and false", leaf.key)
            return ChoiceTest(subject, tuple(booleans[one] for one in given if one in booleans))
        words = _strings(leaf, given)
        self._count(len(words))
        find: Callable[[str], str]
        if subject is SystemKey.STATUS:
            find = self._status
        elif isinstance(subject, Field) and subject.kind.has_options:
            settings = subject.settings

            def find(word: str) -> str:
                option = find_option(word, settings)
                return option.id if option else word
        else:
            find = str
        return ChoiceTest(subject, tuple(find(word) for word in words))

    def _status(self, word: str) -> str:
        datastore = self._scope.datastore
        status = datastore.find_status(word)
        if status is None:
            named = [one for one in datastore.statuses if word in one.names.values()]
            status = named[0] if len(named) == 1 else None
        return status.id if status else word

    def _ranges(
        self, leaf: Leaf, subject: Subject, kind: str, given: tuple[object, ...]
    ) -> Condition:
        """[from, to]; one value or a list of exact ones are equalities, or days."""
        self._count(2 * len(given))
        if len(given) == 2 and (not leaf.exact or None in given):
            low, high = (self._bounds(leaf, kind, one) for one in given)
            return RangeTest(subject, low[0], high[1])
        spans = [self._span(leaf, kind, one) for one in given if one is not None]
        tests = tuple(RangeTest(subject, low, high) for low, high in spans)
        return tests[0] if len(tests) == 1 else AnyOf(tests)

    def _span(self, leaf: Leaf, kind: str, raw: object) -> tuple[float | int, float | int]:
        """What one value alone stands for: itself, or for midnight the day."""
        low, high = self._bounds(leaf, kind, raw)
        if low is None or high is None:
            raise TypeError("a value alone is not null")
        if kind != "number" and low == high and low % DAY_MS == 0:
            return low, low + DAY_MS - 1
        return low, high

    def _bounds(self, leaf: Leaf, kind: str, raw: object) -> tuple[float | None, float | None]:
        """A value as the first and the last it includes."""
        if raw is None:
            return None, None
        if raw == TODAY and kind != "number":
            return self._scope.today
        try:
            value = KINDS[kind].parse(raw, _PLAIN)
        except InvalidValueError as error:
            raise invalid_request(f"search_value of {leaf.key}: {error}", leaf.key) from error
        if not isinstance(value, (int, float)):
            raise invalid_request(f"search_value of {leaf.key} is empty", leaf.key)
        return value, value


def _is_everything(condition: Condition) -> bool:
    return isinstance(condition, AllOf) and not condition.parts


def _strings(leaf: Leaf, given: tuple[object, ...]) -> list[str]:
    words = [one for one in given if one is not None]
    if not all(isinstance(one, str) for one in words):
        raise invalid_request(f"search_value of {leaf.key} must hold strings", leaf.key)
    return words  # type: ignore[return-value]
