"""The routes of templates, and of the tasks that make them."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import quote

import msgspec

from ...core.access import Identity
from ...core.errors import invalid_request
from ...core.limits import TEMPLATE_ZIP_BYTES_MAX
from ...core.values import format_instant
from ...service.app import App
from ...service.imports import LOST
from ...service.template_saving import Saving, save_template
from ...service.template_taking import take_template
from ...storage.jobs import StoredJob
from ..body import decode_body, told
from ..edge import Answer, Call, HttpRequest, answer_json
from ..exchange import NO_DRY_RUN, QueryKey
from ..multipart import read_form
from ..running import refuse_dry_run
from ..spool import Spool, new_file
from . import envelopes
from .write_answers import NULL

_STATES: Final = {"queued": 0, "progress": 1, "done": 2, "error": 3, "dead": 4}


class SaveTemplateBody(msgspec.Struct):
    """An application that is to be saved."""

    project_id: Annotated[str, told("The application, by id or display id.")]
    name: Annotated[str, told("What the template is called.")]
    category: Annotated[str, told("What it is listed under.")] = ""
    description: Annotated[str, told("What it is for.")] = ""
    include_histories: Annotated[
        bool, told("Keep the items with their histories and revisions.")
    ] = False
    include_items: Annotated[bool, told("Keep the items that the caller sees (ours).")] = False
    include_links: Annotated[bool, told("Keep the items with their links (ours).")] = False
    include_files: Annotated[bool, told("Keep the items with their files (ours).")] = False


class SavedAnswer(msgspec.Struct):
    """The task, and the template that it makes."""

    stream_id: str
    tp_id: str


class TemplateForm(msgspec.Struct):
    """A template that was downloaded, as multipart/form-data."""

    file: Annotated[bytes, told("The zip.")]


class UploadedAnswer(msgspec.Struct):
    """The task; the template has its id (ours)."""

    stream_id: str
    tp_id: str


_save: Final = msgspec.json.Decoder(SaveTemplateBody)


async def get_templates(app: App, _request: HttpRequest, identity: Identity) -> Answer:
    """The workspace's templates, by category."""
    found = await app.templates.list_all(identity)
    categories: dict[str, list[dict[str, str]]] = {}
    for one in found or ():
        shown = {"tp_id": one.id, "name": one.name, "description": one.description}
        categories.setdefault(one.category, []).append(shown)
    listed = [{"category": key, "templates": some} for key, some in categories.items()]
    return answer_json({"enabled": found is not None, "categories": listed})


