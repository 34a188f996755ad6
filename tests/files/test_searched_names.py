"""GlobalSearch: the names of files are found for as long as an item holds them, by who sees both."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hikidashi.service.schema import schema_apply
from tests.files.papers import FORM, PHOTO, SCANS, SECRET, Papers, form

NAME = "見積書 2026.pdf"


def search(papers: Papers, query: str, user: str = "bob", **body: Any) -> list[dict[str, Any]]:
    path = "/api/v0/globalsearch"
    reply = papers.call("POST", path, {"query": query, **body}, user=user)
    assert reply.status == 200, reply.body
    return list(reply.json["search_result"])


def found(papers: Papers, query: str = "見積", user: str = "bob", **body: Any) -> list[str]:
    """The items that hold such a file."""
    return [one["i_id"] for one in search(papers, query, user, **body)]


def holding(papers: Papers, *names: str, user: str = "bob") -> tuple[str, list[str]]:
    """A new document that holds files of such names in `scans`, and their ids."""
    item = papers.make(user, name="契約")
    files = [papers.file(item, name=one, user=user) for one in names]
    assert papers.edit(item, "", user, scans=files).status == 200
    return item, files


def test_a_file_is_found_by_its_name_once_an_item_holds_it(papers):
    item = papers.make(name="契約")
    file = papers.file(item, name=NAME)
    assert found(papers) == []
    papers.edit(item, scans=[file])
    (hit,) = search(papers, "見積")
    told = {key: hit[key] for key in ("category", "f_id", "i_id", "title", "highlight_value")}
    assert told == {
        "category": "files",
        "f_id": SCANS,
        "i_id": item,
        "title": "契約",
        "highlight_value": {"value": ["<em class='searched_em'>見積</em>書 2026.pdf"]},
    }
    assert found(papers, "積書 pdf") == found(papers, "2026", category="files") == [item]
    assert found(papers, category="items") == found(papers, "書見") == []
    assert found(papers, field_id="scans", datastore_id="DOCS") == [item]
    assert found(papers, field_id="photo", datastore_id="DOCS") == []


def test_a_new_item_that_holds_files_is_found_by_each_of_them(papers):
    files = [papers.stored(), papers.stored()]
    item = papers.make(scans=files)
    assert found(papers, "txt") == [item, item]


def test_names_that_go_are_not_found_and_those_that_stay_are(papers):
    item, files = holding(papers, NAME, "見積 控え.txt", "別紙.txt")
    assert len(found(papers)) == 2
    papers.edit(item, scans=files[1:])
    assert (len(found(papers)), found(papers, "2026")) == (1, [])
    papers.edit(item, scans=files)  # put back
    assert found(papers, "2026") == [item]
    assert papers.remove(item, files[0]).status == 200
    assert (len(found(papers)), found(papers, "2026")) == (1, [])
    papers.edit(item, scans=list(reversed(files[1:])))
    assert found(papers) == [item]
    papers.edit(item, scans=[])
    assert found(papers) == found(papers, "別紙") == []


def test_names_go_with_their_item(papers):
    item, _ = holding(papers, NAME)
    assert papers.delete(item).status == 200
    assert found(papers) == []
    assert papers.rows("SELECT count(*) FROM texts") == [(0,)]


def test_names_go_with_items_that_an_import_or_a_search_takes_away(papers):
    holding(papers, NAME)
    body = form(("no_queue", b"true"), ("replace_all", b"true"), ("file", b"name\nx\n", "a.csv"))
    reply = papers.call("POST", f"{papers.BASE}/import", body, user="bob", headers=FORM)
    assert (reply.status, found(papers)) == (200, [])
    item, _ = holding(papers, NAME)
    conditions = [{"id": "i_id", "search_value": [item]}]
    path = f"{papers.BASE}/items/delete"
    assert papers.call("DELETE", path, {"conditions": conditions}, user="bob").status == 200
    assert found(papers) == []


def test_an_item_brought_back_to_a_revision_is_found_by_the_names_it_held_then(papers):
    item, files = holding(papers, NAME)
    papers.edit(item, scans=[])
    body = {"rev_no": 3, "to": 2}
    reply = papers.call("POST", f"/items/restore/{item}", body, user="bob")
    assert (reply.status, papers.held(item)) == (200, files)
    assert found(papers) == [item]


def test_a_copy_holds_no_files_and_so_no_names(papers):
    item, _ = holding(papers, NAME)
    copied = papers.call("POST", f"/items/action/{item}/Copy", {"rev_no": 2}, user="bob")
    assert copied.status == 200, copied.body
    assert found(papers) == [item]


def test_a_write_that_fails_leaves_the_names_as_they_were(papers):
    item, files = holding(papers, NAME)
    other = papers.file(item, name="見積 新.txt")
    assert papers.edit(item, scans=[other], name=5).status == 400
    assert papers.edit(item, scans=[other, "0" * 24]).status == 400
    assert papers.call(
        "POST",
        f"/items/edit/{item}?dry_run=true",
        {"is_force_update": True, "item": {"scans": []}},
        user="bob",
    ).status in (200, 201)
    assert found(papers) == [item]
    assert papers.held(item) == files


def test_only_who_sees_item_and_field_finds_a_name(papers):
    item, _ = holding(papers, NAME)
    assert found(papers, user="eve") == found(papers, user="ann") == []
    papers.edit(item, "Share")
    assert found(papers, user="eve") == found(papers, user="ann") == [item]
    secret = papers.file(item, field=SECRET, name="見積 秘.txt", user="ann")
    assert papers.edit(item, user="ann", secret=[secret]).status == 200
    names = [one["highlight_value"]["value"][0] for one in search(papers, "見積", "ann")]
    assert len(names) == 2
    assert found(papers, "秘", "eve") == found(papers, "秘", "bob") == []
    assert papers.call("POST", "/api/v0/globalsearch", {"query": "見積"}, user="zoe").json == {
        "search_result": []
    }


def test_fields_that_are_not_marked_are_not_looked_at(papers):
    item = papers.make()
    photo = papers.file(item, field=PHOTO, name=NAME)
    assert papers.edit(item, "Picture", photo=[photo]).status == 200
    assert found(papers) == []


MARKED = """
workspaces:
  - name: Papers
    applications:
      - display_id: PAPERS
        datastores:
          - display_id: DOCS
            fields: [{{display_id: photo, full_text: {flag}}}]
