"""The one decorator that makes the core's values: slotted, typed, frozen.

A write makes some twenty of them. A frozen dataclass pays for each attribute that it sets, so what
is described as a dataclass (and may be given to `dataclasses.replace`) is made as a struct of
msgspec, in C.
"""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar, cast, dataclass_transform

import msgspec

T = TypeVar("T")
_make: Any = type(msgspec.Struct)
_OWN = frozenset(("__dict__", "__weakref__"))  # what every class has beside what is written in it


@dataclass_transform(frozen_default=True)
def record(cls: type[T]) -> type[T]:
    """Turn an annotated class, which derives from no other, into an immutable, slotted value."""
    parts: dict[str, Any] = {name: one for name, one in vars(cls).items() if name not in _OWN}
    described: Any = dataclasses.dataclass(cls)
    for one in dataclasses.fields(described):
        if one.default_factory is not dataclasses.MISSING:
            parts[one.name] = msgspec.field(default_factory=one.default_factory)
    parts["__dataclass_fields__"] = described.__dataclass_fields__
    return cast("type[T]", _make(cls.__name__, (msgspec.Struct,), parts, frozen=True))
