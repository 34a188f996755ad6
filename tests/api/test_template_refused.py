"""Templates with contents by hand: what is not as it should be is told by file and line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from hikidashi.core.limits import (
    COMMENT_CHARS_MAX,
    TEMPLATE_BYTES_MAX,
    TEMPLATE_FILES_MAX,
    TEMPLATE_ITEMS_MAX,
    TEMPLATE_LINE_BYTES_MAX,
    TEMPLATE_LIST_BYTES_MAX,
    TEMPLATE_UNPACKED_BYTES_MAX,
)
from hikidashi.service import template_taking, template_zips
from tests.api.kept import KeptApp, T, by_hand, opened, sha, zipped
from tests.api.test_template_contents import WORLD, is_sound, name
from tests.deterministic import FixedClock, fixed_ids

A, B, C = ("a" * 24, "b" * 24, "c" * 24)
AT = "2026-01-05T09:00:00.000Z"
DATES = {"created_at": AT, "created_by": C}
ITEM = {"item": {"id": A, "status": "Open", **DATES}}
TWO = {"item": {"id": A, "rev": 2, "seq": 3, **DATES}}
MADE = {"history": {"seq": 1, "rev": 1, "at": AT, "user": C, "operation": "new"}}
FILE = {"id": C, "name": "a.txt", "size": 4, "sha256": sha(b"text")}
HELD = {"item": {"id": A, "values": {"f": [C]}, "files": [FILE], **DATES}}
OTHERS = [{"item": {"id": B, "values": {"t": "e"}, **DATES}}]


@pytest.fixture(scope="module")
def app(new_database, tmp_path_factory) -> Iterator[KeptApp]:
    clock = FixedClock()
    with asyncio.Runner() as runner:
        folder = tmp_path_factory.mktemp("kept")
        settings = {"files": str(folder / "bytes"), "file_bytes_max": 100}
        url = new_database(folder)
        made = KeptApp(url, clock, fixed_ids(clock), runner, WORLD, KeptApp.BASE, **settings)
        yield made
        made.close()


def item(**keys: Any) -> dict[str, Any]:
    return {"item": {**ITEM["item"], **keys}}


def history(**keys: Any) -> dict[str, Any]:
    return {"history": {**MADE["history"], **keys}}


def link(**keys: Any) -> dict[str, Any]:
    return {"link": {"datastore": "E", "item": B, **keys}}


FIRST = "items/1.jsonl: "
LINES: list[tuple[list[Any], str, int]] = [
    ([b"{"], "Input data was truncated", 1),
    ([b""], "Input data was truncated", 1),
    ([b"\xff"], "", 1),
    ([b"[]"], "Expected `object`", 1),
    ([b"{}"], "must have one of the keys item, history and link", 1),
    ([{**ITEM, **MADE}], "must have one of the keys", 1),
    ([b'{"thing":{}}'], "unknown field `thing`", 1),
    ([item(more=1)], "unknown field `more`", 1),
    ([item(id="x")], "id: must be an item id", 1),
    ([ITEM, ITEM], f"the item {A} is there twice", 2),
    ([MADE], "belongs to no item", 1),
    ([ITEM, history(more=1)], "unknown field `more`", 2),
    ([item(values={"x": 1})], "has no field x", 1),
    ([item(values={"no": 1})], "no: must be a string", 1),
    ([item(values={"t": 1})], "t: must be a string", 1),
    ([item(values={"t": "\0"})], "t: must not contain U+0000", 1),
    ([item(values={"n": "x"})], "n: must be a number", 1),
    ([item(values={"s": "b"})], "s: has no option 'b'", 1),
    ([item(values={"s": ["a"]})], "s: has no option", 1),
    ([item(values={"l": B})], f"has no item {B}", 1),
    ([item(values={"l": 1})], "has no item 1", 1),
    ([item(values={"f": [B]})], f"f: has no file {B}", 1),
    ([item(values={"f": "x"})], "f: must be an array of file ids", 1),
    ([item(files=[FILE])], f"the template has no file {sha(b'text')} of that size", 1),
    ([item(status="Gone")], "has no status Gone", 1),
    ([item(rev=2)], "rev and seq must be numbers from 1", 1),
    ([item(rev=0)], "rev and seq must be numbers from 1", 1),
    ([item(created_at="x")], "created_at: must be a date and time", 1),
    ([item(created_by="x")], "created_by: must be a user id", 1),
    (
        [item(values={"u": "x"}), {"item": {**TWO["item"], "id": C, "values": {"u": "x"}}}],
        "u: the value is not unique",
        2,
    ),
    ([ITEM, history(seq=2)], "seq and rev must ascend", 2),
    ([TWO, MADE, MADE], "seq and rev must ascend", 3),
    ([ITEM, history(rev=0)], "seq and rev must ascend", 2),
    ([ITEM, history(operation="x")], "operation: must be one of", 2),
    ([ITEM, history(comment="x" * (COMMENT_CHARS_MAX + 1))], "comment: over 100000 characters", 2),
    ([ITEM, history(comment="\0")], "comment: ", 2),
    ([ITEM, history(user="x")], "user: must be a user id", 2),
    ([ITEM, history(at="")], "at: must be a date and time", 2),
    ([ITEM, history(values={"x": [1, 2]})], "has no field x", 2),
    ([ITEM, history(values={"t": [1, "2"]})], "t: must be a string", 2),
    ([ITEM, history(values={"t": "2"})], "Expected `array`", 2),
    ([ITEM, history(status=["Open", "x"])], "has no status x", 2),
    ([ITEM, link(item=C)], f"has no item {C}", 2),
    ([ITEM, link(item="x")], "has no item x", 2),
    ([ITEM, link(datastore="X")], "has no datastore X", 2),
    ([ITEM, link(kind="x")], "kind: must be one of", 2),
]


@pytest.mark.parametrize(("lines", "words", "line"), LINES)
def test_a_bad_line_is_told_and_nothing_is_kept(app, lines, words, line):
    before = app.call("GET", T).body, app.rows("SELECT count(*) FROM files")
    told = app.refused(by_hand(*lines))
    assert [one for one in told if words in one[0] and one[0].startswith(FIRST)] != [], told
    assert line in [at for _, at in told]
    assert (app.call("GET", T).body, app.rows("SELECT count(*) FROM files")) == before


def with_design(**changes: Any) -> bytes:
    members = opened(by_hand())
    design = json.loads(members["application.json"])
    return zipped({**members, "application.json": json.dumps({**design, **changes}).encode()})


def without(*names: str) -> bytes:
    members = opened(by_hand(ITEM))
    return zipped({key: one for key, one in members.items() if key not in names})


def twice() -> bytes:
    content = by_hand(ITEM, others=OTHERS)
    return content.replace(b"items/2.jsonl", b"items/1.jsonl")


def stores(*some: dict[str, Any]) -> bytes:
    return (
        by_hand(contents={"datastores": [*some]})
        if len(some) == 2
        else zipped(
            {
                key: one
                for key, one in opened(by_hand(contents={"datastores": [*some]})).items()
                if key != "items/2.jsonl"
            }
        )
    )


def counter(**keys: Any) -> bytes:
    said = {"field": "no", "last": 1, **keys}
    return stores({"datastore": "D", "items": 0, "counters": [said]})


WHOLES: list[tuple[bytes, str]] = [
    (by_hand(ITEM, files={"x" * 64: b""}), "as none does"),
    (by_hand(ITEM, files={sha(b"text"): b"text"}), "no item holds it"),
    (by_hand(HELD, files={sha(b"text"): b"tex2"}), "the bytes are not those of that checksum"),
    (
        by_hand(
            {"item": {**HELD["item"], "files": [{**FILE, "size": 101, "sha256": sha(b"x" * 101)}]}},
            files={sha(b"x" * 101): b"x" * 101},
        ),
        "has over 100 bytes",
    ),
    (by_hand(ITEM, contents={"files": False}, files={sha(b"text"): b"text"}), "as none does"),
    (by_hand(ITEM, count=2), "has fewer items than contents says"),
    (by_hand(ITEM, count=0), "has more items than contents says"),
    (by_hand(contents={"more": 1}), "unknown field `more`"),
    (without("items/1.jsonl"), "the template has no items/1.jsonl"),
    (zipped({**opened(by_hand()), "items/3.jsonl": b""}), "holds 'items/3.jsonl', as none does"),
    (twice(), "two files of one name"),
    (stores({"datastore": "X", "items": 0}), "has no datastore X"),
    (stores({"datastore": "D", "items": 0}, {"datastore": "D", "items": 0}), "twice"),
    (stores({"datastore": "D", "items": TEMPLATE_ITEMS_MAX + 1}), "has over 200000 items"),
    (counter(field="t"), "has no counter like that of t"),
    (counter(field="none"), "has no counter like that of none"),
    (counter(last=-1), "has no counter like that of no"),
    (counter(last=2**53 + 1), "has no counter like that of no"),
    (counter(branch="\0"), "has no counter like that of no"),
    (with_design(queries=[{"display_id": "Q", "datastore": "NONE"}]), "NONE"),
    (with_design(datastores=[]), "has no datastore D"),
    (
        zipped(
            {
                **opened(by_hand()),
                "template.json": b'{"format":"hikidashi template","format_version":2,"name":"n"}',
            }
        ),
        "the format is 'hikidashi template' 2",
    ),
]


@pytest.mark.parametrize(("content", "words"), WHOLES)
def test_what_concerns_no_line_is_told_too(app, content, words):
    before = app.call("GET", T).body, app.rows("SELECT count(*) FROM files")
    told = app.refused(content)
    assert words in str(told)
    assert {line for _, line in told} == {0}
    assert (app.call("GET", T).body, app.rows("SELECT count(*) FROM files")) == before


def test_all_bad_lines_are_told_up_to_a_hundred(app):
    lines = [item(id=f"{at:024x}", values={"n": "x"}) for at in range(120)]
    told = app.refused(by_hand(*lines))
    assert [line for _, line in told] == list(range(1, 101))


@pytest.mark.parametrize(
    ("limit", "most", "content", "words"),
    [
        ("TEMPLATE_LINE_BYTES_MAX", 50, by_hand(ITEM), "the line has over 50 bytes"),
        ("TEMPLATE_UNPACKED_BYTES_MAX", 500, by_hand(ITEM), "the zip holds over 500 bytes"),
        ("TEMPLATE_LIST_BYTES_MAX", 100, by_hand(ITEM), "the zip lists over 100 bytes"),
        ("TEMPLATE_BYTES_MAX", 500, by_hand(ITEM), "application.json has over 500 bytes"),
        (
            "TEMPLATE_FILES_MAX",
            0,
            by_hand(HELD, files={sha(b"text"): b"text"}),
            "the template has over 0 files",
        ),
    ],
)
def test_a_template_is_bounded(app, monkeypatch, limit, most, content, words):
    monkeypatch.setattr(template_zips, limit, most)
    assert words in app.refused(content)[0][0]


def test_the_limits_are_these():
    assert (TEMPLATE_UNPACKED_BYTES_MAX, TEMPLATE_LINE_BYTES_MAX) == (2_000_000_000, 10_000_000)
    assert (TEMPLATE_LIST_BYTES_MAX, TEMPLATE_BYTES_MAX) == (2_000_000, 5_000_000)
    assert (TEMPLATE_FILES_MAX, template_taking.TEMPLATE_ITEMS_MAX) == (10_000, 200_000)


def test_what_is_in_order_is_taken_and_made(app):
    lines = [
        {"item": {"id": C, "values": {"l": B, "s": "a", "u": "1", "no": "7"}, **DATES}},
        history(seq=1),
        {"item": {**HELD["item"], "rev": 2, "seq": 4, "updated_at": AT, "updated_by": C}},
        history(action="Gone"),
        history(seq=2, rev=2, operation="update", values={"t": ["a", None]}),
        {"history": {"seq": 4, "rev": 2, "at": AT, "user": C, "comment": "hello", "quiet": True}},
        link(),
        link(datastore="D", item=A, kind="auto_link"),
    ]
    said = [
        {"datastore": "D", "items": 2, "counters": [{"field": "no", "last": 41}]},
        {"datastore": "E", "items": 1},
    ]
    content = by_hand(
        *lines, others=OTHERS, files={sha(b"text"): b"text"}, contents={"datastores": said}
    )
    tp, made = app.done(app.upload(content)), name()
    app.create(tp, made)
    first, second = app.items(made, "D")
    [other] = app.items(made, "E")
    assert (first["no"], first["s"], first["u"], first["rev_no"]) == ("7", "A", "1", "1")
    assert (second["rev_no"], second["updated_by"]) == ("2", "IMPORT")
    links = app.rows("SELECT to_item, kind FROM links WHERE from_item = ?", second["i_id"])
    assert sorted(links) == sorted([(other["i_id"], "link"), (second["i_id"], "auto_link")])
    base = f"/api/v0/applications/{made}/datastores/D"
    made_last = app.call("POST", f"{base}/items/new", {"item": {}}).json["item_id"]
    assert [one["no"] for one in app.items(made, "D") if one["i_id"] == made_last] == ["42"]
    told = app.call("GET", f"{base}/items/histories/{second['i_id']}").json["histories"]
    assert told[0]["comment"] == "hello"
    assert is_sound(app)
