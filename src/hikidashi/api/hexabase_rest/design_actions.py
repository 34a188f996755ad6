"""The routes that make, show, change and delete statuses and actions, and take their scripts."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

from ...core.access import Identity, may_design
from ...core.actions import ANY_RULE, Action, Operation
from ...core.catalog import Datastore, Project
from ...core.errors import invalid_request, too_large
from ...core.limits import SCRIPT_BYTES_MAX
from ...core.places import get_project
from ...service.app import App, View
from ...service.design_actions import (
    STATUSES,
    ScriptType,
    create_action,
    delete_action,
    delete_status,
    read_script,
    set_script,
    update_action,
    update_status,
)
from ...service.reads import find_place
from ...service.reads_definitions import get_action, list_actions, list_fields
from ..body import decode_body, told
from ..edge import Answer, Call, HttpRequest, answer_json
from ..exchange import NO_DRY_RUN, QueryKey
from ..multipart import read_form
from ..running import refuse_dry_run
from . import envelopes
from .call_maker import CallMaker
from .definitions_encode import encode_action, encode_roles, encode_status, language_of, show_names
from .design_running import (
    DRY_DESIGN,
    Names,
    RoleGrant,
    change,
    make,
    place_of,
    read_names,
    read_roles,
    said,
)
from .reads_routes import DATASTORE
from .write_answers import NULL


class CreateStatusBody(msgspec.Struct):
    """A new status."""

    name: Annotated[str | Names, told("Its name, or its names by language.")]
    display_id: Annotated[str | None, told("Given if absent.")] = None


class UpdateStatusBody(msgspec.Struct):
    """What is to be another; what is absent stays."""

    name: Annotated[str | Names | None, told("Its name, or its names by language.")] = None
    display_id: Annotated[str | None, told("Its display id.")] = None
    sort_id: Annotated[int | None, told("Its place among the others, from 0.")] = None


class CreatedStatus(msgspec.Struct):
    """The new status."""

    status_id: str
    display_id: str


class RuleBody(msgspec.Struct):
    """What an action does with a field; what is absent stays."""

    show: Annotated[bool | None, told("The field is on the action's form.")] = None
    update: Annotated[bool | None, told("The action may change the field.")] = None
    mandatory: Annotated[bool | None, told("The field must hold something.")] = None


class FieldRuleBody(RuleBody, kw_only=True):
    """The same as settings list it."""

    field_id: Annotated[str, told("The field, by id or display id.")]


class PublishBody(msgspec.Struct):
    """Whose keys an action puts on the item."""

    roles: Annotated[
        list[str] | Literal["every"] | None, told("Roles, by id or display id, or `every`.")
    ] = None
    groups: Annotated[bool | None, told("The groups of whoever acts.")] = None


class ActionBody(msgspec.Struct):
    """The settings of an action; what is absent stays, or is as usual."""

    name: Annotated[str | Names | None, told("Its name, or its names by language.")] = None
    display_id: Annotated[str | None, told("Its display id; a new action is given one.")] = None
    description: Annotated[str | None, told("What it is for.")] = None
    roles: Annotated[
        list[str | RoleGrant] | None,
        told("Who may execute it, the whole list; ADMIN always. Every role if it was never said."),
    ] = None
    set_status: Annotated[str | None, told("The status it leads to; empty for none.")] = None
    is_status_action: Annotated[
        bool | None, told("`true` needs a `status_id`, `false` takes it away.")
    ] = None
    status_id: Annotated[
        str | None, told("The only status in which it is offered; empty for every one.")
    ] = None
    is_default: Annotated[
        bool | None, told("It runs where a caller names none; one an operation (ours).")
    ] = None
    action_field_settings: Annotated[
        dict[str, RuleBody] | list[FieldRuleBody] | None,
        told("What it does with fields: by id or display id, or a list of them (ours)."),
    ] = None
    synchronous: Annotated[
        bool | None, told("The answer to a write waits for the POST script and tells its value.")
    ] = None
    publish: Annotated[PublishBody | None, told("Whose keys it puts on the item (ours).")] = None


class CreateActionBody(ActionBody, kw_only=True):
    """A new action."""

    operation: Annotated[str, told("`new`, `update`, `delete` or `copy`; it never changes.")]
    name: Annotated[str | Names, told("Its name, or its names by language.")]


class UpdateActionBody(ActionBody):
    """What is to be another."""

    operation: Annotated[str | None, told("If it is sent, it has to be the one it has.")] = None
    sort_id: Annotated[int | None, told("Its place among the others, from 0 (ours).")] = None


class CreatedAction(msgspec.Struct):
    """The new action."""

    display_id: str
    action_id: str


class ScriptForm(msgspec.Struct):
    """A multipart form, its parts in any order."""

    file: Annotated[bytes, told("The script, UTF-8; empty takes it away.")]
    script_type: Annotated[str, told("`pre` or `post`.")]


_create_status: Final = msgspec.json.Decoder(CreateStatusBody)
_update_status: Final = msgspec.json.Decoder(UpdateStatusBody)
_create_action: Final = msgspec.json.Decoder(CreateActionBody)
_update_action: Final = msgspec.json.Decoder(UpdateActionBody)


def _place_among(at: int | None) -> int | None:
    if at is not None and at < 0:
        raise invalid_request("sort_id must not be negative")
    return at


# --- statuses ---------------------------------------------------------------------------------


async def post_status(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Create a status (ours)."""
    body = decode_body(_create_status, request.body)
    keys = said(display_id=body.display_id) | read_names(body.name)
    return await make(
        app,
        request,
        identity,
        STATUSES.create(place_of(request), keys),
        lambda made: {"status_id": made.id, "display_id": made.display_id},
    )


