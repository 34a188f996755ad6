"""Relations between datastores, and the rules by which items of theirs are linked. Pure."""

from __future__ import annotations

from .record import record
from .saved import Names
from .values import Value


@record
class Relation:
    """Items of a datastore belong to items of another one; with a rule, it links them."""

    id: str
    display_id: str
    names: Names
    position: int
    target: str  # id of a datastore
    field: str = ""  # id; the key of this datastore's items; "" where there is no rule
    equals: str = ""  # id; the key of the target's items


@record
class Rule:
    """An item of `source` is linked to each of `target` whose key equals its own."""

    source: str  # id of a datastore
    field: str  # id
    target: str  # id of a datastore
    equals: str  # id


@record
class Question:
    """What rules would make of the links of an item that holds these keys."""

    datastore: str  # id
    item: str  # id; "" for one that is being made
    rules: tuple[Rule, ...]
    keys: tuple[tuple[str, Value], ...]  # by field id
