"""Mixed writes of several clients: what they ask for is drawn from a seed."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from hikidashi.core.commands import AddLink, Command, Entry, Op, RemoveLinks, TakeNumber, WriteItem

from .ledger import Attempt, Ledger, Reply, Verdict
from .world import LINES, ORDERS, PROJECT

CODES = 24  # unique values that all clients fight for
BRANCHES = ("a", "b", "c")


class Door(Protocol):
    """A way to the server."""

    async def send(self, command: Command, key: str = "") -> Reply:
        """Ask for a write; always a reply, also when the connection is lost."""


class Load:
    """Draws writes, sends them, notes the answers."""

    def __init__(self, seed: int, ledger: Ledger, name: str = "", hot: int = 0) -> None:
        self.ledger = ledger
        self.rng = random.Random(seed)
        self.alive: dict[str, list[str]] = {ORDERS: [], LINES: []}
        self.revs: dict[str, int] = {}
        self._name = name
        self._hot = hot  # > 0: updates go to so many items, so that clients meet
        self._count = 0
        kinds: tuple[tuple[int, Callable[[str], Attempt | None]], ...] = (
            (20, self._create),
            (4, self._create_that_aborts),
            (4, self._create_in_part),
            (8, self._create_line),
            (14, self._update_by_revision),
            (14, self._update_by_force),
            (10, self._update_with_related),
            (10, self._hand_over),
            (7, self._take_number),
            (4, self._add_link),
            (2, self._remove_links),
            (3, self._delete),
        )
        self._makers = [make for _, make in kinds]
        self._weights = [weight for weight, _ in kinds]

    async def client(self, door: Door, until: Callable[[], bool], most: int = 1 << 30) -> None:
        """Send one write after another until told to stop or a connection is lost."""
        for _ in range(most):
            if until():
                return
            attempt = self.next()
            if not await self.send(door, attempt):
                return
            if attempt.reply.status == 503:  # retry-after, in small
                await asyncio.sleep(0.02)

    async def send(self, door: Door, attempt: Attempt) -> bool:
        """Send an attempt; False if there was no answer at all."""
        self.ledger.begin(attempt)
        reply = await door.send(attempt.command, attempt.key)
        self.ledger.end(attempt, reply)
        self._learn(attempt, reply)
        return reply.status != 0

    def next(self) -> Attempt:
        """Draw the next write."""
        while True:
            self._count += 1
            mark = f"{self._name}w{self._count}"
            (make,) = self.rng.choices(self._makers, self._weights)
            attempt = make(mark)
            if attempt is not None:
                if self.rng.random() < 0.5:
                    attempt.key = mark
                return attempt

    def _learn(self, attempt: Attempt, reply: Reply) -> None:
        if reply.verdict is not Verdict.DONE or not reply.item:
            if reply.status == 409 and attempt.item:  # somebody was quicker: guess again
                self.revs[attempt.item] = self.revs.get(attempt.item, 1) + 1
            return
        if attempt.kind.startswith("create"):
            datastore = LINES if attempt.kind == "create line" else ORDERS
            self.alive[datastore].append(reply.item)
            self.revs[reply.item] = 1
        elif attempt.kind == "delete":
            for items in self.alive.values():
                if reply.item in items:
                    items.remove(reply.item)
        elif reply.rev:
            self.revs[reply.item] = max(reply.rev, self.revs.get(reply.item, 0))

    def _pick(self, datastore: str) -> str:
        items = self.alive[datastore]
        if not items:
            return ""
        return self.rng.choice(items[: self._hot] if self._hot else items)

    def _code(self) -> str:
        return f"code-{self.rng.randrange(CODES)}"

    # -- what is asked for -----------------------------------------------------------------

    def _child(self, name: str, amount: object) -> tuple[str, dict[str, object], Entry]:
        values: dict[str, object] = {"name": name, "amount": amount, "note": f"note of {name}"}
        entry = Entry(Op.NEW, LINES, values=values, link_to_parent=self.rng.random() < 0.5)
        return name, values, entry

    def _create(self, mark: str) -> Attempt:
        count = self.rng.randrange(4)
        children = [self._child(f"{mark}.{at}", at) for at in range(count)]
        values = {"name": mark, "amount": self.rng.randrange(1_000), "note": "n" * (count * 40)}
        entry = Entry(Op.NEW, ORDERS, values=values, related=tuple(one[2] for one in children))
        return Attempt(
            mark,
            WriteItem(PROJECT, entry, comment=mark, all_or_nothing=True),
            "create",
            [Counter({(ORDERS, "new"): 1, (LINES, "new"): count})],
            children={name: values for name, values, _ in children},
        )

    def _create_that_aborts(self, mark: str) -> Attempt:
        good, bad = self._child(f"{mark}.0", 1), self._child(f"{mark}.1", "12x")
        entry = Entry(Op.NEW, ORDERS, values={"name": mark}, related=(good[2], bad[2]))
        command = WriteItem(PROJECT, entry, comment=mark, all_or_nothing=True)
        return Attempt(mark, command, "create aborted", [], must_fail=True)

    def _create_in_part(self, mark: str) -> Attempt:
        good, bad = self._child(f"{mark}.0", 1), self._child(f"{mark}.1", "12x")
        entry = Entry(Op.NEW, ORDERS, values={"name": mark}, related=(bad[2], good[2]))
        return Attempt(
            mark,
            WriteItem(PROJECT, entry, comment=mark),
            "create in part",
            [Counter({(ORDERS, "new"): 1, (LINES, "new"): 1})],
            children={good[0]: good[1]},
        )

    def _create_line(self, mark: str) -> Attempt:
        values: dict[str, object] = {"name": mark, "amount": 0.5}
        if self.rng.random() < 0.3:
            values["code"] = self._code()
        entry = Entry(Op.NEW, LINES, values=values)
        shape = Counter({(LINES, "new"): 1})
        return Attempt(mark, WriteItem(PROJECT, entry, comment=mark), "create line", [shape])

    def _update(
        self,
        mark: str,
        kind: str,
        datastore: str,
        item: str,
        values: dict[str, object],
        force: bool,
    ) -> Attempt:
        revision = None if force else self.revs.get(item, 1)
        entry = Entry(Op.UPDATE, datastore, item, values=values, revision=revision)
        command = WriteItem(PROJECT, entry, comment=mark, force=force)
        shape = Counter({(datastore, "update"): 1})
        return Attempt(mark, command, kind, [shape], item=item)

    def _update_by_revision(self, mark: str) -> Attempt | None:
        datastore = self.rng.choice((ORDERS, LINES))
        item = self._pick(datastore)
        values: dict[str, object] = {"amount": self.rng.randrange(1_000), "note": mark}
        return self._update(mark, "update", datastore, item, values, False) if item else None

    def _update_by_force(self, mark: str) -> Attempt | None:
        datastore = self.rng.choice((ORDERS, LINES))
        item = self._pick(datastore)
        values: dict[str, object] = {"name": mark, "note": self.rng.choice((None, mark))}
        return self._update(mark, "force", datastore, item, values, True) if item else None

    def _hand_over(self, mark: str) -> Attempt | None:
        item = self._pick(ORDERS)
        code = self._code() if self.rng.random() < 0.6 else None
        return self._update(mark, "code", ORDERS, item, {"code": code}, True) if item else None

    def _update_with_related(self, mark: str) -> Attempt | None:
        """A parent, a new child, another one changed and linked: all or nothing."""
        item, line, other = self._pick(ORDERS), self._pick(LINES), self._pick(LINES)
        if not item or not line or not other:
            return None
        child = self._child(f"{mark}.0", 7)
        related = (
            child[2],
            Entry(Op.UPDATE, LINES, line, values={"amount": self.rng.randrange(99)}),
            Entry(Op.LINK, LINES, other),
        )
        entry = Entry(Op.UPDATE, ORDERS, item, values={"note": mark}, related=related)
        return Attempt(
            mark,
            WriteItem(PROJECT, entry, comment=mark, force=True, all_or_nothing=True),
            "update related",
            [Counter({(ORDERS, "update"): 1, (LINES, "new"): 1, (LINES, "update"): 1})],
            item=item,
            children={child[0]: child[1]},
        )

    def _take_number(self, mark: str) -> Attempt:
        command = TakeNumber(PROJECT, ORDERS, "serial", self.rng.choice(BRANCHES))
        return Attempt(mark, command, "number", [Counter()])

    def _add_link(self, mark: str) -> Attempt | None:
        item, other = self._pick(ORDERS), self._pick(LINES)
        if not item or not other:
            return None
        command = AddLink(PROJECT, ORDERS, item, LINES, other)
        return Attempt(mark, command, "link", [Counter()])

    def _remove_links(self, mark: str) -> Attempt | None:
        item = self._pick(ORDERS)
        command = RemoveLinks(PROJECT, ORDERS, item, LINES)
        return Attempt(mark, command, "unlink", [Counter()]) if item else None

    def _delete(self, mark: str) -> Attempt | None:
        datastore = self.rng.choice((ORDERS, LINES))
        if self._hot or len(self.alive[datastore]) < 8:
            return None
        item = self._pick(datastore)
        command = WriteItem(PROJECT, Entry(Op.DELETE, datastore, item), comment=mark)
        return Attempt(mark, command, "delete", [Counter({(datastore, "delete"): 1})], item=item)


async def resend(ledger: Ledger, load: Load, door: Door) -> int:
    """Send what was left open and bears a key once more: it is then done once, or refused."""
    again = [one for one in ledger.unanswered() if one.key and not one.resent]
    for attempt in again:
        attempt.resent += 1
        await load.send(door, attempt)
    return len(again)


async def run_clients(load: Load, doors: list[Door], seconds: float, most: int = 1 << 30) -> None:
    """Let a client work at each door for a while."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    await asyncio.gather(*[load.client(one, lambda: loop.time() > end, most) for one in doors])
