"""Works of what follows writes: what the relay costs those who write, and how fast webhooks are told."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

from . import bodies
from .hikidashi import WORLD, Hikidashi
from .load import Load, Measure, Pool
from .stand import Stand
from .works import Target, Work, make_load, make_side

TOLD = 3_000  # updates of a round
SECONDS_MAX = 60.0
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


class Receiver:
    """Counts what comes to a port of its own, on a thread of its own."""

    def __init__(self) -> None:
        self.count = 0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._is_up = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()
        self._is_up.wait()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        serving = self._loop.create_server(lambda: _Counting(self), "127.0.0.1", 0)
        server = self._loop.run_until_complete(serving)
        self.port = server.sockets[0].getsockname()[1]
        self._is_up.set()
        self._loop.run_forever()

    def stop(self) -> None:
        """Be gone."""
        self._loop.call_soon_threadsafe(self._loop.stop)


class _Counting(asyncio.Protocol):
    """One connection to a receiver: as little work as a server can do."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer each message that is whole."""
        self._held += data
        while (end := self._held.find(b"\r\n\r\n") + 4) > 3:
            length = self._held[:end].lower().partition(b"content-length:")[2]
            end += int(length.partition(b"\r\n")[0])
            if len(self._held) < end:
                return
            self._held = self._held[end:]
            self._receiver.count += 1
            self._transport.write(_ANSWER)


def _write_told(folder: Path, port: int) -> Path:
    """A file of the same workspace in which a webhook is told of orders."""
    hook = f'            webhooks: [{{display_id: bell, url: "http://127.0.0.1:{port}/"}}]\n'
    mark = "          - display_id: lines\n"
    path = folder / "told.yaml"
    path.write_text(WORLD.read_text("utf-8").replace(mark, hook + mark, 1), "utf-8")
    return path


def _receiver(stand: Stand) -> Receiver:
    def make() -> Receiver:
        made = Receiver()
        stand.stop_at_end(made.stop)
        return made

    return stand.once("receiver", make)


def _server(stand: Stand, name: str, world: Path = WORLD, **settings: str) -> Hikidashi:
    def make() -> Hikidashi:
        url = f"sqlite:///{stand.folder}/{name}.db"
        made = Hikidashi(stand.folder, url, name, world, settings)
        stand.stop_at_end(made.server.stop)
        return made

    return stand.once(name, make)


def _update(stand: Stand, server: Hikidashi) -> Load:
    paths = [f"{bodies.ITEMS}/edit/{one}" for one in stand.orders_of(server)]
    wanted = ['"error":""', '"IsChanged":true']
    pool = Pool("POST", paths, bodies.updates(bare=False), wanted=wanted)
    return make_load(stand, server, f"{server.name}-update", pool)


def _make_relay(stand: Stand) -> Work:
    return Work(
        "relay",
        "UpdateItem beside the relay, which takes every event and finds that nobody wants it",
        "updates/s",
        (
            make_side("hikidashi", lambda: _update(stand, _server(stand, "relay-on")).run),
            make_side(
                "without the relay",
                lambda: _update(stand, _server(stand, "relay-off", HIKIDASHI_RELAY="off")).run,
            ),
        ),
        (Target("without the relay", 0.9),),
    )


def _told(stand: Stand) -> Hikidashi:
    receiver = _receiver(stand)
    world = _write_told(stand.folder, receiver.port)
    return _server(stand, "told", world, HIKIDASHI_WEBHOOK_NETWORKS="127.0.0.0/8")


def _make_webhooks(stand: Stand) -> Work:
    def prepare() -> Callable[[float], Measure]:
        server, receiver = _told(stand), _receiver(stand)
        load = _update(stand, server)
        _wait(receiver)

        def run(_seconds: float) -> Measure:
            before = receiver.count
            written = load.send(TOLD)
            held, began = receiver.count, time.perf_counter()
            until = began + SECONDS_MAX
            while receiver.count < before + TOLD and time.perf_counter() < until:
                time.sleep(0.005)
            told = receiver.count - before
            missing = () if told >= TOLD else (f"{told} of {TOLD} came",)
            seconds = time.perf_counter() - began
            rate = (receiver.count - held) / seconds
            return replace(Measure(rate), errors=(*written.errors, *missing))

        return run

    return Work(
        "webhooks",
        f"A webhook on this machine told of what is left of {TOLD} updates when they are written",
        "told/s",
        (make_side("hikidashi", prepare),),
        (Target("", plus=2_000),),
        is_timed=False,
    )


def _make_beside(stand: Stand) -> Work:
    def prepare() -> Callable[[float], Measure]:
        load, receiver = _update(stand, _told(stand)), _receiver(stand)
        _wait(receiver)

        def run(seconds: float) -> Measure:
            written = load.run(seconds)
            _wait(receiver)  # what is left to be told is in nobody's way
            return written

        return run

    return Work(
        "beside-webhooks",
        "UpdateItem whose every write a webhook on this machine is told of",
        "updates/s",
        (
            make_side("hikidashi", prepare),
            make_side("without a webhook", lambda: _update(stand, _server(stand, "relay-on")).run),
        ),
        (Target("without a webhook", 0.9),),
    )


def _wait(receiver: Receiver) -> None:
    """Until nothing more comes: items are made before they are measured."""
    before = -1
    while receiver.count != before:
        before = receiver.count
        time.sleep(1.0)


WORKS: dict[str, Callable[[Stand], Work]] = {
    "relay": _make_relay,
    "webhooks": _make_webhooks,
    "beside-webhooks": _make_beside,
}
SUMMARIES = {
    "relay": "UpdateItem with and without the relay of events",
    "beside-webhooks": "UpdateItem with and without a webhook",
    "webhooks": "events told to a webhook on this machine a second",
}
