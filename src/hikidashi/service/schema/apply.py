"""Carries the changes of a plan out, all in the transaction that it is called in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from ...core.ids import IdSource
from ...storage import accounts, definitions, mails, people_writes, removed
from ...storage.audit import Author, insert_audit
from ...storage.builds import tell_of_builds
from ...storage.definition_bodies import FieldBody
from ...storage.deletions import forget_deletions, insert_deletions
from ...storage.engines import Connection, Engine, IntegrityError
from .audit import audit_entries
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
from .deletions import deletions_of, returned_ids
from .problems import Problem, SchemaError


def check_destruction(changes: Sequence[Change], allowed: Sequence[str]) -> None:
    """Raise SchemaError for every change that destroys data and was not allowed by name."""
    problems = [
        Problem(
            one.place, f"{one.line} destroys data; allow it with --allow-destroy {one.destroys!r}"
        )
        for one in changes
        if one.destroys and one.destroys not in allowed
    ]
    if problems:
        raise SchemaError(problems)


def apply_changes(  # noqa: PLR0913
    connection: Connection,
    engine: Engine,
    changes: Sequence[Change],
    author: Author,
    ids: IdSource,
    now_ms: int,
) -> None:
    """Carry them out, and tell the audit.

    Raises SchemaError if data stands in the way; nothing is then committed.
    """
    edits = [edit for change in changes for edit in change.edits]
    check_values(connection, changes)
    entries = audit_entries(connection, changes, author, ids, now_ms)
    gone = deletions_of(connection, changes, author, now_ms)
    try:
        for one in edits:
            if isinstance(one, MakeWorkspace):
                definitions.create_workspace(connection, one.workspace, now_ms)
        by_workspace: dict[str, list[definitions.Edit]] = {}
        for one in edits:
            if isinstance(one, EditDefinition):
                by_workspace.setdefault(one.workspace, []).append(one.edit)
        for workspace, group in by_workspace.items():
            definitions.change_definitions(connection, engine, workspace, group, now_ms)
        for one in edits:
            _carry_out(connection, one, now_ms)
        for workspace in by_workspace:
            tell_of_builds(connection, workspace, author.user, ids, now_ms)
        forget_deletions(connection, returned_ids(changes))
        insert_deletions(connection, gone)
        insert_audit(connection, entries)
    except IntegrityError as error:
        raise SchemaError(
            [Problem(changes[0].place, f"the database refuses it: {error}")]
        ) from error


def _carry_out(connection: Connection, edit: SchemaEdit, now_ms: int) -> None:
    match edit:
        case MakeWorkspace() | EditDefinition():
            pass  # done before, set by set
        case ChangeWorkspace(workspace):
            definitions.update_workspace(connection, workspace)
        case RemoveWorkspace(workspace):
            removed.set_aside(connection, workspace.id, now_ms)
        case ReturnWorkspace(workspace):
            removed.bring_back(connection, workspace.id)
        case MakeUser(user, workspace):
            people_writes.insert_user(connection, user, workspace, now_ms)
        case ChangeUser(user):
            people_writes.update_user(connection, user, now_ms)
        case Join(workspace, user, is_admin, accepted):
            people_writes.set_member(
                connection, workspace, user, is_admin=is_admin, accepted=accepted
            )
        case Leave(workspace, user):
            people_writes.remove_member(connection, workspace, user)
        case GivePair(workspace, what, pair):
            people_writes.grant(connection, workspace, what, [pair])
        case TakePair(workspace, what, pair):
            people_writes.revoke(connection, workspace, what, [pair])
        case ForgetHolders(workspace, kind, id_):
            drop = people_writes.drop_role if kind == "role" else people_writes.drop_group
            drop(connection, workspace, id_)
        case Invite(confirmation, mail):
            mails.insert_confirmation(connection, confirmation, now_ms)
            if mail is not None:
                mails.insert_mail(connection, mail, now_ms)
        case Confirm(confirmation):
            accounts.use_confirmation(connection, confirmation, now_ms)
        case SendMail(mail):
            mails.insert_mail(connection, mail, now_ms)
        case KeepInfo(user, info):
            accounts.write_info(connection, user, dict(info))
        case MakeKey(key):
            people_writes.insert_project_key(connection, key, now_ms)
        case ChangeKey(key):
            people_writes.update_project_key(connection, key)
        case RevokeKey(key):
            people_writes.revoke_project_key(connection, key, now_ms)
        case _:
            assert_never(edit)


def check_values(connection: Connection, changes: Sequence[Change]) -> None:
    """Raise SchemaError if values that are there do not fit a field that becomes unique or indexed."""
    problems = []
    for change in changes:
        for one in change.edits:
            if not isinstance(one, EditDefinition) or not (one.edit.before and one.edit.after):
                continue
            before, after = one.edit.before.body, one.edit.after.body
            if not isinstance(before, FieldBody) or not isinstance(after, FieldBody):
                continue
            new = (after.unique and not before.unique, after.has_index and not before.has_index)
            if any(new):
                field = one.edit.before
                reason = definitions.find_unfit_value(connection, field, unique=after.unique)
                if reason:
                    problems.append(Problem(change.place, f"{field.display_id} {reason}"))
    if problems:
        raise SchemaError(problems)
