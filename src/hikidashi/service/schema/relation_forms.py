"""The keys of relations and look-ups: where they lead, and the rule that a relation carries."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from .forms import Around, Form, Scope
from .sections import Section


class Target(Form):
    """The datastore that something leads to, of any application; its id is the first attribute."""

    _keys: tuple[str, ...] = ("application", "datastore")

    def read(self, section: Section) -> Any:
        """Read the names."""
        inner = section.section(self.name)
        if inner is None:
            return UNSET
        found = {key: inner.text(key) for key in self._keys}
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
        return {self.attributes[0]: datastore}

    def show(self, body: Any, around: Around) -> Any:
        """The names; the application where it is another."""
        datastore = getattr(body, self.attributes[0])
        if not datastore:
            return {}
        project = around.index.parent(datastore)
        shown = {"application": around.index.display(project)} if project != around.project else {}
        return {**shown, "datastore": around.index.display(datastore)}


class LookupTarget(Target):
    """The datastore that a field looks up, and the field of it that is shown."""

    _keys = ("application", "datastore", "field")

    def resolve(self, raw: Any, section: Section, scope: Scope, body: Any) -> dict[str, Any]:
        """Find both."""
        found = super().resolve(raw, section, scope, body)
        if not found:
            return {}
        datastore, ref = found[self.attributes[0]], raw["field"]
        field = scope.index.find("field", datastore, ref) if ref else ""
        if field is None:
            section.fail(f"has no field {ref} in {raw['datastore']}", self.name)
        return {**found, self.attributes[1]: field or ""}

    def show(self, body: Any, around: Around) -> Any:
        """The names of both."""
        shown = super().show(body, around)
        field = getattr(body, self.attributes[1])
        return {**shown, "field": around.index.display(field)} if shown and field else shown


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
