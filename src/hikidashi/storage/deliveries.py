"""Deliveries: events on their way to those who follow them, claimed, tried, done or parked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Literal

import msgspec

from ..core.events import Event
from ..core.record import record
from .engines import Column, Connection, Insert, QueryKeys, Row, Update
from .tables import ID

State = Literal["waiting", "done", "parked"]
CHAIN_MAX = 50  # deliveries of one item that are claimed together
_ITEM_ID = Column("item_id", "text")
_COLUMNS = (
    ID,
    Column("lane", "text"),
    _ITEM_ID,
    Column("seq", "bigint"),
    Column("event_id", "text"),
    Column("workspace_id", "text"),
    Column("created_at", "bigint"),
    Column("since", "bigint"),
    Column("state", "text"),
    Column("attempts", "bigint"),
    Column("is_claimed", "bigint"),
    Column("next_at", "bigint"),
    Column("finished_at", "bigint"),
    Column("failure", "text"),
    Column("event", "text"),
)
_ATTEMPT_COLUMNS = (
    Column("delivery_id", "text"),
    Column("attempt", "bigint"),
    Column("at", "bigint"),
    Column("duration_ms", "bigint"),
    Column("failure", "text"),
    Column("log", "text"),
)
_KEY = ("lane", "event_id")
_BY_NAME = {one.name: one for one in _COLUMNS}
_CLAIM = tuple(_BY_NAME[name] for name in ("is_claimed", "next_at"))
_OUTCOME = tuple(
    _BY_NAME[name]
    for name in ("state", "attempts", "is_claimed", "next_at", "finished_at", "failure")
)
_TOLD = (
    "id, lane, event_id, item_id, workspace_id, created_at, since, state, attempts, is_claimed,"
    " next_at, finished_at, failure"
)
_WAITING = (
    "SELECT * FROM (SELECT item_id, lane, next_at FROM deliveries WHERE state = 'waiting') AS w"
)
_encode = msgspec.json.Encoder().encode
_decode_event = msgspec.json.Decoder(Event).decode


@record
class Wanted:
    """A delivery to be made of an event."""

    id: str
    lane: str
    event: Event


@record
class Claimed:
    """A delivery that this process alone may try, until its claim ends."""

    id: str
    lane: str
    event: Event
    since: int  # ms: when the time for its tries began
    attempts: int  # tries that came to an end
    until: int  # ms


@record
class Attempt:
    """What came of a try of a delivery."""

    number: int
    at: int  # ms
    duration_ms: int
    failure: str  # "" where there was none
    log: str  # JSON of the consumer's; "" for nothing


@record
class Outcome:
    """What becomes of a claimed delivery. Without an attempt it is given back as it was."""

    delivery: Claimed
    state: State
    attempt: Attempt | None
    next_at: int  # ms
    is_kept: bool = True  # False: a delivery that is done is forgotten at once


@record
class Delivery:
    """A delivery as somebody who asks is told of it."""

    id: str
    lane: str
    event: str  # id
    item: str  # id
    workspace: str
    created_at: int
    since: int
    state: State
    attempts: int
    is_claimed: bool
    next_at: int
    finished_at: int | None
    failure: str


# --- by the relay, in its transaction ---------------------------------------------------------


def insert_deliveries(connection: Connection, wanted: Sequence[Wanted], now: int) -> None:
    """Let them wait; one whose item has others waiting in its lane is not looked at before those."""
    items = list({one.event.item for one in wanted})
    held: dict[tuple[str, str], int] = {}
    found = connection.read([QueryKeys(_WAITING, _ITEM_ID, items)])[0]
    for item, lane, next_at in found:
        held[item, lane] = max(held.get((item, lane), now), next_at)
    rows: list[Row] = []
    for one in wanted:
        event = one.event
        next_at = held.get((event.item, one.lane), now)
        head = (one.id, one.lane, event.item, event.seq, event.id, event.workspace)
        times = (event.at, now, "waiting", 0, 0, next_at, None, "")
        rows.append((*head, *times, _encode(event).decode()))
    connection.write([Insert("deliveries", _COLUMNS, rows, _KEY)])


def claim(
    connection: Connection, lane: str, now: int, until: int, most: int
) -> list[list[Claimed]]:
    """Deliveries of a lane that are due, of up to `most` items; those of one item in their order.

    Only an item's first waiting delivery may be claimed, and those after it with it.
    """
    heads = connection.query(
        "SELECT d.item_id, d.seq FROM deliveries d WHERE d.lane = ? AND d.state = 'waiting'"  # noqa: S608
        " AND d.next_at <= ? AND NOT EXISTS (SELECT 1 FROM deliveries e WHERE e.item_id = d.item_id"
        " AND e.lane = d.lane AND e.state = 'waiting' AND e.seq < d.seq)"
        f" ORDER BY d.next_at, d.id LIMIT ?{connection.words.skip_locked}",
        (lane, now, most),
    )
    if not heads:
        return []
    first: dict[str, int] = dict(heads)
    members = connection.words.members.format("?", "x")
    rows = connection.query(
        "SELECT id, item_id, seq, since, attempts, is_claimed, next_at, event FROM deliveries"  # noqa: S608
        f" WHERE lane = ? AND state = 'waiting' AND item_id IN (SELECT x.value FROM {members})"
        " ORDER BY item_id, seq",
        (lane, _encode(list(first)).decode()),
    )
    chains: list[list[Claimed]] = []
    for item, own in groupby(rows, key=lambda row: row[1]):
        chain: list[Claimed] = []
        for row in own:
            id_, _, seq, since, attempts, is_claimed, next_at, event = row
            if seq < first[item] or len(chain) == CHAIN_MAX or (is_claimed and next_at > now):
                break
            chain.append(Claimed(id_, lane, _decode_event(event), since, attempts, until))
        if chain:
            chains.append(chain)
    taken: list[Row] = [(1, until, one.id) for chain in chains for one in chain]
    connection.write([Update("deliveries", ID, _CLAIM, taken)])
    return chains


def settle(connection: Connection, outcomes: Iterable[Outcome], now: int) -> None:
    """Write what came of claimed deliveries. A claim that has ended says nothing any more, unless
    that the delivery is done."""
    updates: list[Row] = []
    attempts: list[Row] = []
    gone: list[Row] = []
    for one in outcomes:
        held, attempt = one.delivery, one.attempt
        if one.state != "done" and now >= held.until:
            continue
        if one.state == "done" and not one.is_kept:
            gone.append((held.id,))
            continue
        tries = held.attempts if attempt is None else attempt.number
        finished = None if one.state == "waiting" else now
        failure = "" if attempt is None else attempt.failure
        updates.append((one.state, tries, 0, one.next_at, finished, failure, held.id))
        if attempt is not None and one.is_kept:
            told = (attempt.at, attempt.duration_ms, attempt.failure, attempt.log)
            attempts.append((held.id, attempt.number, *told))
    key, kept = ("delivery_id", "attempt"), ("at", "duration_ms", "failure", "log")
    connection.write(
        [
            Update("deliveries", ID, _OUTCOME, updates),
            Insert("delivery_attempts", _ATTEMPT_COLUMNS, attempts, key, kept),
        ]
    )
    for row in gone:
        connection.query("DELETE FROM delivery_attempts WHERE delivery_id = ?", row)
        connection.query("DELETE FROM deliveries WHERE id = ?", row)


def call_on(connection: Connection, lane: str, items: Sequence[str], now: int) -> None:
    """What waited for an earlier delivery of its item that has come through waits no longer."""
    connection.query(
        "UPDATE deliveries SET next_at = ? WHERE lane = ? AND state = 'waiting' AND is_claimed = 0"  # noqa: S608
        " AND next_at > ? AND item_id IN"
        f" (SELECT x.value FROM {connection.words.members.format('?', 'x')})",
        (now, lane, now, _encode(list(items)).decode()),
    )


def release_all(connection: Connection, now: int) -> None:
    """End every claim: whoever held one is gone. For an engine with one process only."""
    connection.query(
        "UPDATE deliveries SET is_claimed = 0, next_at = ? WHERE state = 'waiting'"
        " AND is_claimed = 1",
        (now,),
    )


def list_lanes(connection: Connection) -> dict[str, int]:
    """The lanes in which deliveries wait, and when the next of each is due."""
    rows = connection.query(
        "WITH RECURSIVE found(lane) AS ("
        " SELECT MIN(lane) FROM deliveries WHERE state = 'waiting' UNION ALL"
        " SELECT (SELECT MIN(d.lane) FROM deliveries d WHERE d.state = 'waiting'"
        " AND d.lane > found.lane) FROM found WHERE found.lane IS NOT NULL)"
        " SELECT lane, (SELECT MIN(d.next_at) FROM deliveries d WHERE d.state = 'waiting'"
        " AND d.lane = found.lane) FROM found WHERE lane IS NOT NULL"
    )
    return dict(rows)


# --- for those who ask ------------------------------------------------------------------------


def list_deliveries(
    connection: Connection, lane: str, state: State | None, before: str, limit: int
) -> list[Delivery]:
    """The deliveries of a lane, newest event first. `before`: the id of an event to go on from."""
    rows = connection.query(
        f"SELECT {_TOLD} FROM deliveries WHERE lane = ? AND (? = '' OR state = ?)"  # noqa: S608
        " AND (? = '' OR event_id < ?) ORDER BY event_id DESC LIMIT ?",
        (lane, state or "", state or "", before, before, limit),
    )
    return [_delivery(row) for row in rows]


def find_delivery(connection: Connection, lane: str, event: str) -> Delivery | None:
    """The delivery of an event in a lane."""
    rows = connection.query(
        f"SELECT {_TOLD} FROM deliveries WHERE lane = ? AND event_id = ?",  # noqa: S608
        (lane, event),
    )
    return _delivery(rows[0]) if rows else None


def list_attempts(connection: Connection, delivery: str) -> list[Attempt]:
    """The tries of a delivery, in their order."""
    rows = connection.query(
        "SELECT attempt, at, duration_ms, failure, log FROM delivery_attempts"
        " WHERE delivery_id = ? ORDER BY attempt",
        (delivery,),
    )
    return [Attempt(*row) for row in rows]


def list_finished(
    connection: Connection, lane: str, state: State, times: tuple[int, int], limit: int
) -> list[str]:
    """The events of a lane whose deliveries are in a state, made between two times; oldest first."""
    rows = connection.query(
        "SELECT event_id FROM deliveries WHERE lane = ? AND state = ?"
        " AND created_at BETWEEN ? AND ? ORDER BY event_id LIMIT ?",
        (lane, state, *times, limit),
    )
    return [row[0] for row in rows]


def replay(connection: Connection, lane: str, events: Sequence[str], now: int) -> int:
    """Let deliveries that are done or parked be tried again, as if for the first time."""
    found = connection.query(
        "UPDATE deliveries SET state = 'waiting', since = ?, next_at = ?, is_claimed = 0,"  # noqa: S608
        " finished_at = NULL, failure = '' WHERE lane = ? AND state <> 'waiting' AND event_id IN"
        f" (SELECT x.value FROM {connection.words.members.format('?', 'x')}) RETURNING id",
        (now, now, lane, _encode(list(events)).decode()),
    )
    return len(found)


def count_states(connection: Connection, most: int) -> dict[State, int]:
    """How many deliveries wait and how many are parked, each up to a bound."""
    found: dict[State, int] = {}
    states: tuple[State, ...] = ("waiting", "parked")
    for state in states:
        rows = connection.query(
            f"SELECT COUNT(*) FROM (SELECT 1 FROM deliveries WHERE state = '{state}' LIMIT ?) AS d",  # noqa: S608
            (most,),
        )
        found[state] = rows[0][0]
    return found


def sweep_deliveries(connection: Connection, done_before: int, parked_before: int) -> None:
    """Forget what was done before one time, or parked before the other."""
    for state, before in (("done", done_before), ("parked", parked_before)):
        old = f"state = '{state}' AND state <> 'waiting' AND finished_at < ?"
        connection.query(
            "DELETE FROM delivery_attempts WHERE delivery_id IN"  # noqa: S608
            f" (SELECT id FROM deliveries WHERE {old})",
            (before,),
        )
        connection.query(f"DELETE FROM deliveries WHERE {old}", (before,))  # noqa: S608


def _delivery(row: Row) -> Delivery:
    values = list(row)
    values[9] = bool(values[9])
    return Delivery(*values)
