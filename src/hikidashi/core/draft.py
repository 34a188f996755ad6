"""Authorize and validate: an entry that may be written, with the image it leads to. Pure.

The order of checks: visible (404), action allowed (403), revision (409), values (400 or 403).
"""

from __future__ import annotations

from collections.abc import Mapping

from .access import Actor, may_execute, may_use_field
from .actions import ANY_RULE, Action
from .catalog import Catalog, Datastore, Field
from .commands import EntryRequest, Op, Publish
from .errors import (
    Fault,
    FaultError,
    FaultKind,
    action_forbidden,
    bad_value,
    field_forbidden,
    key_not_held,
    no_item,
    required_value,
    revision_conflict,
    unknown_publish,
)
from .file_rules import check_file, check_shared_files
from .ids import is_id
from .items import Item, Snapshot
from .limits import KEYS_PER_ITEM_MAX
from .record import record
from .values import Value


class HandedBackError(Exception):
    """The item is not at the revision that a script judged, or a search found: look again."""


@record
class Scope:
    """What the entries of one write have in common."""

    snapshot: Snapshot
    actor: Actor
    catalog: Catalog
    force: bool
    judged_revision: int | None = None
    hands_back: bool = False  # what moved since it was found is to be looked for again


@record
class Draft:
    """An entry that is allowed and valid."""

    entry: EntryRequest
    action: Action
    before: Item | None  # None under NEW
    values: Mapping[str, Value]  # the whole image, by field id
    changed: tuple[str, ...]  # ids of the fields whose value differs
    status: str
    keys: frozenset[str]
    notes: tuple[Fault, ...]  # warnings: told, and nothing is held up by them
    seed: str = ""  # id of the item that it is a copy of


def make_draft(entry: EntryRequest, scope: Scope, publish: Publish | None) -> Draft:
    """Check an entry by its operation: NEW, COPY, UPDATE or DELETE. Raises FaultError."""
    match entry.operation:
        case Op.NEW:
            return draft_new(entry, scope, publish)
        case Op.COPY:
            return draft_copy(entry, scope, publish)
        case Op.UPDATE:
            return draft_update(entry, scope, publish)
        case _:
            return draft_delete(entry, scope)


def draft_new(entry: EntryRequest, scope: Scope, publish: Publish | None) -> Draft:
    """Check a new item. Auto numbers are not in the image yet: they are taken by the plan."""
    action = _allowed(entry, "", scope)
    values = dict(entry.values)
    for field in entry.datastore.fields:
        if field.settings.selected and field.id not in values:
            values[field.id] = field.settings.selected
    changed = tuple(key for key, value in values.items() if value is not None)
    _check_values(entry, action, values, entry.values, None, scope)
    keys, notes = make_keys(frozenset(), entry.datastore, action, values, publish, scope)
    status = entry.status or action.next_status or entry.datastore.start_status
    return Draft(entry, action, None, values, changed, status, keys, notes)


def draft_copy(entry: EntryRequest, scope: Scope, publish: Publish | None) -> Draft:
    """Check a new item that takes over what another one holds.

    Auto numbers are taken anew; what is unique, or nobody's to write, is not taken over, nor are
    files, which belong to one item.
    """
    seed = _found_item(entry, scope)
    action = _allowed(entry, seed.status, scope)
    _check_revision(entry, seed, scope)
    given, held = entry.values, seed.values
    values = {
        field.id: held[field.id]
        for field in entry.datastore.stored_fields
        if field.kind.writable
        and not field.unique
        and held.get(field.id) is not None
        and field.kind.refers_to != "file"
    }
    values.update(given)
    changed = tuple(key for key, value in values.items() if value is not None)
    _check_values(entry, action, values, given, None, scope)
    keys, notes = make_keys(frozenset(), entry.datastore, action, values, publish, scope)
    status = action.next_status or entry.datastore.start_status
    return Draft(entry, action, None, values, changed, status, keys, notes, seed.id)


