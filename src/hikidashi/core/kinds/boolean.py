"""boolean: true or false, a kind of ours for JSON booleans."""

from __future__ import annotations

from ..errors import InvalidValueError
from ..values import Value
from .base import Kind, Settings, Storage


class Boolean(Kind):
    """True or false; through a dialect without booleans, a choice of two."""

    name = "boolean"
    storage = Storage.BOOLEAN
    can_be_title = False
    match = "choice"
    operand = "boolean"

    def parse(self, raw: object, settings: Settings) -> Value:
        """Take a JSON boolean, or the words "true" and "false"."""
        if isinstance(raw, bool):
            return raw
        if raw == "":
            return None
        if raw in ("true", "false") and isinstance(raw, str):
            return raw == "true"
        raise InvalidValueError("must be true or false")

    def text(self, value: Value, settings: Settings) -> str:
        """The word."""
        return "" if value is None else ("true" if value else "false")
