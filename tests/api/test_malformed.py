"""Files, forms and conditions that are wrong in every way: a clear word for each, and no change."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from tests.api.doors_table import FORM, KEY, PLACE, ROOMS
from tests.api.rest import Rest
from tests.deterministic import FixedClock, fixed_ids
from tests.files.papers import BOUNDARY, form

WORLD = Path(__file__).parent.parent / "worlds" / "doors.yaml"


@pytest.fixture(scope="module")
def opened(new_database, tmp_path_factory) -> Iterator[Rest]:
    clock = FixedClock()
    with asyncio.Runner() as runner:
        folder = tmp_path_factory.mktemp("malformed")
        url = new_database(folder)
        made = Rest(url, clock, fixed_ids(clock), runner, WORLD, ROOMS, files=str(folder / "bytes"))
        made.token("eve")
        made.new({"name": "x", "tag": "t", "amount": 1}, user="eve")
        yield made
        made.close()


@pytest.fixture
def rest(opened: Rest) -> Iterator[Rest]:
    """What the test leaves is what it found."""
    before = (opened.contents(), opened.rows("SELECT count(*) FROM files"))
    yield opened
    assert (opened.contents(), opened.rows("SELECT count(*) FROM files")) == before


# --- files to import --------------------------------------------------------------------------


def xlsx(*rows: list[Any]) -> bytes:
    """A workbook; a tuple is a formula with what it gave."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for at, row in enumerate(rows):
            for column, cell in enumerate(row):
                if isinstance(cell, tuple):
                    sheet.write_formula(at, column, cell[0], None, cell[1])
                else:
                    sheet.write(at, column, cell)
        other = book.add_worksheet()
        other.write_formula(0, 0, "=1/0", None, "#DIV/0!")
    return file.getvalue()


BOOK = xlsx(["name", "amount"], ["a", 1])


