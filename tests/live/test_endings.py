"""What ends a listener, and that it costs nobody else anything."""

from __future__ import annotations

import asyncio
import socket

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from hikidashi.core.limits import LISTENER_CHARS_MAX, LISTENER_MESSAGES_MAX
from hikidashi.service import live as service, live_tell
from hikidashi.service.live_channels import Wants
from hikidashi.service.live_listeners import SLOW, Listener, Message
from hikidashi.storage import tail
from tests.live.served import CARS, PROJECT, USERS, WAIT_S, Live

ANN, BOB, EVE = USERS.values()


def fresh(live: Live, user: str) -> str:
    """Another session of a user."""
    app = live.app
    token = live.run(app.identities.login(f"{user}@cars.test", f"{user}-password"))
    live._tokens[token] = token
    return token


def test_a_session_that_ends_ends_who_listens_with_it(live, car):
    token = fresh(live, "ann")

    async def run() -> None:
        async with live.hub(token) as ann, live.sse(token, f"unread_{ANN}") as sse:
            await sse.began()
            async with live.hub("ann") as other:
                await live.until(3)
                gone = await live.acall("GET", "/api/v0/users/logout", user=token)
                if gone.status != 200:
                    gone = await live.acall("POST", "/api/v0/users/logout", {}, user=token)
                assert gone.status == 200, gone.body
                await live.comment(car)  # at once: it is not told any more
                last, code = await ann.ending()
                assert last == {"type": 7, "error": "the session has ended"}
                assert code == 1000
                told = {"error": "the session has ended", "may_return": False}
                assert await sse.event() == ("end", told)
                assert await sse.block() == ""
                assert await other.comments(1) == ["hello"]
                await live.until(1)

    live.run(run())


def test_a_token_that_is_revoked_ends_who_listens_with_it(live, car):
    identities = live.app.identities
    made = live.run(identities.create_token("ears", live.identity("bob")))
    live._tokens["ears"] = made[1]

    async def run() -> None:
        async with live.hub("ears") as ears:
            await live.until(1)
            await live.comment(car)
            assert await ears.comments(1) == ["hello"]
            await identities.revoke_token(made[0])
            await live.comment(car)
            assert (await ears.ending())[0] == {"type": 7, "error": "the token was revoked"}

    live.run(run())


def test_a_session_that_is_left_idle_ends_too(live):
    token = fresh(live, "ann")

    async def run() -> None:
        async with live.hub(token) as ann:
            await live.until(1)
            session = (await live.app.identities.identify(token)).session
            await live.app.store.change(
                lambda one: one.query("UPDATE sessions SET used_at = 1 WHERE id = ?", (session,))
            )
            assert (await ann.ending())[0]["error"] == "the session has run out"

    live.run(run())


def test_a_server_that_stops_says_so(new_database, tmp_path, live):
    async def run() -> None:
        async with live.hub("ann") as ann, live.sse("bob", f"unread_{BOB}") as sse:
            await sse.began()
            await live.until(2)
            await live.app.live.stop()
            words = "the server is stopping"
            told = {"type": 7, "error": words, "allowReconnect": True}
            assert await ann.ending() == (told, 1000)
            assert await sse.event() == ("end", {"error": words, "may_return": True})
            with pytest.raises(InvalidStatus) as refused:
                async with live.hub("ann"):
                    pass
            assert refused.value.response.status_code == 503

    live.run(run())
    live.app.live._is_stopping = False


