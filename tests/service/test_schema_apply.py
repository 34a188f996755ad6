"""Schema files applied: what is made, changed, renamed and taken away, on both engines."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hikidashi.core.actions import FieldRule, Operation
from hikidashi.service.demo import demo_schema
from hikidashi.service.identity import hash_secret
from hikidashi.service.passwords import verify_password
from tests.schema_world import ANN_HASH, BOB_HASH, SHOP, SchemaWorld, shop

ANN = f"password_hash: '{ANN_HASH}'"
BOB = f"password_hash: '{BOB_HASH}'"


@pytest.fixture
def world(engine_url: str, clock, ids) -> Iterator[SchemaWorld]:
    made = SchemaWorld(engine_url, clock, ids)
    yield made
    made.close()


@pytest.fixture
def sold(world: SchemaWorld) -> SchemaWorld:
    """The world with the shop applied."""
    world.apply(SHOP)
    return world


def test_a_file_applied_again_changes_nothing(sold):
    before = sold.dump()
    assert sold.plan(SHOP) == []
    assert sold.apply(SHOP) == []
    assert sold.dump() == before


def test_a_plan_names_each_thing_that_an_apply_makes_and_makes_nothing(world):
    planned = world.plan(SHOP)
    assert world.dump() == [[]] * len(world.dump())
    assert world.apply(SHOP) == planned
    assert "+ field SHOP/orders/name (text)" in planned
    assert "+ action SHOP/orders/Finish (update)" in planned
    assert "+ user ann@shop.test (admin)" in planned
    assert "+ EAST to role SHOP/CLERK" in planned
    assert "+ key SHOP/site" in planned


def test_every_key_of_a_file_arrives_in_the_catalogue(sold):
    catalog, project, orders = sold.catalog, sold.project(), sold.datastore()
    assert (catalog.name, catalog.time_zone) == ("Shop", "Asia/Tokyo")
    assert (project.row_code, project.names) == ("shoptestcode", {"en": "Shop", "ja": "店"})
    assert [one.display_id for one in project.roles] == ["ADMIN", "CLERK", "MEMBER"]
    assert [one.may_design for one in project.roles] == [True, False, False]
    assert orders.row_code == 101
    assert orders.roles == {one.id for one in project.roles}
    number, name, amount, due, size, customer, secret = orders.fields
    settings = number.settings
    assert (settings.prefix, settings.digits, settings.zero_padding) == ("O-", 6, True)
    assert number.unique
    assert name.as_title
    assert name.names == {"en": "name"}
    assert (amount.settings.min_value, amount.settings.max_value) == (0, 1000)
    assert due.settings.min_value == 1577836800000
    small, large = size.settings.options
    assert (small.label, large.color) == ({"en": "Small", "ja": "小"}, "red")
    assert size.settings.selected == small.id
    customers = sold.datastore("customers")
    assert customer.settings.lookup_datastore == customers.id
    assert customer.settings.lookup_field == customers.fields[0].id
    assert secret.roles == {project.find_role("ADMIN").id}
    assert secret.layout == (0, 3, 2, 1)


def test_actions_arrive_with_their_rules_roles_and_publishing(sold):
    orders, project = sold.datastore(), sold.project()
    create, _, finish = orders.actions
    everyone = {one.id for one in project.roles}
    assert (create.operation, create.is_default) == (Operation.NEW, True)
    assert (create.roles, create.publish_roles, create.publish_groups) == (
        everyone,
        everyone,
        False,
    )
    assert (finish.status, finish.next_status) == tuple(one.id for one in orders.statuses)
    assert finish.roles == {project.find_role("CLERK").id}
    assert finish.publish_roles == {project.find_role("ADMIN").id}
    assert finish.publish_groups
    assert finish.rules == {
        orders.find_field("amount").id: FieldRule(mandatory=True),
        orders.find_field("secret").id: FieldRule(update=False),
    }


def test_a_datastore_that_names_no_actions_gets_the_four_default_ones(sold):
    customers = sold.datastore("customers")
    assert [one.display_id for one in customers.actions] == [
        "CreateItem",
        "UpdateItem",
        "DeleteItem",
        "CopyItem",
    ]
    assert all(one.is_default for one in customers.actions)
    assert all(one.publish_roles == customers.roles for one in customers.actions)
    assert customers.statuses == ()


def test_people_are_in_their_groups_with_their_roles(sold):
    people, catalog, project = sold.people, sold.catalog, sold.project()
    ids = {one.email: one.id for one in people.users}
    assert people.admins == {ids["ann@shop.test"]}
    east, everyone = catalog.find_group("EAST"), catalog.find_group("ALL")
    assert catalog.groups_below(everyone.id) == [
        everyone.id,
        east.id,
        catalog.find_group("WEST").id,
    ]
    assert people.group_members == {
        (everyone.id, ids["ann@shop.test"]),
        (east.id, ids["bob@shop.test"]),
    }
    clerk = project.find_role("CLERK").id
    assert people.group_roles == {(clerk, east.id)}
    (key,) = people.keys
    assert people.user_roles == {
        (project.find_role("ADMIN").id, ids["ann@shop.test"]),
        (clerk, key.user),
    }


def test_passwords_and_keys_are_kept_as_hashes(sold):
    text = shop((ANN, "password: ann-password"))
    assert sold.plan(text) == []
    ann = next(one for one in sold.people.users if one.name == "Ann")
    assert verify_password(ann.password_hash, "ann-password")
    (key,) = sold.people.keys
    assert key.hash == hash_secret("the-key-of-the-site")
    assert "the-key-of-the-site" not in repr(sold.dump())
    assert "ann-password" not in repr(sold.dump())


def test_auto_numbers_start_with_two_counters_at_zero(sold):
    number = sold.datastore().find_field("number").id
    rows = sold.query("SELECT field_id, branch, last FROM counters ORDER BY branch")
    assert rows == [(number, "+", 0), (number, "-", 0)]


def test_both_numbers_rise_with_a_change_and_rest_without(sold):
    catalog, people = sold.numbers
    sold.apply(SHOP)
    assert sold.numbers == (catalog, people)
    sold.apply(shop(("en: Shop, ja", "en: Store, ja")))
    assert sold.numbers == (catalog + 1, people)
    sold.apply(shop(("en: Shop, ja", "en: Store, ja"), ("name: Bob, p", "name: Robert, p")))
    assert sold.numbers[0] == catalog + 1
    assert sold.numbers[1] > people


# --- changes ----------------------------------------------------------------------------------

CHANGES = [
    (
        ("time_zone: Asia/Tokyo", "time_zone: UTC"),
        "~ workspace Shop: time_zone (Asia/Tokyo -> UTC)",
    ),
    (("name: Bob, pass", "name: Rob, pass"), "~ user bob@shop.test: name"),
    ((BOB, "password: another-password"), "~ user bob@shop.test: password"),
    ((f"{BOB}}}", f"{BOB}, admin: true}}"), "~ user bob@shop.test: admin (true)"),
    (("{display_id: WEST}", "{display_id: WEST, name: West}"), "~ group WEST: name"),
    (
        ("{display_id: WEST}", "{display_id: WEST, members: [bob@shop.test]}"),
        "+ bob@shop.test to group WEST",
    ),
    (
        ("members: [ann@shop.test]", "members: [{email: ann@shop.test, deleted: true}]"),
        "- ann@shop.test from group ALL",
    ),
    (
        ("shoptestcode", "shoptestcod2"),
        "~ application SHOP: hottask_code ('shoptestcode' -> 'shoptestcod2')",
    ),
    (
        ("hottask_table: 101", "hottask_table: 7"),
        "~ datastore SHOP/orders: hottask_table (101 -> 7)",
    ),
    (
        ("hottask_table: 101", "hottask_table: 101\n            roles: [CLERK]"),
        "~ datastore SHOP/orders: roles",
    ),
    (("groups: [EAST]", "groups: [EAST, WEST]"), "+ WEST to role SHOP/CLERK"),
    (("groups: [EAST]", "may_design: true"), "~ role SHOP/CLERK: may_design (false -> true)"),
    (("{display_id: done}", "{display_id: done, name: Done}"), "~ status SHOP/orders/done: name"),
    (("digit: 6", "digit: 4"), "~ field SHOP/orders/number: digit (6 -> 4)"),
    (("as_title: true", "search: false"), "~ field SHOP/orders/name: search (true -> false)"),
    (("max: 1000", "max: ''"), "~ field SHOP/orders/amount: max"),
    (("roles: [ADMIN], layout", "roles: every, layout"), "~ field SHOP/orders/secret: roles"),
    (("selected: S", "selected: L"), "~ field SHOP/orders/size: selected"),
    (("name: Large, color", "name: Big, color"), "~ field SHOP/orders/size: options"),
    (("{display_id: L, n", "{display_id: XL, was: L, n"), "~ field SHOP/orders/size: options"),
    (("status: open\n", "status: ''\n"), "~ action SHOP/orders/Finish: status"),
    (("{mandatory: true}", "{mandatory: false}"), "~ action SHOP/orders/Finish: fields"),
    (("groups: true}", "groups: false}"), "~ action SHOP/orders/Finish: publish"),
    (("key: the-key-of-the-site", "key: another-key-of-it"), "~ key SHOP/site: key"),
    (("roles: [CLERK]}", "roles: [MEMBER], read_only: true}"), "~ key SHOP/site: read_only, roles"),
    (
        ("{display_id: done}", "{display_id: done}\n              - {display_id: gone}"),
        "+ status SHOP/orders/gone",
    ),
    (
        ("- {display_id: done}", "- {display_id: finished, was: done}"),
        "~ status SHOP/orders/finished: display_id (done -> finished)",
    ),
    (
        ("- display_id: customers\n", "- display_id: clients\n            was: customers\n"),
        "~ datastore SHOP/clients: display_id (customers -> clients)",
    ),
]


@pytest.mark.parametrize(("change", "line"), CHANGES, ids=[line for _, line in CHANGES])
def test_a_change_is_told_in_one_line_and_holds_once_applied(sold, change, line):
    text = shop(change)
    if "clients" in text:
        text = text.replace("datastore: customers", "datastore: clients")
    if "finished" in text:
        text = text.replace("next_status: done", "next_status: finished")
    (told,) = sold.plan(text)
    assert told.startswith(line)
    assert sold.apply(text) == [told]
    assert sold.plan(text) == []


def test_what_a_file_leaves_out_stays_as_it_is(sold):
    before = sold.dump()
    little = """
