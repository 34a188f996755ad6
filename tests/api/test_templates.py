"""Templates: an application is saved, sent elsewhere, and made again; what is sent is not trusted."""

from __future__ import annotations

import asyncio
import io
import json
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hikidashi.api.hexabase_rest import templates as routes
from hikidashi.core.limits import (
    JSON_LEVELS_MAX,
    NAME_CHARS_MAX,
    TASKS_TOLD_MAX,
    TASKS_WAITING_MAX,
    TEMPLATE_BYTES_MAX,
    TEMPLATE_LIST_BYTES_MAX,
    TEMPLATE_WORDS_MAX,
    TEMPLATE_ZIP_BYTES_MAX,
    TEMPLATES_MAX,
)
from hikidashi.service import tasks, templates
from hikidashi.service.imports import LOST
from hikidashi.service.schema.export import export_application
from hikidashi.service.schema.now import read_workspace
from hikidashi.service.template_files import TemplateFile, bare, pack
from hikidashi.storage.definitions import list_workspaces
from hikidashi.storage.jobs import LOST_MS, StoredJob, insert_job
from tests.api.rest import Reply, Rest
from tests.deterministic import FixedClock, fixed_ids
from tests.files.papers import FORM, form
from tests.kept import catalogs_of

WORLDS = Path(__file__).parent.parent / "worlds"
APPS = {"shop": "SHOP", "reports": "APP", "minutes": "OFFICE", "papers": "PAPERS"}
T = "/api/v0/templates"


@pytest.fixture(scope="module", params=APPS)
def anywhere(request, new_database, tmp_path_factory) -> Iterator[Rest]:
    """Each of the worlds."""
    yield from opened(new_database(tmp_path_factory.mktemp("any")), request.param)


@pytest.fixture(scope="module")
def shop(new_database, tmp_path_factory) -> Iterator[Rest]:
    """A shop; Ann administers it, Bob does not."""
    yield from opened(new_database(tmp_path_factory.mktemp("shop")), "shop")


def opened(url: str, name: str) -> Iterator[Rest]:
    clock = FixedClock()
    with asyncio.Runner() as runner:
        made = Rest(url, clock, fixed_ids(clock), runner, WORLDS / f"{name}.yaml", "")
        yield made
        made.close()


def save(rest: Rest, status: int = 200, **body: Any) -> Any:
    said = {"project_id": APPS[rest.world.stem], "name": "A shop", **body}
    reply = rest.call("POST", T, said)
    assert reply.status == status, reply.body
    return reply.json


def ended(rest: Rest, task: str) -> dict[str, Any]:
    """A task, once it is over."""
    for _ in range(1_000):
        [found] = rest.call("GET", f"/api/v0/tasks?stream_id={task}").json.values()
        if found["finished_at"] is not None:
            return dict(found)
        rest.run(asyncio.sleep(0.005))
    raise AssertionError(found)


def saved(rest: Rest, **body: Any) -> str:
    made = save(rest, **body)
    assert made["tp_id"] == made["stream_id"]
    task = ended(rest, made["stream_id"])
    assert (task["status"], task["errors"]) == ({"id": 2, "name": "done"}, [])
    return str(made["tp_id"])


def upload(rest: Rest, content: bytes, user: str = "ann") -> Reply:
    return rest.call(
        "POST", f"{T}/upload", form(("file", content, "../../x.zip")), user=user, headers=FORM
    )


def refused(rest: Rest, content: bytes) -> str:
    """What a task says of a file."""
    reply = upload(rest, content)
    assert reply.status == 200, reply.body
    task = ended(rest, reply.json["stream_id"])
    assert task["status"] == {"id": 3, "name": "error"}
    return str(task["errors"][0]["description"])


def exported(rest: Rest, project: str) -> dict[str, Any]:
    """An application without what is its own."""

    def read(connection):
        [workspace] = [
            one
            for one in (
                read_workspace(connection, found.id, list_workspaces(connection))
                for found in list_workspaces(connection)
            )
            if any(one.id == project for one in one.definitions)
        ]
        return bare(export_application(workspace, project))

    found = rest.run(rest.app.store.scan(read))
    return {key: one for key, one in found.items() if key not in ("display_id", "name")}


