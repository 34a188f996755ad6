"""What the definition of a field, or an action, makes of a write: bounds, duties, defaults, roles;
and what a lookup shows of an item that is hidden or gone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kept import kept
from tests.writes.client import Client

SCHEMA = """
workspaces:
  - name: Shop
    users:
      - {email: ann@shop.test, name: Ann, password: ann-password}
      - {email: bob@shop.test, name: Bob, password: bob-password}
    applications:
      - display_id: SHOP
        roles:
          - {display_id: ADMIN, users: [ann@shop.test]}
          - {display_id: MEMBER, users: [bob@shop.test]}
        datastores:
          - display_id: BUYERS
            fields:
              - {display_id: name, type: text, as_title: true}
              - {display_id: code, type: text}
            actions:
              - {display_id: Make, operation: new, default: true}
              - {display_id: Hide, operation: new, publish: {roles: []}}
              - {display_id: Edit, operation: update, default: true}
              - {display_id: Drop, operation: delete, default: true}
          - display_id: ORDERS
            fields:
              - {display_id: Name, type: text, as_title: true}
              - {display_id: Amount, type: number, min: -1.5, max: 10}
              - {display_id: Least, type: number, min: 0}
              - {display_id: Due, type: datetime, min: '2026-01-02T00:00:00Z', max: '2026-02-01T12:00:00Z'}
              - {display_id: Day, type: date, max: '2026-02-01'}
              - display_id: Size
                type: select
                selected: M
                options: [{display_id: S}, {display_id: M, name: Middle}, {display_id: L}]
              - {display_id: Pay, type: radio, selected: bill, options: [{display_id: cash}, {display_id: bill}]}
              - {display_id: Code, type: text, unique: true}
              - {display_id: Secret, type: text, roles: [ADMIN]}
              - {display_id: Buyer, type: dslookup, lookup: {datastore: BUYERS}}
              - {display_id: Coded, type: dslookup, lookup: {datastore: BUYERS, field: code}}
            statuses: [{display_id: Open}, {display_id: Paid}]
            actions:
              - {display_id: Make, operation: new, default: true}
              - {display_id: MakeNamed, operation: new, fields: {Name: {mandatory: true}, Size: {mandatory: true}, Amount: {update: false}, Least: {show: false}}}
              - {display_id: Edit, operation: update, default: true}
              - {display_id: Check, operation: update, fields: {Name: {mandatory: true}, Amount: {update: false}, Size: {show: false}}}
              - {display_id: Pay, operation: update, status: Open, next_status: Paid, fields: {Due: {mandatory: true}}}
              - {display_id: Drop, operation: delete, default: true}
