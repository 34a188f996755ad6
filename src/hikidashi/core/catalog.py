"""Every definition of a workspace as one immutable, numbered value."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .actions import Action, Operation, Status
from .formula import names_read
from .kinds import Kind, Settings, Storage
from .public import SignUp
from .record import record
from .relations import Relation, Rule
from .saved import (
    Constant,
    Function,
    Names,
    SavedChart,
    SavedQuery,
    SavedReport,
    Schedule,
    Webhook,
)


def localized(names: Names, language: str) -> str:
    """A name in a language, else in English, else in any."""
    return names.get(language) or names.get("en") or next(iter(names.values()), "")


@record
class Role:
    """A set of people of a project. Its access key is its id."""

    id: str
    display_id: str
    names: Names
    may_design: bool = False  # ADMIN: may change definitions and set counters


@record
class Group:
    """A node of the workspace's one tree. Its access key is its id."""

    id: str
    display_id: str
    names: Names
    parent: str  # id; "" for the top group
    position: int


@record
class Field:
    """A slot of a datastore."""

    id: str
    display_id: str
    names: Names
    kind: Kind
    settings: Settings
    position: int
    roles: frozenset[str] = frozenset()  # ids of the roles that may use it
    as_title: bool = False
    title_order: int = 0
    search: bool = True
    full_text: bool = False
    show_list: bool = True
    unique: bool = False
    has_index: bool = False
    hide_on_input: bool = False
    hide_from_api: bool = False
    publish: bool = False  # users: the people named may see the item
    is_building: bool = False  # its index does not hold all items yet
    layout: tuple[int, int, int, int] = (0, 0, 1, 1)  # col, row, sizeX, sizeY

    @property
    def value_kind(self) -> Kind:
        """The kind that its values are of: its own, but for one that is computed."""
        return self.kind.values_of(self.settings)

    @property
    def is_indexed(self) -> bool:
        """An index by its values is there."""
        return self.unique or (self.has_index and not self.is_building)

    @property
    def storage(self) -> Storage | None:
        """How its values are kept; None: not at all."""
        return self.value_kind.storage


class Datastore:
    """A set of items of one shape."""

    __slots__ = (
        "__weakref__",
        "_actions",
        "_defaults",
        "_statuses",
        "actions",
        "calc_fields",
        "display_id",
        "fields",
        "file_fields",
        "find_field",
        "followed_fields",
        "id",
        "names",
        "number_fields",
        "position",
        "project",
        "public",
        "publish_fields",
        "relations",
        "roles",
        "row_code",
        "start_status",
        "statuses",
        "stored_fields",
        "text_fields",
        "title_fields",
        "title_ids",
        "unique_fields",
        "webhooks",
        "workspace",
    )

    def __init__(  # noqa: PLR0913  a definition has the parts it has
        self,
        *,
        id: str,  # noqa: A002  the vocabulary's word
        display_id: str,
        names: Names,
        project: str,
        workspace: str,
        position: int,
        row_code: int,
        roles: frozenset[str],
        fields: Iterable[Field],
        statuses: Iterable[Status],
        actions: Iterable[Action],
        webhooks: Iterable[Webhook] = (),
        relations: Iterable[Relation] = (),
        public: Iterable[str] = (),
    ) -> None:
        self.id = id
        self.display_id = display_id
        self.names = names
        self.project = project  # id
        self.workspace = workspace  # id
        self.position = position
        self.row_code = row_code  # HotTask's table number, unique in the workspace
        self.roles = roles
        self.public = frozenset(public)  # calls of HotTask that anybody may make
        self.fields = tuple(sorted(fields, key=lambda one: one.position))
        self.statuses = tuple(sorted(statuses, key=lambda one: one.position))
        self.actions = tuple(sorted(actions, key=lambda one: one.position))
        self.webhooks = tuple(sorted(webhooks, key=lambda one: one.position))
        self.relations = tuple(sorted(relations, key=lambda one: one.position))
        known = {one.display_id: one for one in self.fields}
        known |= {one.id: one for one in self.fields}
        self.find_field: Callable[[str], Field | None] = known.get  # by id or display id
        self._statuses = {one.display_id: one for one in self.statuses}
        self._statuses |= {one.id: one for one in self.statuses}
        self._actions = {one.display_id: one for one in self.actions}
        self._actions |= {one.id: one for one in self.actions}
        self._defaults = {one.operation: one for one in reversed(self.actions) if not one.status}
        self._defaults |= {one.operation: one for one in self.actions if one.is_default}
        self.stored_fields = tuple(one for one in self.fields if one.storage is not None)
        self.unique_fields = tuple(one for one in self.stored_fields if one.unique)
        self.file_fields = tuple(one for one in self.stored_fields if one.kind.refers_to == "file")
        self.number_fields = tuple(one for one in self.fields if one.kind.name == "autonum")
        titled = [one for one in self.stored_fields if one.as_title and one.kind.can_be_title]
        self.title_fields = tuple(sorted(titled, key=lambda one: (one.title_order, one.position)))
        self.title_ids = frozenset(one.id for one in titled)
        self.publish_fields = tuple(  # who they name may see the item
            one for one in self.stored_fields if one.publish and one.kind.refers_to == "user"
        )
        self.calc_fields = tuple(one for one in self.stored_fields if one.kind.is_computed)
        read = {name for one in self.calc_fields for name in names_read(one.settings.formula)}
        self.followed_fields = tuple(  # lookups that lead to what formulas read
            one
            for one in self.stored_fields
            if one.kind.refers_to == "item" and not read.isdisjoint((one.id, one.display_id))
        )
        self.text_fields = tuple(one for one in self.stored_fields if one.full_text)
        self.start_status = self.statuses[0].id if self.statuses else ""

    def find_webhook(self, ref: str) -> Webhook | None:
        """A webhook by id or display id."""
        return next((one for one in self.webhooks if ref in (one.id, one.display_id)), None)

    def find_status(self, ref: str) -> Status | None:
        """A status by id or display id."""
        return self._statuses.get(ref)

    def find_action(self, ref: str) -> Action | None:
        """An action by id or display id."""
        return self._actions.get(ref)

    def default_action(self, operation: Operation) -> Action | None:
        """The item action that runs when none is named: the marked one, else the first."""
        return self._defaults.get(operation)


