"""Runs over data that lacks something: whoever would notice is run again with everything."""

from __future__ import annotations

import asyncio
import itertools
import json

import pytest

SLIM = {"title": "pen", "item": {"amount": 3}}
REST = {"fields": {"amount": {"value": 3}}, "old": None}
LACKS = json.dumps(list(REST))
WHOLE = {**SLIM, **REST}

# How a script gets at its data, and what it does with it: each with each.
BY = {
    "its parameter": "DO(data)",
    "another name": "const d = data; DO(d)",
    "arguments": "DO(arguments[0])",
    "a helper": "const help = (one) => { DO(one) }; help(data)",
    "a copy": "DO({ ...data })",
    "its JSON": "DO(JSON.parse(JSON.stringify(data)))",
    "descriptors": "DO(Object.defineProperties({}, Object.getOwnPropertyDescriptors(data)))",
    "what inherits": "DO(Object.create(data))",
    "a promise": "await null; DO(data)",
    "a later turn": "await new Promise((r) => r()); await null; DO(data)",
    "a call": "await callAPIAsync('x'); DO(data)",
}
LOOKS = {
    "nothing": "out.push(1)",
    "what is there": "out.push(d.title, d.item.amount)",
    "a key": "out.push(d.fields)",
    "a key made up": "out.push(d['fie' + 'lds'])",
    "destructuring": "const { old } = d; out.push(old)",
    "what is left": "const { title, ...rest } = d; out.push(rest)",
    "keys": "out.push(Object.keys(d))",
    "entries": "out.push(Object.entries(d))",
    "a loop": "for (const k in d) out.push(k, d[k])",
    "asking first": "out.push('fields' in d, 'none' in d, d.hasOwnProperty('old'))",
    "a descriptor": "const p = Object.getOwnPropertyDescriptor(d, 'fields'); out.push(p && p.value)",
    "a method": "out.push(d.propertyIsEnumerable('fields'))",
    "reflection": "out.push(Reflect.get(d, 'fields'), Reflect.ownKeys(d))",
    "writing": "d.fields = 7; out.push(d.fields, Object.keys(d).length)",
    "writing, unread": "d.old = 7; out.push(d.title)",
    "deleting": "delete d.fields; out.push(Object.keys(d).length, 'fields' in d)",
    "freezing": "Object.freeze(d); out.push(Object.isFrozen(d))",
    "catching": "try { d.fields.amount.value.x.y } catch (e) { out.push(e.message) }",
    "throwing": "if (d.fields) throw { no: 1 }",
    "an error": "d.fields.amount.nothing.here",
    "logging": "logger.info('seen', d.title)",
    "asking unawaited": "callAPIAsync('unawaited'); out.push(d.title)",
    "another's getter": "Object.prototype.fields2 = 1; out.push(d.fields2)",
}
SOURCE = "async function main(data) { const out = []; %s; return out }"


def made(by: str, look: str) -> str:
    """The source of a script."""
    way, _, rest = BY[by].partition("DO(")
    depth, at = 1, 0
    while depth:
        depth += {"(": 1, ")": -1}.get(rest[at], 0)
        at += 1
    inner, after = rest[: at - 1], rest[at:]
    return SOURCE % f"{way} (function (d) {{ {LOOKS[look]} }})({inner}) {after}"


@pytest.fixture(scope="module")
def outcomes(bench):
    """Each script run over the slim data, over all, and over all without a run before it."""

    async def run(source, data, lacks=""):
        outcome = await bench.run_on_loop(source, data, lacks=lacks)
        return outcome.kind, outcome.told, outcome.logs

    async def both(case):
        source = made(*case)
        return await run(source, SLIM, LACKS), await run(source, WHOLE)

    async def all_of_them():
        cases = list(itertools.product(BY, LOOKS))
        found = {}
        for start in range(0, len(cases), 16):
            some = cases[start : start + 16]
            found |= zip(some, await asyncio.gather(*map(both, some)), strict=True)
        return found

    return bench.wait(all_of_them())


def test_a_script_never_notices(outcomes):
    """It comes to what it would have come to with everything, or to nothing at all."""
    wrong = {
        case: (slim, whole)
        for case, (slim, whole) in outcomes.items()
        if slim[0] != "more" and slim != whole
    }
    assert wrong == {}
    kinds = [slim[0] for slim, _ in outcomes.values()]
    assert kinds.count("done") > 30
    assert kinds.count("more") > 150


FEW = ("nothing", "what is there", "logging", "asking unawaited", "another's getter")


@pytest.mark.parametrize("look", FEW)
def test_a_script_that_looks_at_nothing_of_it_is_run_once(outcomes, look):
    for by in (
        "its parameter",
        "another name",
        "arguments",
        "a helper",
        "a promise",
        "a later turn",
    ):
        assert outcomes[by, look][0][0] == "done", by


def test_what_needs_more_has_asked_for_nothing(bench):
    bench.asked.clear()
    source = (
        "async function main(data) { await callAPIAsync('x'); callAPIAsync('y'); return data.old }"
    )
    outcome = bench.run(source, SLIM, lacks=LACKS)
    assert (outcome.kind, outcome.logs, bench.asked) == ("more", (), [])


BROKEN = {
    "while (!data.fields);": "timeout",
    "const a = []; while (!data.fields) a.push(new Array(1e6).fill(1))": "memory",
    "callAPIAsync('x'); while (true);": "timeout",
    "callAPIAsync('x'); return 'x'.repeat(2 << 20)": "too_large",
    "callAPIAsync('x'); return (function f() { return f() })()": "",
}


@pytest.mark.parametrize("body", BROKEN)
def test_one_that_breaks_off_has_asked_for_nothing(bench, body):
    bench.asked.clear()
    outcome = bench.run(f"function main(data) {{ {body} }}", SLIM, lacks=LACKS, cpu_seconds=0.1)
    if BROKEN[body]:
        assert outcome.kind in {BROKEN[body], "more", "timeout", "killed"}, outcome
        assert bench.asked == []
    else:  # it has thrown, which is an end as good as any
        assert outcome.kind == "thrown"
        assert bench.asked == [("api", ["x"])]
