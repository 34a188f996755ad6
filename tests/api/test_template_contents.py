"""Templates with contents: saved as their saver sees them, made again whole, or not at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hikidashi.core.errors import unavailable
from hikidashi.service import template_lines, template_making, template_saving
from hikidashi.service.tasks import StoppingError, Task
from hikidashi.storage.inspection import find_odd_files, find_oddities
from tests.api.kept import ALL, KeptApp, T, lines_of, opened
from tests.deterministic import FixedClock, fixed_ids
from tests.kept import catalogs_of

WORLD = Path(__file__).parent.parent / "worlds" / "kept.yaml"
PDF = b"%PDF-1.7 some pages"


@pytest.fixture(scope="module")
def opened_app(new_database, tmp_path_factory) -> Iterator[KeptApp]:
    clock = FixedClock()
    with asyncio.Runner() as runner:
        folder = tmp_path_factory.mktemp("kept")
        settings = {"files": str(folder / "bytes")}
        url = new_database(folder)
        made = KeptApp(url, clock, fixed_ids(clock), runner, WORLD, KeptApp.BASE, **settings)
        yield made
        made.close()


@pytest.fixture
def app(opened_app: KeptApp) -> KeptApp:
    """Nothing is in it yet."""
    read = opened_app.app.store.read(catalogs_of)
    opened_app.catalogs = opened_app.run(read)  # with what other tests have made
    opened_app.empty()
    return opened_app


_apps = iter(range(10_000))


def name() -> str:
    """Of an application to be made."""
    return f"MADE{next(_apps)}"


def fill(app: KeptApp) -> dict[str, str]:
    """Contents of every kind, of which Ann may see a part; the ids of some items."""
    app.call("DELETE", f"/items/delete/{app.new({'subject': 'deleted'})}", {})
    bob = app.identity("bob").user
    client = app.new({"name": "Acme"}, "clients")
    unseen = app.private("clients", name="unseen")
    first = app.new({"subject": "first 作業", "code": "c1", "size": 5, "kind": "a"})
    app.clock.advance(seconds=5)
    app.edit(first, size=7, kind="b", tags=["y", "x"], due="2030-01-02T03:04:05.000Z")
    app.edit(first, papers=[app.file(first, PDF, "契約.pdf"), app.file(first, b"text", "b.txt")])
    app.comment(first, "well done 完了")
    second = app.new({"subject": "second", "client": client, "parent": first, "people": [bob]})
    app.clock.advance(seconds=5)
    app.edit(second, user="bob", hidden="of members")
    app.edit(second, action="Finish", urgent=True)
    third = app.new({"subject": "third", "client": unseen}, user="bob")
    lost = app.private("tasks", subject="unseen", parent=third)
    app.new({"text": "unseen"}, "closed", user="bob")
    for user, source, place, target in (
        ("ann", first, "clients", client),
        ("ann", first, "tasks", second),
        ("bob", third, "clients", unseen),
        ("bob", third, "tasks", lost),
    ):
        body = {"link_datastore_id": place, "link_item_id": target}
        reply = app.call("POST", f"/items/addlink/{source}", body, user=user)
        assert reply.status == 200, reply.body
    return {"client": client, "first": first, "second": second, "third": third, "unseen": unseen}


def histories(app: KeptApp, place: str, item: str) -> list[Any]:
    """What was done to a task, without what is another one's elsewhere."""
    path = f"/api/v0/applications/{place}/datastores/tasks/items/histories/{item}"
    kept = ("comment", "created_at", "username", "action_name", "action_operation", "changes")
    told = app.call("GET", path).json["histories"]
    return [{key: one.get(key) for key in kept} for one in told]


def linked(app: KeptApp, place: str, item: str) -> list[str]:
    """The titles of the items that a task links to."""
    path = f"/api/v0/applications/{place}/datastores/tasks/items/links/{item}"
    found = app.call("GET", path).json["result"].values()
    return sorted(one["title"] for store in found for one in store["items"])


def shown(app: KeptApp, place: str, item: str) -> dict[str, Any]:
    """The values of a task, by display id."""
    path = f"/api/v0/applications/{place}/datastores/tasks/items/details/{item}"
    found = app.call("GET", f"{path}?use_display_id=true").json["field_values"]
    return {key: one["value"] for key, one in found.items()}


