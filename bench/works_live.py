"""The work of those who listen: how long it takes until a comment has reached a thousand of them."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast
from urllib.parse import urlencode

import uvloop

from . import bodies
from .hikidashi import MEMBER, WORLD, Hikidashi
from .load import Measure
from .servers import expect
from .stand import Stand
from .works import Run, Target, Work, make_side

LISTENERS, USERS = 1_000, 20
COMMENTS, QUICK_COMMENTS = 10, 3  # one a second
P99_MS = 200
_CONNECTING = 50  # at once
_WAIT_S = 30.0
_LAST_S = 5.0  # for the last comment to come
_HELLO = b'{"protocol":"json","version":1}\x1e'
_TICK = re.compile(rb'"comment":"tick (\d+)"')


class Ear(asyncio.Protocol):
    """One connection, read with as little effort as can be: the machine is the server's, too."""

    def __init__(self, host: str, query: str, heard: dict[int, list[float]]) -> None:
        self._host = host
        self._query = query
        self._heard = heard
        self._rest = b""
        self._is_open = False
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport = cast("asyncio.Transport", transport)
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET /hub?{self._query} HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
            "".encode()
        )

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        if self._is_open and data.startswith(b"\x89"):  # WebSocket's own ping, to be echoed
            self.transport.write(b"\x8a" + bytes([0x80 | data[1]]) + bytes(4) + data[2:])
            return
        data = self._rest + data
        for tick in _TICK.findall(data):
            self._heard[int(tick)].append(now)
        self._rest = data[data.rfind(b"\x1e") + 1 :]
        if not self._is_open and b"\r\n\r\n" in data:
            self._is_open = True
            self._rest = b""
            if not data.startswith(b"HTTP/1.1 101"):
                self.ready.set_exception(RuntimeError(f"refused: {data[:200]!r}"))
                return
            # A text frame, masked with zeros.
            self.transport.write(b"\x81" + bytes([0x80 | len(_HELLO)]) + bytes(4) + _HELLO)
        elif b"{}\x1e" in data and not self.ready.done():
            self.ready.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("the server has closed the connection"))


def make_world(folder: Path) -> Path:
    """The workspace of the other works, with more members."""
    ears = [f"ear{at}@bench.test" for at in range(USERS)]
    text = WORLD.read_text()
    users = "".join(
        f'      - {{email: {one}, name: Ear, password: "{MEMBER[1]}"}}\n' for one in ears
    )
    text = text.replace("    top_group:", f"{users}    top_group:", 1)
    text = text.replace(f"{MEMBER[0]}]", f"{', '.join([MEMBER[0], *ears])}]")
    path = folder / "ears.yaml"
    path.write_text(text)
    return path


async def _listen(url: str, tokens: list[str], heard: dict[int, list[float]]) -> list[Ear]:
    loop = asyncio.get_running_loop()
    host = url.removeprefix("http://")
    name, _, port = host.partition(":")
    turn = asyncio.Semaphore(_CONNECTING)

    async def connect(at: int) -> Ear:
        query = urlencode({"token": tokens[at % len(tokens)]})
        async with turn:
            _, ear = await loop.create_connection(lambda: Ear(host, query, heard), name, int(port))
            await asyncio.wait_for(ear.ready, _WAIT_S)
        return ear

    return await asyncio.gather(*map(connect, range(LISTENERS)))


async def _measure(server: Hikidashi, tokens: list[str], item: str, comments: int) -> Measure:
    heard: dict[int, list[float]] = {at: [] for at in range(comments)}
    sent: list[float] = []
    ears = await _listen(server.url, tokens, heard)
    path = f"{bodies.ITEMS}/histories/{item}"
    began = time.perf_counter()
    for at in range(comments):
        await asyncio.sleep(max(0.0, began + at - time.perf_counter()))
        sent.append(time.perf_counter())
        body = {"comment": f"tick {at}"}
        await asyncio.to_thread(expect, server.url, "POST", path, body, token=server.token)
    deadline = time.perf_counter() + _LAST_S
    while min(map(len, heard.values())) < LISTENERS and time.perf_counter() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    for one in ears:
        one.transport.abort()
    took = sorted((one - sent[at]) * 1_000 for at, times in heard.items() for one in times)
    wanted = LISTENERS * comments
    errors = () if len(took) == wanted else (f"{len(took)} of {wanted} events came",)
    if not took:
        return Measure(0, errors=errors)
    p99 = took[max(0, len(took) * 99 // 100 - 1)]
    return Measure(p99, statistics.median(took), p99, errors)


def _hub(server: Hikidashi, comments: int) -> Run:
    users = [(f"ear{at}@bench.test", MEMBER[1]) for at in range(USERS)]
    tokens = [
        str(expect(server.url, "POST", "/api/v0/login", {"email": one, "password": word})["token"])
        for one, word in users
    ]
    made = expect(server.url, "POST", f"{bodies.ITEMS}/new", {"item": {}}, token=server.token)
    item = str(made["item_id"])

    def run(_: float) -> Measure:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_measure(server, tokens, item, comments))

    return run


def _make_hub(stand: Stand) -> Work:
    comments = QUICK_COMMENTS if stand.is_quick else COMMENTS

    def on_sqlite() -> Run:
        url = f"sqlite:///{stand.folder}/ears.db"
        server = Hikidashi(stand.folder, url, "ears", make_world(stand.folder))
        stand.stop_at_end(server.server.stop)
        return _hub(server, comments)

    return Work(
        "hub",
        f"One comment a second on an item with {LISTENERS:,} listeners at the hub, from the request"
        " until each has it, 99 %",
        "ms",
        (make_side("hikidashi", on_sqlite),),
        (Target("", plus=P99_MS, at_least=False),),
        is_timed=False,
    )


WORKS: dict[str, Callable[[Stand], Work]] = {"hub": _make_hub}
SUMMARIES = {"hub": "how soon a comment has reached a thousand listeners"}
