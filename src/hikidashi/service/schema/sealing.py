"""Passwords that a file gives: held to what workspaces ask of them, and hashed, before a transaction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ...core.password_policy import PasswordPolicy
from ...core.password_rules import find_weakness, same_limit
from ...core.record import record
from ...storage.accounts import list_password_hashes, list_policies
from ...storage.definitions import Workspace, list_workspaces
from ...storage.engines import Connection
from ...storage.people_state import User, find_users
from ..passwords import hash_password, verify_password
from .model import SchemaFile, UserNode, WorkspaceNode
from .now import find_workspaces


@record
class Held:
    """What is known of somebody to whom a file gives a password."""

    policies: tuple[PasswordPolicy, ...]  # of all workspaces that the user is in, or comes into
    password_hash: str | None = None
    last: tuple[str, ...] = ()  # the last passwords, as hashes, as many as may not come again


def read_held(connection: Connection, schema: SchemaFile) -> list[Held]:
    """For each user with a password, in the order of the file."""
    named = list(_named(schema))
    refs = [ref for _, one in named for ref in (one.email, one.was) if ref]
    known = find_users(connection, refs, [one.id for _, one in named if one.id])
    by_ref = {one.email: one for one in known if one.email and one.is_ordinary}
    by_ref |= {one.id: one for one in known}
    listed = list_workspaces(connection)
    found = []
    for workspace, one in named:
        user = next((by_ref[ref] for ref in (one.id, one.email, one.was) if ref in by_ref), None)
        found.append(_held(connection, _policy(workspace, listed), user))
    return found


def _held(connection: Connection, policy: PasswordPolicy, user: User | None) -> Held:
    if user is None:
        return Held((policy,))
    policies = (policy, *list_policies(connection, user.id))
    last = list_password_hashes(connection, user.id, same_limit(policies))
    return Held(policies, user.password_hash, tuple(last))


def _policy(node: WorkspaceNode, listed: list[Workspace]) -> PasswordPolicy:
    """What the workspace will ask of passwords once the file has been applied."""
    found = find_workspaces(node, listed)
    policy = found[0].password_policy if found else PasswordPolicy()
    return replace(policy, **node.password_policy)


def seal_passwords(schema: SchemaFile, held: list[Held]) -> None:
    """Put hashes beside passwords in clear, the known one where it fits, and say what is wrong
    with those that are new.

    Takes some 20 ms a password, so it is done before the transaction.
    """
    for (_, user), known in zip(_named(schema), held, strict=True):
        password = user.password or ""
        fits = known.password_hash is not None and verify_password(known.password_hash, password)
        user.password_hash = known.password_hash if fits else hash_password(password)
        user.weakness = "" if fits else _find_weakness(known, password)


def _find_weakness(known: Held, password: str) -> str:
    weakness = find_weakness(known.policies, password)
    if not weakness and any(verify_password(one, password) for one in known.last):
        return f"is one of the last {len(known.last)} passwords"
    return weakness


def _named(schema: SchemaFile) -> Iterator[tuple[WorkspaceNode, UserNode]]:
    for workspace in schema.workspaces:
        for user in workspace.users:
            if user.password is not None:
                yield workspace, user
