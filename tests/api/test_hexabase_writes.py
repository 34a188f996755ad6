"""The write routes as the primary pages show them: payloads, answers and errors, word for word."""

from __future__ import annotations

import asyncio

import pytest

from hikidashi.core.access import Identity

WORKSPACE = "62d7afb1cc1351eb97f32bcf"
PROJECT = "62d7b261cc1351eb97f32bd7"
CARS, PARTS, NOTES = (
    "62d7b36da69d9d279545cbc7",
    "62bc37653f0b074bc12f5cfa",
    "62bc3942a678e4e7ee1da6cf",
)
ANN, BOB, EVE = (f"62d657fb0ac22e357f5b69c{at}" for at in (4, 5, 6))
UPDATE, AUDIT, SELL, CREATE = (f"62d7b390cc1351eb97f32{at}" for at in ("be8", "b04", "b03", "b01"))
CAR_NAME, PRICE, COST, PLATE = (f"62d7b36da69d9d279545f00{at}" for at in (1, 5, 6, 4))
MISSING = "0" * 24
NOW = "2026-01-05T09:00:00.000Z"


def entry(description, error, code, reference, level="ERROR", **more):
    return {
        "description": description,
        "error": error,
        "error_code": code,
        "error_level": level,
        "reference_id": reference,
        **more,
    }


def refused(*entries, item=""):
    return {"error": list(entries), "history_id": "", "item_id": item, "item": None}


# --- UpdateItem -------------------------------------------------------------------------------


def test_update_item_takes_every_key_of_the_page_and_answers_its_sample(rest):
    item = rest.new()
    part, spare, gone = (
        rest.new(datastore="PARTS"),
        rest.new(datastore="PARTS"),
        rest.new(datastore="PARTS"),
    )
    keys = {
        "overwrite": True,
        "ignore_action_settings": True,
        "apply_related_ds": True,
        "groups_to_publish": ["GROUP1", "GROUP2"],
        "roles_to_publish": ["ADMIN"],
        "users_to_publish": [BOB, EVE],
    }
    payload = {
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
                    "access_key_updates": keys,
                    "related_ds_items": {"NOTES": [{"operation": 1, "item": {"TEXT": "注"}}]},
                },
                {"operation": 2, "i_id": part, "link_to_parent": True, "item": {"COUNT": 2}},
                {"operation": 3, "action_id": "", "i_id": gone},
                {"operation": 11, "link_to_parent": True, "i_id": spare},
                {"operation": 12, "i_id": spare},
            ],
            "NOTES": [],
        },
        "access_key_updates": keys,
    }
    reply = rest.call("POST", f"/items/edit/{item}", payload)
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


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"rev_no": "1"}, "$.rev_no"),
        ({"rev_no": True}, "$.rev_no"),
        ({"rev_no": 1.0}, "$.rev_no"),
        ({"is_force_update": "true"}, "$.is_force_update"),
        ({"is_force_update": 1}, "$.is_force_update"),
        ({"item": []}, "$.item"),
        ({"changes": {"CAR_NAME": "x"}}, "$.changes"),
        ({"changes": [{"id": "CAR_NAME"}]}, "`value`"),
        ({"comment": 1}, "$.comment"),
        ({"action_id": 1}, "$.action_id"),
        ({"related_ds_items": []}, "$.related_ds_items"),
        ({"related_ds_items": {"PARTS": [{}]}}, "`operation`"),
        ({"related_ds_items": {"PARTS": [{"operation": 4}]}}, "operation"),
        ({"related_ds_items": {"PARTS": [{"operation": True}]}}, "operation"),
        ({"related_ds_items": {"PARTS": [{"operation": 1, "item": 1}]}}, "item"),
        ({"related_ds_items": {"PARTS": [{"operation": 2}]}}, "related_ds_items.PARTS[0]"),
        ({"related_ds_items": {"PARTS": [{"operation": 12, "i_id": ""}]}}, "i_id"),
        ({"access_key_updates": {"overwrite": "yes"}}, "$.access_key_updates.overwrite"),
        ({"groups_to_publish": "GROUP1"}, "$.groups_to_publish"),
        ([], "Expected `object`"),
        (b"", "the body is empty"),
        (b"null", "Expected `object`"),
        (b'{"item":{"CAR_NAME":"\xff"}}', "not UTF-8"),
    ],
)
def test_a_wrong_body_is_refused_by_name(rest, body, named):
    item = rest.new()
    reply = rest.call("POST", f"/items/edit/{item}", body)
    assert reply.status == 400
    told = reply.json
    assert (told["history_id"], told["item_id"], told["item"]) == ("", item, None)
    assert [one["error_code"] for one in told["error"]] == ["INVALID_PARAMS"]
    assert named in told["error"][0]["description"]


