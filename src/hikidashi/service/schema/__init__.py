"""Schema as code: definitions and people in a YAML file, planned, applied and exported.

Objects match by `id` if given, else by display id (users by e-mail address, workspaces and keys
by name); `was` renames. What a file leaves out stays as it is. `deleted: true` takes away, and
what would destroy data has to be allowed by name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from ...core.ids import Clock, IdSource
from ...storage.audit import Author
from ...storage.definitions import list_workspaces, lock_workspaces
from ...storage.engines import Connection, Engine
from ...storage.store import Store
from .apply import apply_changes, check_destruction, check_values
from .changes import Change
from .export import export_workspace
from .model import SchemaFile, load, loads, of_data
from .now import find_workspaces, read_now
from .plan import plan
from .problems import Place, Problem, SchemaError
from .sealing import read_held, seal_passwords
from .sections import USUAL

BY_FILE = Author("schema")


async def schema_plan(store: Store, ids: IdSource, source: str | Path | SchemaFile) -> list[Change]:
    """What applying a file would do. Raises SchemaError."""
    schema = await _load(store, source)

    def look(connection: Connection) -> list[Change]:
        changes = plan(schema, read_now(connection, schema), ids)
        check_values(connection, changes)
        return changes

    return await store.scan(look)


async def schema_apply(  # noqa: PLR0913
    store: Store,
    ids: IdSource,
    clock: Clock,
    source: str | Path | SchemaFile,
    allow_destroy: Sequence[str] = (),
    author: Author = BY_FILE,
) -> list[Change]:
    """Apply a file in one transaction and tell what was done. Raises SchemaError."""
    schema = await _load(store, source)
    return await store.change(
        lambda connection: apply_schema(
            connection, store.engine, schema, ids, clock.now_ms(), allow_destroy, author
        )
    )


async def schema_export(store: Store, workspace: str = "") -> str:
    """A workspace, by name or id, as a file; all of them if none is named."""
    return await store.scan(lambda connection: export_workspace(connection, workspace))


def apply_schema(  # noqa: PLR0913
    connection: Connection,
    engine: Engine,
    schema: SchemaFile,
    ids: IdSource,
    now_ms: int,
    allow_destroy: Sequence[str] = (),
    author: Author = BY_FILE,
) -> list[Change]:
    """The same inside a transaction that is open. Passwords have been sealed."""
    listed = list_workspaces(connection)
    named = [one.id for node in schema.workspaces for one in find_workspaces(node, listed)]
    lock_workspaces(connection, engine, ["", *named])  # "": one schema file at a time
    changes = plan(schema, read_now(connection, schema), ids)
    check_destruction(changes, allow_destroy)
    if changes:
        apply_changes(connection, engine, changes, author, ids, now_ms)
    return changes


async def _load(store: Store, source: str | Path | SchemaFile) -> SchemaFile:
    """Read a file and hash its passwords, which takes long, outside of any transaction."""
    schema = source if isinstance(source, SchemaFile) else await asyncio.to_thread(load, source)
    held = await store.scan(lambda connection: read_held(connection, schema))
    await asyncio.to_thread(seal_passwords, schema, held)
    return schema


__all__ = [
    "BY_FILE",
    "USUAL",
    "Change",
    "Place",
    "Problem",
    "SchemaError",
    "SchemaFile",
    "apply_schema",
    "export_workspace",
    "load",
    "loads",
    "of_data",
    "plan",
    "read_held",
    "read_now",
    "schema_apply",
    "schema_export",
    "schema_plan",
    "seal_passwords",
]
