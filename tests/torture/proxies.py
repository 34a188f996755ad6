"""A wire to PostgreSQL that is cut in the middle of a COMMIT, before it arrives or after."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import socket
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from hikidashi.core.commands import Entry, Op, WriteItem

from .doors import StoreDoor
from .kills import Summary, check_database, prepare
from .ledger import Attempt, Ledger
from .world import ORDERS, PROJECT, make_engine, make_store

SOCKET = ".s.PGSQL.5432"
LATE_SECONDS = 0.2  # how much later the server sees the COMMIT of a client that has gone
Cut = Literal["lost", "late", "unanswered"]
CUTS: tuple[Cut, ...] = ("lost", "late", "unanswered")


class Wire:
    """A socket that passes everything on, until it is told to cut the next COMMIT.

    lost: the server never sees it; late: the server sees it after the client has given up;
    unanswered: it is carried out and the answer is lost.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._server = f"{parse_qs(parts.query)['host'][0]}/{SOCKET}"
        self._folder = Path(tempfile.mkdtemp(prefix="hkd-wire-"))
        self.url = f"{parts.scheme}://{parts.netloc}{parts.path}?host={self._folder}"
        self.cut: Cut | None = None
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{self._folder}/{SOCKET}")
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                threading.Thread(target=self._serve, args=(client, server), daemon=True).start()

    def _serve(self, client: socket.socket, server: socket.socket) -> None:
        """Both ways; closed when neither is used any more, as its number may then be another's."""
        down = threading.Thread(target=_pass_on, args=(server, client), daemon=True)
        down.start()
        with client, server:
            self._up(client, server)
            down.join(60)

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        """From the client to the server."""
        with contextlib.suppress(OSError):
            while data := client.recv(1 << 16):
                cut, is_commit = self.cut, b"COMMIT" in data
                if cut is None or not is_commit:
                    server.sendall(data)
                    continue
                self.cut = None
                _end(client)
                if cut == "late":
                    time.sleep(LATE_SECONDS)
                if cut != "lost":
                    server.sendall(data)
                time.sleep(1.0)  # a server notices that its client has gone in its own time
                break
        _end(server)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    _end(target)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


async def cut_commits(url: str, *, turns: int, seed: int) -> Summary:
    """What is answered to a write whose COMMIT was cut is what came of it."""
    rng = random.Random(seed)
    world = await prepare(url, rng)
    ledger = Ledger()
    summary = Summary("commits cut on the wire to postgresql", seed)
    wire = Wire(url)
    store = make_store(make_engine(wire.url), rng, writers=1)
    await store.open()
    door = StoreDoor(store, world.me)
    answers: Counter[str] = Counter()
    try:
        for turn in range(turns):
            cut = CUTS[turn % len(CUTS)]
            for mark, wanted in ((f"{cut}-{turn}", cut), (f"after-{turn}", None)):
                attempt = _new(mark)
                ledger.begin(attempt)
                wire.cut = wanted
                ledger.end(attempt, await door.send(attempt.command))
                answers[f"{wanted}: {attempt.reply.status} {attempt.reply.verdict.value}"] += 1
            summary.turns += 1
        await asyncio.sleep(LATE_SECONDS)
    finally:
        await store.close()
        wire.close()
    summary.notes.append(f"answers {dict(answers)}")
    summary.problems += check_database(url, world, ledger)
    return summary.count(ledger)


def _new(mark: str) -> Attempt:
    command = WriteItem(PROJECT, Entry(Op.NEW, ORDERS, values={"name": mark}), comment=mark)
    return Attempt(mark, command, "create", [Counter({(ORDERS, "new"): 1})])