# --- errors of the item routes ----------------------------------------------------------------


@pytest.mark.parametrize(("body", "given"), [({"rev_no": 14}, 14), ({}, 0)])
def test_another_revision_is_a_conflict(rest, body, given):
    item = rest.new()
    reply = rest.call("POST", f"/items/edit/{item}", {**body, "item": {"CAR_NAME": "x"}})
    assert reply.status == 409
    description = f"item:{item}(d_id:{CARS}) has rev_no:1 but specified rev_no:{given}"
    conflict = entry(description, "Revision number mismatch", "ITEM_REV_CONFLICT", item)
    assert reply.json == refused(conflict, item=item)


@pytest.mark.parametrize("ref", [MISSING, "nonsense", "%00", "%E5%90%8D", "0" * 23 + "G", "A" * 24])
def test_an_item_that_is_not_there(rest, ref):
    for method, path, body in (
        ("POST", "/items/edit/", {"rev_no": 1}),
        ("DELETE", "/items/delete/", {}),
    ):
        reply = rest.call(method, path + ref, body)
        assert reply.status == 404
        assert reply.json["error"] == "target item was not found"
        assert reply.json["error_code"] == "NOT_FOUND"
        assert reply.json["description"].startswith("item is not found for i_id:")
        assert len(reply.json) == 3


def test_an_item_one_can_not_see_is_not_there(rest):
    item = rest.new(user="bob")
    body = {"overwrite": True, "ignore_action_settings": True}
    hidden = {"rev_no": 1, "access_key_updates": body}
    assert rest.call("POST", f"/items/edit/{item}", hidden, user="bob").status == 200
    reply = rest.call("POST", f"/items/edit/{item}", {"rev_no": 2})
    assert (reply.status, reply.json["error"]) == (404, "target item was not found")
    related = {"rev_no": 1, "related_ds_items": {CARS: [{"operation": 11, "i_id": item}]}}
    other = rest.new()
    told = rest.call("POST", f"/items/edit/{other}", {**related, "related_ds_items": {}}).json
    assert told["error"] == ""


@pytest.mark.parametrize(
    ("project", "datastore", "what", "ref"),
    [
        ("NOWHERE", "CARS", "application", "NOWHERE"),
        ("APPNAME", "NOWHERE", "datastore", "NOWHERE"),
        (MISSING, CARS, "application", MISSING),
    ],
)
def test_a_place_that_is_not_there(rest, project, datastore, what, ref):
    path = f"/api/v0/applications/{project}/datastores/{datastore}/items/new"
    reply = rest.call("POST", path, {"item": {}})
    assert reply.status == 404
    assert reply.json == {
        "description": f"{what} is not found for id:{ref}",
        "error": f"{what} was not found",
        "error_code": "NOT_FOUND",
    }


def test_a_place_without_a_role_is_not_there(rest):
    reply = rest.call("POST", "/items/new", {"item": {}}, user="eve")
    assert (reply.status, reply.json["error"]) == (404, "application was not found")


def test_an_action_that_is_not_allowed(rest):
    item = rest.new(user="bob")
    reply = rest.call(
        "POST", f"/items/edit/{item}", {"rev_no": 1, "action_id": "Audit"}, user="bob"
    )
    assert reply.status == 403
    assert reply.json == {
        "error": "invalid action_id or has no privileges to the user or current item status."
        f" a_id:Audit({AUDIT}) d_id:CARS({CARS})",
        "error_code": "NO_PRIVILEGES",
    }


