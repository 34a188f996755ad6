"""What may be uploaded, how it is told apart, and that what is refused leaves nothing behind."""

from __future__ import annotations

import hashlib
import re

import pytest

from hikidashi.core.limits import FORM_BYTES_MAX, FORM_PARTS_MAX
from tests.api.rest import Chunks
from tests.files.conftest import BYTES_MAX
from tests.files.papers import (
    BOUNDARY,
    CLOSED_PAGE,
    DOCS,
    FORM,
    INNER,
    MISSING,
    PHOTO,
    PNG,
    SCANS,
    SECRET,
    Papers,
    form,
)

FILE = ("file", b"content", "a.txt")


def put(papers: Papers, body, headers=FORM, path="/api/v0/files"):
    """Send an upload of any sort."""
    return papers.call("POST", path, body, user="bob", headers=headers)


@pytest.mark.parametrize("chunked", [False, True])
def test_an_upload_is_kept_and_waits_to_be_attached(papers, chunked):
    item = papers.make(name="a")
    reply = papers.upload(item, PNG, "A photo.png", chunked=chunked)
    assert reply.status == 200
    assert list(reply.json) == ["file_id"]
    file = reply.json["file_id"]
    [row] = papers.rows(
        "SELECT n, workspace_id, datastore_id, field_id, item_id, name, content_type, size, sha256,"
        " user_id, created_at, attached_at, deleted_at, dropped_at FROM files"
    )
    bob = papers.identity("bob")
    sha256 = hashlib.sha256(PNG).hexdigest()
    told = ("A photo.png", "image/png", len(PNG), sha256, bob.user, papers.clock.now_ms())
    assert row[1:] == (bob.workspace, DOCS, SCANS, item, *told, None, None, None)
    assert papers.objects() == {file}
    assert papers.get(file).body == PNG
    assert papers.revision(item) == 1
    assert papers.held(item) == []


def test_files_are_counted_in_their_workspace_and_no_number_comes_twice(papers):
    first, second = papers.stored(), papers.stored()
    numbers = [n for (n,) in papers.rows("SELECT n FROM files ORDER BY n")]
    assert numbers == [numbers[0], numbers[0] + 1]
    papers.sweep(after_days=2)
    third = papers.stored()
    assert papers.rows("SELECT id, n FROM files") == [(third, numbers[1] + 1)]
    assert len({first, second, third}) == 3


@pytest.mark.parametrize("size", [0, 1, BYTES_MAX])
def test_a_file_may_have_as_many_bytes_as_the_settings_say(papers, size):
    content = b"x" * size
    assert papers.get(papers.stored(content)).body == content


@pytest.mark.parametrize("step", [1_000, 10**9])
def test_one_byte_more_is_refused_and_nothing_is_kept(papers, step):
    body = form(("file", b"x" * (BYTES_MAX + 1), "a"))
    reply = put(papers, Chunks(body[at : at + step] for at in range(0, len(body), step)))
    assert reply.status == 413
    assert reply.json["description"] == f"the file has over {BYTES_MAX} bytes"
    assert reply.headers["connection"] == "close"
    assert (papers.objects(), papers.known()) == (set(), {})


def test_what_says_that_it_is_too_long_is_not_read(papers):
    chunks = Chunks([form(FILE)])
    length = str(BYTES_MAX + FORM_BYTES_MAX + 1)
    reply = put(papers, chunks, {**FORM, "content-length": length})
    assert (reply.status, papers.objects()) == (413, set())


LONG = ("long", b"x" * (FORM_BYTES_MAX + 1))
BAD_FORMS = [
    (b"", FORM, 400, "the form ends before its last boundary"),
    (b"{}", {"content-type": "application/json"}, 400, "multipart/form-data with a boundary"),
    (form(FILE), {}, 400, "multipart/form-data with a boundary"),
    (form(FILE), {"content-type": "multipart/form-data"}, 400, "with a boundary"),
    (form(FILE), {"content-type": "multipart/form-data; boundary="}, 400, "with a boundary"),
    (form(FILE), {"content-type": f"multipart/mixed; boundary={BOUNDARY}"}, 400, "multipart/form"),
    (form(FILE), {"content-type": "multipart/form-data; boundary=another"}, 400, "is not a multi"),
    (
        form(FILE),
        {"content-type": f"multipart/form-data; boundary={'b' * 1_000}"},
        400,
        "is not a multipart form",
    ),
    (b"nonsense", FORM, 400, "is not a multipart form"),
    (form(FILE)[:-4], FORM, 400, "ends before its last boundary"),
    (form(FILE)[:90], FORM, 400, "ends before its last boundary"),
    (form(FILE, end=b"x"), FORM, 400, "ends before its last boundary"),
    (form(), FORM, 400, "the form"),
    (form(("filename", b"a")), FORM, 400, "the form has no part file"),
    (form(FILE, FILE), FORM, 400, "two parts file"),
    (form(FILE, *[(f"p{n}", b"") for n in range(FORM_PARTS_MAX)]), FORM, 400, "over 20 parts"),
    (form(("filename", b"\xff"), FILE), FORM, 400, "is not UTF-8"),
    (form(FILE, LONG), FORM, 413, f"over {FORM_BYTES_MAX} bytes beside its file"),
    (form(("x" * 5_000, b"")), FORM, 400, "header size"),
    (form(FILE).replace(b"form-data; name", b"attachment; name"), FORM, 400, "has no name"),
    (form(FILE).replace(b'name="file"; ', b""), FORM, 400, "has no name"),
    (form(FILE).replace(b"Content-Disposition", b"X-Other"), FORM, 400, "has no name"),
    (form(FILE).replace(b"Content-Disposition: ", b"Content Disposition: "), FORM, 400, "invalid"),
    (form(FILE).replace(b"\r\n", b"\n"), FORM, 400, "is not a multipart form"),
]


