"""The read routes of definitions: places, fields, statuses, actions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import msgspec

from ...core.access import Identity
from ...core.actions import Operation
from ...core.catalog import Datastore
from ...core.errors import (
    FaultError,
    FaultKind,
    no_fields,
    no_input_fields,
    no_new_action,
    no_place,
)
from ...core.ids import is_id
from ...core.places import get_project
from ...service.app import App, View
from ...service.reads import find_place
from ...service.reads_definitions import (
    get_action,
    get_field,
    list_actions,
    list_datastores,
    list_fields,
    list_projects,
)
from ..edge import Answer, Call, HttpRequest, answer_json
from ..exchange import QueryKey
from . import envelopes
from .definitions_encode import (
    encode_action,
    encode_application,
    encode_datastore,
    encode_field,
    encode_field_settings,
    encode_input_fields,
    encode_layout,
    encode_new_action,
    encode_status,
    encode_update_action,
    language_of,
)
from .reads_bodies import read_flag
from .reads_routes import DATASTORE
from .writes import BASE


class FieldsAnswer(msgspec.Struct):
    """datastores/GetDatastoreFields, by internal id."""

    fields: dict[str, Any]
    field_layout: dict[str, Any]


class ActionsAnswer(msgspec.Struct):
    """datastores/GetNewActions and GetUpdateActions."""

    actions: list[dict[str, Any]]


class InputFieldsAnswer(msgspec.Struct):
    """item-actions/GetInputFields."""

    action: dict[str, Any]
    action_fields: dict[str, Any]
    action_field_settings: dict[str, Any]


def _place(view: View, request: HttpRequest) -> Datastore:
    params = request.params
    return find_place(view, params["datastore-id"], params.get("app-id", ""))


# --- places -----------------------------------------------------------------------------------


async def get_applications(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetApplicationsAndDatastores, of any workspace that the user belongs to."""
    workspace, language = request.params["workspace-id"], language_of(request)
    if not is_id(workspace):
        raise no_place("workspace", workspace)

    def read(view: View) -> list[Any]:
        return [
            encode_application(one, list_datastores(view, one), language)
            for one in list_projects(view)
        ]

    try:
        return answer_json(await app.read(replace(identity, workspace=workspace, session=""), read))
    except FaultError as fault:
        if fault.kind is FaultKind.UNAUTHORIZED and workspace != identity.workspace:
            raise no_place("workspace", workspace) from None
        raise


