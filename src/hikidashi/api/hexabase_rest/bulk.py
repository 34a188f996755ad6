"""The routes that write many items: bulk actions, batches, deletes by conditions."""

from __future__ import annotations

from functools import partial
from typing import Final

from ...core.access import Identity
from ...core.commands import WriteFound
from ...core.errors import FaultError, Level
from ...core.plan import ItemsResult, Result
from ...service.app import App, View
from ...service.found import delete_found, run_bulk
from ..body import encode
from ..edge import Answer, Call, HttpRequest
from ..exchange import DRY_RUN
from ..running import answer_write, run
from . import envelopes
from .bulk_bodies import decode_batch, decode_bulk, decode_delete_by_conditions
from .bulk_shapes import (
    BatchActionAnswer,
    BatchActionBody,
    BulkActionAnswer,
    BulkActionBody,
    DeleteByConditionsBody,
)
from .envelopes import fault_object
from .write_answers import DeleteItemAnswer, encode_delete
from .writes import BASE


async def execute_bulk_action(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """ExecuteBulkAction."""
    wanted = decode_bulk(app, request)

    def answer(outcome: Result | FaultError, _view: View | None) -> Answer:
        if isinstance(outcome, FaultError):
            return envelopes.results(outcome, request)
        return Answer(200, encode_bulk(outcome, wanted.command))

    work = partial(run_bulk, app, identity, wanted)
    return await answer_write(app, request, identity, work, answer)


def encode_bulk(result: Result, command: WriteFound) -> bytes:
    """What matched and what was done, with what was not."""
    if not isinstance(result, ItemsResult):
        raise TypeError(result)
    is_over = result.matched > command.most
    told_once = {encode(fault_object(one)): fault_object(one) for one in result.faults}
    errors = list(told_once.values())  # what all items have in common is told once
    if is_over:
        reached = f"the number of items has reached max_items {command.most}"
        errors.append({"description": reached, "error_level": Level.WARN.value})
    if not result.matched:
        missing = {"description": "target was not found.", "error": ""}
        errors.append({**missing, "error_level": Level.WARN.value})
    told: dict[str, object] = {"errors": errors} if errors else {}
    told["has_error"] = is_over or any(one.level is Level.ERROR for one in result.faults)
    told["result"] = {"matched": result.matched, "processed": len(result.written)}
    return encode(told)


async def delete_by_conditions(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """DeleteItemByConditions."""
    wanted = decode_delete_by_conditions(app, request)

    def answer(outcome: Result | FaultError, _view: View | None) -> Answer:
        if isinstance(outcome, FaultError):
            return envelopes.items(outcome, request)
        return Answer(200, encode_delete(outcome))

    work = partial(delete_found, app, identity, wanted)
    return await answer_write(app, request, identity, work, answer)


async def execute_batch_action(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """ExecuteBatchAction."""
    command = decode_batch(request)

    def answer(outcome: Result | FaultError, _view: View | None) -> Answer:
        if isinstance(outcome, FaultError):
            return envelopes.items(outcome, request)
        return Answer(200, encode_batch(outcome))

    return await answer_write(app, request, identity, run(app, identity, command), answer)


def encode_batch(result: Result) -> bytes:
    """What was written, in payload order, with what was not."""
    if not isinstance(result, ItemsResult):
        raise TypeError(result)
    return encode(
        {
            "error": [fault_object(one) for one in result.faults] or None,
            "results": [
                {
                    "path": path,
                    "d_id": history.datastore,
                    "i_id": history.item,
                    "history_id": history.id,
                    "rev_no": history.rev,
                }
                for path, history in zip(result.paths, result.written, strict=True)
            ],
        }
    )


CALLS: Final[tuple[Call, ...]] = (
    Call(
        name="DeleteItemByConditions",
        method="DELETE",
        path=f"{BASE}/items/delete",
        handle=delete_by_conditions,
        envelope=envelopes.items,
        summary="Delete every item that the conditions hold for. `[]` holds for all.",
        body=DeleteByConditionsBody,
        answer=DeleteItemAnswer,
        query=(DRY_RUN,),
    ),
    Call(
        name="ExecuteBulkAction",
        method="POST",
        path=f"{BASE}/items/bulkaction/:action-id",
        handle=execute_bulk_action,
        envelope=envelopes.results,
        summary="Execute an action on up to 300 items that the conditions hold for.",
        body=BulkActionBody,
        answer=BulkActionAnswer,
        query=(DRY_RUN,),
    ),
    Call(
        name="ExecuteBatchAction",
        method="POST",
        path="/api/v0/applications/:app-id/BatchAction",
        handle=execute_batch_action,
        envelope=envelopes.items,
        summary="Create, update and delete items of several datastores, all or none if asked.",
        body=BatchActionBody,
        answer=BatchActionAnswer,
        query=(DRY_RUN,),
    ),
)
