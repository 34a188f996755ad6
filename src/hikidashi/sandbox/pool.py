"""Scripts of many tenants, each in a worker of its own."""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from dataclasses import dataclass
from time import monotonic
from typing import Final, Literal

from .gate import Gate
from .link import Link, Logged
from .runs import Budget, Host, Outcome, Script, failed
from .spawning import UnsafeError, Zygote

_ZYGOTE_SECONDS: Final = 4 * 3_600  # all workers of a zygote share where things are in memory
_IDLE_SECONDS: Final = 300.0  # after which a worker ends: the next takes some ms to start
_TIDY_SECONDS: Final = 60.0
_AGAIN_SECONDS: Final = 30.0  # before a zygote that could not be started is tried again

Mode = Literal["confined", "unconfined", "off"]


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """How much all scripts together may take."""

    workers: int = 64  # at once; the longest idle one makes place for another tenant
    runs_per_tenant: int = 64  # under way, those waiting for calls included
    waiting_per_tenant: int = 256  # for one of them to end
    nested_per_tenant: int = 128  # that a run's own calls began: they never wait for a place
    data_chars: int = 1 << 20  # of the JSON that a run is given
    worker_bytes: int = 256 << 20  # of memory that a worker may add to what it starts with


class _Tenant:
    """What one tenant has running."""

    __slots__ = ("line", "link", "nested", "runs", "starting", "used_at", "waiting")

    def __init__(self, places: int) -> None:
        self.line = asyncio.Semaphore(places)
        self.link: Link | None = None
        self.starting: asyncio.Task[Link] | None = None
        self.runs = 0
        self.nested = 0
        self.waiting = 0
        self.used_at = 0.0

    @property
    def is_idle(self) -> bool:
        return not (self.runs or self.nested or self.waiting or self.starting)


