"""Item writes and links as the primary pages show them: payloads and answers, word for word."""

from __future__ import annotations

import pytest

WORKSPACE = "62d7afb1cc1351eb97f32bcf"
PROJECT = "62d7b261cc1351eb97f32bd7"
CARS, PARTS, NOTES = (
    "62d7b36da69d9d279545cbc7",
    "62bc37653f0b074bc12f5cfa",
    "62bc3942a678e4e7ee1da6cf",
)
ANN, BOB, EVE = (f"62d657fb0ac22e357f5b69c{at}" for at in (4, 5, 6))
UPDATE, CREATE = "62d7b390cc1351eb97f32be8", "62d7b390cc1351eb97f32b01"
CAR_NAME, PRICE = "62d7b36da69d9d279545f001", "62d7b36da69d9d279545f005"
MISSING = "0" * 24
NOW = "2026-01-05T09:00:00.000Z"


# --- UpdateItem -------------------------------------------------------------------------------


KEYS = {
    "overwrite": True,
    "ignore_action_settings": True,
    "apply_related_ds": True,
    "groups_to_publish": ["GROUP1", "GROUP2"],
    "roles_to_publish": ["ADMIN"],
    "users_to_publish": [BOB, EVE],
}


def payload_of_the_page(part, spare, gone):
    return {
        "comment": "test-comment",
        "item": {
            "CAR_NAME": "名前のデータ",
            "CAR_TYPE": "5d4c058baa39555618ac9e98",
            "OPTIONS": ["58bbaa27fbfcba6098746061", "596e2327fbfcbab8283dde09"],
        },
        "use_display_id": True,
        "is_force_update": True,
        "return_item_result": True,
        "ensure_transaction": False,
        "exec_children_post_procs": True,
        "as_params": {"param1": "value1", "param2": "value2"},
        "is_sync_related_items": True,
        "realtime_auto_link": True,
        "related_ds_items": {
            "PARTS": [
                {
                    "operation": 1,
                    "link_to_parent": True,
                    "action_id": "",
                    "item": {"PART": "窓", "COUNT": 4},
                    "access_key_updates": KEYS,
                    "related_ds_items": {"NOTES": [{"operation": 1, "item": {"TEXT": "注"}}]},
                },
                {"operation": 2, "i_id": part, "link_to_parent": True, "item": {"COUNT": 2}},
                {"operation": 3, "action_id": "", "i_id": gone},
                {"operation": 11, "link_to_parent": True, "i_id": spare},
                {"operation": 12, "i_id": spare},
            ],
            "NOTES": [],
        },
        "access_key_updates": KEYS,
    }


def test_update_item_takes_every_key_of_the_page_and_answers_its_sample(rest):
    item = rest.new()
    part, spare, gone = (rest.new(datastore="PARTS") for _ in range(3))
    reply = rest.call("POST", f"/items/edit/{item}", payload_of_the_page(part, spare, gone))
    assert reply.status == 200, reply.body
    told = reply.json
    result = told.pop("item")
    history = told["itemHistory"]
    assert told == {
        "error": "",
        "itemHistory": {
            "IsChanged": True,
            "UserObjID": ANN,
            "action_id": UPDATE,
            "comment": "test-comment",
            "created_at": NOW,
            "datastore_id": CARS,
            "datastore_name": "",
            "display_order": 0,
            "email": "",
            "history_id": history["history_id"],
            "i_id": item,
            "is_fetchreplymail": False,
            "is_notify": True,
            "item_id": item,
            "media_link": "",
            "post_for_rel": False,
            "post_mode": "ExecuteAction",
            "project_id": PROJECT,
            "transaction_id": history["transaction_id"],
            "updated_at": "0001-01-01T00:00:00Z",
            "user_id": ANN,
            "workspace_id": WORKSPACE,
        },
        "rev_no": {"_id": item, "rev_no": 2},
        "pre_result": None,
        "as_result": None,
    }
    assert list(told) == ["error", "itemHistory", "rev_no", "pre_result", "as_result"]
    made = result["links"][0]["i_ids"]
    assert result["CAR_NAME"] == result["title"] == "名前のデータ"
    assert (result["CAR_TYPE"], result["OPTIONS"]) == ("van", ["radio", "roof"])
    assert [one["d_id"] for one in result["links"]] == [PARTS]
    assert len(made) == 2
    assert part in made
    assert spare not in made
    assert gone not in made
    assert rest.rows(f"SELECT id FROM i_{PARTS} WHERE id = ?", gone) == []