def test_an_application_is_made_again_as_it_is_designed(anywhere):
    rest = anywhere
    app = APPS[rest.world.stem]
    project = rest.catalogs[0].find_project(app)
    assert project is not None
    tp = saved(rest, name="雛形", category="Sales", description="for a shop")
    content = rest.call("GET", f"{T}/{tp}/download").body
    again = upload(rest, content).json["tp_id"]
    assert ended(rest, again)["category"] == "UPLOADTEMPLATE"
    assert rest.call("GET", f"{T}/{again}/download").body == content
    for number, one in enumerate((tp, again)):
        said = {"name": "Another", "display_id": f"AGAIN{number}", "tp_id": one}
        made = rest.call("POST", "/api/v0/applications", said)
        assert made.status == 200, made.body
        assert made.json["display_id"] == f"AGAIN{number}"
        assert exported(rest, made.json["project_id"]) == exported(rest, project.id)
        rest.catalogs = rest.run(rest.app.store.read(catalogs_of))
        copy = rest.catalogs[0].find_project(made.json["project_id"])
        assert copy is not None
        assert not {one.id for one in copy.datastores} & {one.id for one in project.datastores}


def test_templates_are_listed_by_category_and_deleted(shop):
    ids = [
        saved(shop, name=name, category=one) for name, one in (("b", "X"), ("a", "X"), ("c", ""))
    ]
    listed = shop.call("GET", T).json
    assert listed["enabled"] is True
    found = {
        one["category"]: [two["name"] for two in one["templates"] if two["tp_id"] in ids]
        for one in listed["categories"]
    }
    assert (found[""], found["X"]) == (["c"], ["a", "b"])
    for one in ids:
        assert shop.call("DELETE", f"{T}/{one}").json is None
        assert shop.call("DELETE", f"{T}/{one}").status == 404
        assert shop.call("GET", f"{T}/{one}/download").status == 404
        said = {"name": "x", "tp_id": one}
        assert shop.call("POST", "/api/v0/applications", said).status == 404


def test_who_designs_nothing_has_no_templates(shop):
    tp = saved(shop)
    assert shop.call("GET", T, user="bob").json == {"enabled": False, "categories": []}
    said = {"project_id": "SHOP", "name": "x"}
    assert shop.call("POST", T, said, user="bob").status == 403
    assert upload(shop, b"", user="bob").status == 403
    assert shop.call("GET", f"{T}/{tp}/download", user="bob").status == 403
    assert shop.call("DELETE", f"{T}/{tp}", user="bob").status == 403
    assert shop.call("GET", "/api/v0/tasks?all=true", user="bob").json == {}
    assert shop.call("GET", f"/api/v0/tasks?stream_id={tp}", user="bob").json == {}


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"name": " "}, 400, "name must not be empty"),
        ({"name": "x" * (NAME_CHARS_MAX + 1)}, 400, "name has over 500"),
        ({"category": "x" * (NAME_CHARS_MAX + 1)}, 400, "category has over 500"),
        ({"description": "x" * (TEMPLATE_WORDS_MAX + 1)}, 400, "description has over 10000"),
        ({"description": "\0"}, 400, "description holds U+0000"),
        ({"include_histories": 1}, 400, "include_histories"),
        ({"include_items": "x"}, 400, "include_items"),
        ({"name": 3}, 400, "name"),
        ({"project_id": "NONE"}, 404, "NONE"),
    ],
)
def test_what_can_not_be_saved_is_refused(shop, body, status, words):
    before = shop.call("GET", T).body
    assert words in json.dumps(save(shop, status, **body))
    assert shop.call("GET", T).body == before


# --- tasks ------------------------------------------------------------------------------------


