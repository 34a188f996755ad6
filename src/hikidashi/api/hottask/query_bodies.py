"""What Page, List and Count are asked: bodies to queries.

Their keys are matched without case, as real clients write them in several; a key that there is not
is refused, because a filter that is misspelled would find everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ...core.catalog import Datastore
from ...core.conditions import make_query, make_sort
from ...core.errors import invalid_request
from ...core.filters import (
    Filter,
    RowScope,
    find_operator,
    find_row_subject,
    read_filters,
    read_whole,
)
from ...core.limits import CONDITIONS_MAX, PAGE_ITEMS_MAX
from ...core.query import Query, Sort, SystemKey
from ...core.record import record
from ...service.app import View
from .decode import PLACES, decode_json

PAGE_SIZE: Final = 20  # rows of a page, unless the caller says otherwise
SHAPE: Final = (
    '{"PageNo": 1, "PageSize": 20, "OrderByField": "id", "IsAsc": true,'
    ' "Filters": [{"name": "<field>", "op": "Equal", "value": <value>}]}'
)
_WRAPPERS: Final = ("pagefilter", "filter")  # of the server key's dialect
_KEYS: Final = ("PageNo", "PageSize", "OrderByField", "IsAsc", "Filters")
_FILTER_KEYS: Final = ("name", "op", "value")


@record
class Asked:
    """What a body asks for, before its names are looked up."""

    page: int
    per_page: int
    order: str
    ascending: bool
    filters: tuple[Filter, ...]


def decode_asked(body: bytes) -> Asked:
    """Read a body; an empty one asks for everything. Raises 400 that says what is wrong with it."""
    given = _unwrapped(decode_json(body, SHAPE)) if body.strip() else {}
    page = _number(given, "PageNo", 1)
    per_page = _number(given, "PageSize", PAGE_SIZE)
    if per_page > PAGE_ITEMS_MAX:
        raise invalid_request(f"PageSize is over {PAGE_ITEMS_MAX}, the most for one page")
    if page * per_page > 2**53:
        raise invalid_request("PageNo is beyond what can be counted")
    order, ascending = given.get("OrderByField"), given.get("IsAsc")
    if not isinstance(order, str | None):
        raise invalid_request(f"OrderByField must be the name of a field, not {repr(order)[:80]}")
    if not isinstance(ascending, bool | None):
        raise invalid_request(f"IsAsc must be true or false, not {repr(ascending)[:80]}")
    return Asked(page, per_page, order or "id", ascending is not False, _filters(given))


def make_row_query(
    view: View, datastore: Datastore, scope: RowScope, asked: Asked, *, pages: bool
) -> Query:
    """The query for rows, whose names are read against `scope`; `pages`: for one page. Raises 400."""
    subject = find_row_subject(asked.order, scope)
    sorts: tuple[Sort, ...] = ()
    if subject is not SystemKey.ROW or not asked.ascending:  # the order that all end in
        sorts = (make_sort(subject, asked.order, descending=not asked.ascending),)
    return make_query(
        view.catalog,
        view.actor,
        datastore,
        condition=read_filters(asked.filters, scope),
        sorts=sorts,
        page=asked.page if pages else 1,
        per_page=asked.per_page if pages else 0,
    )


def _unwrapped(top: object) -> Mapping[str, object]:
    """The keys that are asked by, as they are called here."""
    if not isinstance(top, dict):
        raise invalid_request(f"the body must be a JSON object like {SHAPE}")
    for key, inner in top.items():
        if key.lower() in _WRAPPERS:
            if not isinstance(inner, dict):
                raise invalid_request(f"{key} must be an object like {SHAPE}")
            return _named(inner, _KEYS, "the query")
    return _named({key: one for key, one in top.items() if key.lower() not in PLACES}, _KEYS, "it")


def _named(given: Mapping[str, object], keys: tuple[str, ...], where: str) -> dict[str, object]:
    known = {one.lower(): one for one in keys}
    found: dict[str, object] = {}
    for key, value in given.items():
        name = known.get(key.lower())
        if name is None:
            raise invalid_request(f"there is no {key[:80]}; {where} takes {', '.join(keys)}")
        if name in found:
            raise invalid_request(f"{name} is there twice")
        found[name] = value
    return found


def _number(given: Mapping[str, object], key: str, default: int) -> int:
    raw = given.get(key)
    number = default if raw is None else read_whole(raw, key)
    if number < 1:
        raise invalid_request(f"{key} must be at least 1, not {number}")
    return number


def _filters(given: Mapping[str, object]) -> tuple[Filter, ...]:
    listed: Any = given.get("Filters") or []
    if not isinstance(listed, list):
        raise invalid_request("Filters must be an array of {name, op, value}")
    if len(listed) > CONDITIONS_MAX:
        raise invalid_request(f"over {CONDITIONS_MAX} Filters")
    return tuple(_filter(one) for one in listed)


def _filter(given: object) -> Filter:
    if not isinstance(given, dict):
        raise invalid_request("a filter must be an object of name, op and value")
    found = _named(given, _FILTER_KEYS, "a filter")
    name, operator = found.get("name"), found.get("op")
    if not isinstance(name, str) or not name:
        raise invalid_request(f"a filter needs the name of a field, not {repr(name)[:80]}")
    if not isinstance(operator, str):
        raise invalid_request(f"the filter of {name[:80]} needs an op, not {repr(operator)[:80]}")
    return Filter(name, find_operator(operator), found.get("value"))
