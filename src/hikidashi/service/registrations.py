"""Accounts that somebody makes, or takes over from an invitation, by what a mail asked to confirm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec

from ..core.catalog import Group
from ..core.errors import forbidden, invalid_request
from ..core.ids import Clock, IdSource
from ..core.limits import NAME_CHARS_MAX
from ..core.record import record
from ..storage import accounts
from ..storage.definitions import list_workspaces, load_catalog
from ..storage.engines import Connection
from ..storage.mails import Confirmation, Confirmed
from ..storage.people import list_memberships
from ..storage.people_state import User, find_login
from ..storage.store import Store
from . import confirmations
from .accounts import Accounts, check_info, nobody, registered
from .confirmations import Asked
from .design import Wish
from .design_workspaces import workspace_of
from .errands import Doorstep, Errand
from .identity import Identities, hash_secret
from .mail import Letterhead
from .schema.changes import ChangeUser, Confirm, KeepInfo, MakeUser, SchemaEdit, SendMail

REGISTERING: Final[tuple[Confirmed, ...]] = ("registration", "invitation")


@record
class Applicant:
    """Who asks for an account."""

    email: str
    name: str
    info: Mapping[str, Any]
    id: str  # of the answer; it opens nothing


@record
class Entry:
    """Who confirms one, or an invitation."""

    secret: str
    email: str
    password: str
    name: str  # "" for what is known already
    workspace: str  # what a workspace to make is called; "" for one only if it is needed
    info: Mapping[str, Any] | None


@record
class Place:
    """Where somebody who confirms belongs."""

    workspace: str  # id; "" for nowhere
    group: Group | None  # its top group


class Registrations:
    """Lets people have accounts."""

    def __init__(  # noqa: PLR0913
        self,
        store: Store,
        clock: Clock,
        ids: IdSource,
        identities: Identities,
        the_accounts: Accounts,
        *,
        is_open: bool,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._identities = identities
        self._accounts = the_accounts
        self._is_open = is_open

    async def ask(self, one: Applicant, head: Letterhead) -> None:
        """Mail an address how to have an account. Whether it has one is told to it alone."""
        if not self._is_open:
            raise forbidden("nobody may register here; ask an administrator for an invitation")
        check_info(one.info)
        secret = self._identities.new_secret()

        def want(step: Doorstep) -> Errand:
            return Errand("", [Wish(edits=[self._edit(step, one, head, secret)])])

        await self._accounts.errands.run(want, lambda _: None)

    def _edit(self, step: Doorstep, one: Applicant, head: Letterhead, secret: str) -> SchemaEdit:
        if confirmations.is_flooded(step.connection, one.email, step.now_ms):
            return nobody(secret)
        known = find_login(step.connection, one.email)
        if known is not None and (known.password_hash is not None or known.is_bot):
            return SendMail(registered(step, one.email, head))
        confirmation = Confirmation(
            hash_secret(secret),
            "registration",
            known.id if known else step.ids.next_id(),
            "",
            is_mailed=True,
            email=one.email,
            details=msgspec.json.encode({"name": one.name, "info": one.info}).decode(),
        )
        return confirmations.ask(step.ids, confirmation, secret, one.name, one.email, head)

    # -- what was mailed -----------------------------------------------------------------------

    async def look(self, secret: str, kinds: Sequence[Confirmed]) -> tuple[Asked, Place]:
        """What a secret stands for, and where its user belongs; notes that it was looked at."""
        now = self._clock.now_ms()

        def read(connection: Connection) -> tuple[Asked, Place]:
            asked = confirmations.find(connection, secret, kinds, now)
            accounts.note_access(connection, asked.confirmation.hash, now)
            return asked, _place_of(connection, asked)

        return await self._store.change(read)

    async def enter(self, one: Entry) -> str:
        """Confirm: the account has a password from now on. Answers a token."""
        now = self._clock.now_ms()
        asked, known = await self._store.read(lambda conn: _find(conn, one, now))
        if one.info is not None:
            check_info(one.info)
        user = known.id if known else asked.confirmation.user
        hash_ = await self._identities.hash_new(user, one.password, "password")
        workspace = self._ids.next_id()
        user = await self._accounts.errands.run(
            lambda step: _enter(step, one, hash_, workspace),
            lambda step: _find_entered(step, one),
        )
        self._identities.forget_sessions(user)
        return await self._identities.begin(user)


def _find(connection: Connection, one: Entry, now: int) -> tuple[Asked, User | None]:
    asked = confirmations.find_open(connection, one.secret, REGISTERING, now)
    if one.email != asked.email.lower():
        raise invalid_request("email: is not the address that the mail was sent to")
    user = asked.user or find_login(connection, asked.email)
    if user is not None and user.password_hash is not None:
        raise invalid_request("the account has a password already; log in with it")
    return asked, user


def _enter(step: Doorstep, one: Entry, password_hash: str, workspace: str) -> Errand:
    asked, known = _find(step.connection, one, step.now_ms)
    details = asked.details
    name = one.name or str(details.get("name", "")) or (known.name if known else "")
    name = name or one.email.partition("@")[0]
    places = list_memberships(step.connection, known.id) if known else []
    wants_place = bool(one.workspace) or not places
    if known is not None and known.exclusive and wants_place:
        raise invalid_request("workspace: the account is of one workspace alone")
    if known is None:
        user = User(asked.confirmation.user, asked.email, name, password_hash)
        edits: list[SchemaEdit] = [MakeUser(user, workspace)]
    else:
        name, is_proven = one.name or known.name, asked.confirmation.is_mailed
        user = replace(known, name=name, password_hash=password_hash, is_proven=is_proven)
        edits = [ChangeUser(user)]
    info = details.get("info") if one.info is None else one.info
    if isinstance(info, dict) and info:
        edits.append(KeepInfo(user.id, info))
    edits.append(Confirm(asked.confirmation))
    wishes = [Wish(edits=edits)]
    if wants_place:
        called = (one.workspace or name)[:NAME_CHARS_MAX]
        wishes.append(Wish(workspace_of(called, user.id), workspace=workspace))
    return Errand(user.id, wishes)


def _find_entered(step: Doorstep, one: Entry) -> str:
    kept = accounts.find_confirmation(step.connection, hash_secret(one.secret))
    user = accounts.find_user(step.connection, kept.confirmation.user) if kept else None
    user = user or find_login(step.connection, one.email)
    return user.id if user else ""


def _place_of(connection: Connection, asked: Asked) -> Place:
    workspace = asked.confirmation.workspace
    if all(one.id != workspace for one in list_workspaces(connection)):
        return Place("", None)
    groups = load_catalog(connection, workspace).groups
    return Place(workspace, next((one for one in groups if not one.parent), None))