class Project:
    """What holds datastores and roles."""

    __slots__ = (
        "_charts",
        "_datastores",
        "_reports",
        "_roles",
        "_rows",
        "charts",
        "constants",
        "datastores",
        "display_id",
        "functions",
        "id",
        "names",
        "position",
        "queries",
        "reports",
        "role_ids",
        "roles",
        "row_code",
        "schedules",
        "sign_up",
    )

    def __init__(  # noqa: PLR0913
        self,
        *,
        id: str,  # noqa: A002
        display_id: str,
        names: Names,
        position: int,
        row_code: str,
        roles: Iterable[Role],
        datastores: Iterable[Datastore],
        queries: Iterable[SavedQuery] = (),
        reports: Iterable[SavedReport] = (),
        charts: Iterable[SavedChart] = (),
        functions: Iterable[Function] = (),
        constants: Iterable[Constant] = (),
        schedules: Iterable[Schedule] = (),
        sign_up: SignUp | None = None,
    ) -> None:
        self.id = id
        self.display_id = display_id
        self.names = names
        self.position = position
        self.row_code = row_code  # HotTask's randomCode; "" if it has none
        self.sign_up = sign_up or SignUp()
        self.roles = tuple(roles)
        self.role_ids = frozenset(one.id for one in self.roles)
        self.datastores = tuple(sorted(datastores, key=lambda one: one.position))
        self.queries = tuple(sorted(queries, key=lambda one: one.position))
        self.reports = tuple(sorted(reports, key=lambda one: one.position))
        self.charts = tuple(sorted(charts, key=lambda one: one.position))
        self.functions = tuple(functions)
        self.constants = tuple(sorted(constants, key=lambda one: one.position))
        self.schedules = tuple(sorted(schedules, key=lambda one: one.position))
        self._reports = {one.display_id: one for one in self.reports}
        self._reports |= {one.id: one for one in self.reports}
        self._charts = {one.display_id: one for one in self.charts}
        self._charts |= {one.id: one for one in self.charts}
        self._roles = {one.display_id: one for one in self.roles}
        self._roles |= {one.id: one for one in self.roles}
        self._datastores = {one.display_id: one for one in self.datastores}
        self._datastores |= {one.id: one for one in self.datastores}
        self._rows = {one.row_code: one for one in self.datastores if one.row_code}

    def find_role(self, ref: str) -> Role | None:
        """A role by id or display id."""
        return self._roles.get(ref)

    def find_datastore(self, ref: str) -> Datastore | None:
        """A datastore by id or display id."""
        return self._datastores.get(ref)

    def find_default_search(self, datastore: str) -> SavedQuery | None:
        """What lists of a datastore (id) add when they are asked to."""
        found = (one for one in self.queries if one.is_default and one.datastore == datastore)
        return next(found, None)

    def find_report(self, ref: str) -> SavedReport | None:
        """A report by id or display id."""
        return self._reports.get(ref)

    def find_chart(self, ref: str) -> SavedChart | None:
        """A chart by id or display id."""
        return self._charts.get(ref)

    def find_function(self, ref: str) -> Function | None:
        """A function by id or display id."""
        return next((one for one in self.functions if ref in (one.id, one.display_id)), None)

    def find_table(self, ref: str) -> Datastore | None:
        """A datastore by HotTask's table number, or else by display id."""
        if ref.isascii() and ref.isdigit() and len(ref) <= 18 and int(ref) in self._rows:
            return self._rows[int(ref)]
        return self._datastores.get(ref)


