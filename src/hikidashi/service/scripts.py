"""Scripts around a write: PRE checks, changes or refuses it, POST follows it.

PRE runs before anything is locked, over the item as the write would leave it; the write then
carries the revision that the script judged. POST runs after the commit, and can undo nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final, Literal, TypeAlias

import msgspec

from ..core.access import Actor, Identity
from ..core.actions import Action
from ..core.catalog import Catalog, Datastore, Project
from ..core.commands import Command, Entry, Refuse, Target, WriteFound, WriteItem, WriteRequest
from ..core.draft import HandedBackError
from ..core.errors import (
    Code,
    Fault,
    FaultError,
    FaultKind,
    RejectedError,
    revision_conflict,
    unavailable,
)
from ..core.limits import (
    POST_CPU_SECONDS,
    PRE_CPU_SECONDS,
    SCRIPT_AGAIN_MAX,
    SCRIPT_LOG_BYTES_MAX,
    SCRIPT_SECONDS,
)
from ..core.places import get_written
from ..core.plan import Result, WriteResult
from ..core.record import record
from ..core.resolve import find_action, resolve
from ..sandbox.runs import Budget, LogLine, Outcome
from ..storage.foresight import Outlook
from ..storage.idempotency import Replay
from ..storage.telling import Telling, Told
from ..storage.written import scripts_behind
from .app import App, Judge, View
from .item_data import Act, item_data
from .script_calls import check_depth, make_host
from .script_data import BUILT_IN, BuiltIn, Due, due_before, look_ahead, make_due

When: TypeAlias = Literal["pre", "post"]
_BUDGETS: Final[Mapping[When, Budget]] = {
    "pre": Budget(PRE_CPU_SECONDS, SCRIPT_SECONDS, log_bytes=SCRIPT_LOG_BYTES_MAX),
    "post": Budget(POST_CPU_SECONDS, SCRIPT_SECONDS, log_bytes=SCRIPT_LOG_BYTES_MAX),
}
_AT_ONCE: Final = 16  # items of one command that are judged at the same time
_NOT_EXECUTED: Final = "error occurred when execute action"
_CONCLUSIVE: Final = frozenset(("done", "thrown", "load", "busy", "unavailable"))
_TRY_AGAIN: Final = frozenset(("busy", "unavailable"))
_encode: Final = msgspec.json.Encoder().encode


class Trace:
    """What the scripts of one request have said, for its answer."""

    __slots__ = ("as_result", "built_in", "logs", "pre_result", "tells_logs")

    def __init__(self, *, tells_logs: bool = False, built_in: BuiltIn = BUILT_IN.copy) -> None:
        self.tells_logs = tells_logs  # the caller wants them in the answer
        self.built_in = built_in  # constants that every script has
        self.pre_result: msgspec.Raw | None = None
        self.as_result: msgspec.Raw | None = None
        self.logs: list[LogLine] = []


@record
class _Before:
    """What a PRE script is to judge."""

    due: Due
    action: Action
    datastore: Datastore
    item: str  # id; "" for a new one
    revision: int | None  # of the item; None: it is not there yet


async def run_scripted(
    app: App, identity: Identity, command: WriteItem, telling: Telling, trace: Trace
) -> Result | Replay | Told:
    """Run a write with the scripts of its action around it. Raises FaultError.

    With an Idempotency-Key that was used before, neither script runs again.
    """
    held = app.store.standing.find(identity)
    if held is None:
        held = await app.read(identity, lambda view: (view.catalog, view.actor))
    if not _has_scripts(*held, command):
        with suppress(HandedBackError):  # there is one since
            return await app.store.submit(identity, command, telling)
    if telling.remember is not None:
        replay = await app.find_replay(telling.remember)
        if replay is not None:
            return replay
    command = replace(command, awaits_post=True)
    try:
        outcome = await _run_judged(app, identity, command, telling, trace)
    except FaultError as fault:
        if telling.remember is None:
            raise
        return await app.store.submit(identity, Refuse(fault), telling)  # it is kept
    if isinstance(outcome, WriteResult) and not telling.is_dry:
        trace.as_result = await _run_synchronous(app, identity, command, outcome, trace)
    return outcome


def _has_scripts(catalog: Catalog, actor: Actor, command: WriteItem) -> bool:
    """Whether the command's action has scripts that its answer waits for."""
    if not catalog.has_scripts:
        return False
    try:
        datastore = get_written(command, catalog, actor)
    except FaultError:  # planning tells it
        return False
    action = find_action(command.entry, datastore)
    if action is None:
        return False
    return bool(action.pre_script or (action.post_script and action.is_synchronous))


# --- PRE --------------------------------------------------------------------------------------


async def _run_judged(
    app: App, identity: Identity, command: WriteItem, telling: Telling, trace: Trace
) -> Result | Replay | Told:
    """PRE, then the write; PRE again if the item has moved meanwhile. Raises 409 if it keeps on."""
    for _ in range(SCRIPT_AGAIN_MAX):
        before = await _Look(app, command, trace).read(identity)
        judged, revision = command, None
        if before is not None:
            judged, revision = await _judged(
                app, identity, before, command, trace, is_dry=telling.is_dry
            )
        with suppress(HandedBackError):
            return await app.store.submit(identity, judged, telling, revision)
    if before is None or revision is None:
        raise unavailable("the script of the action kept changing")
    raise revision_conflict(before.item, before.datastore.id, revision + 1, revision)


