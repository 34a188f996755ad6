"""Items, links and histories as they are, and the working snapshot that writes are planned over."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeGuard

from .ids import is_id
from .record import record
from .relations import Question
from .touches import Touches
from .values import Value

COPIED_FROM: Final = "copied_from"  # of a history's changes: the item that this one is a copy of
AUTO_LINK: Final = "auto_link"  # the kind of a link that was made by rule
LOOKUP_LINK: Final = "lookup"  # the kind of one that a lookup field has made
IMPORT: Final = "IMPORT"  # who made an item that came with a file, and what its history says


@record
class Item:
    """One item at one revision. An empty field is absent from `values` or None there."""

    datastore: str  # id
    id: str
    n: int  # row number: counted in its datastore, never given again
    rev: int
    seq: int  # events this item has had; orders its histories and its outbox
    status: str  # id; "" in a datastore without statuses
    title: str
    created_at: int  # ms
    created_by: str  # user id
    updated_at: int | None
    updated_by: str
    keys: frozenset[str]  # access keys: who may see it
    values: Mapping[str, Value]  # by field id


@record
class Link:
    """A directed link between two items."""

    from_datastore: str
    from_item: str
    to_datastore: str
    to_item: str
    kind: str = "link"  # "link", "auto_link", "lookup"

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it this link and no other."""
        return (self.from_item, self.to_item, self.kind)


@record
class Differences:
    """What rules ask for and is not there, and what is there and no rule asks for; some of each."""

    lacking: tuple[Link, ...] = ()
    stale: tuple[Link, ...] = ()


@record
class HistoryEntry:
    """What one write did to one item."""

    id: str
    workspace: str
    datastore: str
    item: str
    seq: int
    rev: int
    action: str  # id
    operation: str
    user: str
    comment: str
    transaction: str
    created_at: int  # ms
    changes: Mapping[str, tuple[object, object]]  # field id or system key -> (before, after)
    # What only a comment has: one that belongs to no action.
    marks_unread: bool = True
    updated_at: int | None = None  # ms
    updated_by: str = ""
    deleted_at: int | None = None


@record
class Reservation:
    """An id that is kept for an item that its user is going to make."""

    item: str
    workspace: str
    datastore: str
    user: str
    created_at: int  # ms


@record
class FileState:
    """An uploaded file, as far as it matters to who may attach it where."""

    id: str
    workspace: str
    user: str  # who uploaded it
    datastore: str  # these three: where it is attached, or what it was uploaded for
    field: str
    item: str
    name: str
    is_attached: bool  # or was, if it is deleted
    is_deleted: bool


class SnapshotMissError(Exception):
    """Planning needs something that was not read. The committer reads it and plans again."""

    def __init__(self, touches: Touches) -> None:
        super().__init__("the snapshot lacks something")
        self.touches = touches


_ABSENT: Any = object()


