"""The write routes: items, links, auto numbers. Decode, run, encode; nothing is decided here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, cast

from ...core.access import Identity
from ...core.actions import Operation
from ...core.commands import Command, ReserveItem, WriteItem
from ...core.errors import FaultError
from ...core.plan import Result, WriteResult
from ...service.app import App, View
from ...service.found import delete_with_linked
from ...service.reads import item_result
from ...service.scripts import Trace
from ..edge import Answer, Call, Envelope, HttpRequest
from ..exchange import DRY_RUN, HeaderList, QueryKey
from ..running import answer_write, built_in, run
from . import envelopes
from .write_answers import (
    CreateItemAnswer,
    DeleteItemAnswer,
    GetAutoNumberAnswer,
    NewItemIdAnswer,
    UpdateAutoNumberAnswer,
    UpdateItemAnswer,
    encode_create,
    encode_delete,
    encode_link,
    encode_null,
    encode_reserved,
    encode_set,
    encode_taken,
    encode_update,
)
from .write_bodies import (
    decode_add_link,
    decode_create,
    decode_create_with_id,
    decode_delete,
    decode_delete_link,
    decode_execute,
    decode_execute_by_id,
    decode_set_number,
    decode_take_number,
    decode_update,
    decode_update_link,
)
from .write_shapes import (
    ActionByIdBody,
    AddItemLinkBody,
    CreateItemBody,
    CreateWithIdBody,
    DeleteItemBody,
    DeleteItemLinkBody,
    ExecuteActionBody,
    UpdateAutoNumberBody,
    UpdateItemBody,
    UpdateItemLinkBody,
    WriteBody,
)

Encode = Callable[[Any], bytes]  # of the Result that the command has
EncodeItem = Callable[[WriteResult, dict[str, object] | None, Trace], bytes]

BASE: Final = "/api/v0/applications/:app-id/datastores/:datastore-id"
_NO_STORE: Final[HeaderList] = ((b"cache-control", b"no-store"),)


# --- running a command ------------------------------------------------------------------------


async def run_command(  # noqa: PLR0913  a command, who sends it, and how its answer is written
    app: App,
    request: HttpRequest,
    identity: Identity,
    command: Command,
    encode_result: Encode,
    envelope: Envelope,
    headers: HeaderList = (),
) -> Answer:
    """Run a command, once for each Idempotency-Key, and encode what came of it."""

    def answer(outcome: Result | FaultError, _view: View | None) -> Answer:
        if isinstance(outcome, FaultError):
            return envelope(outcome, request)
        return Answer(200, encode_result(outcome), headers)

    work = run(app, identity, command)
    return await answer_write(app, request, identity, work, answer, headers=headers)


def _write(  # noqa: PLR0913
    app: App,
    request: HttpRequest,
    identity: Identity,
    command: WriteItem,
    body: WriteBody,
    encode_item: EncodeItem,
) -> Awaitable[Answer]:
    """Run a write of an item; show the item in the caller's words if that is asked for."""
    by_display_id = bool(body.use_display_id or body.return_display_id)
    trace = Trace(
        tells_logs=bool(body.return_actionscript_logs), built_in=partial(built_in, request)
    )

    def answer(outcome: Result | FaultError, view: View | None) -> Answer:
        if isinstance(outcome, FaultError):
            return envelopes.items(outcome, request)
        result = cast("WriteResult", outcome)
        item: dict[str, object] | None = None
        if body.return_item_result and result.history.operation != Operation.DELETE:
            item = {} if view is None else item_result(view, result.item, by_display_id)
        return Answer(200, encode_item(result, item, trace))

    work = run(app, identity, command, trace)
    looks = bool(body.return_item_result)
    return answer_write(app, request, identity, work, answer, looks=looks)


# --- items ------------------------------------------------------------------------------------