def draft_update(entry: EntryRequest, scope: Scope, publish: Publish | None) -> Draft:
    """Check an update of an item that is there."""
    before = _found_item(entry, scope)
    action = _allowed(entry, before.status, scope)
    _check_revision(entry, before, scope)
    held = before.values
    given = entry.values
    changed = tuple([key for key, value in given.items() if held.get(key) != value])
    values = {**held, **given} if changed else held
    _check_values(entry, action, values, given, before, scope)
    keys, notes = make_keys(before.keys, entry.datastore, action, values, publish, scope)
    status = entry.status or action.next_status or before.status
    return Draft(entry, action, before, values, changed, status, keys, notes)


def draft_delete(entry: EntryRequest, scope: Scope) -> Draft:
    """Check that an item may be deleted."""
    before = _found_item(entry, scope)
    action = _allowed(entry, before.status, scope)
    _check_revision(entry, before, scope)
    changed = tuple(key for key, value in before.values.items() if value is not None)
    return Draft(entry, action, before, {}, changed, before.status, before.keys, ())


def _found_item(entry: EntryRequest, scope: Scope) -> Item:
    """The item to be written, as it was when a search found it, if one did."""
    try:
        before = get_visible_item(entry, scope)
    except FaultError:
        if entry.found_at is not None and scope.hands_back:
            raise HandedBackError from None
        raise
    if entry.found_at is not None and entry.found_at != before.rev:
        if scope.hands_back:
            raise HandedBackError
        raise revision_conflict(before.id, before.datastore, before.rev, entry.found_at)
    return before


def get_visible_item(entry: EntryRequest, scope: Scope) -> Item:
    """The item an entry names, if the actor's keys open it. Raises 404."""
    datastore = entry.datastore.id
    item_id = entry.item
    if entry.row is not None:
        item_id = scope.snapshot.find_row(datastore, entry.row) or ""
        if not item_id:
            raise no_item(str(entry.row))
    item = scope.snapshot.find_item(datastore, item_id)
    if item is None or item.keys.isdisjoint(scope.actor.keyring):
        raise no_item(entry.item or str(entry.row))
    return item


def _allowed(entry: EntryRequest, status: str, scope: Scope) -> Action:
    """The action, if the actor and the item's status permit it. Raises 403."""
    action = entry.action
    if (
        action is None
        or not may_execute(scope.actor, action)
        or (action.status and action.status != status and entry.operation is not Op.NEW)
    ):
        datastore = entry.datastore
        named = action or datastore.find_action(entry.action_ref)
        display, internal = (
            (named.display_id, named.id) if named else (entry.action_ref, entry.action_ref)
        )
        raise action_forbidden(display, internal, datastore.display_id, datastore.id)
    return action


def _check_revision(entry: EntryRequest, before: Item, scope: Scope) -> None:
    judged = scope.judged_revision
    is_checked = entry.checks_revision and not scope.force
    if judged is not None and not entry.path and judged != before.rev:
        if not is_checked:
            raise HandedBackError
        raise revision_conflict(before.id, before.datastore, before.rev, judged)
    if not is_checked:
        return
    given = entry.revision or 0
    if given != before.rev:
        raise revision_conflict(before.id, before.datastore, before.rev, given)


def _check_values(  # noqa: PLR0913  one call, and the parts of it are what is compared
    entry: EntryRequest,
    action: Action,
    values: Mapping[str, Value],
    given: Mapping[str, Value],
    before: Item | None,
    scope: Scope,
) -> None:
    """Raise every fault of the values at once.

    What a value names is looked for only if the value is new: a client that sends all it has read
    back is not refused for a target that has gone since.
    """
    item = before.id if before is not None else ""
    held: Mapping[str, Value] = before.values if before is not None else {}
    faults = list(entry.faults)
    rules = action.rules
    find_field = entry.datastore.find_field
    for key, value in given.items():
        field = find_field(key)
        if field is None:  # values are keyed by the fields of this datastore
            continue
        if rules:
            rule = rules.get(key, ANY_RULE)
            if not (rule.show and rule.update):
                faults.append(field_forbidden(field.id, field.display_id))
                continue
        if not may_use_field(scope.actor, field):
            faults.append(field_forbidden(field.id, field.display_id))
            continue
        is_kept_elsewhere = field.unique or field.kind.refers_to
        if is_kept_elsewhere and value is not None and held.get(key) != value:
            faults.extend(check_kept_elsewhere(field, value, item, entry.datastore, scope))
    if len(entry.datastore.file_fields) > 1:
        faults.extend(check_shared_files(entry.datastore, given))
    for key, rule in rules.items():
        if rule.mandatory and values.get(key) is None:
            field = entry.datastore.find_field(key)
            if field is not None and field.kind.writable and not _told(faults, field):
                faults.append(required_value(field.id, field.display_id))
    if faults:
        forbidden = all(fault.code == "NO_PRIVILEGES" for fault in faults)
        raise FaultError(FaultKind.FORBIDDEN_FIELD if forbidden else FaultKind.INVALID, *faults)


