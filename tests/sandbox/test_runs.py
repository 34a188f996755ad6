"""What a script may do, what it is told, and what comes of it."""

from __future__ import annotations

import asyncio
import json

import pytest

PROMISE = "(async function (data) { return new Promise((resolve, reject) => { %s }) })"

VALUES = {
    "a function named main": ("function main(data) { return data.a + 1 }", {"a": 1}, 2),
    "one that is async": ("async function main(data) { return data }", {"名": "値"}, {"名": "値"}),
    "an expression": (PROMISE % "resolve({ ok: true })", None, {"ok": True}),
    "an expression with a semicolon": (PROMISE % "resolve(1)" + ";\n", None, 1),
    "an arrow function": ("(data) => data.length", [1, 2], 2),
    "helpers beside main": ("const k = 3; function twice(x) { return 2 * x } function main(d) { return twice(d) + k }", 4, 11),
    "nothing": ("function main() {}", None, None),
    "what JSON can't say": ("function main() { return { f() {}, u: undefined, n: NaN } }", None,
                            {"n": None}),
    "long texts": ("function main() { return 'あ'.repeat(5000) + 'x'.repeat(5000) }", None,
                   "あ" * 5000 + "x" * 5000),
    "a last line that is a comment": ("function main() { return 1 } // so it is", None, 1),
    "a promise chain": ("function main(d) { return Promise.all([1, 2]).then((a) => a.concat(d)) }",
                        [3], [1, 2, 3]),
}  # fmt: skip


@pytest.mark.parametrize("case", VALUES)
@pytest.mark.parametrize("is_fresh", [False, True])
def test_a_script_gives_a_value(bench, case, is_fresh):
    source, data, value = VALUES[case]
    assert bench.value(source, data, is_fresh=is_fresh) == value
    assert bench.value(source, data, is_fresh=is_fresh) == value


FAILURES = {
    "a reject with an object": (
        PROMISE % "reject({ result: '', error: '在庫がありません' })", "thrown",
        {"value": {"result": "", "error": "在庫がありません"}}),
    "a throw of an Error": (
        "function main() {\n  throw new RangeError('too much')\n}", "thrown",
        {"name": "RangeError", "message": "too much", "stack": "at main (line 2:13)"}),
    "an error in a helper": (
        "function f(x) {\n  return x.y.z\n}\nasync function main() {\n  return f({})\n}", "thrown",
        {"name": "TypeError", "message": "cannot read property 'z' of undefined",
         "stack": "at f (line 2:10)\nat main (line 5:10)"}),
    "a throw of nothing": ("function main() { throw undefined }", "thrown", {"value": None}),
    "a script that can't be read": (
        "function main() {\n  let = ;\n}", "load",
        {"message": "SyntaxError: unexpected token in expression: ';'", "stack": "at line 2:9"}),
    "a script without a function": (
        "const a = 1", "thrown",
        {"name": "TypeError", "stack": "",
         "message": "the script has no function main(data) and is no function itself"}),
    "a promise that nobody settles": (
        "function main() { return new Promise(() => {}) }", "script",
        {"message": "its promise never settles"}),
    "a full stack": (
        "function main() { return main() }", "thrown",
        None),
    "a thing that is no JSON": (
        "function main() { const a = {}; a.a = a; return a }", "thrown", None),
}  # fmt: skip


@pytest.mark.parametrize("case", FAILURES)
def test_a_script_fails_with_its_own_lines(bench, case):
    source, kind, told = FAILURES[case]
    outcome = bench.run(source)
    assert outcome.kind == kind, outcome
    if told is not None:
        assert json.loads(outcome.json) == told


def test_what_is_told_of_a_failure_is_an_object_whatever_the_script_does(bench):
    source = """function main() {
      Object.prototype.toJSON = function () { return Array.isArray(this) ? this : 5 };
      throw new Error("x") }"""
    outcome = bench.run(source)
    assert (outcome.kind, outcome.json, outcome.told) == ("thrown", "5", {"value": 5})


def test_nothing_is_left_of_the_run_before(bench):
    source = "let n = 0; var m = 0; function main() { n += 1; m += 1; return [n, m] }"
    assert [bench.value(source) for _ in range(3)] == [[1, 1]] * 3


def test_a_fresh_context_keeps_no_global_either(bench):
    source = "function main() { globalThis.n = (globalThis.n || 0) + 1; return n }"
    assert [bench.value(source, is_fresh=True) for _ in range(3)] == [1] * 3


