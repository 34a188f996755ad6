"""What the audit is told of changes, read before they are carried out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from hashlib import blake2b
from typing import assert_never

import msgspec

from ...core.ids import IdSource
from ...storage import definitions, people_state
from ...storage.accounts import read_info
from ...storage.audit import AuditEntry, Author, State
from ...storage.definition_bodies import ActionBody, Definition, FunctionBody
from ...storage.definitions import Workspace
from ...storage.engines import Connection
from ...storage.mails import Confirmation
from ...storage.people import list_memberships
from ...storage.people_state import ProjectKey, User
from .changes import (
    Change,
    ChangeKey,
    ChangeUser,
    ChangeWorkspace,
    Confirm,
    EditDefinition,
    ForgetHolders,
    GivePair,
    Invite,
    Join,
    KeepInfo,
    Leave,
    MakeKey,
    MakeUser,
    MakeWorkspace,
    RemoveWorkspace,
    ReturnWorkspace,
    RevokeKey,
    SchemaEdit,
    SendMail,
    TakePair,
)

# workspace, kind, target, name, before, after
Told = tuple[str, str, str, str, State | None, State | None]


def audit_entries(
    connection: Connection,
    changes: Iterable[Change],
    author: Author,
    ids: IdSource,
    now_ms: int,
) -> list[AuditEntry]:
    """An entry for each edit, with the state that the database is in now as the one before."""
    found = []
    for change in changes:
        for edit in change.edits:
            for workspace, kind, target, name, before, after in _tell(connection, edit):
                entry = AuditEntry(
                    ids.next_id(), workspace, now_ms, author, kind, target, name, before, after
                )
                found.append(entry)
    return found


def _tell(connection: Connection, edit: SchemaEdit) -> Iterator[Told]:
    match edit:
        case MakeWorkspace(workspace):
            yield workspace.id, "workspace", workspace.id, workspace.name, None, _place(workspace)
        case ChangeWorkspace(workspace):
            was = _workspace(connection, workspace.id)
            name = workspace.name
            yield workspace.id, "workspace", workspace.id, name, was, _place(workspace)
        case RemoveWorkspace(workspace):
            yield workspace.id, "workspace", workspace.id, workspace.name, _place(workspace), None
        case ReturnWorkspace(workspace):
            yield workspace.id, "workspace", workspace.id, workspace.name, None, _place(workspace)
        case EditDefinition(workspace, change):
            one = change.after or change.before
            if one is not None:
                states = (_definition(change.before), _definition(change.after))
                yield workspace, one.kind, one.id, one.display_id, *states
        case MakeUser(user, workspace):
            yield workspace, "user", user.id, _name(user), None, _user(user)
        case ChangeUser(user):
            yield from _changed_user(connection, user)
        case Join(workspace, user, is_admin, _):
            was = _membership(connection, workspace, user)
            state = {"is_admin": is_admin}
            yield workspace, "member", user, _user_name(connection, user), was, state
        case Leave(workspace, user):
            was = _membership(connection, workspace, user)
            yield workspace, "member", user, _user_name(connection, user), was, None
        case GivePair(workspace, what, pair):
            yield workspace, what, pair[0], "", None, {"holder": pair[1]}
        case TakePair(workspace, what, pair):
            yield workspace, what, pair[0], "", {"holder": pair[1]}, None
        case ForgetHolders(workspace, kind, id_):
            yield workspace, "holders", id_, "", {"kind": kind}, None
        case Invite(confirmation, mail):
            told = {"mailed_to": mail.recipient if mail else None}
            yield from _confirmation(connection, confirmation, told)
        case Confirm(confirmation):
            yield from _confirmation(connection, confirmation, {"confirmed": True})
        case SendMail():
            return
        case KeepInfo(user, info):
            yield from _kept_info(connection, user, info)
        case MakeKey(key):
            yield key.workspace, _kind(key), key.id, key.name, None, _key(key)
        case ChangeKey(key):
            yield from _changed_key(connection, key)
        case RevokeKey(key):
            yield key.workspace, _kind(key), key.id, key.name, _key(key), None
        case _:
            assert_never(edit)


def _confirmation(connection: Connection, one: Confirmation, told: State) -> Iterator[Told]:
    """Nobody's workspace is told of what anybody may ask for."""
    if one.workspace:
        yield one.workspace, one.kind, one.user, _user_name(connection, one.user), None, told