def test_a_task_is_told_from_the_first_moment(shop, monkeypatch):
    made = []

    async def go():
        release = asyncio.Event()
        plain = shop.app.templates.keep

        async def wait(*words):
            async with asyncio.timeout(60):
                await release.wait()
            return await plain(*words)

        monkeypatch.setattr(shop.app.templates, "keep", wait)
        body = {"project_id": "SHOP", "name": "slow"}
        some = [await shop.acall("POST", T, body) for _ in range(TASKS_WAITING_MAX)]
        made.extend(one.json["stream_id"] for one in some)
        over = await shop.acall("POST", T, body)
        assert (over.status, b"are on their way" in over.body) == (503, True)
        await shop.app.imports.sweep()  # takes none of them for lost
        seen = await shop.acall("GET", "/api/v0/tasks?category=savetemplate")
        release.set()
        return seen.json

    shop.token("ann")
    seen = shop.run(go())
    assert sorted(seen) == sorted(made)
    one = seen[made[0]]
    assert (one["qt_id"], one["category"]) == (made[0], "SAVETEMPLATE")
    assert (one["status"], one["finished_at"]) == ({"id": 1, "name": "progress"}, None)
    for task in made[1:]:  # one after the other
        assert seen[task]["status"] == {"id": 0, "name": "queued"}
        assert seen[task]["started_at"] is None
    project = shop.catalogs[0].find_project("SHOP")
    assert one["metadata"] == {"w_id": shop.catalogs[0].workspace, "p_id": project.id}
    for task in made:
        assert ended(shop, task)["status"]["id"] == 2
    assert shop.call("GET", "/api/v0/tasks").json == {}
    assert set(made) <= shop.call("GET", "/api/v0/tasks?all=true").json.keys()
    assert shop.call("GET", "/api/v0/tasks?all=true&category=IMPORT").json == {}
    assert shop.call("GET", "/api/v0/tasks?all=x").status == 400


