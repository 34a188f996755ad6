"""A write as a value: the steps it takes, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from .errors import Fault
from .events import Event
from .items import HistoryEntry, Item, Link, Reservation
from .record import record


@record
class InsertItem:
    """A new row."""

    item: Item


@record
class UpdateItem:
    """Columns of a row that is there."""

    item: Item  # the whole image after the step
    fields: tuple[str, ...]  # ids of the fields that changed
    is_action: bool = True  # False: only `seq` moves (links)
    keys_changed: bool = False  # who may see it is another set of keys


@record
class DeleteItem:
    """A row and every link from and to it."""

    item: Item


@record
class InsertLink:
    """A link."""

    link: Link


@record
class DeleteLink:
    """A link."""

    link: Link


@record
class InsertHistory:
    """What the write did to one item."""

    entry: HistoryEntry


@record
class UpdateComment:
    """A comment that is there: another text, or its end."""

    entry: HistoryEntry


@record
class EmitEvent:
    """A row of the outbox."""

    event: Event


@record
class Text:
    """One text of an item that the search over all datastores looks at."""

    category: str  # "items", "histories", "files"
    field: str  # id; "" for a comment
    source: str  # what it is of its item: a field's id, a comment's seq, a file's id
    text: str  # "" takes it out


@record
class IndexText:
    """What of an item is searched; it goes with the item."""

    item: Item
    texts: tuple[Text, ...]
    is_published: bool = False  # other keys open the item: all of its texts follow


@record
class ReserveId:
    """The id of an item that is yet to be made."""

    reservation: Reservation


@record
class UseReservedId:
    """The item is made: its id is reserved no longer."""

    item: str


@record
class SetCounter:
    """The last number given of a counter."""

    field: str
    branch: str | None
    last: int


@record
class AttachFile:
    """An uploaded file now belongs to a field of an item."""

    file: str
    datastore: str
    field: str
    item: str
    at: int  # ms


@record
class DeleteFile:
    """A file that no item holds any more; its bytes go later."""

    file: str
    at: int  # ms


Step: TypeAlias = (
    InsertItem
    | UpdateItem
    | DeleteItem
    | InsertLink
    | DeleteLink
    | InsertHistory
    | UpdateComment
    | EmitEvent
    | SetCounter
    | ReserveId
    | UseReservedId
    | IndexText
    | AttachFile
    | DeleteFile
)


@record
class WriteResult:
    """What a written item's caller is told."""

    item: Item
    history: HistoryEntry
    is_changed: bool
    faults: tuple[Fault, ...] = ()  # warnings, and related entries that were not written
    related_items: tuple[str, ...] = ()  # ids of the items that related entries made, in order
    project: str = ""  # id of the project of the item's datastore


@record
class ItemsResult:
    """What became of several items; the others have their faults."""

    written: tuple[HistoryEntry, ...]
    paths: tuple[str, ...]  # of those written: which entry of the batch each was
    faults: tuple[Fault, ...]
    matched: int  # how many there were


@record
class RowsResult:
    """Which rows of a file make no items; all others do."""

    faults: tuple[tuple[int, tuple[Fault, ...]], ...]  # by the line of the row


@record
class ReservationResult:
    """The id that was reserved."""

    item: str


@record
class LinkResult:
    """How many links were made or removed."""

    count: int


@record
class RuleResult:
    """How many links were made or removed by rule, and whether there is more to do."""

    count: int
    has_more: bool


@record
class NumberResult:
    """A counter's number and its formatted form."""

    number: int
    text: str


@record
class CommentResult:
    """The comment as it is now."""

    history: HistoryEntry


Result: TypeAlias = (
    WriteResult
    | ItemsResult
    | RowsResult
    | ReservationResult
    | LinkResult
    | RuleResult
    | NumberResult
    | CommentResult
)


@record
class WritePlan:
    """Everything a command will do, in order, and its answer."""

    steps: tuple[Step, ...]
    result: Result


Changes: TypeAlias = Mapping[str, tuple[object, object]]
