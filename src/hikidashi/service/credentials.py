"""Passwords and tokens changed as people are by a schema file: under the lock, told to the audit."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from ..core.errors import invalid_request
from ..core.ids import IdSource
from ..core.limits import NAME_CHARS_MAX
from ..storage.audit import Author
from ..storage.definitions import lock_workspaces
from ..storage.engines import Connection, Engine
from ..storage.people import list_memberships
from ..storage.people_state import ProjectKey, find_key_holders, find_keys, find_users
from .schema.apply import apply_changes
from .schema.changes import Change, ChangeKey, ChangeUser, Leave, MakeKey, RevokeKey, SchemaEdit
from .schema.problems import Place

BY_OPERATOR = Author("cli")
_NOWHERE = Place("request", 1, "")


class Credentials:
    """What may be done to them, in a transaction that is open."""

    def __init__(
        self, connection: Connection, engine: Engine, author: Author, ids: IdSource, now_ms: int
    ) -> None:
        self._connection = connection
        self._engine = engine
        self._author = author
        self._ids = ids
        self._now_ms = now_ms

    def set_password(self, user: str, password_hash: str) -> None:
        """Another password; every session of the user ends."""
        places = [one.workspace for one in list_memberships(self._connection, user)]
        self._lock(places)
        for known in find_users(self._connection, [], [user]):
            self._carry_out(ChangeUser(replace(known, password_hash=password_hash)))

    def make_token(self, token: ProjectKey) -> None:
        """A new API token. Raises 400 if its name does not do, or it is a call that is open."""
        _check_name(token.name)
        self._lock([token.workspace])
        if find_key_holders(self._connection, [token.hash]):
            raise invalid_request(f"{token.name} is open already")
        self._carry_out(MakeKey(token))

    def change_token(self, id_: str, *, name: str, may_write: bool | None) -> bool:
        """Another name ("" for the one it has), or right to write; False if it opens nothing.

        Raises 400 if the name does not do.
        """
        _check_name(name)
        held = self._find(id_)
        if held is None:
            return False
        if name and held.kind == "open":
            raise invalid_request(
                "an open call is called by what it opens; revoke it, open another"
            )
        if name and held.kind == "anonymous":
            raise invalid_request("whoever comes without a key has no other name")
        right = held.may_write if may_write is None else may_write
        wanted = replace(held, name=name or held.name, may_write=right)
        if wanted != held:
            self._carry_out(ChangeKey(wanted))
        return True

    def revoke(self, id_: str) -> bool:
        """A token or project key opens nothing any more; False if there is none that did."""
        held = self._find(id_)
        if held is None:
            return False
        leaving = [Leave(held.workspace, held.user)] if held.is_bots else []
        self._carry_out(RevokeKey(held), *leaving)
        return True

    def _find(self, id_: str) -> ProjectKey | None:
        """A token or key that opens something, under the lock of its workspace."""
        for key in find_keys(self._connection, [id_]):
            self._lock([key.workspace])
            return next(
                (one for one in find_keys(self._connection, [id_]) if not one.is_revoked), None
            )
        return None

    def _lock(self, workspaces: Sequence[str]) -> None:
        lock_workspaces(self._connection, self._engine, ["", *workspaces])

    def _carry_out(self, *edits: SchemaEdit) -> None:
        changes = [Change("credentials", edits, _NOWHERE)]
        apply_changes(
            self._connection, self._engine, changes, self._author, self._ids, self._now_ms
        )


def _check_name(name: str) -> None:
    if len(name) > NAME_CHARS_MAX:
        raise invalid_request(f"the name has over {NAME_CHARS_MAX} characters")
    if any(unicodedata.category(one) == "Cc" for one in name):
        raise invalid_request("the name must not contain control characters")
