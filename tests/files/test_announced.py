"""Files that are announced, sent and reported: by whom, for how long, and what is refused."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import re

import pytest

from hikidashi.core import limits
from hikidashi.core.limits import FORM_BYTES_MAX, UPLOAD_LIFE_MS
from hikidashi.service import uploads
from hikidashi.storage.objects import ObjectsError
from tests.api.rest import Chunks
from tests.files.conftest import BYTES_MAX
from tests.files.papers import PNG
from tests.files.steps import (
    CODE,
    HOST,
    KEY,
    LETTERS,
    LETTERS_KEY,
    ORIGIN,
    OTHERS,
    OTHERS_KEY,
    OUTSIDER,
    READER,
    announce,
    call,
    get,
    id_of,
    link,
    put,
    report,
    upload,
)

NOTHING: tuple[list[object], ...] = ([], [])


def kept(papers) -> tuple[list[object], ...]:
    """What there is of files and uploads."""
    return papers.rows("SELECT n FROM files"), papers.rows("SELECT n FROM uploads")


@pytest.mark.parametrize("base", ["/autodev", "/stagingautodev"])
@pytest.mark.parametrize("who", ["bob", KEY])
def test_a_file_comes_in_three_steps(papers, base, who):
    told = announce(papers, "A photo.png", who, base=base)
    assert told.number == 1
    assert re.fullmatch(f"{ORIGIN}{base}/CustomTable/Upload/[0-9a-f]{{64}}", told.url)
    assert kept(papers) == ([], [(1,)])
    reply = put(papers, told.path, PNG, **{"content-type": "text/html"})
    assert (reply.status, reply.json["Data"], reply.json["Code"]) == (200, 1, 200)
    assert report(papers, told.number, who, base=base)["Data"] == 1
    [row] = papers.rows("SELECT n, name, content_type, size, sha256, attached_at FROM files")
    assert row == (1, "A photo.png", "image/png", len(PNG), hashlib.sha256(PNG).hexdigest(), None)
    assert papers.objects() == {id_of(papers, 1)}
    assert kept(papers) == ([(1,)], [])


def test_the_secret_is_kept_as_a_hash_only(papers):
    secret = announce(papers).url.rpartition("/")[2]
    [row] = papers.rows("SELECT * FROM uploads")
    assert secret not in repr(row)
    assert put(papers, f"/autodev/CustomTable/Upload/{row[0]}").status == 404


def test_files_of_every_way_in_are_counted_together(papers):
    papers.stored()
    first = announce(papers)
    papers.stored()
    put(papers, first.path)
    assert papers.rows("SELECT n FROM files ORDER BY n") == [(1,), (2,), (3,)]
    assert announce(papers).number == 4


def test_an_announced_file_is_attached_and_got_as_any_other(papers):
    number = upload(papers, PNG)
    item = papers.make(scans=[id_of(papers, number)])
    [shown] = papers.shown(item)
    assert (shown["filename"], shown["contentType"]) == ("a.txt", "image/png")
    assert papers.get(id_of(papers, number)).body == PNG
    assert papers.get(id_of(papers, number), user="eve").status == 404


def test_keys_are_read_in_any_case_and_numbers_from_texts(papers):
    told = call(papers, "GetPreUploadUrl", {"FileName": "a"})
    number = told["Data"]["FileStoreId"]
    put(papers, told["Data"]["PreUploadUrl"].removeprefix(ORIGIN))
    assert call(papers, "ReportUploadSuccess", {"filestoreid": str(number)})["Data"] == number
    assert call(papers, "GetFileStaticUrl", {"FILEID": float(number)})["Success"]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\fake\\photo.png", "photo.png"),
        ("a\0b\r\n.txt", "ab.txt"),
        ("/", "file"),
        ("契約.pdf", "契約.pdf"),
        ("x" * 5_000 + ".png", "x" * 251 + ".png"),
    ],
)
def test_a_name_becomes_one_that_file_systems_take(papers, given, name):
    told = announce(papers, given)
    put(papers, told.path)
    assert papers.rows("SELECT name FROM files") == [(name,)]


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (b"", 400, "the body is empty"),
        ([], 400, "must be a JSON object"),
        ({}, 400, "filename must be a text"),
        ({"filename": None}, 400, "filename must be a text"),
        ({"filename": 7}, 400, "filename must be a text"),
        ({"filename": " \t"}, 400, "filename must be a text"),
        ({"filename": "a", "FileName": "b"}, 400, "the body says FileName twice"),
        ({"filename": "x" * FORM_BYTES_MAX}, 413, f"over {FORM_BYTES_MAX} bytes"),
    ],
)
def test_an_announcement_says_what_the_file_is_called(papers, body, code, words):
    told = call(papers, "GetPreUploadUrl", body)
    assert (told["Code"], told["Data"]) == (code, 0)
    assert words in told["Message"]
    assert kept(papers) == NOTHING


@pytest.mark.parametrize(
    ("who", "code", "status"),
    [
        ("bob", CODE, 200),
        ("ann", CODE, 200),
        (KEY, CODE, 200),
        (KEY, "PAPERS", 200),
        ("zoe", CODE, 404),
        (OTHERS_KEY, CODE, 401),
        (LETTERS_KEY, CODE, 401),
        ("eve", LETTERS, 404),
        (KEY, "nothing", 401),
        (READER, CODE, 403),
        (OUTSIDER, CODE, 403),
        ("key-of-nobody-at-all", CODE, 401),
    ],
)
def test_who_may_write_rows_of_the_project_may_upload(papers, who, code, status):
    told = call(papers, "GetPreUploadUrl", {"filename": "a"}, who, code=code)
    assert told["Code"] == status, told
    assert len(kept(papers)[1]) == (status == 200)


def test_nobody_announces_more_than_a_limit_and_reports_nothing(papers, monkeypatch):
    monkeypatch.setattr(uploads, "UPLOADS_WAITING_MAX", 2)
    first = announce(papers)
    announce(papers)
    told = call(papers, "GetPreUploadUrl", {"filename": "a"})
    assert (told["Code"], told["Message"][:14]) == (400, "over 2 uploads")
    announce(papers, who="eve")
    put(papers, first.path)
    report(papers, first.number)
    announce(papers)
    papers.clock.advance(ms=UPLOAD_LIFE_MS)
    announce(papers)
    assert limits.UPLOADS_WAITING_MAX == 1_000


@pytest.mark.parametrize("headers", [{"host": "evil/@x"}, {"host": ""}, {"host": "a" * 300}])
def test_a_host_that_is_none_is_refused(papers, headers):
    told = call(papers, "GetPreUploadUrl", {"filename": "a"}, **headers)
    assert (told["Code"], told["Message"]) == (400, "the Host header names no host")
    assert kept(papers) == NOTHING


def test_a_proxy_may_say_that_the_request_came_by_https(papers):
    told = call(papers, "GetPreUploadUrl", {"filename": "a"}, **{"x-forwarded-proto": "https"})
    assert told["Data"]["PreUploadUrl"].startswith("https://data.example.com/autodev/")


def test_a_setting_says_where_clients_find_the_server(papers, monkeypatch):
    config = dataclasses.replace(papers.app.config, public_url="https://a.example/data")
    monkeypatch.setattr(papers.app, "config", config)
    told = call(papers, "GetPreUploadUrl", {"filename": "a"}, host="evil.example")
    url = told["Data"]["PreUploadUrl"]
    assert url.startswith("https://a.example/data/autodev/CustomTable/Upload/")


def test_only_for_show_is_not_available(papers):
    reply = papers.call(
        "POST",
        f"/autodev/CustomTable/GetPreUploadUrl/{CODE}?dry_run=true",
        {"filename": "a"},
        user="bob",
        headers=HOST,
    )
    assert reply.json["Code"] == 400
    assert kept(papers) == NOTHING
    told = announce(papers)
    assert put(papers, f"{told.path}?dry_run=true").status == 400
    assert kept(papers) == ([], [(told.number,)])


# --- the bytes ---------------------------------------------------------------------------------


def test_too_many_bytes_leave_nothing_and_fewer_may_follow(papers):
    told = announce(papers)
    for body in (b"x" * (BYTES_MAX + 1), Chunks([b"x" * BYTES_MAX, b"x"])):
        reply = put(papers, told.path, body)
        assert (reply.status, reply.json["Code"]) == (413, 413)
        assert reply.headers["connection"] == "close"
        assert f"over {BYTES_MAX} bytes" in reply.json["Message"]
    assert (kept(papers), papers.objects()) == (([], [(told.number,)]), set())
    assert put(papers, told.path, b"x" * BYTES_MAX).status == 200


def test_a_client_that_leaves_may_come_again(papers):
    told = announce(papers)
    with pytest.raises(IndexError):  # nothing is answered
        put(papers, told.path, Chunks([b"half of", None]))
    assert (kept(papers), papers.objects()) == (([], [(told.number,)]), set())
    assert report(papers, told.number)["Code"] == 400
    assert put(papers, told.path, Chunks([b"half of", b" it"])).status == 200
    assert report(papers, told.number)["Success"]


def test_a_file_may_be_empty(papers):
    told = announce(papers)
    assert put(papers, told.path, b"").status == 200
    assert report(papers, told.number)["Success"]


@pytest.mark.parametrize("secret", ["0" * 64, "", "x", "é" * 40, "0" * 4_000])
def test_a_secret_that_was_never_told_opens_nothing(papers, secret):
    announce(papers)
    reply = put(papers, f"/autodev/CustomTable/Upload/{secret}")
    assert reply.json["Code"] == 404, reply.body
    assert kept(papers) == ([], [(1,)])


def test_a_secret_is_good_for_an_hour(papers):
    told = announce(papers)
    papers.clock.advance(ms=UPLOAD_LIFE_MS - 1)
    late = announce(papers)
    assert put(papers, told.path).status == 200
    papers.clock.advance(ms=1)
    assert put(papers, told.path).status == 404
    papers.clock.advance(ms=UPLOAD_LIFE_MS)
    assert put(papers, late.path).status == 404


def test_the_same_bytes_may_come_again_and_no_others(papers):
    told = announce(papers)
    assert put(papers, told.path, b"one").status == 200
    assert put(papers, told.path, b"one").json["Data"] == told.number
    reply = put(papers, told.path, b"two")
    assert (reply.status, reply.json["Code"]) == (409, 409)
    assert len(papers.objects()) == 1
    assert papers.get(id_of(papers, told.number)).body == b"one"
    report(papers, told.number)
    assert put(papers, told.path, b"one").status == 404
    assert kept(papers) == ([(told.number,)], [])


def test_of_requests_at_once_one_makes_the_file(papers):
    told = announce(papers)

    async def send_all():
        bodies = [b"one", b"two", b"one", b"two"]
        calls = (papers.acall("PUT", told.path, one, token="") for one in bodies)
        return bodies, await asyncio.gather(*calls)

    bodies, replies = papers.run(send_all())
    winner = papers.get(id_of(papers, told.number)).body
    assert [one.status for one in replies] == [200 if one == winner else 409 for one in bodies]
    assert kept(papers)[0] == [(told.number,)]
    papers.sweep(after_days=2)
    assert (kept(papers), papers.objects()) == (NOTHING, set())


def test_an_upload_ends_with_the_right_to_it(papers):
    told = announce(papers, who=KEY)
    [(bot,)] = papers.rows("SELECT user_id FROM uploads")

    def move(connection, workspace):
        sql = "UPDATE members SET workspace_id = ? WHERE user_id = ?"
        connection.query(sql, (workspace, bot))
        connection.query("UPDATE workspaces SET people_number = people_number + 1")

    papers.run(papers.app.store.change(lambda one: move(one, "elsewhere")))
    assert put(papers, told.path).status == 404
    papers.run(papers.app.store.change(lambda one: move(one, "65a000000000000000000001")))
    assert put(papers, told.path).status == 200


def test_bytes_that_can_t_be_kept_may_be_sent_again(papers, monkeypatch):
    told = announce(papers)

    def fail(*_):
        raise ObjectsError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(papers.app.files._objects, "put", fail)
        assert put(papers, told.path).status == 503
    assert kept(papers) == ([], [(told.number,)])
    assert put(papers, told.path).status == 200


def test_a_crash_before_the_row_leaves_bytes_that_a_sweep_finds(papers, monkeypatch):
    told = announce(papers)

    def crash(*_):
        raise RuntimeError("the power goes")

    with monkeypatch.context() as patch:
        patch.setattr(uploads, "insert_file", crash)
        assert put(papers, told.path).status == 500
    assert kept(papers) == ([], [(told.number,)])
    assert len(papers.objects()) == 1
    assert put(papers, told.path).status == 200
    papers.make(scans=[id_of(papers, told.number)])
    papers.sweep(after_days=2)
    assert papers.objects() == {id_of(papers, told.number)}


# --- the report --------------------------------------------------------------------------------


def test_what_has_not_come_is_not_there(papers):
    told = announce(papers)
    answer = report(papers, told.number)
    assert (answer["Code"], answer["Message"]) == (
        400,
        "the bytes have not come: PUT them to PreUploadUrl first",
    )
    assert link(papers, told.number)["Code"] == 404
    assert put(papers, told.path).status == 200


def test_a_report_may_be_made_again(papers):
    number = upload(papers)
    assert report(papers, number)["Success"]
    papers.make(scans=[id_of(papers, number)])
    assert report(papers, number)["Success"]


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({}, 400, "FileStoreId is missing"),
        ({"FileStoreId": None}, 400, "FileStoreId is missing"),
        ({"FileStoreId": "one"}, 400, "must be a whole number"),
        ({"FileStoreId": True}, 400, "must be a whole number"),
        ({"FileStoreId": [1]}, 400, "must be a whole number"),
        ({"FileStoreId": 1.5}, 400, "must be a whole number"),
        ({"FileStoreId": 10**30}, 400, "must be a whole number"),
        ({"FileStoreId": 0}, 404, ""),
        ({"FileStoreId": -1}, 404, ""),
        ({"FileStoreId": 2}, 404, ""),
        ({"FileStoreId": 2**53}, 404, ""),
        ("1", 400, "must be a JSON object"),
    ],
)
@pytest.mark.parametrize("verb", ["ReportUploadSuccess", "GetFileStaticUrl"])
def test_a_number_that_is_none_is_refused(papers, body, code, words, verb):
    upload(papers)
    if verb == "GetFileStaticUrl" and isinstance(body, dict):
        body = dict.fromkeys(["fileId"] * len(body), *body.values())
    told = call(papers, verb, body)
    assert (told["Code"], told["Data"]) == (code, 0)
    if verb == "GetFileStaticUrl":
        words = words.replace("FileStoreId", "fileId")
    assert words in told["Message"]


@pytest.mark.parametrize(
    ("who", "code"),
    [("eve", CODE), ("ann", CODE), (KEY, CODE), (OTHERS_KEY, OTHERS), (LETTERS_KEY, LETTERS)],
)
@pytest.mark.parametrize("step", ["announced", "sent", "reported"])
def test_a_file_that_waits_is_its_uploaders_alone(papers, who, code, step):
    told = announce(papers)
    if step != "announced":
        put(papers, told.path)
    if step == "reported":
        report(papers, told.number)
    before = kept(papers)
    missing = report(papers, 99, who, code=code)
    assert missing["Code"] == 404
    other = report(papers, told.number, who, code=code)
    assert other["Message"] == missing["Message"].replace("99", str(told.number))
    assert link(papers, told.number, who, code=code)["Code"] == 404
    if who == "eve" and step != "announced":
        item = papers.make(user="eve")
        reply = papers.edit(item, user="eve", scans=[id_of(papers, told.number)])
        assert reply.status == 400
    assert kept(papers) == before


# --- what goes ---------------------------------------------------------------------------------


def test_what_was_never_sent_reported_or_attached_goes(papers):
    announced, sent = announce(papers), announce(papers)
    put(papers, sent.path)
    reported = upload(papers)
    attached = upload(papers)
    item = papers.make(scans=[id_of(papers, attached)])
    papers.sweep(after_days=0.04)
    assert len(kept(papers)[1]) == 2
    papers.sweep(after_days=0.01)
    assert kept(papers)[1] == []
    assert put(papers, announced.path).status == 404
    assert report(papers, sent.number)["Success"]
    assert report(papers, reported)["Success"]
    papers.sweep(after_days=1)
    assert papers.objects() == {id_of(papers, attached)}
    assert papers.held(item) == [id_of(papers, attached)]
    assert report(papers, sent.number)["Code"] == 404


def test_a_page_of_another_origin_may_send_and_get(papers):
    told = announce(papers)
    origin = {"origin": "https://app.example.com"}
    asked = papers.call("OPTIONS", told.path, token="", headers=origin)
    assert asked.status == 204
    assert "PUT" in asked.headers["access-control-allow-methods"]
    assert "content-type" in asked.headers["access-control-allow-headers"]
    assert put(papers, told.path, **origin).headers["access-control-allow-origin"] == "*"
    url = link(papers, told.number)["Data"].removeprefix(ORIGIN)
    assert get(papers, url, **origin).headers["access-control-allow-origin"] == "*"
