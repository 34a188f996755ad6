"""Rows of HotTask with files: numbers go in and come out, whatever way a file came."""

from __future__ import annotations

from typing import Any

import pytest

from hikidashi.core.limits import CHOICES_MAX
from tests.files.papers import DOCS
from tests.files.steps import CODE, HOST, KEY, announce, id_of, link, put, upload


def ask(papers, verb: str, body: object, who: str = "bob", table: int = 1) -> dict[str, Any]:
    """A call of rows."""
    path = f"/autodev/CustomTableValue/{verb}/{CODE}/{table}"
    more: dict[str, Any] = {"token": who} if who.startswith("key-") else {"user": who}
    told: dict[str, Any] = papers.call("POST", path, body, headers=HOST, **more).json
    return told


def create(papers, who: str = "bob", **values: Any) -> int:
    told = ask(papers, "Create", {"create": values}, who)
    assert told["Success"], told
    return int(told["Data"])


def row(papers, number: int, who: str = "bob") -> dict[str, Any]:
    """A row as Page shows it, which List and Hexabase's own answers have to agree with."""
    filters = [{"name": "id", "op": "Equal", "value": number}]
    [shown] = ask(papers, "Page", {"Filters": filters}, who)["Data"]["List"]
    assert ask(papers, "List", {"Filters": filters}, who)["Data"] == [shown]
    return dict(shown)


def item_of(papers, number: int) -> str:
    [(found,)] = papers.rows(f"SELECT id FROM i_{DOCS} WHERE n = ?", number)
    return str(found)


@pytest.mark.parametrize("who", ["bob", KEY])
def test_a_row_takes_one_number_or_several_and_shows_them_so(papers, who):
    one, two, three = (upload(papers, who=who) for _ in range(3))
    number = create(papers, who, name="a", scans=[two, one], photo=three)
    shown = row(papers, number, who)
    assert (shown["scans"], shown["photo"], shown.get("inner")) == ([two, one], three, None)
    empty = row(papers, create(papers, who, name="b", scans=[]), who)
    assert (empty["scans"], empty["photo"]) == (None, None)


@pytest.mark.parametrize("way", [int, str, float, lambda n: [n], lambda n: [str(n), n]])
def test_a_number_may_be_written_in_several_ways(papers, way):
    number = upload(papers)
    assert row(papers, create(papers, scans=way(number)))["scans"] == number


def test_an_id_is_taken_too(papers):
    one, two = papers.stored(), upload(papers)
    shown = row(papers, create(papers, scans=[one, two]))
    assert shown["scans"] == [two - 1, two]


def test_files_of_the_other_dialect_are_shown_as_numbers(papers):
    item = papers.make(name="a")
    papers.edit(item, scans=[papers.file(item), papers.file(item)])
    [(number,)] = papers.rows(f"SELECT n FROM i_{DOCS}")
    assert row(papers, number)["scans"] == [1, 2]
    held = papers.held(item)
    file = upload(papers)
    assert ask(papers, "UD", {"update": {"id": number, "scans": [2, file]}})["Success"]
    assert papers.held(item) == [held[1], id_of(papers, file)]


def test_what_is_shown_may_be_sent_back(papers):
    number = create(papers, name="a", scans=[upload(papers), upload(papers)])
    shown = row(papers, number)
    sent = {key: one for key, one in shown.items() if key in ("id", "name", "scans")}
    assert ask(papers, "UD", {"update": {**sent, "name": "b"}})["Success"]
    assert row(papers, number)["scans"] == shown["scans"]
    assert papers.revision(item_of(papers, number)) == 2


@pytest.mark.parametrize("empty", [None, "", []])
def test_what_is_given_replaces_what_was_there(papers, empty):
    one, two = upload(papers), upload(papers)
    number = create(papers, scans=[one, two])
    assert ask(papers, "UD", {"update": {"id": number, "scans": two}})["Success"]
    assert row(papers, number)["scans"] == two
    assert link(papers, one)["Code"] == 404
    assert ask(papers, "UD", {"update": {"id": number, "scans": [one, two]}})["Success"]
    assert row(papers, number)["scans"] == [one, two]  # put back while its bytes are there
    assert ask(papers, "UD", {"update": {"id": number, "scans": empty}})["Success"]
    assert row(papers, number)["scans"] is None


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("one", "scans must be a whole number"),
        (True, "scans must be a whole number"),
        (1.5, "scans must be a whole number"),
        ({}, "scans must be a whole number"),
        ([[1]], "scans must be a whole number"),
        ([None], "scans must be a whole number"),
        (10**30, "scans must be a whole number"),
        (0, "scans: has no file 0"),
        (-1, "scans: has no file -1"),
        (99, "scans: has no file 99"),
        ([1, 2**53], f"scans: has no file {2**53}"),
        ("0" * 24, f"scans: has no file {'0' * 24}"),
        ([1] * (CHOICES_MAX + 1), f"scans: takes {CHOICES_MAX} files at most"),
    ],
)
@pytest.mark.parametrize("verb", ["Create", "UD"])
def test_what_is_no_file_is_refused(papers, value, words, verb):
    assert upload(papers) == 1
    number = create(papers, name="a")
    values = {"name": "b", "scans": value} | ({"id": number} if verb == "UD" else {})
    told = ask(papers, verb, values)
    assert (told["Code"], told["Data"]) == (400, 0)
    assert words in told["Message"]
    assert row(papers, number)["name"] == "a"
    assert papers.rows(f"SELECT count(*) FROM i_{DOCS}") == [(1,)]
    assert papers.rows("SELECT attached_at FROM files") == [(None,)]


@pytest.mark.parametrize("whose", ["eve's", "announced", "another row's", "another field's"])
@pytest.mark.parametrize("verb", ["Create", "UD"])
def test_a_file_that_is_not_for_the_field_is_none(papers, whose, verb):
    number = create(papers, name="a")
    if whose == "eve's":
        file = upload(papers, who="eve")
    elif whose == "announced":
        file = announce(papers).number
    elif whose == "another row's":
        file = upload(papers)
        create(papers, name="b", scans=file)
    else:
        file = upload(papers)
        number = create(papers, name="b", photo=file)
    before = papers.contents()
    values = {"scans": file} | ({"id": number} if verb == "UD" else {})
    told = ask(papers, verb, values)
    assert (told["Code"], told["Message"]) == (400, f"scans: has no file {file}")
    assert papers.contents() == before


def test_one_file_is_for_one_field(papers):
    file = upload(papers)
    told = ask(papers, "Create", {"scans": file, "photo": [file]})
    assert (told["Code"], told["Message"]) == (400, f"photo: the file {file} is for one field")


def test_the_row_is_not_there_before_its_file(papers):
    told = announce(papers)
    assert ask(papers, "Create", {"scans": told.number})["Code"] == 400
    put(papers, told.path)
    number = create(papers, scans=told.number)  # a report is not waited for
    assert row(papers, number)["scans"] == told.number
    papers.sweep(after_days=2)
    assert papers.objects() == {id_of(papers, told.number)}


def test_a_closed_field_neither_takes_nor_shows_files(papers):
    file = upload(papers)
    assert ask(papers, "Create", {"secret": file})["Code"] in (400, 403)
    assert papers.rows("SELECT attached_at FROM files") == [(None,)]
    number = create(papers, name="a")
    assert "secret" not in row(papers, number)
