"""What a command will look at, gathered while it is resolved or found missing while it is planned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set as AbstractSet
from types import MappingProxyType
from typing import Any, Final

from .relations import Question
from .values import Value

_NO_MAPPING: Final[Mapping[Any, Any]] = MappingProxyType({})
_NO_SET: Final[AbstractSet[Any]] = frozenset()


class Touches:
    """What a request will look at: read, and locked in one global order, before it is planned.

    Most requests touch few kinds of things, so a part is made with the first thing in it.
    """

    items: Mapping[str, set[str]] = _NO_MAPPING  # datastore id -> item ids
    seen: Mapping[str, set[str]] = _NO_MAPPING  # the same of items that formulas read: not locked
    rows: Mapping[str, set[int]] = _NO_MAPPING  # datastore id -> row numbers
    new_rows: Mapping[str, int] = _NO_MAPPING  # datastore id -> how many items will be made
    holders: AbstractSet[tuple[str, str, Value]] = _NO_SET  # datastore, unique field, value
    numbers: AbstractSet[tuple[str, str, Value]] = _NO_SET  # the same for auto numbers, which the
    # lock of their counter keeps
    users: AbstractSet[tuple[str, str]] = _NO_SET  # workspace, user
    files: AbstractSet[str] = _NO_SET  # ids
    counters: Mapping[tuple[str, str | None], bool] = _NO_MAPPING  # field, branch -> make if absent
    link_pairs: AbstractSet[tuple[str, str]] = _NO_SET  # items; read both ways
    comments: AbstractSet[str] = _NO_SET  # histories that are comments, by id
    reserved: AbstractSet[str] = _NO_SET  # ids of items that are yet to be made
    questions: AbstractSet[Question] = _NO_SET  # what rules would make of links
    links_into: AbstractSet[tuple[str, str]] = _NO_SET  # item, datastore that its links lead into

    def item(self, datastore: str, item: str) -> None:
        """An item by id."""
        self._among("items", datastore, (item,))

    def see(self, datastore: str, item: str) -> None:
        """An item that formulas read."""
        self._among("seen", datastore, (item,))

    def row(self, datastore: str, number: int) -> None:
        """An item by row number."""
        self._among("rows", datastore, (number,))

    def new_row(self, datastore: str, count: int = 1) -> None:
        """Items that will be made."""
        made: dict[str, int] = self.__dict__.setdefault("new_rows", {})
        made[datastore] = made.get(datastore, 0) + count

    def holder(self, datastore: str, field: str, value: Value) -> None:
        """Who holds a unique value."""
        self._more("holders", ((datastore, field, value),))

    def number(self, datastore: str, field: str, values: Iterable[Value]) -> None:
        """Who holds an auto number, of several."""
        self._more("numbers", ((datastore, field, one) for one in values))

    def user(self, workspace: str, users: Iterable[str]) -> None:
        """Whether users are members."""
        self._more("users", ((workspace, one) for one in users))

    def file(self, files: Iterable[str]) -> None:
        """Uploaded files."""
        self._more("files", files)

    def counter(self, field: str, branch: str | None, *, make: bool) -> None:
        """A counter; `make` gives it a row if it has none."""
        known: dict[tuple[str, str | None], bool] = self.__dict__.setdefault("counters", {})
        known[field, branch] = make or known.get((field, branch), False)

    def link_pair(self, item: str, other: str) -> None:
        """The links between two items."""
        self._more("link_pairs", ((item, other),))

    def link_into(self, pairs: Iterable[tuple[str, str]]) -> None:
        """The links from items into datastores."""
        self._more("links_into", pairs)

    def question(self, question: Question) -> None:
        """What rules would make of the links of an item."""
        self._more("questions", (question,))

    def comment(self, history: str) -> None:
        """A comment."""
        self._more("comments", (history,))

    def reserve(self, item: str) -> None:
        """Who an id is kept for."""
        self._more("reserved", (item,))

    def add(self, other: Touches) -> None:
        """Take in all that another one names."""
        for name, part in other.__dict__.items():
            if name in ("items", "seen", "rows"):
                for datastore, found in part.items():
                    self._among(name, datastore, found)
            elif name == "new_rows":
                for datastore, count in part.items():
                    self.new_row(datastore, count)
            elif name == "counters":
                for (field, branch), make in part.items():
                    self.counter(field, branch, make=make)
            else:
                self._more(name, part)

    def _more(self, name: str, found: Iterable[Any]) -> None:
        """Add to a part that is a set."""
        known = self.__dict__.get(name)
        if known is None:
            self.__dict__[name] = set(found)
        else:
            known.update(found)

    def _among(self, name: str, datastore: str, found: Iterable[Any]) -> None:
        """Add to a part that has a set for each datastore."""
        parts = self.__dict__.get(name)
        if parts is None:
            self.__dict__[name] = {datastore: set(found)}
        elif datastore in parts:
            parts[datastore].update(found)
        else:
            parts[datastore] = set(found)
