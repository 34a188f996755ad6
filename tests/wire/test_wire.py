"""Recorded exchanges of the wire APIs, played on both engines; `--golden` writes them anew.

A file is a sentence, the world it plays in, and exchanges parted by `###`: a request as it is
sent, then `--- STATUS`, the headers worth telling and the answer as it is received. Ann, Bob and
Eve stand for their tokens. Each exchange happens one second after the one before it. In an answer
`<id>`, `<time>` and `<any>` stand for what differs from run to run; `<id:car>` also gives it a
name, and `<car>` stands for it from there on. `<mailed>` is what the link of the last mail ends in.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hikidashi.core.access import Identity, MovedError
from hikidashi.service import design
from hikidashi.storage import standing
from hikidashi.storage.engines import Connection
from hikidashi.storage.store import Store
from tests.api.rest import Reply, Rest
from tests.deterministic import FixedClock, fixed_ids

FOLDER = Path(__file__).parent
FILES = {path.relative_to(FOLDER).as_posix(): path for path in sorted(FOLDER.rglob("*.http"))}
WIDTH = 100
PATTERNS = {"id": "[0-9a-f]{24}", "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z", "any": ".+"}
MARK = re.compile(r"<(id|time|any)(?::(\w+))?>")
LINK = re.compile(r"://\S+[/=]([0-9a-f]{64})")
NAME = re.compile(r"<(\w+)>")
ID = re.compile(r"\b[0-9a-f]{24}\b")
USER = re.compile(r"^(Authorization: (?:Bearer )?)(ann|bob|eve)$", re.MULTILINE)
NOT_TOLD = frozenset(("content-length", "x-request-id"))
EXCHANGE = re.compile(
    r"(?P<about>(?:(?:#[^\n]*|\s*)\n)*)"
    r"(?P<head>[A-Z]+ /[^\n]*\n(?:[\w-]+:[^\n]*\n)*)\n?(?s:(?P<body>.*?))\n?"
    r"--- (?P<status>\d+)\n(?P<headers>(?:[a-z-]+: [^\n]*\n)*)\n?(?s:(?P<answer>.*))"
)


@dataclass
class Exchange:
    """A request as it stands in the file, and what is answered."""

    about: str
    head: str
    body: str
    status: str
    headers: str
    answer: str

    def __str__(self) -> str:
        body = f"\n{self.body}\n" if self.body else ""
        answer = "\n" * bool(self.headers) + f"{self.answer}\n" if self.answer else ""
        return f"{self.about}{self.head}{body}--- {self.status}\n{self.headers}{answer}"


class Mover:
    """Lets the user of each session work elsewhere once the request under way has written."""

    def __init__(self, rest: Rest, patch: pytest.MonkeyPatch) -> None:
        self._request: asyncio.Task[Any] | None = None
        self._has_moved = False
        store = rest.app.store
        self._wrap(store, "change")
        self._wrap(store, "submit")
        for place in (standing, design):
            patch.setattr(place, "load_actor", self._watched(place.load_actor))
        patch.setattr(store.standing, "get", self._watched(store.standing.get))

    async def moving(self, call: Awaitable[Reply]) -> Reply:
        """Run a request."""
        self._request, self._has_moved = asyncio.current_task(), False
        try:
            return await call
        finally:
            self._request, self._has_moved = None, False

    def _wrap(self, store: Store, name: str) -> None:
        write = getattr(store, name)

        async def wrapped(*given: Any) -> Any:
            found = await write(*given)
            self._has_moved |= asyncio.current_task() is self._request
            return found

        setattr(store, name, wrapped)

    def _watched(self, find: Callable[..., Any]) -> Callable[..., Any]:
        def watched(connection: Connection, identity: Identity, *more: Any) -> Any:
            if self._has_moved and identity.session:
                raise MovedError
            return find(connection, identity, *more)

        return watched


class Player:
    """Plays files in one world over one engine."""

    def __init__(self, rest: Rest, mover: Mover) -> None:
        self._rest = rest
        self._mover = mover
        self._world = rest.world.read_text(encoding="utf-8")
        self._known = ""  # where ids stand that are the same in each run
        self._names: dict[str, str] = {}  # what was captured, by name

    def play(self, text: str) -> str:
        """The file with what was answered in place of what should be."""
        self._rest.empty()
        self._names = {}
        self._known = self._world + text
        told = []
        for part in re.split(r"\n(?=###)", text):
            found = EXCHANGE.fullmatch(part.strip("\n") + "\n")
            assert found, f"this is no exchange:\n{part}"
            told.append(str(self._exchange(Exchange(**found.groupdict()))))
            self._rest.clock.advance(seconds=1)
        return "\n".join(told)

    def fill(self, text: str) -> str:
        """A text with the names that were given replaced by what they stand for."""
        return NAME.sub(lambda found: self._names.get(found[1], found[0]), text)

    def _read_mail(self) -> None:
        for (body,) in self._rest.rows("SELECT body FROM mails ORDER BY id"):
            for found in LINK.finditer(body):
                self._names["mailed"] = found[1]

    def _exchange(self, wanted: Exchange) -> Exchange:
        if "<mailed>" in wanted.head + wanted.body:
            self._read_mail()
        reply = self._send(self.fill(wanted.head), self.fill(wanted.body))
        headers = "".join(
            f"{name}: {value}\n"
            for name, value in sorted(reply.headers.items())
            if name not in NOT_TOLD and (name, value) != ("content-type", "application/json")
        )
        answer = ""
        if reply.body and reply.headers.get("content-type") != "application/json":
            answer = self._text(reply)
        elif reply.body:
            text = self.fill(wanted.answer)
            answer = lay_out(self._told(reply.json, json.loads(text) if text.strip() else None))
        return Exchange(wanted.about, wanted.head, wanted.body, str(reply.status), headers, answer)

    def _send(self, head: str, body: str) -> Reply:
        """As the caller's user selects another workspace as soon as something is written."""
        for name in ("ann", "bob", "eve"):
            self._rest.token(name)
        first, *lines = USER.sub(lambda one: one[1] + self._rest.token(one[2]), head).splitlines()
        method, path = first.split(" ", 1)
        pairs = (one.split(":", 1) for one in lines)
        headers = {name.lower(): value.strip() for name, value in pairs}
        token = headers.pop("authorization", "")
        if headers.get("content-type", "").startswith("multipart/"):
            body = f"{body}\n".replace("\n", "\r\n")
        call = self._rest.acall(method, path, body.encode(), token=token, headers=headers)
        reply = self._rest.run(self._mover.moving(call))
        self._rest.settle()
        return reply

    def _text(self, reply: Reply) -> str:
        """The bytes of a file; of CSV, whose lines end in CRLF, the lines."""
        text = reply.body.decode()
        if not reply.headers.get("content-type", "").startswith("text/csv"):
            return text
        assert text.endswith("\r\n")
        assert "\n" not in text.replace("\r\n", "")
        return self._named(text.replace("\r\n", "\n")[:-1])

    def _told(self, found: Any, wanted: Any) -> Any:
        """What was found, with the marks of what was wanted where they hold."""
        if isinstance(wanted, str) and MARK.search(wanted):
            return wanted if self._holds(wanted, str(found)) else found
        if isinstance(found, dict):
            there = wanted if isinstance(wanted, dict) else {}
            named = {self._named(key): one for key, one in found.items()}
            return {key: self._told(one, there.get(key)) for key, one in named.items()}
        if isinstance(found, list):
            others = [*(wanted if isinstance(wanted, list) else ()), *[None] * len(found)]
            return [self._told(one, others[at]) for at, one in enumerate(found)]
        return self._named(found) if isinstance(found, str) else found

    def _holds(self, wanted: str, found: str) -> bool:
        parts = MARK.split(wanted)  # text, kind, name, text, kind, name, text …
        pattern = re.escape(parts[0])
        for kind, text in zip(parts[1::3], parts[3::3], strict=True):
            pattern += f"({PATTERNS[kind]}){re.escape(text)}"
        matched = re.fullmatch(pattern, found)
        if matched:
            self._names |= {
                name: value
                for name, value in zip(parts[2::3], matched.groups(), strict=True)
                if name
            }
        return bool(matched)

    def _named(self, found: str) -> str:
        for name, value in self._names.items():
            if len(value) >= 24:
                found = found.replace(value, f"<{name}>")
        return ID.sub(lambda one: one[0] if one[0] in self._known else "<id>", found)


