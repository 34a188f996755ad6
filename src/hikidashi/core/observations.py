"""What the server can remark on while it commits, told to whoever wants to know."""

from __future__ import annotations

from typing import Protocol


class CommitObserver(Protocol):
    """Hears of groups. Its methods are called between transactions, must be quick, never raise."""

    def group_committed(self, jobs: int, seconds: float) -> None:
        """A group of so many commands is durable; `seconds` from its BEGIN on."""

    def group_retried(self, reason: str) -> None:
        """A group is run again: "transient", "integrity", "outdated" and the like, few words."""
