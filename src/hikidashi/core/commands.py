"""The closed unions of what can be asked: commands as a caller names things, requests resolved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from enum import IntEnum
from typing import NamedTuple, TypeAlias

from .actions import Action
from .catalog import Datastore, Field, Project
from .errors import Fault, FaultError
from .record import record
from .touches import Touches
from .values import Value

# --- commands ---------------------------------------------------------------------------------


class Op(IntEnum):
    """What an entry of a write does (item-actions/UpdateItem, related_ds_items)."""

    NEW = 1
    UPDATE = 2
    DELETE = 3
    COPY = 4
    LINK = 11
    UNLINK = 12
    ACT = 20  # what the action named does: UPDATE, DELETE or COPY, once it is resolved


@record
class Publish:
    """Which access keys a write puts on an item (`access_key_updates`)."""

    overwrite: bool = False
    ignore_action_settings: bool = False
    apply_related: bool = False
    groups: tuple[str, ...] = ()  # display ids or ids
    roles: tuple[str, ...] = ()
    users: tuple[str, ...] = ()  # ids


@record
class Entry:
    """One item of a write, with the items related to it."""

    operation: Op
    datastore: str  # display id or id
    item: str = ""  # id; "" when `row` names it, and under NEW unless the id is reserved
    row: int | None = None
    action: str = ""  # display id or id; "" for the default one
    values: Mapping[str, object] = field(default_factory=dict)  # raw, by field display id or id
    revision: int | None = None
    link_to_parent: bool = False
    publish: Publish | None = None
    related: tuple[Entry, ...] = ()  # in payload order
    status: str = ""  # id of the status it gets whatever the action says; "": as that says
    force: bool = False  # no revision check of this item


@record
class Linked:
    """Which items a delete takes along: those that links lead to, in these datastores."""

    datastores: tuple[str, ...]  # display ids or ids, of the same project
    foreseen: tuple[tuple[str, str], ...] = ()  # (datastore, item) ids: likely, to be read ahead


@record
class Target:
    """An item that a search has found."""

    item: str
    found_at: int  # revision
    revision: int | None = None  # that the caller knew; None: not compared
    values: Mapping[str, object] | None = None  # raw, of this item alone; None: those of all


@record
class WriteItem:
    """Create, update or delete an item and others related to it."""

    project: str
    entry: Entry
    comment: str = ""
    force: bool = False  # no revision check, for related entries neither
    all_or_nothing: bool = False  # `ensure_transaction`
    legacy_groups: tuple[str, ...] = ()  # `groups_to_publish` at the top level
    legacy_by_display_id: bool = False
    as_params: object = None  # for scripts
    run_related_post: bool = False  # `exec_children_post_procs`
    realtime_auto_link: bool = False
    judged: str = (
        ""  # the PRE script that has judged it; another one of its action wants to as well
    )
    awaits_post: bool = False  # whoever sends it runs a synchronous POST script of its action
    is_import: bool = False  # a row of a file: it may give auto numbers, and nothing runs after it
    linked: Linked | None = None  # of a delete
    is_row: bool = False  # project and datastore are named by the code and number of a table


@record
class WriteFound:
    """Do one thing to each of the items that a search has found; each stands for itself.

    An item that has moved since makes it fail with HandedBackError, and the search is made
    again; if it `is_final`, only that item fails.
    """

    project: str
    each: Entry  # names no item
    targets: tuple[Target, ...] = ()
    matched: int = 0  # how many were found, with those that are no targets
    most: int = 0  # how many targets there may be; 0: any number
    goes_on: bool = False  # the first are done, if there are more
    is_final: bool = False
    comment: str = ""
    force: bool = False
    all_or_nothing: bool = False
    as_params: object = None
    run_related_post: bool = False
    refused: tuple[Fault, ...] = ()  # of items that were found and are no targets
    judged: str = ""  # the PRE script that has judged each target


@record
class WriteBatch:
    """Write items of several datastores of a project; each stands for itself, or all or none."""

    project: str
    entries: tuple[Entry, ...]  # NEW, UPDATE or DELETE, in the order in which they are done
    comment: str = ""
    force: bool = False
    all_or_nothing: bool = False
    as_params: object = None
    run_related_post: bool = False


class ParsedRow(NamedTuple):
    """A row of a file that was looked at: its values are parsed."""

    line: int
    key: Value  # that says which item it speaks of; None: the row makes one
    is_delete: bool
    values: tuple[Value, ...]  # of the fields that the file has columns for; none of a delete
    status: str  # id; "" if the row names none
    group: str  # display id; the same


@record
class WriteRows:
    """Make an item of each row of a file; each stands for itself."""

    project: str
    datastore: str
    fields: tuple[str, ...]  # ids, in the order of the values of each row
    rows: Sequence[ParsedRow]


@record
class KeptEntry:
    """A history of an item that was kept in a template."""

    seq: int
    rev: int
    action: str  # id; "" of a comment
    operation: str
    user: str
    comment: str
    at: int  # ms
    changes: Mapping[str, tuple[object, object]]  # by field id or system key
    marks_unread: bool = True
    updated_at: int | None = None  # ms
    updated_by: str = ""


@record
class KeptItem:
    """An item that was kept in a template, as it is to be here."""

    id: str
    rev: int
    seq: int
    status: str  # id
    created_at: int | None  # ms; None: now, by who makes it
    created_by: str
    updated_at: int | None
    updated_by: str
    values: Mapping[str, Value]  # by field id
    file_names: Mapping[str, str]  # by the id of each file that it holds
    is_new: bool = True  # False: it is there, and more of it comes
    is_first: bool = True  # nothing of its histories is there
    histories: tuple[KeptEntry, ...] = ()
    links: tuple[tuple[str, str, str], ...] = ()  # datastore, item, kind


@record
class WriteKept:
    """Make items as a template keeps them, in a datastore that was made of it."""

    project: str  # id
    datastore: str  # id
    items: Sequence[KeptItem]
    has_histories: bool = False
    counters: tuple[tuple[str, str | None, int], ...] = ()  # field, branch, last number


@record
class ReserveItem:
    """Reserve the id of an item that is to be made (item-actions/CreateNewItemID)."""

    project: str  # "": of whatever project the datastore is
    datastore: str


@record
class AddLink:
    """Link an item to another, in one direction."""

    project: str
    datastore: str
    item: str
    link_datastore: str
    link_item: str


@record
class RemoveLinks:
    """Remove the links from an item to one other, or to all of a datastore."""

    project: str
    datastore: str
    item: str
    link_datastore: str
    link_item: str = ""  # "": every item of the datastore
    kind: str = ""  # "": every kind


@record
class ReplaceLink:
    """Lead the links from an item to another one to a third."""

    project: str
    datastore: str
    item: str
    link_datastore: str
    link_item: str
    new_datastore: str
    new_item: str


@record
class FollowRules:
    """Link an item, and others to it, as the rules of its datastore say. Asked for by the server."""

    datastore: str  # id
    item: str
    user: str  # id of who brought it about; "" for nobody


@record
class TakeNumber:
    """Use up the next number of a counter (fields/GetAutoNumber)."""

    project: str
    datastore: str
    field: str
    branch: str = ""
    digits: int | None = None
    pad: bool | None = None


@record
class SetNumber:
    """Set the last number given of a counter (fields/UpdateAutoNumber)."""

    project: str
    datastore: str
    field: str
    number: int
    branch: str | None = None  # None: the numbers that items get on creation


@record
class PostComment:
    """Add a comment to an item's histories (item-histories/PostItemComment)."""

    project: str
    datastore: str
    item: str
    comment: str
    marks_unread: bool = True  # `is_send_item_unread`


