"""What may be done to the items of a datastore, and where an item stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import Enum

from .record import record
from .saved import Names


class Operation(str, Enum):
    """What an action does to an item."""

    NEW = "new"
    UPDATE = "update"
    DELETE = "delete"
    COPY = "copy"


@record
class Status:
    """Where an item stands."""

    id: str
    display_id: str
    names: Names
    position: int


@record
class FieldRule:
    """What an action does with a field."""

    show: bool = True
    update: bool = True
    mandatory: bool = False


ANY_RULE = FieldRule()


@record
class Action:
    """A thing that may be done to items of a datastore."""

    id: str
    display_id: str
    names: Names
    operation: Operation
    position: int
    description: str = ""
    status: str = ""  # status action: offered only in this status (id)
    next_status: str = ""  # id; "" leaves the status as it is
    roles: frozenset[str] = frozenset()  # ids of the roles that may execute it
    rules: Mapping[str, FieldRule] = field(default_factory=dict)  # by field id
    publish_roles: frozenset[str] = frozenset()  # ids: keys put on the item
    publish_groups: bool = False  # also the keys of the groups the actor is in
    is_default: bool = False
    pre_script: str = ""
    post_script: str = ""
    is_synchronous: bool = False  # the answer to a write waits for the POST script
    extra: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_status_action(self) -> bool:
        """Bound to one status."""
        return bool(self.status)
