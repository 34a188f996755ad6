"""A lookup links its item to what it looks up, and back where its field says so, as long as it names it."""

from __future__ import annotations


def test_a_lookup_links_as_long_as_it_names_its_target(rules):
    first, second = rules.make("ORDERS"), rules.make("ORDERS")
    order = rules.make("ORDERS", before=first)
    assert rules.links("lookup") == {(order, first)}
    assert rules.edit("ORDERS", order, before=second).status == 200
    assert rules.links("lookup") == {(order, second)}
    assert rules.edit("ORDERS", order, name="x").status == 200
    assert rules.links("lookup") == {(order, second)}
    assert rules.edit("ORDERS", order, before=None).status == 200
    assert rules.links("lookup") == set()
    assert rules.edit("ORDERS", order, before=order).status == 200  # nothing is linked to itself
    assert rules.links("lookup") == set()


def test_a_field_that_links_back_shows_who_looks_an_item_up(rules):
    customer = rules.make("CUSTOMERS")
    order = rules.make("ORDERS", buyer=customer)
    assert rules.links("lookup") == {(order, customer), (customer, order)}
    path = rules.path("CUSTOMERS", f"items/links/{customer}?linked_p_id=SALES&linked_d_id=ORDERS")
    assert order in rules.call("GET", path, user="bob").body.decode()
    assert order not in rules.call("GET", path, user="eve").body.decode()
    body = {"conditions": [], "page": 1, "per_page": 0, "include_links": True}
    listed = rules.call("POST", rules.path("CUSTOMERS", "items/search"), body, user="bob").json
    [item] = listed["items"]
    assert item["item_links"]["links"][0]["items"] == [{"i_id": order, "type": "lookup"}]
    assert rules.edit("ORDERS", order, buyer=None).status == 200
    assert rules.links("lookup") == set()


def test_a_deleted_target_takes_the_link_along_and_a_copy_makes_none_to_it(rules):
    target = rules.make("ORDERS")
    order = rules.make("ORDERS", before=target)
    path = rules.path("ORDERS", f"items/action/{order}/Copy")
    copied = rules.call("POST", path, {"is_force_update": True}, user="bob")
    assert copied.status == 200, copied.body
    assert {to for _, to in rules.links("lookup")} == {target}
    assert len(rules.links("lookup")) == 2
    assert rules.remove("ORDERS", target).status == 200
    assert rules.links("lookup") == set()
    assert rules.call("POST", path, {"is_force_update": True}, user="bob").status == 200
    assert rules.links("lookup") == set()


def test_the_event_of_the_item_tells_what_its_lookup_has_linked(rules):
    target = rules.make("ORDERS")
    order = rules.make("ORDERS", before=target)
    [(body,)] = rules.rows("SELECT body FROM outbox WHERE item_id = ?", order)
    assert target in body
    assert rules.rows("SELECT count(*) FROM outbox WHERE kind = 'links.changed'") == [(0,)]