def test_comments_and_trailing_commas_of_the_page_are_no_json(rest):
    item = rest.new()
    for body in (b'{"is_force_update": true, // why\n "item": {}}', b'{"is_force_update": true,}'):
        reply = rest.call("POST", f"/items/edit/{item}", body)
        assert reply.status == 400
        assert "not valid JSON" in reply.json["error"][0]["description"]


@pytest.mark.parametrize("path", ["/api/v0/applications/{p}/datastores/{d}/items/edit/{i}"])
@pytest.mark.parametrize("project", ["APPNAME", PROJECT])
@pytest.mark.parametrize("datastore", ["CARS", CARS])
def test_a_path_takes_display_ids_and_internal_ids(rest, path, project, datastore):
    item = rest.new()
    where = path.format(p=project, d=datastore, i=item)
    for key in ("CAR_NAME", CAR_NAME):
        body = {"is_force_update": True, "item": {key: "x"}}
        assert rest.call("POST", where, body).status == 200


def test_the_item_of_an_answer_is_keyed_by_field_ids_unless_display_ids_are_wanted(rest):
    item = rest.new()
    body = {"is_force_update": True, "return_item_result": True, "item": {"CAR_NAME": "x"}}
    by_id = rest.call("POST", f"/items/edit/{item}", body).json["item"]
    by_name = rest.call("POST", f"/items/edit/{item}", {**body, "return_display_id": True})
    assert by_id[CAR_NAME] == by_name.json["item"]["CAR_NAME"] == "x"
    assert "CAR_NAME" not in by_id
    assert PRICE not in by_id  # unset fields are left out
    assert by_id["links"] == []


def test_changes_wins_over_item_and_of_a_repeated_key_the_last_counts(rest):
    item = rest.new()
    body = (
        b'{"rev_no":1,"return_item_result":true,"use_display_id":true,'
        b'"item":{"CAR_NAME":"a","CAR_NAME":"b","PRICE":1},'
        b'"changes":[{"id":"CAR_NAME","value":"c"},{"id":"CAR_TYPE","value":"van"}]}'
    )
    told = rest.call("POST", f"/items/edit/{item}", body).json["item"]
    assert (told["CAR_NAME"], told["PRICE"], told["CAR_TYPE"]) == ("c", 1, "van")


@pytest.mark.parametrize(
    ("body", "comment"),
    [
        ({}, "ITEM_DETAILS.POST_EMPTY_COMMENT"),
        ({"comment": ""}, "ITEM_DETAILS.POST_EMPTY_COMMENT"),
        ({"comment": "説明"}, "説明"),
        ({"history": {"comment": "old", "datastore_id": "x"}}, "old"),
        ({"history": {"comment": "old"}, "comment": "new"}, "new"),
    ],
)
def test_the_comment_is_answered(rest, body, comment):
    item = rest.new()
    reply = rest.call("POST", f"/items/edit/{item}", {"rev_no": 1, **body})
    assert reply.json["itemHistory"]["comment"] == comment
    assert reply.json["itemHistory"]["IsChanged"] is False
    assert reply.json["rev_no"]["rev_no"] == 2


def test_keys_that_are_unknown_or_null_are_read_past(rest):
    item = rest.new()
    body = {
        "rev_no": 1,
        "is_notify_to_sender": True,
        "disable_linker": 1,
        "action_id": None,
        "item": None,
        "related_ds_items": None,
        "access_key_updates": None,
        "comment": None,
    }
    assert rest.call("POST", f"/items/edit/{item}", body).status == 200


# --- CreateItem, DeleteItem -------------------------------------------------------------------


