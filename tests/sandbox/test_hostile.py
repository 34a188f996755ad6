"""Scripts that mean harm: the server goes on, and so do other tenants and the next run."""

from __future__ import annotations

import asyncio
import time

import pytest

from hikidashi.sandbox.link import STILL_SECONDS

TIGHT = {"cpu_seconds": 0.05}
HARMLESS = "function main(data) { return data }"

# What may come of each: the kinds, any of which leaves everything else as it was.
ENDS = {"timeout", "memory", "killed", "thrown", "script", "too_large", "load", "done"}
HOSTILE = {
    "a loop": "function main() { while (true); }",
    "a loop as it is loaded": "while (true); function main() {}",
    "a loop that looks at the clock": "function main() { while (Date.now() > 0); }",
    "a loop that catches": "function main() { for (;;) { try { for (;;); } catch (_) {} } }",
    "a loop that ends in finally": "function main() { try { for (;;); } finally { for (;;); } }",
    "a loop of promises": "async function main() { while (true) await null }",
    "promises without end": "function main() { const f = () => Promise.resolve().then(f); return f() }",
    "promises by the million": "function main() { return Promise.all(Array.from({ length: 1e7 }, async () => 1)) }",
    "a getter in the result": "function main() { return { get a() { for (;;); } } }",
    "a proxy as the result": "function main() { return new Proxy({}, { ownKeys() { for (;;); } }) }",
    "a toJSON that loops": "function main() { return { toJSON() { for (;;); } } }",
    "a toString that loops": "function main() { throw { toString() { for (;;); } } }",
    "an error whose message loops": "function main() { const e = new Error(); Object.defineProperty(e, 'message', { get() { for (;;); } }); throw e }",
    "an error with a stack of its own": "function main() { const e = new Error('x'); e.stack = { toString() { return 'x'.repeat(1e8) } }; throw e }",
    "a thenable that loops": "function main() { return { then() { for (;;); } } }",
    "arrays": "function main() { const a = []; for (;;) a.push(new Array(1e6).fill(1)) }",
    "maps": "function main() { const m = new Map(); for (let i = 0; ; i++) m.set(i, {}) }",
    "a spread": "function main() { let a = [1]; for (;;) a = [...a, ...a] }",
    "memory, caught and again": "function main() { const a = []; for (;;) { try { a.push(new Array(1e6).fill('x')) } catch (_) {} } }",
    "typed arrays": "function main() { return Array.from({ length: 8 }, () => new Uint8Array(256 << 20)).length }",
    "a typed array that grows": "function main() { let b = new ArrayBuffer(1, { maxByteLength: 2 ** 40 }); b.resize(2 ** 40) }",
    "a hole of an array filled": "function main() { return new Array(2 ** 32 - 1).fill(0).length }",
    "a hole of an array joined": "function main() { return new Array(2 ** 32 - 1).join() }",
    "a hole of an array sorted": "function main() { return new Array(2 ** 32 - 1).sort().length }",
    "indexOf over what is not there": "function main() { return Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1) }",
    "apply with too much": "function main() { return Math.max.apply(null, { length: 2 ** 31 }) }",
    "recursion": "function main() { return main() + 1 }",
    "recursion by getters": "function main() { const o = { get a() { return this.a } }; return o.a }",
    "recursion by JSON": "function main() { const s = '['.repeat(1e6); return JSON.parse(s) }",
    "a deep result": "function main() { let a = []; for (let i = 0; i < 1e6; i++) a = [a]; return a }",
    "a deep result made by hand": "function main() { return { toJSON() { let a = []; for (let i = 0; i < 20000; i++) a = [a]; return a } } }",
    "a deep regular expression": "function main() { return new RegExp('('.repeat(1e5) + ')'.repeat(1e5)).test('') }",
    "a slow regular expression": "function main() { return /(a+)+$/.test('a'.repeat(40) + 'b') }",
    "another slow one": "function main() { return /(x+x+)+y/.test('x'.repeat(40)) }",
    "a replace that explodes": "function main() { let s = 'ab'; for (;;) s = s.replace(/[ab]/g, '$&$&$`') }",
    "numbers without end": "function main() { let n = 2n; for (;;) n = n * n }",
    "a number shifted far": "function main() { return (1n << 4000000000n).toString().length }",
    "a text doubled": "function main() { let s = 'x'; for (;;) s += s }",
    "a text repeated": "function main() { return 'x'.repeat(2 ** 30) }",
    "padding": "function main() { return 'x'.padEnd(2 ** 30, 'y').length }",
    "normalising": "function main() { return 'ﷺ'.repeat(1e6).normalize('NFKC').length }",
    "a result too large": "function main() { return 'x'.repeat(2 << 20) }",
    "a flood of logs": "function main() { for (;;) logger.info('x'.repeat(1000)) }",
    "a log too large": "function main() { logger.info('x'.repeat(32 << 20)); return 1 }",
    "a flood of calls": "function main() { for (let i = 0; i < 1e5; i++) callAPIAsync('n', i); return 1 }",
    "calls awaited for ever": "async function main() { for (;;) { try { await callAPIAsync('n') } catch (_) {} } }",
    "a call with a huge argument": "async function main() { return callAPIAsync('x'.repeat(8 << 20)) }",
    "a call with a deep argument": "async function main() { let a = []; for (let i = 0; i < 5000; i++) a = [a]; return callAPIAsync(a) }",
    "a call whose argument loops": "async function main() { return callAPIAsync({ toJSON() { for (;;); } }) }",
    "its own prototypes spoiled": "function main() { Array.prototype.toJSON = () => 1; Object.prototype.toJSON = () => 2; Promise.prototype.then = () => 3; Map.prototype.set = () => 4; return callAPIAsync('x') }",
    "JSON taken away": "function main() { JSON.stringify = () => '{\"\\u0001\":[1,2,3]}'; return callAPIAsync('x') }",
    "the worker's own mark": "function main() { return { '\\u0001': [1, 'x', [[1, 'api', []]]] } }",
    "the loader called": "function main() { return [typeof __load, typeof __start, typeof __take, typeof __settle] }",
    "out of its wrapper": "1 }) ; while (true); (function () { return main",
    "a module": "async function main() { return import('file:///etc/passwd') }",
    "a module of the system": "async function main() { const os = await import('os'); return os.exec(['/bin/sh']) }",
    "a worker of its own": "function main() { return new Worker('x') }",
    "sleeping": "function main() { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); return 1 }",
    "code made of text": "function main() { return Function('while (true);')() }",
    "weak references": "function main() { const r = []; for (;;) r.push(new WeakRef({}), new FinalizationRegistry(() => {})) }",
    "generators": "function main() { function* g() { yield* g() } return [...g()] }",
    "iterators without end": "function main() { return Array.from({ [Symbol.iterator]: () => ({ next: () => ({ value: 1 }) }) }) }",
    "sorting that never agrees": "function main() { return Array.from({ length: 1e6 }, (_, i) => i).sort(() => Math.random() - 0.5).length }",
    "dates by the million": "function main() { for (;;) new Date().toLocaleString() }",
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_nothing_else_is_harmed(bench, case):
    """While it runs another tenant is answered, and after it the same tenant is again."""

    async def attack():
        began = time.monotonic()
        run = asyncio.ensure_future(bench.run_on_loop(HOSTILE[case], tenant="villain", **TIGHT))
        neighbour = await bench.run_on_loop(HARMLESS, 1, tenant="neighbour")
        outcome = await run
        took = time.monotonic() - began
        after = await bench.run_on_loop(HARMLESS, 2, tenant="villain")
        return outcome, took, neighbour, after

    outcome, took, neighbour, after = bench.wait(attack())
    assert outcome.kind in ENDS, outcome
    assert (neighbour.kind, neighbour.json) == ("done", "1")
    assert (after.kind, after.json) == ("done", "2")
    assert took < 2 * STILL_SECONDS + 10
    assert "passwd" not in outcome.json or outcome.kind != "done"


def test_the_loop_of_the_server_is_never_held_up(bench):
    """Twelve tenants attack at once: the event loop keeps its beat."""

    async def beat(gaps, stop):
        while not stop.is_set():
            began = time.monotonic()
            await asyncio.sleep(0.01)
            gaps.append(time.monotonic() - began)

    async def attack():
        gaps, stop = [], asyncio.Event()
        beating = asyncio.ensure_future(beat(gaps, stop))
        sources = list(HOSTILE.values())[:12]
        runs = [bench.run_on_loop(one, tenant=f"v{n}", **TIGHT) for n, one in enumerate(sources)]
        outcomes = await asyncio.gather(*runs)
        stop.set()
        await beating
        return gaps, outcomes

    gaps, outcomes = bench.wait(attack())
    assert all(one.kind in ENDS for one in outcomes)
    assert len(gaps) > 10
    assert sorted(gaps)[len(gaps) // 2] < 0.25, "the loop stood still"


def test_a_killed_worker_takes_only_its_own_runs_along(bench):
    async def attack():
        waits = "async function main() { return callAPIAsync('wait', 1) }"
        own = asyncio.ensure_future(bench.run_on_loop(waits, tenant="villain"))
        other = asyncio.ensure_future(bench.run_on_loop(waits, tenant="neighbour"))
        await asyncio.sleep(0.2)
        join = HOSTILE["a hole of an array joined"]
        attack = await bench.run_on_loop(join, tenant="villain", **TIGHT)
        return attack.kind, (await own).kind, (await other).kind

    assert bench.wait(attack()) == ("killed", "killed", "done")
