"""The keys of a field that are more than a value: options, bounds, the layout."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import Any

from msgspec import UNSET

from ...core.formula import rewrite
from ...core.ids import IdSource, is_id
from ...core.limits import CHOICES_MAX, DISPLAY_ID_CHARS_MAX, FORMULA_CHARS_MAX, LAYOUT_MAX
from ...core.values import format_instant, format_number, parse_instant
from ...storage.definition_bodies import OptionBody
from .forms import Around, Form, Scope
from .sections import Section

INSTANTS = ("datetime", "date", "time")


class Options(Form):
    """The choices of a field, by display id or id; one that is not said stays."""

    def read(self, section: Section) -> Any:
        """Read each choice."""
        if not section.has(self.name):
            return UNSET
        found = []
        for inner in section.sections(self.name):
            one = {
                "id": inner.text("id"),
                "display_id": inner.text("display_id", DISPLAY_ID_CHARS_MAX),
                "was": inner.text("was"),
                "deleted": inner.flag("deleted") or False,
                "label": inner.names("name"),
                "enabled": inner.flag("enabled"),
                "color": inner.text("color"),
            }
            inner.refuse_unknown_keys()
            if not one["id"] and not one["display_id"]:
                inner.fail("needs display_id")
            elif one["id"] is not None and not is_id(str(one["id"])):
                inner.fail("must be 24 hex digits", "id")
            else:
                found.append(one)
        return found

    def resolve(self, raw: Any, section: Section, scope: Scope, body: Any) -> dict[str, Any]:
        """Merge them into those that are there, in the order of the file."""
        left = list(body.options)
        merged: list[OptionBody] = []
        for one in raw:
            known = _find_option(one, left)
            if known is not None:
                left.remove(known)
            if one["deleted"]:
                if known is not None:
                    scope.dropped.append(known.display_id)
                continue
            merged.append(_option(one, known, scope.ids, len(merged) + 1))
        options = (*merged, *left)
        for what in ("id", "display_id"):
            seen = [getattr(one, what) for one in options]
            twice = {one for one in seen if seen.count(one) > 1}
            if twice:
                section.fail(f"has the {what} {min(twice)} twice", self.name)
        if len(options) > CHOICES_MAX:
            section.fail(f"has {len(options)} options, at most {CHOICES_MAX}", self.name)
        return {"options": options}

    def show(self, body: Any, around: Around) -> Any:
        """Each choice in full."""
        shown = []
        for one in body.options:
            names = one.label["en"] if set(one.label) == {"en"} else one.label
            entry = {"id": one.id, "display_id": one.display_id, "name": names}
            if not one.enabled:
                entry["enabled"] = False
            if one.color:
                entry["color"] = one.color
            shown.append(entry)
        return shown


def _find_option(one: dict[str, Any], options: list[OptionBody]) -> OptionBody | None:
    for wanted in (one["id"], one["display_id"], one["was"]):
        for option in options:
            if wanted and wanted in (option.id, option.display_id):
                return option
        if wanted and wanted == one["id"]:
            return None
    return None


def _option(
    one: dict[str, Any], known: OptionBody | None, ids: IdSource, number: int
) -> OptionBody:
    display_id = one["display_id"] or (known.display_id if known else str(number))
    label = {**(known.label if known else {}), **(one["label"] or {})}
    enabled = one["enabled"] if one["enabled"] is not None else (known is None or known.enabled)
    color = one["color"] if one["color"] is not None else (known.color if known else "")
    return OptionBody(
        id=known.id if known else one["id"] or ids.next_id(),
        display_id=display_id,
        label=label or {"en": display_id},
        enabled=enabled,
        color=color,
    )


class Selected(Form):
    """The option a new item gets; the empty text for none."""

    def read(self, section: Section) -> Any:
        """Read the display id."""
        value = section.text(self.name)
        return UNSET if value is None else value

    def resolve(self, raw: Any, section: Section, scope: Scope, body: Any) -> dict[str, Any]:
        """Find the option among those that the field will have."""
        if not raw:
            return {"selected": ""}
        for option in body.options:
            if raw in (option.id, option.display_id):
                return {"selected": option.id}
        section.fail(f"has no option {raw}", self.name)
        return {}

    def show(self, body: Any, around: Around) -> Any:
        """The display id."""
        return next((one.display_id for one in body.options if one.id == body.selected), "")


class Look(Form):
    """A setting that says only how values are shown; what is unset takes no place."""

    def __init__(
        self, name: str, reader: Callable[[Section, str], Any], kinds: Collection[str]
    ) -> None:
        super().__init__(name, "extra", kinds=kinds)
        self._reader = reader

    def read(self, section: Section) -> Any:
        """Read it."""
        value = self._reader(section, self.name)
        return UNSET if value is None else value

    def resolve(self, raw: Any, section: Section, scope: Scope, body: Any) -> dict[str, Any]:
        """Keep it among the others."""
        looks = {**body.extra, self.name: raw}
        return {"extra": {key: value for key, value in looks.items() if value}}

    def show(self, body: Any, around: Around) -> Any:
        """What it is, or the kind of nothing that it would be."""
        return body.extra.get(self.name, "" if self._reader is Section.text else False)


class Formula(Form):
    """The formula of a calc field. The body names fields by their ids: see `formulas`."""

    def read(self, section: Section) -> Any:
        """Read the text."""
        value = section.text(self.name, FORMULA_CHARS_MAX)
        return UNSET if value is None else value

    def show(self, body: Any, around: Around) -> Any:
        """The text with display ids."""
        if not body.formula:
            return ""
        display = around.index.display
        return rewrite(body.formula, lambda one: tuple(display(name) for name in one.path))


class Bound(Form):
    """The least or greatest value of a number or an instant; the empty text for none."""

    def read(self, section: Section) -> Any:
        """Read a number or an instant."""
        value = section.scalar(self.name)
        return UNSET if value is None else value

    def resolve(self, raw: Any, section: Section, scope: Scope, body: Any) -> dict[str, Any]:
        """Numbers as they are, instants as milliseconds."""
        value: float | None = None
        if raw == "":
            return {self.attributes[0]: None}
        if body.kind in INSTANTS:
            instant = parse_instant(raw) if isinstance(raw, str) else None
            if instant is None:
                section.fail("must be a date and time like 2020-01-31T15:00:00Z", self.name)
            value = instant
        else:
            try:
                value = float(raw)
            except (ValueError, OverflowError):
                value = math.nan
            if not math.isfinite(value):
                section.fail("must be a number", self.name)
                return {}
        return {self.attributes[0]: None if value is None else float(value)}

    def show(self, body: Any, around: Around) -> Any:
        """As it is read."""
        value = getattr(body, self.attributes[0])
        if value is None:
            return ""
        return format_instant(int(value)) if body.kind in INSTANTS else format_number(value)


class Layout(Form):
    """Where a field stands on the form."""

    _KEYS = ("col", "row", "width", "height")

    def read(self, section: Section) -> Any:
        """Read the four numbers."""
        inner = section.section(self.name)
        if inner is None:
            return UNSET
        found = [inner.whole(key, 0, LAYOUT_MAX) for key in self._KEYS]
        inner.refuse_unknown_keys()
        return found

    def resolve(self, raw: Any, section: Section, scope: Scope, body: Any) -> dict[str, Any]:
        """A number that is not said stays."""
        return {
            "layout": tuple(
                old if new is None else new for old, new in zip(body.layout, raw, strict=True)
            )
        }

    def show(self, body: Any, around: Around) -> Any:
        """All four."""
        return dict(zip(self._KEYS, body.layout, strict=True))