def test_a_task_whose_server_stopped_is_dead(shop):
    now = shop.clock.now_ms()
    user = shop.identity("ann")
    ids = [shop.app.ids.next_id() for _ in range(TASKS_TOLD_MAX + 1)]

    def lose(connection):
        for id_ in ids:
            state = "running" if id_ == ids[-1] else "done"
            job = (id_, user.workspace, tasks.SAVE, "", user.user, state, 0, (), now, now, None)
            insert_job(connection, StoredJob(*job))

    shop.run(shop.app.store.change(lose))
    shop.clock.advance(seconds=LOST_MS // 1000 + 1)
    shop.run(shop.app.imports.sweep())
    told = ended(shop, ids[-1])
    assert told["status"] == {"id": 4, "name": "dead"}
    assert told["errors"] == [{"description": LOST, "line": 0}]
    listed = shop.call("GET", "/api/v0/tasks?all=true").json
    assert (len(listed), ids[0] in listed) == (TASKS_TOLD_MAX, False)


def test_a_workspace_has_so_many_templates(shop, monkeypatch):
    monkeypatch.setattr(templates, "TEMPLATES_MAX", len(all_templates(shop)))
    task = ended(shop, save(shop)["stream_id"])
    assert "templates; delete some" in task["errors"][0]["description"]
    assert TEMPLATES_MAX == 1_000


def test_an_application_that_is_too_large_is_not_saved(shop, monkeypatch):
    monkeypatch.setattr(templates, "TEMPLATE_BYTES_MAX", 1_000)
    task = ended(shop, save(shop)["stream_id"])
    assert task["errors"][0]["description"] == "the application has over 1000 bytes"


def all_templates(shop) -> list[Any]:
    return [one for some in shop.call("GET", T).json["categories"] for one in some["templates"]]


# --- what is sent -----------------------------------------------------------------------------

ABOUT = {"format": "hikidashi template", "format_version": 1, "name": "n"}
DEEP = b'{"a":' + b"[" * JSON_LEVELS_MAX + b"]" * JSON_LEVELS_MAX + b"}"


def zipped(application: Any = None, about: Any = None, **members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in (
            ("template.json", about if about is not None else ABOUT),
            ("application.json", application if application is not None else {"name": "x"}),
            *members.items(),
        ):
            text = content if isinstance(content, bytes) else json.dumps(content).encode()
            file.writestr(name, text)
    return out.getvalue()


def patched(content: bytes, mark: bytes, at: int, value: bytes) -> bytes:
    """The zip with other bytes behind the last of a mark."""
    start = content.rfind(mark) + at
    return content[:start] + value + content[start + len(value) :]


def packed_otherwise() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_BZIP2) as file:
        file.writestr("template.json", json.dumps(ABOUT))
        file.writestr("application.json", "{}")
    return out.getvalue()


SENT: list[tuple[bytes, str]] = [
    (b"", "no zip"),
    (b"PK\x05\x06", "no zip"),
    (zipped()[:-30], "no zip"),
    (b"x" + zipped()[60:], "no sound zip"),
    (patched(zipped(), b"PK\x05\x06", 12, struct.pack("<I", TEMPLATE_LIST_BYTES_MAX + 1)), "lists"),
    (
        zipped(
            **{f"{at:02}{'a' * 65_000}": b"" for at in range(TEMPLATE_LIST_BYTES_MAX // 65_000 + 1)}
        ),
        "the zip lists over 2000000 bytes",
    ),
    (zipped(**{"../../etc/passwd": b"x"}), "the template holds '../../etc/passwd', as none does"),
    (zipped(b"0" * (TEMPLATE_BYTES_MAX + 1)), "application.json has over 5000000 bytes"),
    (zipped(about=b" " * (TEMPLATE_BYTES_MAX + 1)), "template.json has over 5000000 bytes"),
    (packed_otherwise(), "use deflate"),
    (patched(zipped(), b"PK\x01\x02", 8, b"\x01"), "is encrypted"),
    (zipped(about={**ABOUT, "format": "x"}), "the format is 'x' 1"),
    (zipped(about={**ABOUT, "format_version": 2}), "the format is 'hikidashi template' 2"),
    (zipped(about={**ABOUT, "name": ""}), "name must not be empty"),
    (zipped(about={**ABOUT, "category": 1}), "template.json: "),
    (zipped([]), "application.json: "),
    (zipped(b"{"), "application.json: "),
    (zipped(b'{"name":"\xff"}'), "application.json: "),
    (zipped(DEEP), "application.json nests over 64 levels"),
    (zipped({"name": "\0"}), "application.json holds U+0000"),
    (zipped({"x": 1}), "is not a key here"),
    (zipped({"datastores": 1}), "datastores"),
    (zipped({"datastores": [1]}), "must be a mapping"),
    (zipped({"datastores": [{"display_id": 1.5}]}), "display_id"),
]


@pytest.mark.parametrize(("content", "words"), SENT)
def test_what_is_no_template_is_refused_and_nothing_is_kept(shop, content, words):
    before = shop.call("GET", T).body
    assert words in refused(shop, content)
    assert shop.call("GET", T).body == before


def test_a_zip_that_is_too_long_is_refused_at_once(shop, monkeypatch):
    assert TEMPLATE_ZIP_BYTES_MAX == 1_000_000_000
    monkeypatch.setattr(routes, "TEMPLATE_ZIP_BYTES_MAX", 1_000)
    assert upload(shop, bytes(1_000)).status == 200
    assert upload(shop, bytes(1_001)).status == 413


def test_what_a_template_can_not_mean_is_told_when_it_is_used(shop):
    field = {"display_id": "f", "type": "dslookup", "lookup": {"datastore": "NONE"}}
    content = zipped({"datastores": [{"display_id": "D", "fields": [field]}]})
    tp = upload(shop, content).json["tp_id"]
    assert ended(shop, tp)["status"]["name"] == "done"
    reply = shop.call("POST", "/api/v0/applications", {"name": "x", "tp_id": tp})
    assert reply.status == 400
    assert "has no datastore NONE" in reply.body.decode()


def test_a_template_gives_nobody_anything_and_takes_nothing_away(shop):
    before = shop.rows("SELECT id, deleted_at FROM definitions ORDER BY id")
    grants = shop.rows("SELECT count(*) FROM user_roles")[0][0]
    project = shop.catalogs[0].find_project("SHOP")
    [store] = [one for one in project.datastores if one.display_id == "orders"]
    content = zipped(
        {
            "id": project.id,
            "display_id": "SHOP",
            "deleted": True,
            "hottask_code": "abcdefghijkl",
            "keys": [{"name": "k", "key": "a-key-of-sixteen-characters", "roles": ["ADMIN"]}],
            "roles": [{"display_id": "ADMIN", "users": ["bob@shop.test"], "groups": ["ALL"]}],
            "datastores": [
                {"id": store.id, "display_id": "D", "hottask_table": 1, "deleted": True}
            ],
        }
    )
    tp = upload(shop, content).json["tp_id"]
    assert ended(shop, tp)["status"]["name"] == "done"
    made = shop.call("POST", "/api/v0/applications", {"name": "x", "tp_id": tp})
    assert made.status == 200, made.body
    after = dict(shop.rows("SELECT id, deleted_at FROM definitions"))
    assert all(after[one] == gone for one, gone in before)
    assert shop.rows("SELECT count(*) FROM user_roles")[0][0] == grants + 1
    assert shop.call("GET", f"/api/v0/applications/{made.json['project_id']}/setting").status == 200


def test_a_template_is_always_the_same_bytes():
    file = TemplateFile("n", "c", "d", {"name": "x"})
    assert pack(file) == pack(file)
