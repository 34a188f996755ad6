"""The queue of mails: which are due, what came of each, and what an operator asks about them."""

from __future__ import annotations

from typing import Literal

from ..core.record import record
from .engines import Connection, Row
from .mails import Mail

_COLUMNS = (
    "id, workspace_id, kind, recipient, sender, template, subject, body,"
    " created_at, tries, due_at, sent_at, parked_at, failure"
)
State = Literal["waiting", "sent", "parked"]


@record
class Queued:
    """A mail with what became of it."""

    mail: Mail
    created_at: int  # ms
    tries: int
    due_at: int  # ms: not to be tried before
    sent_at: int | None
    parked_at: int | None
    failure: str  # what the last try met

    @property
    def state(self) -> State:
        """What it is now."""
        if self.sent_at is not None:
            return "sent"
        return "waiting" if self.parked_at is None else "parked"


def list_due(connection: Connection, now: int, limit: int) -> list[Queued]:
    """Mails that may be tried now, those due first first."""
    rows = connection.query(
        f"SELECT {_COLUMNS} FROM mails WHERE sent_at IS NULL AND parked_at IS NULL"  # noqa: S608
        " AND due_at <= ? ORDER BY due_at, id LIMIT ?",
        (now, limit),
    )
    return [_queued(row) for row in rows]


def claim(connection: Connection, one: Queued, until: int) -> bool:
    """Take a mail for a try, before anyone else; nobody else tries it until then."""
    found = connection.query(
        "UPDATE mails SET tries = tries + 1, due_at = ? WHERE id = ? AND tries = ?"
        " AND sent_at IS NULL AND parked_at IS NULL RETURNING id",
        (until, one.mail.id, one.tries),
    )
    return bool(found)


def note_sent(connection: Connection, id_: str, now: int) -> None:
    """It is on its way; its words, which hold a secret, are forgotten."""
    connection.query(
        "UPDATE mails SET sent_at = ?, body = '', failure = '' WHERE id = ?", (now, id_)
    )


def note_failure(
    connection: Connection, id_: str, words: str, due_at: int, parked_at: int | None
) -> None:
    """A try went wrong."""
    connection.query(
        "UPDATE mails SET failure = ?, due_at = ?, parked_at = ? WHERE id = ?",
        (words, due_at, parked_at, id_),
    )


def retry(connection: Connection, id_: str, now: int) -> bool:
    """Let a mail that waits or is parked be tried at once, as if for the first time."""
    found = connection.query(
        "UPDATE mails SET tries = 0, due_at = ?, parked_at = NULL"
        " WHERE id = ? AND sent_at IS NULL RETURNING id",
        (now, id_),
    )
    return bool(found)


def list_mails(connection: Connection, limit: int) -> list[Queued]:
    """The newest mails."""
    rows = connection.query(
        f"SELECT {_COLUMNS} FROM mails ORDER BY id DESC LIMIT ?",  # noqa: S608
        (limit,),
    )
    return [_queued(row) for row in rows]


def find_mail(connection: Connection, id_: str) -> Queued | None:
    """A mail by id."""
    rows = connection.query(f"SELECT {_COLUMNS} FROM mails WHERE id = ?", (id_,))  # noqa: S608
    return _queued(rows[0]) if rows else None


def count_mails(connection: Connection, recipient: str, since: int) -> int:
    """How many mails about an account were written to an address since then: those to end users of
    projects are counted by project, so that none of it keeps a mail about an account away."""
    rows = connection.query(
        "SELECT COUNT(*) FROM mails WHERE recipient = ? AND created_at > ?"
        " AND kind <> 'end_password'",
        (recipient, since),
    )
    return int(rows[0][0])


def sweep_mails(connection: Connection, before: int) -> None:
    """Forget what was written before then, sent or not."""
    connection.query("DELETE FROM mails WHERE created_at < ?", (before,))
    connection.query("DELETE FROM confirmations WHERE created_at < ? AND is_mailed = 0", (before,))
    connection.query(
        "DELETE FROM confirmations WHERE created_at < ? AND kind <> 'invitation'", (before,)
    )


def _queued(row: Row) -> Queued:
    return Queued(Mail(*row[:8]), *row[8:])