def test_an_action_of_another_status(rest):
    item = rest.new()
    sell = {"is_force_update": True, "action_id": "Sell", "return_item_result": True}
    assert rest.call("POST", f"/items/edit/{item}", sell).json["item"]["status_id"].endswith("502")
    reply = rest.call("POST", f"/items/edit/{item}", sell)
    assert reply.status == 403
    assert f"a_id:Sell({SELL})" in reply.json["error"]


def test_fields_that_the_action_wants_or_does_not_open(rest):
    item = rest.new()
    body = {"rev_no": 1, "action_id": "Strict", "item": {"PRICE": 5}}
    reply = rest.call("POST", f"/items/edit/{item}", body)
    assert reply.status == 400
    assert reply.json == refused(
        entry(
            "PRICE can't be updated with this action",
            "not arrowed to update this field for this action",
            "NO_PRIVILEGES",
            f"f_id:{PRICE}",
        ),
        entry(
            "CAR_NAME is a required field for this action",
            "required field for this action",
            "INVALID_VALUE",
            f"f_id:{CAR_NAME}",
        ),
        item=item,
    )


def test_a_field_that_the_roles_do_not_open_is_403_when_nothing_else_is_wrong(rest):
    item = rest.new(user="bob")
    reply = rest.call("POST", f"/items/edit/{item}", {"rev_no": 1, "item": {"COST": 1}}, user="bob")
    assert reply.status == 403
    fault = entry(
        "COST can't be updated with this action",
        "not arrowed to update this field for this action",
        "NO_PRIVILEGES",
        f"f_id:{COST}",
    )
    assert reply.json == refused(fault, item=item)


def test_all_faults_of_the_values_are_told_at_once(rest):
    item = rest.new()
    values = {"X": 1, "PRICE": "12x", "CAR_TYPE": "plane", "CAR_NAME": "a\0b", "Branch-No": "1"}
    reply = rest.call("POST", f"/items/edit/{item}", {"rev_no": 1, "item": values})
    assert reply.status == 400
    assert [(one["error_code"], one["reference_id"]) for one in reply.json["error"]] == [
        ("INVALID_PARAMS", "f_id:X"),
        ("INVALID_VALUE", f"f_id:{PRICE}"),
        ("INVALID_VALUE", "f_id:62d7b36da69d9d279545f002"),
        ("INVALID_VALUE", f"f_id:{CAR_NAME}"),
        ("INVALID_VALUE", "f_id:63ce11b063c4431d4443e880"),
    ]


def test_a_unique_value_that_is_taken(rest):
    rest.new({"PLATE": "品川 1"})
    reply = rest.call("POST", "/items/new", {"item": {"PLATE": "品川 1"}})
    assert reply.status == 400
    assert reply.json["error"][0]["reference_id"] == f"f_id:{PLATE}"
    assert reply.json["item_id"] == ""


def test_a_nul_in_a_comment_is_refused_on_both_engines(rest):
    item = rest.new()
    reply = rest.call("POST", f"/items/edit/{item}", {"rev_no": 1, "comment": "a\0b"})
    assert reply.status == 400
    assert rest.call("POST", f"/items/edit/{item}", {"rev_no": 1}).status == 200


# --- related items ----------------------------------------------------------------------------


def related(item):
    return {
        "rev_no": 1,
        "item": {"CAR_NAME": "kept"},
        "related_ds_items": {
            "PARTS": [
                {"operation": 1, "item": {"PART": "ok"}},
                {"operation": 1, "item": {"COUNT": "many"}},
                {"operation": 2, "i_id": item, "item": {"COUNT": 1}},
            ],
            NOTES: [{"operation": 2, "i_id": MISSING, "item": {}}],
        },
    }


def faults_of(part):
    return [
        entry(
            "must be a number",
            "COUNT: must be a number",
            "INVALID_VALUE",
            f"{PARTS}/1",
            path=f"{PARTS}/1",
        ),
        entry(
            f"item:{part}(d_id:{PARTS}) has rev_no:1 but specified rev_no:0",
            "Revision number mismatch",
            "ITEM_REV_CONFLICT",
            part,
            path=f"{PARTS}/2",
        ),
        entry(
            f"couldn't check rev_no or item not found. ds:{NOTES} i:{MISSING} ",
            "couldn't check rev_no",
            "NOT_FOUND",
            f"d_id:{NOTES}",
            path=f"{NOTES}/0",
        ),
    ]


