"""Bodies of the write routes, named as on the wire; what each key means is told in the documents.

Unknown keys are ignored (real clients send many); `null` for an optional key is the same as
leaving it out; a wrong type is refused by name.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from ...core.limits import LINKED_DELETES_MAX, RELATED_LEVELS_MAX
from ..body import told


class ChangeBody(msgspec.Struct):
    """A value in `changes`, the other way to write `item`."""

    id: Annotated[str, told("The field, by display id or id.")]
    value: Annotated[Any, told("Its value; `null` clears it.")]


class HistoryBody(msgspec.Struct):
    """The older carrier of the comment."""

    comment: Annotated[str | None, told("The comment, if there is none beside `history`.")] = None
    datastore_id: Annotated[
        str | None,
        told("For ExecuteActionByActionID: the datastore, if there is none beside `history`."),
    ] = None


class AccessKeysBody(msgspec.Struct):
    """`access_key_updates`: who may see the item."""

    overwrite: Annotated[
        bool | None,
        told("Replace the access keys that the item has; otherwise these are added to them."),
    ] = None
    ignore_action_settings: Annotated[
        bool | None, told("Leave out the keys that the action and its fields of users give.")
    ] = None
    apply_related_ds: Annotated[
        bool | None,
        told(
            "The same for related entries that make or update an item and have none of their own."
        ),
    ] = None
    groups_to_publish: Annotated[
        list[str] | None,
        told(
            "Groups, by display id or id; a key that the caller does not hold is left out with a warning."
        ),
    ] = None
    roles_to_publish: Annotated[list[str] | None, told("Roles, likewise.")] = None
    users_to_publish: Annotated[list[str] | None, told("Members of the workspace, by id.")] = None


class RelatedBody(msgspec.Struct):
    """An entry of `related_ds_items`: 1 new, 2 update, 3 delete, 11 add link, 12 remove link."""

    operation: Annotated[
        Literal[1, 2, 3, 11, 12], told("1 new, 2 update, 3 delete, 11 add link, 12 remove link.")
    ]
    i_id: Annotated[str | None, told("The item; every operation but 1 needs it.")] = None
    action_id: Annotated[
        str | None, told("The action, by display id or id; by default the one for the operation.")
    ] = None
    link_to_parent: Annotated[
        bool | None, told("Link the item to its parent too, not the parent to the item alone.")
    ] = None
    item: Annotated[dict[str, Any] | None, told("Values by field, as in the body's `item`.")] = None
    changes: Annotated[
        list[ChangeBody] | None, told("The same as a list; it wins over `item`.")
    ] = None
    rev_no: Annotated[
        int | None,
        told(
            "For operation 2, the revision that the caller knows; needed unless `is_force_update`."
        ),
    ] = None
    access_key_updates: Annotated[
        AccessKeysBody | None, told("Who may see the item, in place of what its parent hands down.")
    ] = None
    related_ds_items: Annotated[
        dict[str, list[RelatedBody]] | None,
        told(f"Entries below this one; {RELATED_LEVELS_MAX} levels at most."),
    ] = None


Related: TypeAlias = dict[str, list[RelatedBody]]


class WriteBody(msgspec.Struct):
    """What CreateItem and UpdateItem have in common."""

    item: Annotated[
        dict[str, Any] | None,
        told(
            'Values by field, named by display id or id. Others stay; `null`, `""` and `[]` clear one.'
        ),
    ] = None
    changes: Annotated[
        list[ChangeBody] | None, told("The same as a list; it wins over `item`.")
    ] = None
    action_id: Annotated[
        str | None,
        told("The action, by display id or id; by default the datastore's own for this."),
    ] = None
    comment: Annotated[str | None, told("What the item's history says of this write.")] = None
    history: Annotated[HistoryBody | None, told("The older place of `comment`.")] = None
    is_force_update: Annotated[
        bool | None,
        told("Do not ask for `rev_no`, of related entries neither: the last write wins."),
    ] = None
    use_display_id: Annotated[
        bool | None,
        told("Key the answer's `item` by display id. Names in the body may be of either kind."),
    ] = None
    return_item_result: Annotated[
        bool | None,
        told("Answer the item as it is then, in `item`."),
    ] = None
    return_display_id: Annotated[bool | None, told("Key the answer's `item` by display id.")] = None
    ensure_transaction: Annotated[
        bool | None, told("All or nothing; otherwise an entry that fails leaves the rest written.")
    ] = None
    exec_children_post_procs: Annotated[
        bool | None, told("Events of related items say `run_post`, as the item's own always does.")
    ] = None
    is_sync_related_items: Annotated[
        bool | None, told("No effect: related entries are always carried out in the order sent.")
    ] = None
    realtime_auto_link: Annotated[
        bool | None,
        told("Link the item by rule before answering; else that is done behind the answer."),
    ] = None
    return_actionscript_logs: Annotated[
        bool | None, told("The answer tells in `actionscript_logs` what the scripts have logged.")
    ] = None
    as_params: Annotated[Any, told("Anything; scripts find it as `data.as_params`.")] = None
    related_ds_items: Annotated[
        dict[str, list[RelatedBody]] | None,
        told("Other items to write along, by datastore (display id or id), in this order."),
    ] = None
    access_key_updates: Annotated[
        AccessKeysBody | None, told("Who may see the item from then on.")
    ] = None


class CreateItemBody(WriteBody):
    """item-actions/CreateItem."""


class CreateWithIdBody(CreateItemBody):
    """item-actions/CreateItemWithItemID."""

    action_id: Annotated[str | None, told("No effect: the action is in the URL.")] = None
    datastore_id: Annotated[
        str | None, told("The datastore that the id was reserved for; needed.")
    ] = None
    project_id: Annotated[
        str | None,
        told("The application; needed where several have a datastore of that display id."),
    ] = None


class UpdateItemBody(WriteBody):
    """item-actions/UpdateItem."""

    rev_no: Annotated[
        int | None,
        told(
            "The revision that the caller knows; another is a conflict. Needed unless `is_force_update`."
        ),
    ] = None
    groups_to_publish: Annotated[
        list[str] | None,
        told(
            "The older way to publish to groups: all by id, or with `use_display_id` all by display id."
        ),
    ] = None


class ExecuteActionBody(UpdateItemBody):
    """item-actions/ExecuteAction."""

    action_id: Annotated[str | None, told("No effect: the action is in the URL.")] = None


class ActionByIdBody(ExecuteActionBody):
    """item-actions/ExecuteActionByActionID; the datastore may also stand in `history`."""

    datastore_id: Annotated[
        str | None, told("The datastore that the item is in; needed here or in `history`.")
    ] = None
    project_id: Annotated[
        str | None,
        told("The application; needed where several have a datastore of that display id."),
    ] = None


class DeleteItemBody(msgspec.Struct):
    """item-actions/DeleteItem; at least `{}` has to be sent."""

    a_id: Annotated[
        str | None,
        told("The action, by display id or id; by default the datastore's own for deleting."),
    ] = None
    action_id: Annotated[str | None, told("The same, where there is no `a_id`.")] = None
    delete_linked_items: Annotated[
        bool | None, told("Delete the items that links lead to in `target_datastores`, too.")
    ] = None
    target_datastores: Annotated[
        list[str] | None,
        told(
            "Where linked items are deleted, by display id or id; with over"
            f" {LINKED_DELETES_MAX} in one of them nothing is."
        ),
    ] = None
    use_display_id: Annotated[bool | None, told("No effect: names may be of either kind.")] = None


class AddItemLinkBody(msgspec.Struct):
    """datalink/AddItemLink."""

    link_datastore_id: Annotated[
        str, told("The datastore of the item to link to, by display id or id.")
    ]
    link_item_id: Annotated[str, told("The item to link to.")]


class UpdateItemLinkBody(msgspec.Struct):
    """datalink/UpdateItemLink."""

    old_link_datastore_id: Annotated[
        str, told("The datastore that the links lead to now, by display id or id.")
    ]
    old_link_item_id: Annotated[str, told("The item that the links lead to now.")]
    new_link_datastore_id: Annotated[
        str, told("The datastore that they are to lead to, by display id or id.")
    ]
    new_link_item_id: Annotated[str, told("The item that they are to lead to.")]


class DeleteItemLinkBody(msgspec.Struct):
    """datalink/DeleteItemLink; without `link_item_id` every link to the datastore is meant."""

    link_datastore_id: Annotated[
        str, told("The datastore that the links lead to, by display id or id.")
    ]
    link_item_id: Annotated[
        str | None, told("The item that they lead to; by default any item of the datastore.")
    ] = None
    type: Annotated[
        Literal["link", "auto_link", "lookup"] | None,
        told("Only links of this kind; by default of every kind."),
    ] = None


class UpdateAutoNumberBody(msgspec.Struct):
    """fields/UpdateAutoNumber."""

    auto_num: Annotated[int, told("The last number given; the next one follows it.")]
    branch_key: Annotated[
        str | None, told("The branch to count in; by default the counter of new items.")
    ] = None
