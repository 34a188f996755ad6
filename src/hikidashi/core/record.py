"""The one decorator that makes the core's values: slotted, typed, frozen for the type checker.

A frozen dataclass pays for each attribute it sets. The type checker refuses assignment in any
case, so instances are truly frozen only where that is asked for before the core is imported
(the tests do), and plain otherwise.
"""

from __future__ import annotations

import dataclasses
from typing import TypeVar, dataclass_transform

T = TypeVar("T")

_freeze = False


def freeze_records() -> None:
    """Make every record defined from now on raise on assignment (for tests)."""
    global _freeze  # noqa: PLW0603  one switch, set once before the core is imported
    _freeze = True


@dataclass_transform(frozen_default=True)
def record(cls: type[T]) -> type[T]:
    """Turn an annotated class into an immutable, slotted value."""
    return dataclasses.dataclass(frozen=_freeze, slots=True, eq=True, unsafe_hash=False)(cls)
