"""What a plan compares a file with: the database as it is."""

from __future__ import annotations

from collections.abc import Mapping

from ...core.record import record
from ...storage.definition_bodies import Definition, ProjectBody
from ...storage.definitions import (
    Workspace,
    find_used_ids,
    list_definitions,
    list_projects,
    list_workspaces,
)
from ...storage.engines import Connection
from ...storage.people_state import People, User, find_key_holders, find_users, read_people
from .model import Node, SchemaFile, WorkspaceNode


@record
class WorkspaceNow:
    """A workspace with everything in it."""

    workspace: Workspace
    definitions: tuple[Definition, ...]
    people: People


@record
class Now:
    """The part of a database that a file speaks of."""

    listed: tuple[Workspace, ...]  # all there are
    workspaces: Mapping[str, WorkspaceNow]  # by id; those that the file names
    users: tuple[User, ...]  # that the file names, of any workspace
    codes: Mapping[str, str]  # HotTask code -> project id, of all workspaces
    used_ids: frozenset[str]  # ids of the file that definitions bear or bore
    key_holders: Mapping[str, str]  # key hashes of the file -> id of the token that has it


def read_now(connection: Connection, schema: SchemaFile) -> Now:
    """Read what planning a file needs."""
    listed = list_workspaces(connection)
    named = [one.id for node in schema.workspaces for one in find_workspaces(node, listed)]
    users = [one for node in schema.workspaces for one in node.users]
    projects = [(one.body, one.id) for one in list_projects(connection)]
    nodes = [one for workspace in schema.workspaces for one in _nodes(workspace)]
    keys = [key for node in nodes for key in node.keys]
    hashes = [key.hash for key in keys if key.hash]
    return Now(
        listed=tuple(listed),
        workspaces={id_: read_workspace(connection, id_, listed) for id_ in named},
        users=tuple(
            find_users(
                connection,
                [ref for one in users for ref in (one.email, one.was) if ref],
                [one.id for one in users if one.id],
            )
        ),
        codes={
            body.row_code: id_
            for body, id_ in projects
            if isinstance(body, ProjectBody) and body.row_code
        },
        used_ids=frozenset(find_used_ids(connection, [one.id for one in nodes if one.id])),
        key_holders=find_key_holders(connection, hashes),
    )


def read_workspace(connection: Connection, id_: str, listed: list[Workspace]) -> WorkspaceNow:
    """Everything in a workspace."""
    return WorkspaceNow(
        workspace=next(one for one in listed if one.id == id_),
        definitions=tuple(list_definitions(connection, id_)),
        people=read_people(connection, id_),
    )


def find_workspaces(node: WorkspaceNode, listed: list[Workspace]) -> list[Workspace]:
    """Those that a node may mean: by id, else by name, else by the name it had."""
    if node.id:
        return [one for one in listed if one.id == node.id]
    for name in (node.name, node.was):
        found = [one for one in listed if name and one.name == name]
        if found:
            return found
    return []


def _nodes(workspace: WorkspaceNode) -> list[Node]:
    """All definitions that a file tells of a workspace."""
    found = list(workspace.projects)
    if workspace.top_group is not None:
        found.append(workspace.top_group)
    for one in found:  # grows while it is walked
        for children in one.children.values():
            found.extend(children)
    return found