def narrow() -> socket.socket:
    """A socket that takes little at a time."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    one.setblocking(False)
    return one


async def read_all(one: ClientConnection) -> None:
    """Read until the connection is closed."""
    while True:
        await one.recv()


def test_a_slow_reader_is_dropped_and_costs_the_others_nothing(live, car, monkeypatch):
    monkeypatch.setattr(service, "CUT_S", 0.1)
    line = "x" * 10_000
    channel = f"logs_{ANN}_{PROJECT}"

    async def run() -> None:
        loop = asyncio.get_running_loop()
        with narrow() as slow, narrow() as stream:
            for one in (slow, stream):
                await loop.sock_connect(one, ("127.0.0.1", live.port))
            head = f"GET /sse?{live.query('ann', channel)} HTTP/1.1\r\nhost: x\r\n\r\n"
            await loop.sock_sendall(stream, head.encode())
            async with live.hub("ann", channel, sock=slow, max_queue=1) as one:
                async with live.hub("bob") as bob:
                    await live.until(3)
                    await overwhelm()
                    await live.comment(car)
                    assert await bob.comments(1) == ["hello"]
                    await live.until(1)  # they were cut
                with pytest.raises(ConnectionClosed):
                    await asyncio.wait_for(read_all(one.socket), WAIT_S)

    async def overwhelm() -> None:
        async with asyncio.timeout(WAIT_S):
            while len(live.app.live) > 1:
                for _ in range(64):
                    live.app.live.publish_log(ANN, PROJECT, line)
                await asyncio.sleep(0.01)

    live.run(run())


def test_who_does_not_keep_up_is_told_why():
    async def run(size: int, count: int) -> tuple[int, object]:
        listener = Listener(None, "", Wants())  # type: ignore[arg-type]
        for at in range(count):
            listener.put([Message("c", "e", "x" * size)])
            if listener.ending:
                return at, await listener.take(0)
        return count, listener.ending

    async def check() -> None:
        many = LISTENER_MESSAGES_MAX
        assert await run(1, many + 1) == (many + 1, None)
        assert await run(1, many + 2) == (many + 1, None)
        assert await run(LISTENER_CHARS_MAX // 2, 3) == (3, None)
        assert await run(LISTENER_CHARS_MAX // 2 + 1, 3) == (2, None)
        listener = Listener(None, "", Wants())  # type: ignore[arg-type]
        listener.put([Message("c", "e", "x")] * 2 * many)  # at once: it had no time to read
        assert listener.ending is None
        listener.put([Message("c", "e", "x")])
        assert listener.ending is SLOW
        assert await listener.take(0) is None

    asyncio.run(check())


def test_a_connection_that_breaks_off_is_let_go(live, car):
    async def run() -> None:
        url = f"ws://127.0.0.1:{live.port}/hub?{live.query()}"
        one = await connect(url)
        await one.send('{"protocol":"json","version":1}\x1e')
        await one.recv()
        async with live.sse("ann", f"unread_{ANN}") as sse, live.hub("bob") as bob:
            await sse.began()
            await live.until(3)
            one.transport.abort()
            sse.writer.transport.abort()
            await live.comment(car)
            assert await bob.comments(1) == ["hello"]
            await live.until(1)

    live.run(run())


def test_more_than_can_be_told_is_dropped_and_all_are_told_so(live, car, monkeypatch):
    monkeypatch.setattr(tail, "LIVE_BACKLOG_MAX", 3)

    async def run() -> None:
        async with live.hub("ann") as ann:
            await live.until(1)
            events = [(f"{at:024x}", car, at, "", CARS, "x", 0, "{}") for at in range(4)]
            live.app.store.tail.committed(events)
            last, _ = await ann.ending()
            assert (last["type"], last["allowReconnect"]) == (7, True)
            assert "too much" in last["error"]

    live.run(run())


def test_a_bug_ends_the_listeners_and_leaves_the_next_ones_well(live, car, monkeypatch):
    async def run() -> None:
        async with live.hub("ann") as ann:
            await live.until(1)
            with monkeypatch.context() as patch:
                patch.setattr(live_tell, "_entry_told", None)
                await live.comment(car)
                assert (await ann.ending())[0]["error"] == "something went wrong on the server"
        async with live.hub("ann") as ann:
            await live.until(1)
            await live.comment(car)
            assert await ann.comments(1) == ["hello"]

    live.run(run())


def test_without_listeners_nothing_is_gathered(live, car):
    live.run(live.comment(car))
    tail = live.app.store.tail
    assert not tail.is_on
    assert tail.take().events == []
