"""Rows of a file as new items: what they have in common is found once, then each is planned. Pure.

A row that is in order is checked by what it alone brings. One that is not, and all rows where
values are looked at together, go through the checks of any other new item, which say why.
"""

from __future__ import annotations

from .access import Actor, may_execute, may_use_field
from .actions import ANY_RULE, Action, Operation
from .catalog import Catalog, Datastore, Field
from .commands import (
    Entry,
    EntryRequest,
    Op,
    ParsedRow,
    Publish,
    RowsRequest,
    WriteItem,
    WriteRows,
)
from .draft import Draft, Scope, check_kept_elsewhere, draft_new, make_keys
from .errors import Fault, FaultError, FaultKind, action_forbidden, no_action, unknown_field
from .ids import IdSource
from .items import Snapshot
from .lookup_links import looks_up
from .places import get_datastore, get_project
from .plan import RowsResult, WritePlan
from .sheets import ImportOptions
from .touches import Touches
from .values import Value
from .write_planner import Frame, WritePlanner


def resolve_rows(command: WriteRows, catalog: Catalog, actor: Actor) -> RowsRequest:
    """What the columns and the values of all rows name."""
    datastore = get_datastore(catalog, actor, command.project, command.datastore)
    project = get_project(catalog, actor, datastore.project)
    action = datastore.default_action(Operation.NEW)
    if action is None:
        raise no_action("create new", catalog.workspace)
    fields: list[Field] = []
    touches = Touches()
    touches.new_row(datastore.id, len(command.rows))
    for one in datastore.number_fields:
        touches.counter(one.id, None, make=False)
    for at, name in enumerate(command.fields):
        field = datastore.find_field(name)
        if field is None:
            raise FaultError(FaultKind.INVALID, unknown_field(name, datastore.id))
        fields.append(field)
        if field.unique or field.kind.refers_to:
            values = {row.values[at] for row in command.rows} - {None}
            _touch(touches, datastore.id, datastore.workspace, field, values)
    return RowsRequest(command, project, datastore, action, tuple(fields), touches)


def _touch(
    touches: Touches, datastore: str, workspace: str, field: Field, values: set[Value]
) -> None:
    """What the values of a column are checked against is read, too."""
    if field.unique:
        for value in values:
            touches.holder(datastore, field.id, value)
    if field.kind.refers_to:
        named = {one for value in values for one in field.kind.ids(value)}
        if field.kind.refers_to == "item":
            for item in named:
                touches.item(field.settings.lookup_datastore, item)
        elif field.kind.refers_to == "user":
            touches.user(workspace, named)
        else:
            touches.file(named)


def plan_rows(  # noqa: PLR0913  everything a plan depends on, and nothing else
    request: RowsRequest,
    snapshot: Snapshot,
    actor: Actor,
    catalog: Catalog,
    now: int,
    ids: IdSource,
) -> WritePlan:
    """An item of each row; the faults of each are gathered."""
    scope = Scope(snapshot, actor, catalog, force=True)
    return _RowsPlanner(request, scope, now, ids).plan()


