"""What the driver asked for and what it was told: the truth that a database is held against."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum

from hikidashi.core.commands import Command


class Verdict(Enum):
    """What an answer says of the write."""

    DONE = "done"  # acknowledged: it must be there
    REFUSED = "refused"  # answered 4xx, or 503 "send it again": no trace of it may be there
    UNKNOWN = "unknown"  # no answer, or one that says so: there wholly, once, or not at all


@dataclass(slots=True)
class Reply:
    """An answer, whichever way it came."""

    verdict: Verdict
    status: int  # as HTTP has it; 0: no answer
    text: str = ""
    item: str = ""
    history: str = ""
    rev: int = 0
    number: int = 0


NO_REPLY = Reply(Verdict.UNKNOWN, 0)


@dataclass(slots=True)
class Attempt:
    """One write that was asked for."""

    mark: str  # its comment, or its name here if it can bear none
    command: Command
    kind: str
    shapes: list[Counter[tuple[str, str]]]  # each: (datastore, operation) -> histories, if done
    item: str = ""  # the item it writes; "" for a new one
    children: dict[str, dict[str, object]] = field(default_factory=dict)  # by name
    key: str = ""  # its Idempotency-Key
    must_fail: bool = False
    started: int = 0  # ticks of the driver: who began before whom was answered
    ended: int = 0
    reply: Reply = field(default_factory=lambda: NO_REPLY)
    resent: int = 0


class Ledger:
    """Every attempt, in the order of its beginning."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.troubles: list[str] = []  # answers that may never be given, such as a 500
        self.tick = 0

    def begin(self, attempt: Attempt) -> None:
        """Note an attempt before it is sent."""
        self.tick += 1
        attempt.started = self.tick
        if not attempt.resent:
            self.attempts.append(attempt)

    def end(self, attempt: Attempt, reply: Reply) -> None:
        """Note what came of it."""
        self.tick += 1
        attempt.ended = self.tick
        attempt.reply = reply
        if reply.status >= 500 and reply.status != 503:
            self.troubles.append(f"{attempt.mark} {attempt.kind}: {reply.status} {reply.text}")
        if reply.verdict is Verdict.DONE and attempt.must_fail:
            self.troubles.append(f"{attempt.mark} {attempt.kind}: must fail and was acknowledged")
        if reply.status in (401, 403, 404) and attempt.kind == "create":
            self.troubles.append(f"{attempt.mark} {attempt.kind}: {reply.status} {reply.text}")

    def copy(self) -> Ledger:
        """The ledger as it is now; attempts under way stay open in it for good."""
        one = Ledger()
        one.troubles = list(self.troubles)
        one.tick = self.tick
        for attempt in self.attempts:
            kept = Attempt(
                **{name: getattr(attempt, name) for name in Attempt.__dataclass_fields__}
            )
            one.attempts.append(kept)
        return one

    def unanswered(self) -> list[Attempt]:
        """Attempts whose outcome the driver does not know."""
        return [one for one in self.attempts if one.reply.verdict is Verdict.UNKNOWN]

    def count(self) -> Counter[str]:
        """How many attempts came to what."""
        return Counter(one.reply.verdict.value for one in self.attempts)

    def statuses(self) -> Counter[int]:
        """How many answers had which status."""
        return Counter(one.reply.status for one in self.attempts)
