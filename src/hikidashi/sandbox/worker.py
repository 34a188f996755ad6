"""A worker: runs the scripts of one tenant, in one thread, and waits for nobody.

A run goes on until its script has nothing left to do by itself. If the script then waits for the
server, its wishes are sent and other runs go on; the answer to a wish takes the run up again.
Every step is held to what is left of the run's CPU time: by the engine's own limit, and, where
native code of the engine does not look at that, by a timer that ends the process.

Frames in:  ["source", key, text] ["drop", key] ["run", id, key, json, cpu_s, heap_bytes, is_fresh, lacks]
            ["settle", id, call, done, json] ["forget", id]
Frames out, one for each "run" and "settle": ["done", id, json, wishes] ["wishes", id, wishes]
            ["failed", id, kind, json, wishes] ["gone", id] ["later", id]: it was not begun
A wish is [call, name, arguments]; call 0 wants no answer. `lacks` names keys that the data of a run
lacks, as JSON, or is "". A run that looks at one of them, or asks for anything before it ends, has
failed for want of "more", and nothing of it was carried out.
"""

from __future__ import annotations

import os
import re
import signal
import socket
from collections import OrderedDict
from pathlib import Path
from time import monotonic, process_time
from typing import Any, Final

import msgspec
import quickjs

from .frames import FrameError, Frames, pack

GRACE_SECONDS: Final = 0.25  # what the timer gives the engine to stop by itself
RESULT_CHARS_MAX: Final = 1 << 20
RUNS_PER_CONTEXT: Final = 500  # then it makes place for a new one
_IDLE_CONTEXTS_MAX: Final = 32
_IDLE_BYTES_MAX: Final = 96 << 20  # of all of them; a worker has some more for those that run
_RUNS_A_LOOK: Final = 16  # at what a context holds: it takes time
_STACK_BYTES: Final = 512 * 1024
_JOBS_A_LOOK: Final = 64  # the engine holds each job to the limit, not all together
_TURN_SECONDS: Final = (
    0.01  # of CPU time: steps that come at once and are not begun by then come again
)
_FLUSH_SECONDS: Final = 0.002  # answers wait no longer for those of the steps after them
_READ_BYTES: Final = 1 << 18
_SAID_CHARS_MAX: Final = 4_000  # of an error and of its stack
_PRELUDE: Final = "\n".join(
    (Path(__file__).parent / name).read_text("utf-8") for name in ("prelude.js", "util.js")
)
_HANDLES: Final = ("load", "start", "take", "how", "settle")
_VALUE_ALONE: Final = 1  # what `how` says
_NEEDS_ALL: Final = 2
_OUT_OF_TIME: Final = '{"message":"the script used up its CPU time"}'

_LINE: Final = re.compile(r"<input>:(\d+)")

_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode


class Context:
    """An engine with a script in it."""

    __slots__ = ("engine", "held_bytes", "how", "key", "runs", "settle", "start", "take")

    def __init__(self, key: str, source: str, heap_bytes: int, cpu_seconds: float) -> None:
        self.key = key
        self.runs = 0
        self.held_bytes = 0  # when it was last looked at
        self.engine = quickjs.Context()
        self.engine.set_memory_limit(heap_bytes)
        self.engine.set_max_stack_size(_STACK_BYTES)
        self.engine.eval(_PRELUDE)
        handles = (self.engine.get(f"__{one}") for one in _HANDLES)
        _, self.start, self.take, self.how, self.settle = handles
        with _Limit(self.engine, cpu_seconds):
            self._load(source)
            self.engine.eval(f"for (const one of {list(_HANDLES)}) delete globalThis['__' + one]")

    def _load(self, source: str) -> None:
        """A script is an expression that gives a function, or statements that declare `main`."""
        try:
            self.engine.eval(
                f"__load(function () {{ return (\n{source.rstrip().rstrip(';')}\n) }})"
            )
        except quickjs.JSException as error:
            if "SyntaxError" not in str(error):
                raise
            self.engine.eval(
                f"__load(function () {{\n{source}\n;"
                "return typeof main === 'function' ? main : undefined })"
            )

    def look(self) -> None:
        """Find how much it holds: after its first runs, and now and then."""
        if self.runs <= 2 or not self.runs % _RUNS_A_LOOK:
            self.held_bytes = self.engine.memory()["malloc_size"]


