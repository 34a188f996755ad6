"""The works that take files in and give them out: rows a second, and what memory they take."""

from __future__ import annotations

import csv
import http.client
import io
import random
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from . import bodies
from .bodies import make_order
from .hikidashi import Hikidashi
from .load import Measure
from .servers import Server, expect
from .stand import Stand
from .works import Run, Target, Work, make_side
from .works_reads import MANY, QUICK

ROWS, MANY_ROWS = 20_000, 200_000  # of a file
ROWS_A_MINUTE = 100_000
EXPORTED_A_SECOND = 50_000
MEMORY_MB = 60
BOUNDARY = "bench-boundary"
ITEMS = bodies.ITEMS.removesuffix("/items")
_SECONDS_MAX = 900
_LOOK_S = 0.02


class Watch:
    """How much more memory a server takes at most than it did before."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._before = server.memory_mb()
        self._most = self._before
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(_LOOK_S):
            self._most = max(self._most, self._server.memory_mb())

    @property
    def growth(self) -> float:
        """In MB."""
        return self._most - self._before


def _request(
    server: Hikidashi, method: str, path: str, body: bytes = b"", **headers: str
) -> http.client.HTTPResponse:
    address = server.url.removeprefix("http://")
    connection = http.client.HTTPConnection(address, timeout=_SECONDS_MAX)
    connection.request(method, path, body, {"Authorization": server.token, **headers})
    return connection.getresponse()


# --- in ---------------------------------------------------------------------------------------


def make_file(rows: int, turn: int) -> bytes:
    """Orders as CSV, other ones each turn, as a form."""
    chance = random.Random(turn)
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    names = list(make_order(chance))
    writer.writerow(names)
    for _ in range(rows):
        order: dict[str, Any] = make_order(chance)
        writer.writerow([_cell(order[one]) for one in names])
    parts = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="no_queue"\r\n\r\ntrue\r\n']
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="orders.csv"'
    parts += [f"{head}\r\n\r\n{out.getvalue()}\r\n--{BOUNDARY}--\r\n"]
    return "".join(parts).encode()


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ",".join(str(one) for one in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _import(server: Hikidashi, form: bytes) -> tuple[str, ...]:
    """Wait for an import to end; what was wrong with it."""
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    answer = _request(server, "POST", f"{ITEMS}/import", form, **{"Content-Type": kind})
    told = answer.read()
    if answer.status != http.client.OK:
        return (f"the import was answered {answer.status}: {told[:200]!r}",)
    job = told.decode().split('"')[3]
    result = _request(server, "GET", f"/api/v0/datastores/orders/import/{job}").read()
    return (f"the file was refused: {result[:200]!r}",) if result else ()


def _importer(server: Hikidashi, rows: int) -> Run:
    turn = 0

    def run(_: float) -> Measure:
        nonlocal turn
        turn += 1
        form = make_file(rows, turn)
        began = time.perf_counter()
        errors = _import(server, form)
        return Measure(rows / (time.perf_counter() - began), errors=errors)

    return run


def _make_import(stand: Stand) -> Work:
    return Work(
        "import",
        f"CSV of {ROWS:,} orders of twelve fields, imported",
        "rows/s",
        (
            make_side("hikidashi", lambda: _importer(stand.hikidashi(), ROWS)),
            make_side("raw SQLite, one transaction", lambda: _raw_sqlite(stand)),
        ),
        (
            Target("raw SQLite, one transaction", 0.2),
            Target("", plus=ROWS_A_MINUTE / 60),
        ),
        is_timed=False,
    )


def _make_import_postgres(stand: Stand) -> Work:
    return Work(
        "import-postgres",
        f"CSV of {ROWS:,} orders of twelve fields, imported on PostgreSQL",
        "rows/s",
        (
            make_side("hikidashi", lambda: _importer(stand.hikidashi_on_postgres(), ROWS)),
            make_side("raw COPY, one transaction", lambda: _raw_postgres(stand)),
        ),
        (
            Target("raw COPY, one transaction", 0.2),
            Target("", plus=ROWS_A_MINUTE / 60),
        ),
        is_timed=False,
    )


def _raw_sqlite(stand: Stand) -> Run:
    engine = stand.raw_sqlite()
    return lambda _: engine.insert(ROWS)


def _raw_postgres(stand: Stand) -> Run:
    engine = stand.pgbench()
    return lambda _: engine.insert(ROWS)


def _make_import_memory(stand: Stand) -> Work:
    many = MANY_ROWS // (10 if stand.is_quick else 1)

    def run(_: float) -> Measure:
        server = stand.hikidashi()
        server.server.stop()
        server.server.start()
        server.token = server.login()
        errors = _import(server, make_file(ROWS, 0))  # SQLite's own cache has 64 MB after it
        form = make_file(many, 1)
        with Watch(server.server) as watch:
            errors += _import(server, form)
        return Measure(watch.growth, errors=errors)

    return Work(
        "import-memory",
        f"Memory that an import of {many:,} rows takes, after one of {ROWS:,}",
        "MB",
        (make_side("hikidashi", lambda: run),),
        (Target("", plus=MEMORY_MB, at_least=False),),
        is_timed=False,
    )


# --- out --------------------------------------------------------------------------------------


def _make_export(stand: Stand) -> Work:
    count = QUICK if stand.is_quick else MANY

    def run(_: float) -> Measure:
        server = stand.large(count)
        began = time.perf_counter()
        errors = _export(server, count)
        return Measure(count / (time.perf_counter() - began), errors=errors)

    return Work(
        "export",
        f"{count:,} orders exported as CSV",
        "rows/s",
        (make_side("hikidashi", lambda: run),),
        (Target("", plus=EXPORTED_A_SECOND),),
        is_timed=False,
    )


def _make_export_memory(stand: Stand) -> Work:
    count = QUICK if stand.is_quick else MANY

    def run(_: float) -> Measure:
        server = stand.large(count)
        expect(server.url, "POST", f"{bodies.ITEMS}/search", {"per_page": 1}, token=server.token)
        with Watch(server.server) as watch:
            errors = _export(server, count)
        return Measure(watch.growth, errors=errors)

    return Work(
        "export-memory",
        f"Memory that an export of {count:,} orders takes beside what the server had",
        "MB",
        (make_side("hikidashi", lambda: run),),
        (Target("", plus=MEMORY_MB, at_least=False),),
        is_timed=False,
    )


def _export(server: Hikidashi, count: int) -> tuple[str, ...]:
    """Read a whole export; what was wrong with it. No text of an order has a line break."""
    answer = _request(server, "GET", f"{ITEMS}/export?format=csv")
    lines = 0
    while piece := answer.read(1_000_000):
        lines += piece.count(b"\n")
    return () if lines == count + 1 else (f"{lines} lines came",)


WORKS: dict[str, Callable[[Stand], Work]] = {
    "import": _make_import,
    "import-memory": _make_import_memory,
    "export": _make_export,
    "export-memory": _make_export_memory,
    "import-postgres": _make_import_postgres,
}
SUMMARIES = {
    "import": "a CSV of 20,000 rows beside raw inserts of the same rows",
    "import-memory": "what an import of 200,000 rows adds to memory",
    "export": "a million items as CSV",
    "export-memory": "what that adds to memory",
    "import-postgres": "a CSV of 20,000 rows on PostgreSQL beside raw COPY",
}
