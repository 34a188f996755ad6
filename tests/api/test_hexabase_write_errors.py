"""What the write routes refuse and how they tell it, word for word."""

from __future__ import annotations

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
AUDIT, SELL = "62d7b390cc1351eb97f32b04", "62d7b390cc1351eb97f32b03"
CAR_NAME, PRICE, COST, PLATE = (f"62d7b36da69d9d279545f00{at}" for at in (1, 5, 6, 4))
MISSING = "0" * 24


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


def hide(rest, item, datastore):
    """Bob keeps an item of his to himself."""
    keys = {"overwrite": True, "ignore_action_settings": True}
    path = f"/api/v0/applications/APPNAME/datastores/{datastore}/items/edit/{item}"
    reply = rest.call("POST", path, {"rev_no": 1, "access_key_updates": keys}, user="bob")
    assert reply.status == 200


def test_an_item_one_can_not_see_is_not_there(rest):
    item, part = rest.new(user="bob"), rest.new(datastore="PARTS", user="bob")
    hide(rest, item, "CARS")
    hide(rest, part, "PARTS")
    reply = rest.call("POST", f"/items/edit/{item}", {"rev_no": 2})
    assert (reply.status, reply.json["error"]) == (404, "target item was not found")
    mine = rest.new()
    for operation in (2, 3, 11, 12):
        entries = {"PARTS": [{"operation": operation, "i_id": part, "rev_no": 2}]}
        body = {"is_force_update": True, "related_ds_items": entries}
        reply = rest.call("POST", f"/items/edit/{mine}", body)
        assert reply.status == 200
        assert [one["error_code"] for one in reply.json["error"]] == ["NOT_FOUND"]
    link = {"link_datastore_id": "PARTS", "link_item_id": part}
    assert rest.call("POST", f"/items/addlink/{mine}", link).status == 404


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


# --- bodies ---------------------------------------------------------------------------------


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
