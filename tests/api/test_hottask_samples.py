"""The page on HotTask's tables: its samples run as they stand against a server that they made."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import quickjs

from hikidashi.api.hottask.query_bodies import PAGE_SIZE
from hikidashi.core import limits
from hikidashi.core.filters import Operator
from tests.command_line import run_shell
from tests.waiting import first_line

ROOT = Path(__file__).parents[2]
WHOLE = (ROOT / "docs" / "hottask.md").read_text(encoding="utf-8")
PAGE = WHOLE.partition("\n## Keys\n")[0]
SHIM = """
globalThis.fetch = async (url, { headers, body }) => {
  const told = send(url, JSON.stringify(headers), body);
  return { json: async () => JSON.parse(told) };
};
"""


def sample(language: str) -> str:
    (found,) = re.findall(f"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> Iterator[str]:
    """A server that was made as the page says."""
    folder = tmp_path_factory.mktemp("samples")
    (folder / "shop.yaml").write_text(sample("yaml"), encoding="utf-8")
    apply, serve = sample("console").splitlines()
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m"]
    subprocess.run([*command, *apply.split()], check=True, cwd=folder, env=env, timeout=60)
    server = subprocess.Popen(
        [*command, *serve.split(), "--port", "0"],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        address = re.search(r"http://127\.0\.0\.1:\d+", first_line(server))
        assert address is not None
        yield address[0]
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=20)


def send(url: str, headers: str, body: str) -> str:
    """What a browser's fetch is answered; the key stands for a token."""
    request = urllib.request.Request(url, body.encode(), json.loads(headers))
    with urllib.request.urlopen(request, timeout=20) as reply:
        return str(reply.read().decode())


@pytest.mark.skipif(shutil.which("curl") is None, reason="the sample asks for curl")
def test_the_samples_work_as_they_stand(url, tmp_path):
    local = "http://127.0.0.1:8000"
    script = sample("sh").replace(local, url).replace(" -d ", ' -w "\\n" -d ')
    done = run_shell(script, tmp_path, 60)
    answers = [json.loads(one) for one in done.splitlines()]
    assert all(one["Success"] for one in answers), answers
    data = [one["Data"] for one in answers]
    assert data[:4] == [1, 1, 2, 1]
    assert [row["subject"] for row in data[4]["List"]] == ["Desk", "Lamp"]
    assert (data[4]["VirtualCount"], data[5], data[6]) == (2, 1, 1)
    shown: dict[str, Any] = json.loads(sample("json"))
    assert answers[7] | {"Data": None} == shown | {"Data": None}
    times = {"CreateTime": "…", "UpdateTime": "…"}
    assert [row | times for row in data[7]] == shown["Data"]
    # With Python, over what the shell has left.
    program = sample("python").replace(local, url)
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout == "1 Chair\n"
    # And in what browsers speak.
    headers = json.dumps({"customauth": "the-key-of-the-shop"})
    create = f"{url}/autodev/CustomTableValue/Create/shopcode1234/2"
    for subject in ("Table", "Bench"):
        send(create, headers, json.dumps({"subject": subject}))
    assert browse(sample("js").replace(local, url)) == 2
    assert browse(sample("js").replace(local, url)) == 0


def browse(program: str) -> Any:
    """What `payAll` comes to."""
    engine = quickjs.Context()
    engine.add_callable("send", send)
    engine.eval(SHIM + program)
    engine.eval("""
    let paid = "", failure = "";
    payAll("the-key-of-the-shop").then((count) => { paid = count; }).catch((error) => { failure = String(error); });
    """)
    while engine.execute_pending_job():
        pass
    assert engine.eval("failure") == ""
    return engine.eval("paid")


def test_the_page_tells_every_operator_and_the_limits_as_they_are():
    table = PAGE.partition("| operator | holds where the value |")[2].partition("\n\n")[0]
    first = " ".join(line.split("|")[1] for line in table.splitlines() if "|" in line)
    assert re.findall(r"`(\w+)`", first) == [one.value for one in Operator]
    assert f"A page has {PAGE_SIZE} rows unless said, and {limits.PAGE_ITEMS_MAX:,} at most" in PAGE
    assert f"there may be {limits.CONDITIONS_MAX:,} filters" in PAGE
    assert f"with {limits.SEARCH_VALUES_MAX:,} values in all" in PAGE
    assert f"has {limits.SEARCH_TEXT_CHARS_MAX:,} characters at most" in PAGE
    assert limits.STREAM_MS_MAX == 600_000
    assert "for ten minutes at most" in PAGE
