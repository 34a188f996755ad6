"""Bringing tables, indexes, counters, links and searched texts in step with the definitions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set as AbstractSet

from ..core.catalog import Catalog, Datastore, Field
from . import builds, deletions, tables
from .engines import Column, Connection, Engine, Insert
from .recompute import list_outdated, recompute_rows
from .texts import follow_fields, index_rows

CREATION_BRANCH = "-"  # the counter of the numbers that items get on creation
PLAIN_BRANCH = "+"  # the counter of numbers taken without a branch key


def change_tables(  # noqa: PLR0913
    connection: Connection,
    engine: Engine,
    before: Catalog,
    after: Catalog,
    since: Mapping[str, int],
    now_ms: int,
) -> None:
    """The tables that the definitions of `after` need, where `before` had its own.

    `since`: when definitions that are there again had been deleted, by id.
    """
    words: dict[str, str] = {str(key): word for key, word in engine.types().items()}
    statements: list[str] = []
    changed: list[tuple[Datastore, Datastore]] = []
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
                left = _leave_columns(connection, engine, known, after)
                statements += _change_table(known, datastore, words, since, engine.name, left)
                changed.append((known, datastore))
                old = {one.id for one in known.number_fields}
                numbered += [one for one in datastore.number_fields if one.id not in old]
    engine.keep_patience(connection)
    for statement in statements:
        connection.run_script(statement)
    for known, datastore in changed:
        _change_indexes(connection, engine, known, datastore, now_ms)
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
            parts = follow_fields(connection, known, datastore, has_items=has_items)
            _index_texts(connection, datastore, parts)
    gone = [
        one.id
        for project in before.projects
        for one in project.datastores
        if after.find_datastore(one.id) is None
    ]
    for datastore_id in gone:  # the items stay where they are, unreachable
        deletions.set_links_aside(connection, datastore_id)
        follow_fields(connection, before.find_datastore(datastore_id), None)


def _change_table(  # noqa: PLR0913
    before: Datastore,
    after: Datastore,
    words: dict[str, str],
    since: Mapping[str, int],
    engine: str,
    left: AbstractSet[str],
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
            statements += tables.return_column(after.id, field)
        elif known is None:
            statements += tables.add_column(after.id, field, words.__getitem__)
        elif known.storage is not field.storage:  # computed: nothing is lost
            if key not in left:
                statements += tables.drop_column(after.id, known, engine)
            statements += tables.add_column(after.id, field, words.__getitem__)
    return statements


def _leave_columns(
    connection: Connection, engine: Engine, before: Datastore, after: Catalog
) -> set[str]:
    """Leave the columns of computed fields over that are kept in another way from now on, where
    to take them away would take long. Gives the ids of the fields."""
    datastore = after.find_datastore(before.id)
    new = {one.id: one for one in datastore.stored_fields} if datastore is not None else {}
    kept = [one for one in before.stored_fields if one.id in new]
    changed = [one for one in kept if one.storage is not new[one.id].storage]
    if not changed or not engine.rewrites_tables or not builds.is_large(connection, before.id):
        return set()
    for one in changed:
        for statement in tables.drop_field_index(before.id, one, engine.name):
            connection.run_script(statement)
        column, left = tables.field_column(one).name, f"d_{one.id}_{after.number}"
        builds.empty_column(connection, before.workspace, before.id, column, left)
    return {one.id for one in changed}


def _change_indexes(
    connection: Connection, engine: Engine, before: Datastore, after: Datastore, now_ms: int
) -> None:
    """The indexes of fields that are new, or other than they were: made at once, or ordered."""
    old = {one.id: one for one in before.stored_fields}
    new = {one.id: one for one in after.stored_fields}
    for key in old.keys() - new.keys():
        builds.forget_build(connection, builds.Kind.INDEX, after.id, key, now_ms)
    for key, field in new.items():
        known = old.get(key)
        if known is not None and known.storage is field.storage:
            if (known.unique, known.has_index) == (field.unique, field.has_index):
                continue
            for statement in tables.drop_field_index(after.id, known, engine.name):
                connection.run_script(statement)
            builds.forget_build(connection, builds.Kind.INDEX, after.id, key, now_ms)
        statements = tables.create_field_index(after.id, field, engine.name).values()
        if statements and builds.is_large(connection, after.id):
            builds.order_index(connection, engine, after, field)
            continue
        for statement in statements:
            connection.run_script(statement)


def _index_texts(connection: Connection, datastore: Datastore, parts: list[str]) -> None:
    """Take in what became searched, at once or behind the change."""
    if parts and builds.is_large(connection, datastore.id):
        for part in parts:
            kind = builds.Kind.TEXTS
            builds.order_build(connection, kind, datastore.workspace, datastore.id, part)
    elif parts:
        fields = [one for one in datastore.fields if one.id in parts]
        index_rows(connection, datastore, fields, with_comments="" in parts)


def change_values(connection: Connection, before: Catalog, after: Catalog, now_ms: int) -> None:
    """Calc fields and titles of the items that are there, where definitions changed: at once, or
    from the first datastore on that has many items behind the change, as others read of it."""
    is_later = False
    for datastore in list_outdated(before, after):
        is_later = is_later or builds.is_large(connection, datastore.id)
        if is_later:
            kind = builds.Kind.VALUES
            builds.order_build(connection, kind, datastore.workspace, datastore.id)
        else:
            recompute_rows(connection, datastore, after, now_ms)


def _create_counters(connection: Connection, fields: Iterable[Field]) -> None:
    columns = (Column("field_id", "text"), Column("branch", "text"), Column("last", "bigint"))
    rows = [(field.id, branch, 0) for field in fields for branch in (CREATION_BRANCH, PLAIN_BRANCH)]
    key = ("field_id", "branch")
    connection.write([Insert("counters", columns, rows, conflict=key)])
