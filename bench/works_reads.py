"""The works that read: pages, walks, searches and counts of a million orders, by one client."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlencode

import apsw

from . import bodies
from .hikidashi import Hikidashi
from .load import Load, Measure, Pool
from .many_items import item_id
from .pocketbase import PocketBase, record_id
from .servers import expect
from .stand import Stand
from .works import Run, Target, Work, make_load, make_side, median_ms

MANY, FEW, QUICK = 1_000_000, 10_000, 50_000
PAGE, PAGES = 100, 1_000
CUSTOMERS = 2_000
WORDS = {  # how often a note has it, and what
    "two in five": "会議",
    "one in 25": "north south",
    "one in 300": "glass blue paper",
    "one in 10,000": bodies.RARE_WORD,
    "nowhere": "納品",
}
CAPPED = {"total_items_max": 10_001}
POOL = 200
SEARCH = f"{bodies.ITEMS}/search"
NEWEST = {"sort_field_id": "created_at", "sort_order": "desc"}
PLAIN = {"per_page": PAGE, "omit_total_items": True}
_chance = random.Random(31)


def _count(stand: Stand) -> int:
    return QUICK if stand.is_quick else MANY


def _median(load: Load) -> Run:
    load.connections = 1
    return lambda seconds: median_ms(load.run(seconds))


def _searches(
    stand: Stand, server: Hikidashi, name: str, wanted: list[dict[str, Any]], *marks: str
) -> Run:
    pool = Pool("POST", [SEARCH], [json.dumps(one) for one in wanted], wanted=marks)
    return _median(make_load(stand, server, f"{server.name}-{name}", pool))


def _lists(stand: Stand, server: PocketBase, name: str, wanted: list[dict[str, Any]]) -> Run:
    paths = [f"{bodies.RECORDS}?{urlencode(one)}" for one in wanted]
    pool = Pool("GET", paths, wanted=['"items":['])
    return _median(make_load(stand, server, f"pocketbase-{name}", pool))


def _our_newest(stand: Stand, items: int) -> Run:
    server = stand.large(items)
    return _searches(stand, server, "newest", [{**PLAIN, **NEWEST}], '"i_id":"')


def _make_newest(stand: Stand) -> Work:
    count = _count(stand)
    page = {"sort": "-@rowid", "perPage": PAGE, "skipTotal": 1}
    return Work(
        "newest",
        f"The first {PAGE} of {count:,} items by newest: median time of one client",
        "ms",
        (
            make_side("hikidashi", lambda: _our_newest(stand, count)),
            make_side(f"hikidashi, {FEW:,} items", lambda: _our_newest(stand, FEW)),
            make_side(
                "pocketbase", lambda: _lists(stand, stand.large_pocketbase(count), "newest", [page])
            ),
        ),
        (
            Target(f"hikidashi, {FEW:,} items", 1.5, at_least=False),
            Target("pocketbase", at_least=False),
        ),
    )


def _make_indexed(stand: Stand) -> Work:
    count = _count(stand)
    names = [f"Customer {_chance.randrange(CUSTOMERS)}" for _ in range(POOL)]

    def ours() -> Run:
        order = {"sort_field_id": "ordered_at", "sort_order": "desc"}
        wanted = [{**PLAIN, **order, "conditions": [_equals("customer", name)]} for name in names]
        return _searches(stand, stand.large(count), "indexed", wanted, '"i_id":"')

    def theirs() -> Run:
        wanted = [
            {
                "filter": f"customer = '{name}'",
                "sort": "-ordered_at",
                "perPage": PAGE,
                "skipTotal": 1,
            }
            for name in names
        ]
        return _lists(stand, stand.large_pocketbase(count), "indexed", wanted)

    return Work(
        "indexed",
        f"Equality on an indexed field of {count:,} items, sorted by another: median time",
        "ms",
        (make_side("hikidashi", ours), make_side("pocketbase", theirs)),
        (Target("pocketbase", at_least=False),),
    )


def _equals(field: str, value: str) -> dict[str, Any]:
    return {"id": field, "search_value": [value], "exact_match": True}


def _make_one(stand: Stand) -> Work:
    count = _count(stand)
    numbers = [_chance.randrange(1, count + 1) for _ in range(POOL)]

    def ours() -> Run:
        server = stand.large(count)
        paths = [f"{bodies.ITEMS}/details/{item_id(one)}?format=map" for one in numbers]
        pool = Pool("GET", paths, wanted=['"field_values":{'])
        return _median(make_load(stand, server, f"{server.name}-one", pool))

    def theirs() -> Run:
        paths = [f"{bodies.RECORDS}/{record_id(one)}" for one in numbers]
        pool = Pool("GET", paths, wanted=['"id":"'])
        server = stand.large_pocketbase(count)
        return _median(make_load(stand, server, "pocketbase-one", pool))

    return Work(
        "one",
        f"GetItemDetails of one of {count:,} items: median time",
        "ms",
        (make_side("hikidashi", ours), make_side("pocketbase", theirs)),
        (Target("pocketbase", at_least=False),),
    )


def _make_walk(stand: Stand) -> Work:
    count = _count(stand)
    pages = min(PAGES, count // PAGE - 1)

    def deep() -> Run:
        server = stand.large(count)
        cursor, left = "", (pages - 1) * PAGE
        while left:
            step = min(left, 10_000)
            body = {**NEWEST, "per_page": step, "omit_total_items": True, "after": cursor}
            cursor = expect(server.url, "POST", SEARCH, body, token=server.token)["next"]
            left -= step
        wanted = {**PLAIN, **NEWEST, "after": cursor}
        return _searches(stand, server, "walk-deep", [wanted], '"next":"')

    def first() -> Run:
        wanted = {**PLAIN, **NEWEST, "after": ""}
        return _searches(stand, stand.large(count), "walk-first", [wanted], '"next":"')

    def theirs() -> Run:
        page = {"sort": "-@rowid", "perPage": PAGE, "skipTotal": 1, "page": pages}
        return _lists(stand, stand.large_pocketbase(count), "walk", [page])

    return Work(
        "walk",
        f"Page {pages:,} by cursor, of {count:,} items by newest: median time",
        "ms",
        (
            make_side("hikidashi", deep),
            make_side("hikidashi, page 1", first),
            make_side("pocketbase, by page", theirs),
        ),
        (Target("hikidashi, page 1", 1.5, at_least=False),),
    )


def _make_substring(stand: Stand) -> Work:
    count = _count(stand)

    def ours(word: str, *, on_postgres: bool = False) -> Run:
        make = stand.large_on_postgres if on_postgres else stand.large
        looked_for = {"id": "note", "search_value": [word]}
        wanted = {"per_page": PAGE, **NEWEST, "conditions": [looked_for], **CAPPED}
        return _searches(stand, make(count), "substring", [wanted], '"totalItems":')

    def theirs() -> Run:
        wanted = [
            {"filter": f"note ~ '{word}'", "sort": "-@rowid", "perPage": PAGE}
            for word in WORDS.values()
        ]
        return _lists(stand, stand.large_pocketbase(count), "substring", wanted)

    words = WORDS.items()
    return Work(
        "substring",
        f"A text anywhere in an indexed field of {count:,} items, {PAGE} and a count up to"
        f" {CAPPED['total_items_max']:,}: median time",
        "ms",
        (
            *(make_side(f"hikidashi, {case}", partial(ours, word)) for case, word in words),
            *(
                make_side(f"on PostgreSQL, {case}", partial(ours, word, on_postgres=True))
                for case, word in words
            ),
            make_side("pocketbase, all of them", theirs),
        ),
    )


def _make_count(stand: Stand) -> Work:
    count = _count(stand)

    def ours() -> Run:
        conditions = [{"id": "priority", "search_value": ["low"]}]
        wanted = {"return_count_only": True, "conditions": conditions}
        return _searches(stand, stand.large(count), "count", [wanted], '"totalItems":')

    def theirs() -> Run:
        wanted = {"filter": "priority = 'low'", "perPage": 1}
        return _lists(stand, stand.large_pocketbase(count), "count", [wanted])

    return Work(
        "count",
        f"An unindexed field of {count:,} items, counted: median time",
        "ms",
        (
            make_side("hikidashi", ours),
            make_side("pocketbase", theirs),
            make_side("raw SQLite", lambda: _raw_count(stand, count)),
        ),
        (Target("raw SQLite", 2.0, plus=2.0, at_least=False),),
    )


def _raw_count(stand: Stand, count: int) -> Run:
    """The same scan over the same file, without visibility and without a server."""
    server = stand.large(count)
    path = stand.folder / f"{server.name}.db"
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    ids = dict(connection.execute("SELECT display_id, id FROM definitions WHERE kind = 'field'"))
    [(table,)] = connection.execute(
        "SELECT id FROM definitions WHERE kind = 'datastore' AND display_id = 'orders'"
    )
    column = f"f_{ids['priority']}"
    value = connection.execute(f"SELECT {column} FROM i_{table} LIMIT 1").fetchall()[0][0]

    def run(seconds: float) -> Measure:
        took: list[float] = []
        end = time.perf_counter() + seconds
        while not took or time.perf_counter() < end:
            began = time.perf_counter()
            sql = f"SELECT count(*) FROM i_{table} WHERE {column} = ?"
            connection.execute(sql, (value,)).fetchall()
            took.append((time.perf_counter() - began) * 1000)
        return Measure(sorted(took)[len(took) // 2])

    return run


WORKS: dict[str, Callable[[Stand], Work]] = {
    "newest": _make_newest,
    "indexed": _make_indexed,
    "one": _make_one,
    "walk": _make_walk,
    "substring": _make_substring,
    "count": _make_count,
}
SUMMARIES = {
    "newest": "the first page of a million items by newest, beside that of 10,000",
    "indexed": "equality and a sort on indexed fields of a million items",
    "one": "GetItemDetails of one of a million items",
    "walk": "page 1,000 by cursor beside page 1",
    "substring": "a text anywhere in an indexed field of a million items, on both engines",
    "count": "a count by an unindexed field beside the engine's own scan",
}
