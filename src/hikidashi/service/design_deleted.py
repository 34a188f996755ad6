"""What was deleted of a design: listed and brought back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..core.access import may_administer, may_design
from ..core.errors import forbidden, invalid_request, no_place
from ..core.limits import DELETED_KEEP_MS
from ..storage.definition_bodies import Definition
from ..storage.definitions import read_deleted
from ..storage.deletions import Deletion, list_deletions
from ..storage.people_writes import Grant
from .design import Scene, Wish
from .design_parts import Made, Making, in_datastore
from .schema.changes import GivePair, SchemaEdit

_PEOPLE: Final[tuple[Grant, ...]] = ("user_roles", "group_roles", "group_members")


def list_deleted(scene: Scene) -> list[Deletion]:
    """What the actor may bring back, the newest first."""
    since = scene.now_ms - DELETED_KEEP_MS
    found = list_deletions(scene.connection, scene.actor.workspace, since)
    return [one for one in found if _may_recover(scene, one)]


def _may_recover(scene: Scene, deletion: Deletion) -> bool:
    """Whoever designs the project; an administrator of the workspace where there is none."""
    actor = scene.actor
    project = scene.catalog.find_project(deletion.project) if deletion.project else None
    if project is not None and deletion.kind != "project":
        return may_design(actor, project)
    return may_administer(actor)


def recover(id_: str) -> Making:
    """A deleted definition with all that went with it, or an option. Raises 404, 400."""

    def wish(scene: Scene) -> tuple[Wish, Made]:
        if not scene.actor.may_write:
            raise forbidden("the token only reads")
        deletion = next((one for one in list_deleted(scene) if one.id == id_), None)
        if deletion is None:
            raise no_place("deleted definition", id_)
        if deletion.kind == "option":
            return _option(scene, deletion)
        found = read_deleted(scene.connection, deletion.kept.definitions)
        restored = [found[one] for one in deletion.kept.definitions if one in found]
        if not restored or restored[0].id != id_:
            raise no_place("deleted definition", id_)
        top = _placed(scene, restored[0])
        edits = _grants(scene, deletion, restored)
        return Wish(edits=edits, restored=(top, *restored[1:])), Made(id_, top.display_id)

    return Making(wish)


def _option(scene: Scene, deletion: Deletion) -> tuple[Wish, Made]:
    option = deletion.kept.option
    for project in scene.catalog.projects:
        for datastore in project.datastores:
            field = datastore.find_field(deletion.parent)
            if field is None:
                continue
            said: list[dict[str, object]] = [{"id": one.id} for one in field.settings.options]
            names = {one.display_id for one in field.settings.options}
            if option["display_id"] in names:
                raise invalid_request(f"another option has the display_id {option['display_id']}")
            told = {
                "id": option["id"],
                "display_id": option["display_id"],
                "name": option["label"],
                "enabled": option.get("enabled", True),
                "color": option.get("color", ""),
            }
            said.insert(deletion.kept.place, told)
            keys = {"fields": [{"id": field.id, "options": said}]}
            made = Made(deletion.id, str(option["display_id"]))
            return Wish(in_datastore(datastore, keys)), made
    raise invalid_request("the field of the option is deleted too: recover it first")


def _placed(scene: Scene, top: Definition) -> Definition:
    """A definition where it was, or behind its siblings if its place is taken. Raises 400."""
    live = scene.now.definitions
    if top.parent and all(one.id != top.parent for one in live):
        raise invalid_request("what it was in is deleted too: recover that first")
    siblings = [one for one in live if (one.kind, one.parent) == (top.kind, top.parent)]
    if any(one.display_id == top.display_id for one in siblings):
        raise invalid_request(f"display_id: {top.display_id} is taken by another meanwhile")
    places = {one.position for one in siblings}
    if top.position not in places:
        return top
    return Definition(top.id, top.parent, top.display_id, max(places) + 1, top.body)


def _grants(scene: Scene, deletion: Deletion, restored: Iterable[Definition]) -> list[SchemaEdit]:
    """Who held what, as far as both are still there."""
    there = {one.id for one in scene.now.definitions} | {one.id for one in restored}
    there |= {one.id for one in scene.now.people.users}
    edits: list[SchemaEdit] = []
    for what in _PEOPLE:
        pairs = [one for one in getattr(deletion.kept, what) if there.issuperset(one)]
        edits += [GivePair(deletion.workspace, what, one) for one in pairs]
    return edits
