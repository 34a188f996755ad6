"""The outbox: events as rows, from the transaction that wrote them until they are taken on."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec

from ..core.events import Event, EventKind
from .engines import Column, Connection, QueryKeys, Row

OUTBOX_COLUMNS = (
    Column("id", "text"),
    Column("item_id", "text"),
    Column("seq", "bigint"),
    Column("workspace_id", "text"),
    Column("datastore_id", "text"),
    Column("kind", "text"),
    Column("created_at", "bigint"),
    Column("body", "text"),
)
_KIND_NAMES = {one: one.value for one in EventKind}
_KINDS = {one.value: one for one in EventKind}
_ID, _ITEM_ID = OUTBOX_COLUMNS[:2]
_LAST = "~"  # sorts behind every id
_SELECT = f"SELECT {', '.join(one.name for one in OUTBOX_COLUMNS)} FROM outbox"  # noqa: S608


class _EventBody(msgspec.Struct, omit_defaults=True):
    """What an event says beside the columns of the outbox."""

    project: str
    rev: int
    user: str
    transaction: str
    history: str
    action: str
    is_changed: bool
    run_post: bool
    links_added: tuple[tuple[str, str], ...] = ()
    links_removed: tuple[tuple[str, str], ...] = ()
    is_awaited: bool = False
    as_params: Any = None
    scripts: int = 0


_encode = msgspec.json.Encoder().encode
_decode_body = msgspec.json.Decoder(_EventBody).decode


def event_row(event: Event, scripts: int) -> Row:
    """An event as a row; so many scripts stand behind its write."""
    body = _EventBody(
        event.project,
        event.rev,
        event.user,
        event.transaction,
        event.history,
        event.action,
        event.is_changed,
        event.run_post,
        event.links_added,
        event.links_removed,
        event.is_awaited,
        event.as_params,
        scripts,
    )
    return (
        event.id,
        event.item,
        event.seq,
        event.workspace,
        event.datastore,
        _KIND_NAMES[event.kind],
        event.at,
        _encode(body).decode(),
    )


def event_of(row: Row) -> Event:
    """A row as an event."""
    id_, item, seq, workspace, datastore, kind, at, told = row
    body = _decode_body(told)
    return Event(
        id_,
        _KINDS[kind],
        workspace,
        body.project,
        datastore,
        item,
        seq,
        body.rev,
        body.user,
        at,
        body.transaction,
        body.history,
        body.action,
        body.is_changed,
        body.run_post,
        body.links_added,
        body.links_removed,
        body.is_awaited,
        body.as_params,
        body.scripts,
    )


class Head(NamedTuple):
    """As much of an event as tells whether anybody could want it."""

    id: str
    workspace: str


def list_heads(
    connection: Connection, limit: int, *, after: str = "", upto: str = _LAST
) -> list[Head]:
    """The oldest events of the outbox, of those whose ids lie behind one, up to another."""
    text = "SELECT id, workspace_id FROM outbox WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"
    return [Head(*row) for row in connection.query(text, (after, upto, limit))]


def list_events(connection: Connection, ids: Sequence[str], *, with_rest: bool) -> list[Event]:
    """Events of the outbox by their ids, in the order of these; some may have been taken by others.

    `with_rest`: with all there are of their items. An id that another process gave may sort before
    one that was given earlier, so the earlier one may not be among the oldest.
    """
    rows = connection.read([QueryKeys(_SELECT, _ID, ids)])[0]
    if with_rest:
        known = {row[0] for row in rows}
        items = list({row[1] for row in rows})
        more = connection.read([QueryKeys(_SELECT, _ITEM_ID, items, goes_over_all=True)])[0]
        rows += [row for row in more if row[0] not in known]
    return [event_of(row) for row in sorted(rows, key=itemgetter(0))]


def take_events(connection: Connection, ids: Sequence[str]) -> bool:
    """Delete them, in a transaction that is undone if this gives False: another process has taken
    some, or is about to."""
    members = connection.words.members.format("?", "x")
    taken = connection.query(
        "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE id IN"  # noqa: S608
        f" (SELECT x.value FROM {members}){connection.words.skip_locked}) RETURNING id",
        (_encode(list(ids)).decode(),),
    )
    return len(taken) == len(ids)


def find_oldest(connection: Connection) -> int | None:
    """When the oldest event of the outbox was made; None if there is none."""
    rows = connection.query("SELECT created_at FROM outbox ORDER BY id LIMIT 1")
    return rows[0][0] if rows else None


def count_events(connection: Connection, most: int) -> int:
    """How many events the outbox has, up to a bound."""
    rows = connection.query(
        "SELECT COUNT(*) FROM (SELECT 1 FROM outbox LIMIT ?) AS o",
        (most,),
    )
    return int(rows[0][0])
