"""The commands that look at mails: waiting, in the outbox, sent."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from hikidashi.bootstrap import build
from hikidashi.cli import opening
from hikidashi.config import Config
from hikidashi.service.mail import Letterhead, write_mail
from hikidashi.storage.mails import insert_mail
from tests.command_line import CommandLine, quiet_logging

ID = "6b0000000000000000000001"
LINK = "https://app.test/in/secret"


@pytest.fixture
def line(engine_url, tmp_path, monkeypatch) -> Iterator[CommandLine]:
    monkeypatch.chdir(tmp_path)
    with quiet_logging():
        made = CommandLine(engine_url)
        made.environment["HIKIDASHI_OUTBOX"] = str(tmp_path / "box")
        yield made


def work(line: CommandLine, fn) -> None:
    settings = Config(database=line.environment["HIKIDASHI_DATABASE"], outbox="box")
    assert build(settings).config.outbox_folder == "box"
    opening.run_app(settings, fn)


def write(line: CommandLine) -> None:
    head = Letterhead("https://app.test/in", language="ja")
    mail = write_mail("password", ID, "", "アン", "ann@app.test", "secret", head)

    async def keep(app) -> None:
        await app.store.change(lambda one: insert_mail(one, mail, app.clock.now_ms()))

    work(line, keep)


def test_without_mails(line):
    result = line("mail", "list")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no mail was written\n")
    assert f"there is no mail {ID}" in line.refused("mail", "show", ID)
    assert f"no mail {ID} waits or is parked" in line.refused("mail", "retry", ID)


def test_a_mail_is_listed_and_shown_while_it_waits_and_in_the_outbox(line):
    write(line)
    assert [(one["id"], one["state"]) for one in line.json("mail", "list")] == [(ID, "waiting")]
    assert LINK in line.done("mail", "show", ID)
    assert ID in line.done("mail", "retry", ID)

    async def send(app) -> None:
        assert await app.relay.round() == 1

    work(line, send)
    assert line.json("mail", "list")[0]["state"] == "sent"
    shown = line.done("mail", "show", ID)
    assert re.search(rf"^{LINK}$", shown, re.MULTILINE)
    assert "\r" not in shown
    told = line.json("mail", "show", ID)
    assert (told["To"], told["From"]) == ("ann@app.test", "hikidashi@localhost")
    assert LINK in told["body"]
    assert "waits or is parked" in line.refused("mail", "retry", ID)
    line.environment["HIKIDASHI_OUTBOX"] = "elsewhere"
    assert "its words are not kept" in line.refused("mail", "show", ID)
