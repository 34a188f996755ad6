"""Links under which a file can be had without a token: signed, for some time, by who asked for one.

A link opens what its asker may get at the moment, no more: with the file, the item, the right to see
it or the membership it ends too. It holds the ids of all that and is kept nowhere.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from typing import Final

from ..core.access import Identity
from ..core.catalog import Project
from ..core.errors import FaultError, FaultKind, no_file_link
from ..core.limits import FILE_LINK_LIFE_MS
from ..storage.files import FileRow
from .app import App, View
from .attachments import find_file

_FORM: Final = struct.Struct(">I12s12s12s12s")  # the last period, file, workspace, project, user
_TAG_BYTES: Final = 20
_CHARS: Final = 4 * (_FORM.size + _TAG_BYTES) // 3  # a multiple of three bytes: no padding
_PURPOSE: Final = b"file link:"


def sign_link(app: App, file: FileRow, project: Project, user: str) -> str:
    """A link to a file that a user may get in a project.

    It is the same for a whole period, so that browsers may keep what it gives, and holds until the
    end of the next one.
    """
    last = app.clock.now_ms() // FILE_LINK_LIFE_MS + 1
    ids = (bytes.fromhex(one) for one in (file.id, file.workspace, project.id, user))
    held = _FORM.pack(last, *ids)
    return base64.urlsafe_b64encode(held + _tag(app, held)).decode()


async def open_link(app: App, link: str) -> FileRow:
    """The file that a link leads to. Raises 404 whatever is wrong with it."""
    if len(link) != _CHARS:
        raise no_file_link()
    try:
        raw = base64.b64decode(link, altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise no_file_link() from None
    held, tag = raw[: _FORM.size], raw[_FORM.size :]
    if not hmac.compare_digest(tag, _tag(app, held)):
        raise no_file_link()
    last, *ids = _FORM.unpack(held)
    file, workspace, project, user = (one.hex() for one in ids)
    if app.clock.now_ms() // FILE_LINK_LIFE_MS > last:
        raise no_file_link()

    def find(view: View) -> FileRow:
        return find_file(view, file)

    try:
        return await app.read(Identity(user, workspace, project), find)
    except FaultError as error:
        if error.kind is FaultKind.UNAVAILABLE:
            raise
        raise no_file_link() from None


def _tag(app: App, held: bytes) -> bytes:
    return hmac.digest(app.store.signing_key, _PURPOSE + held, hashlib.sha256)[:_TAG_BYTES]
