"""Computing calc fields and titles of the items that are there, when their definitions change.

It is no action on the items: their revisions stay, and there is neither history nor event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..core.catalog import Catalog, Datastore
from ..core.computed import CalcPlan, calc_plan, make_title, order_datastores, outline
from ..core.items import Item
from .engines import Column, Connection, QueryKeys, Row, Update
from .tables import ID, ROWS_MAX, field_column, item_table, store_value

PORTION_ITEMS: Final = 500  # read, computed and written at a time: bounds the memory it takes
_TITLE = Column("title", "text")
_NO_KEYS = frozenset[str]()


def list_outdated(before: Catalog, after: Catalog) -> list[Datastore]:
    """Every datastore whose formulas or titles changed, after those that its formulas read."""
    changed = []
    for project in after.projects:
        for datastore in project.datastores:
            known = before.find_datastore(datastore.id)
            if known is not None and outline(known, before) != outline(datastore, after):
                changed.append(datastore)
    return list(order_datastores(changed))


def recompute_rows(  # noqa: PLR0913
    connection: Connection,
    datastore: Datastore,
    catalog: Catalog,
    now_ms: int,
    first: int = -1,
    end: int = ROWS_MAX,
) -> None:
    """Bring the items in step whose rows lie behind `first`, up to `end`."""
    plan = calc_plan(datastore, catalog)
    columns = (_TITLE, *(field_column(one) for one in datastore.calc_fields))
    keys = [one.id for one in datastore.calc_fields]
    table = item_table(datastore)
    last = first
    while True:
        text = f"{table.select} WHERE n > ? AND n <= ? ORDER BY n LIMIT ?"
        read = connection.query(text, (last, end, PORTION_ITEMS))
        if not read:
            return
        items = [table.item(row, _NO_KEYS) for row in read]
        last = items[-1].n
        found = _read_followed(connection, catalog, plan, items)

        def find(
            wanted: Sequence[tuple[str, str]],
            found: Mapping[tuple[str, str], Item] = found,
        ) -> Mapping[tuple[str, str], Item | None]:
            return {one: found.get(one) for one in wanted}

        rows: list[Row] = []
        for item in items:
            values: dict[str, Any] = {**item.values}
            values |= plan.compute(values, item.status, now_ms, find)
            title = make_title(datastore, values)
            if title != item.title or any(values[key] != item.values.get(key) for key in keys):
                rows.append((title, *(store_value(values[key]) for key in keys), item.id))
        together = not table.searched.isdisjoint(keys)
        connection.write([Update(table.name, ID, columns, rows, together)])


def _read_followed(
    connection: Connection, catalog: Catalog, plan: CalcPlan, items: Sequence[Item]
) -> dict[tuple[str, str], Item]:
    """The items that the formulas of some items read, by datastore and id."""
    wanted: dict[str, set[str]] = {}
    for item in items:
        for place, target in plan.looked_up(item.values).values():
            wanted.setdefault(place, set()).add(target)
    found: dict[tuple[str, str], Item] = {}
    for place, ids in wanted.items():
        datastore = catalog.find_datastore(place)
        if datastore is None:
            continue
        table = item_table(datastore)
        for row in connection.read([QueryKeys(table.select, ID, sorted(ids))])[0]:
            item = table.item(row, _NO_KEYS)
            found[place, item.id] = item
    return found