class Sandbox:
    """The one door to scripts. Nothing is started before the first is run."""

    def __init__(self, mode: Mode = "confined", limits: SandboxLimits | None = None) -> None:
        self._mode = mode
        self._limits = limits or SandboxLimits()
        self._gate = Gate(max(2, os.cpu_count() or 2))
        self._tenants: OrderedDict[str, _Tenant] = OrderedDict()  # longest unused first
        self._zygote: Zygote | None = None
        self._retired: list[Zygote] = []  # those that have workers still
        self._is_closed = False
        self._starting: asyncio.Lock = asyncio.Lock()
        self._refusal = ""  # why there is no zygote
        self._refused_at = 0.0
        self._tidying: asyncio.TimerHandle | None = None

    async def run(  # noqa: PLR0913  a run: whose, what, on what, with what
        self,
        tenant: str,
        script: Script,
        json: str,
        host: Host,
        budget: Budget,
        *,
        logged: Logged | None = None,
        is_nested: bool = False,
        lacks: str = "",
    ) -> Outcome:
        """Run a script over JSON. Whatever happens is an outcome; nothing is raised.

        `is_nested`: the run comes from a call of another one, and is not to wait behind it.
        `lacks`: keys that the data lacks, as a JSON list. Only a run that ends in one go without a
        look at them is "done" or "thrown"; otherwise nothing was carried out, and it may be run anew.
        """
        if len(json) > self._limits.data_chars:
            return failed("too_large", f"its data has over {self._limits.data_chars} characters")
        one = self._tenants.get(tenant)
        if one is None:
            one = self._tenants[tenant] = _Tenant(self._limits.runs_per_tenant)
        self._tenants.move_to_end(tenant)
        one.used_at = monotonic()
        if is_nested:
            if one.nested >= self._limits.nested_per_tenant:
                return failed("busy", "too many scripts that scripts began are running")
            one.nested += 1
            try:
                return await self._run(tenant, one, script, json, host, budget, logged, lacks)
            finally:
                one.nested -= 1
        if one.waiting >= self._limits.waiting_per_tenant:
            return failed("busy", "too many scripts of this workspace are waiting")
        one.waiting += 1
        try:
            await one.line.acquire()
        finally:
            one.waiting -= 1
        one.runs += 1
        try:
            return await self._run(tenant, one, script, json, host, budget, logged, lacks)
        finally:
            one.runs -= 1
            one.line.release()

    async def _run(  # noqa: PLR0913  a run and its place
        self,
        tenant: str,
        one: _Tenant,
        script: Script,
        json: str,
        host: Host,
        budget: Budget,
        logged: Logged | None,
        lacks: str,
    ) -> Outcome:
        try:
            link = one.link
            if link is None or link.is_lost:
                link = await self._link(tenant, one)
        except UnsafeError as error:
            return failed("unavailable", str(error))
        except OSError:  # a timeout is one
            return failed("unavailable", "the process that scripts run in does not start")
        if link is None:
            return failed("busy", "too many workspaces run scripts at this moment")
        job = link.begin(script, json, budget, host, logged, lacks)
        try:
            return await job.future
        finally:
            link.leave(job)

    async def start(self) -> str:
        """Start the zygote if it is not there; what speaks against running scripts, or ""."""
        try:
            await self._ready_zygote()
        except UnsafeError as error:
            return str(error)
        return ""

    def close(self) -> None:
        """End every worker, and start none any more."""
        self._is_closed = True
        if self._tidying is not None:
            self._tidying.cancel()
            self._tidying = None
        zygotes, self._zygote, self._retired = [self._zygote, *self._retired], None, []
        for one in zygotes:
            if one is not None:
                one.close()

    # -- workers -------------------------------------------------------------------------------

    async def _link(self, tenant: str, one: _Tenant) -> Link | None:
        """The tenant's worker, started if need be; none if all that may be are busy."""
        if one.starting is None:
            workers = sum(1 for each in self._tenants.values() if each.link or each.starting)
            if workers >= self._limits.workers and not self._make_place():
                return None
            one.starting = asyncio.ensure_future(self._spawn(one))
        return await asyncio.shield(one.starting)

    async def _spawn(self, one: _Tenant) -> Link:
        def gone(link: Link) -> None:
            if one.link is link:
                one.link = None

        try:
            zygote = await self._ready_zygote()
            link = await zygote.spawn(self._gate, gone)
            if not link.is_lost:  # it may be gone again by now
                one.link = link
            if self._tidying is None:
                self._tidying = asyncio.get_running_loop().call_later(_TIDY_SECONDS, self._tidy)
            return link
        finally:
            one.starting = None

    def _tidy(self) -> None:
        """Stop the workers that have been idle for long; forget their tenants."""
        self._tidying = None
        until = monotonic() - _IDLE_SECONDS
        for name, each in list(self._tenants.items()):
            if each.is_idle and each.used_at < until:
                if each.link is not None:
                    each.link.stop()
                del self._tenants[name]
        if self._tenants:
            self._tidying = asyncio.get_running_loop().call_later(_TIDY_SECONDS, self._tidy)

    def _make_place(self) -> bool:
        """Stop the worker that has been idle longest."""
        for name, each in self._tenants.items():
            if each.is_idle and each.link is not None:
                each.link.stop()
                each.link = None
                del self._tenants[name]
                return True
        return False

    async def _ready_zygote(self) -> Zygote:
        """The zygote, started or renewed if need be. Raises UnsafeError."""
        if self._mode == "off":
            raise UnsafeError("scripts are switched off on this server")
        self._check_open()
        async with self._starting:
            now = monotonic()
            zygote = self._zygote
            if zygote is not None and zygote.is_open:
                if now - zygote.started_at < _ZYGOTE_SECONDS:
                    return zygote
                zygote.retire()
                self._retired = [each for each in (*self._retired, zygote) if each.has_workers]
            if self._refusal and now - self._refused_at < _AGAIN_SECONDS:
                raise UnsafeError(self._refusal)
            try:
                is_confined = self._mode == "confined"
                started = await Zygote.start(self._limits.worker_bytes, is_confined=is_confined)
            except UnsafeError as error:
                self._refusal, self._refused_at = str(error), now
                raise
            try:
                self._check_open()
            except UnsafeError:
                started.close()
                raise
            self._refusal, self._zygote = "", started
            return started

    def _check_open(self) -> None:
        if self._is_closed:
            raise UnsafeError("the server is stopping")