def lay_out(value: Any, indent: str = "") -> str:
    """JSON that is broken over lines only where it is long."""
    short = json.dumps(value, ensure_ascii=False)
    if len(short) + len(indent) <= WIDTH or not isinstance(value, (dict, list)):
        return short
    inner = indent + "  "
    if isinstance(value, dict):
        pairs = (
            f"{json.dumps(key, ensure_ascii=False)}: {lay_out(one, inner)}"
            for key, one in value.items()
        )
        return f"{{\n{inner}" + f",\n{inner}".join(pairs) + f"\n{indent}}}"
    return f"[\n{inner}" + f",\n{inner}".join(lay_out(one, inner) for one in value) + f"\n{indent}]"


@pytest.fixture(scope="module")
def players(new_database, tmp_path_factory) -> Iterator[dict[str, Player]]:
    """A player for each world that a file names."""
    made: dict[str, Player] = {}
    with asyncio.Runner() as runner, pytest.MonkeyPatch.context() as patch:
        rests = []
        for name in {world_of(path.read_text(encoding="utf-8")) for path in FILES.values()}:
            clock = FixedClock()
            world = FOLDER.parent / "worlds" / f"{name}.yaml"
            folder = tmp_path_factory.mktemp(name)
            files = str(folder / "files")
            ids = fixed_ids(clock)
            rests.append(Rest(new_database(folder), clock, ids, runner, world, files=files))
            made[name] = Player(rests[-1], Mover(rests[-1], patch))
        yield made
        for rest in rests:
            rest.close()


def world_of(text: str) -> str:
    """The world that a file plays in."""
    found = re.search(r"^# world: (\w+)$", text, re.MULTILINE)
    assert found, "a file names its world"
    return found[1]


@pytest.mark.parametrize("name", FILES)
def test_the_exchange_is_as_it_was_recorded(players, name, pytestconfig, engine_name):
    text = FILES[name].read_text(encoding="utf-8")
    player = players[world_of(text)]
    played = player.play(text)
    is_first = engine_name == "sqlite" or pytestconfig.getoption("--engine")
    if pytestconfig.getoption("--golden") and is_first:
        FILES[name].write_text(played, encoding="utf-8")
    else:
        assert player.fill(played) == player.fill(text)
