"""The routes that make, show, change and delete applications and datastores."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from ...core.access import Identity
from ...core.catalog import Datastore, Project
from ...core.errors import FaultError
from ...core.places import get_project
from ...service.app import App, View
from ...service.design_applications import (
    create_application,
    create_datastore,
    delete_application,
    delete_datastore,
    update_application,
    update_datastore,
)
from ...service.design_parts import Made
from ...service.design_templates import create_from_template
from ...service.reads import find_place
from ...service.reads_definitions import list_datastores, list_fields
from ...service.shown import localized
from ...service.template_making import make_application
from ..body import decode_body, told
from ..edge import Answer, Call, HttpRequest, answer_json
from ..running import is_dry
from . import envelopes
from .call_maker import CallMaker
from .definitions_encode import encode_field, encode_roles, language_of, show_names
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
from .placed import as_missing, in_workspace
from .reads_routes import DATASTORE

_APPLICATION: Final = "/api/v0/applications/:app-id"


class CreateApplicationBody(msgspec.Struct):
    """A new application."""

    name: Annotated[str | Names, told("Its name, or its names by language.")]
    display_id: Annotated[str | None, told("Given if absent (ours).")] = None
    workspace_id: Annotated[
        str | None, told("The workspace; the current one where it is absent.")
    ] = None
    tp_id: Annotated[str | None, told("The template that it is designed as.")] = None


class UpdateApplicationBody(msgspec.Struct):
    """What is to be another; what is absent stays."""

    name: Annotated[str | Names | None, told("Its name, or its names by language.")] = None
    display_id: Annotated[str | None, told("Its display id.")] = None


class ApplicationAnswer(msgspec.Struct):
    """The new application."""

    project_id: str
    display_id: str
    stream_id: Annotated[
        str | None,
        told("The task that fills it, if it is made of a template with contents (ours)."),
    ] = None


class CreateDatastoreBody(msgspec.Struct):
    """A new datastore."""

    name: Annotated[str | Names, told("Its name, or its names by language.")]
    display_id: Annotated[str | None, told("Given if absent.")] = None
    roles: Annotated[
        list[str | RoleGrant] | None,
        told("Who may use it, ADMIN always; every role where it is absent."),
    ] = None


class LayoutBody(msgspec.Struct):
    """Where a field stands on the form."""

    id: Annotated[str, told("The field, by id or display id.")]
    col: Annotated[int | None, told("Its column.")] = None
    row: Annotated[int | None, told("Its row.")] = None
    size_x: Annotated[int | None, told("How many columns it takes.")] = None
    size_y: Annotated[int | None, told("How many rows it takes.")] = None


class UpdateDatastoreBody(msgspec.Struct):
    """What is to be another; what is absent stays."""

    name: Annotated[str | Names | None, told("Its name, or its names by language.")] = None
    display_id: Annotated[str | None, told("Its display id.")] = None
    roles: Annotated[
        list[str | RoleGrant] | None, told("Who may use it, the whole list; ADMIN always.")
    ] = None
    field_layout: Annotated[
        list[LayoutBody] | None, told("Where fields stand on the form; others stay.")
    ] = None


class DatastoreAnswer(msgspec.Struct):
    """The new datastore."""

    datastore_id: str
    display_id: str


_create_application: Final = msgspec.json.Decoder(CreateApplicationBody)
_update_application: Final = msgspec.json.Decoder(UpdateApplicationBody)
_create_datastore: Final = msgspec.json.Decoder(CreateDatastoreBody)
_update_datastore: Final = msgspec.json.Decoder(UpdateDatastoreBody)


# --- applications -----------------------------------------------------------------------------


async def post_application(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Create an application."""
    body = decode_body(_create_application, request.body)
    keys = said(display_id=body.display_id) | read_names(body.name)
    workspace = body.workspace_id
    actor = in_workspace(identity, workspace)
    try:
        if body.tp_id and not is_dry(request):
            made, job = await make_application(app, actor, keys, body.tp_id)
            stream = {"stream_id": job} if job else {}
            return answer_json({**_told(made), **stream})
        making = create_from_template(keys, body.tp_id) if body.tp_id else create_application(keys)
        return await make(app, request, actor, making, _told)
    except FaultError as fault:
        raise as_missing(fault, identity, workspace) from None


def _told(made: Made) -> dict[str, Any]:
    return {"project_id": made.id, "display_id": made.display_id}


