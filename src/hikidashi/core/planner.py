"""Request to WritePlan, over the working snapshot. Pure: the same arguments, the same plan."""

from __future__ import annotations

from dataclasses import replace

from .access import Actor, may_execute
from .actions import Operation
from .catalog import Catalog, Datastore
from .commands import (
    AddLink,
    CommentRequest,
    ItemsRequest,
    KeptRequest,
    LinkRequest,
    NumberRequest,
    RefusedRequest,
    RemoveLinks,
    ReplaceLink,
    Request,
    ReservationRequest,
    RowsRequest,
    RuleRequest,
    SetNumber,
    TakeNumber,
    WriteRequest,
)
from .comment_planner import plan_comment, visible_item
from .errors import (
    forbidden,
    invalid_request,
    no_link,
    number_branch_missing,
    number_refused,
)
from .ids import IdSource
from .items import Item, Link, Snapshot, SnapshotMissError
from .items_planner import plan_items, plan_write
from .kept_planner import plan_kept
from .kinds.derived import format_auto_number
from .limits import INTEGER_MAX, LINKED_READ_MAX
from .plan import (
    DeleteLink,
    EmitEvent,
    InsertLink,
    LinkResult,
    NumberResult,
    SetCounter,
    Step,
    WritePlan,
)
from .reservations import plan_reservation
from .rows_planner import plan_rows
from .rule_links import plan_rule_links
from .touches import Touches
from .write_planner import links_changed


def plan_request(  # noqa: PLR0913  everything a plan depends on, and nothing else
    request: Request, snapshot: Snapshot, actor: Actor, catalog: Catalog, now: int, ids: IdSource
) -> WritePlan:
    """Plan a request; the snapshot then holds what the plan does.

    Raises FaultError (the snapshot is then as it was), SnapshotMissError or HandedBackError.
    """
    if isinstance(request, RefusedRequest):
        raise request.fault
    mark = snapshot.mark()
    try:
        match request:
            case WriteRequest():
                return plan_write(request, snapshot, actor, catalog, now, ids)
            case ReservationRequest():
                return plan_reservation(request, actor, snapshot, now, ids)
            case ItemsRequest():
                return plan_items(request, snapshot, actor, catalog, now, ids)
            case RowsRequest():
                return plan_rows(request, snapshot, actor, catalog, now, ids)
            case KeptRequest():
                return plan_kept(request, snapshot, actor, catalog, now, ids)
            case LinkRequest():
                return _plan_links(request, snapshot, actor, now, ids)
            case RuleRequest():
                return plan_rule_links(request, snapshot, actor, catalog, now, ids)
            case NumberRequest():
                return _plan_number(request, snapshot)
            case CommentRequest():
                return plan_comment(request, snapshot, actor, now, ids)
    except Exception:
        snapshot.undo_to(mark)
        raise


# --- links ------------------------------------------------------------------------------------


def _plan_links(
    request: LinkRequest, snapshot: Snapshot, actor: Actor, now: int, ids: IdSource
) -> WritePlan:
    """AddItemLink (one direction, twice is once), DeleteItemLink and UpdateItemLink."""
    command = request.command
    item = visible_item(snapshot, actor, request.datastore.id, command.item)
    _check_may_link(request.datastore, actor)
    steps: list[Step] = []
    added: list[tuple[str, str]] = []
    removed: list[tuple[str, str]] = []
    target = request.link_datastore.id
    match command:
        case AddLink():
            other = visible_item(snapshot, actor, target, command.link_item)
            if not snapshot.links_between(item.id, other.id):
                link = Link(item.datastore, item.id, other.datastore, other.id)
                snapshot.put_link(link)
                steps.append(InsertLink(link))
                added.append((other.datastore, other.id))
        case RemoveLinks():
            for link in _links_to_remove(command, snapshot, actor, item, target):
                snapshot.drop_link(link)
                steps.append(DeleteLink(link))
                removed.append((link.to_datastore, link.to_item))
            if not removed:
                raise no_link(request.datastore.id, item.id, target, command.link_item)
        case ReplaceLink():
            for old, new in _links_to_lead_on(request, command, snapshot, actor, item):
                snapshot.drop_link(old)
                steps.append(DeleteLink(old))
                removed.append((old.to_datastore, old.to_item))
                if new is not None:
                    snapshot.put_link(new)
                    steps.append(InsertLink(new))
                    added.append((new.to_datastore, new.to_item))
    if steps:
        step, event = links_changed(
            item, actor, now, (ids.next_id(), ids.next_id()), request.datastore.project
        )
        snapshot.put_item(item.datastore, item.id, step.item)
        steps.append(step)
        steps.append(
            EmitEvent(replace(event, links_added=tuple(added), links_removed=tuple(removed)))
        )
    return WritePlan(tuple(steps), LinkResult(len(added) + len(removed)))


