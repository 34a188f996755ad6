"""An application whose mails go to a real SMTP server on the same event loop."""

from __future__ import annotations

import asyncio
from email import message_from_bytes
from email.policy import SMTP
from ssl import SSLContext
from typing import Any

from aiosmtpd import smtp

from hikidashi.bootstrap import build
from hikidashi.config import Config
from hikidashi.service.mail import Letterhead, write_mail
from hikidashi.storage import outgoing
from hikidashi.storage.mails import Mail, insert_mail

HEAD = Letterhead("https://app.test/confirm")


async def listen(
    receiver: Receiver, host: str = "127.0.0.1", tls: SSLContext | None = None, **settings: Any
) -> asyncio.Server:
    """A mail server on a free port; `tls`: encrypted from the start."""
    loop = asyncio.get_running_loop()
    told = {"loop": loop, "hostname": "mx.test", **settings}
    return await loop.create_server(lambda: smtp.SMTP(receiver, **told), host, 0, ssl=tls)


def port_of(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


class Receiver:
    """What a mail server does with what it is sent: `replies` has its refusals, in their order."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.senders: list[str] = []
        self.replies: list[str] = []

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802
        envelope.rcpt_tos.append(address)
        return self.replies.pop(0) if self.replies else "250 fine"

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802
        self.got.append((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=SMTP)))
        self.senders.append(envelope.mail_from)
        return "250 taken"


class PostOffice:
    """An application with a mail server of its own on the same event loop."""

    def __init__(self, url: str, clock, ids, runner: asyncio.Runner, folder: str = "") -> None:
        self.clock = clock
        self.ids = ids
        self.run = runner.run
        self.receiver = Receiver()
        self.server = runner.run(listen(self.receiver))
        port = port_of(self.server)
        settings = {"outbox": folder} if folder else {"smtp_url": f"smtp://127.0.0.1:{port}"}
        self.app = build(
            Config(database=url, mail_sender="post@app.test", **settings), clock=clock, ids=ids
        )
        self.run(self.app.open())

    def write(self, **more: Any) -> str:
        """A mail that waits; its id."""
        id_ = self.ids.next_id()
        told = {"kind": "password", "name": "Ann", "recipient": "ann@app.test", **more}
        head = told.pop("head", HEAD)
        one = write_mail(id_=id_, workspace="", secret="secret", head=head, **told)
        self.keep(one)
        return id_

    def keep(self, one: Mail) -> None:
        now = self.clock.now_ms()
        self.run(self.app.store.change(lambda conn: insert_mail(conn, one, now)))

    def round(self) -> int:
        return self.run(self.app.relay.round())

    def find(self, id_: str) -> outgoing.Queued:
        found = self.run(self.app.store.read(lambda one: outgoing.find_mail(one, id_)))
        assert found is not None
        return found

    def close(self) -> None:
        self.run(self.app.close())
        self.server.close()
