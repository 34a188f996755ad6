"""The keys of each kind of definition: the one table that files are read and written by."""

from __future__ import annotations

from collections.abc import Collection

from ...core.actions import Operation
from ...core.formula import RESULTS
from ...core.kinds import KINDS
from ...core.limits import NUMBER_DIGITS_MAX, WEBHOOK_SECRETS_MAX
from ...core.saved import CHART_TYPES
from ...storage.definition_bodies import (
    ActionBody,
    Body,
    ChartBody,
    ConstantBody,
    DatastoreBody,
    FieldBody,
    FunctionBody,
    GroupBody,
    ProjectBody,
    QueryBody,
    RelationBody,
    ReportBody,
    RoleBody,
    ScheduleBody,
    StatusBody,
    WebhookBody,
)
from .field_forms import INSTANTS, Bound, Formula, Layout, Look, Options, Selected
from .forms import Fixed, Form, NamesForm, Plain, Publish, Roles, Rules, StatusRef
from .public_forms import PublicCalls, SignUpForm
from .query_forms import Conditions, QueryDatastore
from .relation_forms import LookupTarget, MatchRule, Target
from .report_forms import ColumnNames, Columns, Drawn, Sorts
from .schedule_forms import CronLine, DatastoreAction, Found, FoundBy, RawValues, TimeZone
from .sections import Section
from .webhook_forms import ActionRefs, WebhookUrl


def _flag(name: str, attribute: str = "", kinds: Collection[str] | None = None) -> Form:
    return Plain(name, attribute or name, Section.flag, kinds)


def _text(name: str, attribute: str = "", kinds: Collection[str] | None = None) -> Form:
    return Plain(name, attribute or name, Section.text, kinds)


def _whole(name: str, attribute: str, high: int, kinds: Collection[str] | None = None) -> Form:
    return Plain(name, attribute, lambda section, key: section.whole(key, 0, high), kinds)


def _script(name: str) -> Form:
    return Plain(name, name, lambda section, key: section.script(key))


def _one_of(name: str, attribute: str, words: Collection[str]) -> Form:
    return Fixed(name, attribute, lambda section, key: section.word(key, tuple(words)))


_CHOICES = tuple(name for name, kind in KINDS.items() if kind.has_options)
_UNIQUE = tuple(name for name, kind in KINDS.items() if kind.can_be_unique)
_TITLE = tuple(name for name, kind in KINDS.items() if kind.can_be_title and kind.storage)
_STORED = tuple(name for name, kind in KINDS.items() if kind.storage)
_COMPUTED = tuple(name for name, kind in KINDS.items() if kind.is_computed)
_BOUNDED = ("number", *INSTANTS)

