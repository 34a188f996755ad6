"""Create and UD: a row of a table is an item of a datastore, written by its default actions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, cast

import msgspec

from ...core.access import Actor, Identity, may_see_project, may_use_datastore, may_use_field
from ...core.catalog import Catalog, Datastore, Project
from ...core.commands import Command, Entry, Op, Refuse, WriteItem
from ...core.errors import Code, Fault, FaultError, FaultKind, no_place
from ...core.plan import Result, WriteResult
from ...core.record import record
from ...service.app import App, View
from ..body import told
from ..exchange import DRY_RUN, Answer, Call, HttpRequest
from ..running import answer_write, run
from .decode import decode_create, decode_update, is_placeholder
from .envelope import Envelope, failure, http_status, success
from .keys import identify

# The vendor's two deployments of one API, and how their calls are named here.
BASES = {"/autodev": "hottask", "/stagingautodev": "hottask-staging"}
FIELDS_SHOWN_MAX = 30  # named in the message about a field that is not there


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


@record
class Table:
    """Where a call goes, for whom."""

    project: Project
    datastore: Datastore
    actor: Actor


async def update_row(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """UD: change the fields given of one row; answers how many rows were changed."""

    def make(table: Table) -> WriteItem:
        change = decode_update(request.body)
        entry = Entry(
            Op.UPDATE,
            table.datastore.id,
            row=change.row,
            values=change.values,
            revision=change.revision,
        )
        return WriteItem(table.project.id, entry, force=change.revision is None)

    return await _write(app, request, identity, make, lambda _: 1)


async def create_row(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Create: insert one row; answers its number."""

    def make(table: Table) -> WriteItem:
        entry = Entry(Op.NEW, table.datastore.id, values=decode_create(request.body))
        return WriteItem(table.project.id, entry)

    return await _write(app, request, identity, make, lambda one: one.item.n)


async def _write(
    app: App,
    request: HttpRequest,
    identity: Identity,
    make: Callable[[Table], WriteItem],
    told: Callable[[WriteResult], int],
) -> Answer:
    """Make a command for the table and run it, once for each Idempotency-Key."""
    table: Table | None = None
    command: Command
    try:
        table = await app.read(identity, lambda view: _find_table(view, request.params))
    except FaultError as error:
        command = Refuse(error)
    else:
        command = make(table)

    def answer(outcome: Result | FaultError, _view: View | None) -> Answer:
        if isinstance(outcome, FaultError):
            return _refusal(app, outcome if table is None else _explained(outcome, table))
        return Answer(200, success(told(cast("WriteResult", outcome))))

    try:
        return await answer_write(app, request, identity, run(app, identity, command), answer)
    except FaultError as error:
        return answer(error, None)


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

Work = Callable[[App, HttpRequest, Identity], Awaitable[Answer]]


def _handler(work: Work) -> Callable[[App, HttpRequest, None], Awaitable[Answer]]:
    async def handle(app: App, request: HttpRequest, _: None) -> Answer:
        try:
            identity = await identify(app, request.headers)
            request.user = identity.user
            return await work(app, request, identity)
        except FaultError as error:
            return _refusal(app, error)

    return handle


def _refusal(app: App, error: FaultError) -> Answer:
    code, body = failure(error)
    return Answer(http_status(code, app.config.hottask_http_errors), body)


def list_calls(http_errors: str = "envelope") -> tuple[Call, ...]:
    """The dialect's calls; `http_errors` is the setting of that name."""

    def envelope(error: FaultError, _request: HttpRequest) -> Answer:
        """What the edge refuses before a call is handled."""
        code, body = failure(error)
        return Answer(http_status(code, http_errors), body)

    def call(base: str, name: str, work: Work, summary: str, body: type) -> Call:
        return Call(
            name=f"{BASES[base]}.{name}",
            method="POST",
            path=f"{base}/CustomTableValue/{name}/:code/:table",
            handle=_handler(work),
            envelope=envelope,
            summary=summary,
            query=(DRY_RUN,),
            body=body,
            answer=Envelope,
            auth="hottask",
        )

    creates = "Insert one row; `Data` is its number."
    updates = "Change the fields given of the row that `id` names; `Data` is 1."
    return (
        *(call(base, "Create", create_row, creates, CreateBody) for base in BASES),
        *(call(base, "UD", update_row, updates, UpdateBody) for base in BASES),
    )
