"""Mails: sent to a real SMTP server, tried again, parked, or written to a folder."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import SMTP

import pytest

from hikidashi.core.limits import MAIL_KEPT_MS, MAIL_TRIES_MAX
from hikidashi.service.mail import Letterhead
from hikidashi.service.post import MailRefusedError, SmtpPost, make_message
from hikidashi.storage import outgoing
from hikidashi.storage.mails import Mail
from tests.deterministic import START_MS, FixedClock, fixed_ids
from tests.service.post_office import PostOffice

LINK = "https://app.test/confirm/secret"


@pytest.fixture(scope="module")
def open_office(new_database, tmp_path_factory) -> Iterator[PostOffice]:
    clock = FixedClock()
    with asyncio.Runner() as runner:
        url = new_database(tmp_path_factory.mktemp("office"))
        made = PostOffice(url, clock, fixed_ids(clock), runner)
        yield made
        made.close()


@pytest.fixture
def office(open_office) -> PostOffice:
    """An office without mails, whose server has got none."""
    open_office.run(open_office.app.store.change(lambda one: one.query("DELETE FROM mails")))
    open_office.receiver.__init__()
    open_office.clock.advance(ms=START_MS - open_office.clock.now_ms())
    return open_office


def test_a_mail_is_sent_once_and_its_words_are_forgotten(office):
    id_ = office.write(head=Letterhead("https://app.test/confirm", sender="boss@app.test"))
    assert office.round() == 1
    assert office.round() == 0
    ((recipients, message),) = office.receiver.got
    assert recipients == ["ann@app.test"]
    assert office.receiver.senders == ["post@app.test"]
    told = ("From", "To", "Reply-To", "Subject", "Message-ID", "Date")
    assert [message[one] for one in told] == [
        "post@app.test",
        "ann@app.test",
        "boss@app.test",
        "Choose a new password",
        f"<{id_}@app.test>",
        "Mon, 05 Jan 2026 09:00:00 +0000",
    ]
    assert LINK in message.get_content()
    found = office.find(id_)
    assert (found.state, found.mail.body, found.tries) == ("sent", "", 1)


@pytest.mark.parametrize(
    "kind", ["invitation", "registration", "registered", "password", "email", "email_changed"]
)
def test_each_kind_has_words_in_both_languages(office, kind):
    names_nobody = kind in ("registered", "registration")
    has_link = kind not in ("registered", "email_changed")
    for language in ("en", "ja", "fr"):
        head = Letterhead("https://app.test/confirm", query="a=b", language=language)
        office.write(kind=kind, name="営業 Sales", head=head)
    assert office.round() == 3
    messages = [one for _, one in office.receiver.got]
    english, japanese, other = (one.get_content() for one in messages)
    assert english == other
    assert english.isascii() == names_nobody
    assert "ください" in japanese
    for words in (english, japanese):
        assert (f"{LINK}?a=b" in words) == has_link
    assert len({one["Subject"] for one in messages}) == 2


def test_a_try_that_fails_is_made_again_later_and_later_and_parked_in_the_end(office):
    id_ = office.write()
    office.receiver.replies = ["451 not now"] * MAIL_TRIES_MAX
    pauses = []
    for _ in range(MAIL_TRIES_MAX):
        assert office.round() == 1
        assert office.round() == 0  # it is not due
        pauses.append(office.find(id_).due_at - office.clock.now_ms())
        office.clock.advance(ms=pauses[-1] - 1)
        assert office.round() == 0
        office.clock.advance(ms=1)
    assert pauses[:4] == [60_000, 240_000, 960_000, 3_840_000]
    found = office.find(id_)
    assert (found.state, found.tries) == ("parked", MAIL_TRIES_MAX)
    assert "451 not now" in found.failure
    assert LINK in found.mail.body
    assert office.run(office.app.store.change(lambda one: outgoing.retry(one, id_, 0)))
    assert office.round() == 1
    assert office.find(id_).state == "sent"
    assert not office.run(office.app.store.change(lambda one: outgoing.retry(one, id_, 0)))


def test_what_the_server_refuses_for_good_is_parked_at_once_and_holds_nobody_up(office):
    refused, other = office.write(), office.write()
    office.receiver.replies = ["550 nobody here"]
    assert office.round() == 2
    assert (office.find(refused).state, office.find(other).state) == ("parked", "sent")
    assert "550 nobody here" in office.find(refused).failure


def test_a_server_that_is_away_is_tried_again(office):
    id_ = office.write()
    post, office.app.relay._post = (
        office.app.relay._post,
        SmtpPost("smtp://127.0.0.1:1", "a@b.test"),
    )
    assert office.round() == 1
    office.app.relay._post = post
    found = office.find(id_)
    assert (found.state, found.tries) == ("waiting", 1)
    assert "SMTPConnectError" in found.failure


def test_two_relays_send_a_mail_once(office):
    id_ = office.write()
    found = office.find(id_)
    claims = [
        office.run(office.app.store.change(lambda one: outgoing.claim(one, found, 9)))
        for _ in range(2)
    ]
    assert claims == [True, False]


@pytest.mark.parametrize(
    "bad",
    [
        {"recipient": "a@b.test\r\nBcc: eve@b.test"},
        {"recipient": "a@b.test, eve@b.test"},
        {"recipient": "not an address"},
        {"sender": "a@b.test\nBcc: eve@b.test"},
        {"subject": "Hello\r\nBcc: eve@b.test"},
        {"subject": "Hello\nBcc: eve@b.test"},
    ],
)
def test_nothing_gets_into_a_header(office, bad):
    words = {"recipient": "a@b.test", "sender": "", "subject": "Hello", "body": "x", **bad}
    one = Mail(office.ids.next_id(), "", "password", template="", **words)
    office.keep(one)
    with pytest.raises(MailRefusedError, match="can't be written"):
        make_message(office.find(one.id), "post@app.test")
    assert office.round() == 1
    assert office.receiver.got == []
    assert office.find(one.id).state == "parked"


def test_a_name_of_several_lines_stays_in_its_line(office):
    office.write(kind="invitation", name="Sales\r\nBcc: eve@b.test")
    assert office.round() == 1
    ((recipients, message),) = office.receiver.got
    assert recipients == ["ann@app.test"]
    assert message["Bcc"] is None
    assert message["Subject"] == "You are invited to Sales Bcc: eve@b.test"


def test_without_a_server_mails_are_files_that_only_we_may_read(engine_url, clock, ids, tmp_path):
    with asyncio.Runner() as runner:
        office = PostOffice(engine_url, clock, ids, runner, str(tmp_path / "outbox"))
        id_ = office.write(name="アン")
        assert office.round() == 1
        (file,) = (tmp_path / "outbox").iterdir()
        assert (file.name, file.stat().st_mode & 0o777) == (f"{id_}.eml", 0o600)
        message = message_from_bytes(file.read_bytes(), policy=SMTP)
        assert LINK in message.get_content()
        assert office.receiver.got == []
        office.close()


def test_mails_are_forgotten_in_time(office):
    office.write()
    office.clock.advance(ms=MAIL_KEPT_MS)
    kept = office.write()
    office.clock.advance(ms=1)
    office.run(office.app._housekeeping.round())
    found = office.run(office.app.store.read(lambda one: outgoing.list_mails(one, 9)))
    assert [one.mail.id for one in found] == [kept]


def test_the_relay_runs_while_the_application_serves(office):
    id_ = office.write()

    async def wait() -> None:
        office.app.relay.start()
        for _ in range(500):
            if office.receiver.got:
                break
            await asyncio.sleep(0.01)
        await office.app.relay.stop()

    office.run(wait())
    assert len(office.receiver.got) == 1
    assert office.find(id_).tries == 1


def test_the_relay_ends_though_a_library_drops_a_cancellation(office):
    begun, dropped = asyncio.Event(), []

    class Deaf:
        async def send(self, *_words: object) -> None:
            begun.set()
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:  # as wait_for does, whose answer has just come
                dropped.append(True)

    office.write()

    async def go() -> None:
        office.app.relay._post, plain = Deaf(), office.app.relay._post
        try:
            office.app.relay.start()
            async with asyncio.timeout(20):
                await begun.wait()
                await office.app.relay.stop()
        finally:
            office.app.relay._post = plain

    office.run(go())
    assert dropped == [True]
