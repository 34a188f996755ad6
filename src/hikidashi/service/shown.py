"""Items with all that showing them takes: the fields an actor sees, and the names behind ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field as record_field
from weakref import WeakKeyDictionary

from ..core.access import Actor
from ..core.catalog import Catalog, Datastore, Field, localized
from ..core.conditions import find_lookups, shown_fields
from ..core.items import Item
from ..core.query import LookupTarget
from ..core.record import record
from ..core.values import Value, format_instant, format_number
from ..storage.files import FileRow, read_files
from ..storage.items import Person, read_titles, read_users
from .app import View

_ASPECTS_MAX = 1_000  # sets of roles remembered for one datastore
_PEOPLE_MAX = 50_000  # users remembered for one workspace


@record
class Aspect:
    """What an actor with certain roles sees of a datastore."""

    fields: tuple[Field, ...]
    lookups: Mapping[str, LookupTarget]  # by field id
    user_fields: tuple[Field, ...]
    lookup_fields: tuple[Field, ...]
    file_fields: tuple[Field, ...]


@record
class Known:
    """The names behind the ids that some items hold, as far as the actor may see them."""

    users: Mapping[str, Person] = record_field(default_factory=dict)
    titles: Mapping[str, Mapping[str, str]] = record_field(default_factory=dict)  # field -> item
    files: Mapping[str, Mapping[str, object]] = record_field(default_factory=dict)  # none: by id


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


# By workspace, the number of its people and those who were asked for since: every change of a user
# raises the number of the workspaces that the user is in.
_people: dict[str, tuple[int, dict[str, Person]]] = {}


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
            tuple(one for one in fields if one.kind.refers_to == "file"),
        )
    return found


def show(
    view: View,
    datastore: Datastore,
    items: Sequence[Item],
    fields: tuple[Field, ...] | None = None,
    *,
    whole: bool = False,
) -> Shown:
    """Items with the names behind their ids; `whole`: also who made and changed them, and what
    there is to tell of their files."""
    seen = aspect(view.catalog, view.actor, datastore)
    wanted = seen.fields if fields is None else fields
    users: set[str] = set()
    if whole:
        for item in items:
            users.add(item.created_by)
            users.add(item.updated_by)
    for one in _among(seen.user_fields, fields):
        for item in items:
            users.update(one.kind.ids(item.values.get(one.id)))
    titles: dict[str, Mapping[str, str]] = {}
    for one in _among(seen.lookup_fields, fields):
        targets = {str(item.values[one.id]) for item in items if item.values.get(one.id)}
        titles[one.id] = read_titles(
            view.connection, view.access, seen.lookups[one.id], targets, view.actor.keyring
        )
    held: set[str] = set()
    for one in _among(seen.file_fields, fields) if whole else ():
        for item in items:
            held.update(one.kind.ids(item.values.get(one.id)))
    known_files = {
        key: _file(one, datastore) for key, one in read_files(view.connection, held).items()
    }
    return Shown(datastore, items, wanted, Known(find_users(view, users), titles, known_files))


def find_users(view: View, users: Iterable[str]) -> dict[str, Person]:
    """Users by id, as they are at the actor's number of the workspace's people."""
    actor = view.actor
    number, people = _people.get(actor.workspace, (0, {}))
    if number != actor.number or len(people) > _PEOPLE_MAX:
        people = {}
        _people[actor.workspace] = (actor.number, people)
    found: dict[str, Person] = {}
    absent: list[str] = []
    for user in users:
        person = people.get(user)
        if person is not None:
            found[user] = person
        elif user:
            absent.append(user)
    if absent:
        read = read_users(view.connection, absent)
        people.update(read)
        found.update(read)
    return found


def _among(fields: tuple[Field, ...], wanted: tuple[Field, ...] | None) -> tuple[Field, ...]:
    if wanted is None or not fields:
        return fields
    ids = {one.id for one in wanted}
    return tuple(one for one in fields if one.id in ids)


def shown_value(field: Field, item: Item, datastore: Datastore, known: Known) -> object:
    """A value as a program is shown it: typed, and with objects for users and lookups.

    None when it is empty, and for a lookup of an item that the actor may not see.
    """
    if field.kind.name == "status":
        status = datastore.find_status(item.status)
        return status.display_id if status else None
    value: Value = item.values.get(field.id)
    return None if value is None else show_held(field, value, known)


def show_held(field: Field, value: Value, known: Known) -> object:
    """The same for a value that is not empty, of a field that holds values."""
    kind = field.value_kind
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
            if not known.files:
                return kind.dump(value, field.settings)
            held = [known.files[one] for one in kind.ids(value) if one in known.files]
            return [{**one, "display_order": at} for at, one in enumerate(held)]
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


def _file(file: FileRow, datastore: Datastore) -> dict[str, object]:
    """A file as item details show it, under the several names its keys have had."""
    created = format_instant(file.created_at)
    link = f"/api/v0/files/{file.id}"
    return {
        "_id": file.id,
        "file_id": file.id,
        "filename": file.name,
        "name": file.name,
        "filepath": f"{file.datastore}/{file.item}/{file.field}/{file.name}",
        "contentType": file.content_type,
        "size": file.size,
        "mediaLink": link,
        "selfLink": link,
        "created_at": created,
        "timeCreated": created,
        "updated": format_instant(file.attached_at or file.created_at),
        "deleted": file.deleted_at is not None,
        "temporary": False,
        "w_id": file.workspace,
        "p_id": datastore.project,
        "d_id": file.datastore,
        "datastore_id": file.datastore,
        "field_id": file.field,
        "i_id": file.item,
        "item_id": file.item,
        "user_id": file.user,
    }


__all__ = [
    "Aspect",
    "Known",
    "Shown",
    "aspect",
    "find_users",
    "localized",
    "show",
    "show_held",
    "shown_value",
]