@pytest.mark.parametrize(("body", "headers", "status", "words"), BAD_FORMS)
@pytest.mark.parametrize("step", [10**9, 5])
def test_what_is_no_form_is_refused_and_nothing_is_kept(papers, body, headers, status, words, step):
    chunks = Chunks([body[at : at + step] for at in range(0, len(body), step)] or [b""])
    reply = put(papers, chunks, headers)
    assert (reply.status, words in reply.json["description"]) == (status, True), reply.body
    assert (papers.objects(), papers.known()) == (set(), {})


def test_the_parts_may_come_in_any_order_and_what_is_unknown_is_passed_over(papers):
    item = papers.make(name="a")
    body = form(FILE, ("other", b"1"), ("DataStore_ID", b"DOCS"), ("application_id", b"PAPERS")) + (
        b"and more after the end"
    )
    reply = put(papers, Chunks([body]), path=f"/api/v0/items/{item}/fields/scans/attachments")
    assert reply.status == 200
    assert papers.rows("SELECT name, field_id FROM files") == [("a.txt", SCANS)]


def test_a_client_that_leaves_leaves_nothing(papers):
    body = form(FILE)
    with pytest.raises(IndexError):  # there is nobody to be answered
        put(papers, Chunks([body[:100], None]))
    assert (papers.objects(), papers.known()) == (set(), {})


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("報告書.pdf", "報告書.pdf"),
        ("C:\\dir\\a.txt", "a.txt"),
        ("../../etc/passwd", "passwd"),
        ("..", "file"),
        ("", "x"),
        (" .a\u202etxt.exe ", "atxt.exe"),
        ("a\r\nb.txt", "ab.txt"),
        ("x" * 400 + ".jpeg", "x" * 250 + ".jpeg"),
        ("字" * 400 + ".tar", "字" * 83 + ".tar"),
        ("\U0001f469\u200d\U0001f680.png", "\U0001f469\u200d\U0001f680.png"),
    ],
)
def test_a_name_is_cleaned(papers, given, kept):
    body = form(("filename", given.encode()), ("file", b"a", "x"))
    assert put(papers, body).status == 200
    assert papers.rows("SELECT name FROM files") == [(kept,)]


@pytest.mark.parametrize(
    ("item", "field", "parts", "user", "status"),
    [
        ("own", SCANS, (), "bob", 200),
        ("own", "scans", (), "bob", 200),
        ("own", SCANS, (("x", b""),), "bob", 200),  # the field's id says where
        ("own", "scans", (("x", b""),), "bob", 404),
        ("own", SCANS, (), "ann", 404),  # an item that Ann can't see
        ("own", SCANS, (), "zoe", 404),  # another workspace
        ("x", SCANS, (), "bob", 404),
        ("own", "name", (), "bob", 400),
        ("own", MISSING, (), "bob", 404),
        ("own", SECRET, (), "bob", 404),
        ("own", INNER, (), "bob", 404),
        ("own", CLOSED_PAGE, (("x", b""),), "bob", 404),
        ("own", PHOTO, (("datastore_id", b"NOTES"), ("application_id", b"PAPERS")), "bob", 404),
        ("own", PHOTO, (("datastore_id", DOCS.encode()),), "bob", 200),
        ("own", PHOTO, (("datastore_id", b"NONE"),), "bob", 404),
    ],
)
def test_what_a_file_is_uploaded_for_has_to_be_open_to_the_caller(
    papers, item, field, parts, user, status
):
    made = papers.make(name="a")
    reply = papers.upload(made if item == "own" else item, field=field, user=user, parts=parts)
    assert reply.status == status, reply.body
    assert len(papers.objects()) == len(papers.known()) == (status == 200)


def test_an_upload_needs_a_token_before_it_is_read(papers):
    reply = papers.call("POST", "/api/v0/files", Chunks([form(FILE)]), token="", headers=FORM)
    assert (reply.status, papers.objects()) == (401, set())


def test_a_token_for_reading_uploads_nothing(papers, monkeypatch):
    from dataclasses import replace

    identify = papers.app.identities.identify

    async def for_reading(token):
        return replace(await identify(token), may_write=False)

    monkeypatch.setattr(papers.app.identities, "identify", for_reading)
    reply = put(papers, form(FILE))
    assert (reply.status, papers.objects()) == (403, set())


def test_a_full_disk_is_told_and_nothing_is_kept(papers, monkeypatch):
    from hikidashi.storage import objects

    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(objects.os, "fsync", full)
    reply = put(papers, form(FILE))
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    assert re.search("out of reach", reply.json["description"])
    assert (papers.objects(), papers.known()) == (set(), {})
