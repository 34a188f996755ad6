"""What is wrong with a schema file is told with file, line and key, and nothing is applied."""

from __future__ import annotations

from pathlib import Path

import pytest

from hikidashi.core.limits import DISPLAY_ID_CHARS_MAX, FIELDS_PER_DATASTORE_MAX, NAME_CHARS_MAX
from hikidashi.service.identity import hash_secret
from hikidashi.service.schema import SchemaError, load, loads
from tests.kept import kept
from tests.schema_world import BOB_HASH, SHOP, SchemaWorld, make_world, shop

kept_world = kept(make_world)


@pytest.fixture
def world(kept_world) -> SchemaWorld:
    return kept_world.take()


ORDERS = "workspaces[0].applications[0].datastores[0]"
FIELDS, ACTIONS = f"{ORDERS}.fields", f"{ORDERS}.actions"
HEX = "5d4c058baa39555618ac9e98"

# What is written in the place of what; the key that is named, and the reason. The line is that
# of the new text.
FORMS = [
    ("time_zone: Asia/Tokyo", "time_zone: Tokyo", "workspaces[0].time_zone", "is no time zone"),
    ("time_zone: Asia/Tokyo", "timezone: UTC", "workspaces[0].timezone", "is not a key here; time_zone is"),
    ("- name: Shop", "- name:", "workspaces[0].name", "has no value"),
    ("- name: Shop", "- name: 12", "workspaces[0].name", "must be a text; put it in quotes"),
    ("email: bob@shop.test, n", "email: bob, n", "workspaces[0].users[1].email", "is no e-mail address"),
    ("admin: true", "admin: yes", "workspaces[0].users[0].admin", "must be true or false"),
    ("admin: true}", "id: 5}", "workspaces[0].users[0].id", "put it in quotes"),
    (f"password_hash: '{BOB_HASH}'", "password: short", "workspaces[0].users[1].password", "at least 6 characters"),
    ("admin: true", "password: long-enough", "workspaces[0].users[0].password_hash", "can't stand beside password"),
    ("name: Everyone", f"name: {'x' * (NAME_CHARS_MAX + 1)}", "workspaces[0].top_group.name", "at most 500 are allowed"),
    ("display_id: WEST", "display_id: 12", "workspaces[0].top_group.children[1].display_id", "put it in quotes"),
    ("display_id: WEST", f"display_id: {HEX}", "workspaces[0].top_group.children[1].display_id", "looks like an internal id"),
    ("display_id: WEST", "display_id: a/b", "workspaces[0].top_group.children[1].display_id", "must be letters, digits"),
    ("display_id: WEST", f"display_id: {'x' * (DISPLAY_ID_CHARS_MAX + 1)}", "workspaces[0].top_group.children[1].display_id", "at most 128"),
    ("display_id: WEST", "display_id: ''", "workspaces[0].top_group.children[1].display_id", "must not be empty"),
    ("{display_id: WEST}", "{name: West}", "workspaces[0].top_group.children[1]", "needs display_id"),
    ("{display_id: WEST}", "West", "workspaces[0].top_group.children[1]", "must be a mapping"),
    ("{display_id: WEST}", "{display_id: WEST, id: 12x}", "workspaces[0].top_group.children[1].id", "24 lower-case hex"),
    ("shoptestcode", "ShopTestCode", "workspaces[0].applications[0].hottask_code", "12 or 13 lower-case"),
    ("key: the-key-of-the-site", "key: short", "workspaces[0].applications[0].keys[0].key", "at least 16 characters"),
    ("key: the-key-of-the-site", "key_hash: ab", "workspaces[0].applications[0].keys[0].key_hash", "64 hex digits"),
    ("hottask_table: 101", "hottask_table: -1", f"{ORDERS}.hottask_table", "must be a whole number"),
    ("hottask_table: 101", "roles: some", f"{ORDERS}.roles", "must be one of every"),
    ("type: number", "type: money", f"{FIELDS}[2].type", "must be one of text, textarea,"),
    ("digit: 6", "digit: 31", f"{FIELDS}[0].digit", "must be a whole number from 0 to 30"),
    ("display_id: amount", "display_id: title", f"{FIELDS}[2].display_id", "title is reserved"),
    ("display_id: amount", "display_id: Id", f"{FIELDS}[2].display_id", "Id is reserved"),
    ("{display_id: L, name: Large", "{name: Large", f"{FIELDS}[4].options[1]", "needs display_id"),
    ("layout: {row: 3,", "layout: {line: 3,", f"{FIELDS}[6].layout.line", "is not a key here"),
    ("operation: update", "operation: change", f"{ACTIONS}[2].operation", "must be one of new, update"),
    ("{mandatory: true}", "{must: true}", f"{ACTIONS}[2].fields.amount.must", "is not a key here"),
]  # fmt: skip

