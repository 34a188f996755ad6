"""Lists of items: pages, walks by cursor, whole lists, counts; each within a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from ..core.items import Item
from ..core.query import Position, Query, UnreadTest
from ..storage import items as stored
from ..storage.engines import TimeLimitError
from ..storage.search import Sight, count_items, list_behind, list_items, look, stream_items
from .app import View
from .periods import find_zone
from .shown import Shown, show

PORTION_ITEMS = 500  # of a long list: what is read and encoded at a time


@contextmanager
def time_limit(view: View, timeout_ms: int | None) -> Iterator[None]:
    """Let each statement inside take so long at most; None: as long as any read may.

    One that takes longer raises TimeLimitError.
    """
    if timeout_ms is None:
        yield
        return
    before = view.connection.limit(timeout_ms)
    try:
        yield
    finally:
        view.connection.limit(before)


def look_for(view: View, query: Query) -> Sight:
    """What is known before a query is answered: for its list and its count."""
    return look(view.connection, query, view.actor.keyring)


def list_page(view: View, query: Query, sight: Sight | None = None) -> Iterator[Shown]:
    """The items of one page, in portions."""
    items = list_items(view.connection, query, view.actor.keyring, sight)
    return _portions(view, query, items)


def walk_page(
    view: View, query: Query, sight: Sight | None = None
) -> tuple[Iterator[Shown], Position | None]:
    """The next items behind `query.after`, and where the walk then stands; None at its end."""
    items, position = list_behind(view.connection, query, view.actor.keyring, sight)
    return _portions(view, query, items), position


def list_short(view: View, query: Query) -> Shown | None:
    """All items of a query, if they are few enough for one portion."""
    some = replace(query, page=1, per_page=PORTION_ITEMS + 1)
    items = list_items(view.connection, some, view.actor.keyring)
    if len(items) > PORTION_ITEMS:
        return None
    return show(view, query.datastore, items, query.fields)


def stream_list(view: View, query: Query) -> Iterator[Shown]:
    """All items of a query in portions, as they are read."""
    for portion in stream_items(view.connection, query, view.actor.keyring, PORTION_ITEMS):
        yield show(view, query.datastore, portion, query.fields)


def _portions(view: View, query: Query, items: list[Item]) -> Iterator[Shown]:
    for start in range(0, len(items), PORTION_ITEMS):
        yield show(view, query.datastore, items[start : start + PORTION_ITEMS], query.fields)


def count_list(view: View, query: Query, most: int = 0, sight: Sight | None = None) -> int:
    """How many visible items the condition of a query holds for; at most so many, 0: all."""
    return count_items(view.connection, query, view.actor.keyring, most, sight)


def count_unread(view: View, shown: Shown, test: UnreadTest) -> dict[str, int]:
    """How many histories of each item shown the actor has not read; none: left out."""
    ids = [item.id for item in shown.items]
    return stored.count_unread(view.connection, shown.datastore, ids, test)


def day_of(now_ms: int, time_zone: str) -> tuple[int, int]:
    """The first and the last millisecond of the day that it is in a time zone."""
    zone = find_zone(time_zone)
    now = datetime.fromtimestamp(now_ms / 1000, zone)
    start = now.replace(hour=0, minute=0, second=0, microsecond=0)
    after = (start + timedelta(days=1)).replace(tzinfo=zone)
    return int(start.timestamp() * 1000), int(after.timestamp() * 1000) - 1


__all__ = [
    "Sight",
    "TimeLimitError",
    "count_list",
    "count_unread",
    "day_of",
    "list_page",
    "list_short",
    "look_for",
    "stream_list",
    "time_limit",
    "walk_page",
]
