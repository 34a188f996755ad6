"""What must be true of a workspace's definitions once a schema file has been applied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from ...core.access import Actor
from ...core.catalog import Catalog, Datastore
from ...core.computed import find_formula_problems
from ...core.conditions import Scope, read_saved
from ...core.errors import FaultError, InvalidValueError
from ...core.ids import is_id
from ...core.kinds import KINDS
from ...core.kinds.choice import find_option
from ...core.limits import (
    FIELDS_PER_DATASTORE_MAX,
    GROUP_LEVELS_MAX,
    SCHEDULES_PER_PROJECT_MAX,
    WEBHOOKS_PER_DATASTORE_MAX,
)
from ...core.saved import SavedQuery, SavedReport
from ...storage.definition_bodies import (
    ActionBody,
    ChartBody,
    DatastoreBody,
    Definition,
    FieldBody,
    GroupBody,
    ProjectBody,
    QueryBody,
    RelationBody,
    ReportBody,
    ScheduleBody,
    WebhookBody,
)
from ...storage.definition_saved import make_settings
from ...storage.definitions import Workspace, build_catalog
from .difference import Outcome
from .problems import Place, Problem
from .relation_checks import find_rule_problem
from .report_checks import chart_problem, report_problem
from .schedule_checks import schedule_problems


class Checker:
    """Goes over the definitions; a problem points at what the file says of them."""

    def __init__(
        self, outcome: Outcome, fallback: Place, codes: Mapping[str, str], problems: list[Problem]
    ) -> None:
        self._outcome = outcome
        self._fallback = fallback  # for definitions that the file does not name
        self._codes = codes  # HotTask code -> id of the project of another workspace that has it
        self._problems = problems
        self._live = {one.id: one for one in outcome.after}

    def run(self) -> None:
        """Check everything."""
        tables: Counter[int] = Counter()
        codes: Counter[str] = Counter(list(self._codes))
        fields: Counter[str] = Counter()
        hooks: Counter[str] = Counter()
        schedules: Counter[str] = Counter()
        defaults: Counter[tuple[str, str]] = Counter()
        for one in self._outcome.after:
            match one.body:
                case GroupBody() as body:
                    self._group(one, body)
                case ProjectBody(row_code=code) as body:
                    codes[code] += bool(code)
                    self._fail_if(codes[code] > 1, one, f"has the hottask_code {code} of another")
                    self._sign_up(one, body)
                case DatastoreBody(row_code=table) if table:
                    tables[table] += 1
                    self._fail_if(
                        tables[table] > 1, one, f"has the hottask_table {table} of another"
                    )
                case FieldBody() as body:
                    fields[one.parent] += 1
                    self._field(one, body)
                case ActionBody() as body:
                    self._action(one, body)
                    defaults[one.parent, body.operation] += body.is_default
                    twice = body.is_default and defaults[one.parent, body.operation] > 1
                    self._fail_if(twice, one, f"is a second default to {body.operation.value}")
                case WebhookBody(url=url):
                    hooks[one.parent] += 1
                    self._fail_if(not url, one, "needs a url")
                case RelationBody() as body:
                    self._relation(one, body)
                case QueryBody() as body:
                    self._query(one, body)
                    defaults[body.datastore, "search"] += body.default_search
                    twice = body.default_search and defaults[body.datastore, "search"] > 1
                    self._fail_if(twice, one, "is a second default_search of its datastore")
                case ReportBody() as body:
                    self._query(one, body)
                case ScheduleBody() as body:
                    schedules[one.parent] += 1
                    for reason in schedule_problems(body, self._live):
                        self._fail(one, reason)
                case ChartBody() as body:
                    self._fail_if(not body.report, one, "needs a report")
                    self._refer(one, body.report, "draws a report that is gone")
                case _:
                    pass
        for datastore, count in fields.items():
            most = FIELDS_PER_DATASTORE_MAX
            reason = f"has {count} fields, at most {most} are allowed"
            self._fail_if(count > most, self._live[datastore], reason)
        for datastore, count in hooks.items():
            most = WEBHOOKS_PER_DATASTORE_MAX
            reason = f"has {count} webhooks, at most {most} are allowed"
            self._fail_if(count > most, self._live[datastore], reason)
        for project, count in schedules.items():
            most = SCHEDULES_PER_PROJECT_MAX
            reason = f"has {count} schedules, at most {most} are allowed"
            self._fail_if(count > most, self._live[project], reason)
        self._formulas()
        self._rules()
        tops = [one for one in self._groups() if not _above(one)]
        if len(tops) > 1:
            names = ", ".join(one.display_id for one in tops)
            self._fail(tops[-1], f"is a second top group beside another: {names}")
        self._searches()

    def _fail(self, one: Definition, reason: str) -> None:
        place = self._outcome.places.get(one.id, self._fallback)
        self._problems.append(Problem(place, f"{one.display_id} {reason}"))

    def _fail_if(self, wrong: bool, one: Definition, reason: str) -> None:
        if wrong:
            self._fail(one, reason)

    def _sign_up(self, one: Definition, body: ProjectBody) -> None:
        for role in sorted(self._outcome.designing.intersection(body.sign_up_roles)):
            name = self._live[role].display_id
            self._fail(one, f"gives {name}, which may change the design, to whoever signs up")

    def _groups(self) -> list[Definition]:
        return [one for one in self._outcome.after if isinstance(one.body, GroupBody)]

    def _group(self, one: Definition, body: GroupBody) -> None:
        level, above = 1, body.parent
        while above and level <= GROUP_LEVELS_MAX:
            level += 1
            over = self._live.get(above)
            if over is None:
                self._fail(one, "would be left without the group it is in")
                return
            above = _above(over)
        most = GROUP_LEVELS_MAX
        self._fail_if(level > most, one, f"stands more than {most} levels deep")

    def _field(self, one: Definition, body: FieldBody) -> None:
        kind = KINDS[body.kind]
        try:
            kind.check_settings(make_settings(body))
        except InvalidValueError as error:
            self._fail(one, str(error))
        low, high = body.min_value, body.max_value
        crossed = low is not None and high is not None and low > high
        self._fail_if(crossed, one, "has a min above its max")
        like_ids = [option.display_id for option in body.options if is_id(option.display_id)]
        self._fail_if(
            bool(like_ids), one, f"has an option {like_ids[:1]} that looks like an internal id"
        )
        chosen = {option.id for option in body.options if option.enabled}
        unchosen = bool(body.selected) and body.selected not in chosen
        self._fail_if(unchosen, one, "selects an option that is not there or is disabled")
        self._refer(one, body.lookup_datastore, "looks up a datastore that is gone")
        self._refer(one, body.lookup_field, "looks up a field that is gone")

    def _formulas(self) -> None:
        catalog = build_catalog(Workspace("", "", "UTC"), 0, self._outcome.after)
        for project in catalog.projects:
            for datastore in project.datastores:
                found = find_formula_problems(datastore, catalog, self._outcome.formulas)
                for field, reason in found:
                    self._fail(self._live[field.id], reason)

    def _action(self, one: Definition, body: ActionBody) -> None:
        self._refer(one, body.status, "is offered in a status that is gone")
        self._refer(one, body.next_status, "leads to a status that is gone")
        both = body.is_default and bool(body.status)
        self._fail_if(both, one, "can't be a default: it is bound to a status")

    def _relation(self, one: Definition, body: RelationBody) -> None:
        self._fail_if(not body.target, one, "needs to: the datastore that it leads to")
        self._refer(one, body.target, "leads to a datastore that is gone")

    def _rules(self) -> None:
        """Each rule must compare what can be compared; that takes the whole catalogue."""
        if self._problems or not any(
            isinstance(one.body, RelationBody) for one in self._outcome.after
        ):
            return
        catalog = build_catalog(Workspace("", "", "UTC"), 0, self._outcome.after)
        for one in self._outcome.after:
            if not isinstance(one.body, RelationBody) or not one.body.field:
                continue
            source = catalog.find_datastore(one.parent)
            target = catalog.find_datastore(one.body.target)
            if source is not None and target is not None:
                keys = source.find_field(one.body.field), target.find_field(one.body.equals)
                reason = find_rule_problem(*keys)
                self._fail_if(bool(reason), one, reason)

    def _query(self, one: Definition, body: QueryBody | ReportBody) -> None:
        if not body.datastore:
            self._fail(one, "needs a datastore")
            return
        self._refer(one, body.datastore, "searches a datastore that is gone")
        for condition in body.conditions:
            is_field = is_id(condition.field)
            field = self._live.get(condition.field)
            lost = is_field and (field is None or field.parent != body.datastore)
            self._fail_if(lost, one, "has a condition on a field that is not in its datastore")

    def _searches(self) -> None:
        """Each query, report, chart and schedule must mean something; that takes the whole catalogue."""
        saved_kinds = QueryBody | ReportBody | ChartBody | ScheduleBody
        has_any = any(isinstance(one.body, saved_kinds) for one in self._outcome.after)
        if self._problems or not has_any:
            return
        catalog = build_catalog(Workspace("", "", "UTC"), 0, self._outcome.after)
        for project in catalog.projects:
            asked: tuple[SavedQuery | SavedReport, ...] = (
                *project.queries,
                *project.reports,
                *(one.search for one in project.schedules),
            )
            for saved in asked:
                datastore = catalog.find_datastore(saved.datastore)
                if datastore is not None:
                    reason = _unreadable(catalog, datastore, saved)
                    if isinstance(saved, SavedReport):
                        reason = reason or report_problem(saved, datastore)
                    self._fail_if(bool(reason), self._live[saved.id], reason)
            for chart in project.charts:
                report = project.find_report(chart.report)
                reason = chart_problem(chart, report) if report else ""
                self._fail_if(bool(reason), self._live[chart.id], reason)

    def _refer(self, one: Definition, target: str, reason: str) -> None:
        self._fail_if(bool(target) and target not in self._live, one, reason)


def _above(group: Definition) -> str:
    return group.body.parent if isinstance(group.body, GroupBody) else ""


def _unreadable(catalog: Catalog, datastore: Datastore, saved: SavedQuery | SavedReport) -> str:
    """Why a search could not read a saved query; "" if it could."""
    none = frozenset[str]()
    nobody = Actor("", "", "", catalog.workspace, none, none, none, 0)
    try:
        read_saved(saved, Scope(datastore, nobody, {}, (0, 0)))
    except FaultError as error:
        return f"has a condition that means nothing: {error.faults[0].description}"
    for one in saved.conditions:
        field = datastore.find_field(one.key)
        options = field is not None and field.kind.has_options
        for value in one.values:
            if value is None or not isinstance(value, str):
                continue
            if options and field is not None and find_option(value, field.settings) is None:
                return f"has a condition on {field.display_id}, which has no option {value}"
            is_status = one.key == "status" or (field is not None and field.kind.name == "status")
            if is_status and datastore.find_status(value) is None:
                return f"has a condition on a status {value} that is not there"
    return ""