@record
class EditComment:
    """Put another text in the place of a comment's."""

    project: str
    datastore: str
    item: str
    history: str
    comment: str


@record
class RemoveComment:
    """Take a comment out of an item's histories."""

    project: str
    datastore: str
    item: str
    history: str


@record
class Refuse:
    """Nothing, for a reason that a read found: a command all the same, so that it is answered, and
    kept under the request's key, as if planning had found it."""

    reason: FaultError


CommentCommand: TypeAlias = PostComment | EditComment | RemoveComment
LinkCommand: TypeAlias = AddLink | RemoveLinks | ReplaceLink
Command: TypeAlias = (
    WriteItem
    | WriteFound
    | WriteBatch
    | WriteRows
    | WriteKept
    | ReserveItem
    | LinkCommand
    | FollowRules
    | TakeNumber
    | SetNumber
    | CommentCommand
    | Refuse
)


# --- requests ---------------------------------------------------------------------------------


@record
class EntryRequest:
    """An entry with its names resolved and its values parsed."""

    operation: Op
    datastore: Datastore
    path: str
    item: str
    row: int | None
    action: Action | None  # None: none by default, or the one named does not fit
    action_ref: str
    values: Mapping[str, Value]  # by field id
    faults: tuple[Fault, ...]  # of the values, told when their turn comes
    revision: int | None
    checks_revision: bool  # of the item it names
    found_at: int | None
    link_to_parent: bool
    publish: Publish | None
    related: tuple[EntryRequest, ...]
    status: str = ""  # id