MEANINGS = [
    ("members: [bob@shop.test]", "members: [eve@shop.test]", "workspaces[0].top_group.children[0].members[0]", "names eve@shop.test, who is no user"),
    ("groups: [EAST]", "groups: [NORTH]", "workspaces[0].applications[0].roles[1].groups[0]", "names the group NORTH, which"),
    ("roles: [CLERK]}", "roles: [BOSS]}", "workspaces[0].applications[0].keys[0].roles", "has no role BOSS"),
    ("roles: [ADMIN], layout", "roles: [BOSS], layout", f"{FIELDS}[6].roles", "has no role BOSS"),
    ("datastore: customers,", "datastore: people,", f"{FIELDS}[5].lookup", "has no datastore people"),
    ("customers, field: name", "customers, field: no", f"{FIELDS}[5].lookup", "has no field no in customers"),
    ("lookup: {datastore", "lookup: {application: no, datastore", f"{FIELDS}[5].lookup", "has no application no"),
    ("selected: S", "selected: XL", f"{FIELDS}[4].selected", "has no option XL"),
    ("as_title: true", "prefix: X", f"{FIELDS}[1].prefix", "means nothing for a text field"),
    ("min: 0, max: 1000", "unique: true, publish: true", f"{FIELDS}[2].publish", "means nothing for a number field"),
    ("min: 0, max: 1000", "max: many", f"{FIELDS}[2].max", "must be a number"),
    ("min: 2020-01-01", "min: 5", f"{FIELDS}[3].min", "must be a date and time"),
    ("min: 0, max: 1000", "min: 5, max: 4", f"{FIELDS}[2]", "amount has a min above its max"),
    ("display_id: amount, type: number", "display_id: amount", f"{FIELDS}[2]", "needs a type"),
    ("display_id: amount", "display_id: name", f"{FIELDS}[2].display_id", "name is the display id of another"),
    ("color: red", "color: red}\n                  - {display_id: S", f"{FIELDS}[4].options", "has the display_id S twice"),
    ("status: open\n", "status: lost\n", f"{ACTIONS}[2].status", "has no status lost"),
    ("status: open\n", "default: true\n                status: open\n", f"{ACTIONS}[2]", "can't be a default: it is bound"),
    ("{amount: {m", "{price: {m", f"{ACTIONS}[2].fields", "has no field price"),
    ("{display_id: UpdateItem, default: true}", "{display_id: Change, default: true}", f"{ACTIONS}[1]", "needs an operation: new, update, delete, copy"),
    ("{display_id: UpdateItem, default: true}", "{display_id: Other, operation: new, default: true}", f"{ACTIONS}[1]", "is a second default to new"),
]  # fmt: skip

# Where a problem of a whole entry is told, if not where the new text begins.
WHERE = {
    "has the display_id S twice": "options:",
    "name is the display id of another": "display_id: name, type: number",
    "can't be a default: it is bound": "display_id: Finish",
}


def at(text: str, piece: str, key: str) -> str:
    line = text[: text.index(piece)].count("\n") + 1
    return f"schema.yaml:{line}: {key}: "


@pytest.mark.parametrize(
    ("old", "new", "key", "reason"), FORMS, ids=[f"{k}: {r}" for _, _, k, r in FORMS]
)
def test_a_wrong_form_is_told_with_line_and_key(old, new, key, reason):
    text = shop((old, new))
    with pytest.raises(SchemaError) as caught:
        loads(text)
    (problem,) = caught.value.problems
    assert str(problem).startswith(at(text, new, key))
    assert reason in str(problem)


@pytest.mark.parametrize(
    ("old", "new", "key", "reason"), MEANINGS, ids=[f"{k}: {r}" for _, _, k, r in MEANINGS]
)
def test_a_wrong_meaning_is_told_with_line_and_key_and_nothing_is_applied(
    world, old, new, key, reason
):
    text = shop((old, new))
    told = world.problems(text)
    (mine,) = [one for one in told if reason in one]
    assert mine.startswith(at(text, WHERE.get(reason, new), key))


