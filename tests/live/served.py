"""The cars, served over a socket, and clients that listen to what happens to them."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from hikidashi.cli.serve import make_server
from hikidashi.storage.engines import Connection
from tests.api.rest import Rest

END = "\x1e"
HELLO = '{"protocol":"json","version":1}' + END
WAIT_S = 20  # for what has to come; the machine may be busy
QUIET_S = 0.15  # for what must not come
USERS = {name: f"62d657fb0ac22e357f5b69c{at}" for at, name in enumerate(("ann", "bob", "eve"), 4)}
PROJECT = "62d7b261cc1351eb97f32bd7"
CARS = "62d7b36da69d9d279545cbc7"


def count_events(connection: Connection) -> int:
    """How many the outbox holds."""
    return int(connection.query("SELECT count(*) FROM outbox")[0][0])


class Live(Rest):
    """A process that listens on a port."""

    port: int

    def serve(self) -> None:
        """Begin to accept connections, on the loop of the tests."""
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        self.started = asyncio.Event()
        self.server = make_server(self.app.config, self.app, self.started.set)
        self.server.config.lifespan = "off"  # the application is open

        async def start() -> None:
            self.serving = asyncio.ensure_future(self.server._serve([listener]))
            await asyncio.wait_for(self.started.wait(), WAIT_S)

        self.run(start())

    async def relaying(self) -> None:
        """Take events from the outbox, as a process that serves does."""
        self.app.events.start()

    def stop(self) -> None:
        """Stop as on SIGTERM."""
        self.server.should_exit = True
        self.run(asyncio.wait_for(self.serving, WAIT_S))

    # -- listening -----------------------------------------------------------------------------

    def query(self, user: str = "ann", channel: str = "", **more: str) -> str:
        """What a client adds to an address."""
        given = {"token": self._tokens.get(user, user), "channel": channel, **more}
        return urlencode({key: one for key, one in given.items() if one})

    @asynccontextmanager
    async def hub(self, user: str = "ann", channel: str = "", **more: Any) -> AsyncIterator[Hub]:
        """A connection that has shaken hands."""
        url = f"ws://127.0.0.1:{self.port}/hub?{self.query(user, channel)}"
        async with connect(url, compression=None, **more) as socket_:
            await socket_.send(HELLO)
            assert await asyncio.wait_for(socket_.recv(), WAIT_S) == "{}" + END
            yield Hub(socket_)

    @asynccontextmanager
    async def sse(self, user: str = "ann", channel: str = "", **more: str) -> AsyncIterator[Sse]:
        """A stream of events that has begun."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1_000_000)
        head = f"GET /sse?{self.query(user, channel, **more)} HTTP/1.1\r\nhost: x\r\n\r\n"
        writer.write(head.encode())
        try:
            yield Sse(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def rest(self) -> None:
        """Wait until nobody listens and nothing is gathered any more."""
        await self.until(0)
        async with asyncio.timeout(WAIT_S):
            while self.app.store.tail.is_on:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def drained(self) -> None:
        """Wait until what was written before is nobody's news any more."""
        async with asyncio.timeout(WAIT_S):
            while await self.app.store.scan(count_events):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def until(self, listeners: int) -> None:
        """Wait until so many listen, or are let go."""
        async with asyncio.timeout(WAIT_S):
            while {len(self.app.live), self.app.live._held.total()} != {listeners}:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def comment(self, item: str, comment: str = "hello", user: str = "bob", **more) -> None:
        """Post a comment."""
        path = f"/items/histories/{item}"
        reply = await self.acall("POST", path, {"comment": comment, **more}, user=user)
        assert reply.status == 200, reply.body


class Hub:
    """A client of the hub."""

    def __init__(self, socket_: ClientConnection) -> None:
        self.socket = socket_
        self._records: list[str] = []

    async def record(self, seconds: float = WAIT_S) -> Any:
        """The next record."""
        while not self._records:
            text = await asyncio.wait_for(self.socket.recv(decode=True), seconds)
            assert isinstance(text, str)
            assert text.endswith(END)
            self._records = text.split(END)[:-1]
        return json.loads(self._records.pop(0))

    async def told(self) -> tuple[str, Any]:
        """The next event: its name and its data."""
        record = await self.record()
        assert record.keys() == {"type", "target", "arguments"}, record
        assert record["type"] == 1
        (data,) = record["arguments"]
        return record["target"], data

    async def comments(self, count: int) -> list[str]:
        """The comments of the next events."""
        return [(await self.told())[1]["comment"] for _ in range(count)]

    async def is_quiet(self) -> bool:
        """Nothing comes for a while."""
        try:
            await self.record(QUIET_S)
        except TimeoutError:
            return True
        return False

    async def ending(self) -> Any:
        """The last record before the connection is closed, and the code that closes it."""
        last = await self.record()
        try:
            await asyncio.wait_for(self.socket.recv(), WAIT_S)
        except ConnectionClosed as closed:
            return last, closed.rcvd.code if closed.rcvd else None
        raise AssertionError("it is not closed")


class Sse:
    """A client of a stream of events."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._blocks: list[str] = []

    async def head(self) -> tuple[int, dict[str, str]]:
        """Status and headers."""
        raw = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), WAIT_S)
        first, *lines = raw.decode().strip().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        return int(first.split()[1]), headers

    async def began(self) -> None:
        """It has begun."""
        status, headers = await self.head()
        assert (status, headers["content-type"]) == (200, "text/event-stream")
        assert await self.block() == ": listening"

    async def block(self) -> str:
        """The next block; "" at the end."""
        while not self._blocks:
            size = int(await asyncio.wait_for(self.reader.readline(), WAIT_S), 16)
            text = (await self.reader.readexactly(size)).decode()
            await self.reader.readline()
            if not size:
                return ""
            assert text.endswith("\n\n")
            self._blocks = text.split("\n\n")[:-1]
        return self._blocks.pop(0)

    async def event(self) -> tuple[str, Any]:
        """The next event: its name and its data."""
        name, data = (await self.block()).split("\n")
        return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))