def test_create_item_answers_the_new_ids(rest):
    body = {
        "item": {"CAR_NAME": "新車", "PRICE": "12"},
        "return_item_result": True,
        "return_display_id": True,
        "related_ds_items": {"PARTS": [{"operation": 1, "item": {"PART": "tyre"}}]},
    }
    reply = rest.call("POST", "/items/new", body)
    assert reply.status == 200
    told = reply.json
    assert list(told) == ["error", "history_id", "item_id", "item"]
    assert told["error"] is None
    assert told["item"]["i_id"] == told["item_id"]
    assert (told["item"]["CAR_NAME"], told["item"]["PRICE"]) == ("新車", 12)
    assert told["item"]["rev_no"] == 1
    assert "updated_at" not in told["item"]
    bare = rest.call("POST", "/items/new", {"item": {}}).json
    assert list(bare) == ["error", "history_id", "item_id"]


def test_create_item_needs_an_action_that_makes_items(rest):
    reply = rest.call("POST", "/items/new", {"item": {}, "action_id": "Update"})
    assert reply.status == 400
    assert reply.json == {
        "error": "no available actions to create new item in the database. you should check"
        f" settings or check if you are in your current workspace[ {WORKSPACE} ]"
    }
    for action in ("Create", CREATE, "", None):
        assert rest.call("POST", "/items/new", {"item": {}, "action_id": action}).status == 200


def test_delete_item_needs_a_body_of_at_least_an_empty_object(rest):
    item = rest.new()
    path = f"/items/delete/{item}"
    assert rest.call("DELETE", path).status == 400
    reply = rest.call("DELETE", path, {})
    assert (reply.status, reply.body) == (200, b'{"error":null}')
    assert rest.call("DELETE", path, {}).status == 404


def test_a_delete_action_is_named_by_its_own_key(rest):
    item = rest.new()
    path = f"/items/delete/{item}"
    assert rest.call("DELETE", path, {"delete_linked_items": False, "a_id": "Delete"}).status == 200


# --- links ------------------------------------------------------------------------------------


def test_a_link_is_made_once_and_removed(rest):
    item, part = rest.new(), rest.new(datastore="PARTS")
    body = {"link_datastore_id": "PARTS", "link_item_id": part}
    for _ in range(2):
        reply = rest.call("POST", f"/items/addlink/{item}", body)
        assert (reply.status, reply.body) == (200, b"null")
    assert len(rest.rows("SELECT 1 FROM links WHERE from_item = ?", item)) == 1
    assert rest.rows("SELECT 1 FROM links WHERE from_item = ?", part) == []
    reply = rest.call("DELETE", f"/items/dellink/{item}", {**body, "type": "link"})
    assert (reply.status, reply.body) == (200, b"null")
    reply = rest.call("DELETE", f"/items/dellink/{item}", body)
    assert reply.status == 404
    assert reply.json == {
        "error": f"item links not found for {{{CARS} {item} {PARTS} {part}  }}",
        "error_code": "NOT_FOUND",
    }


def test_without_an_item_all_links_to_a_datastore_are_removed(rest):
    item = rest.new()
    for datastore in ("PARTS", "PARTS", "NOTES"):
        other = rest.new(datastore=datastore)
        body = {"link_datastore_id": datastore, "link_item_id": other}
        assert rest.call("POST", f"/items/addlink/{item}", body).status == 200
    path = f"/items/dellink/{item}"
    assert rest.call("DELETE", path, {"link_datastore_id": PARTS, "link_item_id": ""}).status == 400
    assert rest.call("DELETE", path, {"link_datastore_id": PARTS}).status == 200
    assert rest.rows("SELECT to_datastore FROM links WHERE from_item = ?", item) == [(NOTES,)]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"link_datastore_id": "PARTS"}, 400),
        ({"link_datastore_id": "PARTS", "link_item_id": ""}, 400),
        ({"link_datastore_id": "PARTS", "link_item_id": MISSING}, 404),
        ({"link_datastore_id": "NOWHERE", "link_item_id": MISSING}, 404),
        ({"link_datastore_id": "CARS", "link_item_id": "itself"}, 400),
    ],
)
def test_a_link_that_can_not_be_made(rest, body, status):
    item = rest.new()
    if body.get("link_item_id") == "itself":
        body = {**body, "link_item_id": item}
    assert rest.call("POST", f"/items/addlink/{item}", body).status == status