def _place(workspace: Workspace) -> State:
    policy = asdict(workspace.password_policy)
    state: dict[str, object] = {"name": workspace.name, "time_zone": workspace.time_zone}
    if workspace.session_timeout is not None:
        state["session_timeout"] = workspace.session_timeout
    return state | {"password_policy": policy}


def _workspace(connection: Connection, id_: str) -> State | None:
    found = [one for one in definitions.list_workspaces(connection) if one.id == id_]
    return _place(found[0]) if found else None


def _definition(one: Definition | None) -> State | None:
    if one is None:
        return None
    place = {"display_id": one.display_id, "parent": one.parent, "position": one.position}
    body = one.body
    if isinstance(body, ActionBody):
        pre, post = _script(body.pre_script), _script(body.post_script)
        body = msgspec.structs.replace(body, pre_script=pre, post_script=post)
    elif isinstance(body, FunctionBody):
        body = msgspec.structs.replace(body, script=_script(body.script))
    return place | {"body": body}


def _script(text: str) -> str:
    """What tells a script from another: the audit is no place for programs."""
    if not text:
        return ""
    content = text.encode()
    return f"{len(content)} bytes, BLAKE2b {blake2b(content, digest_size=16).hexdigest()}"


def _name(user: User) -> str:
    return user.email or user.name


def _user(user: User) -> dict[str, object]:
    state: dict[str, object] = {"email": user.email, "name": user.name, "is_bot": user.is_bot}
    if not user.is_ordinary:
        state |= {"exclusive": user.exclusive, "user_code": user.user_code}
    return state


def _user_name(connection: Connection, user: str) -> str:
    found = people_state.find_users(connection, [], [user])
    return _name(found[0]) if found else ""


def _changed_user(connection: Connection, user: User) -> Iterator[Told]:
    """A user is of several workspaces, or of none; each is told. Of a password only that it is
    another."""
    found = people_state.find_users(connection, [], [user.id])
    before = _user(found[0]) if found else None
    after = _user(user)
    if found and found[0].password_hash != user.password_hash:
        after["password"] = "changed"  # noqa: S105  not one
    places = [one.workspace for one in list_memberships(connection, user.id)]
    for place in places or [""]:
        yield place, "user", user.id, _name(user), before, after


def _kept_info(connection: Connection, user: str, info: State) -> Iterator[Told]:
    before, after = {"additional_info": read_info(connection, user)}, {"additional_info": info}
    name = _user_name(connection, user)
    for one in list_memberships(connection, user):
        yield one.workspace, "user", user, name, before, after


def _membership(connection: Connection, workspace: str, user: str) -> State | None:
    for one in list_memberships(connection, user):
        if one.workspace == workspace:
            return {"is_admin": one.is_admin}
    return None


def _kind(key: ProjectKey) -> str:
    return "key" if key.is_bots else "token"


def _key(key: ProjectKey) -> dict[str, object]:
    rights = {"project": key.project, "user": key.user, "may_write": key.may_write}
    return {"name": key.name, **rights}


def _changed_key(connection: Connection, key: ProjectKey) -> Iterator[Told]:
    found = people_state.find_keys(connection, [key.id])
    before, after = (_key(found[0]) if found else None), _key(key)
    if found and found[0].hash != key.hash:
        after["secret"] = "changed"  # noqa: S105  not one
    yield key.workspace, _kind(key), key.id, key.name, before, after
