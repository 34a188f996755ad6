"""Applications and datastores made, changed and deleted by a call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ..core.catalog import Datastore
from ..core.errors import forbidden, no_place
from .design import Scene, Wish
from .design_parts import (
    Keys,
    Made,
    Making,
    Place,
    Wishing,
    changed,
    gone,
    in_datastore,
    in_project,
    new_one,
    project_of,
    with_admin,
)

FIELD_WORDS: Final = {
    "type": "dataType",
    "min": "min_value",
    "max": "max_value",
    "lookup": "dslookup_info",
    "formula": "calc_info.formula",
    "result": "calc_info.result",
    "digit": "autonum_info.digit",
    "zero_padding": "autonum_info.zero_padding",
    "hide_on_input": "hideOnInput",
    "single_select": "users_info.single_select",
    "layout": "field_layout",
}
_TITLE: Final = {
    "display_id": "Title",
    "name": {"en": "Title", "ja": "タイトル"},
    "type": "text",
    "as_title": True,
}
_STATUS: Final = {
    "display_id": "Status",
    "name": {"en": "Status", "ja": "ステータス"},
    "type": "status",
    "layout": {"row": 1},
}
_FIRST_STATUS: Final = {"display_id": "New", "name": {"en": "New", "ja": "新規"}}


# --- applications -----------------------------------------------------------------------------


def create_application(keys: Keys) -> Making:
    """An application of which the caller is ADMIN."""

    def wish(scene: Scene) -> tuple[Wish, Made]:
        scene.administered()
        made = new_one(scene, "project", "", str(keys.get("display_id") or ""))
        roles: list[dict[str, Any]] = [
            {"display_id": "ADMIN", "name": "Admin", "users": [scene.actor.user]},
            {"display_id": "MEMBER", "name": "Member"},
        ]
        top = next((one for one in scene.catalog.groups if not one.parent), None)
        if not scene.catalog.projects and top is not None:
            roles[1]["groups"] = [top.id]  # everybody's, for the first application
        said = {**keys, "id": made.id, "display_id": made.display_id, "roles": roles}
        return Wish({"applications": [said]}), made

    return Making(wish)


def update_application(ref: str, keys: Keys) -> Wishing:
    """Its name or display id."""

    def wish(scene: Scene) -> Wish:
        project = scene.designed_project(ref)
        return Wish(in_project(project.id, keys))

    return wish


def delete_application(ref: str) -> Wishing:
    """All that is in it goes with it."""

    def wish(scene: Scene) -> Wish:
        project = scene.designed_project(ref)
        if scene.actor.project:
            raise forbidden("a token of an application may not delete it")
        return Wish(in_project(project.id, {"deleted": True}), may_destroy=True)

    return wish


# --- datastores -------------------------------------------------------------------------------


def create_datastore(project_ref: str, keys: Keys) -> Making:
    """A datastore with a title, a status and the four default actions."""

    def wish(scene: Scene) -> tuple[Wish, Made]:
        project = scene.designed_project(project_ref)
        made = new_one(scene, "datastore", project.id, str(keys.get("display_id") or ""))
        said = with_admin(project, keys)
        said |= {"id": made.id, "display_id": made.display_id, "fields": [_TITLE, _STATUS]}
        said["statuses"] = [_FIRST_STATUS]
        return Wish(in_project(project.id, {"datastores": [said]})), made

    return Making(wish)


def update_datastore(place: Place, keys: Keys, layout: Sequence[tuple[str, Keys]]) -> Wishing:
    """Its name, display id, roles, and where its fields stand on the form."""

    def wish(scene: Scene) -> Wish:
        datastore = scene.designed_datastore(place.datastore, place.project)
        said = changed(project_of(scene, datastore), keys, datastore)
        laid = _laid_out(datastore, layout)
        if laid:
            said["fields"] = laid
        return Wish(in_datastore(datastore, said), words=FIELD_WORDS)

    return wish


def _laid_out(datastore: Datastore, layout: Sequence[tuple[str, Keys]]) -> list[dict[str, Any]]:
    """The fields in the order that they have, so that nothing is moved but on the form."""
    places: dict[str, Keys] = {}
    for ref, place in layout:
        field = datastore.find_field(ref)
        if field is None:
            raise no_place("field", ref)
        places[field.id] = place
    return [
        {"id": one.id, "layout": places[one.id]} for one in datastore.fields if one.id in places
    ]


def delete_datastore(place: Place) -> Wishing:
    """All that is in it goes with it."""

    def wish(scene: Scene) -> Wish:
        datastore = scene.designed_datastore(place.datastore, place.project)
        keys = {"datastores": [gone(datastore.id)]}
        return Wish(in_project(datastore.project, keys), may_destroy=True)

    return wish
