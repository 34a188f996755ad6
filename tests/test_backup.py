"""`hikidashi backup` and `restore`: one moment of a whole server, and the same on either engine."""

from __future__ import annotations

import asyncio
import io
import json
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hikidashi.bootstrap import SystemClock, make_ids, open_engine
from hikidashi.cli import cli
from hikidashi.config import Config
from hikidashi.service import archive
from hikidashi.service.schema import schema_apply
from hikidashi.storage.definitions import list_workspaces, load_catalog
from hikidashi.storage.indexes import list_indexes
from hikidashi.storage.inspection import find_oddities
from hikidashi.storage.whole import list_tables, read_rows
from tests.contents import Contents, contents
from tests.files.conftest import WORLD
from tests.files.papers import Papers

PLAIN = "type: text, as_title: true}\n"
MORE = """type: text, as_title: true, full_text: true}
              - {display_id: number, name: Number, type: autonum, prefix: "D-", unique: true}
              - {display_id: code, name: Code, type: text, unique: true}
              - {display_id: amount, name: Amount, type: number}
              - {display_id: due, name: Due, type: datetime}
              - {display_id: paid, name: Paid, type: boolean}
              - {display_id: old, name: Old, type: text}
              - {display_id: found, name: Found, type: text, has_index: true}
              - {display_id: kind, name: Kind, type: checkbox, options: [{display_id: a, name: A}]}
              - {display_id: people, name: People, type: users}
              - {display_id: twice, name: Twice, type: calc, formula: "amount * 2"}
              - {display_id: doc, name: Doc, type: dslookup, lookup: {datastore: DOCS, field: name}}
"""
GONE = """workspaces:
  - name: Papers
    applications:
      - display_id: PAPERS
        datastores:
          - {display_id: DOCS, fields: [{display_id: old, deleted: true}]}
          - {display_id: NOTES, deleted: true}
"""


class Moved:
    """Papers that are served from one engine, and an empty database of the other."""

    def __init__(self, url: str, other: str, folder: Path, runner: asyncio.Runner) -> None:
        self.url, self.other, self.folder, self.runner = url, other, folder, runner
        self.file = folder / "backup.zip"
        self.opened: list[Papers] = []
        self.places = (str(folder / "bytes"), str(folder / "others"))  # of files: here, there
        self.world = folder / WORLD.name
        self.world.write_text(WORLD.read_text("utf-8").replace(PLAIN, MORE, 1), "utf-8")

    def serve(self, url: str = "") -> Papers:
        clock = SystemClock()
        files = self.places[url not in ("", self.url)]
        ids = make_ids(clock)
        made = Papers(
            url or self.url, clock, ids, self.runner, self.world, Papers.BASE, files=files
        )
        self.opened.append(made)
        return made

    def command(self, *words: str, url: str = "") -> Result:
        url = url or self.url
        given = {"HIKIDASHI_DATABASE": url, "HIKIDASHI_FILES": self.places[url != self.url]}
        result = CliRunner().invoke(cli, words, env=given)
        assert "Traceback" not in result.output
        return result

    def backup(self) -> Result:
        result = self.command("backup", str(self.file))
        assert result.exit_code == 0, result.output
        return result

    def restore(self) -> Result:
        return self.command("restore", str(self.file), url=self.other)

    def look(self, url: str, fn: Callable[..., Any]) -> Any:
        engine = open_engine(Config(database=url))
        connection = engine.connect()
        try:
            return fn(engine, connection)
        finally:
            connection.close()


@pytest.fixture
def moved(engine_name: str, engine_url: str, request: pytest.FixtureRequest, tmp_path: Path):
    """A server on the engine and a database on the other one."""
    other = f"sqlite:///{tmp_path / 'other.db'}"
    databases = request.getfixturevalue("databases")
    if engine_name == "sqlite":
        other = databases.create()
    with asyncio.Runner() as runner:
        made = Moved(engine_url, other, tmp_path, runner)
        yield made
        for one in made.opened:
            one.close()
    if engine_name == "sqlite":
        databases.drop(other)


def every_row(engine, connection) -> dict[str, list[Any]]:
    """All that is in a database, table by table."""
    tables = list_tables(engine, connection)
    return {
        one.name: sorted(
            (dict(zip([c.name for c in one.columns], row, strict=True)) for row in rows), key=repr
        )
        for one in tables
        if (rows := list(read_rows(engine, connection, one, tables))) or not one.datastore
    }


def everything(_engine, connection) -> Contents:
    listed = list_workspaces(connection)
    return contents(connection, [load_catalog(connection, one.id) for one in listed])


def index_names(engine, connection) -> set[str]:
    """The indexes of items, those of a deleted datastore too."""
    found = {one for one in list_indexes(engine, connection) if one.count("_") == 2}
    return {one for one in found if one[:2] in ("i_", "x_") and not one.endswith("_pkey")}


