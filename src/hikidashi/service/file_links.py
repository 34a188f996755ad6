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
from .attachments import check_shown, find_file

# The last period, whether anybody may ask so, file, workspace, project, user.
_FORM: Final = struct.Struct(">I?12s12s12s12s")
_TAG_BYTES: Final = 19
_CHARS: Final = 4 * (_FORM.size + _TAG_BYTES) // 3  # a multiple of three bytes: no padding
_PURPOSE: Final = b"file link:"


def sign_link(app: App, view: View, file: FileRow, project: Project, *, is_anonymous: bool) -> str:
    """A link to a file that the actor may get in a project. Raises 404 where who comes without a key
    is shown no rows.

    It is the same for a whole period, so that browsers may keep what it gives, and holds until the
    end of the next one.
    """
    last = app.clock.now_ms() // FILE_LINK_LIFE_MS + 1
    named = (file.id, file.workspace, project.id, view.actor.user)
    held = _FORM.pack(last, is_anonymous, *(bytes.fromhex(one) for one in named))
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
    last, is_anonymous, *ids = _FORM.unpack(held)
    id_, workspace, project, user = (one.hex() for one in ids)
    if app.clock.now_ms() // FILE_LINK_LIFE_MS > last:
        raise no_file_link()

    def find(view: View) -> FileRow:
        file = find_file(view, id_)
        if is_anonymous:
            check_shown(view, file)
        return file

    try:
        return await app.read(Identity(user, workspace, project), find)
    except FaultError as error:
        if error.kind is FaultKind.UNAVAILABLE:
            raise
        raise no_file_link() from None


def _tag(app: App, held: bytes) -> bytes:
    return hmac.digest(app.store.signing_key, _PURPOSE + held, hashlib.sha256)[:_TAG_BYTES]
