"""The indexes of datastores' tables: which are lacking, and making them when the server starts.

A table gets its indexes with its definition. One made by an older version, or brought back from
a copy without them, lacks some; then a read that ought to look at a page looks at all items.
"""

from __future__ import annotations

from ..core.catalog import Datastore
from .builds import list_indexes
from .definitions import list_workspaces, load_catalog
from .engines import Connection, Engine, EngineError, IntegrityError, OutdatedSchemaError
from .migrate import begin
from .tables import create_field_index, create_indexes


def list_wanted(datastore: Datastore, engine: str) -> dict[str, str]:
    """What makes the indexes of a datastore, but for those that are being built."""
    building = [one for one in datastore.stored_fields if one.is_building]
    later = {name for one in building for name in create_field_index(datastore.id, one, engine)}
    every = create_indexes(datastore, engine)
    return {name: text for name, text in every.items() if name not in later}


def make_missing_indexes(engine: Engine, connection: Connection) -> None:
    """Make the indexes that tables lack, those of a workspace in a transaction.

    One that can't be made, because its table is gone or a value is there twice, is left out:
    `hikidashi check` tells what is lacking, and the server can do without.
    """
    known = list_indexes(engine, connection)
    for workspace in list_workspaces(connection):
        try:
            lacking = _lacking(engine, connection, workspace.id, known)
        except EngineError:
            raise
        except Exception:  # noqa: BLE001, S112  definitions that can't be read cost no others
            continue
        if lacking:
            _mend(engine, connection, workspace.id)


def _lacking(engine: Engine, connection: Connection, workspace: str, known: set[str]) -> list[str]:
    return [
        statement
        for project in load_catalog(connection, workspace).projects
        for datastore in project.datastores
        for name, statement in list_wanted(datastore, engine.name).items()
        if name not in known
    ]


def _mend(engine: Engine, connection: Connection, workspace: str) -> None:
    begin(connection)
    try:
        lock = engine.lock_workspaces([workspace], exclusive=True)
        if lock is not None:
            connection.read([lock])
        # Looked up again: definitions, and another process that starts, may have been quicker.
        known = list_indexes(engine, connection)
        for statement in _lacking(engine, connection, workspace, known):
            connection.savepoint()
            try:
                connection.run_script(statement)
            except (IntegrityError, OutdatedSchemaError):
                connection.rollback_to()
            else:
                connection.release()
        connection.commit()
    except EngineError:
        connection.rollback()
        raise


__all__ = ["list_indexes", "list_wanted", "make_missing_indexes"]
