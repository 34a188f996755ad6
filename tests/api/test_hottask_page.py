"""The page on HotTask's keys and people: its exchanges are answered as it shows them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from hikidashi.core import limits
from tests.served import Served

WHOLE = (Path(__file__).parents[2] / "docs" / "hottask.md").read_text(encoding="utf-8")
PAGE = WHOLE.partition("\n## Keys\n")[2].partition("\n## Files\n")[0]
HIDDEN = re.compile(r"…")


def exchanges() -> list[tuple[str, str, dict[str, str], str, dict[str, Any]]]:
    """Method, path, headers, body and answer of each."""
    found = []
    for block in re.findall(r"^```\n((?:GET|POST) .*?)```", PAGE, re.DOTALL | re.MULTILINE):
        asked, _, answer = block.partition("\n\n")
        first, *lines = asked.splitlines()
        method, path = first.split(" ")
        body = next((one for one in lines if one.startswith("{")), "")
        pairs = (one.split(": ", 1) for one in lines if not one.startswith("{"))
        found.append((method, path, dict(pairs), body, json.loads(answer)))
    return found


def test_each_exchange_of_the_page_is_answered_so(new_database, tmp_path):
    (schema,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    served = Served(new_database(tmp_path), schema)
    token = ""
    assert len(exchanges()) == 6
    for method, path, headers, body, answer in exchanges():
        head = {key: value.replace("he_…", token) for key, value in headers.items()}
        told = served.send(method, path, body or None, head).json()
        if path.endswith("/SignIn/shopcode1234"):
            token = told["Data"]
        shown = "(.+)".join(map(re.escape, HIDDEN.split(json.dumps(answer, ensure_ascii=False))))
        assert re.fullmatch(shown, json.dumps(told, ensure_ascii=False)), (path, told)
    served.close()


def test_the_page_tells_the_limits_as_they_are():
    for number in (
        limits.SIGN_UPS_MAX,
        limits.END_SESSIONS_PER_USER_MAX,
        limits.PROJECT_KEYS_MAX,
    ):
        assert f" {number:,} " in PAGE
    assert limits.END_USERS_PER_PROJECT_MAX == 1_000_000
    assert "a million end users" in PAGE
    assert (limits.MAILS_PER_ADDRESS_MAX, limits.RESET_LIFE_MS) == (5, 3_600_000)
