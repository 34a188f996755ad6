"""Create, UD and Delete: a row is an item of a datastore, written by its default actions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container, Mapping
from contextlib import suppress
from typing import Annotated, Any, Final, cast

import msgspec

from ...core import places
from ...core.access import Identity, may_use_field
from ...core.actions import Operation
from ...core.commands import Command, Entry, Op, Refuse, WriteItem
from ...core.errors import Code, Fault, FaultError, FaultKind
from ...core.filters import list_names
from ...core.plan import Result, WriteResult
from ...service.app import App, View
from ..body import told
from ..exchange import DRY_RUN, Answer, HttpRequest
from ..running import answer_write, run
from .decode import decode_create, decode_delete, decode_update, is_placeholder
from .envelope import refusal, success
from .places import Table, get_table
from .route import Route, keyed
from .row_values import read_values
from .rows_encode import TIMES


class UpdateBody(msgspec.Struct):
    """What UD takes; the fields may also stand in the body without `update` around them."""

    update: Annotated[
        dict[str, Any],
        told(
            "The row's `id` (or `ID`), and the fields to change by name. With `rev_no`"
            " the row must be at that revision; without it the last write wins."
        ),
    ]


class CreateBody(msgspec.Struct):
    """What Create takes; the fields may also stand in the body without `create` around them."""

    create: Annotated[dict[str, Any], told("The fields of the new row, by name.")]


class DeleteBody(msgspec.Struct):
    """What Delete takes; the id may also stand in the body without `delete` around it."""

    delete: Annotated[
        dict[str, Any],
        told("The row's `id` (or `ID`). With `rev_no` the row must be at that revision."),
    ]


async def create_row(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Create: insert one row; answers its number."""

    async def make(table: Table) -> Entry:
        values = await read_values(app, identity, table, decode_create(request.body))
        return Entry(Op.NEW, request.params["table"], values=values)

    return await _write(app, request, identity, make, lambda one: one.item.n)


async def update_row(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """UD: change the fields given of one row; answers how many rows were changed."""

    async def make(table: Table) -> Entry:
        change = decode_update(request.body, _told_only(table))
        values = await read_values(app, identity, table, change.values, change.row)
        ref, forced = request.params["table"], change.revision is None
        return Entry(
            Op.UPDATE,
            ref,
            row=change.row,
            values=values,
            revision=change.revision,
            force=forced,
        )

    return await _write(app, request, identity, make, lambda _: 1)


async def delete_row(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Delete: delete one row; answers how many rows were deleted."""

    async def make(table: Table) -> Entry:
        wanted = decode_delete(request.body)
        ref, action = request.params["table"], table.datastore.default_action(Operation.DELETE)
        if wanted.revision is None or action is None:
            return Entry(Op.DELETE, ref, row=wanted.row)
        # Only what a named action does is compared with a revision.
        return Entry(Op.ACT, ref, row=wanted.row, action=action.id, revision=wanted.revision)

    return await _write(app, request, identity, make, lambda _: 1)


async def _write(
    app: App,
    request: HttpRequest,
    identity: Identity,
    make: Callable[[Table], Awaitable[Entry]],
    told: Callable[[WriteResult], int],
) -> Answer:
    """Make an entry for the table and write it, once for each Idempotency-Key."""
    table: Table | None = None
    command: Command
    try:
        table = await _find_table(app, identity, request.params)
    except FaultError as error:
        command = Refuse(error)
    else:
        command = WriteItem(request.params["code"], await make(table), is_row=True)

    def answer(outcome: Result | FaultError, _view: View | None) -> Answer:
        if isinstance(outcome, FaultError):
            error = outcome if table is None else _explained(outcome, table)
            return refusal(error, app.config.hottask_http_errors)
        return Answer(200, success(told(cast("WriteResult", outcome))))

    try:
        return await answer_write(app, request, identity, run(app, identity, command), answer)
    except FaultError as error:
        return answer(error, None)


async def _find_table(app: App, identity: Identity, params: Mapping[str, str]) -> Table:
    """The table of the path, perhaps outdated: the write itself looks for it again. Raises 404."""
    held = app.store.standing.find(identity)
    if held is not None:
        with suppress(FaultError):  # it may be there by now
            return Table(places.get_table(*held, params["code"], params["table"]), held[1])
    return await app.read(identity, lambda view: get_table(view, params))


def _told_only(table: Table) -> Container[str]:
    """Keys of a row that say when it was written, and are no fields of the table."""
    find = table.datastore.find_field
    return [one for one in TIMES if find(one) is None]


def _explained(error: FaultError, table: Table) -> FaultError:
    """Where a field is not there, say which are."""
    keys = [
        one.reference.removeprefix("f_id:")
        for one in error.faults
        if one.code is Code.INVALID_PARAMS and one.error.startswith("unknown field")
    ]
    if not keys or error.kind is not FaultKind.INVALID:
        return error
    names = [
        field.display_id
        for field in table.datastore.fields
        if field.kind.writable and may_use_field(table.actor, field)
    ]
    stand_in = " (the one sent stands for their names)" if any(map(is_placeholder, keys)) else ""
    number = " and Create gives the id itself" if any(key.lower() == "id" for key in keys) else ""
    hint = f"the fields of this table are {list_names(names)}{stand_in}{number}"
    return FaultError(error.kind, *error.faults, Fault(Code.INVALID_PARAMS, hint))


ROUTES: Final = (
    Route(
        name="Create",
        path="/CustomTableValue/Create/:code/:table",
        work=keyed(create_row, "Create"),
        summary="Insert one row; `Data` is its number.",
        query=(DRY_RUN,),
        body=CreateBody,
    ),
    Route(
        name="UD",
        path="/CustomTableValue/UD/:code/:table",
        work=keyed(update_row, "UD"),
        summary="Change the fields given of the row that `id` names; `Data` is 1.",
        query=(DRY_RUN,),
        body=UpdateBody,
    ),
    Route(
        name="Delete",
        path="/CustomTableValue/Delete/:code/:table",
        work=keyed(delete_row, "Delete"),
        summary="Delete the row that `id` names; `Data` is 1.",
        query=(DRY_RUN,),
        body=DeleteBody,
    ),
)
