"""How a mail leaves: by SMTP, or as a file of an outbox where no server is set."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import format_datetime
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

from ..storage.outgoing import Queued

_TIMEOUT_S: Final = 60  # of a step of a try
_LOCAL: Final = frozenset(("localhost", "127.0.0.1", "::1"))
_PERMANENT: Final = 500  # replies of a server from here on are not worth another try


class MailRefusedError(Exception):
    """A mail that no further try would bring on its way."""


class MailFailedError(Exception):
    """A try that went wrong; a later one may not."""


class Post(Protocol):
    """A way out."""

    async def send(self, message: EmailMessage, name: str, recipient: str) -> None:
        """Hand a message over. Raises MailRefusedError, MailFailedError."""


def make_message(one: Queued, sender: str) -> EmailMessage:
    """A queued mail as it is sent. Raises MailRefusedError for what no header can hold.

    Only addresses and a subject of one line come into headers, and the library refuses line breaks
    in each.
    """
    mail = one.mail
    message = EmailMessage(policy=WIRE)
    try:
        message["From"] = sender
        message["To"] = Address(addr_spec=mail.recipient)
        if mail.sender:
            message["Reply-To"] = Address(addr_spec=mail.sender)
        message["Subject"] = mail.subject
        message["Date"] = format_datetime(datetime.fromtimestamp(one.created_at / 1000, UTC))
        domain = sender.rpartition("@")[2].rstrip(">") or "localhost"
        message["Message-ID"] = f"<{mail.id}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.body, cte="base64" if not mail.body.isascii() else None)
    except Exception as error:  # the library raises ValueError, IndexError and errors of its own
        raise MailRefusedError(f"can't be written as a mail: {error}") from error
    return message


class SmtpPost:
    """Sends by a server: smtp://[USER:PASSWORD@]HOST[:PORT], or smtps:// for TLS from the start."""

    def __init__(self, url: str, sender: str) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._is_tls = parts.scheme == "smtps"
        self._port = parts.port or (465 if self._is_tls else 587)
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._sender = sender

    async def send(self, message: EmailMessage, name: str, recipient: str) -> None:
        """One connection for a mail; a password is never said over a line that is not encrypted."""
        import aiosmtplib  # noqa: PLC0415  only where a server is set

        must_encrypt = self._user is not None and self._host not in _LOCAL
        start_tls = None if self._is_tls or not must_encrypt else True
        # A line that does not leave this machine is encrypted as well where the server can, but
        # with whatever certificate: mail servers come with one of their own making.
        must_prove = self._is_tls or self._host not in _LOCAL
        try:
            await aiosmtplib.send(
                message,
                sender=self._sender,
                recipients=[recipient],
                hostname=self._host,
                port=self._port,
                username=self._user,
                password=self._password,
                use_tls=self._is_tls,
                start_tls=False if self._is_tls else start_tls,
                validate_certs=must_prove,
                timeout=_TIMEOUT_S,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [one.code for one in error.recipients]
            words = f"{name}: {'; '.join(f'{one.code} {one.message}' for one in error.recipients)}"
            if all(code >= _PERMANENT for code in codes):
                raise MailRefusedError(words) from error
            raise MailFailedError(words) from error
        except aiosmtplib.SMTPDataError as error:
            words = f"{error.code} {error.message}"
            if error.code >= _PERMANENT:
                raise MailRefusedError(words) from error
            raise MailFailedError(words) from error
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise MailFailedError(f"{type(error).__name__}: {error}") from error


class FolderPost:
    """Writes each mail to a file of a folder that only we may read."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    async def send(self, message: EmailMessage, name: str, recipient: str) -> None:
        """ID.eml, which is there whole or not at all; `recipient` is in its header."""
        try:
            await asyncio.get_running_loop().run_in_executor(None, self._write, message, name)
        except OSError as error:
            raise MailFailedError(f"{error.filename or recipient}: {error.strerror}") from error

    def _write(self, message: EmailMessage, name: str) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        rough = self._folder / f".{name}.part"
        handle = os.open(rough, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(message.as_bytes())
        rough.replace(self._folder / f"{name}.eml")


def make_post(smtp_url: str, sender: str, outbox: str) -> Post:
    """The way out that the settings name."""
    return SmtpPost(smtp_url, sender) if smtp_url else FolderPost(outbox)
