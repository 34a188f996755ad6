"""Calc fields through the wire: computed by every write, shown, found, sorted, and kept in step."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hikidashi.core.limits import FORMULAS_NODES_MAX
from hikidashi.service.schema import SchemaError, loads, schema_apply, schema_export, schema_plan
from tests.kept import kept
from tests.writes.client import Client

RANKS = [{"display_id": "gold", "name": "Gold"}, {"display_id": "tin", "name": "Tin"}]
ORDERS: list[dict[str, Any]] = [
    {"display_id": "Amount", "type": "number"},
    {"display_id": "Count", "type": "number"},
    {"display_id": "Name", "type": "text", "as_title": True},
    {"display_id": "Due", "type": "datetime"},
    {"display_id": "Rank", "type": "select", "options": RANKS},
    {"display_id": "Buyer", "type": "dslookup", "lookup": {"datastore": "BUYERS"}},
    {"display_id": "No", "type": "autonum", "prefix": "N-", "digit": 3, "zero_padding": True},
    {"display_id": "State", "type": "status"},
    # needs one that stands after it
    {"display_id": "Gross", "type": "calc", "formula": "round({Net} * 1.1, 2)"},
    {"display_id": "Net", "type": "calc", "formula": "Amount * Count"},
    {
        "display_id": "Label",
        "type": "calc",
        "result": "text",
        "formula": "No & ' ' & Name & ' (' & Rank & ', ' & State & ')'",
        "as_title": True,
        "title_order": 1,
    },
    {"display_id": "Big", "type": "calc", "result": "boolean", "formula": "Net >= 100"},
    {"display_id": "Later", "type": "calc", "result": "datetime", "formula": "adddays(Due, 7)"},
    {"display_id": "Off", "type": "calc", "formula": "{Buyer.off} + 0"},
    {"display_id": "For", "type": "calc", "result": "text", "formula": "{Buyer}"},
    {"display_id": "Stamp", "type": "calc", "result": "datetime", "formula": "now()"},
    {"display_id": "Bare", "type": "calc"},
]
CALCS = ("Gross", "Net", "Label", "Big", "Later", "Off", "For", "Stamp", "Bare")
STATUSES = [{"display_id": "Open", "name": "Open"}, {"display_id": "Shut", "name": "Shut"}]


def schema(orders: list[dict[str, Any]], **more: Any) -> str:
    """The shop, with these fields of its orders."""
    shut = {"display_id": "Shut", "operation": "update", "status": "Open", "next_status": "Shut"}
    actions = [
        {"display_id": "Make", "operation": "new", "default": True},
        {"display_id": "Hide", "operation": "new", "publish": {"roles": []}},
        {"display_id": "Edit", "operation": "update", "default": True},
        {"display_id": "Drop", "operation": "delete", "default": True},
    ]
    buyers = [
        {"display_id": "name", "type": "text", "as_title": True},
        {"display_id": "off", "type": "number"},
        {"display_id": "half", "type": "calc", "formula": "off / 2"},
    ]
    workspace = {
        "name": "Shop",
        "users": [
            {"email": f"{one}@shop.test", "name": one, "password": f"{one}-password"}
            for one in ("ann", "bob")
        ],
        "applications": [
            {
                "display_id": "SHOP",
                "roles": [{"display_id": "MEMBER", "users": ["ann@shop.test", "bob@shop.test"]}],
                "datastores": [
                    {
                        "display_id": "BUYERS",
                        "fields": more.get("buyers", buyers),
                        "actions": actions,
                    },
                    {
                        "display_id": "ORDERS",
                        "fields": orders,
                        "statuses": STATUSES,
                        "actions": [*actions, shut],
                    },
                ],
            }
        ],
    }
    return json.dumps({"workspaces": [workspace]})


class Shop(Client):
    """A client of the shop."""

    def apply(self, orders: list[dict[str, Any]], *allow: str, **more: Any) -> list[str]:
        app = self.served.app
        made = schema_apply(app.store, app.ids, app.clock, loads(schema(orders, **more)), allow)
        return [str(one) for one in self.served.run(made)]

    def refused(self, orders: list[dict[str, Any]]) -> str:
        with pytest.raises(SchemaError) as raised:
            self.apply(orders)
        return str(raised.value)

    def changes(self, item: str) -> list[dict[str, Any]]:
        """Of each history entry, what it says of calc fields, by display id."""

        def look(connection: Any) -> list[dict[str, Any]]:
            rows = connection.query("SELECT id, display_id FROM definitions WHERE kind = 'field'")
            names = dict(rows)
            text = "SELECT changes FROM histories WHERE item_id = ? ORDER BY seq"
            found = [json.loads(row[0]) for row in connection.query(text, (item,))]
            told = [{names.get(key): one for key, one in entry.items()} for entry in found]
            return [{key: entry[key] for key in CALCS if key in entry} for entry in told]

        return self.served.run(self.served.app.store.scan(look))

    def count(self, table: str) -> int:
        def look(connection: Any) -> int:
            return int(connection.query(f"SELECT count(*) FROM {table}")[0][0])

        return self.served.run(self.served.app.store.scan(look))


kept_shop = kept(lambda url: Shop(url, schema(ORDERS)))


@pytest.fixture
def shop(kept_shop) -> Shop:
    return kept_shop.take()


def changed(name: str, **settings: Any) -> list[dict[str, Any]]:
    """The fields of the orders, one of them with other settings."""
    return [one | settings if one["display_id"] == name else one for one in ORDERS]


def test_a_new_item_has_its_calc_fields(shop):
    buyer = shop.new("BUYERS", name="ACME", off=5)
    item = shop.new(Amount="12.50", Count=3, Name="Pen", Due="2026-02-26", Rank="gold", Buyer=buyer)
    shown = shop.details(item)
    assert {key: shown[key] for key in CALCS} == {
        "Gross": 41.25,
        "Net": 37.5,
        "Label": "N-001 Pen (gold, Open)",
        "Big": "false",
        "Later": "2026-03-05T00:00:00.000Z",
        "Off": 5,
        "For": "ACME",
        "Stamp": "2026-01-05T09:00:00.000Z",
        "Bare": None,
    }
    assert shown["title"] == "Pen N-001 Pen (gold, Open)"
    [row] = shop.search()
    assert (row["Gross"], row["Net"], row["Big"]) == ("41.25", "37.5", "false")
    assert (row["Later"], row["Off"], row["title"]) == ("2026-03-05T00:00:00Z", "5", shown["title"])
    [row] = shop.search(return_number_value=True)
    assert (row["Gross"], row["Net"]) == (41.25, 37.5)


def test_an_update_computes_what_follows_and_history_tells_it(shop):
    item = shop.new(Amount=10, Count=2, Name="Pen")
    shop.clock.advance(seconds=60)
    answer = shop.edit(item, Count=20)
    assert (answer["item"]["Net"], answer["item"]["Gross"]) == (200, 220)
    assert answer["item"]["Big"] == "true"
    shown = shop.details(item)
    assert (shown["Net"], shown["Gross"], shown["Big"], shown["rev"]) == (200, 220, "true", 2)
    first, second = shop.changes(item)
    assert (first["Net"], first["Label"]) == ([None, 20], [None, "N-001 Pen (, Open)"])
    assert second == {
        "Net": [20, 200],
        "Gross": [22, 220],
        "Big": [False, True],
        "Stamp": [1767603600000, 1767603660000],
    }


def test_a_status_that_moves_counts_and_the_title_follows(shop):
    item = shop.new(Name="Pen")
    body = {"is_force_update": True, "action_id": "Shut"}
    shop.send("POST", f"ORDERS/items/edit/{item}", body)
    assert shop.details(item)["title"] == "Pen N-001 Pen (, Shut)"


def test_an_action_that_changes_nothing_but_a_calc_field_has_changed_something(shop):
    item = shop.new(Name="Pen")
    shop.clock.advance(seconds=1)
    answer = shop.edit(item)
    assert answer["itemHistory"]["IsChanged"] is True
    assert list(shop.changes(item)[1]) == ["Stamp"]


def test_nobody_writes_a_calc_field(shop):
    body = {"item": {"Net": 5}}
    answer = shop.send("POST", "ORDERS/items/new", body, status=400)
    assert "a field of type calc can't be written" in json.dumps(answer)
    assert shop.search() == []


def test_what_has_no_result_is_empty_and_stops_no_write(shop):
    shop.apply(changed("Net", formula="Amount / Count"))
    item = shop.new(Amount=1, Count=0)
    assert (shop.details(item)["Net"], shop.details(item)["Big"]) == (None, None)
    shop.apply(changed("Net", formula="Amount * Amount * Amount"))
    item = shop.new(Amount=1_000_000)
    assert shop.details(item)["Net"] is None  # beyond 2^53


def test_a_looked_up_item_is_read_at_the_write_and_not_followed_later(shop):
    buyer, other = shop.new("BUYERS", name="ACME", off=5), shop.new("BUYERS", name="Bee", off=6)
    item = shop.new(Buyer=buyer)
    shop.edit(buyer, "BUYERS", off=7, name="Acme Ltd")
    shown = shop.details(item)
    assert (shown["Off"], shown["For"]) == (5, "ACME")
    shop.edit(item, Name="again")
    shown = shop.details(item)
    assert (shown["Off"], shown["For"]) == (7, "Acme Ltd")
    shop.edit(item, Buyer=other)
    assert shop.details(item)["Off"] == 6
    shop.send("DELETE", f"BUYERS/items/delete/{other}", {})
    assert shop.details(item)["Off"] == 6
    shop.edit(item, Name="once more")
    shown = shop.details(item)
    assert (shown["Off"], shown["For"], shown["Buyer"]) == (None, None, None)


def test_a_formula_reads_a_looked_up_item_whoever_writes(shop):
    buyer = shop.new("BUYERS", "Hide", name="ACME", off=5)  # Ann's alone
    item = shop.new(Buyer=buyer)
    shop.edit(item, user="bob", Name="by Bob")
    shown = shop.details(item)
    assert (shown["Off"], shown["For"]) == (5, "ACME")


def test_items_written_together_read_what_the_write_itself_did(shop):
    buyer = shop.new("BUYERS", name="ACME", off=5)
    items = [shop.new(Buyer=buyer) for _ in range(30)]
    orders = [
        {"operation": 2, "i_id": item, "action_id": "Edit", "item": {"Name": "n"}} for item in items
    ]
    body = {
        "item": {"off": 9},
        "is_force_update": True,
        "ensure_transaction": True,
        "related_ds_items": {"ORDERS": orders},
    }
    shop.send("POST", f"BUYERS/items/edit/{buyer}", body)
    assert {shop.details(item)["Off"] for item in items} == {9}


def test_many_items_that_look_up_different_ones_are_written_at_once(shop):
    items = [shop.new(Buyer=shop.new("BUYERS", off=at)) for at in range(40)]
    parent = shop.new("BUYERS")
    orders = [
        {"operation": 2, "i_id": item, "action_id": "Edit", "item": {"Name": "n"}} for item in items
    ]
    body = {"item": {}, "is_force_update": True, "related_ds_items": {"ORDERS": orders}}
    answer = shop.send("POST", f"BUYERS/items/edit/{parent}", body)
    assert not answer["error"]
    assert [shop.details(item)["Off"] for item in items] == list(range(40))


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ({"id": "Net", "search_value": [15, 25]}, ["b"]),
        ({"id": "Net", "search_value": ["30"]}, ["c"]),
        ({"id": "Net", "include_null": True}, ["d"]),
        ({"id": "Label", "search_value": ["n-002"]}, ["b"]),
        ({"id": "Label", "search_value": ["N-002 b (, Open)"], "exact_match": True}, ["b"]),
        ({"id": "Big", "search_value": ["true"]}, ["c"]),
        ({"id": "Later", "search_value": ["2026-01-08"]}, ["a"]),
        ({"id": "Later", "search_value": [None, "2026-01-09"]}, ["a", "b"]),
    ],
)
def test_calc_fields_are_searched_as_what_they_give(shop, search, expected):
    shop.apply(changed("Big", formula="Net >= 30"))
    fill(shop)
    assert [one["Name"] for one in shop.search(conditions=[search])] == expected


@pytest.mark.parametrize("field", ["Net", "Label", "Big", "Later"])
def test_calc_fields_are_sorted_as_what_they_give(shop, field):
    fill(shop)
    found = shop.search(sort_field_id=field, sort_order="desc")
    values = [one[field] for one in found if one[field] is not None]
    key = float if field == "Net" else str
    assert values == sorted(values, key=key, reverse=True)
    if field == "Net":
        assert [one["Name"] for one in found] == ["c", "b", "a", "d"]


def fill(shop: Shop) -> None:
    """Four orders, the last of which has little."""
    for at, name in enumerate("abc", 1):
        shop.new(Name=name, Amount=10, Count=at, Due=f"2026-01-0{at}")
    shop.new(Name="d")


def test_fields_and_settings_tell_formulas_with_display_ids(shop):
    fields = shop.send("GET", "ORDERS/fields")["fields"]
    told = {one["display_id"]: one for one in fields.values()}
    assert told["Off"]["dataType"] == "calc"
    assert told["Off"]["calc_info"] == {"formula": "{Buyer.off} + 0", "result": "number"}
    assert told["Bare"]["calc_info"] == {"formula": "", "result": "number"}


# --- definitions ------------------------------------------------------------------------------


def test_an_apply_again_and_an_export_change_nothing(shop):
    assert shop.apply(ORDERS) == []
    app = shop.served.app
    text = shop.served.run(schema_export(app.store))
    assert "{Buyer.off} + 0" in text
    assert shop.served.run(schema_plan(app.store, app.ids, loads(text))) == []


def test_a_new_calc_field_and_another_formula_compute_the_items_that_are_there(shop):
    buyer = shop.new("BUYERS", name="ACME", off=4)
    items = [shop.new(Amount=at, Count=2, Buyer=buyer) for at in range(3)]
    histories, events = shop.count("histories"), shop.count("outbox")
    fields = [
        *changed("Net", formula="Amount + 100"),
        {"display_id": "Half", "type": "calc", "formula": "{Buyer.half} + Gross"},
    ]
    lines = shop.apply(fields)
    assert lines[-1] == "+ field SHOP/ORDERS/Half (calc)"
    assert any(line.startswith("~ field SHOP/ORDERS/Net: formula") for line in lines)
    shown = [shop.details(item) for item in items]
    assert [one["Net"] for one in shown] == [100, 101, 102]
    assert [one["Gross"] for one in shown] == [110, 111.1, 112.2]
    assert [one["Half"] for one in shown] == [112, 113.1, 114.2]
    assert [one["rev"] for one in shown] == [1, 1, 1]
    assert (shop.count("histories"), shop.count("outbox")) == (histories, events)


def test_many_items_are_computed_in_portions(shop, monkeypatch):
    monkeypatch.setattr("hikidashi.storage.recompute.PORTION_ITEMS", 3)
    items = [shop.new(Amount=at, Count=1, Name=f"{at}") for at in range(8)]
    shop.send("DELETE", f"ORDERS/items/delete/{items.pop(3)}", {})
    shop.apply(changed("Net", formula="Amount * 10"))
    assert [shop.details(item)["Net"] for item in items] == [0, 10, 20, 40, 50, 60, 70]


def test_new_formulas_of_two_datastores_are_computed_the_read_one_first(shop):
    buyer = shop.new("BUYERS", name="ACME", off=4)
    item = shop.new(Buyer=buyer)
    buyers = [{"display_id": "twice", "type": "calc", "formula": "off * 2"}]
    more = [*ORDERS, {"display_id": "Twice", "type": "calc", "formula": "{Buyer.twice} + 1"}]
    shop.apply(more, buyers=buyers)
    assert shop.details(item)["Twice"] == 9


def test_another_result_type_changes_the_column_and_no_formula_empties_it(shop):
    item = shop.new(Amount=10, Count=2, Name="Pen")
    others = {"Gross": {"formula": "1"}, "Big": {"formula": "false"}}
    fields = [
        one | others.get(one["display_id"], {})
        for one in changed("Net", formula="Amount & ' x ' & Count", result="text")
    ]
    shop.apply(fields)
    assert shop.details(item)["Net"] == "10 x 2"
    [entry] = shop.send("GET", f"ORDERS/items/histories/{item}")["histories"]
    assert entry["changes"]["Net"] == {"from": None, "to": None}  # it was a number then
    assert entry["changes"]["Amount"] == {"from": None, "to": 10}
    assert len(shop.search(conditions=[{"id": "Net", "search_value": ["X 2"]}])) == 1
    assert shop.apply(fields) == []
    emptied = [one | {"formula": ""} if one["display_id"] == "Net" else one for one in fields]
    shop.apply(emptied)
    assert shop.details(item)["Net"] is None
    shop.edit(item, Count=3)
    assert shop.details(item)["Net"] is None


def test_a_field_may_be_renamed_and_formulas_go_on(shop):
    item = shop.new(Amount=10, Count=2)
    renamed = [
        {**one, "display_id": "Price", "was": "Amount"} if one["display_id"] == "Amount" else one
        for one in ORDERS
        if one["display_id"] != "Net"
    ]
    shop.apply(renamed)
    shop.edit(item, Price=11)
    assert shop.details(item)["Net"] == 22
    assert "{Price} * {Count}" in shop.served.run(schema_export(shop.served.app.store))


def test_a_renamed_option_that_a_formula_reads_is_computed_anew(shop):
    item = shop.new(Name="Pen", Rank="gold")
    renamed = [{"display_id": "best", "was": "gold"}, {"display_id": "tin"}]
    shop.apply(changed("Rank", options=renamed))
    assert shop.details(item)["Label"] == "N-001 Pen (best, Open)"


@pytest.mark.parametrize(
    ("name", "settings", "reason"),
    [
        (
            "Net",
            {"formula": "Amount *"},
            "can't work: a value is expected, not the end (at character 9)",
        ),
        ("Net", {"formula": "Amount + Nope"}, "there is no field Nope (at character 10)"),
        ("Net", {"formula": "{Buyer.nope}"}, "there is no field nope in BUYERS (at character 1)"),
        ("Net", {"formula": "1 + {Amount.x}"}, "Amount looks up no item (at character 5)"),
        (
            "Net",
            {"formula": "Amount + Name"},
            "`+` takes a number, this is a text; `&` joins texts (at character 10)",
        ),
        ("Net", {"formula": "Amount & Name"}, "gives a text, but the field is to hold a number"),
        ("Net", {"formula": "Gross + 1"}, "needs its own value: Gross -> Net -> Gross"),
        ("Net", {"formula": "Net + 1"}, "needs its own value: Net -> Net"),
        (
            "Net",
            {"formula": "sum(Amount, rownd(Count))"},
            "there is no function rownd; there is round (at character 13)",
        ),
        ("Net", {"result": "money"}, "result"),
        ("Name", {"formula": "1"}, "means nothing for a text field"),
        ("Count", {"deleted": True}, "there is no field Count (at character 10)"),
    ],
)
def test_a_formula_that_can_not_work_is_refused_with_its_place(shop, name, settings, reason):
    told = shop.refused(changed(name, **settings))
    assert reason in told, told
    assert shop.apply(ORDERS) == []


def test_a_field_that_formulas_read_can_not_go(shop):
    told = shop.refused([{"display_id": "Count", "deleted": True}])
    assert "Net has a formula that can't work: there is no field Count (at character 12)" in told


def test_all_formulas_of_a_datastore_together_have_a_bound(shop):
    long = " + ".join(["sum(" + ",".join(["Amount"] * 97) + ")"] * 10)
    more = [{"display_id": f"C{at}", "type": "calc", "formula": long} for at in range(11)]
    assert f"at most {FORMULAS_NODES_MAX} are allowed" in shop.refused([*ORDERS, *more])


def test_titles_follow_the_definitions(shop):
    item = shop.new(Name="Pen", Amount=3, Rank="tin")
    shop.apply(changed("Label", as_title=False))
    assert shop.details(item)["title"] == "Pen"
    two = [
        one | {"as_title": True, "title_order": 2}
        if one["display_id"] in ("Amount", "Rank")
        else one
        for one in changed("Label", as_title=False)
    ]
    shop.apply(two)
    assert shop.details(item)["title"] == "Pen 3 Tin"
    shop.apply([one | {"title_order": 3} if one["display_id"] == "Name" else one for one in two])
    shown = shop.details(item)
    assert (shown["title"], shown["rev"]) == ("3 Tin Pen", 1)
    [row] = shop.search(sort_field_id="title")
    assert row["title"] == "3 Tin Pen"
