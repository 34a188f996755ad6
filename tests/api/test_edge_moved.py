"""What the edge does with a call whose user has selected another workspace meanwhile."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from hikidashi.api.edge import Edge
from hikidashi.api.exchange import Answer, Call, Handle, HttpRequest, answer_json
from hikidashi.api.hexabase_rest.envelopes import plain
from hikidashi.core.access import Identity, MovedError
from hikidashi.storage.written import note_written


class Identities:
    """Knows an outdated workspace until it is told to forget it."""

    def __init__(self) -> None:
        self.workspace = "old"

    async def identify(self, _token: str) -> Identity:
        return Identity("ann", self.workspace, session="s")

    def forget_sessions(self, user: str) -> None:
        assert user == "ann"
        self.workspace = "new"


class App:
    def __init__(self) -> None:
        self.identities = Identities()


class Deaf:
    def request_done(self, *_: Any) -> None:
        """Nothing is heard."""

    def request_crashed(self, route: str, request_id: str, error: BaseException) -> None:
        raise AssertionError(route, request_id) from error


async def once(_app: App, _request: HttpRequest, identity: Identity) -> Answer:
    if identity.workspace == "old":
        raise MovedError
    return answer_json(identity.workspace)


async def ever(_app: App, _request: HttpRequest, _identity: Identity) -> Answer:
    raise MovedError


async def writing(_app: App, _request: HttpRequest, _identity: Identity) -> Answer:
    note_written()
    raise MovedError


async def reading(app: App, request: HttpRequest, identity: Identity) -> Answer:
    assert request.chunks is not None
    assert [one async for one in request.chunks] == [b"body"]
    return await once(app, request, identity)


async def reading_late(app: App, request: HttpRequest, identity: Identity) -> Answer:
    answer = await once(app, request, identity)
    assert request.chunks is not None
    assert [one async for one in request.chunks] == [b"body"]
    return answer


def send(handle: Handle, observer: Deaf, *, streams: bool = False) -> tuple[int, Any]:
    """Call a route with such a handler."""
    call = Call(
        name="Try",
        method="POST",
        path="/api/try",
        handle=handle,
        envelope=plain,
        streams_body=streams,
        is_json=False,
    )
    edge: Any = Edge(App(), [call], observer)  # type: ignore[arg-type]
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"body"}

    async def hear(message: Any) -> None:
        sent.append(message)

    headers = [(b"authorization", b"Bearer t"), (b"content-length", b"4")]
    scope = {"type": "http", "method": "POST", "path": "/api/try", "headers": headers}
    asyncio.run(edge(scope, receive, hear))
    return sent[0]["status"], json.loads(sent[1]["body"])


@pytest.mark.parametrize(
    ("handle", "streams", "wanted"),
    [
        (once, False, 200),
        (ever, False, 503),
        (reading, True, 503),
        (reading_late, True, 200),
    ],
)
def test_a_call_is_begun_again_unless_its_body_was_begun(handle, streams, wanted):
    status, told = send(handle, Deaf(), streams=streams)
    assert status == wanted
    if status == 200:
        assert told == "new"
    else:
        assert told["description"].startswith("another workspace was selected meanwhile")


def test_a_call_that_has_written_is_never_begun_again():
    crashes: list[str] = []

    class Hearing(Deaf):
        def request_crashed(self, route: str, request_id: str, error: BaseException) -> None:
            assert isinstance(error, MovedError)
            crashes.append(route)

    status, _ = send(writing, Hearing())
    assert status == 500
    assert crashes == ["Try"]
