"""The one search tree: which items of a datastore, in what order, and how many of them.

Every test is two-valued: an empty value passes none of them but EmptyTest, and Not turns what
is false into true. Who may see an item is not part of a query; the store adds that itself.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import field
from enum import Enum
from typing import TypeAlias

from .catalog import Datastore, Field
from .kinds import Storage
from .record import record


class SystemKey(str, Enum):
    """What every item has beside its fields; the values name columns."""

    ROW = "n"
    ID = "id"
    REVISION = "rev"
    STATUS = "status"
    TITLE = "title"
    CREATED_AT = "created_at"
    CREATED_BY = "created_by"
    UPDATED_AT = "updated_at"
    UPDATED_BY = "updated_by"


# What a test or a sort looks at. A field of the kind "status" is SystemKey.STATUS.
Subject: TypeAlias = Field | SystemKey


class TextMode(Enum):
    """How a text is compared; an instant by its ISO text. All but EQUALS ignore case and width."""

    CONTAINS = "contains"
    STARTS = "starts"
    ENDS = "ends"
    EQUALS = "equals"  # code point by code point
    LIKE = "like"  # the whole text; % stands for any characters and _ for one


@record
class TextTest:
    """The text matches any of the values."""

    subject: Subject
    values: tuple[str, ...]
    mode: TextMode = TextMode.CONTAINS


@record
class RangeTest:
    """The value lies between two bounds; None leaves a side open. Instants are milliseconds."""

    subject: Subject
    low: float | int | str | None = None
    high: float | int | str | None = None
    low_included: bool = True
    high_included: bool = True


@record
class ChoiceTest:
    """The value is one of these, or, where it is several ids, one of it is."""

    subject: Subject
    values: tuple[str | float | bool, ...]


@record
class EmptyTest:
    """There is no value."""

    subject: Subject


@record
class UnreadTest:
    """The item has histories of others that the user has not read."""

    user: str
    actions: bool = True  # histories of actions count
    comments: bool = True  # histories that are comments count


@record
class Not:
    """The part does not hold."""

    part: Condition


@record
class AllOf:
    """Every part holds; none at all holds always."""

    parts: tuple[Condition, ...]


@record
class AnyOf:
    """Some part holds; none at all holds never."""

    parts: tuple[Condition, ...]


Condition: TypeAlias = (
    TextTest | RangeTest | ChoiceTest | EmptyTest | UnreadTest | Not | AllOf | AnyOf
)
EVERYTHING = AllOf(())
_LIKE_WILDCARDS = re.compile("([%_])")


@record
class Sort:
    """One key of the order. Empty values come first when it ascends, last when it descends."""

    subject: Subject
    descending: bool = False


@record
class Position:
    """Where a walk through a query's order stands: behind the item of this row number, whose sort
    keys these were. None is an empty key."""

    keys: tuple[str | float | int | None, ...]  # one for each sort
    n: int


@record
class LookupTarget:
    """The datastore that a lookup field names, and which of its fields stands for an item."""

    datastore: Datastore
    shown: Field | None  # None: the title


@record
class Query:
    """Items of one datastore. After its sorts, items lie in the order of their creation."""

    datastore: Datastore
    condition: Condition = field(default_factory=lambda: EVERYTHING)
    sorts: tuple[Sort, ...] = ()
    page: int = 1
    per_page: int = 0  # 0: all
    after: Position | None = None  # only what lies behind it
    fields: tuple[Field, ...] | None = None  # whose values are shown; None: of all the actor sees
    # By field id, what the actor may look up. A lookup that is absent here, or whose target the
    # actor's keys do not open, counts as empty.
    lookups: Mapping[str, LookupTarget] = field(default_factory=dict)


def fold(text: str) -> str:
    """What a search compares when it ignores case and width. The store has the same function."""
    return unicodedata.normalize("NFKC", text).lower().replace("\u03c2", "\u03c3")


def split_like(pattern: str) -> list[str]:
    """The parts of a pattern of LIKE: text, wildcard, text, and so on."""
    return _LIKE_WILDCARDS.split(pattern)


def is_instant(subject: Subject) -> bool:
    """Whether its values are instants."""
    if isinstance(subject, SystemKey):
        return subject in (SystemKey.CREATED_AT, SystemKey.UPDATED_AT)
    return subject.storage is Storage.INTEGER


def subjects(condition: Condition) -> Iterator[Subject]:
    """Everything that a condition looks at."""
    match condition:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from subjects(part)
        case Not(part):
            yield from subjects(part)
        case UnreadTest():
            return
        case _:
            yield condition.subject
