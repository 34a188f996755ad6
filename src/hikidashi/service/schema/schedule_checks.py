"""What must hold of a schedule for it to be run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...core.actions import Operation
from ...core.ids import is_id
from ...storage.definition_bodies import ActionBody, Definition, QueryBody, ScheduleBody


def schedule_problems(body: ScheduleBody, live: Mapping[str, Definition]) -> Iterator[str]:
    """Why a schedule can't be run; `live` are all definitions by id."""
    for key, value in (
        ("a datastore", body.datastore),
        ("an action", body.action),
        ("a cron line", body.cron),
    ):
        if not value:
            yield f"needs {key}"
    if body.datastore and body.datastore not in live:
        yield "is for a datastore that is gone"
        return
    if not body.action or not body.datastore:
        return
    action = live.get(body.action)
    if action is None or not isinstance(action.body, ActionBody):
        yield "runs an action that is gone"
    elif action.parent != body.datastore:
        yield "runs an action that is not of its datastore"
    else:
        yield from _search_problems(body, action.body.operation, live)
    for one in body.values:
        if not _is_field(one, body.datastore, live):
            yield "writes a field that is not in its datastore"


def _search_problems(
    body: ScheduleBody, operation: Operation, live: Mapping[str, Definition]
) -> Iterator[str]:
    if operation is Operation.NEW:
        if body.query or body.conditions is not None:
            yield "has a query or conditions, and its action makes a new item"
        return
    if bool(body.query) == (body.conditions is not None):
        yield "needs either a query or conditions ([] for every item)"
    if body.query:
        query = live.get(body.query)
        if query is None or not isinstance(query.body, QueryBody):
            yield "finds items by a query that is gone"
        elif query.body.datastore != body.datastore:
            yield "finds items by a query of another datastore"
    for condition in body.conditions or ():
        if is_id(condition.field) and not _is_field(condition.field, body.datastore, live):
            yield "has a condition on a field that is not in its datastore"


def _is_field(field: str, datastore: str, live: Mapping[str, Definition]) -> bool:
    found = live.get(field)
    return found is not None and found.kind == "field" and found.parent == datastore