FORMS: dict[str, tuple[Form, ...]] = {
    "group": (NamesForm(),),
    "project": (
        NamesForm(),
        _text("hottask_code", "row_code"),
        SignUpForm("sign_up", "sign_up_roles", "sign_up_closed", "seen_by", "reset_url"),
    ),
    "role": (NamesForm(), _flag("may_design")),
    "datastore": (
        NamesForm(),
        _whole("hottask_table", "row_code", 2**53),
        PublicCalls("hottask_public", "public"),
        Roles("roles", "roles"),
    ),
    "field": (
        _one_of("type", "kind", KINDS),
        NamesForm(),
        _flag("as_title", kinds=_TITLE),
        _whole("title_order", "title_order", 10_000, _TITLE),
        _flag("search"),
        _flag("full_text", kinds=("text", "textarea", "autonum", "file")),
        _flag("show_list"),
        _flag("unique", kinds=_UNIQUE),
        _flag("has_index", kinds=_STORED),
        _flag("hide_on_input"),
        _flag("hide_from_api"),
        _flag("publish", kinds=("users",)),
        Options("options", "options", kinds=_CHOICES),
        Selected("selected", "selected", kinds=("select", "radio")),
        Bound("min", "min_value", kinds=_BOUNDED),
        Bound("max", "max_value", kinds=_BOUNDED),
        _text("prefix", "prefix", ("autonum", "number")),
        Look("suffix", Section.text, ("number",)),
        Look("no_comma", Section.flag, ("number",)),
        _whole("digit", "digits", NUMBER_DIGITS_MAX, ("autonum",)),
        _flag("zero_padding", kinds=("autonum",)),
        _flag("single_select", "single", kinds=("users",)),
        LookupTarget("lookup", "lookup_datastore", "lookup_field", kinds=("dslookup",)),
        _flag("link_back", kinds=("dslookup",)),
        Formula("formula", "formula", kinds=_COMPUTED),
        Plain("result", "result", lambda section, key: section.word(key, RESULTS), _COMPUTED),
        Roles("roles", "roles"),
        Layout("layout", "layout"),
    ),
    "status": (NamesForm(),),
    "action": (
        _one_of("operation", "operation", [one.value for one in Operation]),
        NamesForm(),
        _text("description"),
        StatusRef("status", "status"),
        StatusRef("next_status", "next_status"),
        _flag("default", "is_default"),
        Roles("roles", "roles"),
        Rules("fields", "rules"),
        _script("pre_script"),
        _script("post_script"),
        _flag("synchronous", "is_synchronous"),
        Publish("publish", "publish_roles", "publish_groups"),
    ),
    "webhook": (
        NamesForm(),
        WebhookUrl("url", "url"),
        ActionRefs("actions", "actions"),
        _flag("enabled", "is_enabled"),
        _whole("secret_number", "secret_number", WEBHOOK_SECRETS_MAX),
    ),
    "relation": (
        NamesForm(),
        Target("to", "target"),
        MatchRule("rule", "field", "equals"),
    ),
    "query": (
        NamesForm(),
        _text("description"),
        QueryDatastore("datastore", "datastore"),
        Conditions("conditions", "conditions"),
        _flag("any"),
        _flag("default_search"),
    ),
    "report": (
        NamesForm(),
        _text("description"),
        QueryDatastore("datastore", "datastore"),
        Conditions("conditions", "conditions"),
        _flag("any"),
        Columns("columns", "columns"),
        Sorts("sort", "sorts"),
    ),
    "chart": (
        NamesForm(),
        Drawn("report", "report"),
        Plain("type", "type", lambda section, key: section.word(key, CHART_TYPES)),
        _text("labels"),
        _text("series"),
        ColumnNames("values", "values"),
        _flag("zero"),
        _text("color"),
    ),
}


FORMS["function"] = (NamesForm(), _text("description"), Roles("roles", "roles"), _script("script"))
FORMS["constant"] = (NamesForm(), _text("description"), _text("value"))

FORMS["schedule"] = (
    NamesForm(),
    _text("description"),
    QueryDatastore("datastore", "datastore"),
    DatastoreAction("action", "action"),
    CronLine("cron", "cron"),
    TimeZone("time_zone", "time_zone"),
    FoundBy("query", "query"),
    Found("conditions", "conditions"),
    _flag("any"),
    RawValues("values", "values"),
    _text("comment"),
    _text("user"),
    _flag("enabled", "is_enabled"),
)


def usual_body(kind: str, word: str) -> Body:
    """A definition of which nothing is said; `word` is a field's type or an action's operation."""
    match kind:
        case "field":
            drawn = word in ("label", "separator")
            return FieldBody(
                kind=word,
                unique=word == "autonum",
                search=not drawn and word != "file",
                show_list=not drawn,
            )
        case "action":
            return ActionBody(operation=Operation(word))
        case "group":
            return GroupBody()
        case "project":
            return ProjectBody()
        case "role":
            return RoleBody()
        case "datastore":
            return DatastoreBody()
        case "status":
            return StatusBody()
        case "webhook":
            return WebhookBody()
        case "relation":
            return RelationBody()
        case "query":
            return QueryBody()
        case "report":
            return ReportBody()
        case "chart":
            return ChartBody()
        case "function":
            return FunctionBody()
        case "constant":
            return ConstantBody()
        case "schedule":
            return ScheduleBody()
        case _:
            raise ValueError(kind)


def changed_keys(kind: str, before: Body, after: Body) -> list[str]:
    """The keys whose attributes differ."""
    return [
        form.name
        for form in FORMS[kind]
        if any(getattr(before, one) != getattr(after, one) for one in form.attributes)
    ]


def shown(kind: str, key: str, before: Body, after: Body) -> str:
    """` (old -> new)` for what is short enough to be told."""
    form = next(one for one in FORMS[kind] if one.name == key)
    old, new = (getattr(one, form.attributes[0]) for one in (before, after))
    if isinstance(form, Plain) and isinstance(new, (bool, int, str)) and len(f"{old}{new}") < 60:
        return f" ({_told(old)} -> {_told(new)})"
    return ""


def _told(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)
