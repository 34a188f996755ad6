"""Accounts: passwords, addresses and profiles of users, changed by themselves or by a mail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from ..core.access import Identity
from ..core.errors import forbidden, invalid_request, no_place
from ..core.ids import Clock, IdSource
from ..core.limits import ADDITIONAL_INFO_BYTES_MAX, MAILS_PER_ADDRESS_MAX
from ..storage import accounts
from ..storage.engines import Connection
from ..storage.mails import Confirmation, Confirmed, Mail
from ..storage.people_state import User
from ..storage.store import Store
from . import confirmations
from .confirmations import Asked
from .design import Scene, Wish
from .errands import Doorstep, Errand, Errands
from .identity import Identities, hash_secret
from .mail import Letterhead, write_mail
from .schema.changes import ChangeUser, Confirm, Invite, KeepInfo, SchemaEdit, SendMail

CONFIRMING: Final[tuple[Confirmed, ...]] = ("email", "invitation")


def check_info(info: Mapping[str, Any]) -> None:
    """Raise 400 for more than is kept of a user."""
    if len(msgspec.json.encode(info)) > ADDITIONAL_INFO_BYTES_MAX:
        raise invalid_request(f"additional_info: has over {ADDITIONAL_INFO_BYTES_MAX} bytes")


def _own(connection: Connection, user: str) -> User:
    found = accounts.find_user(connection, user)
    if found is None:
        raise no_place("user", user)
    return found


def label(user: User) -> str:
    """What a user logs in by."""
    return user.user_code or user.email or user.name


class Accounts:
    """What users do with their accounts. Who calls is known by a token or by the secret of a mail."""

    def __init__(self, store: Store, clock: Clock, ids: IdSource, identities: Identities) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._identities = identities
        self.errands = Errands(store, clock, ids)

    # -- passwords -----------------------------------------------------------------------------

    async def ask_reset(self, email: str, head: Letterhead) -> None:
        """Mail whoever has the address how to choose a new password. Nobody else learns of it."""
        secrets = [self._identities.new_secret() for _ in range(MAILS_PER_ADDRESS_MAX)]

        def want(step: Doorstep) -> Errand:
            users: list[User] = []
            if not confirmations.is_flooded(step.connection, email, step.now_ms):
                users = accounts.list_by_address(step.connection, email, MAILS_PER_ADDRESS_MAX)
            edits = [
                self._reset(step, one, secret, head, "")
                for one, secret in zip(users, secrets, strict=False)
            ]
            # For nobody something is written too, so that it takes as long.
            return Errand("", [Wish(edits=edits or [nobody(secrets[0])])])

        await self.errands.run(want, lambda _: None)

    def _reset(
        self, step: Doorstep | Scene, user: User, secret: str, head: Letterhead, workspace: str
    ) -> SchemaEdit:
        one = Confirmation(hash_secret(secret), "password", user.id, workspace, is_mailed=True)
        name, address = label(user), user.email or ""
        return confirmations.ask(step.ids, one, secret, name, address, head)

    def reset_of_member(self, scene: Scene, user: str, secret: str, head: Letterhead) -> Wish:
        """Mail a member of the workspace how to choose a new password, as its administrator."""
        scene.administered()
        found = [one for one in scene.now.people.users if one.id == user and not one.is_bot]
        if not found:
            raise no_place("user", user)
        if not found[0].email:
            raise invalid_request("u_id: the user has no address")
        workspace = scene.actor.workspace
        return Wish(edits=[self._reset(scene, found[0], secret, head, workspace)])

    async def set_new_password(self, secret: str, new: str) -> None:
        """Set the password that a mail asked to choose; every session of the user ends."""
        asked = await self._open(secret)
        password_hash = await self._identities.hash_new(asked.confirmation.user, new)

        def want(step: Doorstep) -> Errand:
            now = confirmations.find_open(step.connection, secret, ["password"], step.now_ms)
            held = _own(step.connection, now.confirmation.user)
            user = replace(held, password_hash=password_hash, is_proven=True)
            return Errand(user.id, [Wish(edits=[ChangeUser(user), Confirm(now.confirmation)])])

        await self.errands.run(want, lambda _: None)
        self._identities.forget_sessions(asked.confirmation.user)

    async def _open(self, secret: str) -> Asked:
        now = self._clock.now_ms()
        return await self._store.read(
            lambda one: confirmations.find_open(one, secret, ["password"], now)
        )

    async def look_at_reset(self, secret: str) -> Asked:
        """What the secret of a mail about a password stands for; notes that it was looked at."""
        now = self._clock.now_ms()

        def look(connection: Connection) -> Asked:
            asked = confirmations.find(connection, secret, ["password"], now)
            accounts.note_access(connection, asked.confirmation.hash, now)
            return asked

        return await self._store.change(look)

    # -- the address ---------------------------------------------------------------------------

    async def ask_email(self, identity: Identity, email: str, head: Letterhead) -> None:
        """Mail a new address how to confirm it. Whether it is somebody's is told to it alone."""
        if not identity.session:
            raise forbidden("an API token can't change an address")
        secret = self._identities.new_secret()

        def want(step: Doorstep) -> Errand:
            user = _own(step.connection, identity.user)
            if user.email == email:
                raise invalid_request("email: is your address already")
            if confirmations.is_flooded(step.connection, email, step.now_ms):
                return Errand(user.id, [])
            if user.is_ordinary and is_taken(step.connection, email):
                mail = registered(step, email, head)
                return Errand(user.id, [Wish(edits=[SendMail(mail)])])
            hash_, place = hash_secret(secret), identity.workspace
            one = Confirmation(hash_, "email", user.id, place, is_mailed=True, email=email)
            edit = confirmations.ask(step.ids, one, secret, user.name, email, head)
            return Errand(user.id, [Wish(edits=[edit])])

        await self.errands.run(want, lambda _: None)

    async def confirm_email(self, secret: str) -> None:
        """Carry out the change of address, or take an invitation that the account confirms."""

        def want(step: Doorstep) -> Errand:
            asked = confirmations.find_open(step.connection, secret, CONFIRMING, step.now_ms)
            one, user = asked.confirmation, _own(step.connection, asked.confirmation.user)
            edits: list[SchemaEdit]
            if one.kind == "invitation":
                if user.password_hash is None:
                    raise invalid_request("the account has no password yet; register it")
                edits = [Confirm(one)]
                if one.is_mailed and not user.is_proven:
                    edits.append(ChangeUser(replace(user, is_proven=True)))
                return Errand(user.id, [Wish(edits=edits)])
            if user.is_ordinary and is_taken(step.connection, one.email):
                raise invalid_request("the address is another account's by now")
            proven = replace(user, email=one.email, is_proven=True)
            edits = [ChangeUser(proven), Confirm(one)]
            if user.email:
                edits.append(SendMail(_moved(step, user, user.email)))
            return Errand(user.id, [Wish(edits=edits)])

        await self.errands.run(want, lambda _: None)

    # -- the profile ---------------------------------------------------------------------------

    async def change_profile(
        self, identity: Identity, email: str, name: str | None, info: Mapping[str, Any] | None
    ) -> None:
        """Another name, other things that applications keep of one. Raises 400, 403."""
        if not identity.session:
            raise forbidden("an API token can't change a user")
        if info is not None:
            check_info(info)

        def want(step: Doorstep) -> Errand:
            user = _own(step.connection, identity.user)
            if email.strip().lower() != (user.email or "").lower():
                raise invalid_request("email: is changed by POST /api/v0/users/email")
            edits: list[SchemaEdit] = []
            if name and name != user.name:
                edits.append(ChangeUser(replace(user, name=name)))
            if info is not None:
                edits.append(KeepInfo(user.id, info))
            return Errand(user.id, [Wish(edits=edits)] if edits else [])

        await self.errands.run(want, lambda _: None)

    async def info(self, identity: Identity) -> dict[str, Any]:
        """What applications keep of the user."""
        return await self._store.read(lambda one: accounts.read_info(one, identity.user))


def is_taken(connection: Connection, email: str) -> bool:
    """Whether an ordinary account has an address."""
    users = accounts.list_by_address(connection, email, 1_000)
    return any(one.is_ordinary for one in users)


def registered(step: Doorstep, email: str, head: Letterhead) -> Mail:
    """Tell an address that it has an account."""
    return write_mail("registered", step.ids.next_id(), "", "", email, "", head)


def _moved(step: Doorstep, user: User, email: str) -> Mail:
    head = Letterhead("")
    return write_mail("email_changed", step.ids.next_id(), "", user.name, email, "", head)


def nobody(secret: str) -> SchemaEdit:
    """A confirmation of nobody's, which nobody learns the secret of."""
    one = Confirmation(hash_secret(secret), "password", "", "", is_mailed=False)
    return Invite(one, None)
