"""Fields and their options made, changed and deleted by a call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.catalog import Datastore, Field
from ..core.errors import invalid_request, no_place
from ..core.limits import LAYOUT_MAX
from .design import Scene, Wish
from .design_applications import FIELD_WORDS
from .design_parts import (
    Keys,
    Made,
    Making,
    Place,
    Wishing,
    changed,
    find_part,
    gone,
    in_datastore,
    new_one,
    project_of,
    with_admin,
)
from .schema.keys import FORMS


def find_field(scene: Scene, place: Place, ref: str) -> tuple[Datastore, Field]:
    """A field of a datastore that the actor may design. Raises 404, 403."""
    return find_part(scene, place, "field", lambda one, name: one.find_field(name), ref)


def create_field(place: Place, keys: Keys) -> Making:
    """A field at the end of the datastore's."""

    def wish(scene: Scene) -> tuple[Wish, Made]:
        datastore = scene.designed_datastore(place.datastore, place.project)
        made = new_one(scene, "field", datastore.id, str(keys.get("display_id") or ""))
        said = with_admin(project_of(scene, datastore), _meant(str(keys["type"]), keys))
        said |= {"id": made.id, "display_id": made.display_id}
        below = max((row + height for _, row, _, height in _layouts(datastore)), default=0)
        said.setdefault("layout", {"row": min(below, LAYOUT_MAX)})
        return Wish(in_datastore(datastore, {"fields": [said]}), words=FIELD_WORDS), made

    return Making(wish)


def _layouts(datastore: Datastore) -> list[tuple[int, int, int, int]]:
    return [one.layout for one in datastore.fields]


def update_field(place: Place, ref: str, keys: Keys) -> Wishing:
    """Any of its settings; what is not said stays."""

    def wish(scene: Scene) -> Wish:
        datastore, field = find_field(scene, place, ref)
        said = changed(project_of(scene, datastore), _meant(field.kind.name, keys), field)
        field_keys = {"fields": [{**said, "id": field.id}]}
        return Wish(in_datastore(datastore, field_keys), words=FIELD_WORDS)

    return wish


def delete_field(place: Place, ref: str) -> Wishing:
    """Its values go with it."""

    def wish(scene: Scene) -> Wish:
        datastore, field = find_field(scene, place, ref)
        return Wish(in_datastore(datastore, {"fields": [gone(field.id)]}), may_destroy=True)

    return wish


def _meant(kind: str, keys: Keys) -> dict[str, Any]:
    """The keys without what is empty and means nothing for the kind: clients send it all."""
    kinds = {form.name: form.kinds for form in FORMS["field"]}
    return {
        key: value
        for key, value in keys.items()
        if value or (held := kinds.get(key)) is None or kind in held
    }


# --- options ----------------------------------------------------------------------------------


def create_options(place: Place, ref: str, options: Sequence[Keys]) -> Wishing:
    """Options behind those that are there; one without a display id gets the next number."""

    def wish(scene: Scene) -> Wish:
        datastore, field = find_field(scene, place, ref)
        held = {one.display_id for one in field.settings.options}
        held |= {str(one["display_id"]) for one in options if one.get("display_id")}
        number, said = 0, [{"id": one.id} for one in field.settings.options]
        known = {one.display_id for one in field.settings.options}
        for one in options:
            display_id = one.get("display_id")
            if display_id in known:
                raise invalid_request(f"options: the display_id {display_id} is there already")
            while not display_id:
                number += 1
                display_id = "" if str(number) in held else str(number)
            known.add(str(display_id))
            said.append({**one, "display_id": str(display_id)})
        return _options(datastore, field, {"options": said})

    return wish


def update_options(
    place: Place, ref: str, changes: Sequence[tuple[str, Keys, int | None]]
) -> Wishing:
    """Options by id or display id, each with what changes and its place among the others."""

    def wish(scene: Scene) -> Wish:
        datastore, field = find_field(scene, place, ref)
        said: dict[str, dict[str, Any]] = {one.id: {"id": one.id} for one in field.settings.options}
        places: dict[str, int] = {}
        for option, keys, at in changes:
            id_ = _find_option(field, option)
            said[id_] |= keys
            if at is not None:
                places[id_] = at
        order = [one for one in said if one not in places]
        for id_ in sorted(places, key=places.__getitem__):
            order.insert(places[id_], id_)
        return _options(datastore, field, {"options": [said[one] for one in order]})

    return wish


def delete_options(place: Place, ref: str, options: Sequence[str]) -> Wishing:
    """Options by id or display id; items that hold one show it no more."""

    def wish(scene: Scene) -> Wish:
        datastore, field = find_field(scene, place, ref)
        ids = dict.fromkeys(_find_option(field, one) for one in options)
        keys: dict[str, Any] = {"options": [gone(one) for one in ids]}
        if field.settings.selected in ids:
            keys["selected"] = ""
        return _options(datastore, field, keys)

    return wish


def _find_option(field: Field, ref: str) -> str:
    for one in field.settings.options:
        if ref in (one.id, one.display_id):
            return one.id
    raise no_place("option", ref)


def _options(datastore: Datastore, field: Field, keys: Keys) -> Wish:
    said = {"fields": [{"id": field.id, **keys}]}
    return Wish(in_datastore(datastore, said), may_destroy=True, words={"display_id": "options"})
