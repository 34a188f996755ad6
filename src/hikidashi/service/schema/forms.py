"""How a key of a definition is read from a file, what it does to the body, and how it is shown.

A form is one key. `read` takes it from a section, `resolve` turns it into attributes of the body
once every definition is known, `show` is the way back for an export.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET

from ...core.actions import ANY_RULE, FieldRule, Operation
from ...core.ids import IdSource
from .index import Index
from .sections import Section

EVERY = "every"


@dataclass(frozen=True, slots=True)
class Around:
    """Where a definition stands."""

    index: Index
    project: str  # id
    datastore: str  # id


@dataclass(frozen=True, slots=True)
class Scope(Around):
    """The same while a file is compared with what is there."""

    ids: IdSource
    exists: bool  # False: the definition is being made
    dropped: list[str]  # display ids of options taken away


class Form:
    """One key of a definition."""

    def __init__(self, name: str, *attributes: str, kinds: Collection[str] | None = None) -> None:
        self.name = name
        self.attributes = attributes
        self.kinds = kinds  # of fields it means something for; None: all

    def read(self, section: Section) -> Any:
        """What the file says; UNSET where it says nothing, or something wrong."""
        raise NotImplementedError

    def resolve(self, raw: Any, section: Section, scope: Scope, body: Any) -> dict[str, Any]:
        """The attributes of the body that follow."""
        return {self.attributes[0]: raw}

    def reset(self, usual: Any) -> dict[str, Any]:
        """The attributes as they are in a body of which nothing is said."""
        return {one: getattr(usual, one) for one in self.attributes}

    def show(self, body: Any, around: Around) -> Any:
        """What a file would say."""
        return getattr(body, self.attributes[0])


class Plain(Form):
    """A value that stands in the body as it stands in the file."""

    def __init__(
        self,
        name: str,
        attribute: str,
        reader: Callable[[Section, str], Any],
        kinds: Collection[str] | None = None,
    ) -> None:
        super().__init__(name, attribute, kinds=kinds)
        self._reader = reader

    def read(self, section: Section) -> Any:
        """Read it."""
        value = self._reader(section, self.name)
        return UNSET if value is None else value


class Fixed(Plain):
    """A value that can't change once the definition is there."""

    def resolve(self, raw: Any, section: Section, scope: Scope, body: Any) -> dict[str, Any]:
        """Refuse a change."""
        now = self.show(body, scope)
        if scope.exists and raw != now:
            section.fail(f"can't change: it is {now}", self.name)
        return {}

    def show(self, body: Any, around: Around) -> Any:
        """The word."""
        value = getattr(body, self.attributes[0])
        return value.value if isinstance(value, Operation) else value


class NamesForm(Plain):
    """Names by language."""

    def __init__(self) -> None:
        super().__init__("name", "names", Section.names)

    def resolve(self, raw: Any, section: Section, scope: Scope, body: Any) -> dict[str, Any]:
        """A language that is not said stays."""
        return {"names": {**body.names, **raw}}

    def show(self, body: Any, around: Around) -> Any:
        """A text if there is English only."""
        names = body.names
        return names["en"] if set(names) == {"en"} else names


class Roles(Form):
    """Display ids of roles, or the word `every`."""

    def read(self, section: Section) -> Any:
        """Read the word or the list."""
        return read_roles(section, self.name)

    def resolve(self, raw: Any, section: Section, scope: Scope, body: Any) -> dict[str, Any]:
        """Find the roles of the project."""
        return {self.attributes[0]: find_roles(raw, section, self.name, scope)}

    def show(self, body: Any, around: Around) -> Any:
        """Display ids."""
        return show_roles(getattr(body, self.attributes[0]), around)


def read_roles(section: Section, key: str) -> Any:
    """`every`, or a list of display ids."""
    if section.is_text(key):
        return UNSET if section.word(key, (EVERY,)) is None else EVERY
    found = section.texts(key)
    return UNSET if found is None else found