def make_judge(app: App, identity: Identity) -> Judge:
    """PRE for what a search finds: each item is judged by itself."""

    async def judge(command: Command, telling: Telling) -> tuple[Command, int | None]:
        held = app.store.standing.find(identity)
        if held is not None and not held[0].has_scripts:
            return command, None
        if isinstance(command, WriteItem):
            trace, is_dry = Trace(), telling.is_dry
            before = await _Look(app, command, trace).read(identity)
            if before is None:
                return command, None
            return await _judged(app, identity, before, command, trace, is_dry=is_dry)
        if isinstance(command, WriteFound) and command.targets:
            return await _judge_found(app, identity, command, is_dry=telling.is_dry), None
        return command, None

    return judge


async def _judge_found(
    app: App, identity: Identity, command: WriteFound, *, is_dry: bool
) -> WriteFound:
    """PRE for each target: the refused ones are none any more, the changed ones have own values."""
    at_once = asyncio.Semaphore(_AT_ONCE)

    async def look(target: Target) -> tuple[WriteItem, _Before | None]:
        alone = WriteItem(
            command.project,
            replace(command.each, item=target.item, revision=target.revision),
            command.comment,
            force=command.force or target.revision is None,
            as_params=command.as_params,
        )
        return alone, await _Look(app, alone, Trace()).read(identity)

    async def judge(target: Target) -> Target | Fault:
        async with at_once:
            try:
                alone, before = await look(target)
            except FaultError:  # planning tells it
                return target
            if before is None:
                return target
            try:
                judged, _ = await _judged(app, identity, before, alone, Trace(), is_dry=is_dry)
            except FaultError as fault:
                if fault.kind is FaultKind.UNAVAILABLE:
                    raise
                said = fault.faults[0].description
                return Fault(Code.SYSTEM_ERROR, _NOT_EXECUTED, said, target.item)
            if judged.entry is alone.entry:
                return target
            return replace(target, values=judged.entry.values)

    try:
        script = await app.read(identity, lambda view: _pre_script(view, command))
    except FaultError:  # planning tells it
        return command
    if not script:
        return command
    judged = await asyncio.gather(*(judge(one) for one in command.targets))
    return replace(
        command,
        targets=tuple(one for one in judged if isinstance(one, Target)),
        refused=tuple(one for one in judged if isinstance(one, Fault)),
        judged=script,
    )


def _pre_script(view: View, command: WriteFound) -> str:
    """The PRE script of what is done to each; "" for none."""
    alone = WriteItem(command.project, replace(command.each, item=command.targets[0].item))
    request = resolve(alone, view.catalog, view.actor)
    if not isinstance(request, WriteRequest) or request.entry.action is None:
        return ""
    return request.entry.action.pre_script


async def _judged(  # noqa: PLR0913  a script, what it judges, and for whom
    app: App,
    identity: Identity,
    before: _Before,
    command: WriteItem,
    trace: Trace,
    *,
    is_dry: bool,
) -> tuple[WriteItem, int | None]:
    """The command as its PRE script wants it, and the revision that this has judged.

    Raises RejectedError, or what is wrong with it.
    """
    outcome = await run_script(app, identity, before.due, "pre", trace, may_write=not is_dry)
    if before.due.lacks and outcome.kind not in _CONCLUSIVE:  # nothing has come of it
        again = await _Look(app, command, trace, needs_all=True).read(identity)
        if again is None:
            return command, None
        before = again
        outcome = await run_script(app, identity, before.due, "pre", trace, may_write=not is_dry)
    trace.pre_result = msgspec.Raw(_result(outcome, before.action).encode())
    entry = _changed(command.entry, outcome.told, before.datastore)
    return replace(command, entry=entry, judged=before.action.pre_script), before.revision


@record
class _Look:
    """A command whose PRE script is wanted, with what that is to judge."""

    app: App
    command: WriteItem
    trace: Trace
    needs_all: bool = False

    async def read(self, identity: Identity) -> _Before | None:
        """None: there is no script. Raises what planning would raise."""
        return await self.app.read_together(identity, self, _look_at_all)


def _look_at_all(asked: Sequence[tuple[View, _Look]]) -> list[_Before | Exception | None]:
    """Look for all at once: their items are read by one question for each catalogue."""
    outcomes: list[_Before | Exception | None] = [None] * len(asked)
    judged: dict[int, list[tuple[int, View, WriteRequest]]] = {}  # by catalogue
    for at, (view, look) in enumerate(asked):
        try:
            request = resolve(look.command, view.catalog, view.actor)
        except FaultError as fault:
            outcomes[at] = fault
            continue
        if not isinstance(request, WriteRequest) or request.entry.action is None:
            continue
        if request.entry.action.pre_script:
            judged.setdefault(id(view.catalog), []).append((at, view, request))
    for together in judged.values():
        first, view, _ = together[0]
        outlook = look_ahead(asked[first][1].app, view, [request for _, _, request in together])
        for at, own, request in together:
            try:
                outcomes[at] = _before(own, outlook, request, asked[at][1])
            except FaultError as fault:
                outcomes[at] = fault
    return outcomes


