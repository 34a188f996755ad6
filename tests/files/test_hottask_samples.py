"""The samples of the documents' section on files, run as they stand against a server."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import quickjs

from hikidashi.core import limits
from tests.command_line import run_shell
from tests.files.papers import PNG
from tests.files.steps import CODE, KEY

PAGE = (Path(__file__).parents[2] / "docs" / "hottask.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("\n## Files\n")[2].partition("\n## ")[0]
SHIM = """
globalThis.fetch = async (url, { method, headers, body }) => {
  const told = JSON.parse(send(url, method, JSON.stringify(headers ?? {}), body.text ?? body));
  return { ok: told.status < 300, json: async () => JSON.parse(told.body) };
};
"""


def sample(language: str, url: str) -> str:
    """The block of a language, for our server and key."""
    (found,) = re.findall(f"```{language}\n(.*?)```", SECTION, re.DOTALL)
    for old, new in (
        ("http://127.0.0.1:8000", url),
        ("shopcode1234", CODE),
        ("the-key-of-the-shop", KEY),
    ):
        assert old in found or old == "the-key-of-the-shop"
        found = found.replace(old, new)
    return str(found)


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=20) as reply:
        return bytes(reply.read())


def post(url: str, verb: str, body: object) -> Any:
    request = urllib.request.Request(
        f"{url}/autodev/{verb}", json.dumps(body).encode(), {"customauth": KEY}
    )
    told = json.loads(get(request))  # type: ignore[arg-type]
    assert told["Success"], told
    return told["Data"]


def held(url: str) -> list[Any]:
    """The photos of all rows that the key sees."""
    rows = post(url, f"CustomTableValue/List/{CODE}/1", {})
    assert {row["name"] for row in rows} == {"a desk"}
    return [row["photo"] for row in rows]


@pytest.mark.skipif(shutil.which("curl") is None, reason="the sample asks for curl")
def test_the_samples_work_as_they_stand(server, tmp_path):
    url = f"http://127.0.0.1:{server[1]}"
    (tmp_path / "photo.png").write_bytes(PNG)
    done = run_shell(sample("sh", url), tmp_path, 60)
    answers = [json.loads(one + "}") for one in done.split("}")[:-1]]
    assert all(one["Success"] for one in answers), answers
    assert get(answers[-1]["Data"]) == PNG
    [first] = held(url)
    script = tmp_path / "sample.py"
    script.write_text(sample("python", url), encoding="utf-8")
    subprocess.run([sys.executable, script], check=True, cwd=tmp_path, timeout=60)
    assert held(url) == [first, first + 1]
    link = browse(url)
    assert get(link) == b"bytes of a browser"


def browse(url: str) -> str:
    """What the sample for browsers comes to, with Bob's token."""
    login = json.dumps({"email": "bob@papers.test", "password": "bob-password"}).encode()
    token = json.loads(get(urllib.request.Request(f"{url}/api/v0/login", login)))["token"]  # type: ignore[arg-type]
    engine = quickjs.Context()

    def send(address: str, method: str, headers: str, body: str) -> str:
        request = urllib.request.Request(address, body.encode(), json.loads(headers), method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as reply:
                return json.dumps({"status": reply.status, "body": reply.read().decode()})
        except urllib.error.HTTPError as error:
            return json.dumps({"status": error.code, "body": error.read().decode()})

    engine.add_callable("send", send)
    engine.eval(SHIM + sample("js", url))
    engine.set("token", token)
    engine.eval("""
    const image = {}, file = { name: "photo.png", text: "bytes of a browser" };
    let failure = "";
    upload(file, token).then((number) => show(image, number, token)).catch((error) => { failure = String(error); });
    """)
    while engine.execute_pending_job():
        pass
    assert engine.eval("failure") == ""
    return str(engine.eval("image.src"))


def test_the_section_tells_the_limits_as_they_are():
    assert f" {limits.UPLOADS_WAITING_MAX:,} files announced" in SECTION
    assert limits.UPLOAD_LIFE_MS == 3_600_000
    assert "good for an hour" in SECTION
    assert (limits.FILE_WAIT_MS, limits.FILE_LINK_LIFE_MS) == (86_400_000, 86_400_000)
    assert limits.FILE_BYTES_MAX == 100_000_000
    assert limits.INTEGER_MAX // 2 == 2**52
