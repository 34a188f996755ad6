"""The works that are measured: who does them, in what unit, and what we want of the figures."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from . import bodies
from .hikidashi import Hikidashi
from .load import CONNECTIONS, Load, Measure, MissingToolError, Pool
from .pocketbase import PocketBase
from .servers import Server, UnavailableError, call
from .stand import Stand

Run = Callable[[float], Measure]  # for a number of seconds
_files = itertools.count(1)
GROUP = 32
BULK_ITEMS = 300  # the most that one bulk action writes
NUMBERS_CHECKED = 20_000
UPDATES_BEFORE_WEIGHING = 100


@dataclass(frozen=True, slots=True)
class Side:
    """One contender in a work."""

    name: str
    run: Run | None
    missing: str = ""  # why there is nothing to run


@dataclass(frozen=True, slots=True)
class Target:
    """What is wanted of the first side: at least (or most) `times` the other's figure, `plus`."""

    other: str  # "" compares with `plus` alone
    times: float = 1.0
    plus: float = 0.0
    at_least: bool = True

    def limit(self, other: float) -> float:
        """The bound, given the other side's figure."""
        return self.times * other + self.plus if self.other else self.plus


@dataclass(frozen=True, slots=True)
class Work:
    """A table of sides; the first is ours."""

    name: str
    title: str
    unit: str
    sides: tuple[Side, ...]
    targets: tuple[Target, ...] = ()
    check: Callable[[], list[str]] | None = None  # after all rounds: what is wrong
    checked: str = ""  # what a clean check has shown
    is_timed: bool = True  # False: a measure takes as long as it takes, and needs no warming


def make_side(name: str, prepare: Callable[[], Run]) -> Side:
    """A contender; what is missing, or does not start, is told in its row."""
    try:
        return Side(name, prepare())
    except MissingToolError as error:
        return Side(name, None, f"missing: {error}")
    except UnavailableError as error:
        return Side(name, None, str(error))


# --- requests -------------------------------------------------------------------------------------


def make_load(
    stand: Stand,
    server: Hikidashi | PocketBase,
    name: str,
    pool: Pool,
    taken: Path | None = None,
) -> Load:
    """A pool sent to a server with its token."""
    pool = replace(pool, headers=[f"Authorization: {server.token}"])
    # A load writes its file once, so no two may share one.
    path = stand.folder / f"{name}-{next(_files)}.pool"
    return Load(server.url, pool, path, taken)


def _update(stand: Stand, server: Hikidashi) -> Load:
    paths = [f"{bodies.ITEMS}/edit/{one}" for one in stand.orders_of(server)]
    wanted = ['"error":""', '"IsChanged":true']
    pool = Pool("POST", paths, bodies.updates(bare=False), wanted=wanted)
    return make_load(stand, server, f"{server.name}-update", pool)


def _create(stand: Stand, server: Hikidashi) -> Load:
    wanted = ['"error":null', '"item_id":"']
    pool = Pool("POST", [f"{bodies.ITEMS}/new"], bodies.creates(bare=False), wanted=wanted)
    return make_load(stand, server, f"{server.name}-create", pool)


def _nested(stand: Stand, server: Hikidashi) -> Load:
    wanted, unwanted = ['"error":null', '"item_id":"'], ['"error_code"']
    paths = [f"{bodies.ITEMS}/new"]
    pool = Pool("POST", paths, bodies.nested_creates(), wanted=wanted, unwanted=unwanted)
    load = make_load(stand, server, f"{server.name}-nested", pool)
    load.per_request = 1 + bodies.CHILDREN
    return load


def _details(stand: Stand, server: Hikidashi) -> Load:
    orders = stand.orders_of(server)
    paths = [f"{bodies.ITEMS}/details/{one}?format=map" for one in orders]
    wanted = ['"field_values":{', '"rev_no":']
    return make_load(stand, server, f"{server.name}-details", Pool("GET", paths, wanted=wanted))


def _numbers(stand: Stand, server: Hikidashi, branch: str) -> Load:
    wanted, take = ['"has_error":false'], '"number":(%d+)'
    pool = Pool("GET", [f"{bodies.NUMBERS}?branch_key={branch}"], wanted=wanted, take=take)
    return make_load(stand, server, f"numbers-{branch}", pool, stand.folder / f"numbers-{branch}")


def _patch(stand: Stand, server: PocketBase) -> Load:
    paths = [f"{bodies.RECORDS}/{one}" for one in stand.records_of(server)]
    pool = Pool("PATCH", paths, bodies.updates(bare=True), wanted=['"id":"'])
    return make_load(stand, server, "pocketbase-update", pool)


def _post(stand: Stand, server: PocketBase) -> Load:
    pool = Pool("POST", [bodies.RECORDS], bodies.creates(bare=True), wanted=['"id":"'])
    return make_load(stand, server, "pocketbase-create", pool)


def _batch(stand: Stand, server: PocketBase) -> Load:
    pool = Pool("POST", ["/api/batch"], bodies.batches(), wanted=['"status":200', '"parent":"'])
    load = make_load(stand, server, "pocketbase-nested", pool)
    load.per_request = 1 + bodies.CHILDREN
    return load