@record
class WriteRequest:
    """A WriteItem, resolved."""

    command: WriteItem
    project: Project
    entry: EntryRequest
    touches: Touches
    entries: int  # its share of a group: entries, and one more for so much text
    judged_revision: int | None = None  # the revision a PRE script has seen
    linked: tuple[Datastore, ...] = ()  # where a delete takes linked items along


@record
class ItemsRequest:
    """A command for several items that hang on none other, resolved."""

    command: WriteFound | WriteBatch
    project: Project
    items: tuple[EntryRequest, ...]
    touches: Touches
    entries: int


@record
class RowsRequest:
    """A WriteRows, resolved."""

    command: WriteRows
    project: Project
    datastore: Datastore
    action: Action
    fields: tuple[Field, ...]
    touches: Touches
    entries: int = 1


@record
class KeptRequest:
    """A WriteKept, resolved."""

    command: WriteKept
    datastore: Datastore
    touches: Touches
    entries: int = 1


@record
class ReservationRequest:
    """A ReserveItem, resolved."""

    command: ReserveItem
    datastore: Datastore
    touches: Touches
    entries: int = 1


@record
class LinkRequest:
    """A command on links, resolved."""

    command: LinkCommand
    datastore: Datastore
    link_datastore: Datastore
    touches: Touches
    entries: int = 1
    new_datastore: Datastore | None = None  # of a ReplaceLink


@record
class RuleRequest:
    """A FollowRules, resolved."""

    command: FollowRules
    datastore: Datastore
    touches: Touches
    entries: int = 16  # it may lock and write much


@record
class NumberRequest:
    """A TakeNumber or SetNumber, resolved."""

    command: TakeNumber | SetNumber
    project: Project
    datastore: Datastore
    field: Field
    touches: Touches
    entries: int = 1


@record
class CommentRequest:
    """A command on a comment, resolved."""

    command: CommentCommand
    project: Project
    datastore: Datastore
    touches: Touches
    entries: int = 1


@record
class RefusedRequest:
    """A command whose names could not be resolved; planning it raises the fault."""

    fault: FaultError
    touches: Touches
    entries: int = 1


Request: TypeAlias = (
    WriteRequest
    | ItemsRequest
    | RowsRequest
    | KeptRequest
    | ReservationRequest
    | LinkRequest
    | RuleRequest
    | NumberRequest
    | CommentRequest
    | RefusedRequest
)
