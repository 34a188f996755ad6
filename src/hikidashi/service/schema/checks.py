"""What must be true of a workspace's definitions once a schema file has been applied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from ...core.computed import find_formula_problems
from ...core.errors import InvalidValueError
from ...core.ids import is_id
from ...core.kinds import KINDS
from ...core.limits import FIELDS_PER_DATASTORE_MAX, GROUP_LEVELS_MAX
from ...storage.definition_bodies import (
    ActionBody,
    DatastoreBody,
    Definition,
    FieldBody,
    GroupBody,
    ProjectBody,
)
from ...storage.definitions import Workspace, build_catalog, make_settings
from .difference import Outcome
from .problems import Place, Problem


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
        defaults: Counter[tuple[str, str]] = Counter()
        for one in self._outcome.after:
            match one.body:
                case GroupBody() as body:
                    self._group(one, body)
                case ProjectBody(row_code=code) if code:
                    codes[code] += 1
                    self._fail_if(codes[code] > 1, one, f"has the hottask_code {code} of another")
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
                case _:
                    pass
        for datastore, count in fields.items():
            most = FIELDS_PER_DATASTORE_MAX
            reason = f"has {count} fields, at most {most} are allowed"
            self._fail_if(count > most, self._live[datastore], reason)
        self._formulas()
        tops = [one for one in self._groups() if not _above(one)]
        if len(tops) > 1:
            names = ", ".join(one.display_id for one in tops)
            self._fail(tops[-1], f"is a second top group beside another: {names}")

    def _fail(self, one: Definition, reason: str) -> None:
        place = self._outcome.places.get(one.id, self._fallback)
        self._problems.append(Problem(place, f"{one.display_id} {reason}"))

    def _fail_if(self, wrong: bool, one: Definition, reason: str) -> None:
        if wrong:
            self._fail(one, reason)

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

    def _refer(self, one: Definition, target: str, reason: str) -> None:
        self._fail_if(bool(target) and target not in self._live, one, reason)


def _above(group: Definition) -> str:
    return group.body.parent if isinstance(group.body, GroupBody) else ""