class Catalog:
    """All definitions of one workspace at one number."""

    __slots__ = (
        "_below",
        "_datastores",
        "_groups",
        "_projects",
        "_roles",
        "_rules",
        "groups",
        "has_rules",
        "has_scripts",
        "name",
        "number",
        "projects",
        "time_zone",
        "workspace",
    )

    def __init__(  # noqa: PLR0913
        self,
        *,
        workspace: str,
        name: str,
        time_zone: str,
        number: int,
        groups: Iterable[Group],
        projects: Iterable[Project],
    ) -> None:
        self.workspace = workspace  # id
        self.name = name
        self.time_zone = time_zone
        self.number = number
        self.groups = tuple(sorted(groups, key=lambda one: one.position))
        self.projects = tuple(sorted(projects, key=lambda one: one.position))
        self._groups = {one.display_id: one for one in self.groups}
        self._groups |= {one.id: one for one in self.groups}
        self._below: dict[str, list[str]] = {}
        for one in self.groups:
            self._below.setdefault(one.parent, []).append(one.id)
        self._projects = {one.display_id: one for one in self.projects}
        self._projects |= {one.id: one for one in self.projects}
        self.has_scripts = any(
            action.pre_script or action.post_script
            for project in self.projects
            for datastore in project.datastores
            for action in datastore.actions
        )
        self._datastores = {ds.id: ds for one in self.projects for ds in one.datastores}
        self._roles = {role.id: role for one in self.projects for role in one.roles}
        self._rules = self._find_rules()
        self.has_rules = bool(self._rules)

    def find_group(self, ref: str) -> Group | None:
        """A group by id or display id."""
        return self._groups.get(ref)

    def find_project(self, ref: str) -> Project | None:
        """A project by id or display id."""
        return self._projects.get(ref)

    def find_datastore(self, id_: str) -> Datastore | None:
        """A datastore of any project, by id."""
        return self._datastores.get(id_)

    def find_role(self, id_: str) -> Role | None:
        """A role of any project, by id."""
        return self._roles.get(id_)

    def rules_of(self, datastore: str) -> tuple[Rule, ...]:
        """The rules that link items of a datastore (id) to others, or others to them."""
        return self._rules.get(datastore, ())

    def _find_rules(self) -> dict[str, tuple[Rule, ...]]:
        found: dict[str, dict[Rule, None]] = {}
        for source in self._datastores.values():
            for one in source.relations:
                target = self._datastores.get(one.target)
                if target is None or not one.field:
                    continue
                if not (source.find_field(one.field) and target.find_field(one.equals)):
                    continue
                rule = Rule(source.id, one.field, target.id, one.equals)
                found.setdefault(source.id, {})[rule] = None
                found.setdefault(target.id, {})[rule] = None
        return {datastore: tuple(rules) for datastore, rules in found.items()}

    def groups_below(self, group: str) -> list[str]:
        """The ids of a group and of all groups under it."""
        found = [group]
        known = {group}
        for one in found:  # grows while it is walked
            below = [child for child in self._below.get(one, ()) if child not in known]
            found.extend(below)
            known.update(below)
        return found

    def groups_above(self, group: str) -> list[str]:
        """The ids of a group and of all groups over it."""
        found: list[str] = []
        at = self._groups.get(group)
        while at is not None and at.id not in found:
            found.append(at.id)
            at = self._groups.get(at.parent)
        return found