async def post_template(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Begin to save an application."""
    refuse_dry_run(request)
    body = decode_body(_save, request.body)
    wanted = Saving(
        body.project_id,
        body.name,
        body.category,
        body.description,
        items=body.include_items,
        links=body.include_links,
        histories=body.include_histories,
        files=body.include_files,
    )
    job = await save_template(app, identity, wanted)
    return answer_json({"stream_id": job, "tp_id": job})


async def upload_template(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Begin to take a zip in."""
    refuse_dry_run(request)
    await app.templates.check_upload(identity)
    app.tasks.check_room()
    path = new_file()
    try:
        spool = Spool(path, TEMPLATE_ZIP_BYTES_MAX)
        try:
            await read_form(request, spool.write, TEMPLATE_ZIP_BYTES_MAX)
            await spool.finish()
        finally:
            spool.close()
        job = await take_template(app, identity, path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return answer_json({"stream_id": job, "tp_id": job})


async def download_template(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """A template as a zip."""
    name, content = await app.templates.send(identity, request.params["template-id"])
    shown = quote(f"{name}.zip", safe="")
    headers = (
        (b"content-type", b"application/zip"),
        (b"content-disposition", f"attachment; filename*=UTF-8''{shown}".encode()),
        (b"x-content-type-options", b"nosniff"),
    )
    if isinstance(content, bytes):
        return Answer(200, content, headers=headers)
    return Answer(200, headers=headers, chunks=content)


async def remove_template(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Delete a template."""
    refuse_dry_run(request)
    await app.templates.delete(identity, request.params["template-id"])
    return Answer(200, NULL)


async def get_tasks(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """The caller's tasks: those that go on, or all of the last days."""
    query = request.query
    flag = query.get("all", "false").lower()
    if flag not in ("true", "false"):
        raise invalid_request("all must be true or false")
    wanted, category = query.get("stream_id", ""), query.get("category", "").upper()
    only_running = flag == "false" and not wanted
    found = await app.tasks.list_all(identity, only_running=only_running)
    return answer_json(
        {
            one.id: _encode(app, one)
            for one in found
            if wanted in ("", one.id) and category in ("", one.kind.upper())
        }
    )


def _encode(app: App, job: StoredJob) -> dict[str, Any]:
    name = {"running": "progress", "done": "done"}.get(job.state, "error")
    if any(one.description == LOST for one in job.errors):
        name = "dead"
    if name == "progress" and app.tasks.is_waiting(job.id):
        name = "queued"
    shown: dict[str, Any] = {
        "qt_id": job.id,
        "category": job.kind.upper(),
        "status": {"id": _STATES[name], "name": name},
        "created_at": format_instant(job.created_at),
        "started_at": None if name == "queued" else format_instant(job.created_at),
        "finished_at": None if job.finished_at is None else format_instant(job.finished_at),
        "metadata": {"w_id": job.workspace, "p_id": job.project},
        "progress": app.tasks.progress(job) if job.state == "running" else job.progress,
        "errors": [{"description": one.description, "line": one.line} for one in job.errors],
    }
    return shown


CALLS: Final[tuple[Call, ...]] = (
    Call(
        name="GetTemplates",
        method="GET",
        path="/api/v0/templates",
        handle=get_templates,
        envelope=envelopes.plain,
        summary="The workspace's templates, by category.",
        answer=dict[str, Any],
    ),
    Call(
        name="SaveTemplate",
        method="POST",
        path="/api/v0/templates",
        handle=post_template,
        envelope=envelopes.plain,
        summary="Save an application as a template, behind the answer.",
        query=(NO_DRY_RUN,),
        body=SaveTemplateBody,
        answer=SavedAnswer,
    ),
    Call(
        name="UploadTemplate",
        method="POST",
        path="/api/v0/templates/upload",
        handle=upload_template,
        envelope=envelopes.plain,
        summary="Take a template in that was downloaded, behind the answer.",
        query=(NO_DRY_RUN,),
        body=TemplateForm,
        body_type="multipart/form-data",
        answer=UploadedAnswer,
        is_json=False,
        streams_body=True,
    ),
    Call(
        name="DownloadTemplate",
        method="GET",
        path="/api/v0/templates/:template-id/download",
        handle=download_template,
        envelope=envelopes.plain,
        summary="A template as a zip.",
        is_json=False,
    ),
    Call(
        name="DeleteTemplate",
        method="DELETE",
        path="/api/v0/templates/:template-id",
        handle=remove_template,
        envelope=envelopes.plain,
        summary="Delete a template (ours). Answers `null`.",
        query=(NO_DRY_RUN,),
        answer=None,
    ),
    Call(
        name="GetTasks",
        method="GET",
        path="/api/v0/tasks",
        handle=get_tasks,
        envelope=envelopes.plain,
        summary="The caller's tasks, by id: those that go on, or all of the last seven days.",
        query=(
            QueryKey(
                "category",
                "string",
                "`SAVETEMPLATE`, `UPLOADTEMPLATE`, `CREATEAPPLICATION`, `IMPORT`, `BUILDINDEX`,"
                " `COMPUTEVALUES`, `INDEXTEXTS` or `BUILDAUTOLINK`.",
            ),
            QueryKey("all", "boolean", "Those that are over too."),
            QueryKey("stream_id", "string", "Only this one, over or not."),
        ),
        answer=dict[str, Any],
    ),
)
