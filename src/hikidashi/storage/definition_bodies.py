"""What a definition row holds besides its name and place, one struct a kind, kept as JSON."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from ..core.actions import FieldRule, Operation
from ..core.record import record
from ..core.saved import Aggregate, Period

Roles: TypeAlias = tuple[str, ...] | None  # ids of roles; None: every role of the project


class _Body(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    names: dict[str, str] = {}


class GroupBody(_Body, frozen=True):
    """A group; its display id is unique in the workspace, so the parent stands here."""

    parent: str = ""  # id; "" for the top group


class ProjectBody(_Body, frozen=True):
    """A project."""

    row_code: str = ""  # HotTask's code, unique in the database
    sign_up_roles: tuple[str, ...] = ()  # ids of what end users hold; none: nobody signs up
    sign_up_closed: bool = False
    seen_by: tuple[str, ...] = ()  # ids of roles
    reset_url: str = ""


class RoleBody(_Body, frozen=True):
    """A role of a project."""

    may_design: bool = False


class DatastoreBody(_Body, frozen=True):
    """A datastore of a project."""

    row_code: int = 0  # HotTask's table number, unique in the workspace; 0: none
    roles: Roles = None
    public: tuple[str, ...] = ()  # calls of HotTask that anybody may make


class OptionBody(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One choice of a select, radio or checkbox field."""

    id: str
    display_id: str
    label: dict[str, str]
    enabled: bool = True
    color: str = ""


class FieldBody(_Body, frozen=True):
    """A field of a datastore, with the settings of its kind."""

    kind: str
    roles: Roles = None
    as_title: bool = False
    title_order: int = 0
    search: bool = True
    full_text: bool = False
    show_list: bool = True
    unique: bool = False
    has_index: bool = False
    hide_on_input: bool = False
    hide_from_api: bool = False
    publish: bool = False
    layout: tuple[int, int, int, int] = (0, 0, 1, 1)
    options: tuple[OptionBody, ...] = ()
    selected: str = ""
    min_value: float | None = None
    max_value: float | None = None
    prefix: str = ""
    digits: int = 0
    zero_padding: bool = False
    single: bool = False
    lookup_datastore: str = ""
    lookup_field: str = ""
    link_back: bool = False
    formula: str = ""  # names fields by their ids
    result: str = "number"
    extra: dict[str, Any] = {}


class StatusBody(_Body, frozen=True):
    """A status of a datastore."""


class ActionBody(_Body, frozen=True):
    """An action of a datastore."""

    operation: Operation
    description: str = ""
    status: str = ""
    next_status: str = ""
    roles: Roles = None
    rules: dict[str, FieldRule] = {}
    publish_roles: Roles = None
    publish_groups: bool = False
    is_default: bool = False
    pre_script: str = ""
    post_script: str = ""
    is_synchronous: bool = False
    extra: dict[str, Any] = {}


class WebhookBody(_Body, frozen=True):
    """A webhook of a datastore. Its secret is made of its id and the number."""

    url: str = ""
    actions: tuple[str, ...] | None = None  # ids; None: every action
    is_enabled: bool = True
    secret_number: int = 0


class RelationBody(_Body, frozen=True):
    """A relation of a datastore to another one."""

    target: str = ""  # id of a datastore
    field: str = ""  # id; the key of a rule; "" where there is none
    equals: str = ""  # id; the key of the target's items


class ConditionBody(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One condition of a query. Values stand as they were written; a search reads them."""

    field: str  # id of a field, or the word of a system key
    values: tuple[str | bool | int | float | None, ...] = ()
    exact: bool = False
    negate: bool = False
    include_null: bool | None = None


class QueryBody(_Body, frozen=True):
    """A saved query of a project."""

    datastore: str = ""  # id
    description: str = ""
    conditions: tuple[ConditionBody, ...] = ()
    any: bool = False  # one condition is enough
    default_search: bool = False  # what lists of the datastore add when asked to


class ColumnBody(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One column of a report."""

    id: str
    display_id: str
    names: dict[str, str]
    field: str = ""  # id of a field, or the word of a system key
    aggregate: Aggregate | None = None
    period: Period | None = None


class SortBody(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One key of a report's order."""

    column: str  # display id
    descending: bool = False


class ReportBody(_Body, frozen=True):
    """A report of a project."""

    datastore: str = ""  # id
    description: str = ""
    conditions: tuple[ConditionBody, ...] = ()
    any: bool = False  # one condition is enough
    columns: tuple[ColumnBody, ...] = ()
    sorts: tuple[SortBody, ...] = ()


class ChartBody(_Body, frozen=True):
    """A chart of a project, which draws a report. Columns are named by display id."""

    report: str = ""  # id
    type: str = "bar"
    labels: str = ""
    series: str = ""
    values: tuple[str, ...] = ()
    zero: bool = True
    color: str = ""


class FunctionBody(_Body, frozen=True):
    """A function of a project."""

    description: str = ""
    roles: tuple[str, ...] | None = None  # ids; None: every one
    script: str = ""


class ConstantBody(_Body, frozen=True):
    """A constant of a project."""

    description: str = ""
    value: str = ""


class ScheduleBody(_Body, frozen=True):
    """A schedule of a project."""

    description: str = ""
    datastore: str = ""  # id
    action: str = ""  # id
    cron: str = ""
    time_zone: str = ""
    query: str = ""  # id
    conditions: tuple[ConditionBody, ...] | None = None
    any: bool = False  # one condition is enough
    values: dict[str, Any] = {}  # raw, by id of the field
    comment: str = ""
    user: str = ""  # address
    is_enabled: bool = True


Body: TypeAlias = (
    GroupBody
    | ProjectBody
    | RoleBody
    | DatastoreBody
    | FieldBody
    | StatusBody
    | ActionBody
    | WebhookBody
    | RelationBody
    | QueryBody
    | ReportBody
    | ChartBody
    | FunctionBody
    | ConstantBody
    | ScheduleBody
)

BODIES: dict[str, type[Body]] = {
    "group": GroupBody,
    "project": ProjectBody,
    "role": RoleBody,
    "datastore": DatastoreBody,
    "field": FieldBody,
    "status": StatusBody,
    "action": ActionBody,
    "webhook": WebhookBody,
    "relation": RelationBody,
    "query": QueryBody,
    "report": ReportBody,
    "chart": ChartBody,
    "function": FunctionBody,
    "constant": ConstantBody,
    "schedule": ScheduleBody,
}
_KINDS = {body: kind for kind, body in BODIES.items()}
_decoders = {kind: msgspec.json.Decoder(body).decode for kind, body in BODIES.items()}


@record
class Definition:
    """One definition row. The parent of a group, project or role of none is ""."""

    id: str
    parent: str  # id: a datastore's for what is in it, a project's for all else that has a parent
    display_id: str
    position: int
    body: Body

    @property
    def kind(self) -> str:
        """group, project, role, datastore, field, status, action, webhook, relation, query, report or
        chart."""
        return _KINDS[type(self.body)]


def decode_body(kind: str, text: str) -> Body:
    """Read the body of a row of this kind."""
    return _decoders[kind](text)


def encode_body(body: Body) -> str:
    """Write a body as a row keeps it."""
    return msgspec.json.encode(body).decode()
