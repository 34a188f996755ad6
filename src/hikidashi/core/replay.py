"""Histories carried out again: an item as it was, or from nothing as it is. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from .catalog import Datastore, Field
from .computed import make_title
from .items import COPIED_FROM, Item
from .kinds import Storage
from .plan import Changes
from .record import record
from .values import Value


@record
class Revision:
    """What raised an item's revision by one."""

    rev: int
    user: str  # id
    at: int  # ms
    changes: Changes  # by field id or system key; lists may stand for tuples


@record
class Image:
    """What an item's histories say of it. Fields that are no longer defined are kept apart."""

    rev: int
    status: str
    keys: frozenset[str]
    values: Mapping[str, Value]
    gone: Mapping[str, object]  # by id: values of fields that were deleted since


def held_value(field: Field, told: object) -> Value:
    """A value as a history tells it, as an item holds it.

    A calc field may have given another type of result then: that is left out.
    """
    if field.storage is Storage.LIST and isinstance(told, list):
        return tuple(told)
    if field.kind.is_computed and type(told) not in _HELD.get(field.storage, ()):
        return None
    return told  # type: ignore[return-value]


_HELD: Mapping[Storage | None, tuple[type, ...]] = {
    Storage.TEXT: (str,),
    Storage.NUMBER: (float, int),
    Storage.INTEGER: (int,),
    Storage.BOOLEAN: (bool,),
}


def rewind(
    item: Item, datastore: Datastore, later: Iterable[Revision]
) -> tuple[Item, Mapping[str, object]]:
    """The item as it was before some revisions, newest first and without gaps.

    Also, by id, what fields held then that are no longer defined. `updated_at` and `updated_by`
    are those of the last revision taken back: the caller knows who made the one before.
    """
    image = Image(item.rev, item.status, item.keys, dict(item.values), {})
    for revision in later:
        before = {key: pair[0] for key, pair in revision.changes.items()}
        image = _changed(image, datastore, before, revision.rev - 1)
    then = replace(
        item,
        rev=image.rev,
        status=image.status,
        keys=image.keys,
        values=image.values,
        title=make_title(datastore, image.values),
    )
    return then, image.gone


def replay(datastore: Datastore, revisions: Iterable[Revision]) -> Image:
    """What revisions, oldest first, make of nothing."""
    image = Image(0, "", frozenset(), {}, {})
    for revision in revisions:
        after = {key: pair[1] for key, pair in revision.changes.items()}
        image = _changed(image, datastore, after, revision.rev)
    return image


def _changed(image: Image, datastore: Datastore, told: Mapping[str, object], rev: int) -> Image:
    status, keys = image.status, image.keys
    values, gone = dict(image.values), dict(image.gone)
    for key, one in told.items():
        if key == "status":
            status = str(one or "")
        elif key == "keys":
            keys = frozenset(one if isinstance(one, (list, tuple)) else ())
        elif key == COPIED_FROM:
            continue  # where its values came from is not one of them
        elif (field := datastore.find_field(key)) is not None and field.storage is not None:
            values[key] = held_value(field, one)
        else:
            gone[key] = one
    return Image(rev, status, keys, values, gone)
