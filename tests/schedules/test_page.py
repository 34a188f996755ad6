"""The example of the page on schedules does what the page says."""

from __future__ import annotations

import re
from pathlib import Path

from ruamel.yaml import YAML

from hikidashi.config import Config
from hikidashi.core import limits
from tests.schedules.world import ORDERS

PAGE = (Path(__file__).parents[2] / "docs" / "schedules.md").read_text("utf-8")
(EXAMPLE,) = YAML(typ="safe").load(re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[1])["schedules"]


def test_the_example(open_shop):
    shop = open_shop({**EXAMPLE, "query": None})
    for due in ("2026-01-05", "2026-01-06", "2026-01-07"):
        body = {"item": {"name": due, "due": due}}
        assert shop.call("POST", f"{ORDERS}/items/new", body)[0] == 200
    shop.turn()
    assert shop.told("remind")["next_at"] == "2026-01-06T00:00:00.000Z"
    shop.at("2026-01-06T00:00:00Z")
    assert shop.runs("remind") == [("done", 2, 2)]
    told = [(one["status"], one.get("note"), one["by"]) for one in shop.orders()]
    assert told == [("Late", "期限です", "Robot")] * 2 + [("Open", None, "Ann")]


def test_the_figures_are_those_of_the_limits():
    for words in (
        f"{limits.BULK_ITEMS_MAX} in a transaction",
        f"up to {limits.SCHEDULE_FAULTS_KEPT_MAX} such faults",
        f"kept for {limits.SCHEDULE_RUN_KEPT_MS // 86_400_000} days",
    ):
        assert words in PAGE
    assert (Config().claim_seconds, limits.SCHEDULE_TRIES_MAX) == (30, 5)
    assert limits.SCHEDULE_RUNS_TOLD_MAX == 10
