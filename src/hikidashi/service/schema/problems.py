"""What is wrong with a schema file: every problem at once, each with file, line and key."""

from __future__ import annotations

from ...core.record import record


@record
class Place:
    """A key of a schema file."""

    file: str
    line: int  # counted from 1
    key: str  # "workspaces[0].applications[1].display_id"; "" for the file itself


@record
class Problem:
    """One thing that is wrong; the message completes "<key>: "."""

    place: Place
    message: str

    def __str__(self) -> str:
        """One line for people and editors."""
        key = f" {self.place.key}:" if self.place.key else ""
        return f"{self.place.file}:{self.place.line}:{key} {self.message}"


class SchemaError(Exception):
    """A schema file that can't be applied; nothing of it has been."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda one: one.place.line))
        super().__init__("\n".join(map(str, self.problems)))