async def create_item(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """CreateItem."""
    command, body = decode_create(request)
    return await _write(app, request, identity, command, body, encode_create)


async def create_item_id(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """CreateNewItemID."""
    command = ReserveItem("", request.params["datastore-id"])
    return await run_command(app, request, identity, command, encode_reserved, envelopes.items)


async def create_item_with_id(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """CreateItemWithItemID."""
    command, body = decode_create_with_id(request)
    return await _write(app, request, identity, command, body, encode_null)


async def update_item(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """UpdateItem."""
    command, body = decode_update(request)
    return await _write(app, request, identity, command, body, encode_update)


async def execute_action(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """ExecuteAction: updates, deletes or copies the item, as the action says."""
    command, body = decode_execute(request)
    return await _write(app, request, identity, command, body, encode_update)


async def execute_action_by_id(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """ExecuteActionByActionID, the older form of the same."""
    command, body = decode_execute_by_id(request)
    return await _write(app, request, identity, command, body, encode_null)


async def delete_item(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """DeleteItem."""
    command = decode_delete(request)

    def answer(outcome: Result | FaultError, _view: View | None) -> Answer:
        if isinstance(outcome, FaultError):
            return envelopes.items(outcome, request)
        return Answer(200, encode_delete(outcome))

    work = run(app, identity, command)
    if command.linked is not None:
        work = partial(delete_with_linked, app, identity, command)
    return await answer_write(app, request, identity, work, answer)


# --- links ------------------------------------------------------------------------------------


async def add_item_link(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """AddItemLink."""
    command = decode_add_link(request)
    return await run_command(app, request, identity, command, encode_link, envelopes.items)


async def update_item_link(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """UpdateItemLink."""
    command = decode_update_link(request)
    return await run_command(app, request, identity, command, encode_link, envelopes.items)


async def delete_item_link(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """DeleteItemLink."""
    command = decode_delete_link(request)
    return await run_command(app, request, identity, command, encode_link, envelopes.items)


# --- auto numbers -----------------------------------------------------------------------------


async def get_auto_number(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetAutoNumber: a GET that uses a number up, so nothing between may store or repeat it."""
    command = decode_take_number(request)
    return await run_command(
        app, request, identity, command, encode_taken, envelopes.results, _NO_STORE
    )


async def update_auto_number(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """UpdateAutoNumber."""
    command = decode_set_number(request)
    return await run_command(app, request, identity, command, encode_set, envelopes.results)


_NUMBER_QUERY: Final = (
    QueryKey("branch_key", "string", "The branch to count in; each has a counter of its own."),
    QueryKey("zero_padding", "boolean", "Whether to pad with zeros; by default as the field says."),
    QueryKey("digit", "integer", "How many digits to pad to; by default as the field says."),
)

CALLS: Final[tuple[Call, ...]] = (
    Call(
        name="CreateItem",
        method="POST",
        path=f"{BASE}/items/new",
        handle=create_item,
        envelope=envelopes.items,
        summary="Create an item, and items related to it.",
        query=(DRY_RUN,),
        body=CreateItemBody,
        answer=CreateItemAnswer,
    ),
    Call(
        name="CreateNewItemID",
        method="POST",
        path="/api/v0/datastores/:datastore-id/items/create-id",
        handle=create_item_id,
        envelope=envelopes.items,
        summary="Reserve the id of an item that is to be made within 24 hours.",
        answer=NewItemIdAnswer,
        query=(DRY_RUN,),
    ),
    Call(
        name="CreateItemWithItemID",
        method="POST",
        path="/api/v0/items/:item-id/new-actions/:action-id",
        handle=create_item_with_id,
        envelope=envelopes.items,
        summary="Create an item with an id that was reserved for it. Answers `null`, or what was not written.",
        body=CreateWithIdBody,
        answer=None,
        query=(DRY_RUN,),
    ),
    Call(
        name="UpdateItem",
        method="POST",
        path=f"{BASE}/items/edit/:item-id",
        handle=update_item,
        envelope=envelopes.items,
        summary="Update an item, and items related to it. Needs `rev_no` or `is_force_update`.",
        query=(DRY_RUN,),
        body=UpdateItemBody,
        answer=UpdateItemAnswer,
    ),
    Call(
        name="ExecuteAction",
        method="POST",
        path=f"{BASE}/items/action/:item-id/:action-id",
        handle=execute_action,
        envelope=envelopes.items,
        summary="Execute an action on an item: update, delete or copy it, and move its status.",
        query=(DRY_RUN,),
        body=ExecuteActionBody,
        answer=UpdateItemAnswer,
    ),
    Call(
        name="ExecuteActionByActionID",
        method="POST",
        path="/api/v0/items/:item-id/actions/:action-id",
        handle=execute_action_by_id,
        envelope=envelopes.items,
        summary="The older form of ExecuteAction. Answers `null`, or what was not written.",
        query=(DRY_RUN,),
        body=ActionByIdBody,
        answer=None,
    ),
    Call(
        name="DeleteItem",
        method="DELETE",
        path=f"{BASE}/items/delete/:item-id",
        handle=delete_item,
        envelope=envelopes.items,
        summary="Delete an item. The body is at least `{}`.",
        query=(DRY_RUN,),
        body=DeleteItemBody,
        answer=DeleteItemAnswer,
    ),
    Call(
        name="AddItemLink",
        method="POST",
        path=f"{BASE}/items/addlink/:item-id",
        handle=add_item_link,
        envelope=envelopes.items,
        summary="Link an item to another, in one direction. Answers `null`.",
        query=(DRY_RUN,),
        body=AddItemLinkBody,
        answer=None,
    ),
    Call(
        name="UpdateItemLink",
        method="POST",
        path=f"{BASE}/items/updatelink/:item-id",
        handle=update_item_link,
        envelope=envelopes.items,
        summary="Lead the links from an item to another one to a third. Answers `null`.",
        query=(DRY_RUN,),
        body=UpdateItemLinkBody,
        answer=None,
    ),
    Call(
        name="DeleteItemLink",
        method="DELETE",
        path=f"{BASE}/items/dellink/:item-id",
        handle=delete_item_link,
        envelope=envelopes.items,
        summary="Remove the links from an item to another, or to a datastore. Answers `null`.",
        query=(DRY_RUN,),
        body=DeleteItemLinkBody,
        answer=None,
    ),
    Call(
        name="GetAutoNumber",
        method="GET",
        path=f"{BASE}/fields/:field-id/autonum",
        handle=get_auto_number,
        envelope=envelopes.results,
        summary="Use up the next number of a field or of one of its branches.",
        query=(*_NUMBER_QUERY, DRY_RUN),
        answer=GetAutoNumberAnswer,
        allows_head=False,
    ),
    Call(
        name="UpdateAutoNumber",
        method="POST",
        path=f"{BASE}/fields/:field-id/autonum",
        handle=update_auto_number,
        envelope=envelopes.results,
        summary="Set the last number given; the next one follows it.",
        query=(DRY_RUN,),
        body=UpdateAutoNumberBody,
        answer=UpdateAutoNumberAnswer,
    ),
)