workspaces:
  - name: Shop
    applications:
      - display_id: SHOP
        datastores:
          - display_id: orders
            fields:
              - {display_id: amount}
              - {display_id: secret, layout: {row: 3}}
"""
    assert sold.apply(little) == []
    assert sold.dump() == before


def test_siblings_take_the_order_of_the_file_and_unnamed_ones_follow_their_neighbour(sold):
    little = """
workspaces:
  - name: Shop
    applications:
      - display_id: SHOP
        datastores:
          - display_id: orders
            fields:
              - {display_id: secret}
              - {display_id: fresh, type: boolean}
              - {display_id: number}
"""
    assert sold.apply(little) == [
        "~ order of fields in SHOP/orders",
        "+ field SHOP/orders/fresh (boolean)",
    ]
    names = [one.display_id for one in sold.datastore().fields]
    assert names == ["secret", "fresh", "number", "name", "amount", "due", "size", "customer"]
    assert sold.plan(little) == []


def test_a_new_field_of_a_filled_datastore_is_empty_and_can_be_used(sold):
    sold.insert_items(["a", "b"], "name")
    sold.apply(shop(("roles: [ADMIN], layout", "layout"), ("type: number,", "type: number,")))
    field = "- {display_id: extra, type: checkbox, has_index: true}\n              - {display_id: amount"
    sold.apply(shop(("- {display_id: amount", field)))
    extra = sold.datastore().find_field("extra")
    assert sold.query(f"SELECT f_{extra.id} FROM i_{sold.datastore().id}") == [(None,), (None,)]


def test_names_can_be_swapped_in_one_file(sold):
    before = {one.display_id: one.id for one in sold.datastore().statuses}
    text = shop(
        ("- {display_id: open}", f"- {{id: {before['open']}, display_id: done}}"),
        ("- {display_id: done}", f"- {{id: {before['done']}, display_id: open}}"),
    )
    sold.apply(text)
    assert {one.display_id: one.id for one in sold.datastore().statuses} == {
        "open": before["done"],
        "done": before["open"],
    }


def test_a_group_moves_under_another(sold):
    west = "        - {display_id: WEST}\n"
    under = shop((west, "")).replace(
        "members: [bob@shop.test]}", "members: [bob@shop.test], children: [{display_id: WEST}]}"
    )
    assert sold.apply(under) == ["~ group WEST: moves under EAST"]
    catalog = sold.catalog
    assert catalog.find_group("WEST").parent == catalog.find_group("EAST").id


def test_a_renamed_field_keeps_its_column_and_its_values(sold):
    sold.insert_items(["a"], "name")
    before = sold.datastore().find_field("name").id
    text = shop(
        ("{display_id: name, type: text, as", "{display_id: label, was: name, type: text, as")
    )
    assert sold.apply(text) == ["~ field SHOP/orders/label: display_id (name -> label)"]
    assert sold.datastore().find_field("label").id == before
    assert sold.plan(text) == []


def test_a_changed_password_ends_the_sessions_of_its_user(sold):
    bob = next(one.id for one in sold.people.users if one.name == "Bob")
    sold.query("INSERT INTO sessions VALUES ('s', ?, 0, 0, 0)", bob)
    sold.apply(shop(("name: Bob, pass", "name: Rob, pass")))
    assert sold.query("SELECT id FROM sessions") == [("s",)]
    sold.apply(shop((BOB, "password: another-password")))
    assert sold.query("SELECT id FROM sessions") == []


def test_a_user_of_two_workspaces_is_one_user(sold):
    second = "  - {name: Office, users: [{email: ann@shop.test}, {email: cat@shop.test}]}\n"
    lines = sold.apply(f"{SHOP}{second}")
    assert "+ user ann@shop.test joins" in lines
    assert sold.query("SELECT count(*) FROM users WHERE email = 'ann@shop.test'") == [(1,)]
    assert sold.plan(f"{SHOP}{second}") == []


# --- taking away ------------------------------------------------------------------------------

DROPS = [
    (("max: 1000}", "max: 1000, deleted: true}"), "SHOP/orders/amount", "field"),
    (("- {display_id: done}", "- {display_id: done, deleted: true}"), "SHOP/orders/done", "status"),
    (
        ("- display_id: SHOP\n", "- display_id: SHOP\n        deleted: true\n"),
        "SHOP",
        "application",
    ),
    (("- {display_id: WEST}", "- {display_id: WEST, deleted: true}"), "WEST", "group"),
]


@pytest.mark.parametrize(("change", "name", "kind"), DROPS, ids=[name for _, name, _ in DROPS])
def test_what_destroys_data_waits_to_be_allowed_by_name(sold, change, name, kind):
    text = shop(change)
    text = text.replace("status: done\n", "status: ''\n").replace(
        "{amount: {mandatory: true}, ", "{"
    )
    sold.apply(SHOP.replace("status: done\n", "status: ''\n"))
    planned = [line for line in sold.plan(text) if line.startswith("- ") and "key" not in line]
    assert planned == [f"- {kind} {name}, destroys data (needs --allow-destroy {name!r})"]
    (problem,) = sold.problems(text, "SHOP/orders/other")
    assert f"- {kind} {name} destroys data" in problem
    assert f"- {kind} {name}" in sold.apply(text, name)
    assert sold.plan(text) == []


def test_a_deleted_field_leaves_its_values_aside_and_its_name_free(sold):
    sold.insert_items([5.0], "amount")
    old = sold.datastore().find_field("amount").id
    rules = ("{amount: {mandatory: true}, ", "{")
    sold.apply(shop(("max: 1000}", "max: 1000, deleted: true}"), rules), "SHOP/orders/amount")
    assert sold.datastore().find_field("amount") is None
    assert sold.query(f"SELECT x_{old} FROM i_{sold.datastore().id}") == [(5.0,)]
    sold.apply(SHOP)
    assert sold.datastore().find_field("amount").id != old


def test_a_deleted_option_is_destruction_and_a_disabled_one_is_not(sold):
    assert sold.apply(shop(("color: red", "color: red, enabled: false"))) == [
        "~ field SHOP/orders/size: options"
    ]
    gone = shop(("color: red", "deleted: true"))
    assert sold.problems(gone)
    assert sold.apply(gone, "SHOP/orders/size") == ["~ field SHOP/orders/size: options, drops L"]
    assert [one.display_id for one in sold.datastore().find_field("size").settings.options] == ["S"]


def test_a_deleted_role_is_held_by_nobody_and_named_by_nothing(sold):
    text = shop(
        ("{display_id: CLERK, groups: [EAST]}", "{display_id: CLERK, deleted: true}"),
        ("roles: [CLERK]}", "roles: [MEMBER]}"),
        ("roles: [CLERK]\n", "roles: [MEMBER]\n"),
    )
    sold.apply(text, "SHOP/CLERK")
    assert sold.people.group_roles == set()
    assert [one.display_id for one in sold.project().roles] == ["ADMIN", "MEMBER"]
    assert sold.plan(text) == []


def test_a_user_who_leaves_loses_every_hold_but_stays_known(sold):
    text = shop(
        (f"{BOB}}}", f"{BOB}, deleted: true}}"),
        (", members: [bob@shop.test]}", "}"),
    )
    assert sold.apply(text) == ["- user bob@shop.test"]
    assert [one.name for one in sold.people.users if one.email] == ["Ann"]
    assert len(sold.people.group_members) == 1
    assert sold.query("SELECT name FROM users WHERE email = 'bob@shop.test'") == [("Bob",)]
    assert sold.plan(text) == []


def test_a_revoked_key_opens_nothing_and_its_bot_leaves(sold):
    text = shop(("roles: [CLERK]}", "deleted: true}"))
    assert sold.apply(text) == ["- key SHOP/site"]
    assert sold.people.keys == ()
    assert sold.query("SELECT revoked_at FROM tokens") == [(sold.clock.now_ms(),)]
    assert sold.plan(text) == []


# --- export -----------------------------------------------------------------------------------


def test_an_export_applied_changes_nothing(sold):
    assert sold.plan(sold.export()) == []
    assert sold.plan(sold.export("Shop")) == []


def test_an_export_holds_no_secret_in_clear(sold):
    text = sold.export()
    assert "$argon2id$" in text
    assert hash_secret("the-key-of-the-site") in text
    assert "ann-password" not in text
    assert "the-key-of-the-site" not in text


def test_an_export_makes_the_same_workspace_in_an_empty_database(sold, new_database, tmp_path):
    other = SchemaWorld(new_database(tmp_path), sold.clock, sold.ids)
    try:
        text = sold.export()
        other.apply(text)
        assert other.export() == text
        assert other.plan(SHOP) == []
    finally:
        other.close()


def test_the_demonstration_world_applies_and_exports(world):
    assert world.apply(demo_schema())
    assert world.plan(demo_schema()) == []
    assert world.plan(world.export()) == []
    assert world.plan(demo_schema("another-password", "another-key-of-the-demo")) == [
        "~ user aoi@demo.example: password",
        "~ user ben@demo.example: password",
        "~ user chie@demo.example: password",
        "~ key SALES/demo: key",
    ]