class _Limit:
    """CPU time for what is done inside."""

    __slots__ = ("_engine", "_seconds")

    def __init__(self, engine: quickjs.Context, seconds: float) -> None:
        self._engine = engine
        self._seconds = seconds

    def __enter__(self) -> None:
        # The signal's own effect is wanted: it ends the process in the midst of native code.
        signal.setitimer(signal.ITIMER_PROF, self._seconds + GRACE_SECONDS)
        self._engine.set_time_limit(self._seconds)

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)


class Run:
    """A script under way."""

    __slots__ = ("context", "cpu_seconds", "id", "is_fresh", "lacks", "waits_for")

    def __init__(
        self, id_: int, context: Context, cpu_seconds: float, lacks: str, *, is_fresh: bool
    ) -> None:
        self.id = id_
        self.context = context
        self.cpu_seconds = cpu_seconds  # left
        self.lacks = lacks
        self.is_fresh = is_fresh
        self.waits_for: set[int] = set()  # calls that are not answered


class _JobsError(Exception):
    """Promise after promise, each within the limit, all together over it."""


class Worker:
    """The scripts of a tenant, by key, and their runs, by id."""

    def __init__(self) -> None:
        self._sources: dict[str, str] = {}
        self._idle: OrderedDict[Context, None] = OrderedDict()  # longest idle first
        self._runs: dict[int, Run] = {}

    def handle(self, frame: list[Any]) -> list[Any] | None:
        """Do what a frame asks for; the frame to answer with, if there is one."""
        match frame:
            case ["run", id_, key, json, cpu, heap, fresh, lacks]:
                return self._begin(id_, key, json, cpu, heap, lacks, is_fresh=fresh)
            case ["settle", id_, call, done, json]:
                run = self._runs.pop(id_, None)
                if run is not None:
                    run.waits_for.discard(call)
                    return self._step(run, run.context.settle, call, done, json)
                return ["gone", id_]  # it ended while the answer was on its way
            case ["source", key, text]:
                self._sources[key] = text
            case ["drop", key]:
                self._sources.pop(key, None)
                for one in [one for one in self._idle if one.key == key]:
                    del self._idle[one]
            case ["forget", id_]:
                self._runs.pop(id_, None)
            case _:
                raise FrameError(f"no such frame: {frame[0]}")
        return None

    def _begin(  # noqa: PLR0913  what a frame says of a run
        self, id_: int, key: str, json: str, cpu: float, heap: int, lacks: str, *, is_fresh: bool
    ) -> list[Any]:
        began = process_time()
        context = None if is_fresh else self._take_idle(key)
        if context is None:
            try:
                context = Context(key, self._sources[key], heap, cpu)
            except quickjs.JSException as error:
                kind = _kind(str(error))
                return ["failed", id_, "load" if kind == "script" else kind, _told(error), []]
        left = cpu - (process_time() - began)
        run = Run(id_, context, left, lacks, is_fresh=is_fresh)
        return self._step(run, context.start, json, lacks)

    def _take_idle(self, key: str) -> Context | None:
        for one in reversed(self._idle):
            if one.key == key:
                del self._idle[one]
                return one
        return None

    def _step(self, run: Run, function: Any, *arguments: Any) -> list[Any]:
        if run.cpu_seconds <= 0:
            return ["failed", run.id, "timeout", _OUT_OF_TIME, []]
        began = process_time()
        try:
            with _Limit(run.context.engine, run.cpu_seconds):
                function(*arguments)
                _drain(run.context.engine, began + run.cpu_seconds)
                taken = run.context.take()
        except _JobsError:
            return ["failed", run.id, "timeout", _OUT_OF_TIME, []]
        except quickjs.JSException as error:
            return ["failed", run.id, _kind(str(error)), _told(error), []]
        except quickjs.StackOverflow:
            return ["failed", run.id, "script", '{"message":"stack overflow"}', []]
        finally:
            run.cpu_seconds -= process_time() - began
        return self._outcome(run, taken)

    def _outcome(self, run: Run, taken: Any) -> list[Any]:
        if not isinstance(taken, str):  # the engine has lost it for want of time or memory
            return ["failed", run.id, "script", '{"message":"there is no result"}', []]
        if len(taken) > RESULT_CHARS_MAX:
            told = f'{{"message":"the result has over {RESULT_CHARS_MAX} characters"}}'
            return ["failed", run.id, "too_large", told, []]
        how = run.context.how()
        if how == _NEEDS_ALL:
            return ["failed", run.id, "more", '{"message":"it looks at what it was not given"}', []]
        if how == _VALUE_ALONE:
            self._keep(run)
            return ["done", run.id, taken, []]
        try:
            state, result, wishes = _decode(taken)
            run.waits_for.update(one[0] for one in wishes if one[0])
        except (msgspec.DecodeError, ValueError, TypeError, KeyError, IndexError, RecursionError):
            return ["failed", run.id, "script", '{"message":"the result is no JSON"}', []]
        if state == 1:
            self._keep(run)
            return ["done", run.id, result, wishes]
        if state == 2:
            return self._thrown(run, result, wishes)
        if not run.waits_for:
            return ["failed", run.id, "script", '{"message":"its promise never settles"}', wishes]
        self._runs[run.id] = run
        return ["wishes", run.id, wishes]

    def _thrown(self, run: Run, result: Any, wishes: list[Any]) -> list[Any]:
        kind = _kind(str(result)) if str(result).startswith('{"name":"InternalError"') else "script"
        if kind != "script":  # a limit, seen by the script as an error
            return ["failed", run.id, kind, result, [] if run.lacks else wishes]
        self._keep(run)
        return ["failed", run.id, "thrown", result, wishes]

    def _keep(self, run: Run) -> None:
        context = run.context
        context.runs += 1
        if run.is_fresh or context.runs >= RUNS_PER_CONTEXT or context.key not in self._sources:
            return
        context.look()
        self._idle[context] = None
        held = sum(one.held_bytes for one in self._idle)
        while len(self._idle) > _IDLE_CONTEXTS_MAX or held > _IDLE_BYTES_MAX:
            gone, _ = self._idle.popitem(last=False)
            held -= gone.held_bytes