def test_all_problems_of_a_file_are_told_at_once_in_the_order_of_its_lines():
    text = shop(("admin: true", "admin: 1"), ("type: number", "type: money"), ("shoptestcode", "x"))
    with pytest.raises(SchemaError) as caught:
        loads(text)
    lines = [one.place.line for one in caught.value.problems]
    assert len(lines) == 3
    assert lines == sorted(lines)
    assert str(caught.value).count("\n") == 2


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("workspaces: [\n  {a: 1\n", 3, "expected"),
        ("workspaces: []\nworkspaces: []\n", 2, "duplicate key"),
        ("- 1\n", 1, "must be a mapping"),
        ("", 1, "must be a mapping"),
        ("{}", 1, "needs workspaces"),
        ("workspaces: 5", 1, "must be a list"),
        ("workspaces: []\nother: 1", 2, "is not a key here"),
        ("workspaces: *x", 1, "undefined alias"),
    ],
)
def test_what_is_no_schema_is_told_with_its_line(text, line, reason):
    with pytest.raises(SchemaError) as caught:
        loads(text, "some.yaml")
    assert str(caught.value).startswith(f"some.yaml:{line}:")
    assert reason in str(caught.value)


def test_a_file_that_is_not_there_or_no_text_is_a_problem_like_others(tmp_path: Path):
    with pytest.raises(SchemaError, match=r"no\.yaml:1: can't be read"):
        load(tmp_path / "no.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SchemaError, match="can't be read"):
        load(tmp_path / "bytes.yaml")


# --- against what is there --------------------------------------------------------------------


def test_a_type_or_operation_never_changes(world):
    world.apply(SHOP)
    (problem,) = world.problems(shop(("amount, type: number", "amount, type: text")))
    assert f"{FIELDS}[2].type: can't change: it is number" in problem
    (problem,) = world.problems(shop(("operation: update", "operation: delete")))
    assert f"{ACTIONS}[2].operation: can't change: it is update" in problem


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("{display_id: done}", "{display_id: done, was: open}", "can't be renamed to done"),
        ("{display_id: done}", f"{{display_id: done, id: {HEX}}}", "is there with the id"),
        ("{display_id: done}", f"{{id: {HEX}}}", "names nothing that is there"),
        ("{display_id: done}", "{display_id: done}\n              - {display_id: done}", "told twice"),
        ("{display_id: CLERK,", "{display_id: MEMBER, deleted: true,", "in every application"),
        ("display_id: ALL", "display_id: CREW", "is a second top group"),
        ("email: bob@shop.test, n", "email: ann@shop.test, was: bob@shop.test, n", "which is another's"),
    ],
)  # fmt: skip
def test_names_and_ids_must_fit_what_is_there(world, old, new, reason):
    world.apply(SHOP)
    told = world.problems(shop((old, new)))
    assert any(reason in one for one in told), told


def test_an_id_is_never_used_for_something_else(world):
    world.apply(SHOP)
    status = world.datastore().statuses[1].id
    taken = shop(("{display_id: WEST}", f"{{display_id: NEW, id: {status}}}"))
    assert "is the id of something else, or was once" in world.problems(taken)[0]
    free = ("{display_id: done}", "{display_id: done, deleted: true}")
    world.apply(shop(free, ("next_status: done", "next_status: ''")), "SHOP/orders/done")
    again = shop(("{display_id: done}", f"{{display_id: done, id: {status}}}"))
    assert "is the id of something else, or was once" in world.problems(again)[0]


def test_nothing_goes_that_something_else_still_needs(world):
    world.apply(SHOP)
    gone = shop(("{display_id: done}", "{display_id: done, deleted: true}"))
    assert "has no status done" in world.problems(gone, "SHOP/orders/done")[0]
    little = """
workspaces:
  - name: Shop
    applications:
      - display_id: SHOP
        datastores: [{display_id: customers, deleted: true}]
"""
    told = world.problems(little, "SHOP/customers")
    assert "customer looks up a datastore that is gone" in told[0]
    group = "workspaces: [{name: Shop, top_group: {display_id: ALL, deleted: true}}]"
    assert "would be left without the group" in world.problems(group, "ALL")[0]


def test_hottask_codes_are_unique_everywhere_and_tables_in_a_workspace(world):
    world.apply(SHOP)
    office = (
        "workspaces: [{name: Office, applications: [{display_id: A, hottask_code: shoptestcode}]}]"
    )
    assert "has the hottask_code shoptestcode of another" in world.problems(office)[0]
    table = shop(
        ("- display_id: customers\n", "- display_id: customers\n            hottask_table: 101\n")
    )
    assert "has the hottask_table 101 of another" in world.problems(table)[0]


