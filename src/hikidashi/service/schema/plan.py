"""A schema file against the database: the list of changes. Pure but for the ids it takes."""

from __future__ import annotations

from dataclasses import replace

from ...core.ids import IdSource
from ...core.password_policy import PasswordPolicy
from ...storage.definition_bodies import ProjectBody
from ...storage.definitions import Workspace
from ...storage.people_state import People
from .changes import Change, ChangeWorkspace, MakeWorkspace
from .checks import Checker
from .difference import compare
from .model import SchemaFile, WorkspaceNode
from .now import Now, WorkspaceNow, find_workspaces
from .people_difference import PeopleDiffer, Users


def plan(schema: SchemaFile, now: Now, ids: IdSource) -> list[Change]:
    """What has to change for the database to be as the file says.

    Raises SchemaError with every problem. Passwords have been sealed.
    """
    problems = schema.root.problems
    problems.clear()  # a plan may be made again
    users = Users(now.users)
    codes = dict(now.codes)
    changes: list[Change] = []
    told: set[str] = set()
    for node in schema.workspaces:
        held = _find(node, now, ids)
        if held is None:
            continue
        if held.workspace.id in told:
            node.section.fail(f"{held.workspace.name} is told twice")
        told.add(held.workspace.id)
        changes += _workspace_changes(node, held, is_new=held.workspace.id not in now.workspaces)
        workspace = held.workspace.id
        outcome = compare(workspace, held.definitions, node, ids, now.used_ids)
        own = {one.id for one in held.definitions}
        others = {code: id_ for code, id_ in codes.items() if id_ not in own}
        Checker(outcome, node.section.place(), others, problems).run()
        codes = others | {
            one.body.row_code: one.id
            for one in outcome.after
            if isinstance(one.body, ProjectBody) and one.body.row_code
        }
        changes += outcome.changes
        people = PeopleDiffer(workspace, held.people, users, outcome, ids, now.key_holders)
        changes += people.run(node)
    schema.check()
    return changes


def _find(node: WorkspaceNode, now: Now, ids: IdSource) -> WorkspaceNow | None:
    """The workspace that a node speaks of, or an empty one to be made; None if it is unclear."""
    found = find_workspaces(node, list(now.listed))
    if len(found) > 1:
        node.section.fail(f"{len(found)} workspaces bear this name; give the id", "name")
        return None
    if found:
        return now.workspaces[found[0].id]
    if not node.name:
        node.section.fail("names no workspace that is there; a new one needs a name", "id")
        return None
    id_ = node.id or ids.next_id()
    policy = PasswordPolicy(**node.password_policy)
    zone, timeout = node.time_zone or "UTC", node.session_timeout
    return WorkspaceNow(Workspace(id_, node.name, zone, policy, timeout), (), People())


def _workspace_changes(node: WorkspaceNode, held: WorkspaceNow, *, is_new: bool) -> list[Change]:
    now = held.workspace
    if is_new:
        line = f"+ workspace {now.name}"
        return [Change(line, (MakeWorkspace(now),), node.section.place())]
    policy = replace(now.password_policy, **node.password_policy)
    wanted = Workspace(
        now.id,
        node.name or now.name,
        node.time_zone or now.time_zone,
        policy,
        node.session_timeout or now.session_timeout,
    )
    if wanted == now:
        return []
    notes = [f"name ({now.name} -> {wanted.name})"] if now.name != wanted.name else []
    if now.time_zone != wanted.time_zone:
        notes.append(f"time_zone ({now.time_zone} -> {wanted.time_zone})")
    if now.password_policy != wanted.password_policy:
        notes.append("password_policy")
    if now.session_timeout != wanted.session_timeout:
        notes.append(f"session_timeout ({wanted.session_timeout} s)")
    line = f"~ workspace {wanted.name}: {', '.join(notes)}"
    return [Change(line, (ChangeWorkspace(wanted),), node.section.place())]
