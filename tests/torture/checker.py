"""Holds a database against itself and against what the driver was told."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from hikidashi.core.commands import Op, TakeNumber, WriteItem

from .ledger import Attempt, Ledger, Verdict
from .state import HistoryRow, State
from .world import ORDERS, SERIAL_PREFIX, World

SHOWN = 20  # problems told of one check; more of them help nobody


def check(state: State, world: World, ledger: Ledger) -> list[str]:
    """Every problem found, in words; empty if the database is as it must be."""
    found: list[str] = []
    for part in (
        _each_item(state),
        _links(state),
        _unique_values(state),
        _creation_numbers(state, world),
        _transactions(state, world, ledger),
        _answers(state, ledger),
        _branch_numbers(state, world, ledger),
        _order_of_answers(state, ledger),
    ):
        found.extend(list(part)[:SHOWN])
    return ledger.troubles[:SHOWN] + found


# --- the database against itself ---------------------------------------------------------------


def _each_item(state: State) -> Iterator[str]:
    """Histories replay to the row; revisions, sequence numbers and events agree with them."""
    for id_ in state.items.keys() | state.histories.keys() | state.events.keys():
        histories, events = state.histories.get(id_, []), state.events.get(id_, [])
        item = state.items.get(id_)
        if not histories:
            yield f"item {id_} has no history"
            continue
        revs = [one.rev for one in histories]
        if revs != list(range(1, len(revs) + 1)):
            yield f"item {id_} has histories of the revisions {revs[-5:]}"
        if [one.operation for one in histories].count("new") != 1 or histories[0].rev != 1:
            yield f"item {id_} was not made once"
        if [one.seq for one in events] != list(range(1, len(events) + 1)):
            yield f"item {id_} has a gap in its events: {[one.seq for one in events][-5:]}"
        yield from _events_fit(id_, histories, state)
        is_deleted = histories[-1].operation == "delete"
        if is_deleted != (item is None):
            yield f"item {id_} is {'there' if item else 'gone'}, its history says otherwise"
        if any(one.operation == "delete" for one in histories[:-1]):
            yield f"item {id_} was written after its end"
        yield from _replay(id_, histories, state)


def _events_fit(id_: str, histories: list[HistoryRow], state: State) -> Iterator[str]:
    by_history = Counter(
        (one.body["history"], one.seq, one.body["rev"], one.body["transaction"])
        for one in state.events.get(id_, [])
        if one.kind != "links.changed"
    )
    wanted = Counter((one.id, one.seq, one.rev, one.transaction) for one in histories)
    if by_history != wanted:
        yield f"item {id_}: its events are not those of its histories"


def _replay(id_: str, histories: list[HistoryRow], state: State) -> Iterator[str]:
    image: dict[str, Any] = {}
    for one in histories:
        for key, (before, after) in one.changes.items():
            known = image.get(key)
            is_none = key == "status" and not known and not before  # made before there was any
            if known != before and not is_none and key not in state.computed:
                yield f"item {id_} rev {one.rev}: {key} was {image.get(key)!r}, not {before!r}"
            image[key] = after
    item = state.items.get(id_)
    if item is None:
        return
    last = histories[-1]
    keys = sorted(image.pop("keys", []) or [])
    status = image.pop("status", "")
    fields = state.fields[item.datastore] - state.computed
    # What a deleted field held is in histories only.
    held = {key: one for key, one in item.values.items() if one is not None and key in fields}
    told = {key: one for key, one in image.items() if one is not None and key in fields}
    if held != told:
        yield f"item {id_}: its history gives {told}, the row holds {held}"
    if (item.rev, item.status, sorted(item.keys)) != (last.rev, status, keys):
        yield f"item {id_}: rev {item.rev} status {item.status!r} keys {sorted(item.keys)}"
    if item.seq != len(state.events.get(id_, [])):
        yield f"item {id_} has the sequence {item.seq}, {len(state.events.get(id_, []))} events"
    if (
        not item.keys
        or item.datastore != last.datastore
        or item.created_at != histories[0].created_at
    ):
        yield f"item {id_}: no keys, or another datastore or time than its history"
    if last.rev > 1 and (item.updated_at, item.updated_by) != (last.created_at, last.user):
        yield f"item {id_} was not updated when its history says"
    title = " ".join(str(held[one]) for one in state.titles[item.datastore] if held.get(one))
    if item.title != title:
        yield f"item {id_} has the title {item.title!r}, not {title!r}"


def _links(state: State) -> Iterator[str]:
    """Links lead from and to items that are there, and are those that the events tell of."""
    told: set[tuple[str, str]] = set()
    for id_, events in state.events.items():
        for one in events:
            added = {(id_, to) for _, to in one.body.get("links_added", [])}
            removed = {(id_, to) for _, to in one.body.get("links_removed", [])}
            if told & added:
                yield f"the links {told & added} were made twice"
            if removed - told:
                yield f"the links {removed - told} were removed without having been made"
            told = (told | added) - removed
    there = {(source, target) for source, target in told if {source, target} <= state.items.keys()}
    found = {(row[0], row[1]) for row in state.links}
    if there != found:
        yield f"links too many: {found - there}, missing: {there - found}"
    for source, target, _, from_datastore, to_datastore in state.links:
        ends = state.items.get(source), state.items.get(target)
        if [one.datastore if one else "" for one in ends] != [from_datastore, to_datastore]:
            yield f"the link {source} -> {target} hangs in the air"


def _unique_values(state: State) -> Iterator[str]:
    holders: dict[tuple[str, Any], str] = {}
    for item in state.items.values():
        for name in state.unique[item.datastore]:
            value = item.values.get(name)
            if value is not None and holders.setdefault((name, value), item.id) != item.id:
                yield f"{value!r} is held by {item.id} and {holders[name, value]}"


def _creation_numbers(state: State, world: World) -> Iterator[str]:
    """Each number from 1 to the counter's last was given to one item."""
    for name, datastore in world.datastores.items():
        serial = world.fields[name]["serial"]
        given = [
            int(rows[0].changes[serial][1].removeprefix(SERIAL_PREFIX[name]))
            for rows in state.histories.values()
            if rows[0].datastore == datastore
        ]
        last = state.counters.get((serial, "-"), 0)
        if sorted(given) != list(range(1, last + 1)):
            twice = [number for number, count in Counter(given).items() if count > 1]
            gaps = sorted(set(range(1, last + 1)) - set(given))
            yield f"{name} numbers to {last}: twice {twice[:5]}, missing {gaps[:5]}"


