"""Keys of a project made and revoked by a call; a secret is told once and kept as its hash."""

from __future__ import annotations

import unicodedata

from ..core.catalog import Project
from ..core.errors import forbidden, invalid_request, no_place
from ..core.limits import NAME_CHARS_MAX, PROJECT_KEYS_MAX
from ..core.record import record
from ..storage.people_state import ProjectKey
from .design import Scene, Wish
from .design_parts import Keys, Made, Making, Wishing, gone, in_project
from .identity import PROJECT_KEY


@record
class HeldKey:
    """A key with the roles that its bot holds, in their order."""

    key: ProjectKey
    roles: tuple[str, ...]  # ids


def list_keys(scene: Scene, ref: str) -> list[HeldKey]:
    """The keys of a project that the actor may design, the oldest first. Raises 404, 403."""
    project = scene.designed_project(ref)
    people = scene.now.people
    return [
        HeldKey(
            one,
            tuple(role.id for role in project.roles if (role.id, one.user) in people.user_roles),
        )
        for one in people.keys
        if (one.project, one.kind) == (project.id, PROJECT_KEY)
    ]


def create_key(ref: str, name: str, key_hash: str, keys: Keys) -> Making:
    """A key that speaks for a new bot. Raises 400 for a name that is there, or too many keys."""

    def wish(scene: Scene) -> tuple[Wish, Made]:
        project = _keyed_project(scene, ref)
        held = list_keys(scene, project.id)
        if not name.strip() or len(name) > NAME_CHARS_MAX:
            raise invalid_request(f"name must be a text of 1 to {NAME_CHARS_MAX} characters")
        if any(unicodedata.category(one) == "Cc" for one in name):
            raise invalid_request("name must not contain control characters")
        if any(one.key.name == name for one in held):
            raise invalid_request(f"name: there is a key {name} already")
        if len(held) >= PROJECT_KEYS_MAX:
            raise invalid_request(f"there are {PROJECT_KEYS_MAX} keys, the most there may be")
        made = Made(scene.ids.next_id(), name)
        said = {"id": made.id, "name": name, "key_hash": key_hash, **keys}
        return Wish(in_project(project.id, {"keys": [said]})), made

    return Making(wish)


def revoke_key(ref: str, key: str) -> Wishing:
    """The key opens nothing any more, and its bot leaves. Raises 404."""

    def wish(scene: Scene) -> Wish:
        project = _keyed_project(scene, ref)
        if all(one.key.id != key for one in list_keys(scene, project.id)):
            raise no_place("key", key)
        return Wish(in_project(project.id, {"keys": [gone(key)]}))

    return wish


def _keyed_project(scene: Scene, ref: str) -> Project:
    project = scene.designed_project(ref)
    if scene.actor.project:  # what a token had made would outlive it
        raise forbidden("a token of an application makes and revokes no keys")
    return project
