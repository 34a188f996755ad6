"""The examples of the page on scripts do what it says of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hikidashi.core import limits
from hikidashi.sandbox.pool import SandboxLimits
from hikidashi.sandbox.runs import Budget
from tests.scripts.test_functions import call
from tests.scripts.test_pre import act

PAGE = (Path(__file__).parents[2] / "docs" / "scripts.md").read_text("utf-8")
EXAMPLE = re.search(r"```js\n(.*?)```", PAGE, re.DOTALL)[1]


def try_out(shop, source, **values):
    """Run a text as the PRE script of an action."""
    shop.search()
    catalog_of = shop.served.app.identities.identify(shop._tokens["ann"])
    catalog = shop.served.read(shop.served.run(catalog_of), lambda view: view.catalog)
    action = catalog.find_project("SHOP").find_datastore("ORDERS").find_action("Plain")
    item = shop.new(name="pen", **values)
    body = {"script_type": "pre", "item_id": item, "script": source}
    headers = {"Authorization": f"Bearer {shop._tokens['ann']}"}
    path = f"/api/v0/actions/{action.id}/actionscripts/run"
    return shop.served.send("POST", path, body, headers).json()


@pytest.mark.parametrize(("amount", "kind"), [(1, "done"), (100_001, "thrown")])
def test_the_first_example(shop, amount, kind):
    told = try_out(shop, EXAMPLE, amount=amount)
    assert told["kind"] == kind, told
    if kind == "thrown":
        assert told["result"]["error"] == "高額の注文にはコメントが必要です"
    else:
        assert re.fullmatch(r"\d{4}/\d\d/\d\d", told["result"]["checked_at"])


def test_the_function(shop):
    assert 'answers `{"data": 1078, "errors": []}`' in PAGE
    assert call(shop, "price-with-tax", {"price": 980}) == (200, {"data": 1078, "errors": []})


def test_the_keys_of_data_are_those_that_are_told(shop):
    _, told = act(shop, "Whole")
    table = PAGE.partition("| `data.` |")[2].partition("\n\n")[0]
    named = {
        one
        for row in table.splitlines()
        for one in re.findall(r"`(\w+)`", row.split("|")[1] if "|" in row else "")
    }
    assert named == set(told["pre_result"]["data"])


def test_the_names_of_util(shop):
    source = "() => Object.fromEntries(Object.entries(util).map(([k, v]) => [k, Object.keys(v)]))"
    there = try_out(shop, source)["result"]
    for part, names in there.items():
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `util.{part}`"))
        missing = [one for one in names if f"`{one}" not in row]
        assert missing == [], part


def test_the_limits_are_those_of_the_page():
    usual, pool = Budget(), SandboxLimits()
    table = PAGE.partition("## Limits")[2].partition("\n## ")[0]
    for figure in (
        f"{limits.SCRIPT_BYTES_MAX:,} bytes",
        f"{limits.PRE_CPU_SECONDS:g} s for PRE, {limits.POST_CPU_SECONDS:g} s for POST",
        f"| {limits.SCRIPT_SECONDS:g} s |",
        f"{usual.heap_bytes >> 20} MB",
        f"| {usual.calls}",
        f"an answer of {limits.SCRIPT_ANSWER_BYTES_MAX:,} bytes",
        f"{pool.data_chars:,} characters",
        f"{limits.SCRIPT_LOG_BYTES_MAX:,} bytes",
        f"| {limits.SCRIPT_DEPTH_MAX} deep",
        f"| {pool.runs_per_tenant}, and {pool.waiting_per_tenant} that wait",
    ):
        assert figure in table
