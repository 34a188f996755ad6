"""Definitions are found by id and by display id, in the order in which they were put."""

from __future__ import annotations

import pytest

from hikidashi.core.actions import Operation
from hikidashi.core.kinds import Settings
from tests.core.samples import (
    a_catalog,
    a_datastore,
    a_field,
    a_group,
    a_project,
    a_role,
    a_status,
    an_action,
    id_of,
)

NEW, UPDATE, DELETE = Operation.NEW, Operation.UPDATE, Operation.DELETE

ORDERS = a_datastore(
    "orders",
    row_code=7,
    position=2,
    fields=(
        a_field("memo", "textarea", position=3),
        a_field("title", position=1, as_title=True, title_order=2),
        a_field("code", position=2, as_title=True, title_order=1, unique=True),
        a_field("no", "autonum", position=4),
        a_field("line", "separator", position=5, as_title=True),
        a_field("who", "users", position=6, as_title=True),
    ),
    statuses=(a_status("done", 2), a_status("open", 1)),
)
GOODS = a_datastore("goods", row_code=3, position=1)
SALES = a_project("sales", datastores=(ORDERS, GOODS))
EMPTY = a_project("empty", position=1, roles=(a_role("guest"),))
#        top
#       /   \
#    tokyo  osaka
#      |
#    sales1
GROUPS = (
    a_group("osaka", "top", 3),
    a_group("sales1", "tokyo", 4),
    a_group("tokyo", "top", 2),
    a_group("top", "", 1),
)
CATALOG = a_catalog(projects=(EMPTY, SALES), groups=GROUPS)


@pytest.mark.parametrize("ref", ["title", id_of("title")])
def test_a_definition_is_found_by_either_id(ref):
    field = ORDERS.find_field(ref)
    assert field is not None
    assert field.display_id == "title"


@pytest.mark.parametrize("ref", ["", "Title", id_of("titles"), "no such"])
def test_nothing_else_is_found(ref):
    assert ORDERS.find_field(ref) is None
    assert ORDERS.find_status(ref) is None
    assert ORDERS.find_action(ref) is None
    assert SALES.find_datastore(ref) is None
    assert SALES.find_role(ref) is None
    assert CATALOG.find_project(ref) is None
    assert CATALOG.find_group(ref) is None


def test_definitions_keep_the_order_of_their_positions():
    assert [one.display_id for one in ORDERS.fields][:3] == ["title", "code", "memo"]
    assert [one.display_id for one in ORDERS.statuses] == ["open", "done"]
    assert [one.display_id for one in SALES.datastores] == ["goods", "orders"]
    assert [one.display_id for one in CATALOG.projects] == ["sales", "empty"]


def test_fields_are_sorted_out_by_what_is_done_with_them():
    assert [one.display_id for one in ORDERS.stored_fields] == [
        "title",
        "code",
        "memo",
        "no",
        "who",
    ]
    assert [one.display_id for one in ORDERS.unique_fields] == ["code"]
    assert [one.display_id for one in ORDERS.number_fields] == ["no"]


def test_a_title_is_made_of_the_fields_that_can_be_one_in_title_order():
    assert [one.display_id for one in ORDERS.title_fields] == ["code", "title"]


def test_a_new_item_starts_in_the_first_status():
    assert ORDERS.start_status == id_of("open")
    assert GOODS.start_status == ""


# --- default actions --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("actions", "default"),
    [
        ([], None),
        ([an_action("a", UPDATE, 1), an_action("b", UPDATE, 2)], "a"),
        ([an_action("a", UPDATE, 2), an_action("b", UPDATE, 1)], "b"),
        ([an_action("a", UPDATE, 1), an_action("b", UPDATE, 2, is_default=True)], "b"),
        ([an_action("a", UPDATE, 1, status=id_of("open"))], None),
        ([an_action("a", UPDATE, 1, status=id_of("open")), an_action("b", UPDATE, 2)], "b"),
        ([an_action("a", NEW, 1), an_action("b", DELETE, 2)], None),
    ],
)
def test_the_default_action_is_the_marked_one_or_else_the_first_item_action(actions, default):
    found = a_datastore("orders", actions=actions).default_action(UPDATE)
    assert (found.display_id if found else None) == default


# --- places -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ref", "found"),
    [
        ("7", "orders"),
        ("07", "orders"),
        ("3", "goods"),
        ("orders", "orders"),
        ("8", None),
        ("", None),
        ("-7", None),
        ("7" * 19, None),
        ("７", None),
    ],
)
def test_a_table_is_found_by_its_number_or_display_id(ref, found):
    table = SALES.find_table(ref)
    assert (table.display_id if table else None) == found


def test_a_workspace_finds_datastores_and_roles_of_every_project_by_id_alone():
    assert CATALOG.find_datastore(id_of("orders")) is ORDERS
    assert CATALOG.find_datastore("orders") is None
    guest = CATALOG.find_role(id_of("guest"))
    assert guest is not None
    assert guest.display_id == "guest"
    assert CATALOG.find_role("guest") is None


@pytest.mark.parametrize(
    ("group", "below", "above"),
    [
        ("top", {"top", "tokyo", "osaka", "sales1"}, ["top"]),
        ("tokyo", {"tokyo", "sales1"}, ["tokyo", "top"]),
        ("osaka", {"osaka"}, ["osaka", "top"]),
        ("sales1", {"sales1"}, ["sales1", "tokyo", "top"]),
    ],
)
def test_a_group_knows_those_below_and_above(group, below, above):
    assert set(CATALOG.groups_below(id_of(group))) == {id_of(one) for one in below}
    assert CATALOG.groups_above(id_of(group)) == [id_of(one) for one in above]


def test_definitions_say_what_kind_keeps_their_values():
    number = a_field("price", "number", Settings(min_value=0.0))
    assert number.storage is number.kind.storage
    assert a_field("line", "separator").storage is None
