"""A client of the papers: items with fields that hold files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from tests.api.rest import Chunks, Reply, Rest

DOCS = "65a000000000000000000020"
SCANS = "65a000000000000000000022"
PHOTO = "65a000000000000000000023"
SECRET = "65a000000000000000000024"
INNER = "65a000000000000000000025"
CLOSED_PAGE = "65a000000000000000000031"
MISSING = "0" * 24
BOUNDARY = "a-boundary-of-ours"
FORM = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8

Part = tuple[str, bytes] | tuple[str, bytes, str]


def form(*parts: Part, end: bytes = b"--\r\n") -> bytes:
    """A multipart body of (name, content) and, for files, (name, content, file name)."""
    body = b""
    for name, content, *file in parts:
        head = f'Content-Disposition: form-data; name="{name}"'
        if file:
            head += f'; filename="{file[0]}"\r\nContent-Type: text/html'
        body += f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + content + b"\r\n"
    return body + f"--{BOUNDARY}".encode() + end


class Papers(Rest):
    """Who calls is Bob, a member, unless a call says otherwise. Nobody sees what others make."""

    BASE: ClassVar = "/api/v0/applications/PAPERS/datastores/DOCS"
    folder: Path

    def upload(
        self,
        item: str,
        content: bytes = b"some text",
        name: str = "a.txt",
        *,
        field: str = SCANS,
        user: str = "bob",
        parts: tuple[Part, ...] = (),
        chunked: bool = False,
    ) -> Reply:
        """UploadFile."""
        path = f"/api/v0/items/{item}/fields/{field}/attachments"
        said = parts or (("application_id", b"PAPERS"), ("datastore_id", b"DOCS"))
        body: Any = form(*said, ("filename", name.encode()), ("file", content, "x"))
        if chunked:
            body = Chunks(body[at : at + 7] for at in range(0, len(body), 7))
        return self.call("POST", path, body, user=user, headers=FORM)

    def file(self, item: str, content: bytes = b"some text", **more: Any) -> str:
        """The id of a file uploaded for an item."""
        reply = self.upload(item, content, **more)
        assert reply.status == 200, reply.body
        return str(reply.json["file_id"])

    def stored(self, content: bytes = b"some text", *, user: str = "bob") -> str:
        """The id of a file uploaded for no item."""
        body = form(("fileName", b"b.txt"), ("file", content, "x"))
        reply = self.call("POST", "/api/v0/files", body, user=user, headers=FORM)
        assert reply.status == 200, reply.body
        return str(reply.json["file_id"])

    def get(self, file: str, *, user: str = "bob", method: str = "GET", **headers: str) -> Reply:
        """GetFile."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.call(method, f"/api/v0/files/{file}", user=user, headers=given)

    def remove(self, item: str, file: str, *, field: str = SCANS, user: str = "bob") -> Reply:
        """DeleteFile."""
        path = f"/api/v0/items/{item}/fields/{field}/attachments/{file}"
        return self.call("DELETE", path, user=user)

    def make(self, user: str = "bob", **values: Any) -> str:
        """Create a document; its id."""
        return self.new(values, user=user)

    def edit(self, item: str, action: str = "", user: str = "bob", **values: Any) -> Reply:
        """Update a document, whatever its revision."""
        body = {"is_force_update": True, "item": values, "action_id": action}
        return self.call("POST", f"/items/edit/{item}", body, user=user)

    def delete(self, item: str, user: str = "bob") -> Reply:
        """Delete a document."""
        return self.call("DELETE", f"/items/delete/{item}", {}, user=user)

    def shown(self, item: str, field: str = "scans", user: str = "bob") -> Any:
        """What item details show of a field."""
        path = f"/items/details/{item}?use_display_id=true"
        return self.call("GET", path, user=user).json["field_values"][field]["value"]

    def held(self, item: str, field: str = "scans") -> list[str]:
        """The ids of the files that a field holds."""
        return [one["file_id"] for one in self.shown(item, field) or ()]

    def objects(self) -> set[str]:
        """The ids that there are bytes of."""
        return {one.name for one in self.folder.rglob("*") if one.is_file()}

    def known(self) -> dict[str, tuple[bool, bool]]:
        """The files that there are rows of: attached, deleted."""
        rows = self.rows("SELECT id, attached_at, deleted_at FROM files")
        return {one: (attached is not None, gone is not None) for one, attached, gone in rows}

    def histories(self, item: str) -> list[str]:
        """The changes that an item's histories keep, oldest first."""
        rows = self.rows("SELECT changes FROM histories WHERE item_id = ? ORDER BY seq", item)
        return [row[0] for row in rows]

    def revision(self, item: str) -> int:
        """An item's revision."""
        [(found,)] = self.rows(f"SELECT rev FROM i_{DOCS} WHERE id = ?", item)
        return int(found)

    def sweep(self, *, after_days: float = 0) -> None:
        """Let time pass, then do what housekeeping does with files."""
        if after_days:
            self.clock.advance(days=after_days)
            self._tokens.clear()  # sessions end in the meantime
        self.run(self.app.files.sweep())