def test_a_key_is_never_given_twice(world):
    world.apply(SHOP)
    other = "  - {name: B, applications: [{display_id: B, keys: [{name: b, key: the-key-of-the-site}]}]}"
    assert "is the secret of another key" in world.problems(f"workspaces:\n{other}")[0]
    bare = other.replace("key: the-key-of-the-site", "read_only: true")
    assert "needs a key or a key_hash" in world.problems(f"workspaces:\n{bare}")[0]
    fresh = other.replace("key: the-key-of-the-site", f"key_hash: {hash_secret('new')}")
    assert world.apply(f"workspaces:\n{fresh}")


def test_two_workspaces_of_one_name_are_told_apart_by_id(world):
    world.apply("workspaces: [{name: A}]")
    one = world.workspace
    world.query(
        "INSERT INTO workspaces (id, name, time_zone, catalog_number, people_number, created_at)"
        " VALUES (?, 'A', 'UTC', 1, 1, 0)",
        HEX,
    )
    assert "2 workspaces bear this name" in world.problems("workspaces: [{name: A}]")[0]
    assert world.plan(f"workspaces: [{{name: A, id: {one}}}]") == []


def test_a_datastore_takes_as_many_fields_as_the_limit_and_no_more(world):
    def fields(count: int) -> str:
        rows = "".join(f"\n  - {{display_id: f{at}, type: label}}" for at in range(count))
        indented = rows.replace("\n", "\n              ")
        return (
            "workspaces:\n  - name: W\n    applications:\n      - display_id: A\n"
            f"        datastores:\n          - display_id: d\n            fields:{indented}\n"
        )

    over = world.problems(fields(FIELDS_PER_DATASTORE_MAX + 1))
    assert "d has 501 fields, at most 500 are allowed" in over[0]
    assert world.apply(fields(FIELDS_PER_DATASTORE_MAX))


# --- against the items ------------------------------------------------------------------------


def test_a_field_becomes_unique_only_if_its_values_are(world):
    world.apply(SHOP)
    world.insert_items(["a", "b", None, None], "name")
    unique = shop(("as_title: true", "unique: true"))
    assert "~ field SHOP/orders/name: unique (false -> true)" in world.plan(unique)[0]
    world.query(
        f"UPDATE i_{world.datastore().id} SET f_{world.datastore().find_field('name').id} = 'a'"
    )
    (problem,) = world.problems(unique)
    assert "name can't be unique: another item has the value of the item" in problem
    world.query(f"DELETE FROM i_{world.datastore().id} WHERE n > 1")
    assert world.apply(unique)
    assert world.datastore().find_field("name").unique


def test_a_field_is_indexed_only_if_its_values_fit(world):
    world.apply(SHOP)
    world.insert_items(["a", "長" * 1_000], "name")
    (problem,) = world.problems(shop(("as_title: true", "has_index: true")))
    assert f"name can't be indexed: its value in the item {2:024x} is too long" in problem


def test_what_fails_late_takes_everything_back(world):
    world.apply(SHOP)
    world.insert_items(["a", "a"], "name")
    before = world.dump()
    text = shop(
        ("as_title: true", "unique: true"),
        ("{display_id: WEST}", "{display_id: SOUTH}"),
        (
            "- {display_id: amount",
            "- {display_id: extra, type: text}\n              - {display_id: amount",
        ),
    )
    assert world.problems(text)
    assert world.dump() == before
    assert world.datastore().find_field("extra") is None


def test_what_is_wrong_with_a_policy_or_a_code_is_told(world):
    text = (
        "workspaces:\n  - name: A\n    password_policy: {min_length: 3, colour: red}\n"
        "    users:\n      - {email: a@b.test, user_code: x}\n"
    )
    told = "\n".join(world.problems(text))
    assert "password_policy.min_length: must be a whole number from 6 to 128" in told
    assert "password_policy.colour: is not a key here" in told
    assert "needs an id beside exclusive and user_code" in told


def test_who_shares_an_address_is_told_apart_by_id(world):
    text = (
        "workspaces:\n  - name: A\n    users:\n"
        "      - {email: a@b.test, name: One}\n"
        f"      - {{id: {HEX}, email: a@b.test, name: Two, exclusive: true, user_code: two}}\n"
        f"    top_group: {{display_id: TOP, members: [a@b.test, {HEX}]}}\n"
    )
    world.apply(text)
    assert len(world.people.users) == len(world.people.group_members) == 2
    assert world.plan(world.export()) == world.plan(text) == []
