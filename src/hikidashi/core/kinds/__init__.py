"""The registry of field kinds. A new kind is a file beside this one and a line here."""

from __future__ import annotations

from .base import Kind, Option, Settings, Storage
from .boolean import Boolean
from .choice import Checkbox, Radio, Select
from .derived import AutoNumber, Calc, Label, Separator, StatusField
from .instant import Date, DateTime, Time
from .number import Number
from .reference import File, Lookup, Users
from .text import Text, TextArea

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Text(),
        TextArea(),
        Number(),
        Select(),
        Radio(),
        Checkbox(),
        DateTime(),
        Date(),
        Time(),
        Boolean(),
        Users(),
        Lookup(),
        File(),
        AutoNumber(),
        Calc(),
        StatusField(),
        Label(),
        Separator(),
    )
}

__all__ = ["KINDS", "Kind", "Option", "Settings", "Storage"]
