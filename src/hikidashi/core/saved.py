"""What a project keeps under a name: queries, reports and charts, functions, constants, schedules, webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import Enum

from .record import record

Names = Mapping[str, str]  # "en", "ja"


@record
class SavedCondition:
    """One condition of a saved search; its values are read like those of a caller."""

    key: str  # id of a field, or the word of a system key
    values: tuple[object, ...] = ()
    exact: bool = False
    negate: bool = False
    include_null: bool | None = None


@record
class SavedQuery:
    """A search of a datastore that is kept under a name."""

    id: str
    display_id: str
    names: Names
    position: int
    datastore: str  # id
    description: str = ""
    conditions: tuple[SavedCondition, ...] = ()
    any: bool = False  # one condition is enough
    is_default: bool = False  # what lists of the datastore add when asked to


class Aggregate(str, Enum):
    """What is computed of the items of a group."""

    COUNT = "count"
    SUM = "sum"
    AVERAGE = "average"
    MIN = "min"
    MAX = "max"


class Period(str, Enum):
    """How long a time the instants of one group span."""

    DAY = "day"
    WEEK = "week"  # from Monday
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


@record
class ReportColumn:
    """A column of a report: a value, or what is computed of the items of a group."""

    id: str
    display_id: str  # unique in the report
    names: Names  # none at all: those of the field
    key: str  # id of a field, or the word of a system key; "": items themselves are counted
    aggregate: Aggregate | None = None
    period: Period | None = None  # of an instant that items are grouped by


@record
class ReportSort:
    """A key of a report's order."""

    column: str  # display id
    descending: bool = False


@record
class SavedReport:
    """A table made of a datastore's items: one row an item or, with aggregates, one a group.

    Where a column computes something, the columns that do not are what items are grouped by.
    """

    id: str
    display_id: str
    names: Names
    position: int
    datastore: str  # id
    description: str = ""
    conditions: tuple[SavedCondition, ...] = ()
    any: bool = False  # one condition is enough
    columns: tuple[ReportColumn, ...] = ()
    sorts: tuple[ReportSort, ...] = ()

    @property
    def is_grouped(self) -> bool:
        """Its rows are groups of items."""
        return any(one.aggregate is not None for one in self.columns)


@record
class SavedChart:
    """A drawing of a report whose rows are groups. Columns are named by display id."""

    id: str
    display_id: str
    names: Names
    position: int
    report: str  # id
    type: str = "bar"
    labels: str = ""  # what stands along the axis
    series: str = ""  # what has a line, or bars, for each of its values; "" for none
    values: tuple[str, ...] = ()  # what is drawn
    zero: bool = True  # the scale begins at zero
    color: str = ""


CHART_TYPES = ("bar", "horizontal_bar", "line", "area", "pie", "doughnut", "radar")


@record
class Function:
    """A script of a project that is called by itself."""

    id: str
    display_id: str
    names: Names
    position: int
    script: str
    description: str = ""
    roles: frozenset[str] = frozenset()  # ids of the roles that may call it


@record
class Constant:
    """A text that stands in scripts as `{DISPLAY_ID}`."""

    id: str
    display_id: str
    position: int
    value: str
    description: str = ""


@record
class Schedule:
    """An action that a bot user runs when it is time."""

    id: str
    display_id: str
    names: Names
    position: int
    datastore: str  # id
    action: str  # id
    cron: str
    description: str = ""
    time_zone: str = ""  # "": that of the workspace
    query: str = ""  # id of the saved query that finds the items
    conditions: tuple[SavedCondition, ...] | None = None  # that they are found by instead
    any: bool = False  # one condition is enough
    values: Mapping[str, object] = field(default_factory=dict)  # raw, by id of the field
    comment: str = ""
    user: str = ""  # address of whom it acts as; "": it is not run
    is_enabled: bool = True

    @property
    def search(self) -> SavedQuery:
        """Its own conditions as a query."""
        return SavedQuery(
            self.id,
            self.display_id,
            self.names,
            self.position,
            self.datastore,
            conditions=self.conditions or (),
            any=self.any,
        )


@record
class Webhook:
    """A place elsewhere that is told of actions on items of a datastore."""

    id: str
    display_id: str
    names: Names
    position: int
    url: str
    actions: frozenset[str] | None = None  # ids; None: every action
    is_enabled: bool = True
    secret_number: int = 0  # counts the secrets that it has had
