"""The keys of a report and of a chart that are more than a value: columns, orders, what is drawn."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from ...core.ids import IdSource, is_id
from ...core.limits import DISPLAY_ID_CHARS_MAX, REPORT_COLUMNS_MAX, SORTS_MAX
from ...core.saved import Aggregate, Period
from ...storage.definition_bodies import ColumnBody, SortBody
from .forms import Around, Form, Scope
from .query_forms import SYSTEM_WORDS
from .sections import Section


class Columns(Form):
    """What stands in the rows of a report: the whole list. One keeps its id under its name."""

    def read(self, section: Section) -> Any:
        """Read each column."""
        if not section.has(self.name):
            return UNSET
        found = []
        for inner in section.mixed(self.name, "field"):
            one = {
                "id": inner.text("id"),
                "display_id": inner.text("display_id", DISPLAY_ID_CHARS_MAX),
                "names": inner.names("name"),
                "field": inner.text("field"),
                "aggregate": inner.word("aggregate", [one.value for one in Aggregate]),
                "period": inner.word("by", [one.value for one in Period]),
            }
            inner.refuse_unknown_keys()
            if one["id"] is not None and not is_id(str(one["id"])):
                inner.fail("must be 24 hex digits", "id")
            elif not one["field"] and one["aggregate"] != Aggregate.COUNT:
                inner.fail("needs field; only count goes without")
            else:
                found.append((inner, one))
        if len(found) > REPORT_COLUMNS_MAX:
            section.fail(f"has {len(found)} columns, at most {REPORT_COLUMNS_MAX}", self.name)
        return found

    def resolve(self, raw: Any, section: Section, scope: Scope, body: Any) -> dict[str, Any]:
        """Find the fields."""
        known = {one.display_id: one for one in body.columns}
        made: list[ColumnBody] = []
        for inner, one in raw:
            key = scope.index.find("field", body.datastore, one["field"]) if one["field"] else ""
            if key is None and one["field"] in SYSTEM_WORDS:
                key = one["field"]
            if key is None:
                inner.fail(f"has no field {one['field']} in the datastore", "field")
                continue
            made.append(_column(one, key, known, scope.ids))
        return {"columns": tuple(made)}

    def show(self, body: Any, around: Around) -> Any:
        """Each column in full."""
        shown = []
        for one in body.columns:
            entry: dict[str, Any] = {"id": one.id, "display_id": one.display_id}
            if one.names:
                entry["name"] = one.names["en"] if set(one.names) == {"en"} else one.names
            if one.field:
                entry["field"] = around.index.display(one.field)
            if one.aggregate is not None:
                entry["aggregate"] = one.aggregate.value
            if one.period is not None:
                entry["by"] = one.period.value
            shown.append(entry)
        return shown


def _column(
    one: dict[str, Any], key: str, known: dict[str, ColumnBody], ids: IdSource
) -> ColumnBody:
    display_id = one["display_id"] or "_".join(filter(None, (one["field"], one["aggregate"])))
    before = known.get(display_id)
    names = {**(before.names if before else {}), **(one["names"] or {})}
    return ColumnBody(
        id=one["id"] or (before.id if before else ids.next_id()),
        display_id=display_id,
        names=names,
        field=key,
        aggregate=Aggregate(one["aggregate"]) if one["aggregate"] else None,
        period=Period(one["period"]) if one["period"] else None,
    )


class Sorts(Form):
    """The order of a report's rows, by columns: the whole list."""

    def read(self, section: Section) -> Any:
        """Read each key."""
        if not section.has(self.name):
            return UNSET
        found = []
        for inner in section.mixed(self.name, "column"):
            column, descending = inner.text("column"), inner.flag("descending") or False
            inner.refuse_unknown_keys()
            if not column:
                inner.fail("needs column")
            else:
                found.append(SortBody(column=column, descending=descending))
        if len(found) > SORTS_MAX:
            section.fail(f"has {len(found)} keys, at most {SORTS_MAX}", self.name)
        return tuple(found)

    def show(self, body: Any, around: Around) -> Any:
        """Each key."""
        return [
            {"column": one.column, "descending": True} if one.descending else {"column": one.column}
            for one in body.sorts
        ]


class Drawn(Form):
    """The report that a chart draws, of the same application."""

    def read(self, section: Section) -> Any:
        """Read the display id."""
        value = section.text(self.name)
        return UNSET if value is None else value

    def resolve(self, raw: Any, section: Section, scope: Scope, body: Any) -> dict[str, Any]:
        """Find the report."""
        found = scope.index.find("report", scope.project, raw)
        if found is None:
            section.fail(f"has no report {raw} in the application", self.name)
            return {}
        return {"report": found}

    def show(self, body: Any, around: Around) -> Any:
        """The display id."""
        return around.index.display(body.report)


class ColumnNames(Form):
    """Columns of a chart's report, by display id."""

    def read(self, section: Section) -> Any:
        """Read the list."""
        found = section.texts(self.name)
        return UNSET if found is None else tuple(found)

    def show(self, body: Any, around: Around) -> Any:
        """The list."""
        return list(getattr(body, self.attributes[0]))
