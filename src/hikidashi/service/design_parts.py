"""What the calls that change definitions have in common: places, display ids, roles, order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final, TypeVar

from ..core.actions import Action
from ..core.catalog import Datastore, Field, Project
from ..core.errors import invalid_request, no_place
from ..core.ids import IdSource
from ..core.record import record
from ..storage.definition_bodies import Definition
from .design import Scene, Wish
from .shown import localized

T = TypeVar("T")
Keys = Mapping[str, Any]  # of a schema file
Wishing = Callable[[Scene], Wish]

PREFIXES: Final = {
    "project": "App-",
    "datastore": "Db-",
    "field": "Fld-",
    "status": "Sts-",
    "action": "Act-",
    "webhook": "Hook-",
    "relation": "Rel-",
    "function": "Fn-",
    "schedule": "Sch-",
}
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_GIVEN: Final = 8  # characters of a display id that is given for want of another


@record
class Place:
    """A datastore as a caller names it, or an application."""

    datastore: str = ""  # "": the application itself is meant
    project: str = ""  # "": the datastore's id says it


@record
class Made:
    """What a call made."""

    id: str
    display_id: str


class Making:
    """A wish that makes one thing. It may be run again; the last run is the one that counts."""

    def __init__(self, wish: Callable[[Scene], tuple[Wish, Made]]) -> None:
        self._wish = wish
        self.made = Made("", "")

    def wish(self, scene: Scene) -> Wish:
        """What is wanted."""
        wanted, self.made = self._wish(scene)
        return wanted

    def answer(self, _scene: Scene) -> Made:
        """What was made."""
        return self.made


@record
class Parts:
    """One kind of what a datastore or an application holds a list of: `webhook` in `webhooks`."""

    kind: str
    key: str  # of a schema file

    def find(self, scene: Scene, place: Place, ref: str) -> Definition:
        """One by id or display id, of what the actor may design. Raises 404, 403."""
        parent, _ = _holder(scene, place)
        for one in scene.now.definitions:
            if (one.kind, one.parent) == (self.kind, parent) and ref in (one.id, one.display_id):
                return one
        raise no_place(self.kind, ref)

    def create(self, place: Place, keys: Keys) -> Making:
        """One behind the others."""

        def wish(scene: Scene) -> tuple[Wish, Made]:
            parent, around = _holder(scene, place)
            made = new_one(scene, self.kind, parent, str(keys.get("display_id") or ""))
            said = {**keys, "id": made.id, "display_id": made.display_id}
            return Wish(around({self.key: [said]})), made

        return Making(wish)

    def update(self, place: Place, ref: str, keys: Keys) -> Wishing:
        """Any of its settings; what is not said stays."""

        def wish(scene: Scene) -> Wish:
            found = self.find(scene, place, ref)
            return Wish(_holder(scene, place)[1]({self.key: [{**keys, "id": found.id}]}))

        return wish

    def delete(self, place: Place, ref: str) -> Wishing:
        """Take one away."""

        def wish(scene: Scene) -> Wish:
            found = self.find(scene, place, ref)
            around = _holder(scene, place)[1]
            return Wish(around({self.key: [gone(found.id)]}), may_destroy=True)

        return wish


def _holder(scene: Scene, place: Place) -> tuple[str, Callable[[Keys], dict[str, Any]]]:
    """The id of what a place names, and how keys of it are said. Raises 404, 403."""
    if not place.datastore:
        project = scene.designed_project(place.project).id
        return project, lambda keys: in_project(project, keys)
    datastore = scene.designed_datastore(place.datastore, place.project)
    return datastore.id, lambda keys: in_datastore(datastore, keys)


def find_part(
    scene: Scene, place: Place, kind: str, find: Callable[[Datastore, str], T | None], ref: str
) -> tuple[Datastore, T]:
    """A part of a datastore that the actor may design. Raises 404, 403."""
    datastore = scene.designed_datastore(place.datastore, place.project)
    found = find(datastore, ref)
    if found is None:
        raise no_place(kind, ref)
    return datastore, found


def new_one(scene: Scene, kind: str, parent: str, display_id: str) -> Made:
    """The ids of a definition to be made. Raises 400 if the display id is taken."""
    taken = {
        one.display_id for one in scene.now.definitions if one.kind == kind and one.parent == parent
    }
    if display_id in taken:
        raise invalid_request(f"display_id: {display_id} is there already")
    return Made(scene.ids.next_id(), display_id or _give(scene.ids, PREFIXES[kind], taken))


def _give(ids: IdSource, prefix: str, taken: set[str]) -> str:
    while True:
        number = int.from_bytes(blake2b(ids.next_id().encode(), digest_size=8).digest())
        text = ""
        for _ in range(_GIVEN):
            number, digit = divmod(number, len(_DIGITS))
            text += _DIGITS[digit]
        if prefix + text not in taken:
            return prefix + text


def in_project(project: str, keys: Keys) -> dict[str, Any]:
    """Keys of a project that is there."""
    return {"applications": [{"id": project, **keys}]}


def in_datastore(datastore: Datastore, keys: Keys) -> dict[str, Any]:
    """Keys of a datastore that is there."""
    return in_project(datastore.project, {"datastores": [{"id": datastore.id, **keys}]})


def with_admin(project: Project | None, keys: Keys) -> dict[str, Any]:
    """The keys with ADMIN among the roles, if there are any: it is granted whatever is said."""
    roles = keys.get("roles")
    admin = project.find_role("ADMIN") if project else None
    if roles is None or isinstance(roles, str) or admin is None:
        return dict(keys)
    return {**keys, "roles": [*roles, admin.id]}


def changed(project: Project | None, keys: Keys, one: Datastore | Field | Action) -> dict[str, Any]:
    """The keys of a definition that is there, without names and roles that are as they are told.

    So settings may be sent back as they came: a name shown in place of a missing one does not
    come to stand for it, and neither does a list of roles for every role.
    """
    found = with_admin(project, keys)
    if "name" in found:
        names: Mapping[str, str] = found.pop("name")
        said = {key: text for key, text in names.items() if localized(one.names, key) != text}
        found |= {"name": said} if said else {}
    if project is not None and _are(project, found.get("roles"), one.roles):
        del found["roles"]
    publish = found.get("publish")
    if project is not None and isinstance(one, Action) and publish:
        said = {key: value for key, value in publish.items() if key != "roles"}
        if _are(project, publish.get("roles"), one.publish_roles):
            found["publish"] = said
    return found


def _are(project: Project, refs: object, roles: frozenset[str]) -> bool:
    """A list of roles names those and no others."""
    if not isinstance(refs, list):
        return False
    return {role.id if role else "" for role in map(project.find_role, refs)} == roles


def project_of(scene: Scene, datastore: Datastore) -> Project | None:
    """The project that a datastore is in."""
    return scene.catalog.find_project(datastore.project)


def in_order(
    siblings: Sequence[str], one: str, keys: Keys, place: int | None
) -> list[dict[str, Any]]:
    """A definition's keys, with its siblings around it if it is to stand at another place."""
    if place is None:
        return [{"id": one, **keys}]
    order = [id_ for id_ in siblings if id_ != one]
    order.insert(place, one)
    return [{"id": id_, **keys} if id_ == one else {"id": id_} for id_ in order]


def gone(id_: str) -> dict[str, Any]:
    """The keys that take a definition away."""
    return {"id": id_, "deleted": True}
