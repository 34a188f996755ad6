"""Commands on what belongs to items, resolved: links, comments, auto numbers. Pure."""

from __future__ import annotations

from .access import Actor, may_design, may_execute, may_see_project, may_use_datastore
from .actions import Operation
from .catalog import Catalog, Datastore
from .commands import (
    CommentCommand,
    CommentRequest,
    FollowRules,
    LinkCommand,
    LinkRequest,
    NumberRequest,
    PostComment,
    RemoveComment,
    ReplaceLink,
    RuleRequest,
    SetNumber,
    TakeNumber,
)
from .errors import (
    forbidden,
    invalid_request,
    no_comment,
    no_item,
    no_place,
    number_field_missing,
    number_field_wrong,
    number_refused,
)
from .ids import is_id
from .limits import BRANCH_KEY_CHARS_MAX, INTEGER_MAX
from .places import check_comment, get_datastore, get_project
from .touches import Touches

# --- links ------------------------------------------------------------------------------------


def resolve_link(command: LinkCommand, catalog: Catalog, actor: Actor) -> LinkRequest:
    """AddItemLink, DeleteItemLink, UpdateItemLink."""
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
        touches.link_pair(command.item, command.link_item)
    else:
        touches.link_into(((command.item, target.id),))
    if not isinstance(command, ReplaceLink):
        return LinkRequest(command, datastore, target, touches)
    new = _link_datastore(command, command.new_datastore, catalog, actor)
    touches.item(new.id, added)
    touches.link_pair(command.item, added)
    return LinkRequest(command, datastore, target, touches, new_datastore=new)


def _link_datastore(command: LinkCommand, ref: str, catalog: Catalog, actor: Actor) -> Datastore:
    """A datastore of the item's project by any name, or of another one by id."""
    project = get_project(catalog, actor, command.project)
    target = project.find_datastore(ref) or catalog.find_datastore(ref)
    if target is None or not may_use_datastore(actor, target):
        raise no_place("datastore", ref)
    return target


def resolve_rules(command: FollowRules, catalog: Catalog) -> RuleRequest:
    """The server's own command: whoever acts."""
    datastore = catalog.find_datastore(command.datastore)
    if datastore is None:
        raise no_place("datastore", command.datastore)
    touches = Touches()
    touches.item(datastore.id, command.item)
    return RuleRequest(command, datastore, touches)


# --- comments ---------------------------------------------------------------------------------


def resolve_comment(command: CommentCommand, catalog: Catalog, actor: Actor) -> CommentRequest:
    """Comments: made, changed and removed."""
    datastore = get_datastore(catalog, actor, command.project, command.datastore)
    project = get_project(catalog, actor, command.project)
    if not is_id(command.item):
        raise no_item(command.item)
    touches = Touches()
    touches.item(datastore.id, command.item)
    if not isinstance(command, RemoveComment):
        if not command.comment:
            raise invalid_request("comment must not be empty")
        check_comment(command.comment)
    if not isinstance(command, PostComment):
        if not is_id(command.history):
            raise no_comment(command.history)
        touches.comment(command.history)
    return CommentRequest(command, project, datastore, touches)


# --- auto numbers -----------------------------------------------------------------------------


def resolve_number(
    command: TakeNumber | SetNumber, catalog: Catalog, actor: Actor
) -> NumberRequest:
    """GetAutoNumber, UpdateAutoNumber: their page says 400 for whatever is not there."""
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
