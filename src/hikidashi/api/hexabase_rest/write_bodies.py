"""The commands that the bodies of the write routes ask for."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ...core.commands import (
    AddLink,
    Entry,
    Linked,
    Op,
    Publish,
    RemoveLinks,
    ReplaceLink,
    SetNumber,
    TakeNumber,
    WriteItem,
)
from ...core.errors import invalid_request, number_refused
from ...core.limits import NUMBER_DIGITS_MAX
from ..body import decode_body
from ..edge import HttpRequest
from .write_shapes import (
    AccessKeysBody,
    ActionByIdBody,
    AddItemLinkBody,
    ChangeBody,
    CreateItemBody,
    CreateWithIdBody,
    DeleteItemBody,
    DeleteItemLinkBody,
    ExecuteActionBody,
    Related,
    RelatedBody,
    UpdateAutoNumberBody,
    UpdateItemBody,
    UpdateItemLinkBody,
    WriteBody,
)

_create: Final = msgspec.json.Decoder(CreateItemBody)
_create_with_id: Final = msgspec.json.Decoder(CreateWithIdBody)
_update: Final = msgspec.json.Decoder(UpdateItemBody)
_execute: Final = msgspec.json.Decoder(ExecuteActionBody)
_by_id: Final = msgspec.json.Decoder(ActionByIdBody)
_delete: Final = msgspec.json.Decoder(DeleteItemBody)
_add_link: Final = msgspec.json.Decoder(AddItemLinkBody)
_update_link: Final = msgspec.json.Decoder(UpdateItemLinkBody)
_delete_link: Final = msgspec.json.Decoder(DeleteItemLinkBody)
_number: Final = msgspec.json.Decoder(UpdateAutoNumberBody)


# --- items ------------------------------------------------------------------------------------


def decode_create(request: HttpRequest) -> tuple[WriteItem, CreateItemBody]:
    """CreateItem. Raises 400."""
    body = decode_body(_create, request.body)
    params = request.params
    entry = Entry(
        Op.NEW,
        params["datastore-id"],
        action=body.action_id or "",
        values=read_values(body.item, body.changes),
        publish=read_publish(body.access_key_updates),
        related=_related(body.related_ds_items, "related_ds_items"),
    )
    return _write(params["app-id"], entry, body, ()), body


def decode_create_with_id(request: HttpRequest) -> tuple[WriteItem, CreateWithIdBody]:
    """CreateItemWithItemID. Raises 400."""
    body = decode_body(_create_with_id, request.body)
    params = request.params
    entry = Entry(
        Op.NEW,
        _needed(body.datastore_id or "", "datastore_id"),
        params["item-id"],
        action=params["action-id"],
        values=read_values(body.item, body.changes),
        publish=read_publish(body.access_key_updates),
        related=_related(body.related_ds_items, "related_ds_items"),
    )
    return _write(body.project_id or "", entry, body, ()), body


def decode_update(request: HttpRequest) -> tuple[WriteItem, UpdateItemBody]:
    """UpdateItem. Raises 400."""
    body = decode_body(_update, request.body)
    params = request.params
    place = (params["app-id"], params["datastore-id"])
    return _on_item(Op.UPDATE, place, params["item-id"], body.action_id or "", body), body


def decode_execute(request: HttpRequest) -> tuple[WriteItem, ExecuteActionBody]:
    """ExecuteAction. Raises 400."""
    body = decode_body(_execute, request.body)
    params = request.params
    place = (params["app-id"], params["datastore-id"])
    return _on_item(Op.ACT, place, params["item-id"], params["action-id"], body), body


def decode_execute_by_id(request: HttpRequest) -> tuple[WriteItem, ActionByIdBody]:
    """ExecuteActionByActionID. Raises 400."""
    body = decode_body(_by_id, request.body)
    params = request.params
    datastore = body.datastore_id or (body.history and body.history.datastore_id)
    place = (body.project_id or "", _needed(datastore or "", "datastore_id"))
    return _on_item(Op.ACT, place, params["item-id"], params["action-id"], body), body


def _on_item(
    operation: Op, place: tuple[str, str], item: str, action: str, body: UpdateItemBody
) -> WriteItem:
    """A write of an item that is there."""
    project, datastore = place
    entry = Entry(
        operation,
        datastore,
        item,
        action=action,
        values=read_values(body.item, body.changes),
        revision=body.rev_no,
        publish=read_publish(body.access_key_updates),
        related=_related(body.related_ds_items, "related_ds_items"),
    )
    return _write(project, entry, body, tuple(body.groups_to_publish or ()))


def _write(project: str, entry: Entry, body: WriteBody, groups: tuple[str, ...]) -> WriteItem:
    comment = body.comment
    if comment is None and body.history is not None:
        comment = body.history.comment
    return WriteItem(
        project,
        entry,
        comment or "",
        bool(body.is_force_update),
        bool(body.ensure_transaction),
        groups,
        bool(body.use_display_id),
        body.as_params,
        bool(body.exec_children_post_procs),
        bool(body.realtime_auto_link),
    )


def decode_delete(request: HttpRequest) -> WriteItem:
    """DeleteItem. Raises 400."""
    body = decode_body(_delete, request.body)
    linked: Linked | None = None
    if body.delete_linked_items and body.target_datastores:
        linked = Linked(tuple(body.target_datastores))
    params = request.params
    action = body.a_id or body.action_id or ""
    entry = Entry(Op.DELETE, params["datastore-id"], params["item-id"], action=action)
    return WriteItem(params["app-id"], entry, linked=linked)


def read_values(item: dict[str, Any] | None, changes: list[ChangeBody] | None) -> dict[str, Any]:
    """`item` and `changes` as one; `changes` wins."""
    values = item if item is not None else {}
    if changes:
        values.update((one.id, one.value) for one in changes)
    return values


def read_publish(body: AccessKeysBody | None) -> Publish | None:
    """Who a write lets see the item."""
    if body is None:
        return None
    return Publish(
        bool(body.overwrite),
        bool(body.ignore_action_settings),
        bool(body.apply_related_ds),
        tuple(body.groups_to_publish or ()),
        tuple(body.roles_to_publish or ()),
        tuple(body.users_to_publish or ()),
    )


def _related(related: Related | None, where: str) -> tuple[Entry, ...]:
    """Entries in payload order; `where` is their key, for a fault."""
    if not related:
        return ()
    return tuple(
        read_entry(one, datastore, f"{where}.{datastore}[{index}]")
        for datastore, entries in related.items()
        for index, one in enumerate(entries)
    )


def read_entry(one: RelatedBody, datastore: str, where: str) -> Entry:
    """One entry; `where` is its place in the body, for a fault."""
    operation = Op(one.operation)
    item = one.i_id or ""
    if operation is Op.NEW:
        item = ""  # a new item's id is ours to give
    elif not item:
        raise invalid_request(f"operation {operation.value} needs an i_id - at `$.{where}`")
    return Entry(
        operation,
        datastore,
        item,
        None,
        one.action_id or "",
        read_values(one.item, one.changes),
        one.rev_no,
        bool(one.link_to_parent),
        read_publish(one.access_key_updates),
        _related(one.related_ds_items, f"{where}.related_ds_items"),
    )


# --- links ------------------------------------------------------------------------------------


def decode_add_link(request: HttpRequest) -> AddLink:
    """AddItemLink. Raises 400."""
    body = decode_body(_add_link, request.body)
    params = request.params
    return AddLink(
        params["app-id"],
        params["datastore-id"],
        params["item-id"],
        body.link_datastore_id,
        _needed(body.link_item_id, "link_item_id"),
    )


def decode_update_link(request: HttpRequest) -> ReplaceLink:
    """UpdateItemLink. Raises 400."""
    body = decode_body(_update_link, request.body)
    params = request.params
    return ReplaceLink(
        params["app-id"],
        params["datastore-id"],
        params["item-id"],
        body.old_link_datastore_id,
        _needed(body.old_link_item_id, "old_link_item_id"),
        body.new_link_datastore_id,
        _needed(body.new_link_item_id, "new_link_item_id"),
    )


def decode_delete_link(request: HttpRequest) -> RemoveLinks:
    """DeleteItemLink. Raises 400."""
    body = decode_body(_delete_link, request.body)
    params = request.params
    item = body.link_item_id
    return RemoveLinks(
        params["app-id"],
        params["datastore-id"],
        params["item-id"],
        body.link_datastore_id,
        "" if item is None else _needed(item, "link_item_id"),  # "" must not come to mean all
        body.type or "",
    )


def _needed(text: str, key: str) -> str:
    if not text:
        raise invalid_request(f"{key} must not be empty")
    return text


# --- auto numbers -----------------------------------------------------------------------------


def decode_take_number(request: HttpRequest) -> TakeNumber:
    """GetAutoNumber, from the query. Raises 400."""
    params, query = request.params, request.query
    field = params["field-id"]
    digits: int | None = None
    given = query.get("digit", "")
    if given:
        numeral = given.isascii() and given.isdigit() and len(given) < 10
        if not numeral or int(given) > NUMBER_DIGITS_MAX:
            raise number_refused(f"digit must be from 0 to {NUMBER_DIGITS_MAX}", field)
        digits = int(given)
    pad = query.get("zero_padding", "").lower()
    if pad not in ("", "true", "false"):
        raise number_refused("zero_padding must be true or false", field)
    return TakeNumber(
        params["app-id"],
        params["datastore-id"],
        field,
        query.get("branch_key", ""),
        digits,
        pad == "true" if pad else None,
    )


def decode_set_number(request: HttpRequest) -> SetNumber:
    """UpdateAutoNumber. Raises 400."""
    body = decode_body(_number, request.body)
    params = request.params
    return SetNumber(
        params["app-id"],
        params["datastore-id"],
        params["field-id"],
        body.auto_num,
        body.branch_key,
    )