def _view(stand: Stand, server: PocketBase) -> Load:
    paths = [f"{bodies.RECORDS}/{one}" for one in stand.records_of(server)]
    return make_load(stand, server, "pocketbase-view", Pool("GET", paths, wanted=['"id":"']))


def _echo(stand: Stand) -> Load:
    paths = [f"{bodies.ITEMS}/edit/{number:024x}" for number in range(1_000)]
    pool = Pool("POST", paths, bodies.updates(bare=False), wanted=['{"item":'])
    return Load(stand.echo().url, pool, stand.folder / "echo.pool")


# --- works ----------------------------------------------------------------------------------------


def _make_update(stand: Stand) -> Work:
    return Work(
        "update",
        "UpdateItem: three of twelve fields of one of 10,000 items",
        "updates/s",
        (
            make_side("hikidashi", lambda: _update(stand, stand.hikidashi()).run),
            make_side("pocketbase", lambda: _patch(stand, stand.pocketbase()).run),
            make_side("echo", lambda: _echo(stand).run),
            make_side(f"raw SQLite, {GROUP} a commit", lambda: _raw(stand, GROUP)),
            make_side("raw SQLite, 1 a commit", lambda: _raw(stand, 1)),
        ),
        (Target("pocketbase", 1.7), Target("echo", 0.38)),
    )


def _raw(stand: Stand, group: int) -> Run:
    engine = stand.raw_sqlite()
    return lambda seconds: engine.run(seconds, group)


def _make_nested(stand: Stand) -> Work:
    return Work(
        "nested",
        "An order and its ten lines, all or nothing",
        "items/s",
        (
            make_side("hikidashi", lambda: _nested(stand, stand.hikidashi()).run),
            make_side("pocketbase", lambda: _batch(stand, stand.pocketbase()).run),
        ),
        (Target("pocketbase", 2.5),),
    )


def _make_create(stand: Stand) -> Work:
    return Work(
        "create",
        "CreateItem: twelve fields",
        "items/s",
        (
            make_side("hikidashi", lambda: _create(stand, stand.hikidashi()).run),
            make_side("pocketbase", lambda: _post(stand, stand.pocketbase()).run),
        ),
        (Target("pocketbase", 1.4),),
    )


def _make_details(stand: Stand) -> Work:
    return Work(
        "details",
        "GetItemDetails as a map, of one of 10,000 items",
        "reads/s",
        (
            make_side("hikidashi", lambda: _details(stand, stand.hikidashi()).run),
            make_side("pocketbase", lambda: _view(stand, stand.pocketbase()).run),
        ),
        (Target("pocketbase", 0.9),),
    )


def _make_autonum(stand: Stand) -> Work:
    count = NUMBERS_CHECKED // (10 if stand.is_quick else 1)
    checked = f"{count:,} numbers of a fresh branch to {CONNECTIONS} clients: each once, no gap"
    runs = 0

    def prepare() -> Run:
        load = _numbers(stand, stand.hikidashi(), "measured")

        def run(seconds: float) -> Measure:
            nonlocal runs
            runs += 1
            return load.run(seconds)

        return run

    def check() -> list[str]:
        counted = _numbers(stand, stand.hikidashi(), "checked").send(count)
        faults = list(counted.errors)
        faults += check_numbers(stand.folder / "numbers-checked", exactly=count)
        # When a measure ends, each connection leaves at most one answer unread.
        faults += check_numbers(stand.folder / "numbers-measured", unread=runs * CONNECTIONS)
        return faults

    return Work(
        "autonum",
        "GetAutoNumber: all clients on one branch",
        "numbers/s",
        (
            make_side("hikidashi", prepare),
            make_side("UpdateItem", lambda: _update(stand, stand.hikidashi()).run),
        ),
        (Target("UpdateItem", 1.0),),
        check,
        checked,
    )


def check_numbers(path: Path, *, exactly: int = 0, unread: int = 0) -> list[str]:
    """What is wrong with the numbers that clients were given: 1 to N, each once."""
    numbers = [int(one) for one in path.read_text().split()]
    given = set(numbers)
    faults = []
    if len(given) != len(numbers):
        faults.append(f"{len(numbers) - len(given)} numbers were given twice")
    last = exactly or max(given, default=0)
    missing = sum(one not in given for one in range(1, last + 1))
    if missing > unread:
        faults.append(f"{missing} numbers up to {last} were given to nobody")
    if given and (min(given) < 1 or max(given) > last):
        faults.append(f"numbers from {min(given)} to {max(given)} were given, not 1 to {last}")
    return faults


def _make_postgres(stand: Stand) -> Work:
    return Work(
        "postgres",
        "UpdateItem on PostgreSQL",
        "updates/s",
        (
            make_side("hikidashi", lambda: _update(stand, stand.hikidashi_on_postgres()).run),
            make_side("pgbench", lambda: stand.pgbench().run),
        ),
        (Target("pgbench", 0.85),),
    )


