"""Bodies of the routes that write many items, named as on the wire, and their answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from ...core.limits import BULK_ITEMS_MAX
from ..body import told
from .reads_bodies import ConditionBody
from .write_answers import FaultShape
from .write_shapes import AccessKeysBody, ChangeBody, HistoryBody, RelatedBody


class BulkActionBody(msgspec.Struct):
    """item-actions/ExecuteBulkAction."""

    conditions: Annotated[
        list[ConditionBody] | dict[str, Any] | None,
        told("Which items, as in ItemList; needed. `[]` stands for every item."),
    ] = None
    use_or_condition: Annotated[
        bool | None, told("One condition is enough; otherwise all have to hold.")
    ] = None
    item: Annotated[dict[str, Any] | None, told("Values by field, the same for every item.")] = None
    changes: Annotated[
        list[ChangeBody] | None, told("The same as a list; it wins over `item`.")
    ] = None
    comment: Annotated[str | None, told("What the histories of the items say.")] = None
    history: Annotated[HistoryBody | None, told("The older place of `comment`.")] = None
    item_revisions: Annotated[
        dict[str, int] | None,
        told("Revisions that the caller knows, by item. Items that are not listed are forced."),
    ] = None
    max_items: Annotated[
        int | None,
        told(f"How many items at most: a multiple of 10 up to {BULK_ITEMS_MAX}; 100 by default."),
    ] = None
    continue_proc: Annotated[
        bool | None,
        told("Process the first `max_items` if more match; otherwise nothing is processed."),
    ] = None
    use_display_id: Annotated[bool | None, told("No effect: names may be of either kind.")] = None
    access_key_updates: Annotated[
        AccessKeysBody | None, told("Who may see the items from then on.")
    ] = None
    as_params: Annotated[Any, told("Anything; scripts find it as `data.as_params`.")] = None
    related_ds_items: Annotated[
        dict[str, Any] | None, told("Not available: anything but `{}` is refused.")
    ] = None


class DeleteByConditionsBody(msgspec.Struct):
    """item-actions/DeleteItemByConditions."""

    conditions: Annotated[
        list[ConditionBody] | dict[str, Any] | None,
        told("Which items, as in ItemList; needed. `[]` stands for every item."),
    ] = None
    use_or_condition: Annotated[
        bool | None, told("One condition is enough; otherwise all have to hold.")
    ] = None
    use_display_id: Annotated[bool | None, told("No effect: names may be of either kind.")] = None


class BatchEntryBody(RelatedBody):
    """An entry of a batch: 1 new, 2 update, 3 delete."""

    operation: Annotated[Literal[1, 2, 3], told("1 new, 2 update, 3 delete.")]
    link_to_parent: Annotated[bool | None, told("No effect: it has no parent.")] = None
    access_key_updates: Annotated[
        AccessKeysBody | None, told("Who may see the item from then on.")
    ] = None
    is_force_update: Annotated[
        bool | None, told("Do not ask for `rev_no` of this item: the last write wins.")
    ] = None
    as_params: Annotated[Any, told("Anything; scripts find it as `data.as_params`.")] = None


class BatchActionBody(msgspec.Struct):
    """item-actions/ExecuteBatchAction."""

    item_actions: Annotated[
        dict[str, list[BatchEntryBody]],
        told("What to do, by datastore of the application (display id or id), in this order."),
    ]
    ensure_transaction: Annotated[
        bool | None, told("All or nothing; otherwise an entry that fails leaves the rest written.")
    ] = None
    is_force_update: Annotated[
        bool | None, told("Ask for no `rev_no`, of related entries neither: the last write wins.")
    ] = None
    exec_children_post_procs: Annotated[
        bool | None, told("Events of related items say `run_post`, as those of the entries do.")
    ] = None
    use_display_id: Annotated[bool | None, told("No effect: names may be of either kind.")] = None
    as_params: Annotated[Any, told("Anything; scripts find it as `data.as_params`.")] = None


class BulkCounts(msgspec.Struct):
    """How many items matched, and how many of them were written."""

    matched: int
    processed: int


class BulkActionAnswer(msgspec.Struct):
    """item-actions/ExecuteBulkAction."""

    has_error: bool
    result: BulkCounts
    errors: list[Any] | msgspec.UnsetType = msgspec.UNSET


class BatchResultShape(msgspec.Struct):
    """An entry that was written; `path` is its place in `item_actions`."""

    path: str
    d_id: str
    i_id: str
    history_id: str
    rev_no: int


class BatchActionAnswer(msgspec.Struct):
    """item-actions/ExecuteBatchAction; `error` is null or the entries that were not written."""

    error: list[FaultShape] | None
    results: list[BatchResultShape]