async def get_application(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """The settings of an application."""
    language = language_of(request)

    def read(view: View) -> dict[str, Any]:
        project = get_project(view.catalog, view.actor, request.params["app-id"])
        return {
            "id": project.id,
            "workspace_id": view.catalog.workspace,
            "application_id": project.id,
            "name": localized(project.names, language),
            "names": show_names(project.names),
            "display_id": project.display_id,
            "roles": encode_roles(project),
            "datastores": [
                {
                    "datastore_id": one.id,
                    "name": localized(one.names, language),
                    "display_id": one.display_id,
                }
                for one in list_datastores(view, project)
            ],
        }

    return answer_json(await app.read(identity, read))


async def patch_application(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Change an application (ours)."""
    body = decode_body(_update_application, request.body)
    keys = said(display_id=body.display_id) | read_names(body.name)
    wish = update_application(request.params["app-id"], keys)
    return await change(app, request, identity, wish)


async def remove_application(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Delete an application (ours)."""
    return await change(app, request, identity, delete_application(request.params["app-id"]))


def _project(view: View, request: HttpRequest) -> tuple[Project, Datastore]:
    datastore = find_place(view, request.params["datastore-id"])
    return get_project(view.catalog, view.actor, datastore.project), datastore


def _encode_project(view: View, project: Project, language: str) -> dict[str, Any]:
    return {
        "p_id": project.id,
        "workspace_id": view.catalog.workspace,
        "name": localized(project.names, language),
        "display_id": project.display_id,
        "template_id": "",
        "display_order": project.position,
    }


async def get_application_of(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """The application of a datastore."""
    language = language_of(request)

    def read(view: View) -> dict[str, Any]:
        return _encode_project(view, _project(view, request)[0], language)

    return answer_json(await app.read(identity, read))


async def get_application_and_datastore(
    app: App, request: HttpRequest, identity: Identity
) -> Answer:
    """The application of a datastore, with the datastore."""
    language = language_of(request)

    def read(view: View) -> dict[str, Any]:
        project, datastore = _project(view, request)
        return {
            "project": _encode_project(view, project, language),
            "datastore": {
                "d_id": datastore.id,
                "p_id": project.id,
                "w_id": datastore.workspace,
                "name": localized(datastore.names, language),
                "display_id": datastore.display_id,
            },
        }

    return answer_json(await app.read(identity, read))


# --- datastores -------------------------------------------------------------------------------


async def post_datastore(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Create a datastore (ours: no page tells how)."""
    body = decode_body(_create_datastore, request.body)
    keys = said(display_id=body.display_id) | read_names(body.name) | read_roles(body.roles)
    return await make(
        app,
        request,
        identity,
        create_datastore(request.params["app-id"], keys),
        lambda made: {"datastore_id": made.id, "display_id": made.display_id},
    )


async def get_datastore_setting(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """The settings of a datastore, with the fields that the caller may use."""
    language = language_of(request)

    def read(view: View) -> dict[str, Any]:
        project, datastore = _project(view, request)
        fields = list_fields(view, datastore)
        return {
            "id": datastore.id,
            "w_id": datastore.workspace,
            "p_id": datastore.project,
            "names": show_names(datastore.names),
            "display_id": datastore.display_id,
            "fields": [
                encode_field(one, at, language, view.catalog) for at, one in enumerate(fields)
            ],
            "field_layout": [
                {"id": one.id, "display_id": one.display_id}
                | dict(zip(("col", "row", "size_x", "size_y"), one.layout, strict=True))
                for one in fields
            ],
            "roles": encode_roles(project, can_use=datastore.roles),
            "statuses": [
                {"id": one.id, "display_id": one.display_id, "names": show_names(one.names)}
                for one in datastore.statuses
            ],
        }

    return answer_json(await app.read(identity, read))


async def patch_datastore(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Change a datastore (ours)."""
    body = decode_body(_update_datastore, request.body)
    keys = said(display_id=body.display_id) | read_names(body.name) | read_roles(body.roles)
    layout = [
        (one.id, said(col=one.col, row=one.row, width=one.size_x, height=one.size_y))
        for one in body.field_layout or ()
    ]
    wish = update_datastore(place_of(request), keys, layout)
    return await change(app, request, identity, wish)


async def remove_datastore(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Delete a datastore (ours)."""
    return await change(app, request, identity, delete_datastore(place_of(request)))


_call: Final = CallMaker(envelopes.design, writes=(DRY_DESIGN,))

CALLS: Final[tuple[Call, ...]] = (
    _call(
        "CreateApplication",
        "POST",
        "/api/v0/applications",
        post_application,
        "Make an application, whose ADMIN its creator is.",
        body=CreateApplicationBody,
        answer=ApplicationAnswer,
    ),
    _call(
        "GetApplicationSetting",
        "GET",
        f"{_APPLICATION}/setting",
        get_application,
        "The settings of an application.",
        envelope=envelopes.plain,
        answer=dict[str, Any],
    ),
    _call(
        "UpdateApplication",
        "PATCH",
        _APPLICATION,
        patch_application,
        "Change an application's name or display id (ours). Answers `null`.",
        body=UpdateApplicationBody,
    ),
    _call(
        "DeleteApplication",
        "DELETE",
        _APPLICATION,
        remove_application,
        "Delete an application with all that is in it (ours). Answers `null`.",
    ),
    _call(
        "GetApplicationByDatastore",
        "GET",
        "/api/v0/applications/datastores/:datastore-id",
        get_application_of,
        "The application that a datastore is in.",
        envelope=envelopes.plain,
        answer=dict[str, Any],
    ),
    _call(
        "GetApplicationAndDatastore",
        "GET",
        "/api/v0/applications/datastore/:datastore-id",
        get_application_and_datastore,
        "The application that a datastore is in, and the datastore.",
        envelope=envelopes.plain,
        answer=dict[str, Any],
    ),
    _call(
        "CreateDatastore",
        "POST",
        f"{_APPLICATION}/datastores",
        post_datastore,
        "Make a datastore with a title, a status and the default actions (ours).",
        body=CreateDatastoreBody,
        answer=DatastoreAnswer,
    ),
    _call(
        "GetDatastoreSetting",
        "GET",
        f"{DATASTORE}/setting",
        get_datastore_setting,
        "The settings of a datastore.",
        envelope=envelopes.plain,
        answer=dict[str, Any],
    ),
    _call(
        "UpdateDatastore",
        "PATCH",
        DATASTORE,
        patch_datastore,
        "Change a datastore (ours). Answers `null`.",
        body=UpdateDatastoreBody,
    ),
    _call(
        "DeleteDatastore",
        "DELETE",
        DATASTORE,
        remove_datastore,
        "Delete a datastore with its items (ours). Answers `null`.",
    ),
)