def _make_lone(stand: Stand) -> Work:
    def lone() -> Run:
        load = _update(stand, stand.hikidashi())
        load.connections = 1
        return lambda seconds: median_ms(load.run(seconds))

    def raw() -> Run:
        engine = stand.raw_sqlite()
        return lambda seconds: median_ms(engine.run(seconds, 1))

    return Work(
        "lone",
        "UpdateItem by one client alone: median time",
        "ms",
        (make_side("hikidashi", lone), make_side("raw", raw)),
        (Target("raw", 1.3, plus=1.0, at_least=False),),
    )


def _make_bulk(stand: Stand) -> Work:
    def bulk() -> Run:
        server = stand.hikidashi()
        sent = bodies.bulk_updates(stand.orders_of(server), BULK_ITEMS)
        wanted = [f'"result":{{"matched":{BULK_ITEMS},"processed":{BULK_ITEMS}}}']
        pool = Pool("POST", [f"{bodies.ITEMS}/bulkaction/UpdateItem"], sent, wanted=wanted)
        load = make_load(stand, server, f"{server.name}-bulk", pool)
        load.connections = 1
        return lambda seconds: median_ms(load.run(seconds))

    def single() -> Run:
        load = _update(stand, stand.hikidashi())
        load.connections = 1
        return lambda seconds: median_ms(load.run(seconds))

    def raw() -> Run:
        engine = stand.raw_sqlite()
        return lambda seconds: median_ms(engine.run(seconds, BULK_ITEMS))

    return Work(
        "bulk",
        f"ExecuteBulkAction on {BULK_ITEMS} items by one client alone: median time",
        "ms",
        (
            make_side("hikidashi", bulk),
            make_side("UpdateItem", single),
            make_side("raw", raw),
        ),
        (
            Target("UpdateItem", 3 * BULK_ITEMS / 100, at_least=False),
            Target("raw", 3.0, at_least=False),
        ),
    )


def median_ms(measure: Measure) -> Measure:
    """A measure of times, where there was one of a rate."""
    return replace(measure, value=measure.p50_ms or 0.0)


def _make_start(stand: Stand) -> Work:
    def restart(server: Server) -> Run:
        def run(_: float) -> Measure:
            server.stop()
            return Measure(server.start())

        return run

    return Work(
        "start",
        "A second start, to the first answer",
        "s",
        (
            make_side("hikidashi", lambda: restart(stand.hikidashi().server)),
            make_side("pocketbase", lambda: restart(stand.pocketbase().server)),
        ),
        (Target("", plus=1.5, at_least=False),),
        is_timed=False,
    )


def _make_memory(stand: Stand) -> Work:
    def ours() -> Run:
        server = stand.hikidashi()
        paths = [f"{bodies.ITEMS}/edit/{one}" for one in stand.orders_of(server)]

        def run(_: float) -> Measure:
            server.server.stop()
            server.server.start()
            return _weigh(server.server, server.login(), "POST", paths, "item")

        return run

    def theirs() -> Run:
        server = stand.pocketbase()
        paths = [f"{bodies.RECORDS}/{one}" for one in stand.records_of(server)]

        def run(_: float) -> Measure:
            server.server.stop()
            server.server.start()
            return _weigh(server.server, server.login_member(), "PATCH", paths, "")

        return run

    return Work(
        "memory",
        "Resident memory after a start, one login and 100 updates",
        "MB",
        (make_side("hikidashi", ours), make_side("pocketbase", theirs)),
        (Target("", plus=120, at_least=False),),
        is_timed=False,
    )


def _weigh(server: Server, token: str, method: str, paths: list[str], wrap: str) -> Measure:
    refused = 0
    for number, path in enumerate(paths[:UPDATES_BEFORE_WEIGHING]):
        changes = {"note": f"weighed {number}"}
        body = {wrap: changes, "use_display_id": True, "is_force_update": True} if wrap else changes
        status, _ = call(server.url, method, path, body, token=token)
        refused += status != 200
    errors = (f"{refused} updates refused",) if refused else ()
    return Measure(server.memory_mb(), errors=errors)


WORKS: dict[str, Callable[[Stand], Work]] = {
    "update": _make_update,
    "nested": _make_nested,
    "create": _make_create,
    "details": _make_details,
    "autonum": _make_autonum,
    "lone": _make_lone,
    "bulk": _make_bulk,
    "start": _make_start,
    "memory": _make_memory,
    "postgres": _make_postgres,
}
SUMMARIES = {
    "update": "UpdateItem beside PocketBase's PATCH, an echo and raw SQLite",
    "nested": "an order and ten lines, beside PocketBase's batch",
    "create": "CreateItem beside PocketBase's create",
    "details": "GetItemDetails beside PocketBase's view",
    "autonum": "GetAutoNumber on one branch beside UpdateItem; no duplicate, no gap",
    "bulk": "300 items in a bulk action beside one UpdateItem and a raw commit of as many",
    "lone": "UpdateItem by one client beside one raw durable commit",
    "start": "a second start to the first answer",
    "memory": "resident memory after one login and 100 updates",
    "postgres": "UpdateItem on PostgreSQL beside pgbench",
}
