"""Somebody who signed up in a project is shut out of it by whoever may change its design."""

from __future__ import annotations

from collections.abc import Callable

from ..core.errors import no_place
from ..storage.audit import AuditEntry, Author, insert_audit
from ..storage.end_users import drop_end_user, find_numbered
from .design import Scene


def remove_end_user(ref: str, number: str) -> Callable[[Scene], str]:
    """End their sessions and forget address and password; what they did keeps their name. Answers
    the id of the user. Raises 404, 403."""

    def act(scene: Scene) -> str:
        project = scene.designed_project(ref)
        is_number = number.isascii() and number.isdigit() and len(number) <= 18
        found = find_numbered(scene.connection, project.id, int(number)) if is_number else None
        if found is None:
            raise no_place("end user", number)
        drop_end_user(scene.connection, found.user)
        entry = AuditEntry(
            id=scene.ids.next_id(),
            workspace=scene.actor.workspace,
            at=scene.now_ms,
            author=Author("api", scene.actor.user),
            kind="end_user",
            target=found.user,
            name=found.name,
            before={"project": project.id, "number": found.n},  # the address is to be forgotten
            after=None,
        )
        insert_audit(scene.connection, [entry])
        return found.user

    return act
