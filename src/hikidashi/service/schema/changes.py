"""What applying a schema file would do: edits as values, each told by one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from ...core.record import record
from ...storage.definitions import Edit, Workspace
from ...storage.mails import Confirmation, Mail
from ...storage.people_state import ProjectKey, User
from ...storage.people_writes import Grant
from .problems import Place


@record
class MakeWorkspace:
    """A new workspace."""

    workspace: Workspace


@record
class ChangeWorkspace:
    """Another name, time zone or password policy."""

    workspace: Workspace


@record
class RemoveWorkspace:
    """A workspace is there no more; its applications are deleted with it."""

    workspace: Workspace


@record
class ReturnWorkspace:
    """It is there again, with who was in it; its applications are yet to come back."""

    workspace: Workspace


@record
class EditDefinition:
    """A definition made, changed or deleted."""

    workspace: str  # id
    edit: Edit


@record
class MakeUser:
    """A new user."""

    user: User
    workspace: str  # id of the one the user works in first


@record
class ChangeUser:
    """Another address, name, password or bot mark."""

    user: User


@record
class Join:
    """A user belongs to a workspace, as its administrator or not."""

    workspace: str  # id
    user: str  # id
    is_admin: bool
    accepted: bool = True  # False: somebody there has let the user in, who was not asked


@record
class Leave:
    """A user belongs to a workspace no more."""

    workspace: str  # id
    user: str  # id


@record
class GivePair:
    """A user enters a group, or a user or group is given a role."""

    workspace: str  # id
    what: Grant
    pair: tuple[str, str]


@record
class TakePair:
    """The opposite."""

    workspace: str  # id
    what: Grant
    pair: tuple[str, str]


@record
class ForgetHolders:
    """A role or group is gone: nobody holds it."""

    workspace: str  # id
    kind: str  # "role" or "group"
    id: str


@record
class Invite:
    """Somebody is asked to confirm something, by a mail or by whoever asked for it."""

    confirmation: Confirmation
    mail: Mail | None


@record
class Confirm:
    """A confirmation has served."""

    confirmation: Confirmation


@record
class SendMail:
    """A mail that asks for nothing; no more than what it follows is told of it."""

    mail: Mail


@record
class KeepInfo:
    """Something else that applications keep of a user."""

    user: str
    info: Mapping[str, Any]


@record
class MakeKey:
    """A new project key or API token."""

    key: ProjectKey


@record
class ChangeKey:
    """Another secret, name or right to write."""

    key: ProjectKey


@record
class RevokeKey:
    """The key opens nothing any more."""

    key: ProjectKey


SchemaEdit: TypeAlias = (
    MakeWorkspace
    | ChangeWorkspace
    | RemoveWorkspace
    | ReturnWorkspace
    | EditDefinition
    | MakeUser
    | ChangeUser
    | Join
    | Leave
    | GivePair
    | TakePair
    | ForgetHolders
    | Invite
    | Confirm
    | SendMail
    | KeepInfo
    | MakeKey
    | ChangeKey
    | RevokeKey
)


@record
class Change:
    """One line of a plan and the edits behind it."""

    line: str  # "+ field SALES/ORDERS/TITLE (text)"
    edits: tuple[SchemaEdit, ...]
    place: Place  # where the file asks for it
    destroys: str = ""  # the name that has to be allowed; "" if no data is lost

    def __str__(self) -> str:
        """The line, with a warning where data would be lost."""
        if not self.destroys:
            return self.line
        return f"{self.line}, destroys data (needs --allow-destroy {self.destroys!r})"
