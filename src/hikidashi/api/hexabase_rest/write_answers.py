"""Answers of the write routes, with every constant of the pages' samples."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ...core.plan import (
    ItemsResult,
    LinkResult,
    NumberResult,
    ReservationResult,
    Result,
    WriteResult,
)
from ...core.values import format_instant
from ...service.scripts import Trace
from ..body import encode
from .envelopes import fault_object

EMPTY_COMMENT: Final = "ITEM_DETAILS.POST_EMPTY_COMMENT"
NULL: Final = b"null"
NO_ERROR: Final = b'{"error":null}'


# --- the shapes, for the OpenAPI document -----------------------------------------------------


class FaultShape(msgspec.Struct):
    """One entry of a list of errors."""

    description: str
    error: str
    error_code: str
    error_level: str
    reference_id: str
    path: str | msgspec.UnsetType = msgspec.UNSET


class ItemHistoryShape(msgspec.Struct):
    """The history entry that the write made."""

    IsChanged: bool
    UserObjID: str
    action_id: str
    comment: str
    created_at: str
    datastore_id: str
    datastore_name: str
    display_order: int
    email: str
    history_id: str
    i_id: str
    is_fetchreplymail: bool
    is_notify: bool
    item_id: str
    media_link: str
    post_for_rel: bool
    post_mode: str
    project_id: str
    transaction_id: str
    updated_at: str
    user_id: str
    workspace_id: str


class RevisionShape(msgspec.Struct):
    """The item's revision after the write."""

    rev_no: int
    _id: str = ""


class LogLineShape(msgspec.Struct):
    """One line that a script logged."""

    level: str
    message: str


class UpdateItemAnswer(msgspec.Struct):
    """item-actions/UpdateItem; `error` is "" or the related entries that were not written."""

    error: str | list[FaultShape]
    itemHistory: ItemHistoryShape  # noqa: N815  the wire's name
    rev_no: RevisionShape
    pre_result: Any
    as_result: Any
    history_id: str | msgspec.UnsetType = msgspec.UNSET
    item_id: str | msgspec.UnsetType = msgspec.UNSET
    actionscript_logs: list[LogLineShape] | msgspec.UnsetType = msgspec.UNSET
    item: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


class CreateItemAnswer(msgspec.Struct):
    """item-actions/CreateItem; `error` is null or the related entries that were not written."""

    error: list[FaultShape] | None
    history_id: str
    item_id: str
    item: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


class NewItemIdAnswer(msgspec.Struct):
    """item-actions/CreateNewItemID."""

    item_id: str


class DeleteItemAnswer(msgspec.Struct):
    """item-actions/DeleteItem; `error` is null or the linked items that had to stay."""

    error: list[FaultShape] | None


class TakenNumber(msgspec.Struct):
    """The number as a number and in its formatted form."""

    number: int
    value: str


class GetAutoNumberAnswer(msgspec.Struct):
    """fields/GetAutoNumber."""

    has_error: bool
    result: TakenNumber


class SetNumberShape(msgspec.Struct):
    """The same two, but `number` is the formatted form here."""

    number: str
    value: int


class UpdateAutoNumberAnswer(msgspec.Struct):
    """fields/UpdateAutoNumber."""

    has_error: bool
    result: SetNumberShape


# --- encoding ---------------------------------------------------------------------------------


def encode_update(result: WriteResult, item: dict[str, object] | None, trace: Trace) -> bytes:
    """UpdateItem. `item` is left out unless it was asked for."""
    history = result.history
    told: dict[str, object] = {"error": ""}
    if result.faults:
        told = {
            "error": [fault_object(one) for one in result.faults],
            "history_id": history.id,
            "item_id": history.item,
        }
    told["itemHistory"] = {
        "IsChanged": result.is_changed,
        "UserObjID": history.user,
        "action_id": history.action,
        "comment": history.comment or EMPTY_COMMENT,
        "created_at": format_instant(history.created_at),
        "datastore_id": history.datastore,
        "datastore_name": "",
        "display_order": 0,
        "email": "",
        "history_id": history.id,
        "i_id": history.item,
        "is_fetchreplymail": False,
        "is_notify": True,
        "item_id": history.item,
        "media_link": "",
        "post_for_rel": False,
        "post_mode": "ExecuteAction",
        "project_id": result.project,
        "transaction_id": history.transaction,
        "updated_at": "0001-01-01T00:00:00Z",
        "user_id": history.user,
        "workspace_id": history.workspace,
    }
    told["rev_no"] = {"_id": history.item, "rev_no": history.rev}
    told["pre_result"] = trace.pre_result
    told["as_result"] = trace.as_result
    return _encode_with(told, item, trace)


def encode_create(result: WriteResult, item: dict[str, object] | None, trace: Trace) -> bytes:
    """CreateItem. `item` is left out unless it was asked for."""
    told: dict[str, object] = {
        "error": [fault_object(one) for one in result.faults] or None,
        "history_id": result.history.id,
        "item_id": result.item.id,
    }
    if trace.pre_result is not None:
        told["pre_result"] = trace.pre_result
    if trace.as_result is not None:
        told["as_result"] = trace.as_result
    return _encode_with(told, item, trace)


def _encode_with(told: dict[str, object], item: dict[str, object] | None, trace: Trace) -> bytes:
    """An answer with what the caller has asked for beside it."""
    if trace.tells_logs:
        told["actionscript_logs"] = [
            {"level": one.level, "message": one.message} for one in trace.logs
        ]
    if item is not None:
        told["item"] = item
    return encode(told)


def encode_null(result: WriteResult, item: dict[str, object] | None, trace: Trace) -> bytes:
    """ExecuteActionByActionID, CreateItemWithItemID: `null`, unless there is something to tell."""
    return encode_create(result, item, trace) if result.faults or item is not None else NULL


def encode_reserved(result: ReservationResult) -> bytes:
    """CreateNewItemID."""
    return encode({"item_id": result.item})


def encode_delete(result: Result) -> bytes:
    """DeleteItem, DeleteItemByConditions: what was not deleted is in the list."""
    faults = result.faults if isinstance(result, WriteResult | ItemsResult) else ()
    return encode({"error": [fault_object(one) for one in faults]}) if faults else NO_ERROR


def encode_link(_result: LinkResult) -> bytes:
    """AddItemLink, DeleteItemLink."""
    return NULL


def encode_taken(result: NumberResult) -> bytes:
    """GetAutoNumber: `number` is the number, `value` its formatted form."""
    return encode({"has_error": False, "result": {"number": result.number, "value": result.text}})


def encode_set(result: NumberResult) -> bytes:
    """UpdateAutoNumber: the same two the other way round, as the pages have it."""
    return encode({"has_error": False, "result": {"number": result.text, "value": result.number}})
