"""The routes of what was deleted of a design, and of the audit."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ...core.access import Identity
from ...core.errors import FaultError, invalid_request
from ...core.ids import is_id
from ...core.limits import AUDIT_PAGE_MAX, DELETED_KEEP_MS
from ...core.values import format_instant
from ...service.app import App
from ...service.design import Scene
from ...service.design_deleted import list_deleted, recover
from ...storage.audit import AuditEntry, list_audit
from ...storage.deletions import Deletion
from ..edge import Answer, Call, HttpRequest, answer_json
from ..exchange import QueryKey
from . import envelopes
from .design_running import DRY_DESIGN, make
from .placed import as_missing, in_workspace

_WORKSPACE: Final = "/api/v0/workspaces/:workspace-id"
_ENTRIES: Final = 100  # of the audit, unless more are asked for


class DeletedAnswer(msgspec.Struct):
    """What may be had again, the newest first."""

    deleted: list[dict[str, Any]]


class RecoveredAnswer(msgspec.Struct):
    """What is there again."""

    id: str
    display_id: str


class AuditAnswer(msgspec.Struct):
    """Entries, the newest first; `next` is the `before` of those after them, null at the end."""

    entries: list[dict[str, Any]]
    next: str | None


async def get_deleted(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """What was deleted in the last seven days."""
    workspace = request.params["workspace-id"]
    try:
        found = await app.designs.look(in_workspace(identity, workspace), list_deleted)
    except FaultError as fault:
        raise as_missing(fault, identity, workspace) from None
    return answer_json({"deleted": [_encode(one) for one in found]})


def _encode(one: Deletion) -> dict[str, Any]:
    return {
        "id": one.id,
        "kind": "application" if one.kind == "project" else one.kind,
        "name": one.name,
        "project_id": one.project,
        "deleted_at": format_instant(one.at),
        "deleted_by": one.user,
        "kept_until": format_instant(one.at + DELETED_KEEP_MS),
    }


async def post_recover(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Bring something back, with its values."""
    workspace = request.params["workspace-id"]
    try:
        return await make(
            app,
            request,
            in_workspace(identity, workspace),
            recover(request.params["deleted-id"]),
            lambda made: {"id": made.id, "display_id": made.display_id},
        )
    except FaultError as fault:
        raise as_missing(fault, identity, workspace) from None


async def get_audit(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Who changed what."""
    before = request.query.get("before", "")
    kind, target = request.query.get("kind", ""), request.query.get("target", "")
    limit = _limit(request.query.get("limit", ""))
    for key, value in (("before", before), ("target", target)):
        if value and not is_id(value):
            raise invalid_request(f"{key} must be an id")
    if "\0" in kind:
        raise invalid_request("kind holds U+0000")
    workspace = request.params["workspace-id"]

    def read(scene: Scene) -> list[AuditEntry]:
        scene.administered()
        place = scene.actor.workspace
        return list_audit(
            scene.connection, place, before=before, kind=kind, target=target, limit=limit + 1
        )

    try:
        found = await app.designs.look(in_workspace(identity, workspace), read)
    except FaultError as fault:
        raise as_missing(fault, identity, workspace) from None
    page = found[:limit]
    following = page[-1].id if len(found) > limit else None
    return answer_json({"entries": [_entry(one) for one in page], "next": following})


def _limit(given: str) -> int:
    if not given:
        return _ENTRIES
    numeral = given.isascii() and given.isdigit() and len(given) < 10
    if not numeral or not 1 <= int(given) <= AUDIT_PAGE_MAX:
        raise invalid_request(f"limit must be from 1 to {AUDIT_PAGE_MAX}")
    return int(given)


def _entry(one: AuditEntry) -> dict[str, Any]:
    return {
        "id": one.id,
        "at": format_instant(one.at),
        "user_id": one.author.user,
        "via": one.author.via,
        "kind": one.kind,
        "target_id": one.target,
        "name": one.name,
        "before": one.before,
        "after": one.after,
    }


CALLS: Final[tuple[Call, ...]] = (
    Call(
        name="GetDeleted",
        method="GET",
        path=f"{_WORKSPACE}/deleted",
        handle=get_deleted,
        envelope=envelopes.design,
        summary="What was deleted of the design and may be had again (ours).",
        answer=DeletedAnswer,
    ),
    Call(
        name="RecoverDeleted",
        method="POST",
        path=f"{_WORKSPACE}/deleted/:deleted-id/recover",
        handle=post_recover,
        envelope=envelopes.design,
        summary="Bring back what was deleted of the design, with its values (ours).",
        answer=RecoveredAnswer,
        query=(DRY_DESIGN,),
    ),
    Call(
        name="GetAudit",
        method="GET",
        path=f"{_WORKSPACE}/audit",
        handle=get_audit,
        envelope=envelopes.design,
        summary="Who changed definitions, people and grants; for administrators (ours).",
        answer=AuditAnswer,
        query=(
            QueryKey("before", "string", "Only entries older than the one with this id."),
            QueryKey("kind", "string", "Only changes of this kind of thing."),
            QueryKey("target", "string", "Only changes of the thing with this id."),
            QueryKey("limit", "integer", "So many at most: 100 unless said, up to 200."),
        ),
    ),
)