def _told(faults: list[Fault], field: Field) -> bool:
    return any(fault.reference == f"f_id:{field.id}" for fault in faults)


def check_kept_elsewhere(
    field: Field, value: Value, item: str, datastore: Datastore, scope: Scope
) -> list[Fault]:
    """Unique values against their holder; users and items named against those there are."""
    snapshot = scope.snapshot
    reason = ""
    if field.unique and snapshot.find_holder(datastore.id, field.id, value) not in ("", item):
        reason = "the value is not unique"
    elif field.kind.refers_to == "user":
        for user in field.kind.ids(value):
            if not snapshot.is_member(datastore.workspace, user):
                reason = f"has no user {user}"
    elif field.kind.refers_to == "item":
        for one in field.kind.ids(value):
            target = snapshot.find_item(field.settings.lookup_datastore, one)
            if target is None or target.keys.isdisjoint(scope.actor.keyring):
                reason = f"has no item {one}"
    elif field.kind.refers_to == "file":
        for one in field.kind.ids(value):
            reason = reason or check_file(
                one, (datastore, field, item), scope.snapshot, scope.actor
            )
    return [bad_value(field.id, field.display_id, reason)] if reason else []


# --- access keys ------------------------------------------------------------------------------


def make_keys(  # noqa: PLR0913
    held: frozenset[str],
    datastore: Datastore,
    action: Action,
    values: Mapping[str, Value],
    publish: Publish | None,
    scope: Scope,
) -> tuple[frozenset[str], tuple[Fault, ...]]:
    """The keys an item bears after the write; the executing user's is always among them."""
    actor = scope.actor
    keys = {actor.user}
    if publish is None or not publish.ignore_action_settings:
        keys |= action.publish_roles
        if action.publish_groups:
            keys |= actor.groups
        for field in datastore.publish_fields:
            keys.update(field.kind.ids(values.get(field.id)))
    notes: list[Fault] = []
    if publish is not None:
        notes.extend(_publish_lists(publish, datastore, scope, keys))
        if publish.overwrite:
            held = frozenset()
    if keys <= held:
        return held, tuple(notes)
    after = held | keys
    if len(after) > KEYS_PER_ITEM_MAX:
        raise FaultError(
            FaultKind.INVALID,
            bad_value("", "access_key_updates", f"over {KEYS_PER_ITEM_MAX} keys on one item"),
        )
    return after, tuple(notes)


def _publish_lists(
    publish: Publish, datastore: Datastore, scope: Scope, keys: set[str]
) -> list[Fault]:
    """Add the keys that were listed, held and exist; a note for each other one."""
    notes: list[Fault] = []
    project = scope.catalog.find_project(datastore.project)
    for ref in publish.groups:
        group = scope.catalog.find_group(ref)
        _publish_one("group", ref, group.id if group else "", scope, keys, notes)
    for ref in publish.roles:
        role = project.find_role(ref) if project else None
        _publish_one("role", ref, role.id if role else "", scope, keys, notes)
    for ref in publish.users:
        if is_id(ref) and scope.snapshot.is_member(datastore.workspace, ref):
            keys.add(ref)
        else:
            notes.append(unknown_publish("user", ref))
    return notes


def _publish_one(  # noqa: PLR0913
    what: str, ref: str, key: str, scope: Scope, keys: set[str], notes: list[Fault]
) -> None:
    if not key:
        notes.append(unknown_publish(what, ref))
    elif key not in scope.actor.keyring:
        notes.append(key_not_held(what, ref))
    else:
        keys.add(key)
