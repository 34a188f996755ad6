"""A sandbox for a module's tests, on an event loop of its own."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from hikidashi.sandbox.pool import Sandbox, SandboxLimits
from hikidashi.sandbox.runs import Budget, HostError, Outcome, Script

WAIT_SECONDS = 60


class Bench:
    """Runs scripts and waits for what comes of them."""

    def __init__(self, limits: SandboxLimits | None = None) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()
        self.sandbox: Sandbox = self.wait(_make(limits))
        self.asked: list[tuple[str, list[Any]]] = []

    async def host(self, name: str, given: list[Any]) -> str:
        """Tell what was asked; fail when told to; wait when told to."""
        self.asked.append((name, given))
        if given[:1] == ["fail"]:
            raise HostError(json.dumps({"status": 404, "body": {"error": "none"}}))
        if given[:1] == ["wait"]:
            await asyncio.sleep(given[1])
        if given[:1] == ["break"]:
            raise ValueError("a bug of the server")
        return json.dumps({"given": given})

    def wait(self, work: Any) -> Any:
        """Run a coroutine to its end."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(WAIT_SECONDS)

    async def run_on_loop(
        self, source: str, data: Any = None, tenant: str = "t", **more: Any
    ) -> Outcome:
        """A run, for whoever is on the loop."""
        key = hashlib.sha256(source.encode()).hexdigest()
        script = Script(key, source, more.pop("is_fresh", False))
        budget = Budget(**{one: more.pop(one) for one in list(more) if one in Budget.__slots__})
        text = json.dumps(data, ensure_ascii=False)
        return await self.sandbox.run(tenant, script, text, self.host, budget, **more)

    def run(self, source: str, data: Any = None, tenant: str = "t", **more: Any) -> Outcome:
        """A run."""
        return self.wait(self.run_on_loop(source, data, tenant, **more))

    def value(self, source: str, data: Any = None, **more: Any) -> Any:
        """What a script gives."""
        outcome = self.run(source, data, **more)
        assert outcome.kind == "done", outcome
        return json.loads(outcome.json)

    def close(self) -> None:
        """End every worker and the loop."""

        async def close() -> None:
            self.sandbox.close()
            ours = asyncio.current_task()
            left = [one for one in asyncio.all_tasks() if one is not ours]
            await asyncio.wait_for(asyncio.gather(*left, return_exceptions=True), WAIT_SECONDS)

        self.wait(close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(WAIT_SECONDS)
        self.loop.close()


async def _make(limits: SandboxLimits | None) -> Sandbox:
    return Sandbox("confined", limits)


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """A sandbox with its usual limits."""
    one = Bench()
    yield one
    one.close()


@pytest.fixture
def small_bench() -> Iterator[Bench]:
    """A sandbox with room for little."""
    one = Bench(SandboxLimits(workers=2, runs_per_tenant=2, waiting_per_tenant=3, data_chars=1_000))
    yield one
    one.close()