class Snapshot:
    """What was read for a group of commands, changed in place as each is planned.

    Every change is journalled, so that the steps of a command or of a related entry that fails
    can be taken back: `mark()`, then `undo_to(mark)`.
    """

    __slots__ = (
        "_journal",
        "_made",
        "_pairs",
        "_rows",
        "_seen",
        "_taken",
        "comments",
        "counters",
        "differences",
        "files",
        "holders",
        "items",
        "links",
        "new_rows",
        "reserved",
        "users",
    )

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], Item | None] = {}  # (datastore, item); None: not there
        # What formulas read. It is not locked, so it is never what a write is planned from.
        self._seen: dict[tuple[str, str], Item | None] = {}
        self._rows: dict[tuple[str, int], str | None] = {}  # (datastore, row number) -> item id
        self.holders: dict[tuple[str, Value], str] = {}  # (field, value) -> item id; "" if free
        self.counters: dict[tuple[str, str | None], int | None] = {}
        self.links: dict[tuple[str, str, str], Link | None] = {}  # None: removed here
        self.differences: dict[Question, Differences] = {}  # as they are committed
        self._pairs: set[tuple[str, str]] = set()  # what of the links was read
        self._made: set[str] = set()  # items that are new here: no links but those made here
        self.new_rows: dict[str, list[int]] = {}  # datastore -> reserved row numbers, ascending
        self._taken: dict[str, int] = {}  # datastore -> how many of them are taken
        self.users: dict[tuple[str, str], bool] = {}  # (workspace, user) -> is a member
        self.comments: dict[str, HistoryEntry | None] = {}  # by id; None: none or deleted
        self.reserved: dict[str, Reservation | None] = {}  # by id of the item
        self.files: dict[str, FileState | None] = {}  # None: not there, or its bytes are going
        self._journal: list[tuple[dict[Any, Any], Hashable, object]] = []

    # -- filling, by storage -------------------------------------------------------------------

    def expect(self, datastore: str, items: Iterable[str], rows: Iterable[int]) -> None:
        """Note what is going to be read: it is not there unless it is found."""
        for item in items:
            self.items[datastore, item] = None
        for row in rows:
            self._rows[datastore, row] = None

    def load_item(self, found: Item) -> None:
        """Note an item as read."""
        self.items[found.datastore, found.id] = found
        self._rows[found.datastore, found.n] = found.id

    def load_seen(self, datastore: str, item: str, found: Item | None) -> None:
        """Note an item as read for formulas only."""
        self._seen[datastore, item] = found

    def knows(self, datastore: str, item: str) -> bool:
        """Whether the item needs not be read for formulas."""
        return (datastore, item) in self.items or (datastore, item) in self._seen

    def load_links(self, touches: Touches, links: list[Link]) -> None:
        """Note links as read, and what was asked for, so that absence is known too."""
        for pair in touches.link_pairs:
            self._pairs.add(pair)
            self._pairs.add((pair[1], pair[0]))
        self._pairs |= touches.links_into
        for link in links:
            self.links.setdefault(link.key, link)

    # -- looking -------------------------------------------------------------------------------

    def find_item(self, datastore: str, item: str) -> Item | None:
        """The item as the commands planned so far leave it; None for what is no id, too."""
        try:
            return self.items[datastore, item]
        except KeyError:
            if not is_id(item):
                return None
            miss = Touches()
            miss.item(datastore, item)
            raise SnapshotMissError(miss) from None

    def find_seen(self, wanted: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Item | None]:
        """Items by datastore and id, as far as they are there, for formulas to read."""
        absent = [one for one in wanted if not self.knows(*one)]
        if absent:
            miss = Touches()
            for datastore, item in absent:
                miss.see(datastore, item)
            raise SnapshotMissError(miss)
        return {one: self.items[one] if one in self.items else self._seen[one] for one in wanted}

    def find_row(self, datastore: str, row: int) -> str | None:
        """The id of the item that bears a row number."""
        try:
            return self._rows[datastore, row]
        except KeyError:
            miss = Touches()
            miss.row(datastore, row)
            raise SnapshotMissError(miss) from None

    def find_holder(self, datastore: str, field: str, value: Value) -> str:
        """The id of the item that holds a unique value; "" if it is free."""
        try:
            return self.holders[field, value]
        except KeyError:
            miss = Touches()
            miss.holder(datastore, field, value)
            raise SnapshotMissError(miss) from None

    def find_number(self, datastore: str, field: str, candidates: Sequence[Value]) -> str:
        """Who holds the first of the candidates; all are read if that one is not known."""
        found = self.holders.get((field, candidates[0]))
        if found is None:
            miss = Touches()
            miss.number(datastore, field, candidates)
            raise SnapshotMissError(miss)
        return found

    def find_comment(self, history: str) -> HistoryEntry | None:
        """A comment by id, whatever item it is on."""
        found = self.comments.get(history, _ABSENT)
        if found is _ABSENT:
            miss = Touches()
            miss.comment(history)
            raise SnapshotMissError(miss)
        return found  # type: ignore[no-any-return]

    def find_reserved(self, item: str) -> Reservation | None:
        """Who an id is kept for."""
        found = self.reserved.get(item, _ABSENT)
        if found is _ABSENT:
            miss = Touches()
            miss.reserve(item)
            raise SnapshotMissError(miss)
        return found  # type: ignore[no-any-return]

    def is_member(self, workspace: str, user: str) -> bool:
        """Whether a user belongs to the workspace."""
        try:
            return self.users[workspace, user]
        except KeyError:
            miss = Touches()
            miss.user(workspace, (user,))
            raise SnapshotMissError(miss) from None

    def find_file(self, file: str) -> FileState | None:
        """An uploaded file; None if it is not there, or was deleted too long ago."""
        try:
            return self.files[file]
        except KeyError:
            miss = Touches()
            miss.file((file,))
            raise SnapshotMissError(miss) from None

    def find_counter(self, field: str, branch: str | None, *, make: bool) -> int | None:
        """The last number given; None if there is no such counter yet."""
        found = self.counters.get((field, branch), _ABSENT)
        if found is _ABSENT:
            miss = Touches()
            miss.counter(field, branch, make=make)
            raise SnapshotMissError(miss)
        return found  # type: ignore[no-any-return]

    def links_between(self, item: str, other: str) -> list[Link]:
        """The links from one item to another, of every kind."""
        made = self._made
        if item not in made and other not in made and (item, other) not in self._pairs:
            miss = Touches()
            miss.link_pair(item, other)
            raise SnapshotMissError(miss)
        found = (self.links.get((item, other, kind)) for kind in ("link", "auto_link", "lookup"))
        return [link for link in found if self._is_there(link)]

    def links_into(self, items: Sequence[str], datastores: Sequence[str]) -> list[Link]:
        """The links from any of the items into any of the datastores, in the order of the items."""
        wanted = [item for item in items if item not in self._made]
        missing = {(one, place) for one in wanted for place in datastores} - self._pairs
        if missing:
            miss = Touches()
            miss.link_into(missing)
            raise SnapshotMissError(miss)
        places = {item: place for place, item in enumerate(items)}
        found = [
            link
            for link in self.links.values()
            if link is not None and link.from_item in places and link.to_datastore in datastores
        ]
        found.sort(key=lambda link: (places[link.from_item], link.to_datastore, link.to_item))
        return [link for link in found if self._is_there(link)]

    def find_differences(self, question: Question) -> Differences:
        """Some of what rules lack and have too much, as it is committed."""
        try:
            return self.differences[question]
        except KeyError:
            miss = Touches()
            miss.question(question)
            raise SnapshotMissError(miss) from None

    def _is_there(self, link: Link | None) -> TypeGuard[Link]:
        """A link goes with the item that it leads to."""
        if link is None:
            return False
        return self.items.get((link.to_datastore, link.to_item), _ABSENT) is not None

    # -- changing, journalled ------------------------------------------------------------------

    def put_item(self, datastore: str, item: str, now: Item | None) -> None:
        """An item's new image, or None when it is deleted."""
        before = self.items.get((datastore, item))
        self._put(self.items, (datastore, item), now)
        if now is not None and before is None:  # a row number is for good
            self._put(self._rows, (datastore, now.n), item)

    def put_holder(self, field: str, value: Value, item: str) -> None:
        """A unique value taken ("" gives it up)."""
        self._put(self.holders, (field, value), item)

    def put_counter(self, field: str, branch: str | None, last: int) -> None:
        """The last number given."""
        self._put(self.counters, (field, branch), last)

    def put_comment(self, history: str, now: HistoryEntry | None) -> None:
        """A comment's new text, or None when it is deleted."""
        self._put(self.comments, history, now)

    def put_reserved(self, item: str, now: Reservation | None) -> None:
        """An id reserved, or None when it is used."""
        self._put(self.reserved, item, now)

    def put_file(self, now: FileState) -> None:
        """A file attached or deleted."""
        self._put(self.files, now.id, now)

    def put_link(self, link: Link) -> None:
        """A link made."""
        self._put(self.links, link.key, link)

    def drop_link(self, link: Link) -> None:
        """A link removed."""
        self._put(self.links, link.key, None)

    def is_made_here(self, item: str) -> bool:
        """Whether the item is one that was made here."""
        return item in self._made

    def know_new_item(self, item: str) -> None:
        """An item made here has no links but those made here."""
        self._made.add(item)

    def take_row(self, datastore: str) -> int:
        """A reserved row number; one that is not used in the end leaves a gap."""
        rows, taken = self.new_rows.get(datastore, ()), self._taken.get(datastore, 0)
        if taken >= len(rows):
            miss = Touches()
            miss.new_row(datastore)
            raise SnapshotMissError(miss)
        self._put(self._taken, datastore, taken + 1)
        return rows[taken]

    def _put(self, table: dict[Any, Any], key: Hashable, value: object) -> None:
        self._journal.append((table, key, table.get(key, _ABSENT)))
        table[key] = value

    def mark(self) -> int:
        """A point to go back to."""
        return len(self._journal)

    def undo_to(self, mark: int) -> None:
        """Take back every change since the mark."""
        journal = self._journal
        while len(journal) > mark:
            table, key, before = journal.pop()
            if before is _ABSENT:
                del table[key]
            else:
                table[key] = before
