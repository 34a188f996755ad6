"""Applications made of a template by a call."""

from __future__ import annotations

from typing import Any

from .design import Scene, Wish
from .design_applications import create_application
from .design_parts import Keys, Made, Making
from .template_files import bare
from .templates import find_template


def create_from_template(keys: Keys, template: str) -> Making:
    """An application of which the caller is ADMIN, designed as a template says."""
    plain = create_application(keys)

    def wish(scene: Scene) -> tuple[Wish, Made]:
        wanted = plain.wish(scene)
        made = plain.answer(scene)
        found = find_template(scene.connection, scene.now.workspace.id, template)
        [said] = (wanted.keys or {})["applications"]
        given = {**bare(found.application), **said}
        given["roles"] = _with_holders(found.application.get("roles", []), said["roles"])
        return Wish({"applications": [given]}), made

    return Making(wish)


def _with_holders(
    roles: list[dict[str, Any]], holding: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The roles of a template, held as those of a new application are."""
    held = {one["display_id"]: one for one in holding}
    there = {one.get("display_id") for one in roles}
    found = [{**held.get(one.get("display_id", ""), {}), **one} for one in roles]
    return [*(one for key, one in held.items() if key not in there), *found]