async def patch_status(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Change a status (ours)."""
    body = decode_body(_update_status, request.body)
    keys = said(display_id=body.display_id) | read_names(body.name)
    at = _place_among(body.sort_id)
    wish = update_status(place_of(request), request.params["status-id"], keys, at)
    return await change(app, request, identity, wish)


async def remove_status(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Delete a status (ours)."""
    wish = delete_status(place_of(request), request.params["status-id"])
    return await change(app, request, identity, wish)


# --- actions ----------------------------------------------------------------------------------


def _action_keys(body: ActionBody) -> dict[str, Any]:
    status = body.status_id
    if body.is_status_action is False:
        status = ""
    elif body.is_status_action and not status and isinstance(body, CreateActionBody):
        raise invalid_request("status_id: a status action needs one")
    keys = said(
        display_id=body.display_id,
        description=body.description,
        next_status=body.set_status,
        status=status,
        default=body.is_default,
        synchronous=body.synchronous,
    )
    rules = body.action_field_settings
    if isinstance(rules, list):
        rules = {one.field_id: one for one in rules}
    if rules is not None:
        keys["fields"] = {
            field: said(show=rule.show, update=rule.update, mandatory=rule.mandatory)
            for field, rule in rules.items()
        }
    if body.publish is not None:
        keys["publish"] = said(roles=body.publish.roles, groups=body.publish.groups)
    return keys | read_names(body.name) | read_roles(body.roles)


def _operation(word: str) -> dict[str, str]:
    """Clients write the word in any case, with spaces around it."""
    operation = word.strip().lower()
    if operation not in {one.value for one in Operation}:
        raise invalid_request("operation must be one of new, update, delete, copy")
    return {"operation": operation}


async def post_action(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Create an action."""
    body = decode_body(_create_action, request.body)
    keys = _action_keys(body) | _operation(body.operation)
    return await make(
        app,
        request,
        identity,
        create_action(place_of(request), keys),
        lambda made: {"display_id": made.display_id, "action_id": made.id},
    )


async def patch_action(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Change an action."""
    body = decode_body(_update_action, request.body)
    keys = _action_keys(body)
    if body.operation is not None:
        keys |= _operation(body.operation)
    at = _place_among(body.sort_id)
    wish = update_action(place_of(request), request.params["action-id"], keys, at)
    return await change(app, request, identity, wish)


async def remove_action(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Delete an action."""
    wish = delete_action(place_of(request), request.params["action-id"])
    return await change(app, request, identity, wish)


def _designs(view: View, request: HttpRequest) -> tuple[Project, Datastore, bool]:
    """A datastore, and whether the caller may change it: who may, sees all its settings."""
    datastore = find_place(view, request.params["datastore-id"])
    project = get_project(view.catalog, view.actor, datastore.project)
    return project, datastore, may_design(view.actor, project)


def _encode(action: Action, datastore: Datastore, project: Project) -> dict[str, Any]:
    told = encode_action(action, datastore, "en") | {"name": show_names(action.names)}
    told["description"] = action.description
    told["search_keys"] = []
    told["is_default"] = action.is_default
    told["synchronous"] = action.is_synchronous
    told["roles"] = encode_roles(project, can_execute=action.roles)
    publish = [one.id for one in project.roles if one.id in action.publish_roles]
    told["publish"] = {"roles": publish, "groups": action.publish_groups}
    return told


async def get_one_action(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """The settings of an action."""

    def read(view: View) -> dict[str, Any]:
        project, datastore, is_designer = _designs(view, request)
        ref = request.params["action-id"]
        action = datastore.find_action(ref) if is_designer else None
        return _encode(action or get_action(view, datastore, ref), datastore, project)

    return answer_json(await app.read(identity, read))


async def get_action_setting(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """The settings of all actions of a datastore, by status."""
    language = language_of(request)

    def read(view: View) -> dict[str, Any]:
        project, datastore, is_designer = _designs(view, request)
        actions = list(datastore.actions) if is_designer else list_actions(view, datastore)
        fields = list_fields(view, datastore)

        def encode_one(action: Action) -> dict[str, Any]:
            settings = []
            for field in fields:
                rule = action.rules.get(field.id, ANY_RULE)
                told = {"field_id": field.id, "show": rule.show, "update": rule.update}
                settings.append(told | {"mandatory": rule.mandatory})
            return _encode(action, datastore, project) | {"action_field_settings": settings}

        return {
            "statuses": [
                encode_status(status, at, language)
                | {"status_actions": [encode_one(a) for a in actions if a.status == status.id]}
                for at, status in enumerate(datastore.statuses)
            ],
            "item_actions": [encode_one(one) for one in actions if not one.status],
        }

    return answer_json(await app.read(identity, read))


# --- scripts ----------------------------------------------------------------------------------


def _script_type(given: str) -> ScriptType:
    if given == "pre":
        return "pre"
    if given == "post":
        return "post"
    raise invalid_request("script_type must be pre or post")


async def upload_script(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Take the script of an action."""
    refuse_dry_run(request)
    gathered = bytearray()

    async def write(piece: bytes) -> None:
        gathered.extend(piece)
        if len(gathered) > SCRIPT_BYTES_MAX:
            raise too_large(f"the script has over {SCRIPT_BYTES_MAX} bytes")

    form = await read_form(request, write, SCRIPT_BYTES_MAX)
    kind = _script_type(form.get("script_type"))
    try:
        text = gathered.decode()
    except UnicodeDecodeError:
        raise invalid_request("file: the script is not UTF-8") from None
    wish = set_script(request.params["action-id"], kind, text)
    await app.designs.change(identity, wish, lambda _: None)
    return Answer(200, NULL)


async def download_script(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Give the script of an action, as it came."""
    kind = _script_type(request.query.get("script_type", ""))
    ref = request.params["action-id"]
    text, name = await app.designs.look(identity, lambda scene: read_script(scene, ref, kind))
    safe = "".join(
        one if one.isascii() and (one.isalnum() or one in "-_.") else "_" for one in name
    )
    headers = (
        (b"content-type", b"application/javascript; charset=utf-8"),
        (b"content-disposition", f'attachment; filename="{safe}"'.encode()),
        (b"x-content-type-options", b"nosniff"),
    )
    return Answer(200, text.encode(), headers)


_call: Final = CallMaker(envelopes.design, writes=(DRY_DESIGN,))

CALLS: Final[tuple[Call, ...]] = (
    _call(
        "CreateStatus",
        "POST",
        f"{DATASTORE}/statuses",
        post_status,
        "Make a status (ours).",
        body=CreateStatusBody,
        answer=CreatedStatus,
    ),
    _call(
        "UpdateStatus",
        "PATCH",
        f"{DATASTORE}/statuses/:status-id",
        patch_status,
        "Change a status (ours). Answers `null`.",
        body=UpdateStatusBody,
    ),
    _call(
        "DeleteStatus",
        "DELETE",
        f"{DATASTORE}/statuses/:status-id",
        remove_status,
        "Delete a status (ours). Answers `null`.",
    ),
    _call(
        "CreateAction",
        "POST",
        f"{DATASTORE}/actions",
        post_action,
        "Make an action.",
        body=CreateActionBody,
        answer=CreatedAction,
    ),
    _call(
        "GetAction",
        "GET",
        f"{DATASTORE}/actions/:action-id",
        get_one_action,
        "The settings of an action.",
        answer=dict[str, Any],
    ),
    _call(
        "UpdateAction",
        "PATCH",
        f"{DATASTORE}/actions/:action-id",
        patch_action,
        "Change an action. Answers `null`.",
        body=UpdateActionBody,
    ),
    _call(
        "DeleteAction",
        "DELETE",
        f"{DATASTORE}/actions/:action-id",
        remove_action,
        "Delete an action. Answers `null`.",
    ),
    _call(
        "GetActionSetting",
        "GET",
        f"{DATASTORE}/action/setting",
        get_action_setting,
        "The settings of all actions of a datastore, by status.",
        answer=dict[str, Any],
    ),
    _call(
        "UploadActionScript",
        "POST",
        "/api/v0/actions/:action-id/actionscripts/upload",
        upload_script,
        "Set the script that runs before or after an action. Answers `null`.",
        body=ScriptForm,
        body_type="multipart/form-data",
        query=(NO_DRY_RUN,),
        streams_body=True,
    ),
    _call(
        "DownloadActionScript",
        "GET",
        "/api/v0/actions/:action-id/actionscripts/download",
        download_script,
        "The script of an action, as it was uploaded.",
        query=(QueryKey("script_type", "string", "`pre` or `post`."),),
        is_json=False,
    ),
)