def repacked(change: Callable[[str, bytes], bytes | None]) -> bytes:
    """The workbook with its members changed; None takes one out."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(BOOK)) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            content = change(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
    return file.getvalue()


def without(part: str) -> bytes:
    return repacked(lambda name, content: None if name.endswith(part) else content)


def replaced(part: str, old: bytes, new: bytes) -> bytes:
    return repacked(lambda name, one: one.replace(old, new) if name.endswith(part) else one)


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as package:
        package.writestr("hello.txt", "hello")
    return file.getvalue()


UNREADABLE = "the file is no XLSX that can be read"
FILES: dict[str, tuple[bytes, int, str]] = {
    "nothing": (b"", 1, "the file is empty"),
    "blank lines": (b"\r\n\r\n", 1, "the file is empty"),
    "Shift JIS": ("name\n名前\n".encode("shift_jis"), 2, "the line is not UTF-8"),
    "UTF-16": ("name\nx\n".encode("utf-16"), 1, "the line is not UTF-8"),
    "UTF-16 without a mark": ("name\nx\n".encode("utf-16-le"), 1, "the header names no field"),
    "a surrogate": (b"name\n\xed\xa0\x80\n", 2, "the line is not UTF-8"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), 1, "the line is not UTF-8"),
    "an old sheet": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), 1, "the line is not UTF-8"),
    "semicolons": (b"name;amount\nx;1\n", 1, "(cells are parted by commas)"),
    "tabs": (b"name\tamount\nx\t1\n", 1, "(cells are parted by commas)"),
    "a column twice": (b"name,name\na,b\n", 1, "the header names name twice"),
    "a special column twice": (b"name,_status_,_status_\na,,\n", 1, "names _status_ twice"),
    "a column without a name": (b"name,,amount\na,b,1\n", 1, "names no field: ''"),
    "an unknown column": (b"nothing\nx\n", 1, "names no field: 'nothing'"),
    "too many cells": (b"name\na,b\n", 2, "the row has 2 cells, the header 1"),
    "too few cells": (b"name,amount\na\n", 2, "the row has 1 cells, the header 2"),
    "an open quote": (b'name\n"a\n', 2, "unexpected end of data"),
    "text after a quote": (b'name\n"a"b\n', 2, "is not CSV here"),
    "lines that end with CR": (b"name\ra\rb\r", 1, "a line ends with a CR alone"),
    "NUL": (b"name\na\0b\n", 2, "name: must not contain U+0000"),
    "no number": (b"amount\nabc\n", 2, "amount: must be a number"),
    "nan": (b"amount\nnan\n", 2, "amount: must be a number"),
    "infinity": (b"amount\ninf\n", 2, "amount: must be a number"),
    "too great a number": (b"amount\n1e999\n", 2, "amount: is out of range"),
    "a number of Python's": (b"amount\n1_0\n", 2, "amount: must be a number"),
    "full-width digits": ("amount\n１\n".encode(), 2, "amount: must be a number"),
    "no status": (b"name,_status_\na,Nope\n", 2, "there is no status 'Nope'"),
    "no group": (b"name,_group_id_\na,NOPE\n", 2, "there is no group 'NOPE'"),
    "a delete without a key": (b"name,_delete_\na,true\n", 2, "_delete_ needs key_field_displayid"),
    "no user": (b"people\nnobody\n", 2, "people: must be an array of user ids"),
    "no item": (b"other\nnothing\n", 2, "other: must be an item id"),
    "no file": (b"paper\nx\n", 2, "paper: must be an array of file ids"),
    "good rows and a bad one": (b"name,amount\na,1\nb,x\n", 3, "amount: must be a number"),
    "half a workbook": (BOOK[: len(BOOK) // 2], 1, UNREADABLE),
    "a workbook less some bytes": (BOOK[:-5], 1, UNREADABLE),
    "four bytes of one": (BOOK[:4], 1, UNREADABLE),
    "a changed byte": (BOOK[:300] + bytes([BOOK[300] ^ 255]) + BOOK[301:], 1, UNREADABLE),
    "a package of something": (zipped(), 1, "neither CSV nor XLSX"),
    "no sheet": (without("sheet1.xml"), 1, UNREADABLE),
    "no book": (without("xl/workbook.xml"), 1, "neither CSV nor XLSX"),
    "no relations": (without("workbook.xml.rels"), 1, UNREADABLE),
    "a text that is not there": (
        replaced("sheet1.xml", b"<v>0</v>", b"<v>99</v>"),
        1,
        UNREADABLE,
    ),
    "a cell of no type": (replaced("sheet1.xml", b't="s"', b't="z"'), 1, UNREADABLE),
    "a row far below": (
        replaced("sheet1.xml", b'r="2"', b'r="9999999999"'),
        1,
        "a sheet spans over",
    ),
    "a column far right": (replaced("sheet1.xml", b'r="A1"', b'r="ZZZZZZ1"'), 1, "spans over"),
    "a cell with an error": (
        xlsx(["name", "amount"], ["a", 1], ["b", ("=1/0", "#DIV/0!")]),
        3,
        "the cell B3 holds an error",
    ),
    "a name that is not known": (xlsx(["name"], [("=NA()", "#N/A")]), 2, "the cell A2 holds"),
    "a truth for a number": (xlsx(["amount"], [True]), 2, "amount: must be a number"),
    "an empty sheet": (xlsx(), 1, "the file is empty"),
    "a number as a header": (xlsx([5], ["a"]), 1, "names no field: '5'"),
}


def outcome(rest: Rest, content: bytes, **fields: str) -> list[tuple[int, str]]:
    parts = [(key, one.encode()) for key, one in {"no_queue": "true", **fields}.items()]
    body = form(*parts, ("file", content, "a.csv"))
    told = rest.call("POST", f"{ROOMS}/import", body, user="eve", headers=FORM)
    assert told.status == 200, told.body
    result = rest.call("GET", f"{PLACE}/import/{told.json['temp_datastore_id']}", user="eve")
    errors = result.json["errors"] if result.body else []
    return [(one["line"], one["description"]) for one in errors]


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_wrong(rest, name):
    content, line, words = FILES[name]
    for mode in ({}, {"replace_all": "true"}):
        errors = outcome(rest, content, **mode)
        assert [one for one, _ in errors] == [line]
        assert words in errors[0][1]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"key_field_displayid": "nothing"}, "does not name the key field"),
        ({"key_field_displayid": "amount\0"}, "does not name the key field"),
        ({"key_field_displayid": "paper"}, "a field of type file can't be the key"),
    ],
)
def test_a_key_that_is_none(rest, fields, words):
    ((line, told),) = outcome(rest, b"tag,paper\nx,\n", **fields)
    assert (line, words in told) == (1, True)


# --- forms ------------------------------------------------------------------------------------

WHOLE = form(("no_queue", b"true"), ("file", b"name\nx\n", "a.csv"))
EDGE = f"--{BOUNDARY}".encode()


def typed(value: str) -> dict[str, str]:
    return {"content-type": value}


FORMS: dict[str, tuple[bytes, dict[str, str], str]] = {
    "nothing": (b"", FORM, "the form ends before its last boundary"),
    "no boundary": (WHOLE, typed("multipart/form-data"), "with a boundary"),
    "an empty boundary": (WHOLE, typed("multipart/form-data; boundary="), "with a boundary"),
    "JSON": (WHOLE, typed("application/json"), "has to be multipart/form-data"),
    "another boundary": (WHOLE, typed("multipart/form-data; boundary=b"), "not a multipart form"),
    "no last boundary": (WHOLE[:-6], FORM, "ends before its last boundary"),
    "half of it": (WHOLE[: len(WHOLE) // 2], FORM, "ends before its last boundary"),
    "no file": (form(("no_queue", b"true")), FORM, "the form has no part file"),
    "two files": (form(("file", b"a", "a"), ("file", b"b", "b")), FORM, "has two parts file"),
    "a part without a name": (EDGE + b"\r\n\r\nx\r\n" + EDGE + b"--\r\n", FORM, "has no name"),
    "lines that end with LF": (WHOLE.replace(b"\r\n", b"\n"), FORM, "not a multipart form"),
    "another encoding": (form(("filename", b"\xff"), ("file", b"x", "x")), FORM, "is not UTF-8"),
    "a surrogate": (form(("filename", b"\xed\xa0\x80"), ("file", b"x", "x")), FORM, "is not UTF-8"),
    "headers without end": (
        EDGE + b"\r\n" + b"X: y\r\n" * 5_000 + b"\r\nx\r\n" + EDGE + b"--\r\n",
        FORM,
        "not a multipart form",
    ),
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("path", [f"{ROOMS}/import", "/api/v0/files"])
def test_a_form_that_is_wrong(rest, path, name):
    body, headers, words = FORMS[name]
    reply = rest.call("POST", path, body, user="eve", headers=headers)
    assert (reply.status, words in reply.body.decode()) == (400, True), reply.body


# --- conditions -------------------------------------------------------------------------------


def leaf(key: Any, *values: Any, **more: Any) -> list[dict[str, Any]]:
    return [{"id": key, "search_value": [*values], **more}]


CONDITIONS: dict[str, Any] = {
    "a text": "x",
    "a number": 5,
    "an object": {"id": "name"},
    "a list in the list": [[]],
    "null in the list": [None],
    "no id": [{"search_value": ["x"]}],
    "a number for an id": leaf(5, "x"),
    "no such field": leaf("nothing", "x"),
    "a NUL in an id": leaf("na\0me", "x"),
    "a value that is no list": [{"id": "name", "search_value": "x"}],
    "a list of lists": leaf("name", ["x"]),
    "a list of objects": leaf("name", {"x": 1}),
    "a truth for a text": leaf("name", True),
    "a number for a text": leaf("name", 1.5),
    "a NUL": leaf("name", "a\0b"),
    "a NUL in an id of an item": leaf("i_id", "\0"),
    "a number for an item": leaf("i_id", 5),
    "a NUL for a user": leaf("people", "\0"),
    "a NUL for an item that is looked up": leaf("other", "\0"),
    "a file": leaf("paper", "x"),
    "a text for a number": leaf("amount", "abc", None),
    "a truth for a number": leaf("amount", True, None),
    "NaN as text": leaf("amount", "NaN", None),
    "Infinity as text": leaf("amount", "Infinity", None),
    "a number without end": leaf("amount", 10**400, None),
    "a revision past all integers": leaf("rev_no", 2**70, None),
    "no instant": leaf("created_at", "yesterday", None),
    "a number for an instant": leaf("created_at", 5, None),
    "a year of five digits": leaf("created_at", "99999-01-01T00:00:00Z", None),
    "an id and conditions": [{"id": "name", "conditions": []}],
    "a group of texts": [{"conditions": ["x"]}],
    "groups in groups": json.loads('[{"conditions":' * 25 + "[]" + "}]" * 25),
    "a flag that is none": leaf("name", "x", exact_match="yes"),
    "a condition of reports": leaf("name", "x", rpf_id="x"),
    "NaN": b'{"conditions": [{"id": "amount", "search_value": [NaN, null]}]}',
    "1e400": b'{"conditions": [{"id": "amount", "search_value": [1e400, null]}]}',
    "half a pair": b'{"conditions": [{"id": "name", "search_value": ["\\ud800"]}]}',
    "half a pair in an id": b'{"conditions": [{"id": "\\udc00", "search_value": ["x"]}]}',
    "another encoding": b'{"conditions": [{"id": "name", "search_value": ["\xff"]}]}',
    "half a body": b'{"conditions": [{"id": "name", "search_',
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_conditions_that_are_wrong(rest, name):
    given = CONDITIONS[name]
    body = given if isinstance(given, bytes) else {"conditions": given}
    for method, path in (
        ("POST", f"{ROOMS}/items/search"),
        ("POST", f"{ROOMS}/export"),
        ("POST", f"{ROOMS}/items/bulkaction/Update"),
        ("POST", f"{ROOMS}/items/bulkaction/Delete"),
        ("DELETE", f"{ROOMS}/items/delete"),
    ):
        reply = rest.call(method, path, body, user="eve")
        assert reply.status == 400, (path, reply.body)
        assert len(reply.body) > 60


@pytest.mark.parametrize(
    "body",
    [
        {"create": []},
        {"create": None},
        {"create": {"name": "\0"}},
        {"create": {"amount": 10**400}},
        b'{"create": {"name": "\\ud800"}}',
        b'{"create": {"amount": NaN}}',
        b'{"create": {"amount": 1e400}}',
        [],
        {},
    ],
    ids=lambda one: repr(one)[:40],
)
def test_a_row_that_is_wrong(rest, body):
    path = "/autodev/CustomTableValue/Create/doorstestcode/1"
    told = rest.call("POST", path, body, headers=KEY, token="").json
    assert (told["Code"], told["Success"], told["Message"] != "") == (400, False, True)
