"""The file routes: upload, get, take out of an item."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from ...core.access import Identity
from ...service.app import App
from ...service.attachments import check_may_upload, find_file, find_target, remove_file
from ...service.files import Target
from ..body import told
from ..download import download
from ..edge import Answer, Call, HttpRequest, answer_json
from ..exchange import NO_DRY_RUN
from ..multipart import read_form
from ..running import refuse_dry_run
from . import envelopes
from .write_answers import NULL

_BASE: Final = "/api/v0/items/:item-id/fields/:field-id/attachments"


class UploadFileForm(msgspec.Struct):
    """files/UploadFile: a multipart form, its parts in any order."""

    file: Annotated[bytes, told("The bytes; their type is told from them alone.")]
    application_id: Annotated[str, told("The application of the datastore.")] = ""
    datastore_id: Annotated[
        str, told("The item's datastore; needed where the field is named by display id.")
    ] = ""
    filename: Annotated[str, told("What the file is called, if not as its part says.")] = ""


class StorageUploadForm(msgspec.Struct):
    """The same for a file that is not meant for an item yet."""

    file: Annotated[bytes, told("The bytes; their type is told from them alone.")]
    fileName: Annotated[  # noqa: N815  the wire's name
        str, told("What the file is called, if not as its part says.")
    ] = ""


class UploadAnswer(msgspec.Struct):
    """The id to be listed in a field of an item."""

    file_id: str


async def upload_file(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """UploadFile: stored, and attached once a write of the item lists it."""
    refuse_dry_run(request)
    await app.read(identity, check_may_upload)
    params = request.params
    async with app.files.receive() as incoming:
        form = await read_form(request, incoming.write, app.files.bytes_max)
        target = await app.read(
            identity,
            lambda view: find_target(
                view,
                params["item-id"],
                params["field-id"],
                form.get("datastore_id"),
                form.get("application_id"),
            ),
        )
        kept = await incoming.keep(identity, form.get("filename") or form.file_name or "", target)
    return answer_json({"file_id": kept.id})


async def upload_to_storage(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """The same without an item: for one that is yet to be made."""
    refuse_dry_run(request)
    await app.read(identity, check_may_upload)
    async with app.files.receive() as incoming:
        form = await read_form(request, incoming.write, app.files.bytes_max)
        name = form.get("filename") or form.file_name or ""
        kept = await incoming.keep(identity, name, Target())
    return answer_json({"file_id": kept.id})


async def get_file(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetFile."""
    file = await app.read(identity, lambda view: find_file(view, request.params["file-id"]))
    return await download(request, file, app.files.open_piece)


async def delete_file(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """DeleteFile."""
    refuse_dry_run(request)
    params = request.params
    await remove_file(app, identity, params["item-id"], params["field-id"], params["file-id"])
    return Answer(200, NULL)


CALLS: Final[tuple[Call, ...]] = (
    Call(
        name="UploadFile",
        method="POST",
        path=_BASE,
        handle=upload_file,
        envelope=envelopes.plain,
        summary="Upload a file for a field of an item. A write of the item that lists it attaches it.",
        body=UploadFileForm,
        body_type="multipart/form-data",
        answer=UploadAnswer,
        query=(NO_DRY_RUN,),
        streams_body=True,
    ),
    Call(
        name="UploadToStorage",
        method="POST",
        path="/api/v0/files",
        handle=upload_to_storage,
        envelope=envelopes.plain,
        summary="Upload a file for an item that is yet to be made.",
        body=StorageUploadForm,
        body_type="multipart/form-data",
        answer=UploadAnswer,
        query=(NO_DRY_RUN,),
        streams_body=True,
    ),
    Call(
        name="GetFile",
        method="GET",
        path="/api/v0/files/:file-id",
        handle=get_file,
        envelope=envelopes.plain,
        summary="The bytes of a file, whole or a range of them.",
        is_json=False,
    ),
    Call(
        name="DeleteFile",
        method="DELETE",
        path=f"{_BASE}/:file-id",
        handle=delete_file,
        envelope=envelopes.plain,
        summary="Take a file out of a field of an item. Answers `null`.",
        answer=None,
        query=(NO_DRY_RUN,),
    ),
)
