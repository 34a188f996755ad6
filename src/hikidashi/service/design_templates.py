"""Applications made of a template by a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.catalog import Project
from ..core.errors import no_place
from ..storage.definitions import build_catalog
from .design import Scene, Wish, planned_definitions
from .design_applications import create_application
from .design_parts import Keys, Made, Making, in_project, new_one
from .template_files import bare
from .templates import find_template


def create_from_template(keys: Keys, template: str, *, is_hidden: bool = False) -> Making:
    """An application designed as a template says, of which the caller is ADMIN.

    `is_hidden`: nobody holds a role of it yet, so nobody sees it before `let_in`.
    """
    plain = create_application(keys)

    def wish(scene: Scene) -> tuple[Wish, Made]:
        wanted = plain.wish(scene)
        made = plain.answer(scene)
        found = find_template(scene.connection, scene.actor.workspace, template)[1]
        [said] = (wanted.keys or {})["applications"]
        given = {**bare(found.application), **said}
        held = [bare(one) for one in said["roles"]] if is_hidden else said["roles"]
        given["roles"] = _with_holders(found.application.get("roles", []), held)
        return Wish({"applications": [given]}), made

    return Making(wish)


def let_in(scene: Scene, project: str) -> Wish:
    """Those hold the roles of a hidden application who hold them in any new one."""
    scene.administered()
    if scene.catalog.find_project(project) is None:
        raise no_place("application", project)
    roles: list[dict[str, Any]] = [{"display_id": "ADMIN", "users": [scene.actor.user]}]
    top = next((one for one in scene.catalog.groups if not one.parent), None)
    if len(scene.catalog.projects) == 1 and top is not None:
        roles.append({"display_id": "MEMBER", "groups": [top.id]})
    return Wish(in_project(project, {"roles": roles}))


def plan_project(scene: Scene, application: Mapping[str, Any]) -> Project:
    """What an application of a template would be here; nothing is made. Raises 400."""
    made = new_one(scene, "project", "", "")
    said = {"name": "any", **bare(application), "id": made.id, "display_id": made.display_id}
    planned = planned_definitions(scene, Wish({"applications": [said]}))
    catalog = build_catalog(scene.now.workspace, 0, [*scene.now.definitions, *planned])
    found = catalog.find_project(made.id)
    if found is None:
        raise no_place("application", made.id)
    return found


def _with_holders(
    roles: list[dict[str, Any]], holding: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The roles of a template, held as those of a new application are."""
    held = {one["display_id"]: one for one in holding}
    there = {one.get("display_id") for one in roles}
    found = [{**held.get(one.get("display_id", ""), {}), **one} for one in roles]
    return [*(one for key, one in held.items() if key not in there), *found]
