"""A client of an application with contents of every kind, and zips of templates by hand."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import zipfile
from typing import Any, ClassVar

from tests.api.rest import Reply, Rest
from tests.files.papers import FORM, form

T = "/api/v0/templates"
ALL = ("items", "links", "histories", "files")
NEVER = "0" * 24
Lines = list[dict[str, Any]]


class KeptApp(Rest):
    """Who calls is Ann, who designs the application and sees a part of it."""

    BASE: ClassVar = "/api/v0/applications/KEPT/datastores/tasks"

    def edit(self, item: str, user: str = "ann", action: str = "", **values: Any) -> None:
        """Update a task."""
        body = {"is_force_update": True, "item": values, "action_id": action}
        reply = self.call("POST", f"/items/edit/{item}", body, user=user)
        assert reply.status == 200, reply.body

    def private(self, datastore: str, user: str = "bob", **values: Any) -> str:
        """An item that only its maker sees."""
        path = f"{self.base.rpartition('/')[0]}/{datastore}/items/new"
        body = {"item": values, "action_id": "Private"}
        return str(self.call("POST", path, body, user=user).json["item_id"])

    def file(self, item: str, content: bytes, name: str) -> str:
        """A file uploaded for a task."""
        field = self.field("tasks", "papers")
        said = (("application_id", b"KEPT"), ("datastore_id", b"tasks"))
        body = form(*said, ("filename", name.encode()), ("file", content, "x"))
        path = f"/api/v0/items/{item}/fields/{field}/attachments"
        reply = self.call("POST", path, body, headers=FORM)
        assert reply.status == 200, reply.body
        return str(reply.json["file_id"])

    def field(self, datastore: str, name: str) -> str:
        """A field's id."""
        project = self.catalogs[0].find_project("KEPT")
        assert project is not None
        place = project.find_datastore(datastore)
        assert place is not None
        found = place.find_field(name)
        assert found is not None
        return found.id

    def comment(self, item: str, text: str, user: str = "ann") -> None:
        """Post a comment on a task."""
        path = f"{self.base}/items/histories/{item}"
        assert self.call("POST", path, {"comment": text}, user=user).status == 200

    def items(self, app: str, datastore: str, user: str = "ann") -> Lines:
        """All items of a datastore, by display ids, in the order in which they were made."""
        path = f"/api/v0/applications/{app}/datastores/{datastore}/items/search"
        body = {"use_display_id": True, "per_page": 0, "sort_field_id": "created_at"}
        reply = self.call("POST", path, {**body, "sort_order": "asc"}, user=user)
        assert reply.status == 200, reply.body
        return list(reply.json["items"])

    def titles(self, app: str, datastore: str, user: str = "ann") -> list[str]:
        """The titles of them."""
        return sorted(one["title"] for one in self.items(app, datastore, user))

    # -- templates -----------------------------------------------------------------------------

    def ended(self, task: str, user: str = "ann") -> dict[str, Any]:
        """A task, once it is over."""
        for _ in range(2_000):
            path = f"/api/v0/tasks?stream_id={task}"
            [found] = self.call("GET", path, user=user).json.values()
            if found["finished_at"] is not None:
                return dict(found)
            self.run(asyncio.sleep(0.005))
        raise AssertionError(found)

    def done(self, reply: Reply) -> str:
        """The task of an answer has ended well; its id."""
        assert reply.status == 200, reply.body
        task = self.ended(reply.json["stream_id"])
        assert (task["status"]["name"], task["errors"]) == ("done", []), task
        return str(reply.json["stream_id"])

    def save(self, *parts: str, user: str = "ann") -> str:
        """Save the application with some contents."""
        said = {f"include_{one}": True for one in parts}
        return self.done(self.call("POST", T, {"project_id": "KEPT", "name": "k", **said}))

    def download(self, template: str) -> bytes:
        """A template's zip."""
        reply = self.call("GET", f"{T}/{template}/download")
        assert reply.status == 200, reply.body
        return reply.body

    def upload(self, content: bytes) -> Reply:
        """Send a template in."""
        return self.call("POST", f"{T}/upload", form(("file", content, "x.zip")), headers=FORM)

    def refused(self, content: bytes) -> list[tuple[str, int]]:
        """What a task says of a zip: words and lines."""
        task = self.ended(self.upload(content).json["stream_id"])
        assert task["status"]["name"] == "error"
        return [(one["description"], one["line"]) for one in task["errors"]]

    def create(self, template: str, app: str) -> str:
        """Make an application of a template; its id."""
        reply = self.call("POST", "/api/v0/applications", self.said(template, app))
        self.done(reply)
        return str(reply.json["project_id"])

    @staticmethod
    def said(template: str, app: str) -> dict[str, str]:
        """The body that makes an application of a template."""
        return {"name": app, "display_id": app, "tp_id": template}


def opened(content: bytes) -> dict[str, bytes]:
    """What a zip holds."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return {name: file.read(name) for name in file.namelist()}


def zipped(members: dict[str, bytes]) -> bytes:
    """The opposite."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return out.getvalue()


def lines_of(content: bytes) -> Lines:
    """Lines of JSON."""
    return [json.loads(one) for one in content.splitlines()]


DESIGN: dict[str, Any] = {
    "name": "x",
    "datastores": [
        {
            "display_id": "D",
            "name": "D",
            "statuses": [{"display_id": "Open", "name": "Open"}],
            "fields": [
                {"display_id": "no", "name": "n", "type": "autonum", "unique": True},
                {"display_id": "t", "name": "t", "type": "text", "as_title": True},
                {"display_id": "u", "name": "u", "type": "text", "unique": True},
                {"display_id": "n", "name": "n", "type": "number"},
                {
                    "display_id": "s",
                    "name": "s",
                    "type": "select",
                    "options": [{"display_id": "a", "name": "A"}],
                },
                {"display_id": "l", "name": "l", "type": "dslookup", "lookup": {"datastore": "E"}},
                {"display_id": "f", "name": "f", "type": "file"},
            ],
        },
        {
            "display_id": "E",
            "name": "E",
            "fields": [{"display_id": "t", "name": "t", "type": "text", "as_title": True}],
        },
    ],
}


def by_hand(
    *lines: dict[str, Any] | bytes,
    others: Lines | None = None,
    contents: dict[str, Any] | None = None,
    files: dict[str, bytes] | None = None,
    count: int | None = None,
) -> bytes:
    """A template with these lines of its datastore D, and with others of E."""
    items = sum(isinstance(one, dict) and "item" in one for one in lines)
    said: dict[str, Any] = {"links": True, "histories": True, "files": True}
    counted = items if count is None else count
    said["datastores"] = [
        {"datastore": "D", "items": counted},
        {"datastore": "E", "items": sum("item" in one for one in others or [])},
    ]
    about = {
        "format": "hikidashi template",
        "format_version": 2,
        "name": "n",
        "contents": {**said, **(contents or {})},
    }

    def written(some: Any) -> bytes:
        texts = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in some]
        return b"".join(one + b"\n" for one in texts)

    return zipped(
        {
            "template.json": json.dumps(about).encode(),
            "application.json": json.dumps(DESIGN).encode(),
            "items/1.jsonl": written(lines),
            "items/2.jsonl": written(others or []),
            **{f"files/{key}": content for key, content in (files or {}).items()},
        }
    )


def sha(content: bytes) -> str:
    """The checksum that names a file."""
    return hashlib.sha256(content).hexdigest()
