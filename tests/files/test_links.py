"""Links to files: whom they serve, for how long, what they give, and that none tells of another."""

from __future__ import annotations

import base64

import pytest

from hikidashi.core.limits import FILE_LINK_LIFE_MS
from tests.deterministic import START_MS
from tests.files.papers import PNG
from tests.files.steps import (
    CODE,
    KEY,
    LETTERS,
    LETTERS_KEY,
    OTHERS_KEY,
    OUTSIDER,
    READER,
    get,
    id_of,
    link,
    link_path,
    upload,
)


def shared(papers, content: bytes = b"0123456789", name: str = "notes.txt") -> tuple[str, int]:
    """An item that all members see, and the number of the file that it holds."""
    number = upload(papers, content, name=name)
    item = papers.make(scans=[id_of(papers, number)])
    assert papers.edit(item, "Share").status == 200
    return item, number


@pytest.mark.parametrize("base", ["/autodev", "/stagingautodev"])
def test_a_link_gives_the_file_to_anybody(papers, base):
    _, number = shared(papers, PNG, "写真 1.png")
    path = link_path(papers, number, base=base)
    assert path.startswith(f"{base}/CustomTable/File/")
    reply = get(papers, path)
    assert (reply.status, reply.body) == (200, PNG)
    assert reply.headers["content-type"] == "image/png"
    assert reply.headers["content-disposition"].startswith("inline; filename=")
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert reply.headers["cache-control"] == "private, no-cache"


def test_what_is_no_picture_is_saved(papers):
    _, number = shared(papers, b"<html><script>alert(1)</script>", "a.html")
    reply = get(papers, link_path(papers, number))
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert reply.headers["content-disposition"].startswith("attachment;")


def test_a_link_gives_pieces_heads_and_what_has_not_changed(papers):
    _, number = shared(papers)
    path = link_path(papers, number)
    piece = get(papers, path, range="bytes=2-4")
    assert (piece.status, piece.body) == (206, b"234")
    assert get(papers, path, range="bytes=10-").status == 416
    head = get(papers, path, "HEAD")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "10")
    assert get(papers, path, if_none_match=head.headers["etag"]).status == 304


def test_a_file_that_waits_has_links_for_its_uploader(papers):
    number = upload(papers)
    path = link_path(papers, number)
    assert get(papers, path).body == b"some text"
    assert link(papers, number, "eve")["Code"] == 404


def test_files_of_the_other_dialect_have_links_too(papers):
    item = papers.make()
    papers.edit(item, scans=[papers.file(item, b"by its form")])
    [(number,)] = papers.rows("SELECT n FROM files")
    assert get(papers, link_path(papers, number)).body == b"by its form"


@pytest.mark.parametrize(
    ("who", "code", "status"),
    [
        ("bob", CODE, 200),
        ("eve", CODE, 200),
        (KEY, CODE, 200),
        (READER, CODE, 200),
        (OUTSIDER, CODE, 404),
        ("zoe", CODE, 404),
        (LETTERS_KEY, LETTERS, 404),
        ("bob", LETTERS, 404),
        (OTHERS_KEY, CODE, 401),
        ("", CODE, 404),
        ("", LETTERS, 401),
    ],
)
def test_who_sees_the_item_gets_a_link_in_its_project(papers, who, code, status):
    _, number = shared(papers)
    assert link(papers, number, who, code=code)["Code"] == status


def test_a_field_that_is_closed_gives_none(papers):
    item = papers.make(user="ann")
    file = papers.stored(user="ann")
    assert papers.edit(item, user="ann", secret=[file]).status == 200
    assert papers.edit(item, "Share", user="ann").status == 200
    [(number,)] = papers.rows("SELECT n FROM files")
    assert link(papers, number, "ann")["Success"]
    assert link(papers, number, "bob")["Code"] == 404


# --- for how long ------------------------------------------------------------------------------


def test_a_link_is_the_same_for_a_day_and_holds_one_more(papers):
    _, number = shared(papers)
    left = FILE_LINK_LIFE_MS - START_MS % FILE_LINK_LIFE_MS
    path = link_path(papers, number)
    papers.clock.advance(ms=left - 1)
    assert link_path(papers, number) == path
    papers.clock.advance(ms=1)
    papers._tokens.clear()
    assert link_path(papers, number) != path
    papers.clock.advance(ms=FILE_LINK_LIFE_MS - 1)
    assert get(papers, path).status == 200
    papers.clock.advance(ms=1)
    assert get(papers, path).status == 404


@pytest.mark.parametrize("how", ["taken out", "replaced", "item deleted", "hidden", "restored"])
def test_a_link_ends_with_the_file_or_the_right_to_it(papers, how):
    item, number = shared(papers)
    file = id_of(papers, number)
    path = link_path(papers, number, "eve")
    assert get(papers, path).status == 200
    if how == "taken out":
        papers.remove(item, file)
    elif how in ("replaced", "restored"):
        papers.edit(item, scans=[])
    elif how == "item deleted":
        papers.delete(item)
    else:
        body = {"access_key_updates": {"overwrite": True, "apply_related_ds": False}}
        body |= {"is_force_update": True, "item": {}}
        body["access_key_updates"] |= {"users_to_publish": [papers.identity("bob").user]}
        assert papers.call("POST", f"/items/edit/{item}", body, user="bob").status == 200
    assert get(papers, path).status == 404
    if how == "restored":
        assert papers.edit(item, scans=[file]).status == 200
        assert get(papers, path).status == 200


def test_a_link_ends_with_the_membership_of_who_asked(papers):
    _, number = shared(papers)
    path = link_path(papers, number, "eve")
    eve = papers.identity("eve").user

    def move(connection, workspace):
        sql = "UPDATE members SET workspace_id = ? WHERE user_id = ?"
        connection.query(sql, (workspace, eve))
        connection.query("UPDATE workspaces SET people_number = people_number + 1")

    papers.run(papers.app.store.change(lambda one: move(one, "elsewhere")))
    assert get(papers, path).status == 404
    papers.run(papers.app.store.change(lambda one: move(one, "65a000000000000000000001")))
    assert get(papers, path).status == 200


# --- links that were not given -----------------------------------------------------------------


def test_no_part_of_a_link_can_be_changed(papers):
    _, one = shared(papers)
    _, other = shared(papers)
    stem, _, text = link_path(papers, one).rpartition("/")
    foreign = link_path(papers, other).rpartition("/")[2]
    raw, beside = (base64.urlsafe_b64decode(part) for part in (text, foreign))
    forged = [
        bytes(byte ^ (at == place) for at, byte in enumerate(raw)) for place in range(len(raw))
    ]
    forged += [raw[:52] + beside[52:], beside[:52] + raw[52:], raw[:52] + bytes(20), raw[:-3]]
    words = {get(papers, f"{stem}/{text}").body}
    for one in forged:
        reply = get(papers, f"{stem}/{base64.urlsafe_b64encode(one).decode()}")
        assert reply.status == 404
        words.add(reply.body)
    for other in ("x", "!" * 96, "é" * 96, text + "=", text + "AAAA", text.swapcase(), "a" * 4_000):
        reply = get(papers, f"{stem}/{other}")
        assert reply.status == 404, other
        words.add(reply.body)
    assert len(words) == 2  # the file, and one way to refuse
