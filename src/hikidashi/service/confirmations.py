"""What somebody confirms with: asked for, looked at, and used once, in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from ..core.errors import FaultError, invalid_request, no_place
from ..core.ids import IdSource
from ..core.limits import (
    CONFIRMATION_LIFE_MS,
    INVITATION_LIFE_MS,
    MAILS_PER_ADDRESS_MAX,
    MAILS_WINDOW_MS,
    RESET_LIFE_MS,
)
from ..core.record import record
from ..storage import accounts
from ..storage.accounts import Kept
from ..storage.engines import Connection
from ..storage.mails import Confirmation, Confirmed
from ..storage.outgoing import count_mails
from ..storage.people import list_memberships
from ..storage.people_state import User
from .identity import hash_secret
from .mail import Letterhead, write_mail
from .schema.changes import Invite

LIFE_MS: Final[dict[Confirmed, int]] = {
    "invitation": INVITATION_LIFE_MS,
    "registration": CONFIRMATION_LIFE_MS,
    "email": CONFIRMATION_LIFE_MS,
    "password": RESET_LIFE_MS,
}


@record
class Asked:
    """What a secret stands for, as it is now."""

    kept: Kept
    user: User | None  # None: a registration whose user is yet to be made
    now_ms: int

    @property
    def confirmation(self) -> Confirmation:
        """What is confirmed."""
        return self.kept.confirmation

    @property
    def is_over(self) -> bool:
        """It has served, or was not used in time."""
        life = LIFE_MS[self.confirmation.kind]
        return self.kept.used_at is not None or self.now_ms - self.kept.created_at >= life

    @property
    def email(self) -> str:
        """The address that it was sent to."""
        return self.confirmation.email or (self.user.email if self.user else None) or ""

    @property
    def details(self) -> dict[str, object]:
        """What is kept of a registration."""
        return msgspec.json.decode(self.confirmation.details, type=dict[str, object])


def _missing(secret: str) -> FaultError:
    return no_place("confirmation", secret[:64])


def find(connection: Connection, secret: str, kinds: Sequence[Confirmed], now: int) -> Asked:
    """What a secret stands for. Raises 404 if there is no such one of these kinds."""
    kept = accounts.find_confirmation(connection, hash_secret(secret))
    if kept is None or kept.confirmation.kind not in kinds:
        raise _missing(secret)
    one = kept.confirmation
    user = accounts.find_user(connection, one.user)
    if user is None and one.kind != "registration":
        raise _missing(secret)
    return Asked(kept, user, now)


def find_open(connection: Connection, secret: str, kinds: Sequence[Confirmed], now: int) -> Asked:
    """The same where it is to be used. Raises 400 if it is over.

    What was not mailed proves nothing about an address, so it opens no account that another
    workspace relies on.
    """
    asked = find(connection, secret, kinds, now)
    if asked.is_over:
        raise invalid_request("the confirmation has been used or has run out; ask for another")
    one = asked.confirmation
    if not one.is_mailed and asked.user is not None:
        places = {place.workspace for place in list_memberships(connection, asked.user.id)}
        if places - {one.workspace}:
            raise invalid_request("the user is in other workspaces too and has to confirm by mail")
    return asked


def ask(  # noqa: PLR0913
    ids: IdSource,
    one: Confirmation,
    secret: str,
    name: str,
    recipient: str,
    head: Letterhead,
) -> Invite:
    """A confirmation, and the mail that leads to it."""
    mail = write_mail(one.kind, ids.next_id(), one.workspace, name, recipient, secret, head)
    return Invite(one, mail)


def is_flooded(connection: Connection, address: str, now: int) -> bool:
    """Whether an address has got so many mails of late that a call without a token sends none."""
    return count_mails(connection, address, now - MAILS_WINDOW_MS) >= MAILS_PER_ADDRESS_MAX