def _before(view: View, outlook: Outlook, request: WriteRequest, look: _Look) -> _Before | None:
    action, datastore = request.entry.action, request.entry.datastore
    if action is None:
        return None
    foreseen = outlook.foresee(view.actor, request, look.app.clock.now_ms())
    due = due_before(view, foreseen, request, look.trace.built_in, needs_all=look.needs_all)
    revision = foreseen.before.rev if foreseen.before is not None else None
    return _Before(due, action, datastore, foreseen.item.id, revision)


def _result(outcome: Outcome, action: Action) -> str:
    """What the script gave. Raises RejectedError, or FaultError if the script itself failed."""
    if outcome.kind == "done":
        return outcome.json
    if outcome.kind == "thrown":
        thrown = outcome.told
        value = thrown["value"] if set(thrown) == {"value"} else thrown
        raise RejectedError(_encode(value).decode(), said_by(value))
    if outcome.kind in _TRY_AGAIN:
        raise unavailable(said_by(outcome.told))
    told = f"the PRE script of {action.display_id} failed ({outcome.kind}): "
    words = told + said_by(outcome.told)
    raise FaultError(FaultKind.INVALID, Fault(Code.SYSTEM_ERROR, "the script failed", words))


def _changed(entry: Entry, told: object, datastore: Datastore) -> Entry:
    """The entry with the values that a script put in the place of others (`item`)."""
    given = told.get("item") if isinstance(told, dict) else None
    if not isinstance(given, dict):
        return entry
    values = {_field_id(datastore, key): value for key, value in entry.values.items()}
    values |= {_field_id(datastore, key): value for key, value in given.items()}
    return replace(entry, values=values)


def _field_id(datastore: Datastore, ref: str) -> str:
    field = datastore.find_field(ref)
    return field.id if field is not None else ref


# --- POST -------------------------------------------------------------------------------------


async def _run_synchronous(
    app: App, identity: Identity, command: WriteItem, result: WriteResult, trace: Trace
) -> msgspec.Raw | None:
    """Run the POST script that the answer waits for; its value, if it comes to one in time."""
    held = app.store.standing.find(identity)  # as new as the write
    if held is not None and _waited_for(held[0], result) is None:
        return None
    try:
        due = await app.read(identity, lambda view: _after(view, command, result, trace))
        if due is None:
            return None
        outcome = await run_script(app, identity, due, "post", trace)
    except FaultError as fault:
        trace.logs.append(LogLine("error", str(fault)))
        return None
    if outcome.kind != "done":
        trace.logs.append(LogLine("error", said_by(outcome.told)))
        return None
    return msgspec.Raw(outcome.json.encode())


def _waited_for(catalog: Catalog, result: WriteResult) -> tuple[Project, Datastore, Action] | None:
    """Where the action that was done is, if it has a POST script that is waited for."""
    datastore = catalog.find_datastore(result.item.datastore)
    action = datastore.find_action(result.history.action) if datastore is not None else None
    project = catalog.find_project(datastore.project) if datastore is not None else None
    if datastore is None or action is None or project is None:
        return None
    if not action.post_script or not action.is_synchronous:
        return None
    return project, datastore, action


def _after(view: View, command: WriteItem, result: WriteResult, trace: Trace) -> Due | None:
    found = _waited_for(view.catalog, result)
    if found is None:
        return None
    project, datastore, action = found
    history = result.history
    act = Act(
        action.id, action, history.id, history.transaction, command.comment, command.as_params
    )
    data = item_data(view, datastore, result.item, act)
    return make_due(action.post_script, project, data, trace.built_in)


# --- both -------------------------------------------------------------------------------------


async def run_script(  # noqa: PLR0913  a script, and for whom
    app: App, identity: Identity, due: Due, when: When, trace: Trace, *, may_write: bool = True
) -> Outcome:
    """Run a script for a user. `may_write`: its calls may. The trace gets what it logs.

    Raises 400 where too many scripts stand behind this one.
    """
    check_depth()

    def logged(line: LogLine) -> None:
        app.live.publish_log(identity.user, due.project, line.message)

    outcome = await app.sandbox.run(
        identity.workspace,
        due.script,
        due.json,
        make_host(app.carry, identity, may_write=may_write),
        _BUDGETS[when],
        logged=logged,
        is_nested=scripts_behind() > 0,
        lacks=due.lacks,
    )
    trace.logs.extend(outcome.logs)
    return outcome


def said_by(value: object) -> str:
    """What a person should read of it."""
    if isinstance(value, dict):
        for key in ("message", "error", "result"):
            if isinstance(value.get(key), str) and value[key]:
                stack = value.get("stack")
                return f"{value[key]} ({stack})" if isinstance(stack, str) and stack else value[key]
    return value if isinstance(value, str) else _encode(value).decode()
