"""What calls want of people: who comes into a workspace and its groups, who goes, who is invited."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from ..core.errors import invalid_request, no_place
from ..core.limits import EMAIL_CHARS_MAX, NAME_CHARS_MAX
from ..core.record import record
from ..storage.mails import Confirmation
from ..storage.people_state import User, find_login
from .design import Scene, Wish
from .design_people import get_group
from .mail import Letterhead, invitation
from .passwords import hash_secret
from .schema.changes import GivePair, Invite, Join, MakeUser, SchemaEdit, TakePair

_EMAIL: Final = re.compile(r"[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+\Z")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def read_email(given: str, key: str = "email") -> str:
    """An address as it is kept. Raises 400."""
    email = given.strip().lower()
    if len(email) > EMAIL_CHARS_MAX:
        raise invalid_request(f"{key}: has over {EMAIL_CHARS_MAX} characters")
    if not _EMAIL.match(email):
        raise invalid_request(f"{key}: {given!r} is no e-mail address")
    return email


def read_words(given: str, key: str, most: int = NAME_CHARS_MAX) -> str:
    """A short text. Raises 400."""
    words = given.strip()
    if len(words) > most:
        raise invalid_request(f"{key}: has over {most} characters")
    if _CONTROL.search(words):
        raise invalid_request(f"{key}: must not contain control characters")
    return words


@record
class Newcomer:
    """Who is to be in a workspace, and in which of its groups."""

    email: str
    name: str  # of an account that is made; "" for the part of the address before @
    exclusive: str  # id of the workspace, if the account is to be of it alone
    user_code: str  # "" for an account that logs in by its address
    group: str


class Adding:
    """AddUser: `wish` wants it, `answer` tells what came of it. The wish may be asked again."""

    def __init__(self, newcomer: Newcomer) -> None:
        self._newcomer = newcomer
        self.exists = False  # there was such an account
        self.added = False  # the user was not in the group

    def wish(self, scene: Scene) -> Wish:
        """An account, if there is none, that belongs to the workspace and the group."""
        scene.administered()
        one, workspace = self._newcomer, scene.actor.workspace
        if one.exclusive not in ("", workspace):
            raise no_place("workspace", one.exclusive)
        group = get_group(scene.catalog, one.group)
        known = self._find(scene)
        if known is not None and known.email != one.email:
            raise invalid_request(f"user_code: {one.user_code} is another user's")
        edits = [] if known else self._make(scene)
        user = known or _made(edits)
        edits += join(scene, user, is_new=known is None)
        pair = (group.id, user.id)
        self.exists = known is not None
        self.added = pair not in scene.now.people.group_members
        if self.added:
            edits.append(GivePair(workspace, "group_members", pair))
        return Wish(edits=edits)

    def answer(self, scene: Scene) -> User:
        """The user."""
        found = self._find(scene)
        if found is None:
            raise no_place("user", self._newcomer.email)
        return found

    def _find(self, scene: Scene) -> User | None:
        one = self._newcomer
        return find_login(scene.connection, one.email, one.exclusive, one.user_code or None)

    def _make(self, scene: Scene) -> list[SchemaEdit]:
        one = self._newcomer
        code = one.user_code or None
        return new_user(scene, one.email, one.name, exclusive=one.exclusive, user_code=code)


def new_user(  # noqa: PLR0913
    scene: Scene,
    email: str,
    name: str,
    *,
    password_hash: str | None = None,
    exclusive: str = "",
    user_code: str | None = None,
) -> list[SchemaEdit]:
    """An account; who it is of is confirmed by a mail, and till then nobody logs in to it."""
    user = User(
        id=scene.ids.next_id(),
        email=email,
        name=name or email.partition("@")[0],
        password_hash=password_hash,
        exclusive=exclusive,
        user_code=user_code,
        is_proven=password_hash is None,
    )
    return [MakeUser(user, scene.actor.workspace)]


def _made(edits: Sequence[SchemaEdit]) -> User:
    return next(one.user for one in edits if isinstance(one, MakeUser))


def join(scene: Scene, user: User, *, is_new: bool) -> list[SchemaEdit]:
    """A user belongs to the workspace, if that is not so already.

    Who has an account is let in without being asked, so the workspace says nothing about the
    password till the user comes; and an account whose password somebody else may have chosen,
    for an address that is not theirs, is let in nowhere. Raises 400.
    """
    if any(one.id == user.id for one in scene.now.people.users):
        return []
    if user.is_bot:
        raise invalid_request("email: is the address of a program")
    if not (is_new or user.is_proven or user.password_hash is None):
        raise invalid_request(
            "email: the account has not confirmed its address; its owner does by ResetPassword"
        )
    return [Join(scene.actor.workspace, user.id, is_admin=False, accepted=is_new)]


def leave_group(scene: Scene, user: str, group: str) -> Wish:
    """A user is in a group no more, and so loses the roles held through it; nothing else."""
    scene.administered()
    pair = (get_group(scene.catalog, group).id, user)
    if pair not in scene.now.people.group_members:
        raise no_place("user", user)
    return Wish(edits=[TakePair(scene.actor.workspace, "group_members", pair)])


# --- invitations ------------------------------------------------------------------------------


@record
class Guest:
    """Somebody to be invited, who has to be in the workspace already."""

    email: str
    exclusive: str  # id of the workspace, for an account of it alone; else ""
    user_code: str  # tells those who share an address apart; "" where it is not needed
    secret: str  # what the guest will confirm with


class Inviting:
    """UserInvite: `wish` wants it, and `found` then holds the addresses that were good."""

    def __init__(self, guests: Sequence[Guest], head: Letterhead, *, is_mailed: bool) -> None:
        self._guests = guests
        self._head = head
        self._is_mailed = is_mailed
        self.found: list[bool] = []  # for each guest, whether there is one

    def wish(self, scene: Scene) -> Wish:
        """A confirmation for each, and a mail that leads there."""
        scene.administered()
        edits: list[SchemaEdit] = []
        found = []
        for guest in self._guests:
            users = self._named(scene, guest)
            found.append(bool(users))
            edits += [self._invite(scene, guest, one) for one in users[:1]]
        self.found = found
        return Wish(edits=edits)

    def _named(self, scene: Scene, guest: Guest) -> list[User]:
        """The members of an address; several may share it, the ordinary one is meant first."""
        users = [
            one
            for one in scene.now.people.users
            if (one.email, one.exclusive, one.is_bot) == (guest.email, guest.exclusive, False)
            and guest.user_code in ("", one.user_code)
        ]
        return sorted(users, key=lambda one: one.user_code is not None)

    def _invite(self, scene: Scene, guest: Guest, user: User) -> Invite:
        place = scene.now.workspace
        hash_ = hash_secret(guest.secret)
        confirmation = Confirmation(hash_, "invitation", user.id, place.id, self._is_mailed)
        if not self._is_mailed:
            return Invite(confirmation, None)
        id_ = scene.ids.next_id()
        mail = invitation(id_, place.id, place.name, guest.email, guest.secret, self._head)
        return Invite(confirmation, mail)
