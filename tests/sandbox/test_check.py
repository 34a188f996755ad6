"""What `hikidashi check` says of scripts."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from hikidashi.cli import cli
from hikidashi.sandbox.spawning import UnsafeError, Zygote

SAID = {
    "confined": "ok    scripts are confined",
    "unconfined": "note  scripts run unconfined",
    "off": "ok    scripts are off",
}


@pytest.mark.parametrize("mode", SAID)
def test_check_tells_how_scripts_run(mode, tmp_path, monkeypatch):
    monkeypatch.setenv("HIKIDASHI_SCRIPTS", mode)
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(cli, ["check", "--quick"])
    assert SAID[mode] in said.output
    assert "wrong scripts" not in said.output


def test_check_tells_why_scripts_can_t_run(tmp_path, monkeypatch):
    async def start(*_, **__):
        raise UnsafeError("scripts are not confined on this system: one could fork")

    monkeypatch.setattr(Zygote, "start", start)
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(cli, ["check", "--quick"])
    assert "wrong scripts are not confined on this system: one could fork" in said.output
    assert said.exit_code == 3
