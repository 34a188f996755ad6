"""Who gets a file's bytes, whole or in part, and what a browser is told of them."""

from __future__ import annotations

import hashlib

import pytest

from hikidashi.storage.objects import PIECE_BYTES
from tests.files.papers import MISSING, PHOTO, PNG, SCANS, SECRET, Papers, form

TEXT = b"0123456789"
TAG = f'"{hashlib.sha256(TEXT).hexdigest()}"'


def test_a_file_comes_with_its_type_its_name_and_no_leave_to_guess(papers):
    item = papers.make()
    reply = papers.get(papers.file(item, TEXT, name='報告 "1".html'))
    assert (reply.status, reply.body) == (200, TEXT)
    del reply.headers["x-request-id"]
    assert reply.headers == {
        "content-type": "text/plain; charset=utf-8",
        "content-length": "10",
        "content-disposition": "attachment; filename=\"__ _1_.html\"; filename*=UTF-8''"
        "%E5%A0%B1%E5%91%8A%20%221%22.html",
        "etag": TAG,
        "accept-ranges": "bytes",
        "cache-control": "private, no-cache",
        "content-security-policy": "default-src 'none'; sandbox",
        "x-content-type-options": "nosniff",
    }


SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"


@pytest.mark.parametrize(
    ("content", "content_type", "kind"),
    [
        (PNG, "image/png", "inline"),
        (b"\xff\xd8\xff\xe0 JFIF", "image/jpeg", "inline"),
        (b"GIF89a...", "image/gif", "inline"),
        (b"RIFF....WEBPVP8 ", "image/webp", "inline"),
        (b"XIFF....WEBPVP8 \0", "application/octet-stream", "attachment"),
        (b"II*\0....", "image/tiff", "attachment"),
        (SVG, "text/plain; charset=utf-8", "attachment"),
        (b"<!doctype html><p>", "text/plain; charset=utf-8", "attachment"),
        (b"%PDF-1.7", "application/pdf", "attachment"),
        (b"PK\x03\x04 a zip", "application/zip", "attachment"),
        (
            b"PK\x03\x04 [Content_Types].xml PK\x03\x04 xl/workbook.xml",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "attachment",
        ),
        (b"\0\1\2", "application/octet-stream", "attachment"),
        (b"", "application/octet-stream", "attachment"),
        ("文" * 2_000, "text/plain; charset=utf-8", "attachment"),  # cut inside a letter
        (b"a" * 4_095 + b"\xff", "application/octet-stream", "attachment"),
        (b"\xff\xfe", "application/octet-stream", "attachment"),
    ],
)
def test_a_type_is_told_from_the_bytes_and_only_pictures_are_shown(
    papers, content, content_type, kind
):
    content = content.encode() if isinstance(content, str) else content
    reply = papers.get(papers.stored(content))
    assert (reply.status, reply.body) == (200, content)
    assert reply.headers["content-type"] == content_type
    assert reply.headers["content-disposition"].startswith(f"{kind};")


@pytest.mark.parametrize(
    ("asked", "status", "content_range", "body"),
    [
        ("bytes=0-3", 206, "bytes 0-3/10", b"0123"),
        ("bytes=4-4", 206, "bytes 4-4/10", b"4"),
        ("bytes=7-", 206, "bytes 7-9/10", b"789"),
        ("bytes=-3", 206, "bytes 7-9/10", b"789"),
        ("bytes=-99", 206, "bytes 0-9/10", TEXT),
        ("bytes=5-99", 206, "bytes 5-9/10", b"56789"),
        ("bytes=10-", 416, "bytes */10", b""),
        ("bytes=99-100", 416, "bytes */10", b""),
        ("bytes=-0", 416, "bytes */10", b""),
        ("bytes=3-2", 200, None, TEXT),
        ("bytes=-", 200, None, TEXT),
        ("bytes=0-1,3-4", 200, None, TEXT),
        ("lines=0-1", 200, None, TEXT),
        ("bytes=x-1", 200, None, TEXT),
        (f"bytes={'9' * 40}-", 200, None, TEXT),
    ],
)
def test_a_range_is_given(papers, asked, status, content_range, body):
    file = papers.stored(TEXT)
    reply = papers.get(file, range=asked)
    assert (reply.status, reply.body) == (status, body)
    assert reply.headers.get("content-range") == content_range
    assert reply.headers["content-length"] == str(len(body))
    head = papers.get(file, method="HEAD", range=asked)
    assert (head.status, head.body) == (status, b"")
    assert head.headers.get("content-length") == str(len(body))


def test_a_range_of_an_empty_file_lies_past_its_end(papers):
    file = papers.stored(b"")
    assert papers.get(file, range="bytes=0-0").status == 416
    assert papers.get(file).body == b""


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if_none_match": TAG}, 304),
        ({"if_none_match": f'"x", W/{TAG}'}, 304),
        ({"if_none_match": "*"}, 304),
        ({"if_none_match": '"x"'}, 200),
        ({"if_none_match": TAG, "range": "bytes=0-1"}, 304),
        ({"if_range": TAG, "range": "bytes=0-1"}, 206),
        ({"if_range": '"x"', "range": "bytes=0-1"}, 200),
    ],
)
def test_what_the_client_has_is_not_sent_again(papers, headers, status):
    reply = papers.get(papers.stored(TEXT), **headers)
    assert reply.status == status
    assert reply.headers["etag"] == TAG
    assert reply.body == {304: b"", 206: TEXT[:2], 200: TEXT}[status]
    assert ("content-length" in reply.headers) == (status != 304)