class _RowsPlanner(WritePlanner):
    """Items side by side, each a write of its own."""

    def __init__(self, request: RowsRequest, scope: Scope, now: int, ids: IdSource) -> None:
        datastore, action = request.datastore, request.action
        each = WriteItem(request.project.id, Entry(Op.NEW, datastore.id), is_import=True)
        super().__init__(each, request.project.id, scope, now, ids)
        self._rows = request.command.rows
        self._entry = _entry(request, {})
        self._request = request
        self._names = tuple(one.id for one in request.fields)
        self._numbers = [one.id for one in request.fields if not one.kind.writable]
        self._defaults = {
            one.id: one.settings.selected
            for one in datastore.fields
            if one.settings.selected and one.id not in self._names
        }
        self._checked = tuple(one for one in request.fields if one.unique or one.kind.refers_to)
        self._wanted = tuple(
            key
            for key, rule in action.rules.items()
            if rule.mandatory and (field := datastore.find_field(key)) and field.kind.writable
        )
        self._is_plain = (
            may_execute(scope.actor, action)
            and not datastore.file_fields
            and all(_may_give(scope.actor, action, one) for one in request.fields)
        )
        self._status = action.next_status or datastore.start_status
        self._keys: dict[tuple[Value, ...], frozenset[str]] = {}

    def plan(self) -> WritePlan:
        faults: list[tuple[int, tuple[Fault, ...]]] = []
        is_first = True
        for row in self._rows:
            mark, steps = self._snapshot.mark(), len(self._steps)
            if not is_first:
                self._transaction = self._ids.next_id()
            is_first = False
            try:
                self._make(row)
            except FaultError as error:
                self._snapshot.undo_to(mark)
                del self._steps[steps:]
                faults.append((row.line, error.faults))
        return WritePlan(tuple(self._steps), RowsResult(tuple(faults)))

    def _make(self, row: ParsedRow) -> None:
        given = dict(zip(self._names, row.values, strict=True))
        for one in self._numbers:
            if given[one] is None:  # it is given when the item is made
                del given[one]
        publish = Publish(groups=(row.group,)) if row.group else None
        if not self._is_plain or self._is_at_fault(given):
            entry = _entry(self._request, given, row.status)
            draft = draft_new(entry, self._scope, publish)
        else:
            values = {**given, **self._defaults} if self._defaults else given
            status = row.status or self._status
            keys = self._row_keys(row.group, values, publish)
            draft = Draft(self._entry, self._request.action, None, values, (), status, keys, ())
        item, changes = self._insert(draft)
        history = self._history(item, draft, changes)
        if self._request.datastore.text_fields:
            self._index(self._request.datastore, draft, item, history, is_published=True)
        frame = Frame(item, draft, history.id)
        if looks_up(self._request.datastore, given):
            self._follow_lookups(frame, self._request.datastore, {})
        self._close(frame, run_post=False)

    def _is_at_fault(self, given: dict[str, Value]) -> bool:
        """Whether a value that is looked up is not as it should be, or one is missing."""
        for field in self._checked:
            value = given.get(field.id)
            if value is not None and check_kept_elsewhere(
                field, value, "", self._request.datastore, self._scope
            ):
                return True
        for one in self._wanted:
            if given.get(one) is None and self._defaults.get(one) is None:
                return True
        return False

    def _row_keys(
        self, group: str, values: dict[str, Value], publish: Publish | None
    ) -> frozenset[str]:
        """Who may see the item; found once for all that say the same of it."""
        datastore = self._request.datastore
        said = (group, *[values.get(one.id) for one in datastore.publish_fields])
        found = self._keys.get(said)
        if found is None:
            action = self._request.action
            found, _ = make_keys(frozenset(), datastore, action, values, publish, self._scope)
            self._keys[said] = found
        return found


def _may_give(actor: Actor, action: Action, field: Field) -> bool:
    rule = action.rules.get(field.id, ANY_RULE)
    return rule.show and rule.update and may_use_field(actor, field)


def _entry(request: RowsRequest, given: dict[str, Value], status: str = "") -> EntryRequest:
    """A row as an entry of any write."""
    return EntryRequest(
        Op.NEW,
        request.datastore,
        "",
        "",
        None,
        request.action,
        "",
        given,
        (),
        None,
        False,  # noqa: FBT003  checks_revision
        None,
        False,  # noqa: FBT003  link_to_parent
        None,
        (),
        status,
    )


def may_import(datastore: Datastore, actor: Actor, workspace: str, options: ImportOptions) -> None:
    """Raises 403 for who may not create in the datastore, nor delete where all is replaced."""
    needed = [(Operation.NEW, "create new")]
    if options.replace_all:
        needed.append((Operation.DELETE, "delete"))
    for operation, words in needed:
        action = datastore.default_action(operation)
        if action is None:
            raise no_action(words, workspace)
        if not may_execute(actor, action):
            raise action_forbidden(action.display_id, action.id, datastore.display_id, datastore.id)