def fill(papers: Papers) -> list[str]:
    """Items with files, changes, comments, links and one that was deleted."""
    items: list[str] = []
    for number in range(5):
        file = papers.stored(b"bytes %d" % number * 1_000)
        values = {
            "name": f"契約 {number}",
            "scans": [file],
            "code": f"c{number}",
            "amount": number / 3,
            "due": "2026-01-05T09:00:00.123Z",
            "paid": number % 2 == 0,
            "old": "x",
            "found": f"東京都 {number}",
            "kind": ["a"],
            "doc": items[-1] if items else None,
        }
        items.append(papers.make(**values))
        papers.edit(items[-1], name=f"契約書 {number}")
    papers.stored(b"", user="bob")
    body = {"is_force_update": True, "item": {}, "comment": "見積を直す"}
    assert papers.call("POST", f"/items/edit/{items[0]}", body, user="bob").status == 200
    papers.delete(items[4])
    notes = f"{Papers.BASE.replace('DOCS', 'NOTES')}/items/new"
    assert papers.call("POST", notes, {"item": {"text": "gone soon"}}).status == 200
    gone = papers.world.with_name("gone.yaml")
    gone.write_text(GONE)
    allowed = ("PAPERS/DOCS/old", "PAPERS/NOTES")
    store = papers.app.store
    papers.run(schema_apply(store, papers.app.ids, papers.clock, gone, allowed))
    return items


def found(papers: Papers, query: str) -> list[tuple[str, str]]:
    """What a search over all datastores finds, in its order."""
    reply = papers.call("POST", "/api/v0/globalsearch", {"query": query}, user="bob")
    return [(one["i_id"], one["category"]) for one in reply.json["search_result"]]


def test_a_backup_is_restored_on_the_other_engine_row_by_row(moved):
    papers = moved.serve()
    items = fill(papers)
    asked = {one: found(papers, one) for one in ("契約", "見積", "b.txt")}
    assert all(asked.values())
    told = moved.backup()
    assert "items, 6 files" in told.stdout
    restored = moved.restore()
    assert restored.exit_code == 0, restored.output
    assert "items, 6 files, checked" in restored.stdout
    before, after = moved.look(moved.url, every_row), moved.look(moved.other, every_row)
    assert {key: len(rows) for key, rows in before.items()} == {
        key: len(rows) for key, rows in after.items()
    }
    assert before == after
    assert moved.look(moved.url, everything) == moved.look(moved.other, everything)
    assert moved.look(moved.url, index_names) == moved.look(moved.other, index_names)
    others = moved.serve(moved.other)
    assert others.app.store.name != papers.app.store.name
    assert {one: found(others, one) for one in asked} == asked
    assert others.get(others.held(items[1])[0]).body == b"bytes 1" * 1_000
    new = others.make(name="契約")
    assert new not in items
    assert others.edit(items[2], name="x").status == 200
    checked = moved.command("check", url=moved.other)
    assert "nothing odd in the database" in checked.output
    assert "every file has its bytes" in checked.output


def test_files_in_a_bucket_are_backed_up_and_restored(moved, bucket):
    moved.places = tuple(f"{bucket}/{moved.folder.name}/{one}" for one in ("here", "there"))
    papers = moved.serve()
    items = fill(papers)
    template = saved(papers)
    assert "items, 8 files" in moved.backup().stdout  # a template with contents is one
    restored = moved.restore()
    assert restored.exit_code == 0, restored.output
    assert moved.look(moved.url, everything) == moved.look(moved.other, everything)
    others = moved.serve(moved.other)
    assert others.get(others.held(items[1])[0]).body == b"bytes 1" * 1_000
    path = f"/api/v0/templates/{template}/download"
    content = others.call("GET", path).body
    assert content == papers.call("GET", path).body
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        assert file.testzip() is None
    said = {"name": "again", "display_id": "AGAIN", "tp_id": template}
    assert others.call("POST", "/api/v0/applications", said).status == 200
    others.settle()
    listed = "/api/v0/applications/AGAIN/datastores/DOCS/items/search"
    assert others.call("POST", listed, {}).json["totalItems"] == 1
    checked = moved.command("check", url=moved.other).output
    assert "every file has its bytes" in checked
    assert "nothing odd in the database" in checked


def saved(papers: Papers) -> str:
    """A template with files; its id."""
    papers.make("ann", name="of Ann", scans=[papers.stored(b"of Ann", user="ann")])
    body = {"project_id": "PAPERS", "name": "with files", "include_files": True}
    template = papers.call("POST", "/api/v0/templates", body, user="ann").json["tp_id"]
    papers.settle()
    [task] = papers.call("GET", f"/api/v0/tasks?stream_id={template}").json.values()
    assert task["status"]["name"] == "done", task
    return str(template)


