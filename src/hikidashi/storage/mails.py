"""Mails to be sent and the confirmations that they ask for, written with the change they follow."""

from __future__ import annotations

from typing import Literal

from ..core.record import record
from .engines import Column, Connection, Insert


@record
class Confirmation:
    """What somebody may confirm with. Who holds the secret of the hash is taken for the user."""

    hash: str
    kind: Literal["invitation"]
    user: str  # id
    workspace: str  # id
    is_mailed: bool


@record
class Mail:
    """A mail that waits to be sent."""

    id: str
    workspace: str  # id
    kind: Literal["invitation"]
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
    )
    row = (one.hash, one.kind, one.user, one.workspace, int(one.is_mailed), now_ms)
    connection.write([Insert("confirmations", columns, [row])])


def insert_mail(connection: Connection, mail: Mail, now_ms: int) -> None:
    """Let a mail wait to be sent."""
    names = ("id", "workspace_id", "kind", "recipient", "sender", "template", "subject", "body")
    columns = (*(Column(one, "text") for one in names), Column("created_at", "bigint"))
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
    )
    connection.write([Insert("mails", columns, [row])])


def list_mailed(connection: Connection, workspace: str) -> frozenset[str]:
    """The ids of users to whom a mail of the workspace asks, or asked, for a confirmation."""
    rows = connection.query(
        "SELECT user_id FROM confirmations WHERE workspace_id = ? AND is_mailed = 1", (workspace,)
    )
    return frozenset(row[0] for row in rows)