def find_roles(raw: Any, section: Section, key: str, scope: Scope) -> tuple[str, ...] | None:
    """Ids of roles, sorted; None for every one."""
    if raw == EVERY:
        return None
    found = set()
    for ref in raw:
        role = scope.index.find("role", scope.project, ref)
        if role is None:
            section.fail(f"has no role {ref} in the application", key)
        else:
            found.add(role)
    return tuple(sorted(found))


def show_roles(roles: tuple[str, ...] | None, around: Around) -> Any:
    """`every`, or display ids in the order of the roles."""
    if roles is None:
        return EVERY
    return [around.index.display(one) for one in around.index.ordered(roles)]


class StatusRef(Form):
    """A status of the same datastore; the empty text for none."""

    def read(self, section: Section) -> Any:
        """Read the display id."""
        value = section.text(self.name)
        return UNSET if value is None else value

    def resolve(self, raw: Any, section: Section, scope: Scope, body: Any) -> dict[str, Any]:
        """Find the status."""
        found = scope.index.find("status", scope.datastore, raw) if raw else ""
        if found is None:
            section.fail(f"has no status {raw} in the datastore", self.name)
        return {self.attributes[0]: found or ""}

    def show(self, body: Any, around: Around) -> Any:
        """The display id."""
        value = getattr(body, self.attributes[0])
        return around.index.display(value) if value else ""


class Publish(Form):
    """What an action publishes to: roles, and the groups of whoever acts."""

    def read(self, section: Section) -> Any:
        """Read both."""
        inner = section.section(self.name)
        if inner is None:
            return UNSET
        found = {"roles": read_roles(inner, "roles"), "groups": inner.flag("groups")}
        inner.refuse_unknown_keys()
        return found

    def resolve(self, raw: Any, section: Section, scope: Scope, body: Any) -> dict[str, Any]:
        """Find the roles; what is not said stays."""
        found: dict[str, Any] = {}
        if raw["roles"] is not UNSET:
            found["publish_roles"] = find_roles(raw["roles"], section, self.name, scope)
        if raw["groups"] is not None:
            found["publish_groups"] = raw["groups"]
        return found

    def show(self, body: Any, around: Around) -> Any:
        """Both."""
        return {"roles": show_roles(body.publish_roles, around), "groups": body.publish_groups}


class Rules(Form):
    """What an action does with fields: by display id, `show`, `update` and `mandatory`."""

    def read(self, section: Section) -> Any:
        """Read the flags of each field."""
        if not section.has(self.name):
            return UNSET
        found = []
        for name, inner in section.entries(self.name):
            flags = {key: inner.flag(key) for key in ("show", "update", "mandatory")}
            inner.refuse_unknown_keys()
            found.append((name, {key: flag for key, flag in flags.items() if flag is not None}))
        return found

    def resolve(self, raw: Any, section: Section, scope: Scope, body: Any) -> dict[str, Any]:
        """Find the fields; a field or flag that is not said stays."""
        rules = dict(body.rules)
        for ref, flags in raw:
            field = scope.index.find("field", scope.datastore, ref)
            if field is None:
                section.fail(f"has no field {ref} in the datastore", self.name)
                continue
            now = rules.get(field, ANY_RULE)
            rule = FieldRule(
                flags.get("show", now.show),
                flags.get("update", now.update),
                flags.get("mandatory", now.mandatory),
            )
            rules[field] = rule
        return {"rules": {key: rule for key, rule in rules.items() if rule != ANY_RULE}}

    def show(self, body: Any, around: Around) -> Any:
        """Flags that differ from what holds without a rule."""
        shown = {}
        for field in around.index.ordered(body.rules):
            rule = body.rules[field]
            flags = {"show": rule.show, "update": rule.update, "mandatory": rule.mandatory}
            usual = {"show": True, "update": True, "mandatory": False}
            shown[around.index.display(field)] = {
                key: flag for key, flag in flags.items() if flag is not usual[key]
            }
        return shown
