"""The keys of a saved query: its datastore and its conditions."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from ...core.limits import CONDITIONS_MAX
from ...core.query import SystemKey
from ...storage.definition_bodies import ConditionBody
from .forms import Around, Form, Scope
from .sections import Section

SYSTEM_WORDS = tuple(one.value for one in SystemKey if one is not SystemKey.ROW)


class QueryDatastore(Form):
    """A datastore of the same application."""

    def read(self, section: Section) -> Any:
        """Read the display id."""
        value = section.text(self.name)
        return UNSET if value is None else value

    def resolve(self, raw: Any, section: Section, scope: Scope, body: Any) -> dict[str, Any]:
        """Find the datastore."""
        found = scope.index.find("datastore", scope.project, raw)
        if found is None:
            section.fail(f"has no datastore {raw} in the application", self.name)
            return {}
        return {"datastore": found}

    def show(self, body: Any, around: Around) -> Any:
        """The display id."""
        return around.index.display(body.datastore)


class Conditions(Form):
    """What items must be like: the whole list."""

    def read(self, section: Section) -> Any:
        """Read each condition."""
        if not section.has(self.name):
            return UNSET
        found = []
        for inner in section.sections(self.name):
            one = {
                "field": inner.text("field"),
                "values": inner.scalars("values"),
                "exact": inner.flag("exact") or False,
                "negate": inner.flag("not") or False,
                "include_null": inner.flag("empty"),
            }
            inner.refuse_unknown_keys()
            if not one["field"]:
                inner.fail("needs field")
            else:
                found.append((inner, one))
        if len(found) > CONDITIONS_MAX:
            section.fail(f"has {len(found)} conditions, at most {CONDITIONS_MAX}", self.name)
        return found

    def resolve(self, raw: Any, section: Section, scope: Scope, body: Any) -> dict[str, Any]:
        """Find the fields."""
        made = []
        for inner, one in raw:
            key = scope.index.find("field", body.datastore, one["field"])
            if key is None and one["field"] in SYSTEM_WORDS:
                key = one["field"]
            if key is None:
                inner.fail(f"has no field {one['field']} in the datastore", "field")
                continue
            values = tuple(one["values"] or ())
            made.append(ConditionBody(**{**one, "field": key, "values": values}))
        return {"conditions": tuple(made)}

    def show(self, body: Any, around: Around) -> Any:
        """Each condition."""
        shown = []
        for one in body.conditions:
            entry: dict[str, Any] = {"field": around.index.display(one.field)}
            if one.values:
                entry["values"] = list(one.values)
            if one.exact:
                entry["exact"] = True
            if one.negate:
                entry["not"] = True
            if one.include_null is not None:
                entry["empty"] = one.include_null
            shown.append(entry)
        return shown
