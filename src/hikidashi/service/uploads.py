"""Files in three steps: one is announced, its bytes are sent to a secret address, it is reported.

The announcement gives the file its number and a secret, which alone is needed to send the bytes; it
is good for one file of one user, and stops with the user's right to upload.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from ..core.access import Identity
from ..core.catalog import Project
from ..core.errors import FaultError, FaultKind, invalid_request, no_upload, other_upload
from ..core.file_types import clean_name
from ..core.limits import INTEGER_MAX, UPLOAD_LIFE_MS, UPLOADS_WAITING_MAX
from ..core.record import record
from ..storage import uploads as rows
from ..storage.engines import Connection
from ..storage.files import FileRow, insert_file, read_numbered
from ..storage.uploads import Upload
from .app import App, View
from .attachments import check_may_fill, check_may_upload, find_numbered
from .files import Target
from .identity import hash_secret


@record
class Announced:
    """A file that is to come."""

    number: int
    secret: str  # told only now


async def announce(app: App, identity: Identity, project: Project, name: str) -> Announced:
    """Begin an upload. Raises 403 for who may upload nothing, 400 past a limit."""
    await app.read(identity, lambda view: check_may_fill(view, project))
    secret = app.identities.new_secret()
    now = app.clock.now_ms()
    upload = Upload(
        hash_secret(secret),
        identity.workspace,
        _draw(app) if identity.is_anonymous else 0,
        project.id,
        identity.user,
        clean_name(name),
        now,
    )

    def note(connection: Connection) -> int:
        waiting = rows.count_uploads(connection, identity.user, now - UPLOAD_LIFE_MS)
        if waiting >= UPLOADS_WAITING_MAX:
            raise invalid_request(
                f"over {UPLOADS_WAITING_MAX} uploads of yours were announced and not reported"
            )
        return rows.insert_upload(connection, upload)

    return Announced(await app.store.change(note), secret)


def _draw(app: App) -> int:
    """A number that nobody guesses: those who come without a key are all one user."""
    return INTEGER_MAX // 2 + int(app.identities.new_secret(), 16) % (INTEGER_MAX // 2)


async def receive(app: App, secret: str, pieces: AsyncIterator[bytes]) -> FileRow:
    """Take the bytes of what was announced; durable when this returns.

    The same bytes may come again, as a client does that got no answer. Raises 404 if there is no such
    upload, or not any more, 409 if it has other bytes, 413 for too many.
    """
    upload = await _find(app, secret)
    async with app.files.receive() as incoming:
        async for piece in pieces:
            await incoming.write(piece)
        digest = await incoming.measure()

        def take(connection: Connection, file: FileRow) -> FileRow:
            if rows.claim_upload(connection, upload.hash, file.id):
                return insert_file(connection, replace(file, n=upload.n))
            return _held(connection, upload)  # another request was quicker

        if upload.file:
            held = await app.store.read(lambda connection: _held(connection, upload))
        else:
            held = await incoming.keep(_identity(upload), upload.name, Target(), take)
    if held.sha256 != digest:
        raise other_upload()
    return held


def _held(connection: Connection, upload: Upload) -> FileRow:
    """The file that an upload has become. Raises 404."""
    file = read_numbered(connection, upload.workspace, [upload.n]).get(upload.n)
    if file is None:
        raise no_upload()
    return file


async def _find(app: App, secret: str) -> Upload:
    """What a secret is good for, while its user may upload. Raises 404."""
    digest, since = hash_secret(secret), app.clock.now_ms() - UPLOAD_LIFE_MS
    upload = await app.store.read(lambda one: rows.find_upload(one, digest, since))
    if upload is None:
        raise no_upload()

    def check(view: View) -> None:
        project = view.catalog.find_project(upload.project)
        if project is None:
            raise no_upload()
        check_may_fill(view, project)

    try:
        await app.read(_identity(upload), check)
    except FaultError as error:
        if error.kind is FaultKind.UNAVAILABLE:
            raise
        raise no_upload() from None
    return upload


def _identity(upload: Upload) -> Identity:
    return Identity(upload.user, upload.workspace, upload.project)


async def report(app: App, identity: Identity, project: Project, number: int) -> FileRow:
    """End an upload; the file. Nothing is sent for it any more.

    Raises 400 if its bytes have not come, 403 for who may not write, 404 for a file that the caller may not have.
    """

    def find(view: View) -> tuple[Upload | None, FileRow]:
        check_may_upload(view)
        upload = rows.find_numbered(view.connection, identity.workspace, number)
        if upload is not None and (upload.user, upload.project) != (identity.user, project.id):
            upload = None
        if upload is not None and not upload.file:
            raise invalid_request("the bytes have not come: PUT them to PreUploadUrl first")
        is_anonymous = identity.is_anonymous
        return upload, find_numbered(view, project, number, is_anonymous=is_anonymous)

    upload, file = await app.read(identity, find)
    if upload is not None:
        await app.store.change(lambda connection: rows.end_upload(connection, upload))
    return file
