"""Who acts, what keys they hold, and what that opens."""

from __future__ import annotations

from collections.abc import Iterable

from .actions import Action
from .catalog import Catalog, Datastore, Field, Project
from .record import record

Keyring = frozenset  # of access keys: ids of users, groups and roles


@record
class Identity:
    """Who a token speaks for, and what the token itself allows."""

    user: str  # id; "" for the server itself, whom no token speaks for
    workspace: str  # id of the current workspace; "" if the user has none
    project: str = ""  # id; the token opens only this project
    may_write: bool = True
    session: str = ""  # id; "" for an API token or project key
    is_anonymous: bool = False  # nobody in particular: what is open to anybody of a project


class MovedError(Exception):
    """The user of a session has selected another workspace than the one its identity says.

    Nothing was done. Whoever identified the token does so anew and begins again.
    """


@record
class Actor:
    """A user in a workspace, with everything that the user holds there now."""

    user: str  # id
    name: str
    email: str
    workspace: str  # id
    keyring: frozenset[str]
    groups: frozenset[str]  # ids of the groups the user is in, not those below
    roles: frozenset[str]  # ids of the roles held directly or through groups
    number: int  # of the people value it was made from
    may_write: bool = True  # False: an API token for reading
    project: str = ""  # id; an API token or bot opens only this project
    is_workspace_admin: bool = False


def make_keyring(
    user: str, groups: Iterable[str], roles: Iterable[str], catalog: Catalog
) -> frozenset[str]:
    """The own key, the keys of one's groups and of all below them, the keys of one's roles."""
    below = (one for group in groups for one in catalog.groups_below(group))
    return frozenset((user, *below, *roles))


def may_see_project(actor: Actor, project: Project) -> bool:
    """A project is open to whoever holds one of its roles."""
    if actor.project and actor.project != project.id:
        return False
    return not actor.roles.isdisjoint(project.role_ids)


def may_use_datastore(actor: Actor, datastore: Datastore) -> bool:
    """The actor holds a role that may use it."""
    if actor.project and actor.project != datastore.project:
        return False
    return not actor.roles.isdisjoint(datastore.roles)


def may_use_field(actor: Actor, field: Field) -> bool:
    """The actor holds a role that may use it."""
    return not actor.roles.isdisjoint(field.roles)


def may_execute(actor: Actor, action: Action) -> bool:
    """The actor holds a role that may execute it."""
    return actor.may_write and not actor.roles.isdisjoint(action.roles)


def may_design(actor: Actor, project: Project) -> bool:
    """The actor holds a role that may change the project's definitions."""
    return actor.may_write and any(
        role.may_design and role.id in actor.roles for role in project.roles
    )


def may_administer(actor: Actor) -> bool:
    """The actor looks after the workspace; a token, which opens one project, never does."""
    return actor.is_workspace_admin and actor.may_write and not actor.project


def make_follower(workspace: str, number: int) -> Actor:
    """The server itself, doing what rules say: no user, who sees no item and may do nothing that is
    asked of users."""
    none = frozenset[str]()
    return Actor("", "", "", workspace, none, none, none, number, may_write=False)


def make_operator(workspace: str, catalog: Catalog) -> Actor:
    """Whoever has the database itself: no user, who may change every design and all people.

    The keyring is empty: an operator sees no item.
    """
    return Actor(
        user="",
        name="operator",
        email="",
        workspace=workspace,
        keyring=frozenset(),
        groups=frozenset(),
        roles=frozenset(role for project in catalog.projects for role in project.role_ids),
        number=0,
        is_workspace_admin=True,
    )
