"""Names to definitions: what a command means under one catalogue, for one actor. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .access import Actor, may_execute, may_use_datastore
from .actions import Action, Operation
from .catalog import Catalog, Datastore, Field, Project
from .commands import (
    AddLink,
    Command,
    EditComment,
    Entry,
    EntryRequest,
    FollowRules,
    ItemsRequest,
    Linked,
    Op,
    PostComment,
    Publish,
    Refuse,
    RemoveComment,
    RemoveLinks,
    ReplaceLink,
    Request,
    ReserveItem,
    SetNumber,
    TakeNumber,
    WriteBatch,
    WriteFound,
    WriteItem,
    WriteKept,
    WriteRequest,
    WriteRows,
)
from .errors import (
    Fault,
    InvalidValueError,
    action_forbidden,
    bad_value,
    invalid_request,
    no_action,
    no_item,
    no_place,
    unknown_field,
)
from .ids import is_id
from .kept_planner import resolve_kept
from .kinds.derived import parse_auto_number
from .limits import (
    CHARS_PER_ENTRY,
    PUBLISH_KEYS_MAX,
    RELATED_ENTRIES_MAX,
    RELATED_LEVELS_MAX,
    ROW_NUMBER_END,
    TARGET_DATASTORES_MAX,
)
from .places import check_comment, get_datastore, get_project, get_written
from .reservations import resolve_reservation
from .resolve_parts import resolve_comment, resolve_link, resolve_number, resolve_rules
from .rows_planner import resolve_rows
from .touches import Touches
from .values import Value

_OPERATIONS = {
    Op.NEW: Operation.NEW,
    Op.UPDATE: Operation.UPDATE,
    Op.DELETE: Operation.DELETE,
    Op.COPY: Operation.COPY,
}
_ACTS = {Operation.UPDATE: Op.UPDATE, Operation.DELETE: Op.DELETE, Operation.COPY: Op.COPY}


def resolve(command: Command, catalog: Catalog, actor: Actor) -> Request:
    """Find what a command names. Raises 404 for places, 400 for a malformed tree."""
    match command:
        case WriteItem():
            return _resolve_write(command, catalog, actor)
        case ReserveItem():
            return resolve_reservation(command, catalog, actor)
        case WriteFound():
            return _resolve_found(command, catalog, actor)
        case WriteBatch():
            return _resolve_batch(command, catalog, actor)
        case WriteRows():
            return resolve_rows(command, catalog, actor)
        case WriteKept():
            return resolve_kept(command, catalog, actor)
        case AddLink() | RemoveLinks() | ReplaceLink():
            return resolve_link(command, catalog, actor)
        case FollowRules():
            return resolve_rules(command, catalog)
        case TakeNumber() | SetNumber():
            return resolve_number(command, catalog, actor)
        case PostComment() | EditComment() | RemoveComment():
            return resolve_comment(command, catalog, actor)
        case Refuse():
            raise command.reason


# --- items ------------------------------------------------------------------------------------


def _resolve_write(command: WriteItem, catalog: Catalog, actor: Actor) -> WriteRequest:
    datastore = get_written(command, catalog, actor)
    project = catalog.find_project(datastore.project)
    if project is None:  # a datastore is always found under its project
        raise no_place("application", command.project)
    entry = command.entry
    check_comment(command.comment)
    if len(command.legacy_groups) > PUBLISH_KEYS_MAX:
        raise invalid_request(f"groups_to_publish has over {PUBLISH_KEYS_MAX}")
    if entry.operation is Op.NEW and actor.may_write and _action(entry, datastore) is None:
        raise no_action("create new", catalog.workspace)
    names_item = entry.operation is not Op.NEW or entry.item
    if names_item and entry.row is None and not is_id(entry.item):
        raise no_item(entry.item)
    resolver = _Resolver(catalog, actor, project, takes_numbers=command.is_import)
    request = resolver.entry(entry, datastore, "", ())
    entries = resolver.count + resolver.chars // CHARS_PER_ENTRY
    linked: tuple[Datastore, ...] = ()
    if command.linked is not None:
        linked = _resolve_linked(command.linked, entry.item, project, actor, resolver.touches)
    return WriteRequest(command, project, request, resolver.touches, entries, None, linked)


def _resolve_linked(
    linked: Linked, item: str, project: Project, actor: Actor, touches: Touches
) -> tuple[Datastore, ...]:
    """The datastores listed, each once; what is foreseen is read and locked with the item."""
    if len(linked.datastores) > TARGET_DATASTORES_MAX:
        raise invalid_request(f"target_datastores has over {TARGET_DATASTORES_MAX}")
    found: dict[str, Datastore] = {}
    for ref in linked.datastores:
        place = project.find_datastore(ref)
        if place is None or not may_use_datastore(actor, place):
            raise invalid_request(f"target_datastores names no datastore {ref}", f"d_id:{ref}")
        found[place.id] = place
    foreseen = [(at, one) for at, one in linked.foreseen if at in found]
    for at, one in foreseen:
        touches.item(at, one)
    touches.link_into((one, at) for one in (item, *[i for _, i in foreseen]) for at in found)
    return tuple(found.values())


def _resolve_found(command: WriteFound, catalog: Catalog, actor: Actor) -> ItemsRequest:
    """What is done is resolved once, then turned to each of the items."""
    datastore = get_datastore(catalog, actor, command.project, command.each.datastore)
    project = get_project(catalog, actor, datastore.project)
    check_comment(command.comment)
    resolver = _Resolver(catalog, actor, project)
    each = resolver.entry(command.each, datastore, "", ())
    action = each.action
    if action is None or not may_execute(actor, action):
        ref = each.action_ref
        named = (action.display_id, action.id) if action is not None else (ref, ref)
        raise action_forbidden(*named, datastore.display_id, datastore.id)
    touches = resolver.touches
    if each.operation is Op.COPY:
        touches.new_row(datastore.id, len(command.targets) - 1)  # one is there already
    items: list[EntryRequest] = []
    for target in command.targets:
        touches.item(datastore.id, target.item)
        values, faults = each.values, each.faults
        if target.values is not None:
            own = resolver.entry(replace(command.each, values=target.values), datastore, "", ())
            values, faults = own.values, own.faults
        items.append(
            EntryRequest(  # three times as fast as dataclasses.replace
                each.operation,
                datastore,
                "",
                target.item,
                None,
                action,
                each.action_ref,
                values,
                faults,
                target.revision,
                target.revision is not None,
                target.found_at,
                each.link_to_parent,
                each.publish,
                each.related,
                each.status,
            )
        )
    share = len(items) * (1 + resolver.chars // CHARS_PER_ENTRY)
    return ItemsRequest(command, project, tuple(items), touches, max(share, 1))


def _resolve_batch(command: WriteBatch, catalog: Catalog, actor: Actor) -> ItemsRequest:
    project = get_project(catalog, actor, command.project)
    if len(command.entries) > RELATED_ENTRIES_MAX:
        raise invalid_request(f"item_actions has over {RELATED_ENTRIES_MAX} entries")
    resolver = _Resolver(catalog, actor, project)
    items: list[EntryRequest] = []
    indexes: dict[str, int] = {}
    for entry in command.entries:
        if entry.operation in (Op.LINK, Op.UNLINK):
            raise invalid_request(f"operation {entry.operation} needs an item to link to")
        datastore = project.find_datastore(entry.datastore)
        if datastore is None or not may_use_datastore(actor, datastore):
            ref = entry.datastore
            raise invalid_request(f"item_actions names no datastore {ref}", f"d_id:{ref}")
        index = indexes.get(datastore.id, 0)
        indexes[datastore.id] = index + 1
        items.append(resolver.entry(entry, datastore, f"{datastore.id}/{index}", ()))
    share = resolver.count + resolver.chars // CHARS_PER_ENTRY
    return ItemsRequest(command, project, tuple(items), resolver.touches, max(share, 1))


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
                self.touches.user(workspace, [one for one in publish.users if is_id(one)])
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
            entry.operation in (Op.UPDATE, Op.ACT) and not entry.force,
            None,
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
                self.touches.link_pair(parent.item, entry.item)
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
            touches.new_row(datastore.id)
            for field in datastore.number_fields:
                touches.counter(field.id, None, make=False)  # there from the field's creation
        if operation is Op.NEW:
            if entry.item:  # what names a new item is a reserved id
                touches.reserve(entry.item)
        elif entry.row is not None:
            if not 0 < entry.row < ROW_NUMBER_END:
                raise no_item(str(entry.row))
            touches.row(datastore.id, entry.row)
        elif is_id(entry.item):
            touches.item(datastore.id, entry.item)
        for field in datastore.unique_fields:
            value = values.get(field.id)
            if value is not None:
                touches.holder(datastore.id, field.id, value)

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
            if not kind.writable:
                if kind.name != "autonum" or not self._takes_numbers:
                    reason = f"a field of type {kind.name} can't be written"
                    faults.append(bad_value(field.id, field.display_id, reason))
                    continue
                parse = parse_auto_number
            try:
                value = values[field.id] = parse(given, field.settings)
            except InvalidValueError as error:
                faults.append(bad_value(field.id, field.display_id, str(error)))
                continue
            if isinstance(value, str):
                self.chars += len(value)
            if kind.refers_to:
                self._touch_target(field, value, datastore)
        return values, faults

    def _touch_target(self, field: Field, value: Value, datastore: Datastore) -> None:
        """What a value names is read, too."""
        kind = field.kind
        if kind.refers_to == "item":
            for item in kind.ids(value):
                self.touches.item(field.settings.lookup_datastore, item)
        elif kind.refers_to == "user":
            self.touches.user(datastore.workspace, kind.ids(value))
        else:
            self.touches.file(kind.ids(value))


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


def find_action(entry: Entry, datastore: Datastore) -> Action | None:
    """The action that an entry comes to, whatever it names it by."""
    if entry.operation is Op.ACT:
        return datastore.find_action(entry.action)
    return _action(entry, datastore) if entry.operation in _OPERATIONS else None


def _action(entry: Entry, datastore: Datastore) -> Action | None:
    """The action named, or the default one; None if it is not one for this operation."""
    operation = _OPERATIONS[entry.operation]
    if not entry.action:
        return datastore.default_action(operation)
    action = datastore.find_action(entry.action)
    return action if action is not None and action.operation is operation else None