def test_everything_that_is_seen_is_made_again(app):
    ids = fill(app)
    made = name()
    app.create(app.save(*ALL), made)
    old, new = app.items("KEPT", "tasks"), app.items(made, "tasks")
    same = ("no", "subject", "code", "size", "due", "kind", "tags", "people", "urgent", "half")
    system = ("rev_no", "created_at", "created_by", "updated_at", "updated_by", "status")
    for key in (*same, *system, "hidden"):
        assert [one.get(key) for one in new] == [one.get(key) for one in old], key
    assert not {one["i_id"] for one in old} & {one["i_id"] for one in new}
    first, second, third = (one["i_id"] for one in new)
    assert [one["title"] for one in app.items(made, "clients")] == ["Acme"]
    [client] = app.items(made, "clients")
    details = shown(app, made, second)
    assert details["client"]["item_id"] == client["i_id"] != ids["client"]
    assert details["parent"]["item_id"] == first
    assert not shown(app, made, third)["client"]
    assert linked(app, made, first) == ["Acme", "second"]
    assert linked(app, made, third) == []
    for one, other in ((first, ids["first"]), (second, ids["second"])):
        told = json.dumps(histories(app, "KEPT", other))
        for source, target in ((ids["client"], client["i_id"]), (ids["first"], first)):
            told = told.replace(source, target)
        assert (
            json.loads(told)[-1]["changes"].keys()
            == histories(app, made, one)[-1]["changes"].keys()
        )
        assert [x["comment"] for x in json.loads(told)] == [
            x["comment"] for x in histories(app, made, one)
        ]
        assert [x["action_name"] for x in json.loads(told)] == [
            x["action_name"] for x in histories(app, made, one)
        ]
    old_files, new_files = (
        shown(app, "KEPT", ids["first"])["papers"],
        shown(app, made, first)["papers"],
    )
    assert [one["filename"] for one in new_files] == [one["filename"] for one in old_files]
    assert not {one["file_id"] for one in new_files} & {one["file_id"] for one in old_files}
    got = [app.call("GET", f"/api/v0/files/{one['file_id']}").body for one in new_files]
    assert got == [PDF, b"text"]
    for words in ("作業", "完了", "契約"):
        reply = app.call("POST", "/api/v0/globalsearch", {"app_id": made, "query": words})
        assert len(reply.json["search_result"]) == 1, (words, reply.body)
    assert is_sound(app)


def is_sound(app: KeptApp) -> bool:
    """Nothing is odd in the database, nor between its files and their bytes."""

    def look(connection: Any) -> list[str]:
        objects = app.app.files._objects
        now = app.clock.now_ms()
        return [*find_oddities(connection), *find_odd_files(connection, objects, now)]

    found = app.run(app.app.store.scan(look))
    assert found == []
    return True


def test_what_its_saver_may_not_see_is_in_no_template(app):
    ids = fill(app)
    members = opened(app.download(app.save(*ALL)))
    about = json.loads(members["template.json"])["contents"]
    assert {one["datastore"]: one["items"] for one in about["datastores"]} == {
        "tasks": 3,
        "clients": 1,
    }
    text = b"".join(one for key, one in members.items() if key.startswith(("items", "files")))
    for word in (b"unseen", b"of members", b'"hidden"', ids["unseen"].encode()):
        assert word not in text, word
    app.edit(ids["third"], user="bob", client="")  # now it is in the histories alone
    again = opened(app.download(app.save(*ALL)))
    assert ids["unseen"].encode() not in again["items/1.jsonl"]


def test_a_template_holds_what_is_asked_for_and_no_more(app):
    fill(app)
    for parts, keys in (
        ((), None),
        (("items",), {"item"}),
        (("links",), {"item", "link"}),
        (("histories",), {"item", "history"}),
        (("files",), {"item"}),
    ):
        members = opened(app.download(app.save(*parts)))
        if keys is None:
            assert members.keys() == {"template.json", "application.json"}
            continue
        lines = lines_of(members["items/1.jsonl"])
        assert {key for one in lines for key in one} == keys
        files = [one for one in members if one.startswith("files/")]
        assert len(files) == 2 * ("files" in parts)
        first = next(one["item"] for one in lines if "item" in one)
        assert ("papers" in first["values"]) is ("files" in parts)
        assert ("rev" in first) is ("histories" in parts)


