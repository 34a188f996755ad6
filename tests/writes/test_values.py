"""Values over the wire: what each kind takes, refuses and shows; unique values; clearing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.writes.nest import MISSING, Nest


def shown(nest: Nest, values: dict[str, Any], user: str = "bob") -> dict[str, Any]:
    """What an item of KINDS shows after it was made with some values."""
    body = {"item": values, "return_item_result": True, "return_display_id": True}
    reply = nest.create(body, "KINDS", user=user)
    assert reply.status == 200, reply.json
    found: dict[str, Any] = reply.json["item"]
    return found


@pytest.mark.parametrize(
    ("field", "given", "value"),
    [
        ("text", " 名前\n\t", " 名前\n\t"),
        ("text", "🚗\u200b", "🚗\u200b"),
        ("area", "a\r\nb", "a\r\nb"),
        ("number", 12, 12),
        ("number", "12", 12),
        ("number", "1e3", 1000),
        ("number", -0.0, 0),
        ("number", 2**53, 2**53),
        ("number", 0.1, 0.1),
        ("due", "2018-01-10T15:00:00.000Z", "2018-01-10T15:00:00.000Z"),
        ("due", "2018-01-11", "2018-01-11T00:00:00.000Z"),
        ("due", "2018-01-11T00:00:00+09:00", "2018-01-10T15:00:00.000Z"),
        ("flag", True, "true"),
        ("flag", "false", "false"),
        ("size", "S", "S"),
        ("size", "Small", "S"),
        ("size", "小", "S"),
        ("tone", "Large", "L"),
        ("marks", ["L", "Small", "L"], ["L", "S"]),
    ],
)
def test_a_value_is_kept_and_shown(nest, field, given, value):
    for key in (field, nest.id("KINDS", field)):
        assert shown(nest, {key: given})[field] == value


@pytest.mark.parametrize(
    ("field", "given", "reason"),
    [
        ("text", 1, "must be a string"),
        ("text", True, "must be a string"),
        ("text", ["a"], "must be a string"),
        ("text", {"a": 1}, "must be a string"),
        ("text", "a\0b", "must not contain U+0000"),
        ("number", "12x", "must be a number"),
        ("number", True, "must be a number"),
        ("number", "1,000", "must be a number"),
        ("number", "０", "must be a number"),
        ("number", " 1", "must be a number"),
        ("number", [1], "must be a number"),
        ("number", 2**53 + 1, "is an integer beyond 2^53"),
        ("number", -(10**40), "is an integer beyond 2^53"),
        ("number", 1e300, "is an integer beyond 2^53"),
        ("number", "1e999", "is out of range"),
        ("number", "NaN", "must be a number"),
        ("due", 0, "must be an ISO 8601 string"),
        ("due", "2018-02-30", "must be a date and time like"),
        ("due", "soon", "must be a date and time like"),
        ("flag", 1, "must be true or false"),
        ("flag", "yes", "must be true or false"),
        ("size", "M", "has no option 'M'"),
        ("size", "XL", "option XL is disabled"),
        ("size", "Huge", "option XL is disabled"),
        ("size", "Same", "has no option 'Same'"),  # borne by two
        ("size", ["S"], "has no option ['S']"),
        ("size", 1, "has no option 1"),
        ("marks", "S", "must be an array of options"),
        ("marks", ["S", "M"], "has no option 'M'"),
        ("marks", [1], "must be an array of options"),
        ("people", "bob", "must be an array of user ids"),
        ("people", ["bob"], "must be an array of user ids"),
        ("people", [MISSING], f"has no user {MISSING}"),
        ("parent", "x", "must be an item id"),
        ("parent", MISSING, f"has no item {MISSING}"),
        ("count", "1", "a field of type autonum can't be written"),
        ("sum", 1, "a field of type calc can't be written"),
        ("state", "New", "a field of type status can't be written"),
        ("heading", "x", "a field of type label can't be written"),
        ("paper", [MISSING], f"has no file {MISSING}"),
        ("paper", MISSING, "must be an array of file ids"),
    ],
)
def test_a_value_is_refused_by_name_and_nothing_is_written(nest, field, given, reason):
    made = nest.make("KINDS", text="before")
    before = nest.contents()
    for reply in (
        nest.create({"item": {"area": "x", field: given}}, "KINDS"),
        nest.edit(made, {"rev_no": 1, "item": {"area": "x", field: given}}, "KINDS"),
    ):
        assert reply.status == 400
        [told] = reply.json["error"]
        assert told["error_code"] == "INVALID_VALUE"
        assert told["reference_id"] == f"f_id:{nest.id('KINDS', field)}"
        assert told["description"].startswith(reason)
        assert told["error"].startswith(f"{field}: {reason}")
    assert nest.contents() == before


@pytest.mark.parametrize("field", ["count", "sum", "state", "heading"])
def test_null_for_a_field_that_is_never_written_is_ignored(nest, field):
    assert shown(nest, {field: None, "text": "x"})["text"] == "x"


@pytest.mark.parametrize(
    ("field", "given", "empty"),
    [
        ("text", "a", ""),
        ("area", "a", None),
        ("unique", "a", ""),
        ("number", 1, ""),
        ("serial", 1, None),
        ("due", "2018-01-11", ""),
        ("flag", True, None),
        ("size", "S", ""),
        ("tone", "S", None),
        ("marks", ["S"], []),
        ("marks", ["S"], ""),
        ("people", ["bob"], []),
        ("parent", "own", ""),
        ("parent", "own", None),
    ],
)
def test_null_the_empty_text_and_the_empty_array_clear_a_field(nest, field, given, empty):
    if field == "people":
        given = [nest.identity("bob").user]
    if field == "parent":
        given = nest.make(name="parent")
    made = nest.new({field: given}, "KINDS", user="bob")
    assert nest.value(made, field, "KINDS") is not None
    reply = nest.edit(made, {"rev_no": 1, "item": {field: empty}}, "KINDS")
    assert reply.json["itemHistory"]["IsChanged"] is True
    assert nest.value(made, field, "KINDS") is None


def test_a_field_may_be_named_either_way_whatever_use_display_id_says(nest):
    for wanted in (True, False, None):
        for key in ("text", nest.id("KINDS", "text")):
            body = {"item": {key: "x"}, "use_display_id": wanted, "return_item_result": True}
            found = nest.create(body, "KINDS").json["item"]
            assert found["text" if wanted else nest.id("KINDS", "text")] == "x"


def test_an_unknown_field_is_refused_by_name_beside_every_other_fault(nest):
    before = nest.contents()
    body = {"item": {"": 1, "nope": None, "Text": "x", "number": "x", "title": "y"}}
    reply = nest.create(body, "KINDS")
    assert reply.status == 400
    assert [(one["error_code"], one["reference_id"]) for one in reply.json["error"]] == [
        ("INVALID_PARAMS", "f_id:"),
        ("INVALID_PARAMS", "f_id:nope"),
        ("INVALID_PARAMS", "f_id:Text"),
        ("INVALID_VALUE", f"f_id:{nest.id('KINDS', 'number')}"),
        ("INVALID_PARAMS", "f_id:title"),
    ]
    assert nest.contents() == before


def test_changes_win_over_item_whichever_way_they_name_the_field(nest):
    field = nest.id("KINDS", "text")
    for first, second in (("text", field), (field, "text"), ("text", "text")):
        body = {
            "item": {first: "item", "number": 1},
            "changes": [{"id": second, "value": "changes"}],
            "return_item_result": True,
            "use_display_id": True,
        }
        found = nest.create(body, "KINDS").json["item"]
        assert (found["text"], found["number"]) == ("changes", 1)


def test_other_keys_are_read_past(nest):
    made = nest.make()
    entry = {"operation": 1, "item": {}, "i_id": "ignored", "unread": 1, "history": {"x": []}}
    body = {
        "rev_no": 1,
        "action_id": "",
        "history": {"comment": "old words", "datastore_id": "x", "action_id": 1},
        "is_notify_to_sender": "yes",
        "disable_linker": None,
        "as_params": [1, {"a": [None]}],
        "nonsense": {"deep": [{}]},
        "related_ds_items": {"ONE": [entry]},
    }
    reply = nest.edit(made, body)
    assert reply.json["error"] == ""
    assert reply.json["itemHistory"]["comment"] == "old words"


# --- unique values ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        ("a", "a", False),
        ("a", "A", True),
        (None, None, True),
        ("", "", True),
        ("é", "e\u0301", True),
    ],
)
def test_unique_is_by_letter_and_case_and_not_of_empty_values(nest, first, second, both):
    assert nest.create({"item": {"unique": first}}, "KINDS").status == 200
    reply = nest.create({"item": {"unique": second}}, "KINDS")
    assert reply.status == (200 if both else 400)
    assert nest.create({"item": {"code": second}}).status == 200  # of another datastore


def test_a_unique_number_is_unique_as_a_number(nest):
    assert nest.create({"item": {"serial": 1}}, "KINDS").status == 200
    for given in (1.0, "1", "1.00"):
        assert nest.create({"item": {"serial": given}}, "KINDS").status == 400


def test_a_unique_value_holds_against_items_one_can_not_see(nest):
    nest.make(user="eve", code="taken")
    assert nest.create({"item": {"code": "taken"}}).status == 400


def test_an_item_keeps_its_own_unique_value_and_gives_it_up_with_itself(nest):
    made = nest.make(code="c")
    assert nest.edit(made, {"rev_no": 1, "item": {"code": "c", "name": "x"}}).status == 200
    assert nest.delete(made).status == 200
    assert nest.create({"item": {"code": "c"}}).status == 200


def test_of_racing_writers_one_takes_a_unique_value(nest):
    items = [nest.make(name=f"{at}") for at in range(6)]

    async def all_at_once():
        calls = [
            nest.acall("POST", f"{nest.base}/items/new", {"item": {"code": "c"}}, user="bob")
            for _ in range(6)
        ]
        calls += [
            nest.acall(
                "POST",
                f"{nest.base}/items/edit/{one}",
                {"rev_no": 1, "item": {"code": "c"}},
                user="bob",
            )
            for one in items
        ]
        return await asyncio.gather(*calls)

    replies = nest.run(all_at_once())
    assert sorted(one.status for one in replies) == [200] + [400] * 11
    lost = next(one.json for one in replies if one.status == 400)
    assert lost["error"][0]["reference_id"] == f"f_id:{nest.id('ROOT', 'code')}"
    column = f"f_{nest.id('ROOT', 'code')}"
    assert len(nest.rows(f"SELECT 1 FROM i_{nest.id('ROOT')} WHERE {column} = 'c'")) == 1


# --- the item of an answer --------------------------------------------------------------------


def test_the_item_of_an_answer_links_only_to_what_the_caller_may_see(nest):
    seen, other = nest.make("TWO", name="b"), nest.make("ONE", name="a")
    hidden = nest.make("ONE", name="eve's")
    parent = nest.make(name="parent")
    share = {"operation": 11}
    entries = {
        "TWO": [{**share, "i_id": seen}],
        "ONE": [{**share, "i_id": hidden}, {**share, "i_id": other}],
    }
    assert nest.edit(parent, {"rev_no": 1, "related_ds_items": entries}).json["error"] == ""
    eve = nest.identity("eve").user
    for made, datastore in ((parent, "ROOT"), (seen, "TWO"), (other, "ONE")):
        keys = {"access_key_updates": {"users_to_publish": [eve]}}
        assert nest.edit(made, {"is_force_update": True, **keys}, datastore).status == 200
    body = {"is_force_update": True, "return_item_result": True}
    found = nest.edit(parent, body, user="eve").json["item"]
    assert found["links"] == [
        {"d_id": nest.id("ONE"), "i_ids": [other]},
        {"d_id": nest.id("TWO"), "i_ids": [seen]},
    ]
    found = nest.edit(parent, body).json["item"]
    assert found["links"][0]["i_ids"] == [other, hidden]  # as created


def test_the_item_of_an_answer_shows_values_as_details_do(nest):
    bob = nest.identity("bob").user
    target = nest.make(name="目標")
    values = {
        "text": "t",
        "number": 1.5,
        "flag": False,
        "size": "S",
        "marks": ["L"],
        "people": [bob],
        "parent": target,
        "due": "2018-01-11",
    }
    found = shown(nest, values)
    path = f"{nest.APP}/KINDS/items/details/{found['i_id']}?format=map"
    details = nest.call("GET", path, user="bob").json["field_values"]
    for key in values:
        assert found[key] == details[key]["value"], key
    assert found["parent"] == {"d_id": nest.id("ROOT"), "item_id": target, "title": "目標"}
    assert "area" not in found
    assert found["links"] == [{"d_id": nest.id("ROOT"), "i_ids": [target]}]
