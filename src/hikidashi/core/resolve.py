"""Names to definitions: what a command means under one catalogue, for one actor. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from .access import Actor, may_design, may_execute, may_see_project, may_use_datastore
from .catalog import Action, Catalog, Datastore, Operation, Project
from .commands import (
    AddLink,
    Command,
    CommentCommand,
    CommentRequest,
    EditComment,
    Entry,
    EntryRequest,
    LinkCommand,
    LinkRequest,
    NumberRequest,
    Op,
    PostComment,
    Publish,
    RemoveComment,
    RemoveLinks,
    ReplaceLink,
    Request,
    SetNumber,
    TakeNumber,
    WriteItem,
    WriteRequest,
)
from .errors import (
    Fault,
    FaultError,
    InvalidValueError,
    bad_value,
    forbidden,
    invalid_request,
    no_action,
    no_comment,
    no_item,
    no_place,
    number_field_missing,
    number_field_wrong,
    number_refused,
    unknown_field,
)
from .ids import is_id
from .items import Touches
from .kinds.derived import parse_auto_number
from .limits import (
    BRANCH_KEY_CHARS_MAX,
    CHARS_PER_ENTRY,
    COMMENT_CHARS_MAX,
    INTEGER_MAX,
    PUBLISH_KEYS_MAX,
    RELATED_ENTRIES_MAX,
    RELATED_LEVELS_MAX,
    ROW_NUMBER_END,
)
from .values import Value

_OPERATIONS = {
    Op.NEW: Operation.NEW,
    Op.UPDATE: Operation.UPDATE,
    Op.DELETE: Operation.DELETE,
    Op.COPY: Operation.COPY,
}
_ACTS = {Operation.UPDATE: Op.UPDATE, Operation.DELETE: Op.DELETE, Operation.COPY: Op.COPY}


def get_project(catalog: Catalog, actor: Actor, ref: str) -> Project:
    """A project that the actor may see. Raises 404."""
    project = catalog.find_project(ref)
    if project is None or not may_see_project(actor, project):
        raise no_place("application", ref)
    return project


def get_datastore(catalog: Catalog, actor: Actor, project: str, datastore: str) -> Datastore:
    """A datastore that the actor may use, under its project. Raises 404.

    Without a project a display id must be the only one of its kind among what the actor sees.
    """
    if project:
        found = get_project(catalog, actor, project).find_datastore(datastore)
    else:
        found = catalog.find_datastore(datastore) or _only_one(catalog, actor, datastore)
    if found is None or not may_use_datastore(actor, found):
        raise no_place("datastore", datastore)
    return found


def _only_one(catalog: Catalog, actor: Actor, ref: str) -> Datastore | None:
    named = [
        found
        for project in catalog.projects
        if may_see_project(actor, project)
        and (found := project.find_datastore(ref)) is not None
        and may_use_datastore(actor, found)
    ]
    return named[0] if len(named) == 1 else None


def resolve(command: Command, catalog: Catalog, actor: Actor) -> Request:
    """Find what a command names. Raises 404 for places, 400 for a malformed tree."""
    match command:
        case WriteItem():
            return _resolve_write(command, catalog, actor)
        case AddLink() | RemoveLinks() | ReplaceLink():
            return _resolve_link(command, catalog, actor)
        case TakeNumber() | SetNumber():
            return _resolve_number(command, catalog, actor)
        case PostComment() | EditComment() | RemoveComment():
            return _resolve_comment(command, catalog, actor)


# --- items ------------------------------------------------------------------------------------


def _resolve_write(command: WriteItem, catalog: Catalog, actor: Actor) -> WriteRequest:
    datastore = get_datastore(catalog, actor, command.project, command.entry.datastore)
    project = catalog.find_project(datastore.project)
    if project is None:  # a datastore is always found under its project
        raise no_place("application", command.project)
    entry = command.entry
    _check_comment(command.comment)
    if len(command.legacy_groups) > PUBLISH_KEYS_MAX:
        raise invalid_request(f"groups_to_publish has over {PUBLISH_KEYS_MAX}")
    if entry.operation is Op.NEW and actor.may_write and _action(entry, datastore) is None:
        raise no_action("create new", catalog.workspace)
    if entry.operation is not Op.NEW and entry.row is None and not is_id(entry.item):
        raise no_item(entry.item)
    resolver = _Resolver(catalog, actor, project, takes_numbers=command.is_import)
    request = resolver.entry(entry, datastore, "", ())
    entries = resolver.count + resolver.chars // CHARS_PER_ENTRY
    return WriteRequest(command, project, request, resolver.touches, entries)


class _Resolver:
    """Walks the entries of one write, counting them and gathering what they touch."""

    def __init__(
        self, catalog: Catalog, actor: Actor, project: Project, *, takes_numbers: bool = False
    ) -> None:
        self._catalog = catalog
        self._actor = actor
        self._project = project
        self._takes_numbers = takes_numbers
        self.touches = Touches()
        self.count = 0
        self.chars = 0  # of the texts

    def entry(
        self, entry: Entry, datastore: Datastore, path: str, above: tuple[str, ...]
    ) -> EntryRequest:
        """Resolve one entry and those related to it; `above` holds the datastores of the path."""
        self.count += 1
        publish = entry.publish
        if publish is not None:
            _check_publish(publish)
            if publish.users:
                workspace = datastore.workspace
                self.touches.users.update((workspace, one) for one in publish.users if is_id(one))
        if self.count > RELATED_ENTRIES_MAX + 1:
            raise invalid_request(f"related_ds_items has over {RELATED_ENTRIES_MAX} entries")
        operation, action = _operation(entry, datastore)
        values, faults = self._values(entry.values, datastore) if entry.values else ({}, [])
        self._touch(entry, operation, datastore, values)
        related: tuple[EntryRequest, ...] = ()
        if entry.related:
            if operation in (Op.DELETE, Op.UNLINK):
                where = f" ({path})" if path else ""
                raise invalid_request(f"operation {operation} can't have related_ds_items{where}")
            related = self._related(entry, path, (*above, datastore.id))
        return EntryRequest(
            operation,
            datastore,
            path,
            entry.item,
            entry.row,
            action,
            entry.action,
            values,
            tuple(faults),
            entry.revision,
            entry.operation in (Op.UPDATE, Op.ACT),
            entry.link_to_parent,
            entry.publish,
            related,
            entry.status,
        )

    def _related(
        self, parent: Entry, path: str, above: tuple[str, ...]
    ) -> tuple[EntryRequest, ...]:
        if len(above) > RELATED_LEVELS_MAX:
            raise invalid_request(f"related_ds_items is nested over {RELATED_LEVELS_MAX} levels")
        found: list[EntryRequest] = []
        indexes: dict[str, int] = {}
        for entry in parent.related:
            datastore = self._related_datastore(entry.datastore)
            if datastore.id in above:
                raise invalid_request(
                    f"the datastore {entry.datastore} is nested inside itself in related_ds_items"
                )
            index = indexes.get(datastore.id, 0)
            indexes[datastore.id] = index + 1
            if is_id(parent.item) and is_id(entry.item):
                self.touches.link_pairs.add((parent.item, entry.item))
            below = f"{path}/{datastore.id}/{index}" if path else f"{datastore.id}/{index}"
            found.append(self.entry(entry, datastore, below, above))
        return tuple(found)

    def _related_datastore(self, ref: str) -> Datastore:
        found = self._project.find_datastore(ref) or self._catalog.find_datastore(ref)
        if found is None or not may_use_datastore(self._actor, found):
            raise invalid_request(f"related_ds_items names no datastore {ref}", f"d_id:{ref}")
        return found

    def _touch(
        self, entry: Entry, operation: Op, datastore: Datastore, values: Mapping[str, Value]
    ) -> None:
        touches = self.touches
        if operation in (Op.NEW, Op.COPY):
            touches.new_rows[datastore.id] = touches.new_rows.get(datastore.id, 0) + 1
            for field in datastore.number_fields:
                touches.counter(field.id, None, make=False)  # there from the field's creation
        if operation is Op.NEW:
            pass  # it names no item
        elif entry.row is not None:
            if not 0 < entry.row < ROW_NUMBER_END:
                raise no_item(str(entry.row))
            touches.rows.setdefault(datastore.id, set()).add(entry.row)
        elif is_id(entry.item):
            touches.item(datastore.id, entry.item)
        for field in datastore.unique_fields:
            value = values.get(field.id)
            if value is not None:
                touches.holders.add((datastore.id, field.id, value))

    def _values(
        self, raw: Mapping[str, object], datastore: Datastore
    ) -> tuple[dict[str, Value], list[Fault]]:
        values: dict[str, Value] = {}
        faults: list[Fault] = []
        find_field = datastore.find_field
        for key, given in raw.items():
            field = find_field(key)
            if field is None:
                faults.append(unknown_field(key, datastore.id))
                continue
            kind = field.kind
            if given is None:
                if kind.writable:
                    values[field.id] = None
                continue
            parse = kind.parse
            if kind.name == "autonum" and self._takes_numbers:
                parse = parse_auto_number
            elif not kind.writable:
                reason = f"a field of type {kind.name} can't be written"
                faults.append(bad_value(field.id, field.display_id, reason))
                continue
            try:
                value = values[field.id] = parse(given, field.settings)
            except InvalidValueError as error:
                faults.append(bad_value(field.id, field.display_id, str(error)))
                continue
            if isinstance(value, str):
                self.chars += len(value)
            if kind.refers_to == "item":
                for item in kind.ids(value):
                    self.touches.item(field.settings.lookup_datastore, item)
            elif kind.refers_to == "user":
                self.touches.users.update((datastore.workspace, user) for user in kind.ids(value))
        return values, faults


def _check_publish(publish: Publish) -> None:
    if max(len(publish.groups), len(publish.roles), len(publish.users)) > PUBLISH_KEYS_MAX:
        raise invalid_request(f"a publish list of access_key_updates has over {PUBLISH_KEYS_MAX}")


def _operation(entry: Entry, datastore: Datastore) -> tuple[Op, Action | None]:
    """What is done to the item, and by which action; None if none fits."""
    if entry.operation in _OPERATIONS:
        return entry.operation, _action(entry, datastore)
    if entry.operation is not Op.ACT:
        return entry.operation, None
    action = datastore.find_action(entry.action)
    if action is None or action.operation not in _ACTS:
        return Op.UPDATE, None  # refused when its turn comes: an item that is hidden is told first
    return _ACTS[action.operation], action


def _action(entry: Entry, datastore: Datastore) -> Action | None:
    """The action named, or the default one; None if it is not one for this operation."""
    operation = _OPERATIONS[entry.operation]
    if not entry.action:
        return datastore.default_action(operation)
    action = datastore.find_action(entry.action)
    return action if action is not None and action.operation is operation else None


# --- links ------------------------------------------------------------------------------------


def _resolve_link(command: LinkCommand, catalog: Catalog, actor: Actor) -> LinkRequest:
    datastore = get_datastore(catalog, actor, command.project, command.datastore)
    target = _link_datastore(command, command.link_datastore, catalog, actor)
    added = command.new_item if isinstance(command, ReplaceLink) else ""
    for item in filter(None, (command.item, command.link_item, added)):
        if not is_id(item):
            raise no_item(item)
    if command.item in (command.link_item, added):
        raise invalid_request("an item can't be linked to itself", command.item)
    touches = Touches()
    touches.item(datastore.id, command.item)
    if command.link_item:
        touches.item(target.id, command.link_item)
        touches.link_pairs.add((command.item, command.link_item))
    else:
        touches.links_from.add(command.item)
    if not isinstance(command, ReplaceLink):
        return LinkRequest(command, datastore, target, touches)
    new = _link_datastore(command, command.new_datastore, catalog, actor)
    touches.item(new.id, added)
    touches.link_pairs.add((command.item, added))
    return LinkRequest(command, datastore, target, touches, new_datastore=new)


def _link_datastore(command: LinkCommand, ref: str, catalog: Catalog, actor: Actor) -> Datastore:
    """A datastore of the item's project by any name, or of another one by id."""
    project = get_project(catalog, actor, command.project)
    target = project.find_datastore(ref) or catalog.find_datastore(ref)
    if target is None or not may_use_datastore(actor, target):
        raise no_place("datastore", ref)
    return target


