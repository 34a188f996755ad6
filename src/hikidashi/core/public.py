"""What a project opens to those who are not of its workspace: signing up, and tables for anybody."""

from __future__ import annotations

import unicodedata
from typing import Final

from .limits import EMAIL_CHARS_MAX
from .record import record

# What may be open to anybody of a table, by the names of HotTask's calls.
PUBLIC_CALLS: Final = ("Page", "List", "Count", "Create", "UD", "Delete")
SHOWING_CALLS: Final = ("Page", "List")  # what shows rows, and so what they hold
TOKEN: Final = "{token}"  # noqa: S105  stands in a URL for the secret of a mail


@record
class SignUp:
    """Who may sign up in a project, and what of."""

    roles: tuple[str, ...] = ()  # ids of those that every end user holds
    is_closed: bool = False  # nobody new comes
    seen_by: tuple[str, ...] = ()  # ids of roles that see who has signed up, beside designers
    reset_url: str = ""  # where a new password is chosen, with TOKEN in it; "" if nowhere

    @property
    def is_open(self) -> bool:
        """Whether somebody may sign up: there is something that whoever does so may do."""
        return bool(self.roles) and not self.is_closed


def names_users(ref: str) -> bool:
    """Whether a name is that of the table of end users, unless a datastore is called so."""
    return ref.casefold() == "user"


def compose_address(email: str) -> str:
    """An address as mails are sent to it; "" for what is none.

    What another address is only a look-alike of (a wide letter, a ligature) is none: whoever signed
    up with it would keep the owner of the other out, to whom no mail would lead.
    """
    text = unicodedata.normalize("NFC", email.strip())
    name, _, host = text.partition("@")
    is_clean = not any(one.isspace() or unicodedata.category(one)[0] == "C" for one in text)
    is_plain = unicodedata.normalize("NFKC", text) == text
    fits = len(text) <= EMAIL_CHARS_MAX and len(email) <= EMAIL_CHARS_MAX
    return text if name and host and "@" not in host and is_clean and is_plain and fits else ""


def spell_address(email: str) -> str:
    """The one spelling of an address in which it is compared, without case; "" for what is none.

    Case alone is left out: letters that are merely written out otherwise, as ß is, are of another
    mailbox.
    """
    return unicodedata.normalize("NFC", compose_address(email).lower())
