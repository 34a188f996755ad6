"""The project and the table that a path names, for whom they are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...core import places
from ...core.access import Actor
from ...core.catalog import Datastore, Project
from ...core.errors import forbidden, key_missing
from ...core.public import names_users
from ...core.record import record
from ...service.app import View


@record
class Table:
    """Where a call goes, for whom."""

    datastore: Datastore
    actor: Actor


def check_public(view: View, params: Mapping[str, str], *calls: str) -> None:
    """Let who comes without a key call what is public, by one of these calls, of the table of the
    path; of any table where it names none. Raises 401."""
    project = view.catalog.find_project(view.actor.project)
    tables: Sequence[Datastore | None] = project.datastores if project else ()
    if project and "table" in params:
        tables = [project.find_table(params["table"])]
    if not any(table and call in table.public for table in tables for call in calls):
        raise key_missing()


def get_project(view: View, params: Mapping[str, str]) -> Project:
    """The project of the path, if it exists for the caller. Raises 404; and 401 where a key, or an
    end user, is of another project, whether or not there is one of that code."""
    return places.get_coded_project(view.catalog, view.actor, params["code"])


def get_table(view: View, params: Mapping[str, str]) -> Table:
    """The table of the path, if it exists for the caller. Raises 404, and 403 for the table User,
    which is none."""
    ref = params["table"]
    if names_users(ref) and get_project(view, params).find_table(ref) is None:
        raise forbidden("the rows of the table User are made by SignUp, and are not written here")
    found = places.get_table(view.catalog, view.actor, params["code"], ref)
    return Table(found, view.actor)
