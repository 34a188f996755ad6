"""`mail`: what was written to whom, and what became of it."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import click

from ..config import Config
from ..core.values import format_instant
from ..service.app import App
from ..service.post import make_message
from ..storage import outgoing
from ..storage.outgoing import Queued
from .opening import Commands, RefusedError, read_settings, run_app
from .output import as_json_option, show_done, show_one, show_rows


@click.group(cls=Commands)
def mail() -> None:
    """Look at the mails that this installation writes.

    \b
      hikidashi mail list
      hikidashi mail show 6560c1a2f3b4c5d6e7f80912

    A running server sends them by HIKIDASHI_SMTP_URL; where that is not set, it writes them to the
    folder of HIKIDASHI_OUTBOX, so that links in them can be followed without a mail server.
    """  # noqa: D301  \b is click's


@mail.command("list")
@click.option("--limit", default=50, type=click.IntRange(1, 10_000), help="How many; 50.")
@as_json_option
@click.pass_context
def list_mails(context: click.Context, limit: int, *, as_json: bool) -> None:
    """List the newest mails: waiting, sent or parked, and what the last try met.

    \b
      hikidashi mail list --limit 5
    """  # noqa: D301  \b is click's

    async def work(app: App) -> list[Queued]:
        return await app.store.scan(lambda one: outgoing.list_mails(one, limit))

    rows = [_row(one) for one in run_app(read_settings(context), work)]
    columns = ("id", "at", "state", "to", "subject", "failure")
    show_rows(rows, columns, as_json=as_json, none="no mail was written")


def _row(one: Queued) -> dict[str, Any]:
    return {
        "id": one.mail.id,
        "at": format_instant(one.created_at),
        "state": one.state,
        "kind": one.mail.kind,
        "to": one.mail.recipient,
        "subject": one.mail.subject,
        "tries": one.tries,
        "failure": one.failure,
    }


@mail.command("show")
@click.argument("id")
@as_json_option
@click.pass_context
def show_mail(context: click.Context, id: str, *, as_json: bool) -> None:  # noqa: A002  its name
    """Show the mail with that ID, with its words as long as they are kept: till it is sent, and
    in the outbox.

    \b
      hikidashi mail show 6560c1a2f3b4c5d6e7f80912
    """  # noqa: D301  \b is click's
    config = read_settings(context)

    async def work(app: App) -> Queued | None:
        return await app.store.scan(lambda one: outgoing.find_mail(one, id))

    found = run_app(config, work)
    if found is None:
        raise RefusedError(f"there is no mail {id}; `hikidashi mail list` shows them")
    message = _message(config, found)
    if message is None:
        raise RefusedError(f"{id} was sent; its words are not kept after that")
    body = message.get_content().replace("\r\n", "\n")
    told = {name: str(message[name] or "") for name in ("From", "Reply-To", "To", "Subject")}
    if as_json:
        show_one(_row(found) | told | {"body": body}, as_json=True)
        return
    show_one({"state": found.state, **told}, as_json=False)
    click.echo(f"\n{body}", nl=False)


def _message(config: Config, one: Queued) -> EmailMessage | None:
    if one.state != "sent":
        return make_message(one, config.mail_sender)
    file = Path(config.outbox_folder) / f"{one.mail.id}.eml"
    if not file.exists():
        return None
    return message_from_bytes(file.read_bytes(), EmailMessage, policy=SMTP)


@mail.command("retry")
@click.argument("id")
@as_json_option
@click.pass_context
def retry_mail(context: click.Context, id: str, *, as_json: bool) -> None:  # noqa: A002  its name
    """Let the server try the mail with that ID at once, also if it is parked.

    \b
      hikidashi mail retry 6560c1a2f3b4c5d6e7f80912
    """  # noqa: D301  \b is click's

    async def work(app: App) -> bool:
        now = app.clock.now_ms()
        return await app.store.change(lambda one: outgoing.retry(one, id, now))

    if not run_app(read_settings(context), work):
        raise RefusedError(f"no mail {id} waits or is parked; `hikidashi mail list` shows them")
    show_done(f"{id} is tried again as soon as a server runs", {"id": id}, as_json=as_json)