def test_items_without_histories_are_new_ones_of_who_makes_them(app):
    fill(app)
    tp, made = app.save("items"), name()
    app.clock.advance(seconds=9)
    project = app.create(tp, made)
    items = app.items(made, "tasks")
    ann = app.identity("ann").user
    assert {(one["rev_no"], one["created_by"], one.get("updated_at")) for one in items} == {
        ("1", ann, None)
    }
    for one in items:
        [history] = histories(app, made, one["i_id"])
        assert (history["action_operation"], history["action_name"]) == ("1", "Create")
    # Who may see them: who would see an item that Ann makes there.
    path = f"/api/v0/applications/{project}"
    other = app.call("POST", f"{path}/datastores/tasks/items/new", {"item": {"subject": "x"}})
    keys = "SELECT key FROM access_sets a JOIN i_{} i ON i.acl = a.acl WHERE i.id = ? ORDER BY 1"
    place = items[0]["d_id"]
    rows = [app.rows(keys.format(place), id_) for id_ in (items[0]["i_id"], other.json["item_id"])]
    assert rows[0] == rows[1] != []


def test_auto_numbers_go_on_and_none_is_given_twice(app):
    fill(app)
    field = app.field("tasks", "no")
    path = f"{app.base}/fields/{field}/autonum"
    assert app.call("GET", f"{path}?branch_key=B").status == 200
    taken = [one["no"] for one in app.items("KEPT", "tasks")]
    made = name()
    app.create(app.save("items"), made)
    base = f"/api/v0/applications/{made}/datastores/tasks"
    new = app.call("POST", f"{base}/items/new", {"item": {"subject": "next"}}).json["item_id"]
    [number] = [one["no"] for one in app.items(made, "tasks") if one["i_id"] == new]
    assert number == "T-0006"  # five were given: to a deleted item, and to one that Ann can't see
    assert taken == ["T-0002", "T-0003", "T-0004"]
    told = app.call("GET", f"{base}/fields/no/autonum?branch_key=B").json
    assert "2" in json.dumps(told)


def test_a_template_that_was_sent_says_nothing_of_who_did_what(app):
    fill(app)
    content = app.download(app.save(*ALL))
    again = app.done(app.upload(content))
    assert opened(app.download(again)) == opened(content)
    made = name()
    app.create(again, made)
    items = app.items(made, "tasks")
    assert {one["created_by"] for one in items} == {"IMPORT"}
    assert [one["rev_no"] for one in items] == [one["rev_no"] for one in app.items("KEPT", "tasks")]
    assert app.items(made, "tasks")[1]["people"] == app.items("KEPT", "tasks")[1]["people"]
    assert is_sound(app)


def test_nobody_of_another_workspace_comes_near_it(app):
    fill(app)
    tp = app.save(*ALL)
    other = name()
    for method, path, body in (
        ("GET", f"{T}/{tp}/download", None),
        ("DELETE", f"{T}/{tp}", None),
        ("POST", "/api/v0/applications", app.said(tp, other)),
    ):
        assert app.call(method, path, body, user="zoe").status == 404
    assert app.call("GET", T, user="zoe").json == {"enabled": True, "categories": []}
    [file] = app.rows("SELECT file_id FROM templates WHERE id = ?", tp)
    for user in ("ann", "zoe"):  # it is no file of an item
        assert app.call("GET", f"/api/v0/files/{file[0]}", user=user).status == 404
    assert app.call("DELETE", f"{T}/{tp}").status == 200
    assert app.rows("SELECT deleted_at IS NULL FROM files WHERE id = ?", file[0])[0][0] == 0


# --- tasks ------------------------------------------------------------------------------------


def test_an_application_is_seen_at_one_moment_and_told_of_from_the_first(app, monkeypatch):
    for at in range(60):
        app.new({"subject": f"task {at}"})
    tp, made = app.save("items"), name()
    monkeypatch.setattr(template_lines, "PORTION_LINES", 7)
    noted: list[int] = []
    note = Task.note

    def also_note(task: Task, count: int) -> None:
        noted.append(count)
        note(task, count)

    monkeypatch.setattr(Task, "note", also_note)

    async def go() -> list[tuple[Any, ...]]:
        reply = await app.acall("POST", "/api/v0/applications", app.said(tp, made))
        assert reply.status == 200, reply.body
        job, seen = reply.json["stream_id"], []
        path = f"/api/v0/applications/{made}/datastores/tasks/items/search"
        for _ in range(3_000):
            [task] = (await app.acall("GET", f"/api/v0/tasks?stream_id={job}")).json.values()
            found = await app.acall("POST", path, {"return_count_only": True})
            count = found.json["totalItems"] if found.status == 200 else None
            mine = await app.acall("POST", "/items/new", {"item": {"subject": "between"}})
            assert mine.status == 200
            seen.append((task["status"]["name"], task["progress"], count))
            if task["finished_at"] is not None:
                return seen
        raise AssertionError(seen)

    app.token("ann")
    seen = app.run(go())
    assert seen[0][2] is None
    assert {one for _, _, one in seen} <= {None, 60}
    assert seen[-1] == ("done", 60, 60)
    counts = [two for _, two, _ in seen]
    assert counts == sorted(counts)
    assert set(counts) <= {*noted}
    assert {*range(0, 60, 7), 60} == {*noted}
    task = app.ended(app.call("GET", "/api/v0/tasks?all=true").json.popitem()[0])
    assert task["category"] in ("CREATEAPPLICATION", "SAVETEMPLATE", "UPLOADTEMPLATE")


