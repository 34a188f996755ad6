"""The keys of a relation: where it leads, and the rule that it carries."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from .forms import Around, Form, Scope
from .sections import Section


class Target(Form):
    """The datastore that a relation leads to, of any application."""

    def read(self, section: Section) -> Any:
        """Read the names."""
        inner = section.section(self.name)
        if inner is None:
            return UNSET
        found = {key: inner.text(key) for key in ("application", "datastore")}
        inner.refuse_unknown_keys()
        if not found["datastore"]:
            inner.fail("needs datastore")
            return UNSET
        return found

    def resolve(self, raw: Any, section: Section, scope: Scope, body: Any) -> dict[str, Any]:
        """Find the datastore."""
        index, ref = scope.index, raw["application"]
        project = index.find("project", "", ref) if ref else scope.project
        if project is None:
            section.fail(f"has no application {ref} in the workspace", self.name)
            return {}
        datastore = index.find("datastore", project, raw["datastore"])
        if datastore is None:
            section.fail(f"has no datastore {raw['datastore']} in the application", self.name)
            return {}
        return {"target": datastore}

    def show(self, body: Any, around: Around) -> Any:
        """The names; the application where it is another."""
        project = around.index.parent(body.target)
        shown = {"application": around.index.display(project)} if project != around.project else {}
        return {**shown, "datastore": around.index.display(body.target)}


class MatchRule(Form):
    """The two fields that are compared; none at all for no rule."""

    def read(self, section: Section) -> Any:
        """Read the names."""
        inner = section.section(self.name)
        if inner is None:
            return UNSET
        found = {key: inner.text(key) for key in ("field", "equals")}
        inner.refuse_unknown_keys()
        if bool(found["field"]) is not bool(found["equals"]):
            inner.fail("needs field and equals")
            return UNSET
        return found

    def resolve(self, raw: Any, section: Section, scope: Scope, body: Any) -> dict[str, Any]:
        """Find both fields."""
        if not raw["field"]:
            return {"field": "", "equals": ""}
        field = scope.index.find("field", scope.datastore, raw["field"])
        equals = scope.index.find("field", body.target, raw["equals"])
        for found, name in ((field, raw["field"]), (equals, raw["equals"])):
            if found is None:
                section.fail(f"has no field {name} in its datastore", self.name)
        return {"field": field or "", "equals": equals or ""}

    def show(self, body: Any, around: Around) -> Any:
        """The names."""
        if not body.field:
            return {}
        index = around.index
        return {"field": index.display(body.field), "equals": index.display(body.equals)}
