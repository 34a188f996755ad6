"""Statuses and actions made, changed and deleted by a call, and the scripts of actions."""

from __future__ import annotations

from typing import Final, Literal

from ..core.access import may_use_datastore
from ..core.actions import Action, Status
from ..core.catalog import Datastore
from ..core.errors import invalid_request, no_place
from .design import Scene, Wish
from .design_parts import (
    Keys,
    Made,
    Making,
    Parts,
    Place,
    Wishing,
    changed,
    find_part,
    gone,
    in_datastore,
    in_order,
    new_one,
    project_of,
    with_admin,
)

ACTION_WORDS: Final = {
    "next_status": "set_status",
    "status": "status_id",
    "fields": "action_field_settings",
    "default": "is_default",
    "pre_script": "file",
    "post_script": "file",
}
STATUSES: Final = Parts("status", "statuses")
ScriptType = Literal["pre", "post"]


# --- statuses ---------------------------------------------------------------------------------


def update_status(place: Place, ref: str, keys: Keys, at: int | None) -> Wishing:
    """Its name, display id, or place among the others."""

    def wish(scene: Scene) -> Wish:
        datastore, status = _find_status(scene, place, ref)
        order = [one.id for one in datastore.statuses]
        return Wish(in_datastore(datastore, {"statuses": in_order(order, status.id, keys, at)}))

    return wish


def delete_status(place: Place, ref: str) -> Wishing:
    """A status that no action names; the items in it stay, in none that is shown."""

    def wish(scene: Scene) -> Wish:
        datastore, status = _find_status(scene, place, ref)
        if len(datastore.statuses) == 1:
            raise invalid_request(f"{status.display_id} is the last status of the datastore")
        said = {"statuses": [gone(status.id)]}
        return Wish(in_datastore(datastore, said), may_destroy=True)

    return wish


def _find_status(scene: Scene, place: Place, ref: str) -> tuple[Datastore, Status]:
    return find_part(scene, place, "status", Datastore.find_status, ref)


# --- actions ----------------------------------------------------------------------------------


def create_action(place: Place, keys: Keys) -> Making:
    """An action behind the others."""

    def wish(scene: Scene) -> tuple[Wish, Made]:
        datastore = scene.designed_datastore(place.datastore, place.project)
        made = new_one(scene, "action", datastore.id, str(keys.get("display_id") or ""))
        said = with_admin(project_of(scene, datastore), keys)
        said |= {"id": made.id, "display_id": made.display_id}
        return Wish(in_datastore(datastore, {"actions": [said]}), words=ACTION_WORDS), made

    return Making(wish)


def update_action(place: Place, ref: str, keys: Keys, at: int | None) -> Wishing:
    """Any of its settings; what is not said stays."""

    def wish(scene: Scene) -> Wish:
        datastore, action = find_action(scene, place, ref)
        said = changed(project_of(scene, datastore), keys, action)
        order = [one.id for one in datastore.actions]
        actions = in_order(order, action.id, said, at)
        return Wish(in_datastore(datastore, {"actions": actions}), words=ACTION_WORDS)

    return wish


def delete_action(place: Place, ref: str) -> Wishing:
    """What it did stays in the histories."""

    def wish(scene: Scene) -> Wish:
        datastore, action = find_action(scene, place, ref)
        return Wish(in_datastore(datastore, {"actions": [gone(action.id)]}), may_destroy=True)

    return wish


def find_action(scene: Scene, place: Place, ref: str) -> tuple[Datastore, Action]:
    """An action of a datastore that the actor may design. Raises 404, 403."""
    return find_part(scene, place, "action", Datastore.find_action, ref)


# --- scripts ----------------------------------------------------------------------------------


def set_script(ref: str, kind: ScriptType, text: str) -> Wishing:
    """The script that runs before or after an action; the empty text takes it away."""

    def wish(scene: Scene) -> Wish:
        place = _place_of(scene, ref)
        return update_action(place, ref, {f"{kind}_script": text}, None)(scene)

    return wish


def read_script(scene: Scene, ref: str, kind: ScriptType) -> tuple[str, str]:
    """The script of an action, and a name for its file. Raises 404 if there is none."""
    _, action = find_action(scene, _place_of(scene, ref), ref)
    text = action.pre_script if kind == "pre" else action.post_script
    if not text:
        raise no_place(f"{kind} script", ref)
    return text, f"{action.display_id}_{kind}.js"


def _place_of(scene: Scene, ref: str) -> Place:
    """The datastore of an action that is named by id, or by a display id that only one has."""
    found = [
        datastore
        for project in scene.catalog.projects
        for datastore in project.datastores
        if datastore.find_action(ref) is not None and may_use_datastore(scene.actor, datastore)
    ]
    if len(found) != 1:
        raise no_place("action", ref)
    return Place(found[0].id)