# --- the database against the ledger -----------------------------------------------------------


def _transactions(state: State, world: World, ledger: Ledger) -> Iterator[str]:
    """Each transaction is one attempt, whole, and no attempt is two."""
    attempts = {one.mark: one for one in ledger.attempts}
    names = {id_: name for name, id_ in world.datastores.items()}
    done: Counter[str] = Counter()
    for transaction, rows in state.transactions.items():
        mark, problem = _find_mark(rows, attempts)
        if mark is None:
            yield f"transaction {transaction}: {problem}"
            continue
        attempt = attempts[mark]
        done[mark] += 1
        if done[mark] > 1:
            yield f"{mark} {attempt.kind} was done twice"
        if attempt.reply.verdict is Verdict.REFUSED:
            yield f"{mark} {attempt.kind} was refused ({attempt.reply.status}) and is there"
        shape = Counter((names[one.datastore], one.operation) for one in rows)
        if not any(+shape == +one for one in attempt.shapes):
            yield f"{mark} {attempt.kind} is half there: {dict(shape)} of {attempt.shapes}"
        yield from _values_fit(attempt, rows, world, names)
    for attempt in ledger.attempts:
        is_written = any(attempt.shapes) and attempt.reply.verdict is Verdict.DONE
        if is_written and not done[attempt.mark]:
            yield f"{attempt.mark} {attempt.kind} was acknowledged and is missing"


def _find_mark(rows: list[HistoryRow], attempts: dict[str, Attempt]) -> tuple[str | None, str]:
    """The attempt that a transaction is: by its comment, or by the item that it deletes."""
    marks = [one.comment for one in rows if one.comment]
    if len(marks) == 1 and marks[0] in attempts:
        return marks[0], ""
    if not marks and [one.operation for one in rows] == ["delete"]:
        wanted = [
            one for one in attempts.values() if one.kind == "delete" and one.item == rows[0].item
        ]
        best = sorted(wanted, key=lambda one: list(Verdict).index(one.reply.verdict))
        pick = [one for one in best if one.reply.verdict is not Verdict.REFUSED]
        if pick:
            return pick[0].mark, ""
    return None, f"nobody asked for it: {marks} {[one.operation for one in rows]}"