def _check_may_link(datastore: Datastore, actor: Actor) -> None:
    """Linking is a right of those who may run the default update action."""
    action = datastore.default_action(Operation.UPDATE)
    if action is None or not may_execute(actor, action):
        raise forbidden("no privileges to change the links of the item")


def _links_to_lead_on(
    request: LinkRequest, command: ReplaceLink, snapshot: Snapshot, actor: Actor, item: Item
) -> list[tuple[Link, Link | None]]:
    """Each link that goes, with the one of its kind that comes unless it is there already."""
    target = request.link_datastore.id
    held = _links_to_remove(command, snapshot, actor, item, target)
    if not held:
        raise no_link(item.datastore, item.id, target, command.link_item)
    place = request.new_datastore or request.link_datastore
    other = visible_item(snapshot, actor, place.id, command.new_item)
    if other.id == command.link_item:
        return []
    there = {link.kind for link in snapshot.links_between(item.id, other.id)}
    return [
        (
            link,
            None
            if link.kind in there
            else Link(item.datastore, item.id, other.datastore, other.id, link.kind),
        )
        for link in held
    ]


def _links_to_remove(
    command: RemoveLinks | ReplaceLink, snapshot: Snapshot, actor: Actor, item: Item, target: str
) -> list[Link]:
    if command.link_item:
        other = snapshot.find_item(target, command.link_item)
        if other is None or other.keys.isdisjoint(actor.keyring):
            return []  # a link to what the actor can't see is as good as none
        found = snapshot.links_between(item.id, other.id)
    else:
        found = _seen_links(snapshot, actor, item, target)
    kind = command.kind if isinstance(command, RemoveLinks) else ""
    return [
        link for link in found if link.to_datastore == target and (not kind or link.kind == kind)
    ]


def _seen_links(snapshot: Snapshot, actor: Actor, item: Item, target: str) -> list[Link]:
    """The links into a datastore, as far as they lead to what the actor sees."""
    found = snapshot.links_into((item.id,), (target,))
    if len(found) > LINKED_READ_MAX:
        raise invalid_request(
            f"over {LINKED_READ_MAX} links lead to the datastore; name each item by link_item_id",
            f"d_id:{target}",
        )
    miss = Touches()
    for link in found:
        if (target, link.to_item) not in snapshot.items:
            miss.item(target, link.to_item)
    if miss.items:  # all at once: each miss costs a read
        raise SnapshotMissError(miss)
    others = [(link, snapshot.find_item(target, link.to_item)) for link in found]
    return [
        link
        for link, other in others
        if other is not None and not other.keys.isdisjoint(actor.keyring)
    ]


# --- auto numbers -----------------------------------------------------------------------------


def _plan_number(request: NumberRequest, snapshot: Snapshot) -> WritePlan:
    """GetAutoNumber takes the next number, UpdateAutoNumber sets the last one."""
    command, field = request.command, request.field
    match command:
        case TakeNumber():
            number = (snapshot.find_counter(field.id, command.branch, make=True) or 0) + 1
            if number > INTEGER_MAX:
                raise number_refused("the counter has reached its end", field.id)
            text = format_auto_number(
                number, command.branch, field.settings, command.digits, command.pad
            )
        case SetNumber():
            if snapshot.find_counter(field.id, command.branch, make=False) is None:
                raise number_branch_missing(field.id, command.branch or "")
            number = command.number
            text = format_auto_number(number, command.branch or "", field.settings)
    snapshot.put_counter(field.id, command.branch, number)
    step = SetCounter(field.id, command.branch, number)
    return WritePlan((step,), NumberResult(number, text))
