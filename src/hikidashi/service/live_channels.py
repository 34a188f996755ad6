"""Channels: what somebody may listen to, as clients name it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import field as record_field
from typing import Final

from ..core.errors import forbidden, invalid_request
from ..core.limits import CHANNELS_MAX
from ..core.record import record

LOG_EVENT: Final = "log_actionscript"
_ID: Final = "([0-9a-f]{24})"
_SHAPES: Final = (
    ("items", re.compile(f"item_view_{_ID}_{_ID}")),
    ("datastores", re.compile(f"datastore_{_ID}_{_ID}")),
    ("projects", re.compile(f"logs_{_ID}_{_ID}")),
    ("unread", re.compile(f"unread_{_ID}")),
)


@record
class Wants:
    """What a listener is told of."""

    items: frozenset[str] = record_field(default_factory=frozenset)  # ids: their new histories
    datastores: frozenset[str] = record_field(default_factory=frozenset)  # the same of their items
    projects: frozenset[str] = record_field(default_factory=frozenset)  # the logs of their scripts
    unread: bool = False
    all_items: bool = False

    def fits(self, item: str, datastore: str) -> bool:
        """Whether a new history of an item may concern the listener at all."""
        return self.all_items or self.unread or item in self.items or datastore in self.datastores


def item_channel(item: str, user: str) -> str:
    """The new histories of one item."""
    return f"item_view_{item}_{user}"


def datastore_channel(datastore: str, user: str) -> str:
    """The new histories of the items of a datastore."""
    return f"datastore_{user}_{datastore}"


def unread_channel(user: str) -> str:
    """How many histories of an item are unread, whenever that changes."""
    return f"unread_{user}"


def logs_channel(user: str, project: str) -> str:
    """What the scripts log that a user runs in a project."""
    return f"logs_{user}_{project}"


def read_channels(names: Sequence[str], user: str) -> Wants:
    """What channels ask for. Raises 400 for what is none, 403 for those of somebody else."""
    if len(names) > CHANNELS_MAX:
        raise invalid_request(f"channel: over {CHANNELS_MAX} channels")
    found: dict[str, set[str]] = {"items": set(), "datastores": set(), "projects": set()}
    unread = False
    for name in names:
        what, ids = _split(name)
        place, owner = ids if what == "items" else (ids[-1], ids[0])
        if owner != user:
            raise forbidden("the channel is another user's")
        if what == "unread":
            unread = True
        else:
            found[what].add(place)
    sets = {what: frozenset(ids) for what, ids in found.items()}
    return Wants(sets["items"], sets["datastores"], sets["projects"], unread)


def _split(name: str) -> tuple[str, tuple[str, ...]]:
    """What kind of channel a name is of, and the ids in it. Raises 400."""
    for what, shape in _SHAPES:
        match = shape.fullmatch(name)
        if match is not None:
            return what, match.groups()
    raise invalid_request(f"channel: {name[:100]!r} is not the name of one", name[:100])
