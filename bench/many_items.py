"""A datastore filled with any number of orders, put into the tables without the API.

    python -m bench.many_items sqlite:////tmp/large.db 1000000

The database gets the bench workspace first if it has none. Items are the same for the same seed:
twelve values each, made one second apart, and as many access sets as asked for, each of which the
role MEMBER opens. They have no histories, so nothing of them is unread.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hikidashi.bootstrap import build
from hikidashi.config import load_config
from hikidashi.core.catalog import Catalog, Datastore
from hikidashi.core.items import Item
from hikidashi.core.kinds.choice import find_option
from hikidashi.core.values import Value
from hikidashi.service.schema import schema_apply
from hikidashi.storage.access_sets import AccessSets
from hikidashi.storage.definitions import list_workspaces, load_catalog
from hikidashi.storage.engines import Connection, Insert
from hikidashi.storage.migrate import make_secret
from hikidashi.storage.tables import item_table

from .bodies import APPLICATION, ORDERS, make_order

WORLD = Path(__file__).parent / "world.yaml"
_NOTE = "name: Note, type: textarea"
SEED = 21
PORTION = 20_000  # items a transaction
FIRST_MS = 1_700_000_000_000
STEP_MS = 1_000
ID_START = "65f0c0ffee0badc0"  # ids end in the item's number


def item_id(number: int) -> str:
    """The id of the item of a number, counted from 1."""
    return f"{ID_START}{number:08x}"


def owner_id(number: int) -> str:
    """The id of whose key is in the access set of a number, counted from 0."""
    return f"{ID_START[:-1]}e{number:08x}"


def make_items(
    catalog: Catalog, datastore: Datastore, count: int, sets: int, seed: int
) -> Iterator[Item]:
    """The orders, oldest first."""
    chance = random.Random(seed)
    project = catalog.find_project(APPLICATION)
    member = project.find_role("MEMBER") if project else None
    if member is None:
        raise RuntimeError("the bench workspace has no role MEMBER")
    for number in range(1, count + 1):
        owner = owner_id(number % sets)
        values = _values(datastore, make_order(chance))
        subject = datastore.find_field("subject")
        yield Item(
            datastore=datastore.id,
            id=item_id(number),
            n=number,
            rev=1,
            seq=1,
            status=datastore.start_status,
            title=str(values[subject.id]) if subject else "",
            created_at=FIRST_MS + number * STEP_MS,
            created_by=owner,
            updated_at=None,
            updated_by="",
            keys=frozenset((member.id, owner)),
            values=values,
        )


def _values(datastore: Datastore, order: dict[str, Any]) -> dict[str, Value]:
    """The words of a body as the core holds them."""
    found: dict[str, Value] = {}
    for name, raw in order.items():
        field = datastore.find_field(name)
        if field is None:
            raise RuntimeError(f"the bench workspace has no field {name}")
        if field.kind.has_options and isinstance(raw, list):
            chosen = [find_option(one, field.settings) for one in raw]
            found[field.id] = tuple(one.id for one in chosen if one)
        else:
            found[field.id] = field.kind.parse(raw, field.settings)
    return found


def write_indexed(folder: Path) -> Path:
    """A file of the same workspace in which notes are indexed. Writes are measured without that."""
    path = folder / "indexed.yaml"
    path.write_text(WORLD.read_text("utf-8").replace(_NOTE, f"{_NOTE}, has_index: true"), "utf-8")
    return path


def fill(
    url: str, count: int, *, sets: int = 1, seed: int = SEED, world: Path | None = None
) -> None:
    """Make the workspace if it is not there, and the items; then what `world` says otherwise."""
    asyncio.run(_fill(url, count, sets, seed, world))


async def _fill(url: str, count: int, sets: int, seed: int, world: Path | None) -> None:
    app = build(load_config({}, {"database": url}))
    await app.open()
    try:
        if not await app.store.read(list_workspaces):
            await schema_apply(app.store, app.ids, app.clock, WORLD)
        connection = app.store.engine.connect()
        try:
            is_postgres = app.store.engine.name == "postgresql"
            _write(connection, count, sets, seed, is_postgres=is_postgres)
            if world is not None:
                await schema_apply(app.store, app.ids, app.clock, world)
                await app.builds.finish()
            if is_postgres:
                connection.query("VACUUM ANALYZE")
        finally:
            connection.close()
    finally:
        await app.close()


def _write(connection: Connection, count: int, sets: int, seed: int, *, is_postgres: bool) -> None:
    workspace = list_workspaces(connection)[0]
    catalog = load_catalog(connection, workspace.id)
    project = catalog.find_project(APPLICATION)
    datastore = project.find_datastore(ORDERS) if project else None
    if datastore is None:
        raise RuntimeError("the database holds another workspace than that of the bench")
    table = item_table(datastore)
    access = AccessSets(make_secret(connection, "access_secret"))
    portion: list[Item] = []
    for item in make_items(catalog, datastore, count, sets, seed):
        portion.append(item)
        if len(portion) == PORTION or item.n == count:
            connection.begin()
            wanted = {(workspace.id, one.keys) for one in portion}
            unknown = [one for one in wanted if access.find_acl(*one) is None]
            places, inserts = access.place(connection, sorted(unknown, key=repr))
            access.remember(places)
            rows = []
            for one in portion:
                acl = access.find_acl(workspace.id, one.keys)
                rows.append(table.row(one, acl or 0))
            connection.write([*inserts, Insert(table.name, table.columns, rows)])
            connection.commit()
            portion = []
    if is_postgres:
        connection.query(f"SELECT setval('rows_{datastore.id}', ?)", (count,))
    else:
        connection.query(
            "UPDATE row_numbers SET last = ? WHERE datastore_id = ?", (count, datastore.id)
        )


def main() -> None:
    """Fill the database of a URL."""
    parser = argparse.ArgumentParser(prog="bench.many_items", description=__doc__)
    parser.add_argument("database")
    parser.add_argument("count", type=int)
    parser.add_argument("--sets", type=int, default=1)
    parser.add_argument("--seed", type=int, default=SEED)
    found = parser.parse_args()
    began = time.perf_counter()
    fill(found.database, found.count, sets=found.sets, seed=found.seed)
    print(f"{found.count:,} items in {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
