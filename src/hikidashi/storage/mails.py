"""Mails to be sent and the confirmations that they ask for, written with the change they follow."""

from __future__ import annotations

from typing import Literal, TypeAlias

from ..core.record import record
from .engines import Column, Connection, Insert

# Why somebody confirms: to come into a workspace, to have an account, a password, an address.
Confirmed: TypeAlias = Literal["invitation", "registration", "password", "email"]
# A mail asks for one of these, or tells that an address has an account, or had.
MailKind: TypeAlias = Literal[
    "invitation",
    "registration",
    "password",
    "email",
    "registered",
    "email_changed",
    "end_password",
]


@record
class Confirmation:
    """What somebody may confirm with. Who holds the secret of the hash is taken for the user."""

    hash: str
    kind: Confirmed
    user: str  # id; of one who is not there yet, of nobody if ""
    workspace: str  # id of the one that is told of it; "" for none
    is_mailed: bool
    email: str = ""  # the address that is confirmed, if it is not the user's
    details: str = "{}"  # JSON: what is kept of a registration


@record
class Mail:
    """A mail that waits to be sent."""

    id: str
    workspace: str  # id
    kind: MailKind
    recipient: str
    sender: str  # "" for the usual one
    template: str  # the client's id of one; "" for the words below
    subject: str
    body: str


def insert_confirmation(connection: Connection, one: Confirmation, now_ms: int) -> None:
    """Keep a confirmation."""
    columns = (
        Column("hash", "text"),
        Column("kind", "text"),
        Column("user_id", "text"),
        Column("workspace_id", "text"),
        Column("is_mailed", "bigint"),
        Column("created_at", "bigint"),
        Column("email", "text"),
        Column("details", "text"),
    )
    told = (one.email, one.details)
    row = (one.hash, one.kind, one.user, one.workspace, int(one.is_mailed), now_ms, *told)
    connection.write([Insert("confirmations", columns, [row])])


def insert_mail(connection: Connection, mail: Mail, now_ms: int) -> None:
    """Let a mail wait to be sent."""
    names = ("id", "workspace_id", "kind", "recipient", "sender", "template", "subject", "body")
    times = (Column("created_at", "bigint"), Column("due_at", "bigint"))
    columns = (*(Column(one, "text") for one in names), *times)
    row = (
        mail.id,
        mail.workspace,
        mail.kind,
        mail.recipient,
        mail.sender,
        mail.template,
        mail.subject,
        mail.body,
        now_ms,
        now_ms,
    )
    connection.write([Insert("mails", columns, [row])])


def list_mailed(connection: Connection, workspace: str) -> frozenset[str]:
    """The ids of users to whom a mail of the workspace asks, or asked, for a confirmation."""
    rows = connection.query(
        "SELECT user_id FROM confirmations WHERE workspace_id = ? AND is_mailed = 1", (workspace,)
    )
    return frozenset(row[0] for row in rows)
