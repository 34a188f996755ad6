"""Bringing tables, indexes, counters, links and searched texts in step with the definitions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..core.catalog import Catalog, Datastore, Field
from . import deletions, tables
from .engines import Column, Connection, Engine, Insert
from .texts import follow_fields

CREATION_BRANCH = "-"  # the counter of the numbers that items get on creation
PLAIN_BRANCH = "+"  # the counter of numbers taken without a branch key


def change_tables(
    connection: Connection,
    engine: Engine,
    before: Catalog,
    after: Catalog,
    since: Mapping[str, int],
) -> None:
    """The tables that the definitions of `after` need, where `before` had its own.

    `since`: when definitions that are there again had been deleted, by id.
    """
    words: dict[str, str] = {str(key): word for key, word in engine.types().items()}
    statements: list[str] = []
    numbered: list[Field] = []
    for project in after.projects:
        for datastore in project.datastores:
            known = before.find_datastore(datastore.id)
            if known is None and datastore.id in since:
                continue  # its table has been there all the time
            if known is None:
                statements += tables.create_table(datastore, words.__getitem__, engine.name)
                engine.create_row_numbers(connection, datastore.id)
                numbered += datastore.number_fields
            else:
                statements += _change_table(known, datastore, words, since, engine.name)
                old = {one.id for one in known.number_fields}
                numbered += [one for one in datastore.number_fields if one.id not in old]
    for statement in statements:
        connection.run_script(statement)
    _create_counters(connection, numbered)
    for project in after.projects:
        for datastore in project.datastores:
            if datastore.id in since:
                live = [one.id for place in after.projects for one in place.datastores]
                deletions.bring_links_back(connection, datastore.id, live)
            fields = [one.id for one in datastore.file_fields if one.id in since]
            for field in fields:
                deletions.bring_files_back(connection, [field], since[field])
            known, has_items = before.find_datastore(datastore.id), datastore.id in since
            follow_fields(connection, known, datastore, has_items=has_items)
    gone = [
        one.id
        for project in before.projects
        for one in project.datastores
        if after.find_datastore(one.id) is None
    ]
    for datastore_id in gone:  # the items stay where they are, unreachable
        deletions.set_links_aside(connection, datastore_id)
        follow_fields(connection, before.find_datastore(datastore_id), None)


def _change_table(
    before: Datastore,
    after: Datastore,
    words: dict[str, str],
    since: Mapping[str, int],
    engine: str,
) -> list[str]:
    statements: list[str] = []
    old = {one.id: one for one in before.stored_fields}
    new = {one.id: one for one in after.stored_fields}
    for key, field in old.items():
        if key not in new:
            statements += tables.retire_column(after.id, field, engine)
    for key, field in new.items():
        known = old.get(key)
        if known is None and key in since:
            statements += tables.return_column(after.id, field, engine)
        elif known is None:
            statements += tables.add_column(after.id, field, words.__getitem__, engine)
        elif known.storage is not field.storage:  # computed: nothing is lost
            statements += tables.drop_column(after.id, known, engine)
            statements += tables.add_column(after.id, field, words.__getitem__, engine)
        elif (known.unique, known.has_index) != (field.unique, field.has_index):
            statements += tables.drop_field_index(after.id, known, engine)
            statements += tables.create_field_index(after.id, field, engine).values()
    return statements


def _create_counters(connection: Connection, fields: Iterable[Field]) -> None:
    columns = (Column("field_id", "text"), Column("branch", "text"), Column("last", "bigint"))
    rows = [(field.id, branch, 0) for field in fields for branch in (CREATION_BRANCH, PLAIN_BRANCH)]
    key = ("field_id", "branch")
    connection.write([Insert("counters", columns, rows, conflict=key)])
