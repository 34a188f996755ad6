"""Secrets: passwords are hashed with argon2id, a few at a time, off the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from ..core.errors import invalid_request, unavailable
from ..core.limits import PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN
from ..core.password_policy import PasswordPolicy

T = TypeVar("T")

THREADS: Final = 2  # each hash takes 19 MB and some 20 ms of a core
WAITING_MAX: Final = 200  # beyond, a login is answered 503 instead of waiting for seconds
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Of a password nobody has, made with the same costs: what an unknown address is verified against.
NOBODY: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$TYSCQj9z0Kpe8wKOt94l/g"
    "$zkuhBzWx3NDYU/Wm9dqMPZ9pK0JeaEIN3LaU2MsAj+8"
)


def check_password(password: str) -> None:
    """Refuse a new password that is too short or too long. Raises 400."""
    if len(password) < PASSWORD_CHARS_MIN:
        raise invalid_request(f"a password has at least {PASSWORD_CHARS_MIN} characters")
    if len(password.encode(errors="replace")) > PASSWORD_BYTES_MAX:
        raise invalid_request(f"a password has at most {PASSWORD_BYTES_MAX} bytes")


def make_password(chance: bytes, policies: Sequence[PasswordPolicy]) -> str:
    """A password of 16 bytes or more of chance that each policy takes."""
    sure = "-k7"  # a sign, a letter and a digit, as the strictest pattern wants
    longest = max((one.min_length for one in policies if one.use_min_length), default=0)
    return f"{chance.hex()}{sure}".ljust(longest, "x")


def hash_secret(secret: str) -> str:
    """What is kept of an API token or project key."""
    return blake2b(secret.encode(errors="replace"), digest_size=32).hexdigest()


def hash_anonymous(project: str) -> str:
    """What is kept in place of a key's hash for those who come without one; no token has a space."""
    return hash_secret(f"anonymous {project}")


def hash_password(password: str) -> str:
    """The hash to keep. Takes some 20 ms."""
    return _HASHER.hash(password)


def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether it is the password of the hash; without a hash the time is spent all the same."""
    given = password.encode(errors="replace")
    fits = len(given) <= PASSWORD_BYTES_MAX
    try:
        matches = _HASHER.verify(password_hash or NOBODY, given[:PASSWORD_BYTES_MAX])
    except (Argon2Error, InvalidHashError):
        return False
    return matches and fits and password_hash is not None


class PasswordThreads:
    """Runs the above for the event loop, so that logins can't starve everything else."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, "password")
        self._turns = asyncio.Semaphore(THREADS)
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """`hash_password` on a thread."""
        return await self._run(lambda: hash_password(password))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """`verify_password` on a thread."""
        return await self._run(lambda: verify_password(password_hash, password))

    async def _run(self, fn: Callable[[], T]) -> T:
        if self._waiting >= WAITING_MAX:
            raise unavailable("too many logins at once; try again")
        self._waiting += 1
        try:
            async with self._turns:
                return await asyncio.get_running_loop().run_in_executor(self._pool, fn)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False)
