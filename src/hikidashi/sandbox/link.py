"""The server's end of a worker. Whatever the worker sends is taken for hostile until it is checked."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass
from itertools import count
from time import monotonic
from typing import Any, Final, Literal, cast

import msgspec

from .frames import FrameError, Frames, pack
from .gate import Gate
from .runs import (
    KINDS,
    Budget,
    Host,
    HostError,
    Kind,
    LogLine,
    Outcome,
    Script,
    failed,
    message,
)
from .zygote import READY

STILL_SECONDS: Final = 5.0  # a worker with a step to do that sends nothing for so long is killed
STEPS_MAX: Final = 64  # under way in one worker, at the most: it does those of some ms at a time
_SOURCES_MAX: Final = 64  # scripts that a worker holds
_ASKED_AGAIN: Final = 4  # times its calls, refused ones included: then a run is ended
_LEVELS: Final = frozenset(("debug", "info", "warn", "error"))
_LOGS_CUT: Final = LogLine("warn", "there was more: a run may log no more than this")

_KILLED: Final = "the script was stopped: it did not keep to its limits"

_decode: Final = msgspec.json.Decoder().decode

Logged = Callable[[LogLine], None]


class Job:
    """A run under way, as the server sees it."""

    __slots__ = (
        "_log_bytes",
        "budget",
        "calls",
        "context",
        "future",
        "host",
        "id",
        "logged",
        "logs",
        "over_at",
        "tasks",
    )

    def __init__(
        self, id_: int, budget: Budget, host: Host, logged: Logged | None, future: Any
    ) -> None:
        self.id = id_
        self.budget = budget
        self.host = host
        self.context = copy_context()  # what its calls do, they do as whoever began it
        self.logged = logged
        self.future: asyncio.Future[Outcome] = future
        self.calls = 0
        self.logs: list[LogLine] = []
        self.tasks: set[asyncio.Task[None]] = set()  # its calls that are under way
        self.over_at: asyncio.TimerHandle | None = None  # by the clock, and so are its calls
        self._log_bytes = 0

    def log(self, level: Any, text: Any) -> None:
        """Note what the script said, up to its budget. Raises FrameError."""
        if level not in _LEVELS or not isinstance(text, str):
            raise FrameError("not a line of a log")
        if self._log_bytes > self.budget.log_bytes:
            return
        self._log_bytes += len(text.encode("utf-8", "replace")) + 1
        is_cut = self._log_bytes > self.budget.log_bytes
        line = _LOGS_CUT if is_cut else LogLine(level, text)
        self.logs.append(line)
        if self.logged is not None:
            self.logged(line)

    def end(self, kind: Kind, json: str, told: Any) -> None:
        """Tell whoever waits."""
        if not self.future.done():
            self.future.set_result(Outcome(kind, json, told, tuple(self.logs)))

    def fail(self, kind: Kind, text: str) -> None:
        """The same of a run that came to nothing."""
        if not self.future.done():
            self.future.set_result(failed(kind, text, tuple(self.logs)))


@dataclass(frozen=True, slots=True)
class _Step:
    """A frame that a worker answers with one."""

    number: int  # they are sent in this order
    job: int
    frame: bytes
    script: Script | None  # of a run: the worker has to have it


class Link(asyncio.Protocol):
    """A worker of one tenant: steps to it, outcomes and wishes from it."""

    def __init__(self, gate: Gate, kill: Callable[[], None], gone: Callable[[Link], None]) -> None:
        self._gate = gate
        self._kill = kill
        self._gone = gone
        self._loop = asyncio.get_running_loop()
        self._frames = Frames()
        self._transport: asyncio.Transport | None = None
        self.ready: asyncio.Future[None] = self._loop.create_future()
        self._ids = count(1)
        self._numbers = count(1)  # of steps
        self.jobs: dict[int, Job] = {}
        self._sources: OrderedDict[str, None] = OrderedDict()
        self._steps: deque[_Step] = deque()  # not sent yet
        self._under_way: deque[_Step] = deque()  # a worker answers them in their order
        self._turn: Literal["none", "waiting", "has"] = "none"
        self._later: list[_Step] = []  # that it had no time for in its turn
        self._most = STEPS_MAX  # that it has time for
        self._done = 0  # of those that came at once
        self._moved_at = 0.0  # when a step was last sent to an idle worker, or answered
        self._watch: asyncio.TimerHandle | None = None
        self._is_to_pump = False
        self.is_lost = False  # it takes no runs any more
        self.had, self.began_at = 0.0, 0.0  # the gate's

    # -- what the pool asks --------------------------------------------------------------------

    def begin(  # noqa: PLR0913  what a run is given
        self,
        script: Script,
        json: str,
        budget: Budget,
        host: Host,
        logged: Logged | None,
        lacks: str = "",
    ) -> Job:
        """Send a run. Its future gets the outcome."""
        job = Job(next(self._ids), budget, host, logged, self._loop.create_future())
        if self.is_lost:
            job.fail("killed", _KILLED)
            return job
        self.jobs[job.id] = job
        job.over_at = self._loop.call_later(budget.wall_seconds, self._expire, job)
        cpu, heap = budget.cpu_seconds, budget.heap_bytes
        frame = ["run", job.id, script.key, json, cpu, heap, script.is_fresh, lacks]
        self._add_step(job, frame, script)
        return job

    def leave(self, job: Job) -> None:
        """Nobody waits for a run any more; its calls may go on for as long as it could have."""
        self._give_up(job)
        if job.over_at is not None and not job.tasks:
            job.over_at.cancel()

    def stop(self) -> None:
        """Kill the worker; its runs fail."""
        self.is_lost = True
        self._kill()
        if self._transport is not None:
            self._transport.abort()

    def _give_up(self, job: Job) -> None:
        if self.jobs.pop(job.id, None) is not None:
            self._write(pack(["forget", job.id]))  # what it has under way comes to nothing later

    def _expire(self, job: Job) -> None:
        """A run is over by the clock, with all that it has asked for."""
        self._give_up(job)
        job.fail("timeout", f"the script took over {job.budget.wall_seconds:g} s")
        for task in list(job.tasks):
            task.cancel()

    def _send_source(self, script: Script) -> bytes:
        """The frames that make sure that the worker has a script; it drops the longest unused."""
        if script.key in self._sources:
            self._sources.move_to_end(script.key)
            return b""
        self._sources[script.key] = None
        sent = pack(["source", script.key, script.source])
        if len(self._sources) > _SOURCES_MAX:
            sent += pack(["drop", self._sources.popitem(last=False)[0]])
        return sent

    # -- turns ---------------------------------------------------------------------------------

    def _add_step(self, job: Job, frame: list[Any], script: Script | None = None) -> None:
        if self.is_lost:
            return
        self._steps.append(_Step(next(self._numbers), job.id, pack(frame), script))
        if self._turn == "has":
            self._pump_soon()
        elif self._turn == "none":
            self._turn = "waiting"
            self._gate.enter(self)

    def begin_turn(self) -> None:
        """The gate lets this worker run."""
        self._turn = "has"
        self._pump_soon()

    def _pump_soon(self) -> None:
        """Send at once what is added before the loop comes to it: a worker reads it at once, too."""
        if not self._is_to_pump:
            self._is_to_pump = True
            self._loop.call_soon(self._pump_added)

    def _pump_added(self) -> None:
        self._is_to_pump = False
        if self._turn == "has":
            self._pump()

    def _pump(self) -> None:
        """Send what may be under way at once; end the turn when there is nothing to do."""
        if self._under_way and self._gate.is_wanted:
            return  # others wait: first what is under way
        sent = []
        while self._steps and len(self._under_way) < self._most:
            step = self._steps.popleft()
            if step.job not in self.jobs:
                continue  # nobody waits for it any more
            if step.script is not None:
                sent.append(self._send_source(step.script))
            sent.append(step.frame)
            if not self._under_way:
                self._moved_at = monotonic()
            self._under_way.append(step)
        if sent:
            self._write(b"".join(sent))
            if self._watch is None:
                self._watch = self._loop.call_later(STILL_SECONDS, self._look)
        elif not self._under_way:
            self._turn = "none"
            self._gate.leave(self)

    def _answered(self, id_: int) -> _Step:
        """The step that this is the answer to. Raises FrameError."""
        if not self._under_way or self._under_way[0].job != id_:
            raise FrameError("an answer to nothing")
        return self._under_way.popleft()

    def _step_done(self, id_: int) -> None:
        self._answered(id_)
        self._done += 1

    def _after_steps(self) -> None:
        """After what came at once: go on, or let another have its turn."""
        if self._done or self._later:
            self._moved_at = monotonic()
        if self._later:
            self._most = max(1, self._done)
            self._put_back()
        elif self._done:
            self._most = min(STEPS_MAX, self._most + 1)
        self._done = 0
        if self._turn != "has":
            return
        if not self._under_way and self._steps and self._gate.is_wanted:
            self._turn = "waiting"
            self._gate.pass_on(self)
        else:
            self._pump()

    def _put_back(self) -> None:
        """Steps for another turn: behind those that came back before them, if any, and before all
        that were never sent."""
        earlier: list[_Step] = []
        while self._steps and self._steps[0].number < self._later[0].number:
            earlier.append(self._steps.popleft())
        self._steps.extendleft(reversed([*earlier, *self._later]))
        self._later.clear()

    def _look(self) -> None:
        """Kill a worker that does not move."""
        self._watch = None
        if not self._under_way:
            return
        left = self._moved_at + STILL_SECONDS - monotonic()
        if left <= 0:
            self.stop()
        else:
            self._watch = self._loop.call_later(left, self._look)

    # -- what the worker sends -----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is ours; the worker says when it is confined."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take frames; a worker that breaks the protocol is killed."""
        if not self.ready.done():
            if data[:1] != READY:
                self.stop()
                return
            self.ready.set_result(None)
            data = data[1:]
        try:
            for frame in self._frames.feed(data):
                self._take(frame)
        except FrameError:
            self.stop()
            return
        self._after_steps()

    def connection_lost(self, exc: Exception | None) -> None:
        """The worker is gone, and its runs with it."""
        self.is_lost = True
        self._kill()
        if self._watch is not None:
            self._watch.cancel()
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("the worker did not start"))
        if self._turn == "has":
            self._gate.leave(self)
        elif self._turn == "waiting":
            self._gate.forget(self)
        self._turn = "none"
        jobs, self.jobs = self.jobs, {}
        for job in jobs.values():
            job.fail("killed", _KILLED)
        self._gone(self)

    def _take(self, frame: list[Any]) -> None:
        """Carry one frame out. Raises FrameError."""
        match frame:
            case ["gone", int(id_)]:
                self._step_done(id_)
            case ["later", int(id_)]:
                self._later.append(self._answered(id_))
            case ["wishes", int(id_), list(wishes)]:
                self._step_done(id_)
                job = self.jobs.get(id_)
                if job is None:
                    self._write(pack(["forget", id_]))  # it was given up before it came so far
                else:
                    self._grant(job, wishes)
            case ["done", int(id_), str(json), list(wishes)]:
                self._step_done(id_)
                self._finish(self.jobs.pop(id_, None), "done", json, wishes)
            case ["failed", int(id_), str(kind), str(json), list(wishes)] if kind in KINDS:
                self._step_done(id_)
                self._finish(self.jobs.pop(id_, None), cast("Kind", kind), json, wishes)
            case _:
                raise FrameError("no such frame")

    def _finish(self, job: Job | None, kind: Kind, json: str, wishes: list[Any]) -> None:
        """The run is over; what it asked for without waiting is done all the same."""
        if job is None:
            return
        self._grant(job, wishes)
        try:
            told = _decode(json)  # it becomes a part of answers as it is
        except (msgspec.DecodeError, RecursionError):
            job.fail("script", "the result is no JSON that can be passed on")
        else:
            is_value = kind == "done" or isinstance(told, dict)
            job.end(kind, json, told if is_value else {"value": told})

    def _grant(self, job: Job, wishes: list[Any]) -> None:
        for wish in wishes:
            match wish:
                case [0, "log", [level, text]]:
                    job.log(level, text)
                case [int(call), str(name), list(given)] if call > 0 and name != "log":
                    self._call(job, call, name, given)
                case _:
                    raise FrameError("no such wish")

    def _call(self, job: Job, call: int, name: str, given: list[Any]) -> None:
        job.calls += 1
        if job.calls > job.budget.calls:
            if job.id not in self.jobs:
                return
            if job.calls > _ASKED_AGAIN * job.budget.calls:
                self._give_up(job)
                job.fail("script", "the script goes on calling, over its limit")
                return
            told = message(f"a script may make {job.budget.calls} calls")
            self._settle(job, call, told, done=False)
            return
        work = self._answer(job, call, name, given)
        task = self._loop.create_task(work, context=job.context.copy())
        job.tasks.add(task)
        task.add_done_callback(lambda _: self._answered_call(job, task))

    def _answered_call(self, job: Job, task: asyncio.Task[None]) -> None:
        job.tasks.discard(task)
        if job.id not in self.jobs and job.over_at is not None and not job.tasks:
            job.over_at.cancel()

    async def _answer(self, job: Job, call: int, name: str, given: list[Any]) -> None:
        """Do what a script asks for and settle its promise."""
        try:
            done, json = True, await job.host(name, given)
        except HostError as error:
            done, json = False, error.json
        except Exception:  # noqa: BLE001  a bug of ours must not leave the script waiting
            done, json = False, message("the call failed within the server")
        if job.id in self.jobs:
            self._settle(job, call, json, done=done)

    def _settle(self, job: Job, call: int, json: str, *, done: bool) -> None:
        self._add_step(job, ["settle", job.id, call, done, json])

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