def _drain(engine: quickjs.Context, deadline: float) -> None:
    """Run what promises have made ready until nothing is."""
    run_next = engine.execute_pending_job
    jobs = 0
    while run_next():
        jobs += 1
        if not jobs % _JOBS_A_LOOK and process_time() > deadline:
            raise _JobsError


def _kind(said: str) -> str:
    if "interrupted" in said[:60]:
        return "timeout"
    return "memory" if "out of memory" in said[:80] else "script"


def _told(error: quickjs.JSException) -> str:
    message, _, stack = str(error).partition("\n")
    lines = _LINE.sub(lambda one: f"line {int(one[1]) - 1}", stack.strip())
    return _encode(
        {"message": message[:_SAID_CHARS_MAX], "stack": lines[:_SAID_CHARS_MAX]}
    ).decode()


def _answer(worker: Worker, frame: list[Any], until: float) -> bytes:
    """What to send for a frame: a step that comes too late in its turn is not begun."""
    if frame[0] in ("run", "settle") and process_time() > until:
        return pack(["later", frame[1]])
    answer = worker.handle(frame)
    if answer is None:
        return b""
    try:
        return pack(answer)
    except (OverflowError, ValueError, RecursionError):  # a number that no frame holds
        worker.handle(["forget", frame[1]])
        told = '{"message":"what the script asks for can\'t be sent: a number is too large"}'
        return pack(["failed", frame[1], "script", told, []])


def serve(channel: socket.socket) -> None:
    """Answer frames until the server closes the channel."""
    frames, worker = Frames(), Worker()
    answers: list[bytes] = []
    flushed = monotonic()
    while data := channel.recv(_READ_BYTES):
        until = process_time() + _TURN_SECONDS
        for frame in frames.feed(data):
            if answer := _answer(worker, frame, until):
                answers.append(answer)
            if answers and monotonic() - flushed > _FLUSH_SECONDS:
                channel.sendall(b"".join(answers))
                answers.clear()
                flushed = monotonic()
        if answers:
            channel.sendall(b"".join(answers))
            answers.clear()
        flushed = monotonic()
    os._exit(0)
