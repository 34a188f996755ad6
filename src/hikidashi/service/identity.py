"""Who calls: logins, sessions, API tokens and project keys."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from ..core.access import Identity
from ..core.errors import (
    WRONG_LOGIN,
    FaultError,
    FaultKind,
    expired_password,
    forbidden,
    invalid_request,
    no_place,
    unauthorized,
    wrong_login,
)
from ..core.ids import Clock, IdSource, is_id
from ..core.limits import (
    SESSION_IDLE_MS,
    TOKEN_LIFE_MS,
)
from ..core.password_rules import Lockout, find_weakness, is_expired, lockout, same_limit
from ..storage import people
from ..storage.accounts import (
    find_some_policy,
    list_password_hashes,
    list_policies,
    password_set_at,
)
from ..storage.audit import Author
from ..storage.engines import Connection
from ..storage.people import Account, Membership, Session
from ..storage.people_state import ProjectKey
from ..storage.store import Store
from .credentials import BY_OPERATOR, Credentials
from .guesses import Guesses
from .passwords import (
    check_password,
    hash_password,
    hash_secret,
    verify_password,
)
from .recalled import Known, Recalled
from .session_use import SessionUse, has_run_out

API_TOKEN: Final = "api"  # noqa: S105  the two kinds of long-lived secrets
PROJECT_KEY: Final = "project"
ANONYMOUS: Final = "anonymous"  # what comes to a project without a secret
OPEN_CALL: Final = "open"  # a call that needs no secret: what is hashed is its method and address
_SECRET_PREFIX: Final = "hk_"  # noqa: S105  tells a leaked token from other people's
_TOKEN_CHARS_MAX: Final = 2_048
_ADDRESS_CHARS_MAX: Final = 320
_ALGORITHM: Final = "HS256"


def _lockout_of(connection: Connection, account: Account | None, digest: str) -> Lockout:
    """How often somebody may guess. An address that nobody has, or somebody in no workspace, is
    like one of some workspace, and always of the same one, so that the answers do not tell who has
    an account; the same is read for every address."""
    own = list_policies(connection, account.user if account else "")
    some = find_some_policy(connection, int(digest[:8], 16))
    return lockout(own or some)


class Identities:
    """Turns what a client shows into an identity, and says who may come in."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: IdSource,
        chance: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._chance = chance
        self.guesses = Guesses(store, clock)
        self._passwords = self.guesses.passwords
        self._signing_key: OctKey | None = None
        self._recalled = Recalled(clock)
        self._use = SessionUse(store, self._recalled)

    # -- tokens --------------------------------------------------------------------------------

    async def identify(self, token: str) -> Identity:
        """Whom a session's token or an API token stands for. Raises 401."""
        if " " in token:  # what is known of keys and open calls bears a space in its name
            raise unauthorized("the token or key is not one of this server")
        check = self._check_session if token.count(".") == 2 else self._check_api_token
        return await self._recalled.identify(token, check)

    async def identify_key(self, secret: str) -> Identity:
        """Whom a project key stands for: a bot of that project. Raises 401."""
        name = f"{PROJECT_KEY} {secret}"
        return await self._recalled.identify(name, self._check_project_key)

    async def identify_open(self, method: str, url: str) -> Identity | None:
        """Whom a call stands for that was opened to everybody; None if it was not."""
        name = f"{OPEN_CALL} {method} {url}"
        try:
            return await self._recalled.identify(name, self._check_open_call)
        except FaultError as fault:
            if fault.kind is not FaultKind.UNAUTHORIZED:
                raise
            return None

    async def _check_session(self, token: str) -> Identity:
        known = self._recalled.find(token)
        if known is not None:
            session_id, user = known.identity.session, known.identity.user
        else:
            session_id, user = await self._read_claims(token)
        forgotten = self._recalled.times_forgotten
        session = await self._store.read(lambda one: people.find_session(one, session_id))
        now = self._clock.now_ms()
        if session is None or session.user != user:
            raise unauthorized("the session has ended; log in again")
        if has_run_out(session, self._use.last(token, session), now):
            raise unauthorized("the session has run out; log in again")
        identity = Identity(user, session.workspace, session=session_id)
        touched_at = self._use.note(
            token, session, now, lambda one: people.touch_session(one, session_id, now)
        )
        self._recalled.remember(token, Known(identity, now, touched_at), forgotten)
        return identity

    async def _read_claims(self, token: str) -> tuple[str, str]:
        """The session and the user that a JWT of ours names. Raises 401."""
        if len(token) > _TOKEN_CHARS_MAX:
            raise unauthorized("the token is not one of this server")
        key = await self._key()
        try:
            claims = jwt.decode(token, key, algorithms=[_ALGORITHM]).claims
        except (JoseError, ValueError, TypeError):
            raise unauthorized("the token is not one of this server") from None
        session, user, expires = claims.get("jti"), claims.get("sub"), claims.get("exp")
        if not (isinstance(session, str) and isinstance(user, str) and isinstance(expires, int)):
            raise unauthorized("the token is not one of this server")
        if self._clock.now_ms() >= expires * 1000:
            raise unauthorized("the token has run out; log in again")
        return session, user

    async def _key(self) -> OctKey:
        """The signing key: a row of the database, made by whichever process comes first."""
        if self._signing_key is None:
            proposed = self._chance(32).hex()
            kept = await self._store.change(
                lambda connection: people.keep_secret(connection, "jwt_secret", proposed)
            )
            self._signing_key = OctKey.import_key(bytes.fromhex(kept))
        return self._signing_key

    async def _check_api_token(self, token: str) -> Identity:
        return await self._check_secret(token, token, API_TOKEN)

    async def _check_project_key(self, name: str) -> Identity:
        return await self._check_secret(name, name.partition(" ")[2], PROJECT_KEY)

    async def _check_open_call(self, name: str) -> Identity:
        return await self._check_secret(name, name, OPEN_CALL)

    async def _check_secret(self, name: str, secret: str, kind: str) -> Identity:
        digest = hash_secret(secret)
        forgotten = self._recalled.times_forgotten
        identity = await self._store.read(lambda one: people.find_token(one, digest, kind))
        if identity is None:
            raise unauthorized("the token or key is not one of this server")
        self._recalled.remember(name, Known(identity, self._clock.now_ms(), 0), forgotten)
        return identity

    def forget_tokens(self) -> None:
        """Let the next use of each token and key look again."""
        self._recalled.forget(lambda one: not one.session)

    def forget_sessions(self, user: str) -> None:
        """Let the next use of each of the user's sessions look again."""
        self._recalled.forget(lambda one: one.user == user and bool(one.session))

    # -- logging in and out --------------------------------------------------------------------

    async def login(
        self, email: str, password: str, exclusive: str = "", *, is_code: bool = False
    ) -> str:
        """A token for a user. Raises 401 in the same time whether the address exists or not, and
        423 after too many failures for the address typed.

        `is_code`: a user code was typed in place of an address; `exclusive`: the workspace of
        which alone the user is.
        """
        address = email.strip()
        fits = 0 < len(address) <= _ADDRESS_CHARS_MAX and "\0" not in address
        if not fits or (exclusive and not is_id(exclusive)):
            await self._passwords.verify(None, password)
            raise wrong_login()
        beside = f" {exclusive} {is_code}" if exclusive or is_code else ""
        digest = hash_secret(address.lower() + beside)

        def look(connection: Connection) -> tuple[Account | None, Lockout]:
            account = people.find_account(connection, address, exclusive, is_code=is_code)
            return account, _lockout_of(connection, account, digest)

        async with self.guesses.turn(digest):
            account = await self.guesses.verify(digest, password, look)
            await self._check_age(account)
            return await self._begin_session(account, digest)

    async def _check_age(self, account: Account) -> None:
        """Raises 403 if the password has to be another one by now."""
        now = self._clock.now_ms()

        def look(connection: Connection) -> bool:
            policies = list_policies(connection, account.user)
            return is_expired(policies, password_set_at(connection, account.user), now)

        if await self._store.read(look):
            raise expired_password()

    async def _begin_session(self, account: Account, digest: str) -> str:
        key = await self._key()
        now = self._clock.now_ms()
        expires_at = now + TOKEN_LIFE_MS
        session = self._ids.next_id()

        def begin(connection: Connection) -> None:
            people.forget_login_failures(connection, digest)
            people.insert_session(
                connection, session, account.user, now, expires_at, SESSION_IDLE_MS
            )

        await self._store.change(begin)
        claims = {
            "sub": account.user,
            "un": account.name,
            "jti": session,
            "exp": expires_at // 1000,
        }
        return jwt.encode({"alg": _ALGORITHM}, claims, key)

    async def logout(self, identity: Identity) -> None:
        """End the session, here at once and in every other process within two seconds."""
        if not identity.session:
            raise forbidden("an API token can't log out; revoke it instead")
        await self._store.change(lambda one: people.end_session(one, identity.session))
        self._recalled.forget(lambda one: one.session == identity.session)

    # -- passwords -----------------------------------------------------------------------------

    async def prove(self, identity: Identity, password: str) -> None:
        """Whoever calls knows the password. Raises 400 if not, 423 after too many failures."""
        digest = hash_secret(f"user {identity.user}")

        def look(connection: Connection) -> tuple[Account | None, Lockout]:
            account = people.get_account(connection, identity.user)
            return account, _lockout_of(connection, account, digest)

        async with self.guesses.turn(digest):
            try:
                await self.guesses.verify(digest, password, look)
            except FaultError as fault:
                if fault.kind is FaultKind.LOCKED or fault.faults[0].error != WRONG_LOGIN:
                    raise
                raise invalid_request("the old password is wrong") from None
            await self._store.change(lambda one: people.forget_login_failures(one, digest))

    async def begin(self, user: str) -> str:
        """A token for a user who has just proved to be it."""
        account = await self._store.read(lambda one: people.get_account(one, user))
        return await self._begin_session(account, hash_secret(account.email.lower()))

    async def hash_new(self, user: str, new: str, key: str = "new_password") -> str:
        """The hash of a password that the user may have. Raises 400 for one that may not be."""
        check_password(new)

        def read(connection: Connection) -> tuple[str, list[str]]:
            policies = list_policies(connection, user)
            limit = same_limit(policies)
            last = list_password_hashes(connection, user, limit) if limit else []
            return find_weakness(policies, new), last

        weakness, last = await self._store.read(read)
        if weakness:
            raise invalid_request(f"{key}: {weakness}")
        for one in last:
            if await self._passwords.verify(one, new):
                raise invalid_request(f"{key}: is one of the last {len(last)} passwords")
        return await self._passwords.hash(new)

    async def change_password(self, identity: Identity, old: str, new: str) -> None:
        """Set one's own password. Raises 400 if the old one is wrong, 423 after many such tries;
        every session ends."""
        if not identity.session:
            raise forbidden("an API token can't change a password")
        check_password(new)
        await self.prove(identity, old)
        await self.set_password(identity.user, new, Author("api", identity.user))

    async def set_password(self, user: str, new: str, author: Author = BY_OPERATOR) -> None:
        """Set a user's password; every session of the user ends. Raises 400 for one that may not
        be, under the policies of the user's workspaces."""
        password_hash = await self.hash_new(user, new)
        await self._store.change(
            lambda one: self._credentials(one, author).set_password(user, password_hash)
        )
        self.forget_sessions(user)

    async def hash_passwords(self, passwords: Sequence[str]) -> list[str]:
        """What is to be kept of passwords; takes some 20 ms each."""
        return [await self._passwords.hash(one) for one in passwords]

    def new_secret(self) -> str:
        """Something that nobody guesses."""
        return self._chance(32).hex()

    def new_key(self) -> tuple[str, str]:
        """A secret that is known to be ours where it is found, and its hash."""
        secret = _SECRET_PREFIX + self._chance(32).hex()
        return secret, hash_secret(secret)

    # -- API tokens ----------------------------------------------------------------------------

    async def create_token(
        self, name: str, identity: Identity, author: Author = BY_OPERATOR
    ) -> tuple[str, str]:
        """An API token that stands for an identity: its id, and the secret, told only now."""
        secret, digest = self.new_key()
        id_ = await self._make_token(API_TOKEN, digest, name, identity, author)
        return id_, secret

    async def open_call(self, method: str, url: str, identity: Identity) -> str:
        """Open a call to everybody, with an identity's rights; its id. Raises 400 if it is open."""
        name = f"{method} {url}"
        digest = hash_secret(f"{OPEN_CALL} {name}")
        return await self._make_token(OPEN_CALL, digest, name, identity, BY_OPERATOR)

    async def _make_token(
        self, kind: str, digest: str, name: str, identity: Identity, author: Author
    ) -> str:
        token = ProjectKey(
            id=self._ids.next_id(),
            hash=digest,
            name=name,
            user=identity.user,
            workspace=identity.workspace,
            project=identity.project,
            may_write=identity.may_write,
            kind=kind,
        )
        await self._store.change(lambda one: self._credentials(one, author).make_token(token))
        return token.id

    async def revoke_token(self, id_: str, author: Author = BY_OPERATOR) -> bool:
        """End a token or project key; False if there was none. Seen everywhere in two seconds."""
        found = await self._store.change(lambda one: self._credentials(one, author).revoke(id_))
        self.forget_tokens()
        return found

    async def change_token(
        self, id_: str, name: str = "", author: Author = BY_OPERATOR, *, may_write: bool | None
    ) -> bool:
        """Another name or right to write; False if there is none. Seen everywhere in two seconds."""
        found = await self._store.change(
            lambda one: self._credentials(one, author).change_token(
                id_, name=name, may_write=may_write
            )
        )
        self.forget_tokens()
        return found

    def _credentials(self, connection: Connection, author: Author) -> Credentials:
        return Credentials(connection, self._store.engine, author, self._ids, self._clock.now_ms())

    # -- the user ------------------------------------------------------------------------------

    async def account(self, identity: Identity) -> Account:
        """The user of an identity. Raises 401 if it is gone."""
        return await self._store.read(lambda one: people.get_account(one, identity.user))

    async def workspaces(self, identity: Identity) -> list[Membership]:
        """The workspaces that the user belongs to; for a token, its own."""
        found = await self._store.read(lambda one: people.list_memberships(one, identity.user))
        if identity.session:
            return found
        return [one for one in found if one.workspace == identity.workspace]

    async def current_workspace(self, identity: Identity) -> str:
        """The workspace that the user works in now, wherever it was selected; a token's own."""
        if not identity.session:
            return identity.workspace
        session = await self._store.read(lambda one: people.find_session(one, identity.session))
        return session.workspace if session is not None else identity.workspace

    async def select_workspace(self, identity: Identity, workspace: str) -> None:
        """Work in another workspace. Raises 404 if the user is not in it."""
        if not identity.session:
            raise forbidden("an API token stays in its workspace")
        if not is_id(workspace) or not await self._store.change(
            lambda one: people.set_current_workspace(one, identity.user, workspace)
        ):
            raise no_place("workspace", workspace)
        self.forget_sessions(identity.user)

    def close(self) -> None:
        """Let the password threads go."""
        self._passwords.close()


__all__ = [
    "ANONYMOUS",
    "API_TOKEN",
    "PROJECT_KEY",
    "Account",
    "Identities",
    "Membership",
    "Session",
    "check_password",
    "hash_password",
    "hash_secret",
    "verify_password",
]