def test_scripts_and_tenants_see_nothing_of_each_other(bench):
    assert bench.value("function main() { globalThis.secret = 1; return 1 }", tenant="a") == 1
    look = "function main() { return typeof secret }"
    assert bench.value(look, tenant="a") == "undefined"
    assert bench.value(look, tenant="b") == "undefined"


def test_logs_come_with_the_outcome_and_at_once(bench):
    said = []
    source = """async function main(data) {
      logger.log("一", { a: 1 }); logger.warn("two", 2); await callAPIAsync("GET", "x");
      console.error(new Error("three")); return 0 }"""
    outcome = bench.run(source, logged=said.append)
    assert [one.level for one in outcome.logs] == ["info", "warn", "error"]
    assert outcome.logs[0].message == '一 {"a":1}'
    assert outcome.logs[2].message.startswith("Error: three")
    assert list(outcome.logs) == said


def test_a_log_ends_at_its_budget(bench):
    source = (
        "function main() { for (let i = 0; i < 100; i++) logger.info('x'.repeat(99)); return 1 }"
    )
    outcome = bench.run(source, log_bytes=1_000)
    assert outcome.kind == "done"
    assert len(outcome.logs) == 11
    assert "there was more" in outcome.logs[-1].message


def test_calls_are_answered_in_whatever_order(bench):
    source = """async function main() {
      const late = callAPIAsync("wait", 0.05), soon = callAPIAsync("b", { c: [1] });
      const first = await Promise.race([late, soon]);
      return [first, await late] }"""
    assert bench.value(source) == [{"given": ["b", {"c": [1]}]}, {"given": ["wait", 0.05]}]


def test_a_refused_call_rejects_with_what_came(bench):
    source = """async function main() {
      try { await callAPIAsync("fail") } catch (error) { return error } }"""
    assert bench.value(source) == {"status": 404, "body": {"error": "none"}}


def test_a_bug_of_the_server_rejects_and_tells_nothing(bench):
    source = "async function main() { return callAPIAsync('break') }"
    outcome = bench.run(source)
    assert (outcome.kind, json.loads(outcome.json)) == (
        "thrown",
        {"value": {"message": "the call failed within the server"}},
    )


def test_calls_end_at_their_budget(bench):
    source = """async function main() {
      const all = await Promise.allSettled([1, 2, 3, 4].map((n) => callAPIAsync("n", n)));
      return all.map((one) => one.status) }"""
    assert bench.value(source, calls=3) == ["fulfilled"] * 3 + ["rejected"]


def test_a_script_that_goes_on_calling_is_ended(bench):
    source = "async function main() { for (;;) { try { await callAPIAsync('n') } catch (_) {} } }"
    outcome = bench.run(source, calls=3)
    assert (outcome.kind, "goes on calling" in outcome.json) == ("script", True)


def test_a_call_that_nobody_waits_for_is_made(bench):
    bench.asked.clear()
    assert bench.value("function main() { callAPIAsync('POST', 'later'); return 1 }") == 1
    assert bench.asked == [("api", ["POST", "later"])]


def test_a_run_that_waits_holds_up_no_other(bench):
    async def both():
        slow = asyncio.ensure_future(
            bench.run_on_loop("async function main() { return callAPIAsync('wait', 0.3) }")
        )
        await asyncio.sleep(0.05)
        quick = await bench.run_on_loop("function main() { return 1 }")
        assert not slow.done()
        return quick.kind, (await slow).kind

    assert bench.wait(both()) == ("done", "done")


def test_waiting_for_calls_counts_by_the_clock(bench):
    source = "async function main() { return callAPIAsync('wait', 5) }"
    outcome = bench.run(source, wall_seconds=0.2)
    assert (outcome.kind, "took over 0.2 s" in outcome.json) == ("timeout", True)
    assert bench.value("function main() { return 1 }") == 1


def test_too_much_data_is_refused(small_bench):
    assert small_bench.run("function main() { return 1 }", "x" * 998).kind == "done"
    outcome = small_bench.run("function main() { return 1 }", "x" * 999)
    assert (outcome.kind, "over 1000 characters" in outcome.json) == ("too_large", True)


def test_too_many_runs_are_refused_and_nested_ones_do_not_wait(small_bench):
    slow = "async function main() { return callAPIAsync('wait', 0.4) }"

    async def crowd():
        runs = [asyncio.ensure_future(small_bench.run_on_loop(slow)) for _ in range(6)]
        await asyncio.sleep(0.1)
        nested = await small_bench.run_on_loop("function main() { return 1 }", is_nested=True)
        outcomes = await asyncio.gather(*runs)
        return nested.kind, sorted(one.kind for one in outcomes)

    assert small_bench.wait(crowd()) == ("done", ["busy"] + ["done"] * 5)