def test_a_backup_during_writes_is_of_one_moment(moved, monkeypatch):
    papers = moved.serve()
    fill(papers)
    papers.token("bob")
    plain = archive._write_table
    started, pause, written = threading.Event(), threading.Event(), []

    def slowly(zipped, table, rows, tell):
        if table.name == "histories":  # others are behind it, definitions and access sets before
            started.set()
            pause.wait(30)
        return plain(zipped, table, rows, tell)

    async def load() -> Result:
        task = asyncio.create_task(asyncio.to_thread(moved.backup))
        await asyncio.to_thread(started.wait, 30)
        for number in range(20):
            path = f"{Papers.BASE}/items/new"
            body = {"item": {"name": f"later {number}"}}
            written.append(await papers.acall("POST", path, body, user="bob"))
        pause.set()
        return await task

    monkeypatch.setattr(archive, "_write_table", slowly)
    before = moved.look(moved.url, everything)
    told = moved.runner.run(load())
    assert [one.status for one in written] == [200] * 20
    assert "files" in told.stdout
    assert moved.restore().exit_code == 0
    assert moved.look(moved.other, everything) == before
    assert moved.look(moved.other, lambda _, one: list(find_oddities(one))) == []


# --- what can't be restored -------------------------------------------------------------------


def rewritten(source: Path, target: Path, change: Callable[[str, bytes], bytes | None]) -> None:
    """The same zip with other members; None leaves one out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = change(name, old.read(name))
            if content is not None:
                new.writestr(name, content)


def manifest(**changes: Any) -> Callable[[str, bytes], bytes]:
    def change(name: str, content: bytes) -> bytes:
        if name != archive.MANIFEST:
            return content
        return json.dumps({**json.loads(content), **changes}).encode()

    return change


def changed_column(name: str, content: bytes) -> bytes:
    return content.replace(b'"name": "rev"', b'"name": "rev; DROP TABLE users"')


REFUSED: list[tuple[Callable[[str, bytes], bytes | None], str]] = [
    (manifest(format="x"), "the file is of the format 'x' 1"),
    (manifest(format_version=2), "'hikidashi backup' 2; this program reads 'hikidashi backup' 1"),
    (manifest(schema_version=9_999), "made by a newer version"),
    (manifest(tables=3), "no backup of a whole server"),
    (manifest(files=7), "6 files are in the backup where 7 should be"),
    (changed_column, "is no name of a table or column"),
    (lambda name, one: None if name == archive.MANIFEST else one, "no backup of a whole server"),
    (lambda name, one: None if name == "tables/users.jsonl" else one, "users.jsonl is missing"),
    (lambda name, one: None if name.startswith("objects/") else one, "is missing in the backup"),
    (lambda name, one: one[:-2] if name == "tables/links.jsonl" else one, ""),
    (
        lambda name, one: one.replace(b"bob", b"rob") if name == "tables/users.jsonl" else one,
        "the rows of users are not those that were written",
    ),
    (
        lambda name, one: one.swapcase() if name.startswith("objects/") else one,
        "are not those that were written",
    ),
]


def test_what_is_damaged_is_refused_and_leaves_nothing(moved, monkeypatch):
    papers = moved.serve()
    fill(papers)
    moved.backup()
    whole = moved.file
    for number, (change, words) in enumerate(REFUSED):
        moved.file = moved.folder / f"{number}.zip"
        rewritten(whole, moved.file, change)
        if moved.file.exists() and words:
            result = moved.restore()
            assert (result.exit_code, words in result.output) == (1, True), (words, result.output)
    moved.file = whole
    with monkeypatch.context() as patch:
        patch.setattr(archive, "MANIFEST_BYTES_MAX", 10)
        assert "manifest.json has over 10 bytes" in moved.restore().output
    moved.file = moved.folder / "cut.zip"
    moved.file.write_bytes(whole.read_bytes()[:-100])
    assert "not a whole backup" in moved.restore().output
    left = [one for one in (moved.folder / "others").rglob("*") if one.is_file()]
    assert left == []
    moved.file = whole
    assert moved.restore().exit_code == 0


def test_nothing_is_written_over(moved):
    moved.serve()
    moved.backup()
    assert "is there already" in moved.command("backup", str(moved.file)).output
    before = moved.look(moved.url, every_row)
    again = moved.command("restore", str(moved.file))
    assert (again.exit_code, "the database is not empty" in again.output) == (1, True)
    assert moved.look(moved.url, every_row) == before


def test_a_file_without_its_bytes_is_told_and_the_rest_is_there(moved):
    papers = moved.serve()
    items = fill(papers)
    lost = papers.held(items[0])[0]
    [path] = (moved.folder / "bytes").rglob(lost)
    path.unlink()
    assert f"1 files lack their bytes, or some of them: {lost}" in moved.backup().stdout
    restored = moved.restore()
    assert restored.exit_code == 0, restored.output
    assert lost in restored.stdout
    assert moved.look(moved.other, everything) == moved.look(moved.url, everything)