"""


@pytest.fixture
def marked(papers, tmp_path):
    """Mark the field `photo`, or not any more."""

    def apply(flag: str) -> None:
        file = tmp_path / f"{flag}.yaml"
        file.write_text(MARKED.format(flag=flag), "utf-8")
        store = papers.app.store
        papers.run(schema_apply(store, papers.app.ids, papers.clock, file))

    yield apply
    apply("false")


def test_what_is_held_is_indexed_when_its_field_is_marked(papers, marked):
    item = papers.make()
    photo = papers.file(item, field=PHOTO, name=NAME)
    papers.edit(item, "Picture", photo=[photo])
    marked("true")
    assert found(papers) == [item]
    assert found(papers, user="eve") == []
    marked("false")
    assert found(papers) == []


def test_many_writes_of_one_group_leave_the_last_ones_names(papers):
    item = papers.make()
    files = [papers.file(item, name=f"見積 {at}番.txt") for at in range(6)]

    async def all_at_once() -> list[int]:
        calls = [
            papers.acall(
                "POST",
                f"{papers.BASE}/items/edit/{item}",
                {"is_force_update": True, "item": {"scans": [one]}},
                user="bob",
            )
            for one in files
        ]
        return [one.status for one in await asyncio.gather(*calls)]

    assert set(papers.run(all_at_once())) == {200}
    (held,) = papers.held(item)
    assert found(papers) == found(papers, f"{files.index(held)}番") == [item]
