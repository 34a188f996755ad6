"""Files in three steps, and the addresses under which browsers get them without a header."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from ...core.access import Identity
from ...core.errors import invalid_request, too_large
from ...core.filters import read_whole
from ...core.limits import FORM_BYTES_MAX
from ...core.public import SHOWING_CALLS
from ...service.app import App, View
from ...service.attachments import find_numbered
from ...service.file_links import open_link, sign_link
from ...service.uploads import announce, receive, report
from ..body import told
from ..download import download
from ..exchange import NO_DRY_RUN, Answer, HttpRequest
from ..origin import find_origin
from ..running import refuse_dry_run
from .decode import read_keys
from .envelope import success
from .places import get_project
from .route import Route, keyed

_UPLOAD: Final = "/CustomTable/Upload"
_FILE: Final = "/CustomTable/File"
_ANNOUNCE_SHAPE: Final = '{"filename": "photo.png"}'
_REPORT_SHAPE: Final = '{"FileStoreId": 1}'
_LINK_SHAPE: Final = '{"fileId": 1}'


class AnnounceBody(msgspec.Struct):
    """What GetPreUploadUrl takes; keys are read in any case."""

    filename: Annotated[
        str, told("What the file is called; folders and what no file system takes are left out.")
    ]


class ReportBody(msgspec.Struct):
    """What ReportUploadSuccess takes."""

    FileStoreId: Annotated[int, told("As GetPreUploadUrl told it.")]


class LinkBody(msgspec.Struct):
    """What GetFileStaticUrl takes."""

    fileId: Annotated[int, told("The number of a file, as rows show it.")]  # noqa: N815  the wire's


async def announce_file(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetPreUploadUrl: where the bytes are to be sent, and the number that the file will have."""
    refuse_dry_run(request)
    project = await app.read(identity, lambda view: get_project(view, request.params))
    name = read_keys(request.body, _ANNOUNCE_SHAPE).get("filename")
    if not isinstance(name, str) or not name.strip():
        raise invalid_request(f"filename must be a text; send {_ANNOUNCE_SHAPE}")
    url = _url(app, request, _UPLOAD)
    told = await announce(app, identity, project, name)
    return Answer(200, success({"FileStoreId": told.number, "PreUploadUrl": url + told.secret}))


async def receive_file(app: App, request: HttpRequest) -> Answer:
    """PUT PreUploadUrl: the bytes."""
    refuse_dry_run(request)
    size = request.headers.get("content-length", "")
    if size.isdecimal() and int(size[:20]) > app.files.bytes_max:
        raise too_large(f"the file has over {app.files.bytes_max} bytes")
    if request.chunks is None:
        raise TypeError(request.path)  # the route says that it streams
    file = await receive(app, request.params["secret"], request.chunks)
    return Answer(200, success(file.n))


async def report_file(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """ReportUploadSuccess: the file is there, and nothing more is sent for it."""
    refuse_dry_run(request)
    project = await app.read(identity, lambda view: get_project(view, request.params))
    number = _number(request.body, "FileStoreId", _REPORT_SHAPE)
    file = await report(app, identity, project, number)
    return Answer(200, success(file.n))


async def link_file(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetFileStaticUrl: an address under which anybody gets the file as long as the caller may."""
    number = _number(request.body, "fileId", _LINK_SHAPE)
    url = _url(app, request, _FILE)

    def sign(view: View) -> str:
        project = get_project(view, request.params)
        is_anonymous = identity.is_anonymous
        file = find_numbered(view, project, number, is_anonymous=is_anonymous)
        return sign_link(app, view, file, project, is_anonymous=is_anonymous)

    return Answer(200, success(url + await app.read(identity, sign)))


async def get_file(app: App, request: HttpRequest) -> Answer:
    """The bytes of a file, by a link."""
    file = await open_link(app, request.params["link"])
    return await download(request, file, app.files.open_piece)


def _url(app: App, request: HttpRequest, path: str) -> str:
    """An address below the same base as the call's; what is secret of it is to be added."""
    base = request.path.partition("/CustomTable/")[0]
    return f"{find_origin(app, request)}{base}{path}/"


def _number(body: bytes, key: str, shape: str) -> int:
    raw = read_keys(body, shape).get(key.lower())
    if raw is None:
        raise invalid_request(f"{key} is missing; send {shape}")
    return read_whole(raw, key)


_ANY: Final = "application/octet-stream"
ROUTES: Final = (
    Route(
        name="GetPreUploadUrl",
        path="/CustomTable/GetPreUploadUrl/:code",
        work=keyed(announce_file, "Create"),
        summary="Begin an upload; `Data` is `FileStoreId` and `PreUploadUrl`.",
        query=(NO_DRY_RUN,),
        body=AnnounceBody,
        body_bytes_max=FORM_BYTES_MAX,
    ),
    Route(
        name="Upload",
        method="PUT",
        path=f"{_UPLOAD}/:secret",
        work=receive_file,
        summary="PreUploadUrl: send the bytes of the file, as they are. `Data` is its number.",
        query=(NO_DRY_RUN,),
        body=bytes,
        body_type=_ANY,
        streams_body=True,
        is_open=True,
    ),
    Route(
        name="ReportUploadSuccess",
        path="/CustomTable/ReportUploadSuccess/:code",
        work=keyed(report_file, "Create"),
        summary="End an upload; `Data` is the file's number.",
        query=(NO_DRY_RUN,),
        body=ReportBody,
        body_bytes_max=FORM_BYTES_MAX,
    ),
    Route(
        name="GetFileStaticUrl",
        path="/CustomTable/GetFileStaticUrl/:code",
        work=keyed(link_file, "Create", *SHOWING_CALLS),
        summary="An address of a file that needs no header; `Data` is its text.",
        body=LinkBody,
        body_bytes_max=FORM_BYTES_MAX,
    ),
    Route(
        name="File",
        method="GET",
        path=f"{_FILE}/:link",
        work=get_file,
        summary="The bytes of a file by such an address, whole or a range of them.",
        answer=None,
        is_open=True,
    ),
)
