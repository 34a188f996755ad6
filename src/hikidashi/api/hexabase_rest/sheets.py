"""Files of items: imports and what came of them, exports."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from ...core.access import Identity
from ...core.errors import invalid_request
from ...core.sheets import ImportOptions
from ...service.app import App, View
from ...service.exports import export_csv, export_xlsx
from ...service.sheet_files import FILE_BYTES_MAX, TEMPORARY
from ..body import decode_body, told
from ..edge import Answer, Call, HttpRequest, answer_json
from ..exchange import NO_DRY_RUN, QueryKey
from ..multipart import Form, read_form
from ..running import refuse_dry_run
from ..spool import Spool, new_file
from . import envelopes
from .reads_bodies import ItemListBody, make_list_query
from .writes import BASE

_TYPES: Final = {
    "csv": b"text/csv; charset=utf-8",
    "xlsx": b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_export_body = msgspec.json.Decoder(ItemListBody)


_Flag = Literal["true", "false"]


class ImportForm(msgspec.Struct):
    """items-import/ImportItems, as multipart/form-data."""

    file: Annotated[bytes, told("CSV in UTF-8, or XLSX.")]
    filename: Annotated[str, told("What the file is called; nothing follows from it.")] = ""
    key_field_displayid: Annotated[
        str, told("The field that says which item a row updates; a row without one makes one.")
    ] = ""
    replace_all: Annotated[_Flag, told("Delete every visible item first.")] = "false"
    append: Annotated[_Flag, told("Every row makes an item, whatever the key.")] = "false"
    overwrite_autonumber: Annotated[_Flag, told("Take auto numbers from the file.")] = "false"
    validate: Annotated[_Flag, told("Read, and without effect: files are always checked.")] = "true"
    no_queue: Annotated[_Flag, told("Answer when the import has ended.")] = "false"


class ImportAnswer(msgspec.Struct):
    """What an import is asked after by."""

    temp_datastore_id: str
    stream_id: str


# --- in ---------------------------------------------------------------------------------------


async def import_items(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Take a file in behind the answer, or before it with `no_queue`."""
    refuse_dry_run(request)
    params = request.params
    app.imports.check_room()
    place = (params["app-id"], params["datastore-id"])
    await app.imports.find_place(identity, *place, ImportOptions())  # before anything is read
    path = new_file()
    try:
        spool = Spool(path, FILE_BYTES_MAX)
        try:
            form = await read_form(request, spool.write, FILE_BYTES_MAX)
            await spool.finish()
        finally:
            spool.close()
        options = _options(form)
        found = await app.imports.find_place(identity, *place, options)
        job, task = await app.imports.start(identity, found, options, path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    if _flag(form, "no_queue"):
        await asyncio.shield(asyncio.wait([task]))
    return answer_json({"temp_datastore_id": job, "stream_id": job})


def _options(form: Form) -> ImportOptions:
    """Raises 400. `validate` is read and changes nothing: a file is always checked whole."""
    _flag(form, "validate", default=True)
    options = ImportOptions(
        form.get("key_field_displayid"),
        _flag(form, "replace_all"),
        _flag(form, "append"),
        _flag(form, "overwrite_autonumber"),
    )
    if options.replace_all and options.append:
        raise invalid_request("replace_all and append can't both be true")
    return options


def _flag(form: Form, name: str, *, default: bool = False) -> bool:
    given = form.get(name).lower()
    if not given:
        return default
    if given in ("true", "1"):
        return True
    if given in ("false", "0"):
        return False
    raise invalid_request(f"{name} must be true or false")


async def get_import_results(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Nothing if all is well; what was wrong; 202 and how far it is while it goes on (ours)."""
    params = request.params
    job = await app.imports.find(identity, params["datastore-id"], params["temp-datastore-id"])
    if job.state == "running":
        progress = app.imports.progress(job)
        return answer_json({"state": "running", "progress": progress}, 202)
    if job.state == "done":
        return Answer(200)
    errors = [{"description": one.description, "line": one.line} for one in job.errors]
    return answer_json({"errors": errors})


# --- out --------------------------------------------------------------------------------------


async def export_items(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Every visible item that the conditions hold for, as a file (ours)."""
    body = decode_body(_export_body, request.body) if request.body else ItemListBody()
    body.page, body.per_page = 1, 0
    form = request.query.get("format") or body.format or "csv"
    if form not in _TYPES:
        raise invalid_request("format must be csv or xlsx")
    now_ms = app.clock.now_ms()
    folder = tempfile.TemporaryDirectory(prefix=f"{TEMPORARY}export-") if form == "xlsx" else None

    def read(view: View) -> Any:
        query = make_list_query(view, body, request, now_ms)
        if folder is None:
            return export_csv(view, query)
        return export_xlsx(view, query, Path(folder.name) / "items.xlsx")

    try:
        pieces = await app.stream(identity, read)
        first = await anext(pieces, b"")
        while not first:  # the file is being made; what is wrong shows before it is sent
            following = await anext(pieces, None)
            if following is None:
                break
            first = following
    except BaseException:
        if folder is not None:
            folder.cleanup()
        raise
    name = f'attachment; filename="{request.params["datastore-id"]}.{form}"'
    headers = (
        (b"content-type", _TYPES[form]),
        (b"content-disposition", name.encode("ascii", "replace").replace(b"\n", b"")),
        (b"x-content-type-options", b"nosniff"),
    )
    return Answer(200, headers=headers, chunks=_chunks(first, pieces, folder))


async def _chunks(
    first: bytes,
    pieces: AsyncGenerator[bytes, None],
    folder: tempfile.TemporaryDirectory[str] | None,
) -> AsyncGenerator[bytes, None]:
    try:
        yield first
        async for piece in pieces:
            if piece:
                yield piece
    finally:
        await pieces.aclose()
        if folder is not None:
            folder.cleanup()


_EXPORT_QUERY: Final = (QueryKey("format", "string", "`csv`, which is the default, or `xlsx`."),)

CALLS: Final[tuple[Call, ...]] = (
    Call(
        name="ImportItems",
        method="POST",
        path=f"{BASE}/import",
        handle=import_items,
        envelope=envelopes.results,
        summary="Take a CSV or XLSX file in: all of its rows or none.",
        query=(NO_DRY_RUN,),
        body=ImportForm,
        body_type="multipart/form-data",
        answer=ImportAnswer,
        is_json=False,
        streams_body=True,
    ),
    Call(
        name="GetImportResults",
        method="GET",
        path="/api/v0/datastores/:datastore-id/import/:temp-datastore-id",
        handle=get_import_results,
        envelope=envelopes.results,
        summary="What came of an import: nothing, or its errors by line.",
        answer=dict[str, Any],
    ),
    Call(
        name="ExportItems",
        method="GET",
        path=f"{BASE}/export",
        handle=export_items,
        envelope=envelopes.results,
        summary="All visible items as a file that an import reads back.",
        query=_EXPORT_QUERY,
    ),
    Call(
        name="ExportItemsByConditions",
        method="POST",
        path=f"{BASE}/export",
        handle=export_items,
        envelope=envelopes.results,
        summary="The same of the items that conditions hold for.",
        query=_EXPORT_QUERY,
        body=ItemListBody,
    ),
)
