"""The mails that we write. They wait in a table, written with the change that they follow."""

from __future__ import annotations

from ..core.record import record
from ..storage.mails import Mail


@record
class Letterhead:
    """What whoever asks for a mail says of it."""

    link: str  # what the mail leads to, up to the secret
    sender: str  # "" for the usual one
    template: str  # id of a template; "" for our words


def invitation(  # noqa: PLR0913
    id_: str, workspace: str, place: str, recipient: str, secret: str, head: Letterhead
) -> Mail:
    """Ask somebody to come into a workspace, which is called `place`."""
    place = " ".join(place.split())  # a subject is one line
    return Mail(
        id=id_,
        workspace=workspace,
        kind="invitation",
        recipient=recipient,
        sender=head.sender,
        template=head.template,
        subject=f"You are invited to {place}",
        body=f"You have been added to {place}. Follow this link to come in:\n\n"
        f"{head.link}/{secret}\n\nIf you did not expect this mail, do nothing.\n",
    )
