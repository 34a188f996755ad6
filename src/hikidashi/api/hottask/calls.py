"""Create and UD: a row of a table is an item of a datastore, written by its default actions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from ...core.access import Actor, Identity, may_see_project, may_use_datastore, may_use_field
from ...core.catalog import Catalog, Datastore, Project
from ...core.commands import Entry, Op, WriteItem
from ...core.errors import Code, Fault, FaultError, FaultKind, no_place
from ...core.plan import WriteResult
from ...core.record import record
from ...service.app import App, View
from ..exchange import Answer, Call, HttpRequest
from .decode import decode_create, decode_update, is_placeholder
from .envelope import Envelope, failure, http_status, success
from .keys import identify

BASES = ("/autodev", "/stagingautodev")  # the vendor's two deployments of one API
FIELDS_SHOWN_MAX = 30  # named in the message about a field that is not there


class UpdateBody(msgspec.Struct):
    """What UD takes; the fields may also stand in the body without `update` around them."""

    update: dict[str, Any]  # the row's `id`, the fields to change, optionally `rev_no`


class CreateBody(msgspec.Struct):
    """What Create takes; the fields may also stand in the body without `create` around them."""

    create: dict[str, Any]


@record
class Table:
    """Where a call goes, for whom."""

    project: Project
    datastore: Datastore
    actor: Actor


async def update_row(app: App, request: HttpRequest, identity: Identity) -> int:
    """UD: change the fields given of one row; answers how many rows were changed."""
    table = await app.read(identity, lambda view: _find_table(view, request.params))
    change = decode_update(request.body)
    entry = Entry(
        Op.UPDATE,
        table.datastore.id,
        row=change.row,
        values=change.values,
        revision=change.revision,
    )
    await _write(app, identity, table, entry, force=change.revision is None)
    return 1


async def create_row(app: App, request: HttpRequest, identity: Identity) -> int:
    """Create: insert one row; answers its number."""
    table = await app.read(identity, lambda view: _find_table(view, request.params))
    entry = Entry(Op.NEW, table.datastore.id, values=decode_create(request.body))
    result = await _write(app, identity, table, entry, force=False)
    return result.item.n


async def _write(
    app: App, identity: Identity, table: Table, entry: Entry, *, force: bool
) -> WriteResult:
    try:
        result = await app.run(identity, WriteItem(table.project.id, entry, force=force))
    except FaultError as error:
        raise _explained(error, table) from None
    if not isinstance(result, WriteResult):
        raise TypeError(result)
    return result


def _find_table(view: View, params: dict[str, str]) -> Table:
    """The table of the path, if it exists for the caller. Raises 404."""
    project = _find_project(view.catalog, view.actor, params["code"])
    if project is None or not may_see_project(view.actor, project):
        raise no_place("project", params["code"])
    datastore = project.find_table(params["table"])
    if datastore is None or not may_use_datastore(view.actor, datastore):
        raise no_place("table", params["table"])
    return Table(project, datastore, view.actor)


def _find_project(catalog: Catalog, actor: Actor, code: str) -> Project | None:
    """A project by its randomCode, or else by id or display id; a key's own project first."""
    own = catalog.find_project(actor.project) if actor.project else None
    if own is not None and own.row_code == code:
        return own
    for project in catalog.projects:
        if project.row_code == code:
            return project
    return catalog.find_project(code)


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
    shown = ", ".join(names[:FIELDS_SHOWN_MAX]) + (", …" if len(names) > FIELDS_SHOWN_MAX else "")
    stand_in = " (the one sent stands for their names)" if any(map(is_placeholder, keys)) else ""
    number = " and Create gives the id itself" if any(key.lower() == "id" for key in keys) else ""
    hint = f"the fields of this table are {shown}{stand_in}{number}"
    return FaultError(error.kind, *error.faults, Fault(Code.INVALID_PARAMS, hint))


# --- the table of calls -----------------------------------------------------------------------

Work = Callable[[App, HttpRequest, Identity], Awaitable[int]]


def _handler(work: Work) -> Callable[[App, HttpRequest, Identity | None], Awaitable[Answer]]:
    async def handle(app: App, request: HttpRequest, _identity: Identity | None) -> Answer:
        try:
            identity = await identify(app, request.headers)
            request.user = identity.user
            return Answer(200, success(await work(app, request, identity)))
        except FaultError as error:
            code, body = failure(error)
            return Answer(http_status(code, app.config.hottask_http_errors), body)

    return handle


def _envelope(error: FaultError, _request: HttpRequest) -> Answer:
    """What the edge refuses before a call is handled."""
    code, body = failure(error)
    return Answer(http_status(code, "envelope"), body)


def _calls(base: str, prefix: str) -> tuple[Call, ...]:
    return (
        Call(
            name=f"{prefix}.Create",
            method="POST",
            path=f"{base}/CustomTableValue/Create/:code/:table",
            handle=_handler(create_row),
            envelope=_envelope,
            summary="Insert one row; `Data` is its number.",
            body=CreateBody,
            answer=Envelope,
            auth="hottask",
        ),
        Call(
            name=f"{prefix}.UD",
            method="POST",
            path=f"{base}/CustomTableValue/UD/:code/:table",
            handle=_handler(update_row),
            envelope=_envelope,
            summary="Change the fields given of the row that `id` names; `Data` is 1.",
            body=UpdateBody,
            answer=Envelope,
            auth="hottask",
        ),
    )


CALLS: tuple[Call, ...] = tuple(
    call
    for base, prefix in zip(BASES, ("hottask", "hottask-staging"), strict=True)
    for call in _calls(base, prefix)
)
