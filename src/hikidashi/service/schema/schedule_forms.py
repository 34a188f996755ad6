"""The keys of a schedule: the action, when it runs, which items it finds, and what it writes."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from ...core.limits import CRON_CHARS_MAX
from ..periods import is_zone
from ..schedule_times import cron_problem
from .forms import Around, Form, Scope
from .query_forms import Conditions
from .sections import USUAL, Section


class _Text(Form):
    """A text."""

    most = 200

    def read(self, section: Section) -> Any:
        """Read it."""
        value = section.text(self.name, self.most)
        return UNSET if value is None else value


class DatastoreAction(_Text):
    """An action of the schedule's datastore."""

    def resolve(self, raw: Any, section: Section, scope: Scope, body: Any) -> dict[str, Any]:
        """Find the action."""
        found = scope.index.find("action", body.datastore, raw)
        if found is None:
            section.fail(f"has no action {raw} in the datastore", self.name)
            return {}
        return {"action": found}

    def show(self, body: Any, around: Around) -> Any:
        """The display id."""
        return around.index.display(body.action)


class CronLine(_Text):
    """When it runs: five fields of cron."""

    most = CRON_CHARS_MAX

    def read(self, section: Section) -> Any:
        """Read and check it."""
        value = super().read(section)
        problem = cron_problem(value) if value is not UNSET else ""
        if problem:
            section.fail(problem, self.name)
            return UNSET
        return value


class TimeZone(_Text):
    """The time zone that the cron line is meant in; the empty text for the workspace's."""

    def read(self, section: Section) -> Any:
        """Read and check it."""
        value = super().read(section)
        if value and not is_zone(value):
            section.fail("is no time zone; give a name like Asia/Tokyo", self.name)
            return UNSET
        return value


class FoundBy(_Text):
    """The saved query that finds the items; the empty text for none."""

    def resolve(self, raw: Any, section: Section, scope: Scope, body: Any) -> dict[str, Any]:
        """Find the query."""
        found = scope.index.find("query", scope.project, raw) if raw else ""
        if found is None:
            section.fail(f"has no query {raw} in the application", self.name)
            return {}
        return {"query": found}

    def show(self, body: Any, around: Around) -> Any:
        """The display id."""
        return around.index.display(body.query) if body.query else ""


class Found(Conditions):
    """What the items must be like; null where a saved query tells it, or nothing."""

    def read(self, section: Section) -> Any:
        """Read each condition, or that there are none any more."""
        return USUAL if section.is_null(self.name) else super().read(section)

    def show(self, body: Any, around: Around) -> Any:
        """Each condition."""
        return None if body.conditions is None else super().show(body, around)


class RawValues(Form):
    """What is written to the items, by field: the whole mapping."""

    def read(self, section: Section) -> Any:
        """Read each value as it stands."""
        inner = section.section(self.name)
        if inner is None:
            return UNSET
        return {str(key): inner.plain(key) for key in map(str, inner.names_of_keys())}

    def resolve(self, raw: Any, section: Section, scope: Scope, body: Any) -> dict[str, Any]:
        """Find the fields."""
        found = {}
        for ref, value in raw.items():
            field = scope.index.find("field", body.datastore, ref)
            if field is None:
                section.fail(f"has no field {ref} in the datastore", self.name)
            else:
                found[field] = value
        try:
            msgspec.json.encode(found)
        except (TypeError, ValueError):
            section.fail("holds a value that JSON can't say", self.name)
            return {}
        return {"values": found}

    def show(self, body: Any, around: Around) -> Any:
        """By display id, in the order of the fields."""
        return {
            around.index.display(one): body.values[one] for one in around.index.ordered(body.values)
        }
