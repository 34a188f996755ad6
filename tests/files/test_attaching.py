"""Files as values: which ids a field takes, what taking them does, and where they are shown."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.files.papers import DOCS, FORM, MISSING, PHOTO, SCANS, Papers, form


def refused(papers: Papers, reply, field: str = "scans") -> str:
    """The reason why a write is refused that names the field."""
    assert reply.status == 400, reply.body
    [fault] = reply.json["error"]
    assert fault["error_code"] == "INVALID_VALUE"
    assert fault["reference_id"].startswith("f_id:")
    assert fault["error"].startswith(f"{field}: ")
    return str(fault["description"])


def test_details_show_what_there_is_to_tell_and_lists_the_ids(papers):
    item = papers.make(name="a")
    one = papers.file(item, b"one", name="one.txt")
    two = papers.file(item, b"two!", name="two.txt")
    uploaded = papers.clock.now_ms()
    papers.clock.advance(seconds=5)
    assert papers.edit(item, scans=[two, one]).status == 200
    bob = papers.identity("bob")
    first, second = papers.shown(item)
    project = papers.catalogs[0].projects[0].id
    assert uploaded
    assert first == {
        "_id": two,
        "file_id": two,
        "filename": "two.txt",
        "name": "two.txt",
        "filepath": f"{DOCS}/{item}/{SCANS}/two.txt",
        "contentType": "text/plain; charset=utf-8",
        "size": 4,
        "mediaLink": f"/api/v0/files/{two}",
        "selfLink": f"/api/v0/files/{two}",
        "created_at": "2026-01-05T09:00:00.000Z",
        "timeCreated": "2026-01-05T09:00:00.000Z",
        "updated": "2026-01-05T09:00:05.000Z",
        "deleted": False,
        "temporary": False,
        "w_id": bob.workspace,
        "p_id": project,
        "d_id": DOCS,
        "datastore_id": DOCS,
        "field_id": SCANS,
        "i_id": item,
        "item_id": item,
        "user_id": bob.user,
        "display_order": 0,
    }
    assert (second["file_id"], second["display_order"]) == (one, 1)
    body = {"use_display_id": True, "per_page": 0}
    [row] = papers.call("POST", "/items/search", body, user="bob").json["items"]
    assert (row["scans"], row["photo"]) == (f"{two},{one}", None)
    assert papers.shown(item, "photo") is None


def test_an_answer_to_a_write_shows_them_as_details_do(papers):
    file = papers.stored()
    body = {"item": {"scans": [file]}, "return_item_result": True, "use_display_id": True}
    reply = papers.call("POST", "/items/new", body, user="bob")
    assert [one["file_id"] for one in reply.json["item"]["scans"]] == [file]


def test_a_new_item_takes_files_that_were_uploaded_for_none(papers):
    one, two = papers.stored(), papers.stored()
    item = papers.make(scans=[one], photo=[two])
    assert (papers.held(item), papers.held(item, "photo")) == ([one], [two])
    assert papers.known() == {one: (True, False), two: (True, False)}


def test_files_are_uploaded_for_an_item_that_is_yet_to_be_made(papers):
    reply = papers.call("POST", f"/api/v0/datastores/{DOCS}/items/create-id", {}, user="bob")
    item = reply.json["item_id"]
    file = papers.file(item)
    assert papers.upload(item, user="eve").status == 404
    body = {"item": {"scans": [file]}, "project_id": "PAPERS", "datastore_id": "DOCS"}
    body["use_display_id"] = True
    path = f"/api/v0/items/{item}/new-actions/Create"
    assert papers.call("POST", path, body, user="bob").status == 200
    assert papers.held(item) == [file]
    assert papers.get(file, user="eve").status == 404


def test_the_array_replaces_the_one_that_was_there(papers):
    item = papers.make()
    one, two, three = (papers.file(item) for _ in range(3))
    papers.edit(item, scans=[one, two])
    assert papers.edit(item, scans=[three, one, three]).status == 200
    assert papers.held(item) == [three, one]
    assert papers.known() == {one: (True, False), two: (True, True), three: (True, False)}
    assert papers.edit(item, scans=None).status == 200
    assert papers.held(item) == []
    assert papers.known() == {one: (True, True), two: (True, True), three: (True, True)}


def test_histories_keep_the_ids(papers):
    item = papers.make()
    one, two = papers.file(item), papers.file(item)
    papers.edit(item, scans=[one])
    papers.edit(item, scans=[one, two])
    field = SCANS
    changes = [json.loads(one).get(field) for one in papers.histories(item)]
    assert changes == [None, [None, [one]], [[one], [one, two]]]


def test_another_field_of_the_write_leaves_files_alone(papers):
    item = papers.make()
    file = papers.file(item)
    papers.edit(item, scans=[file])
    papers.clock.advance(days=1)
    assert papers.edit(item, name="b").status == 200
    assert papers.edit(item, name="b", scans=[file]).json["itemHistory"]["IsChanged"] is False
    assert papers.shown(item)[0]["updated"] == "2026-01-05T09:00:00.000Z"


# --- what is refused ---------------------------------------------------------------------------


def test_a_file_of_another_user_is_none(papers):
    shared = papers.make()
    papers.edit(shared, "Share")
    others = papers.file(shared, user="eve")
    assert refused(papers, papers.edit(shared, scans=[others])) == f"has no file {others}"
    assert papers.edit(shared, scans=[others], user="eve").status == 200
    assert papers.edit(shared, scans=[others], name="kept by Bob").status == 200
    assert papers.held(shared) == [others]
    own = papers.make()
    assert refused(papers, papers.edit(own, scans=[others])) == f"has no file {others}"


def test_a_file_belongs_to_one_field_of_one_item(papers):
    item, other = papers.make(), papers.make()
    file = papers.file(item)
    papers.edit(item, scans=[file])
    reason = f"the file {file} belongs to another item or field"
    assert refused(papers, papers.edit(other, scans=[file])) == reason
    assert refused(papers, papers.edit(item, "Picture", photo=[file]), "photo") == reason
    body = {"item": {"scans": [file]}}
    assert refused(papers, papers.call("POST", "/items/new", body, user="bob")) == reason
    assert papers.edit(other, "Picture", photo=[papers.file(item)]).status == 200


@pytest.mark.parametrize("fields", [("scans", "photo"), ("photo", "scans")])
def test_one_write_attaches_a_file_once(papers, fields):
    file = papers.stored()
    body = {"item": {one: [file] for one in fields}}
    reply = papers.call("POST", "/items/new", body, user="bob")
    assert reply.status == 400, reply.body
    assert papers.known() == {file: (False, False)}


def test_two_entries_of_one_write_do_not_share_a_file(papers):
    file = papers.stored()
    notes = [{"operation": 1, "item": {"page": [file]}} for _ in range(2)]
    body = {"item": {"name": "a"}, "related_ds_items": {"NOTES": notes}}
    reply = papers.call("POST", "/items/new", body, user="bob")
    assert reply.status == 200
    [fault] = reply.json["error"]
    assert "belongs to another item" in fault["description"]


def test_what_a_failing_entry_attached_waits_on(papers):
    file = papers.stored()
    notes = [{"operation": 1, "item": {"page": [file]}}, {"operation": 1, "item": {"page": "x"}}]
    body = {
        "item": {"name": "a"},
        "ensure_transaction": True,
        "related_ds_items": {"NOTES": notes},
    }
    assert papers.call("POST", "/items/new", body, user="bob").status == 400
    assert papers.known() == {file: (False, False)}
    item = papers.make(scans=[file])
    assert papers.held(item) == [file]


def test_a_file_of_another_workspace_is_none(papers):
    file = papers.stored(user="zoe")
    item = papers.make()
    assert refused(papers, papers.edit(item, scans=[file])) == f"has no file {file}"


@pytest.mark.parametrize("gone", ["before", "with its item", "swept before", "swept"])
def test_a_deleted_file_does_not_come_back(papers, gone):
    item = papers.make()
    file = papers.file(item)
    if gone == "before":
        assert papers.remove(item, file).status == 200
    elif gone == "swept before":
        papers.sweep(after_days=2)
    else:
        papers.edit(item, scans=[file])
        if gone == "swept":
            papers.edit(item, scans=[])
            papers.sweep(after_days=8)
        else:
            papers.delete(item)
            item = papers.make()
    assert refused(papers, papers.edit(item, scans=[file])) == f"has no file {file}"
    assert refused(papers, papers.edit(item, scans=[MISSING])) == f"has no file {MISSING}"


def test_what_was_taken_out_of_a_field_may_be_put_back_there_for_seven_days(papers):
    item, other = papers.make(), papers.make()
    file = papers.file(item)
    papers.edit(item, scans=[file])
    papers.edit(item, "Share", scans=[])
    assert refused(papers, papers.edit(other, scans=[file])) == f"has no file {file}"
    papers.sweep(after_days=6.9)
    assert papers.edit(item, scans=[file], user="eve").status == 200
    papers.sweep(after_days=8)
    assert papers.held(item) == [file]
    assert papers.get(file).status == 200


def test_an_item_brought_back_to_a_revision_has_its_files_again(papers):
    item = papers.make()
    one, two = papers.file(item), papers.file(item)
    papers.edit(item, scans=[one])
    papers.edit(item, scans=[two])
    reply = papers.call("POST", f"/items/restore/{item}", {"rev_no": 3, "to": 2}, user="bob")
    assert reply.status == 200, reply.body
    assert papers.held(item) == [one]
    assert papers.known() == {one: (True, False), two: (True, True)}


def test_a_copy_has_no_files_but_those_it_is_given(papers):
    item = papers.make(name="seed")
    file, given = papers.file(item), papers.file(item)
    papers.edit(item, scans=[file])
    action = f"/items/action/{item}/Copy"
    for values, held in (({}, []), ({"scans": [given]}, [given])):
        body = {"is_force_update": True, "item": values}
        reply = papers.call("POST", action, body, user="bob")
        assert reply.status == 200, reply.body
        [(made,)] = papers.rows(f"SELECT id FROM i_{DOCS} ORDER BY n DESC LIMIT 1")
        assert papers.held(made) == held
    body = {"is_force_update": True, "item": {"scans": [file]}}
    reason = f"the file {file} belongs to another item or field"
    assert refused(papers, papers.call("POST", action, body, user="bob")) == reason
    assert papers.held(item) == [file]


def test_a_dry_run_shows_the_ids_and_attaches_nothing(papers):
    file = papers.stored()
    body = {"item": {"scans": [file]}}
    reply = papers.call("POST", "/items/new?dry_run=true", body, user="bob")
    assert reply.status == 200, reply.body
    [made] = [one for one in reply.json["plan"] if one["step"] == "insert_item"]
    assert made["values"]["scans"] == [file]
    assert papers.known() == {file: (False, False)}


def test_an_import_that_replaces_all_deletes_the_files_of_what_it_replaces(papers):
    item = papers.make()
    file, given = papers.file(item), papers.stored()
    papers.edit(item, scans=[file])
    path = "/api/v0/applications/PAPERS/datastores/DOCS/import"
    parts = (("replace_all", b"true"), ("no_queue", b"true"))
    body = form(*parts, ("file", f"name,scans\r\na,{given}\r\n".encode(), "a.csv"))
    reply = papers.call("POST", path, body, user="bob", headers=FORM)
    assert reply.status == 200, reply.body
    assert papers.known() == {file: (True, True), given: (True, False)}
    [(made,)] = papers.rows(f"SELECT id FROM i_{DOCS}")
    assert papers.held(made) == [given]


def test_an_action_that_closes_the_field_takes_no_files(papers):
    item = papers.make()
    file = papers.file(item, field=PHOTO)
    reply = papers.edit(item, photo=[file])
    assert (reply.status, papers.known()) == (403, {file: (False, False)})


# --- DeleteFile --------------------------------------------------------------------------------


def test_taking_a_file_out_is_a_revision_with_a_history(papers):
    item = papers.make()
    one, two = papers.file(item), papers.file(item)
    papers.edit(item, scans=[one, two])
    reply = papers.remove(item, one)
    assert (reply.status, reply.body) == (200, b"null")
    assert papers.held(item) == [two]
    assert papers.revision(item) == 3
    assert json.loads(papers.histories(item)[-1]) == {SCANS: [[one, two], [two]]}
    events = papers.rows("SELECT kind FROM outbox WHERE item_id = ? ORDER BY seq", item)
    assert len(events) == 3
    assert papers.remove(item, one).status == 404
    assert papers.remove(item, two, field="scans").status == 200
    assert papers.held(item) == []


def test_a_file_that_waits_just_goes(papers):
    item = papers.make()
    file, loose = papers.file(item), papers.stored()
    assert papers.remove(item, file).body == b"null"
    assert papers.remove(item, loose).body == b"null"
    assert papers.revision(item) == 1
    assert papers.known() == {file: (False, True), loose: (False, True)}
    assert papers.remove(item, file).status == 404


def test_a_file_goes_only_where_it_is_and_only_for_those_who_may(papers):
    item, other = papers.make(), papers.make()
    file, waits = papers.file(item), papers.file(item)
    papers.edit(item, scans=[file])
    assert papers.remove(other, file).status == 404
    assert papers.remove(other, waits).status == 404
    assert papers.remove(item, file, field=PHOTO).status == 404
    assert papers.remove(item, MISSING).status == 404
    assert papers.remove(item, file, user="eve").status == 404
    assert papers.remove(item, file, user="zoe").status == 404
    assert papers.remove(item, waits, user="ann").status == 404
    photo = papers.file(item, field=PHOTO)
    papers.edit(item, "Picture", photo=[photo])
    assert papers.remove(item, photo, field=PHOTO).status == 403  # the update action closes it
    assert papers.held(item) == [file]
    assert papers.held(item, "photo") == [photo]


def test_many_taken_out_at_once_all_go(papers):
    item = papers.make()
    files = [papers.file(item) for _ in range(12)]
    papers.edit(item, scans=files)
    path = f"/api/v0/items/{item}/fields/{SCANS}/attachments"

    async def all_at_once():
        return await asyncio.gather(
            *(papers.acall("DELETE", f"{path}/{one}", user="bob") for one in files[:-1])
        )

    replies = papers.run(all_at_once())
    assert {one.status for one in replies} <= {200, 503}
    left = [one for one, reply in zip(files, replies, strict=False) if reply.status != 200]
    assert papers.held(item) == [*left, files[-1]]


def test_two_items_that_want_one_file_at_once_do_not_both_get_it(papers):
    for _ in range(5):
        items = [papers.make() for _ in range(4)]
        file = papers.stored()

        async def all_at_once(items=items, file=file):
            body = {"is_force_update": True, "item": {"scans": [file]}}
            path = "/items/edit/"
            return await asyncio.gather(
                *(papers.acall("POST", path + one, body, user="bob") for one in items)
            )

        replies = papers.run(all_at_once())
        assert sorted(one.status for one in replies) == [200, 400, 400, 400]
        assert sum(papers.held(one) == [file] for one in items) == 1
