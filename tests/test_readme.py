"""The README's first five minutes, typed as they stand against `serve --demo`."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.command_line import run_shell
from tests.waiting import first_line

README = Path(__file__).parent.parent / "README.md"


def shell_blocks() -> list[str]:
    """The blocks that a reader pastes into a shell."""
    return re.findall(r"```sh\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


@contextmanager
def demo_server(folder: Path) -> Iterator[str]:
    """`serve --demo` on a free port: its address, from the first line it prints."""
    source = str(README.parent / "src")
    server = subprocess.Popen(
        [sys.executable, "-m", "hikidashi", "serve", "--demo", "--port", "0"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": source},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert server.stdout is not None
    try:
        first = first_line(server)
        address = re.search(r"http://127\.0\.0\.1:\d+", first)
        assert address is not None, first
        yield address.group()
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=20)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the README asks for curl")
def test_the_first_five_minutes_work_as_they_stand(tmp_path: Path) -> None:
    with demo_server(tmp_path) as url:
        marked = "".join(
            f"{block}\nprintf '\\n=== {n}\\n'\n" for n, block in enumerate(shell_blocks())
        )
        script = marked.replace("http://127.0.0.1:8000", url).replace(
            "/tmp/order.json", "order.json"
        )
        done = run_shell(script, tmp_path, 120)
    login, made, changed, read, told, numbers, hottask = re.split(r"\n=== \d\n", done)[:7]
    assert json.loads(login)["email"] == "ben@demo.example"
    assert json.loads(made)["error"] is None
    assert '"rev_no":2' in changed
    assert "ITEM_REV_CONFLICT" in changed
    for part in ("Oak desk", "as agreed", "Leg", '"totalItems"'):
        assert part in read, part
    for part in ("Orders by month and status", '"MEAN"', "Sales by month", '"datasets"'):
        assert part in told, part
    assert '"number":2' in numbers
    assert "branch-000000003" in numbers
    assert json.loads(hottask)["Data"] == 1