"""
NEW = "ORDERS/items/new"
CLOSED = "not arrowed to update this field for this action"


kept_shop = kept(lambda url: Client(url, SCHEMA))


@pytest.fixture
def shop(kept_shop) -> Client:
    return kept_shop.take()


# --- bounds -----------------------------------------------------------------------------------

BOUNDS: list[tuple[str, Any, Any, str]] = [  # field, what it takes, what it does not, why
    ("Amount", -1.5, -1.50001, "must be at least -1.5"),
    ("Amount", "10", "10.1", "must be at most 10"),
    ("Least", 0, -1, "must be at least 0"),
    (
        "Due",
        "2026-01-02T00:00:00.000Z",
        "2026-01-01T23:59:59.999Z",
        "must not be before 2026-01-02T00:00:00.000Z",
    ),
    (
        "Due",
        "2026-02-01T21:00:00+09:00",
        "2026-02-01T12:00:00.001Z",
        "must not be after 2026-02-01T12:00:00.000Z",
    ),
    ("Day", "2026-02-01", "2026-02-02", "must not be after 2026-02-01T00:00:00.000Z"),
]


@pytest.mark.parametrize(("field", "good", "bad", "reason"), BOUNDS)
def test_a_bound_is_included_and_what_is_beyond_it_refused(shop, field, good, bad, reason):
    item = shop.new(**{field: good})
    held = shop.details(item)[field]
    assert held is not None
    told = [("INVALID_VALUE", reason)]
    assert shop.faults(NEW, {"item": {field: bad}}) == told
    assert shop.faults(f"ORDERS/items/edit/{item}", {"item": {field: bad}}) == told
    shown = shop.details(item)
    assert (shown[field], shown["rev"]) == (held, 1)
    assert len(shop.search()) == 1


# --- what an action wants and opens -----------------------------------------------------------


def test_a_new_action_wants_its_mandatory_fields_and_takes_no_others_than_it_opens(shop):
    body = {"action_id": "MakeNamed", "item": {"Amount": 1, "Least": 1}}
    assert shop.faults(NEW, body) == [
        ("NO_PRIVILEGES", "Amount can't be updated with this action"),
        ("NO_PRIVILEGES", "Least can't be updated with this action"),
        ("INVALID_VALUE", "Name is a required field for this action"),
    ]
    body["item"]["Name"] = "Pen"
    assert len(shop.faults(NEW, body, status=403)) == 2  # nothing but closed fields: forbidden
    assert shop.search() == []
    item = shop.new(action="MakeNamed", Name="Pen")  # the default does for Size
    assert shop.details(item)["Size"] == "M"


@pytest.mark.parametrize("empty", [None, ""])
def test_a_mandatory_field_may_hold_what_it_held_but_not_be_emptied(shop, empty):
    item = shop.new(Name="Pen")
    path = f"ORDERS/items/edit/{item}"
    shop.send("POST", path, {"rev_no": 1, "action_id": "Check", "item": {}})
    told = [("INVALID_VALUE", "Name is a required field for this action")]
    assert shop.faults(path, {"action_id": "Check", "item": {"Name": empty}}) == told
    shop.send("POST", path, {"rev_no": 2, "item": {"Name": empty}})  # another action lets it
    assert shop.faults(path, {"action_id": "Check", "item": {}}) == told


def test_a_status_action_wants_its_fields_before_the_status_moves(shop):
    item = shop.new()
    path = f"ORDERS/items/edit/{item}"
    told = [("INVALID_VALUE", "Due is a required field for this action")]
    assert shop.faults(path, {"action_id": "Pay"}) == told
    shop.send("POST", path, {"rev_no": 1, "action_id": "Pay", "item": {"Due": "2026-01-03"}})
    [row] = shop.search(conditions=[{"id": "Due", "include_null": False}])
    assert row["rev_no"] == "2"


def test_a_field_that_an_action_closes_may_be_written_by_another(shop):
    item = shop.new(Name="Pen", Amount=1)
    path = f"ORDERS/items/edit/{item}"
    for field, value in (("Amount", 2), ("Size", "L")):
        told = [("NO_PRIVILEGES", f"{field} can't be updated with this action")]
        assert shop.faults(path, {"action_id": "Check", "item": {field: value}}, status=403) == told
    shop.edit(item, Amount=2, Size="L")
    shown = shop.details(item)
    assert (shown["Amount"], shown["Size"]) == (2, "L")


def test_unique_holds_on_creation_and_on_update(shop):
    shop.new(Code="a")
    other = shop.new(Code="b")
    told = [("INVALID_VALUE", "the value is not unique")]
    assert shop.faults(NEW, {"item": {"Code": "a"}}) == told
    assert shop.faults(f"ORDERS/items/edit/{other}", {"item": {"Code": "a"}}) == told
    assert shop.details(other)["Code"] == "b"


# --- roles ------------------------------------------------------------------------------------


def test_a_field_of_other_roles_is_neither_written_nor_shown_nor_searched(shop):
    item = shop.new(Name="Pen", Secret="x")
    told = [("NO_PRIVILEGES", "Secret can't be updated with this action")]
    assert shop.faults(NEW, {"item": {"Secret": "y"}}, "bob", 403) == told
    path = f"ORDERS/items/edit/{item}"
    assert shop.faults(path, {"item": {"Secret": "y"}}, "bob", 403) == told
    assert "Secret" not in shop.details(item, user="bob")
    [row] = shop.search(user="bob")
    assert "Secret" not in row
    answer = shop.edit(item, user="bob", Name="Pencil")
    assert "Secret" not in answer["item"]
    search = {"conditions": [{"id": "Secret", "search_value": ["x"]}]}
    for body in (search, {"sort_field_id": "Secret"}):
        shop.send("POST", "ORDERS/items/search", body, "bob", 400)
    fields = shop.send("GET", "ORDERS/fields", user="bob")["fields"]
    assert "Secret" not in [one["display_id"] for one in fields.values()]
    shown = shop.details(item)
    assert (shown["Secret"], shown["Name"]) == ("x", "Pencil")


# --- defaults ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "held"),
    [
        ({}, ("M", "bill")),
        ({"Size": "L"}, ("L", "bill")),
        ({"Size": None, "Pay": ""}, (None, None)),
        ({"Pay": "cash"}, ("M", "cash")),
    ],
)
def test_a_new_item_gets_the_defaults_that_the_request_does_not_speak_of(shop, given, held):
    item = shop.new(**given)
    shown = shop.details(item)
    assert (shown["Size"], shown["Pay"]) == held
    shop.edit(item, Name="Pen")  # an update has no defaults
    shown = shop.details(item)
    assert (shown["Size"], shown["Pay"]) == held


def test_a_related_new_item_gets_defaults_too(shop):
    buyer = shop.new("BUYERS")
    body = {
        "is_force_update": True,
        "related_ds_items": {"ORDERS": [{"operation": 1, "action_id": "Make", "item": {}}]},
    }
    shop.send("POST", f"BUYERS/items/edit/{buyer}", body)
    [row] = shop.search()
    assert row["Size"] == "Middle"


# --- what a lookup shows ----------------------------------------------------------------------


def look(shop: Client, item: str, user: str) -> dict[str, Any]:
    """Everything that is shown of the lookups of an item."""
    [row] = shop.search(user=user, include_lookups=True)
    shown = shop.details(item, user=user)
    answer = shop.edit(item, user=user)["item"]
    return {
        "list": (row["Buyer"], row["Coded"]),
        "looked up": sorted(row.get("lookup_items", {})),
        "details": (shown["Buyer"], shown["Coded"]),
        "answer": (answer.get("Buyer"), answer.get("Coded")),
        "filled": len(search(shop, user, include_null=False)),
        "empty": len(search(shop, user, include_null=True)),
        "found": len(search(shop, user, search_value=[answer_id(answer)])),
    }


def answer_id(answer: dict[str, Any]) -> str:
    return str((answer.get("Buyer") or {}).get("item_id", "0" * 24))


def search(shop: Client, user: str, **condition: Any) -> list[dict[str, Any]]:
    return shop.search(user=user, conditions=[{"id": "Buyer", **condition}])


NOTHING = {
    "list": (None, None),
    "looked up": [],
    "details": (None, None),
    "answer": (None, None),
    "filled": 0,
    "empty": 1,
    "found": 0,
}


def test_a_lookup_shows_the_title_or_the_field_of_an_item_that_may_be_seen(shop):
    buyer = shop.new("BUYERS", name="ACME", code="A1")
    item = shop.new(Buyer=buyer, Coded=buyer)
    for user in ("ann", "bob"):
        seen = look(shop, item, user)
        assert seen["list"] == ("ACME", "A1")
        assert seen["looked up"] == ["Buyer", "Coded"]
        assert [one["title"] for one in seen["details"]] == ["ACME", "A1"]
        assert [one["item_id"] for one in seen["answer"]] == [buyer, buyer]
        assert (seen["filled"], seen["empty"], seen["found"]) == (1, 0, 1)
    shop.edit(buyer, "BUYERS", name="Acme", code=None)
    assert look(shop, item, "bob")["list"] == ("Acme", "")  # as it is now


def test_a_lookup_of_an_item_that_one_may_not_see_is_empty_for_that_one_alone(shop):
    buyer = shop.new("BUYERS", "Hide", name="ACME", code="A1")
    item = shop.new(Buyer=buyer, Coded=buyer)
    assert look(shop, item, "bob") == NOTHING
    assert look(shop, item, "ann")["list"] == ("ACME", "A1")  # and Bob's writes took nothing away


def test_a_lookup_of_a_deleted_item_is_empty_for_everybody(shop):
    buyer = shop.new("BUYERS", name="ACME", code="A1")
    item = shop.new(Buyer=buyer, Coded=buyer)
    shop.send("DELETE", f"BUYERS/items/delete/{buyer}", {})
    assert look(shop, item, "ann") == look(shop, item, "bob") == NOTHING
    told = [("INVALID_VALUE", f"has no item {buyer}")]
    assert shop.faults(NEW, {"item": {"Buyer": buyer}}) == told
    other = shop.new("BUYERS", name="Bee")
    shop.edit(item, Buyer=other)
    assert look(shop, item, "bob")["list"] == ("Bee", None)


def test_lookups_that_are_empty_for_the_reader_are_sorted_as_empty(shop):
    hidden = shop.new("BUYERS", "Hide", name="M")
    for name, buyer in (
        ("1", hidden),
        ("2", shop.new("BUYERS", name="A")),
        ("3", shop.new("BUYERS", name="Z")),
    ):
        shop.new(Name=name, Buyer=buyer)
    orders = {
        user: [one["Name"] for one in shop.search(user=user, sort_field_id="Buyer")]
        for user in ("ann", "bob")
    }
    assert orders == {"ann": ["2", "1", "3"], "bob": ["1", "2", "3"]}
