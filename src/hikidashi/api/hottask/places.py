"""The project and the table that a path names, for whom they are there."""

from __future__ import annotations

from collections.abc import Mapping

from ...core import places
from ...core.access import Actor
from ...core.catalog import Datastore, Project
from ...core.errors import key_missing
from ...core.record import record
from ...service.app import View


@record
class Table:
    """Where a call goes, for whom."""

    datastore: Datastore
    actor: Actor


def check_public(view: View, params: Mapping[str, str], call: str) -> None:
    """Let who comes without a key call what is public of a table of the path. Raises 401."""
    project = view.catalog.find_project(view.actor.project)
    datastore = project.find_table(params.get("table", "")) if project else None
    if datastore is None or call not in datastore.public:
        raise key_missing()


def get_project(view: View, params: Mapping[str, str]) -> Project:
    """The project of the path, if it exists for the caller. Raises 404; and 401 where a key, or an
    end user, is of another project, whether or not there is one of that code."""
    return places.get_coded_project(view.catalog, view.actor, params["code"])


def get_table(view: View, params: Mapping[str, str]) -> Table:
    """The table of the path, if it exists for the caller. Raises 404."""
    found = places.get_table(view.catalog, view.actor, params["code"], params["table"])
    return Table(found, view.actor)