async def get_datastores(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetDatastores."""
    language = language_of(request)

    def read(view: View) -> list[Any]:
        project = get_project(view.catalog, view.actor, request.params["app-id"])
        return [encode_datastore(one, language) for one in list_datastores(view, project)]

    return answer_json(await app.read(identity, read))


async def get_statuses(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetStatuses."""
    language = language_of(request)

    def read(view: View) -> list[Any]:
        statuses = _place(view, request).statuses
        return [encode_status(one, at, language) for at, one in enumerate(statuses)]

    return answer_json(await app.read(identity, read))


# --- fields -----------------------------------------------------------------------------------


async def get_datastore_fields(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetDatastoreFields."""
    language = language_of(request)

    def read(view: View) -> dict[str, Any]:
        try:
            datastore = _place(view, request)
        except FaultError:
            raise no_fields(request.params["datastore-id"]) from None
        fields = list_fields(view, datastore)
        return {
            "fields": {
                one.id: encode_field(one, at, language, view.catalog)
                for at, one in enumerate(fields)
            },
            "field_layout": {one.id: encode_layout(one) for one in fields},
        }

    return answer_json(await app.read(identity, read))


async def get_field_settings(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetFieldSettings."""
    options = read_flag(request, "with_options")

    def read(view: View) -> dict[str, Any]:
        datastore = _place(view, request)
        project = get_project(view.catalog, view.actor, datastore.project)
        field = get_field(view, datastore, request.params["field-id"])
        return encode_field_settings(field, datastore, project, view.catalog, options=options)

    return answer_json(await app.read(identity, read))


# --- actions ----------------------------------------------------------------------------------


async def get_actions(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetActions: all, or with `status_id` those of the status and those of any status."""
    language, wanted = language_of(request), request.query.get("status_id", "")

    def read(view: View) -> list[Any]:
        datastore = _place(view, request)
        actions = list_actions(view, datastore)
        if wanted:
            status = datastore.find_status(wanted)
            if status is None:
                raise no_place("status", wanted)
            actions = [one for one in actions if one.status in ("", status.id)]
        return [encode_action(one, datastore, language) for one in actions]

    return answer_json(await app.read(identity, read))


def _offer(operation: Operation, encode_one: Callable[[Any, int, str], Any]) -> Any:
    """A handler that lists the actions of one operation; none is 404 (E7)."""

    async def handle(app: App, request: HttpRequest, identity: Identity) -> Answer:
        language, ref = language_of(request), request.params["datastore-id"]

        def read(view: View) -> dict[str, Any]:
            try:
                datastore = _place(view, request)
            except FaultError:
                raise no_new_action(ref) from None
            places = {one.id: at for at, one in enumerate(datastore.actions)}
            actions = list_actions(view, datastore, operation)
            if not actions:
                raise no_new_action(ref)
            return {"actions": [encode_one(one, places[one.id], language) for one in actions]}

        return answer_json(await app.read(identity, read))

    return handle


get_new_actions = _offer(Operation.NEW, encode_new_action)
get_update_actions = _offer(Operation.UPDATE, encode_update_action)


async def get_input_fields(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetInputFields."""
    language, ref = language_of(request), request.params["action-id"]

    def read(view: View) -> dict[str, Any]:
        try:
            datastore = _place(view, request)
            action = get_action(view, datastore, ref)
        except FaultError:
            raise no_input_fields(ref) from None
        fields = list_fields(view, datastore)
        return encode_input_fields(action, datastore, fields, language, view.catalog)

    return answer_json(await app.read(identity, read))


CALLS: Final[tuple[Call, ...]] = (
    Call(
        name="GetApplicationsAndDatastores",
        method="GET",
        path="/api/v0/workspaces/:workspace-id/applications",
        handle=get_applications,
        envelope=envelopes.plain,
        summary="The applications of a workspace, each with its datastores.",
        answer=list[dict[str, Any]],
    ),
    Call(
        name="GetDatastores",
        method="GET",
        path="/api/v0/applications/:app-id/datastores",
        handle=get_datastores,
        envelope=envelopes.plain,
        summary="The datastores of an application.",
        answer=list[dict[str, Any]],
    ),
    Call(
        name="GetStatuses",
        method="GET",
        path=f"{DATASTORE}/statuses",
        handle=get_statuses,
        envelope=envelopes.plain,
        summary="The statuses of a datastore, in order.",
        answer=list[dict[str, Any]],
    ),
    Call(
        name="GetDatastoreFields",
        method="GET",
        path=f"{BASE}/fields",
        handle=get_datastore_fields,
        envelope=envelopes.fields,
        summary="The fields of a datastore and their places on the form.",
        answer=FieldsAnswer,
    ),
    Call(
        name="GetFieldSettings",
        method="GET",
        path=f"{BASE}/fields/:field-id",
        handle=get_field_settings,
        envelope=envelopes.fields,
        summary="The settings of a field.",
        query=(QueryKey("with_options", "boolean", "Add the options to choose from."),),
        answer=dict[str, Any],
    ),
    Call(
        name="GetActions",
        method="GET",
        path=f"{DATASTORE}/actions",
        handle=get_actions,
        envelope=envelopes.plain,
        summary="The actions that may be executed.",
        query=(QueryKey("status_id", "string", "Only those of this status and of any status."),),
        answer=list[dict[str, Any]],
    ),
    *(
        Call(
            name=name,
            method="GET",
            path=f"{DATASTORE}/{word}",
            handle=get_new_actions,
            envelope=envelopes.new_actions,
            summary="The actions that create items.",
            answer=ActionsAnswer,
        )
        for name, word in (
            ("GetNewActions", "new-action"),
            ("GetNewActionsPlural", "new-actions"),
        )
    ),
    *(
        Call(
            name=name,
            method="GET",
            path=f"{DATASTORE}/{word}",
            handle=get_update_actions,
            envelope=envelopes.new_actions,
            summary="The actions that update items.",
            answer=ActionsAnswer,
        )
        for name, word in (
            ("GetUpdateActions", "update-action"),
            ("GetUpdateActionsPlural", "update-actions"),
        )
    ),
    Call(
        name="GetInputFields",
        method="GET",
        path=f"{DATASTORE}/actions/:action-id/fields",
        handle=get_input_fields,
        envelope=envelopes.fields,
        summary="The fields of an action: shown, updatable, mandatory.",
        answer=InputFieldsAnswer,
    ),
)
