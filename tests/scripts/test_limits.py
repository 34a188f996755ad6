"""Each bound of scripts, tried at it and over it."""

from __future__ import annotations

import pytest

from hikidashi.api.hexabase_rest.routes import CALLS
from hikidashi.api.inside import InnerEdge
from hikidashi.core.limits import (
    JSON_LEVELS_MAX,
    POST_CPU_SECONDS,
    PRE_CPU_SECONDS,
    QUERY_FIELDS_MAX,
    SCRIPT_AGAIN_MAX,
    SCRIPT_ANSWER_BYTES_MAX,
    SCRIPT_CALLS_MAX,
    SCRIPT_DEPTH_MAX,
    SCRIPT_EXPANDED_CHARS_MAX,
    SCRIPT_LOG_BYTES_MAX,
    SCRIPT_SECONDS,
    URL_BYTES_MAX,
)
from hikidashi.sandbox.worker import RESULT_CHARS_MAX
from hikidashi.service import scripts
from tests.scripts.test_functions import call
from tests.scripts.test_pre import act

AROUND = len('{"data":"","errors":[]}')


def test_what_a_call_answers(shop):
    most = SCRIPT_ANSWER_BYTES_MAX - AROUND
    assert len(call(shop, "big", most)[1]["data"]["data"]) == most
    told = call(shop, "big", most + 1)[1]["data"]
    assert told == {"status": 200, "body": f"the answer has over {SCRIPT_ANSWER_BYTES_MAX} bytes"}


FIELDS = "/api/v0/applications/SHOP/datastores/ORDERS/fields"
ECHO = "/api/v0/applications/SHOP/functions/echo"
LONG = FIELDS + "?x=" + "x" * (URL_BYTES_MAX - len(FIELDS) - len("x="))  # "?" not counted
WIDE = FIELDS + "?" + "&".join(f"k{at}=1" for at in range(QUERY_FIELDS_MAX))
ADDRESSES = {
    "as long as may be": (LONG, 200),
    "longer": (LONG + "x", 414),
    "in characters that are sent as several": (FIELDS + "?x=" + "値" * (URL_BYTES_MAX // 9), 414),
    "with as many keys as may be": (WIDE, 200),
    "with one more": (WIDE + "&one=1", 400),
    "with what no browser sends": (FIELDS + "?x=値 値", 200),
    "with a key that is not UTF-8": (FIELDS + "?x=%ff", 400),
    "with a name that is not UTF-8": (FIELDS + "%ff", 400),
    "with a slash at its end": (FIELDS + "/", 200),
    "with a slash too many": ("/api/v0" + "/" + FIELDS.removeprefix("/api/v0"), 404),
}


@pytest.mark.parametrize("name", ADDRESSES)
def test_the_address_of_a_call(shop, name):
    """What holds for a request that comes by the network holds for a script's."""
    path, status = ADDRESSES[name]
    told = call(shop, "reach", ["GET", path])[1]["data"]
    assert (told if isinstance(told, int) else 200) == status


@pytest.mark.parametrize(("size", "status"), [(100, 200), (101, 413)])
def test_the_body_of_a_call(shop, monkeypatch, size, status):
    app = shop.served.app
    monkeypatch.setattr(app, "carry", InnerEdge(app, CALLS, 100))
    told = call(shop, "reach", ["POST", ECHO, " " * (size - len('""'))])[1]["data"]
    assert (told if isinstance(told, int) else 200) == status


@pytest.mark.parametrize(("levels", "told"), [(JSON_LEVELS_MAX, ""), (JSON_LEVELS_MAX + 1, 400)])
def test_the_levels_of_a_call_s_body(shop, levels, told):
    assert call(shop, "nest", levels)[1]["data"] == told


def test_constants_in_a_script(shop):
    assert SCRIPT_EXPANDED_CHARS_MAX == 500_000
    assert call(shop, "wide") == (200, {"data": 500_000, "errors": []})
    status, told = call(shop, "wider")
    assert (status, "500000 characters" in str(told)) == (400, True)


def test_calls_of_all_scripts_behind_a_request(shop):
    """25 that call a function, and 45 by each of these: those over the bound are refused."""
    for _ in range(2):  # each request has its own
        assert call(shop, "many", 1)[1]["data"] == SCRIPT_CALLS_MAX - 25


def test_what_a_script_gives(shop):
    most = RESULT_CHARS_MAX - 2  # the quotes
    assert len(call(shop, "echo", most)[1]["data"]) == most
    status, told = call(shop, "echo", most + 1)
    assert (status, f"over {RESULT_CHARS_MAX}" in told["errors"][0]["description"]) == (400, True)


@pytest.mark.parametrize(("levels", "bottom"), [(4, "bottom"), (5, None)])
def test_scripts_that_call_scripts(shop, levels, bottom):
    assert SCRIPT_DEPTH_MAX == 5
    assert call(shop, "deep", levels)[1]["data"] == bottom


@pytest.mark.parametrize(("lines", "kept"), [(64, 64), (65, 65), (70, 65)])
def test_what_a_run_logs(shop, lines, kept):
    """The line over the bound is told as cut, those after it are dropped."""
    assert SCRIPT_LOG_BYTES_MAX == 65_536
    said = []
    sandbox, real = shop.served.app.sandbox, shop.served.app.sandbox.run

    async def run(*given, **more):
        outcome = await real(*given, **more)
        said.extend(outcome.logs)
        return outcome

    sandbox.run = run
    try:
        call(shop, "talk", lines)
    finally:
        del sandbox.run
    assert len(said) == kept
    assert ("there was more" in said[-1].message) == (lines > 64)


def test_the_time_of_a_script(shop):
    """A script that works half of its CPU time ends well, one of twice as much does not."""
    assert PRE_CPU_SECONDS <= POST_CPU_SECONDS <= SCRIPT_SECONDS
    budgets = scripts._BUDGETS
    assert (budgets["pre"].cpu_seconds, budgets["post"].cpu_seconds) == (
        PRE_CPU_SECONDS,
        POST_CPU_SECONDS,
    )
    assert {one.wall_seconds for one in budgets.values()} == {SCRIPT_SECONDS}
    assert call(shop, "work", 1)[0] == 200
    status, told = call(shop, "spin")
    assert (status, told["errors"][0]["error"]) == (400, "the script failed")


def test_how_often_a_moving_item_is_judged(shop):
    item, _ = act(shop, "Meddle", status=409)
    assert shop.details(item)["rev"] == 1 + SCRIPT_AGAIN_MAX
