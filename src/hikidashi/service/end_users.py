"""Those who sign up in a project: known there by an address, and nowhere else.

An end user is nobody of the workspace. What the address is elsewhere, and whose, is neither looked at
nor told; a session opens the one project, and only HotTask's calls take it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from ..core.access import Identity
from ..core.catalog import Project
from ..core.errors import (
    end_password_expired,
    forbidden,
    invalid_request,
    key_missing,
    no_place,
    sign_ups_spent,
    unauthorized,
    wrong_login,
)
from ..core.ids import Clock, IdSource
from ..core.limits import (
    END_RESETS_MAX,
    END_USERS_PER_PROJECT_MAX,
    MAILS_PER_ADDRESS_MAX,
    MAILS_WINDOW_MS,
    RESET_LIFE_MS,
    SIGN_UPS_MAX,
    SIGN_UPS_WINDOW_MS,
    TOKEN_LIFE_MS,
)
from ..core.password_rules import Lockout, find_weakness, is_expired, lockout
from ..core.public import compose_address, spell_address
from ..core.record import record
from ..storage import end_users, people
from ..storage.accounts import list_policies_of, note_new_password, password_set_at
from ..storage.end_users import EndUser
from ..storage.engines import Connection
from ..storage.mails import insert_mail
from ..storage.store import Store
from .identity import ANONYMOUS, Identities, check_password, hash_secret
from .mail import Letterhead, write_mail
from .passwords import hash_anonymous
from .recalled import Known, Recalled
from .session_use import SessionUse, has_run_out

PREFIX: Final = "he_"  # what a token of a session begins with
_CODE: Final = re.compile(r"[a-z0-9]{12,24}\Z")


@record
class Place:
    """A project that somebody names who has no key to it."""

    workspace: str  # id
    project: Project


class EndUsers:
    """Lets people sign up and in, and knows them again."""

    def __init__(self, store: Store, clock: Clock, ids: IdSource, identities: Identities) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._identities = identities
        self._recalled = Recalled(clock)
        self._use = SessionUse(store, self._recalled)

    # -- who calls -----------------------------------------------------------------------------

    async def identify(self, token: str) -> Identity:
        """Whom the token of a session stands for. Raises 401."""
        if " " in token:
            raise unauthorized("the token or key is not one of this server")
        return await self._recalled.identify(token, self._check)

    async def identify_anonymous(self, code: str) -> Identity:
        """Whom those stand for who come to a project with nothing. Raises 401 if for nobody."""
        return await self._recalled.identify(f"anonymous {code}", self._check_anonymous)

    async def _check(self, token: str) -> Identity:
        forgotten = self._recalled.times_forgotten
        digest = hash_secret(token)
        session = await self._store.read(lambda one: end_users.find_end_session(one, digest))
        if session is None:
            raise unauthorized("the session has ended; sign in again")
        now = self._clock.now_ms()
        if has_run_out(session, self._use.last(token, session), now):
            raise unauthorized("the session has run out; sign in again")
        touched_at = self._use.note(
            token, session, now, lambda one: end_users.touch_end_session(one, digest, now)
        )
        identity = Identity(session.user, session.workspace, session.project)
        self._recalled.remember(token, Known(identity, now, touched_at), forgotten)
        return identity

    async def _check_anonymous(self, name: str) -> Identity:
        code = name.partition(" ")[2]
        forgotten = self._recalled.times_forgotten

        def look(connection: Connection) -> Identity | None:
            found = end_users.find_place(connection, code) if _CODE.match(code) else None
            if found is None:
                return None
            return people.find_token(connection, hash_anonymous(found[1]), ANONYMOUS)

        identity = await self._store.read(look)
        if identity is None:
            raise key_missing()
        identity = replace(identity, is_anonymous=True)
        self._recalled.remember(name, Known(identity, self._clock.now_ms(), 0), forgotten)
        return identity

    # -- coming --------------------------------------------------------------------------------

    async def sign_up(self, code: str, email: str, password: str) -> int:
        """Have somebody new in a project; their number. Raises 400, 403, 404, 423."""
        address = spell_address(email)
        if not address:
            raise invalid_request(f"email: {email[:80]!r} is no e-mail address")
        check_password(password)

        def check(connection: Connection) -> Place:
            place, now = self._place(connection, code), self._clock.now_ms()
            if not place.project.sign_up.is_open:
                raise forbidden("nobody may sign up in this project")
            if end_users.find_end_user(connection, place.project.id, address) is not None:
                raise invalid_request("email: has signed up already; sign in")
            since = now - SIGN_UPS_WINDOW_MS
            if end_users.when_came(connection, place.project.id, SIGN_UPS_MAX - 1) > since:
                raise sign_ups_spent(SIGN_UPS_WINDOW_MS // 60_000)
            return place

        def look(connection: Connection) -> str:
            policies = list_policies_of(connection, check(connection).workspace)
            return find_weakness(policies, password)

        weakness = await self._store.read(look)
        if weakness:
            raise invalid_request(f"password: {weakness}")
        [password_hash] = await self._identities.hash_passwords([password])

        def make(connection: Connection) -> int:
            number = end_users.take_number(connection, self._place(connection, code).project.id)
            place = check(connection)  # behind whoever takes a number at the same moment
            if number > END_USERS_PER_PROJECT_MAX:
                raise forbidden(f"{END_USERS_PER_PROJECT_MAX} have signed up in this project")
            user = EndUser(
                user=self._ids.next_id(),
                project=place.project.id,
                workspace=place.workspace,
                n=number,
                name=compose_address(email).partition("@")[0],
                email=compose_address(email),
                created_at=self._clock.now_ms(),
                password_hash=password_hash,
            )
            end_users.insert_end_user(connection, user, address)
            return number

        return await self._store.change(make)

    async def sign_in(self, code: str, email: str, password: str) -> str:
        """A token for somebody who has signed up. Raises 401 in the same time and words whether
        the address has, 423 after too many failures, and 404 for a project that is not there."""
        place = await self._store.read(lambda one: self._place(one, code))
        project, address = place.project.id, spell_address(email)
        if not address:
            await self._identities.guesses.passwords.verify(None, password)
            raise wrong_login()

        def look(connection: Connection) -> tuple[EndUser | None, Lockout]:
            rule = lockout(list_policies_of(connection, place.workspace))
            return end_users.find_end_user(connection, project, address), rule

        digest = hash_secret(f"end {project} {address}")
        async with self._identities.guesses.turn(digest):
            user = await self._identities.guesses.verify(digest, password, look)
            return await self._begin(user, digest)

    async def _begin(self, user: EndUser, digest: str) -> str:
        token = PREFIX + self._identities.new_secret()

        def begin(connection: Connection) -> None:
            now = self._clock.now_ms()
            present = end_users.get_end_user(connection, user.user)
            if present is None or present.password_hash != user.password_hash:
                raise wrong_login()  # it has become another one meanwhile
            policies = list_policies_of(connection, user.workspace)
            if is_expired(policies, password_set_at(connection, user.user), now):
                raise end_password_expired()
            people.forget_login_failures(connection, digest)
            expires_at = now + TOKEN_LIFE_MS
            end_users.insert_end_session(connection, hash_secret(token), user.user, now, expires_at)

        await self._store.change(begin)
        return token

    async def find(self, identity: Identity) -> EndUser | None:
        """Who has signed in; None where the identity is somebody else's."""
        return await self._store.read(lambda one: end_users.get_end_user(one, identity.user))

    # -- forgotten passwords -------------------------------------------------------------------

    async def ask_reset(self, code: str, email: str, language: str = "en") -> None:
        """Mail whoever has the address how to choose a new password. Nobody else learns of it."""
        address, secret = spell_address(email), self._identities.new_secret()
        id_ = self._ids.next_id()

        def ask(connection: Connection) -> None:
            place, now = self._place(connection, code), self._clock.now_ms()
            project, url = place.project, place.project.sign_up.reset_url
            if not url:
                raise forbidden("this project does not say where a new password is chosen")
            if (
                end_users.count_end_resets(connection, project.id, now - RESET_LIFE_MS)
                >= END_RESETS_MAX
            ):
                return
            user = end_users.find_end_user(connection, project.id, address)
            whose = user.user if user else ""
            since = now - MAILS_WINDOW_MS
            asked = end_users.count_end_resets_of(connection, project.id, whose, since)
            # For nobody something is written too, so that it takes as long.
            end_users.insert_end_reset(connection, hash_secret(secret), project.id, whose, now)
            if user is None or asked >= MAILS_PER_ADDRESS_MAX:
                return
            head = Letterhead("", language=language, pattern=url)
            name = project.names.get(language) or project.names.get("en") or project.display_id
            mail = write_mail("end_password", id_, place.workspace, name, user.email, secret, head)
            insert_mail(connection, mail, now)

        await self._store.change(ask)

    async def reset(self, code: str, secret: str, password: str) -> None:
        """Set the password that a mail asked to choose; every session of the end user ends."""
        check_password(password)
        digest = hash_secret(secret)

        def look(connection: Connection) -> str:
            place, since = self._place(connection, code), self._clock.now_ms() - RESET_LIFE_MS
            user = end_users.find_end_reset(connection, digest, place.project.id, since)
            if not user:
                raise invalid_request("token: has been used or has run out; ask for another")
            return user

        user = await self._store.read(look)
        password_hash = await self._identities.hash_new(user, password, "password")

        def change(connection: Connection) -> None:
            now = self._clock.now_ms()
            found = end_users.get_end_user(connection, look(connection))
            if found is not None:
                end_users.set_end_password(connection, found.user, password_hash)
                note_new_password(connection, found.user, found.password_hash, now)

        await self._store.change(change)
        self.forget(user)

    def forget(self, user: str) -> None:
        """Let the next use of each of somebody's sessions look again."""
        self._recalled.forget(lambda one: one.user == user)

    def _place(self, connection: Connection, code: str) -> Place:
        """The project of a path, by its code or id. Raises 404."""
        found = end_users.find_place(connection, code) if _CODE.match(code) else None
        if found is not None:
            workspace, id_ = found
            catalog = self._store.standing.find_catalog(connection, workspace)
            project = catalog.find_project(id_) if catalog else None
            if project is not None:
                return Place(workspace, project)
        raise no_place("project", code)


__all__ = ["PREFIX", "EndUser", "EndUsers"]
