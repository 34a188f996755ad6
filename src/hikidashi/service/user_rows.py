"""The built-in table of a project's end users: who sees which of its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..core.access import Actor
from ..core.catalog import Datastore, Field, Project
from ..core.errors import forbidden
from ..core.filters import RowScope
from ..core.public import names_users
from ..core.record import record
from ..storage.end_user_search import make_user_table
from ..storage.end_users import get_end_user
from .app import View


@record
class UserTable:
    """The table, as far as the actor sees it."""

    datastore: Datastore
    user: str  # id of the one whose row it is; "": all rows

    @property
    def scope(self) -> RowScope:
        """What the names in filters are read against."""
        return RowScope(self.datastore, self.datastore.fields, _find_nothing)


def find_user_table(view: View, project: Project, ref: str) -> UserTable | None:
    """The table that a path names, if it names it and no datastore is called so. Raises 403."""
    if not names_users(ref) or project.find_table(ref) is not None:
        return None
    datastore = make_user_table(project.id, view.actor.workspace)
    if get_end_user(view.connection, view.actor.user) is not None:
        return UserTable(datastore, view.actor.user)
    if not _sees_all(view.actor, project):
        raise forbidden("your roles do not let you see who has signed up")
    return UserTable(datastore, "")


def _sees_all(actor: Actor, project: Project) -> bool:
    """Roles that may change the design see everybody, and those that the project names."""
    named = project.sign_up.seen_by
    return any(
        role.id in actor.roles and (role.may_design or role.id in named) for role in project.roles
    )


def _find_nothing(_field: Field, _numbers: Sequence[int]) -> Mapping[int, str]:
    return {}