def test_a_long_file_comes_in_pieces(papers, monkeypatch):
    monkeypatch.setattr(papers.app.files, "bytes_max", 2 * PIECE_BYTES + 10)
    content = bytes(range(256)) * (2 * PIECE_BYTES // 256) + b"end"
    file = papers.stored(content)
    assert papers.get(file).body == content
    piece = papers.get(file, range=f"bytes={PIECE_BYTES - 1}-").body
    assert piece == content[PIECE_BYTES - 1 :]


# --- who ---------------------------------------------------------------------------------------


def doors(papers: Papers, file: str) -> dict[str, int]:
    """What each of them is answered who asks for a file."""
    return {user: papers.get(file, user=user).status for user in ("ann", "bob", "eve", "zoe")}


def only(*users: str) -> dict[str, int]:
    return {user: 200 if user in users else 404 for user in ("ann", "bob", "eve", "zoe")}


def test_a_file_that_waits_is_its_uploaders_alone(papers):
    item = papers.make()
    papers.edit(item, "Share")
    assert doors(papers, papers.file(item)) == only("bob")
    assert doors(papers, papers.stored(user="eve")) == only("eve")


def test_an_attached_file_is_for_those_who_see_its_item(papers):
    item = papers.make()
    file = papers.file(item)
    assert papers.edit(item, scans=[file]).status == 200
    assert doors(papers, file) == only("bob")
    assert papers.edit(item, "Share").status == 200
    assert doors(papers, file) == only("ann", "bob", "eve")


def test_a_field_that_is_closed_to_a_role_keeps_its_files(papers):
    item = papers.make("ann")
    assert papers.edit(item, "Share", user="ann").status == 200
    file = papers.file(item, field=SECRET, user="ann")
    assert papers.edit(item, user="ann", secret=[file]).status == 200
    assert doors(papers, file) == only("ann")
    assert "secret" not in papers.call("GET", f"/items/details/{item}", user="bob").body.decode()


def test_a_datastore_that_is_closed_to_a_role_keeps_its_files(papers):
    item = papers.new({}, "CLOSED", user="ann")
    file = papers.stored(user="ann")
    body = {"is_force_update": True, "item": {"page": [file]}}
    path = f"/api/v0/applications/PAPERS/datastores/CLOSED/items/edit/{item}"
    assert papers.call("POST", path, body, user="ann").status == 200
    assert doors(papers, file) == only("ann")


def test_the_uploader_who_loses_sight_of_the_item_loses_the_file(papers):
    item = papers.make("ann", name="a")
    assert papers.edit(item, "Share", user="ann").status == 200
    file = papers.file(item, user="bob")
    assert papers.edit(item, scans=[file], user="bob").status == 200
    keys = {"overwrite": True, "ignore_action_settings": True}
    body = {"is_force_update": True, "item": {}, "access_key_updates": keys}
    assert papers.call("POST", f"/items/edit/{item}", body, user="ann").status == 200
    assert doors(papers, file) == only("ann")


@pytest.mark.parametrize("file", [MISSING, "x", "..", "%2e%2e%2fetc", "A" * 24])
def test_what_is_not_there_is_404(papers, file):
    reply = papers.get(file)
    assert reply.status == 404
    assert reply.json["error_code"] == "NOT_FOUND"


def test_a_file_that_was_taken_out_or_whose_item_is_deleted_is_gone_at_once(papers):
    item = papers.make()
    one, two = papers.file(item), papers.file(item)
    papers.edit(item, scans=[one, two])
    assert papers.remove(item, one).status == 200
    assert doors(papers, one) == only()
    assert doors(papers, two) == only("bob")
    assert papers.delete(item).status == 200
    assert doors(papers, two) == only()


def test_missing_bytes_are_an_error_of_the_server_and_no_empty_file(papers):
    file = papers.stored(TEXT)
    [path] = [one for one in papers.folder.rglob(file) if one.is_file()]
    path.write_bytes(TEXT[:5])
    assert papers.get(file).status == 500
    path.unlink()
    assert papers.get(file).status == 500


def test_a_token_is_asked_for(papers):
    file = papers.stored()
    assert papers.call("GET", f"/api/v0/files/{file}", token="").status == 401


def test_the_bytes_of_two_workspaces_lie_apart_by_rights_alone(papers):
    body = form(("datastore_id", b"DOCS"), ("application_id", b"PAPERS"), ("file", TEXT, "a"))
    path = f"/api/v0/items/{papers.make()}/fields/{SCANS}/attachments"
    assert PHOTO != SCANS
    reply = papers.call("POST", path, body, user="zoe", headers={})
    assert reply.status in (400, 404)
