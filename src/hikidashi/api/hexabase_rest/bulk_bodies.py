"""The commands and searches that the bodies of the routes that write many items ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import msgspec

from ...core.commands import Entry, Op, WriteBatch, WriteFound
from ...core.conditions import Scope, make_query, read_wish
from ...core.errors import invalid_request
from ...core.limits import BULK_ITEMS_MAX
from ...core.query import Query
from ...service.app import App, View
from ...service.found import Wanted
from ...service.lists import day_of
from ...service.reads import find_place
from ..body import decode_body
from ..edge import HttpRequest
from .bulk_shapes import BatchActionBody, BatchEntryBody, BulkActionBody, DeleteByConditionsBody
from .reads_bodies import SYSTEM_KEYS, decode_wish
from .write_bodies import read_entry, read_publish, read_values

DEFAULT_ITEMS: Final = 100
ITEMS_STEP: Final = 10  # max_items is a multiple of it


_bulk: Final = msgspec.json.Decoder(BulkActionBody)
_delete: Final = msgspec.json.Decoder(DeleteByConditionsBody)
_batch: Final = msgspec.json.Decoder(BatchActionBody)


def decode_bulk(app: App, request: HttpRequest) -> Wanted:
    """ExecuteBulkAction. Raises 400."""
    body = decode_body(_bulk, request.body)
    most = DEFAULT_ITEMS if body.max_items is None else body.max_items
    if not 0 < most <= BULK_ITEMS_MAX or most % ITEMS_STEP:
        raise invalid_request(
            f"max_items must be a multiple of {ITEMS_STEP} up to {BULK_ITEMS_MAX}"
        )
    if body.related_ds_items:
        raise invalid_request("related_ds_items is not available in a bulk action")
    comment = body.comment
    if comment is None and body.history is not None:
        comment = body.history.comment
    params = request.params
    each = Entry(
        Op.ACT,
        params["datastore-id"],
        action=params["action-id"],
        values=read_values(body.item, body.changes),
        publish=read_publish(body.access_key_updates),
    )
    command = WriteFound(
        params["app-id"],
        each,
        most=most,
        goes_on=bool(body.continue_proc),
        comment=comment or "",
        as_params=body.as_params,
    )
    return Wanted(_search(app, request, body), command, body.item_revisions or {})


def decode_delete_by_conditions(app: App, request: HttpRequest) -> Wanted:
    """DeleteItemByConditions. Raises 400."""
    body = decode_body(_delete, request.body)
    params = request.params
    command = WriteFound(params["app-id"], Entry(Op.DELETE, params["datastore-id"]))
    return Wanted(_search(app, request, body), command)


def _search(
    app: App, request: HttpRequest, body: BulkActionBody | DeleteByConditionsBody
) -> Callable[[View], Query]:
    """The search of the conditions; what is left out by mistake must not come to mean all."""
    conditions = body.conditions
    if not isinstance(conditions, list):
        raise invalid_request("conditions must be an array; [] stands for every item")
    wish = decode_wish(conditions, use_or=body.use_or_condition)
    params = request.params

    def search(view: View) -> Query:
        datastore = find_place(view, params["datastore-id"], params["app-id"])
        today = day_of(app.clock.now_ms(), view.catalog.time_zone)
        scope = Scope(datastore, view.actor, SYSTEM_KEYS, today)
        condition = read_wish(wish, scope)
        return make_query(view.catalog, view.actor, datastore, condition=condition)

    return search


def decode_batch(request: HttpRequest) -> WriteBatch:
    """ExecuteBatchAction. Raises 400."""
    body = decode_body(_batch, request.body)
    entries = tuple(
        _batch_entry(one, datastore, f"item_actions.{datastore}[{index}]")
        for datastore, entries in body.item_actions.items()
        for index, one in enumerate(entries)
    )
    return WriteBatch(
        request.params["app-id"],
        entries,
        force=bool(body.is_force_update),
        all_or_nothing=bool(body.ensure_transaction),
        as_params=body.as_params,
        run_related_post=bool(body.exec_children_post_procs),
    )


def _batch_entry(one: BatchEntryBody, datastore: str, where: str) -> Entry:
    entry = read_entry(one, datastore, where)
    return replace(entry, force=True) if one.is_force_update else entry