def test_related_items_that_fail_are_told_and_the_rest_is_kept(rest):
    item, part = rest.new(), rest.new(datastore="PARTS")
    reply = rest.call("POST", f"/items/edit/{item}", related(part))
    assert reply.status == 200
    told = reply.json
    assert told["error"] == faults_of(part)
    assert (told["item_id"], told["history_id"]) == (item, told["itemHistory"]["history_id"])
    assert told["rev_no"] == {"_id": item, "rev_no": 2}
    assert len(rest.rows("SELECT 1 FROM links WHERE from_item = ?", item)) == 1


def test_with_ensure_transaction_nothing_is_kept(rest):
    item, part = rest.new(), rest.new(datastore="PARTS")
    before = rest.rows(f"SELECT COUNT(*) FROM i_{PARTS}")
    body = {**related(part), "ensure_transaction": True}
    reply = rest.call("POST", f"/items/edit/{item}", body)
    assert reply.status == 400
    assert reply.json["error"][0]["error_code"] == "TRANSACTION_ABORTED"
    assert reply.json["error"][1:] == faults_of(part)
    assert (reply.json["history_id"], reply.json["item_id"]) == ("", item)
    assert rest.rows(f"SELECT COUNT(*) FROM i_{PARTS}") == before
    assert rest.call("POST", f"/items/edit/{item}", {"rev_no": 1}).status == 200


@pytest.mark.parametrize(
    ("tree", "told"),
    [
        ({"CARS": [{"operation": 1}]}, "nested inside itself"),
        ({"NOWHERE": [{"operation": 1}]}, "names no datastore NOWHERE"),
        (
            {
                "PARTS": [
                    {
                        "operation": 3,
                        "i_id": MISSING,
                        "related_ds_items": {"NOTES": [{"operation": 1}]},
                    }
                ]
            },
            "can't have related_ds_items",
        ),
    ],
)
def test_a_malformed_tree_is_refused_before_anything_runs(rest, tree, told):
    item = rest.new()
    reply = rest.call("POST", f"/items/edit/{item}", {"rev_no": 1, "related_ds_items": tree})
    assert reply.status == 400
    assert told in reply.json["error"][0]["description"]
    assert rest.call("POST", f"/items/edit/{item}", {"rev_no": 1}).status == 200


def test_publishing_to_a_key_one_does_not_hold_is_a_warning(rest):
    item = rest.new(user="bob")
    keys = {"groups_to_publish": ["TOP", "GROUP1", "NONE"], "users_to_publish": [EVE, MISSING]}
    reply = rest.call(
        "POST", f"/items/edit/{item}", {"rev_no": 1, "access_key_updates": keys}, user="bob"
    )
    assert reply.status == 200
    assert [(one["error_level"], one["reference_id"]) for one in reply.json["error"]] == [
        ("WARN", "TOP"),
        ("WARN", "NONE"),
        ("ERROR", MISSING),
    ]
    assert "path" not in reply.json["error"][0]
    acl = rest.rows(f"SELECT acl FROM i_{CARS} WHERE id = ?", item)[0][0]
    held = {one for (one,) in rest.rows("SELECT key FROM access_sets WHERE acl = ?", acl)}
    assert {BOB, EVE, "62d7afb1cc1351eb97f32001"} <= held
    assert "62d7afb1cc1351eb97f32000" not in held


def test_legacy_groups_are_all_display_ids_or_all_ids(rest):
    item = rest.new()
    named = {"is_force_update": True, "groups_to_publish": ["GROUP1"]}
    ids = {"is_force_update": True, "groups_to_publish": ["62d7afb1cc1351eb97f32001"]}
    path = f"/items/edit/{item}"
    assert rest.call("POST", path, {**named, "use_display_id": True}).json["error"] == ""
    assert rest.call("POST", path, ids).json["error"] == ""
    for body in (named, {**ids, "use_display_id": True}):
        assert [one["error_level"] for one in rest.call("POST", path, body).json["error"]] == [
            "WARN"
        ]


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


