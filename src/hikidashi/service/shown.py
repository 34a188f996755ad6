"""Items with all that showing them takes: the fields an actor sees, and the names behind ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field as record_field
from weakref import WeakKeyDictionary

from ..core.access import Actor
from ..core.catalog import Catalog, Datastore, Field, Names
from ..core.conditions import find_lookups, shown_fields
from ..core.items import Item
from ..core.query import LookupTarget
from ..core.record import record
from ..core.values import Value, format_number
from ..storage.items import Person, read_titles, read_users
from .app import View

_ASPECTS_MAX = 1_000  # sets of roles remembered for one datastore


@record
class Aspect:
    """What an actor with certain roles sees of a datastore."""

    fields: tuple[Field, ...]
    lookups: Mapping[str, LookupTarget]  # by field id
    user_fields: tuple[Field, ...]
    lookup_fields: tuple[Field, ...]


@record
class Known:
    """The names behind the ids that some items hold, as far as the actor may see them."""

    users: Mapping[str, Person] = record_field(default_factory=dict)
    titles: Mapping[str, Mapping[str, str]] = record_field(default_factory=dict)  # field -> item


@record
class Shown:
    """Items of one datastore with what showing them takes."""

    datastore: Datastore
    items: Sequence[Item]
    fields: tuple[Field, ...]
    known: Known


_aspects: WeakKeyDictionary[Datastore, dict[tuple[frozenset[str], str], Aspect]] = (
    WeakKeyDictionary()
)


def aspect(catalog: Catalog, actor: Actor, datastore: Datastore) -> Aspect:
    """What the actor sees of the datastore; made once for each catalogue and set of roles."""
    made = _aspects.get(datastore)
    if made is None:
        made = _aspects[datastore] = {}
    key = (actor.roles, actor.project)
    found = made.get(key)
    if found is None:
        if len(made) >= _ASPECTS_MAX:
            made.clear()
        fields = shown_fields(actor, datastore)
        lookups = find_lookups(catalog, actor, datastore)
        found = made[key] = Aspect(
            fields,
            lookups,
            tuple(one for one in fields if one.kind.refers_to == "user"),
            tuple(one for one in fields if one.id in lookups),
        )
    return found


def show(
    view: View,
    datastore: Datastore,
    items: Sequence[Item],
    fields: tuple[Field, ...] | None = None,
    *,
    writers: bool = False,
) -> Shown:
    """Items with the names behind their ids; `writers`: also of who made and changed them."""
    seen = aspect(view.catalog, view.actor, datastore)
    wanted = seen.fields if fields is None else fields
    users: set[str] = set()
    if writers:
        for item in items:
            users.add(item.created_by)
            users.add(item.updated_by)
    for one in seen.user_fields:
        if fields is None or one in wanted:
            for item in items:
                users.update(one.kind.ids(item.values.get(one.id)))
    titles: dict[str, Mapping[str, str]] = {}
    for one in seen.lookup_fields:
        if fields is None or one in wanted:
            targets = {str(item.values[one.id]) for item in items if item.values.get(one.id)}
            titles[one.id] = read_titles(
                view.connection, view.access, seen.lookups[one.id], targets, view.actor.keyring
            )
    return Shown(
        datastore, items, wanted, Known(read_users(view.connection, users) if users else {}, titles)
    )


def localized(names: Names, language: str) -> str:
    """A name in a language, else in English, else in any."""
    return names.get(language) or names.get("en") or next(iter(names.values()), "")


def shown_value(field: Field, item: Item, datastore: Datastore, known: Known) -> object:
    """A value as a program is shown it: typed, and with objects for users and lookups.

    None when it is empty, and for a lookup of an item that the actor may not see.
    """
    kind = field.kind
    if kind.name == "status":
        status = datastore.find_status(item.status)
        return status.display_id if status else None
    value: Value = item.values.get(field.id)
    if value is None:
        return None
    match kind.name:
        case "text" | "textarea" | "autonum":
            return value
        case "number":
            return format_number(value)  # type: ignore[arg-type]
        case "boolean":
            return "true" if value else "false"
        case "users":
            return [_user(one, known) for one in kind.ids(value)]
        case "dslookup":
            title = known.titles.get(field.id, {}).get(str(value))
            if title is None:
                return None
            target = field.settings.lookup_datastore
            return {"d_id": target, "item_id": value, "title": title}
        case "file":
            return None
        case _:
            return kind.dump(value, field.settings)


def _user(user: str, known: Known) -> dict[str, str]:
    person = known.users.get(user)
    return {
        "access_key": user,
        "email": person.email if person else "",
        "media_link": "",
        "user_id": user,
        "user_name": person.name if person else "",
    }
