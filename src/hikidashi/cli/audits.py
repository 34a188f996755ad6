"""`audit`: who changed what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from ..core.ids import is_id
from ..core.limits import AUDIT_PAGE_MAX
from ..core.values import format_instant, parse_instant
from ..service.app import App
from ..storage.audit import AuditEntry, list_audit
from ..storage.definitions import load_catalog
from ..storage.engines import Connection
from ..storage.people_state import find_users
from .opening import read_settings, run_app
from .operating import read_workspace_id
from .output import as_json_option, show_rows
from .people import name_role

_LINES = 100


@click.command()
@click.option("--workspace", "-w", default="", metavar="NAME", help="Only of this, by name or id.")
@click.option("--kind", default="", help="Only of such things: user, token, field, group, …")
@click.option("--target", default="", metavar="ID", help="Only of the thing with this id.")
@click.option("--since", default="", metavar="TIME", help="Only since then: 2026-01-31[T12:00[Z]].")
@click.option("--before", default="", metavar="ID", help="Only entries older than this one.")
@click.option(
    "--limit",
    type=click.IntRange(1, AUDIT_PAGE_MAX),
    default=_LINES,
    show_default=True,
    help="So many at most.",
)
@as_json_option
@click.pass_context
def audit(  # noqa: PLR0913  one each option
    context: click.Context,
    workspace: str,
    kind: str,
    target: str,
    since: str,
    before: str,
    limit: int,
    *,
    as_json: bool,
) -> None:
    """List who changed definitions, people, grants and tokens, the newest first.

    With --json each entry has the state before and after the change, and the id for --before.

    \b
      hikidashi audit --since 2026-01-31 --kind user
      hikidashi audit --workspace Acme --json | jq '.[0]'
    """  # noqa: D301  \b is click's
    instant = parse_instant(since) if since else 0
    if instant is None:
        raise click.BadParameter("must be a date or a time, like 2026-01-31", param_hint="--since")
    for option, value in (("--target", target), ("--before", before)):
        if value and not is_id(value):
            raise click.BadParameter("must be an id: 24 hex digits", param_hint=option)
    if "\0" in kind:
        raise click.BadParameter("holds U+0000", param_hint="--kind")

    async def work(app: App) -> list[dict[str, Any]]:
        place = await read_workspace_id(app, workspace) if workspace else None

        def read(connection: Connection) -> list[dict[str, Any]]:
            entries = list_audit(
                connection,
                place,
                before=before,
                kind=kind,
                target=target,
                since=instant,
                limit=limit,
            )
            names = _names(connection, entries)
            return [_row(one, names) for one in entries]

        return await app.store.scan(read)

    rows = run_app(read_settings(context), work)
    columns = ("at", "by", "via", "what", "kind", "name", "target")
    show_rows(rows, columns, as_json=as_json, none="nothing was changed")


def _names(connection: Connection, entries: list[AuditEntry]) -> dict[str, str]:
    """What people, groups and roles that entries tell of only by id are called now."""
    ids = {one for entry in entries for one in (entry.author.user, entry.target, *_holders(entry))}
    names = {one.id: one.email or one.name for one in find_users(connection, [], sorted(ids))}
    for workspace in sorted({one.workspace for one in entries if one.workspace}):
        catalog = load_catalog(connection, workspace)
        names |= {one.id: one.display_id for one in catalog.groups}
        roles = (role for project in catalog.projects for role in project.role_ids)
        names |= {role: name_role(catalog, role) for role in roles}
    return names


def _holders(entry: AuditEntry) -> list[str]:
    states = (entry.before or {}, entry.after or {})
    return [one["holder"] for one in states if isinstance(one.get("holder"), str)]


def _row(one: AuditEntry, names: Mapping[str, str]) -> dict[str, Any]:
    what = "made" if one.before is None else "removed" if one.after is None else "changed"
    held = [names.get(holder, holder) for holder in _holders(one)]
    name = one.name or names.get(one.target, "")
    return {
        "id": one.id,
        "at": format_instant(one.at),
        "by": names.get(one.author.user, one.author.user),
        "via": one.author.via,
        "what": what,
        "kind": one.kind,
        "name": f"{name}: {held[0]}" if held else name,
        "target": one.target,
        "workspace": one.workspace,
        "before": one.before,
        "after": one.after,
    }