def test_delete_linked_items_is_refused_until_it_is_there(rest):
    item = rest.new()
    path = f"/items/delete/{item}"
    assert rest.call("DELETE", path, {"delete_linked_items": True}).status == 400
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


# --- requests that come twice -----------------------------------------------------------------


def test_a_write_with_a_key_is_done_once(rest):
    item = rest.new()
    body = {"rev_no": 1, "item": {"CAR_NAME": "once"}}
    key = {"idempotency-key": "update-1"}
    first = rest.call("POST", f"/items/edit/{item}", body, headers=key)
    again = rest.call("POST", f"/items/edit/{item}", body, headers=key)
    assert first.status == again.status == 200
    assert first.body == again.body
    assert "idempotent-replay" not in first.headers
    assert again.headers["idempotent-replay"] == "true"
    other = rest.call("POST", f"/items/edit/{item}", {"rev_no": 2}, headers=key)
    assert other.status == 422
    assert "Idempotency-Key" in other.json["error"]


def test_a_refusal_with_a_key_is_repeated(rest):
    item = rest.new()
    key = {"idempotency-key": "update-2"}
    body = {"rev_no": 2}
    first = rest.call("POST", f"/items/edit/{item}", body, headers=key)
    assert rest.call("POST", f"/items/edit/{item}", {"rev_no": 1}).status == 200
    again = rest.call("POST", f"/items/edit/{item}", body, headers=key)
    assert (first.status, again.status) == (409, 409)
    assert first.body == again.body


def test_the_same_key_at_the_same_moment_writes_once(rest):
    async def all_at_once():
        body = {"item": {"CAR_NAME": "one of eight"}}
        key = {"idempotency-key": "create-1"}
        return await asyncio.gather(
            *(rest.acall("POST", "/items/new", body, headers=key) for _ in range(8))
        )

    replies = rest.run(all_at_once())
    assert {one.status for one in replies} == {200}
    assert len({one.body for one in replies}) == 1
    assert sum("idempotent-replay" in one.headers for one in replies) == 7


def test_a_key_is_of_its_user_and_path(rest):
    key = {"idempotency-key": "create-2"}
    made = {
        rest.call("POST", "/items/new", {"item": {}}, headers=key, user=user).json["item_id"]
        for user in ("ann", "bob")
    }
    assert len(made) == 2


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_bad_key_is_refused(rest, key):
    reply = rest.call("POST", "/items/new", {"item": {}}, headers={"idempotency-key": key})
    assert reply.status == 400


def test_what_is_not_offered_is_refused_and_nothing_is_written(rest):
    item = rest.new()
    path = f"/items/edit/{item}"
    assert rest.call("POST", f"{path}?dry_run=true", {"rev_no": 1}).status == 400
    body = {"rev_no": 1, "return_item_result": True}
    assert rest.call("POST", path, body, headers={"idempotency-key": "k"}).status == 400
    assert rest.call("POST", path, {"rev_no": 1}).status == 200


# --- tokens -----------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "Bearer nonsense", "Bearer a.b.c"])
def test_without_a_good_token(rest, token):
    reply = rest.call("POST", "/items/new", {"item": {}}, token=token)
    assert reply.status == 401
    told = reply.json
    assert told.pop("description")
    assert told == {"error": "TOKEN_INVALID", "error_code": "UNAUTHORIZED"}


def test_a_token_for_reading_writes_nothing(rest):
    identity = Identity(ANN, WORKSPACE, project=PROJECT, may_write=False)
    _, secret = rest.run(rest.app.identities.create_token("reader", identity))
    item = rest.new()
    for method, path, body in (
        ("POST", "/items/new", {"item": {}}),
        ("POST", f"/items/edit/{item}", {"rev_no": 1}),
        ("DELETE", f"/items/delete/{item}", {}),
        ("GET", "/fields/Branch-No/autonum", None),
        ("POST", "/fields/Branch-No/autonum", {"auto_num": 1}),
    ):
        reply = rest.call(method, path, body, token=f"Bearer {secret}")
        assert reply.status == 403, (path, reply.body)
    assert rest.call("POST", f"/items/edit/{item}", {"rev_no": 1}).status == 200
