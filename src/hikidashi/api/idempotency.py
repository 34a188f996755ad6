"""What a request with an Idempotency-Key is remembered by."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Final

from ..core.access import Identity
from ..core.errors import FaultError, invalid_request
from ..core.plan import Result
from ..storage.idempotency import Remember, Replay
from .body import encode
from .exchange import Answer, HeaderList, HttpRequest

KEY_CHARS_MAX: Final = 255
_KEY: Final = "idempotency-key"
_REPLAYED: Final[HeaderList] = ((b"idempotent-replay", b"true"),)


def has_key(request: HttpRequest) -> bool:
    """Whether the request's answer is to be kept."""
    return request.headers.get(_KEY) is not None


def make_remember(
    request: HttpRequest, identity: Identity, answer: Callable[[Result | FaultError], Answer]
) -> Remember:
    """Who, where and key, then what was sent. Raises 400."""
    key = request.headers[_KEY]
    if not 0 < len(key) <= KEY_CHARS_MAX:
        raise invalid_request(f"an Idempotency-Key has 1 to {KEY_CHARS_MAX} characters")

    def written(outcome: Result | FaultError) -> tuple[int, str]:
        told = answer(outcome)
        return told.status, told.body.decode()

    place = encode((identity.user, request.method, request.path, key))
    sent = encode(sorted(request.query.items())) + request.body
    return Remember(_digest(place), _digest(sent), written)


def replayed(replay: Replay, headers: HeaderList = ()) -> Answer:
    """The answer that was given before, marked as such."""
    return Answer(replay.status, replay.answer.encode(), (*headers, *_REPLAYED))


def _digest(text: bytes) -> str:
    return blake2b(text, digest_size=32).hexdigest()