# --- comments ---------------------------------------------------------------------------------


def _resolve_comment(command: CommentCommand, catalog: Catalog, actor: Actor) -> CommentRequest:
    datastore = get_datastore(catalog, actor, command.project, command.datastore)
    project = get_project(catalog, actor, command.project)
    if not is_id(command.item):
        raise no_item(command.item)
    touches = Touches()
    touches.item(datastore.id, command.item)
    if not isinstance(command, RemoveComment):
        if not command.comment:
            raise invalid_request("comment must not be empty")
        _check_comment(command.comment)
    if not isinstance(command, PostComment):
        if not is_id(command.history):
            raise no_comment(command.history)
        touches.comments.add(command.history)
    return CommentRequest(command, project, datastore, touches)


def _check_comment(comment: str) -> None:
    if len(comment) > COMMENT_CHARS_MAX:
        raise invalid_request(f"comment has over {COMMENT_CHARS_MAX} characters")
    if "\0" in comment:
        raise invalid_request("comment holds U+0000")


# --- auto numbers -----------------------------------------------------------------------------


def _resolve_number(
    command: TakeNumber | SetNumber, catalog: Catalog, actor: Actor
) -> NumberRequest:
    project = catalog.find_project(command.project)
    if project is None or not may_see_project(actor, project):
        raise number_field_missing(command.field)
    datastore = project.find_datastore(command.datastore)
    if datastore is None or not may_use_datastore(actor, datastore):
        raise number_field_missing(command.field)
    field = datastore.find_field(command.field)
    if field is None or actor.roles.isdisjoint(field.roles):
        raise number_field_missing(command.field)
    if field.kind.name != "autonum":
        raise number_field_wrong(field.id)
    branch = command.branch
    if branch is not None and (len(branch) > BRANCH_KEY_CHARS_MAX or "\0" in branch):
        raise number_refused(
            f"branch_key has over {BRANCH_KEY_CHARS_MAX} characters or a U+0000", field.id
        )
    touches = Touches()
    match command:
        case TakeNumber():
            _may_take(datastore, actor)
            touches.counter(field.id, branch, make=True)
        case SetNumber():
            if not 0 <= command.number <= INTEGER_MAX:
                raise number_refused(f"auto_num must be between 0 and {INTEGER_MAX}", field.id)
            if not may_design(actor, project):
                raise forbidden("no privileges to change the auto number")
            touches.counter(field.id, branch, make=False)
    return NumberRequest(command, project, datastore, field, touches)


def _may_take(datastore: Datastore, actor: Actor) -> None:
    actions = (one for one in datastore.actions if one.operation is Operation.NEW)
    if not any(may_execute(actor, one) for one in actions):
        raise forbidden("no privileges to take an auto number")


__all__ = ["FaultError", "get_datastore", "get_project", "resolve"]