def test_the_longest_idle_worker_makes_place_and_busy_ones_do_not(small_bench):
    one = "function main() { return 1 }"
    for tenant in "abcab":
        assert small_bench.value(one, tenant=tenant) == 1
    slow = "async function main() { return callAPIAsync('wait', 0.4) }"

    async def crowd():
        runs = [asyncio.ensure_future(small_bench.run_on_loop(slow, tenant=t)) for t in "ab"]
        await asyncio.sleep(0.15)
        third = await small_bench.run_on_loop(one, tenant="c")
        return third.kind, [(await each).kind for each in runs]

    assert small_bench.wait(crowd()) == ("busy", ["done", "done"])


UTIL = {
    "a date in Japan": ("util.date.format('2026-11-21T15:30:00Z', 'YYYY-MM-DD HH:mm (ddd)')",
                        "2026-11-22 00:30 (日)"),
    "a date elsewhere": ("util.date.format(0, 'YYYY/M/D H:mm:ss.SSS', 0)", "1970/1/1 0:00:00.000"),
    "an era": ("util.date.wareki('2019-05-01T00:00:00+09:00')", "令和元年5月1日"),
    "the day before it": ("util.date.wareki('2019-04-30T23:59:59+09:00')", "平成31年4月30日"),
    "a month on": ("util.date.addMonths('2024-01-31T00:00:00+09:00', 1).toISOString()",
                   "2024-02-28T15:00:00.000Z"),
    "the end of a month": ("util.date.format(util.date.endOfMonth('2026-02-10'), 'D')", "28"),
    "days between": ("util.date.daysBetween('2026-01-01T14:59:00Z', '2026-01-01T15:00:00Z')", 1),
    "half away from zero": ("[1.005, 2.5, -2.5, 1e-7].map((n, i) => util.number.round(n, i ? 0 : 2))",
                            [1.01, 3, -3, 0]),
    "thousands": ("util.number.format(-1234567.891, 2)", "-1,234,567.89"),
    "yen": ("util.number.yen('1,234.5')", "¥1,235"),
    "kanji": ("util.number.kanji(120003456789)", "1,200億345万6,789"),
    "widths": ("[util.text.halfWidth('ＡＢ　１'), util.text.fullWidth('AB 1')]",
               ["AB 1", "ＡＢ　１"]),
    "kana": ("[util.text.hiragana('ガギﾊﾟ'), util.text.katakana('がぎぱ')]", ["がぎぱ", "ガギパ"]),
    "filling": ("util.text.pad(7, 3)", "007"),
}  # fmt: skip


@pytest.mark.parametrize("case", UTIL)
def test_util(bench, case):
    expression, value = UTIL[case]
    assert bench.value(f"function main() {{ return {expression} }}") == value


@pytest.mark.parametrize("expression", ["util.date.format('x')", "util.number.yen('x')"])
def test_util_takes_no_nonsense(bench, expression):
    outcome = bench.run(f"function main() {{ return {expression} }}")
    assert (outcome.kind, '"TypeError"' in outcome.json) == ("thrown", True)


def test_what_looks_like_a_frame_is_a_value(bench):
    for forged in ([1, "}", []], [1, 5, []], [0, None, [[1, "api", []]]], {"\u0001": [1, "}", []]}):
        assert bench.value("(data) => data", forged) == forged


NOT_PASSED_ON = {
    "half a character": "function main() { return '\\ud800' }",
    "half a character, logged": "function main() { logger.log('\\ud800') }",
    "a value too deep": "function main() { let a = []; for (let i = 0; i < 2000; i++) a = [a]; return a }",
    "a number that no frame holds": "function main() { return callAPIAsync('POST', 'x', 1e20) }",
    "such a number, and on": "async function main() { try { await callAPIAsync('POST', 'x', -1e20) } catch (_) {} return 1 }",
}  # fmt: skip


@pytest.mark.parametrize("case", NOT_PASSED_ON)
def test_what_can_not_be_passed_on_fails_its_run_alone(bench, case):
    async def both():
        waits = "async function main() { await callAPIAsync('wait', 0.3); return 1 }"
        other = asyncio.ensure_future(bench.run_on_loop(waits))
        outcome = await bench.run_on_loop(NOT_PASSED_ON[case])
        return outcome, await other

    outcome, other = bench.wait(both())
    assert (outcome.kind, other.kind) == ("script", "done"), (outcome, other)
    assert "JSON" in outcome.json or "too large" in outcome.json