def _values_fit(
    attempt: Attempt, rows: list[HistoryRow], world: World, names: dict[str, str]
) -> Iterator[str]:
    """What was sent is what the histories say changed."""
    command = attempt.command
    if not isinstance(command, WriteItem):
        return
    for one in rows:
        fields = world.fields[names[one.datastore]]
        if one.comment:
            sent = dict(command.entry.values)
        else:
            name = one.changes.get(fields["name"], [None, None])[1]
            sent = attempt.children.get(name, {}) if one.operation == "new" else {}
            if one.operation == "new" and not sent:
                yield f"{attempt.mark}: a child {name!r} that nobody sent"
        for key, value in sent.items():
            if key not in fields:  # defined and deleted on the way
                continue
            changed = one.changes.get(fields[key])
            if changed is not None and changed[1] != (value or None if value != 0 else 0):
                yield f"{attempt.mark}: {key} became {changed[1]!r}, {value!r} was sent"
            if changed is None and one.operation == "new" and value not in (None, ""):
                yield f"{attempt.mark}: {key} was sent and not written"


def _answers(state: State, ledger: Ledger) -> Iterator[str]:
    """What was acknowledged is told alike by the histories: id, item, revision."""
    by_mark = {one.comment: one for rows in state.histories.values() for one in rows if one.comment}
    deleted = {rows[-1].item for rows in state.histories.values() if rows[-1].operation == "delete"}
    for attempt in ledger.attempts:
        reply, command = attempt.reply, attempt.command
        if reply.verdict is not Verdict.DONE or not isinstance(command, WriteItem):
            continue
        if command.entry.operation is Op.DELETE:
            if attempt.item not in deleted:
                yield f"{attempt.mark}: the item {attempt.item} was deleted and is there"
            continue
        one = by_mark.get(attempt.mark)
        if one is None:
            continue  # told by _transactions
        if (one.id, one.item, one.rev) != (reply.history, reply.item, reply.rev):
            yield f"{attempt.mark}: answered {reply}, the history is {one.id} {one.item} {one.rev}"
        revision = command.entry.revision
        if revision is not None and not command.force and one.rev != revision + 1:
            yield f"{attempt.mark}: sent revision {revision} and made revision {one.rev}"


def _branch_numbers(state: State, world: World, ledger: Ledger) -> Iterator[str]:
    """No number was given twice, and none is above the counter."""
    serial = world.fields[ORDERS]["serial"]
    given: dict[str, list[int]] = defaultdict(list)
    lost: Counter[str] = Counter()
    for attempt in ledger.attempts:
        command = attempt.command
        if not isinstance(command, TakeNumber):
            continue
        if attempt.reply.verdict is Verdict.DONE:
            given[command.branch].append(attempt.reply.number)
        elif attempt.reply.verdict is Verdict.UNKNOWN:
            lost[command.branch] += 1
    for branch in given.keys() | lost.keys():
        numbers = given[branch]
        last = state.counters.get((serial, f"+{branch}"), 0)
        twice = [number for number, count in Counter(numbers).items() if count > 1]
        if twice:
            yield f"branch {branch}: the numbers {twice[:5]} were given twice"
        if numbers and max(numbers) > last:
            yield f"branch {branch}: {max(numbers)} was given, the counter stands at {last}"
        if not 0 <= last - len(numbers) <= lost[branch]:
            yield (
                f"branch {branch}: {len(numbers)} given, {lost[branch]} without an answer,"
                f" the counter stands at {last}"
            )


def _order_of_answers(state: State, ledger: Ledger) -> Iterator[str]:
    """Who was answered before another one began stands before it in the item's history."""
    attempts = {one.mark: one for one in ledger.attempts if one.reply.verdict is Verdict.DONE}
    for id_, rows in state.histories.items():
        latest = 0
        for attempt in _of_rows(rows, attempts):
            if attempt.ended < latest:
                yield f"item {id_}: {attempt.mark} stands after a write that began later"
            latest = max(latest, attempt.started)


def _of_rows(rows: Iterable[HistoryRow], attempts: dict[str, Attempt]) -> Iterator[Attempt]:
    for one in rows:
        attempt = attempts.get(one.comment)
        if attempt is not None and not attempt.resent:
            yield attempt