def state_of(app: KeptApp) -> Any:
    """What would be left of an application that came to nothing."""
    contents = app.contents()
    live = app.rows("SELECT id FROM definitions WHERE deleted_at IS NULL ORDER BY id")
    files = app.rows("SELECT id FROM files WHERE dropped_at IS NULL ORDER BY id")
    rows = [
        app.rows(f"SELECT count(*) FROM {one}") for one in ("staged_sets", "deletions", "texts")
    ]
    return contents, live, files, rows


def test_nothing_is_left_of_one_that_comes_to_nothing(app, monkeypatch):
    fill(app)
    tp = app.save(*ALL)
    before, tables = state_of(app), item_tables(app)

    def fail(*_: Any) -> None:
        raise unavailable("the disk is full")

    monkeypatch.setattr(template_making, "publish", fail)
    reply = app.call("POST", "/api/v0/applications", app.said(tp, made := name()))
    task = app.ended(reply.json["stream_id"])
    assert (task["status"]["id"], task["errors"]) == (
        3,
        [{"description": "the disk is full", "line": 0}],
    )
    assert (state_of(app), item_tables(app)) == (before, tables)
    app.run(app.app.files.sweep())
    assert is_sound(app)
    monkeypatch.undo()
    app.create(tp, made)  # its name is free
    assert len(app.items(made, "tasks")) == 3


def item_tables(app: KeptApp) -> int:
    """How many tables of items there are."""
    from hikidashi.storage.whole import list_tables

    engine = app.app.store.engine
    tables = app.run(app.app.store.scan(lambda one: list_tables(engine, one)))
    return sum(one.datastore != "" for one in tables)


def test_a_server_that_stops_leaves_it_to_the_next_one(app, monkeypatch):
    fill(app)
    tp = app.save(*ALL)
    before = state_of(app)
    tasks = app.app.tasks

    def stop(*_: Any) -> None:
        raise StoppingError

    monkeypatch.setattr(template_making, "publish", stop)
    job = app.call("POST", "/api/v0/applications", app.said(tp, name())).json["stream_id"]
    for _ in range(1_000):
        if job not in tasks._running:
            break
        app.run(asyncio.sleep(0.005))
    assert app.rows("SELECT count(*) FROM staged_sets") != [(0,)]
    app.clock.advance(seconds=121)
    app.run(app.app.imports.sweep())
    assert app.ended(job)["status"] == {"id": 4, "name": "dead"}
    assert state_of(app) == before


def test_a_design_that_changes_while_it_is_saved_is_not_mixed(app, monkeypatch):
    real = template_saving._write

    async def late(one: Any, task: Any, wanted: Any, subject: Any, staged: Any) -> None:
        project, template, number = subject
        await real(one, task, wanted, (project, template, number - 1), staged)

    monkeypatch.setattr(template_saving, "_write", late)
    reply = app.call("POST", T, {"project_id": "KEPT", "name": "k", "include_items": True})
    task = app.ended(reply.json["stream_id"])
    assert task["errors"][0]["description"] == "the design changed meanwhile; try again"


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("TEMPLATE_ITEMS_MAX", "the application has over 1 items"),
        ("TEMPLATE_FILES_MAX", "the application has over 1 files"),
        ("TEMPLATE_LINE_BYTES_MAX", "an item has over 1 bytes"),
    ],
)
def test_an_application_has_so_much_room_in_a_template(app, monkeypatch, limit, words):
    fill(app)
    before = app.rows("SELECT count(*) FROM templates")
    monkeypatch.setattr(template_saving, limit, 1)
    body = {"project_id": "KEPT", "name": "k", "include_files": True}
    task = app.ended(app.call("POST", T, body).json["stream_id"])
    assert task["errors"] == [{"description": words, "line": 0}]
    assert app.rows("SELECT count(*) FROM templates") == before
