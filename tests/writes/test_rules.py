"""Items are linked by rule: at once where a write asks for it, else behind it, and the same in the end."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from hikidashi.core.limits import RULE_PAIRS_MAX
from tests.api.test_imports import take
from tests.writes.rules import Rules


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "behind"])
def test_an_item_is_linked_to_what_has_its_key_in_each_direction_that_a_relation_leads(
    rules, at_once
):
    customer = rules.make("CUSTOMERS", code="C1")
    other = rules.make("CUSTOMERS", code="C2")
    rules.drain()
    order = rules.make("ORDERS", at_once=at_once, customer="C1", number=7)
    assert (rules.links() == set()) is not at_once
    rules.drain()
    assert rules.links() == {(order, customer), (customer, order)}
    bill = rules.make("BILLS", at_once=at_once, number=7)  # of another application, one way only
    rules.drain()
    assert rules.links() == {(order, customer), (customer, order), (bill, order)}
    rules.edit("ORDERS", order, at_once=at_once, customer="C2")
    rules.drain()
    assert rules.links() == {(order, other), (other, order), (bill, order)}
    rules.edit("ORDERS", order, at_once=at_once, customer=None, number=8)
    assert (rules.links() == set()) is at_once
    rules.drain()
    assert rules.links() == set()


def test_equal_keys_link_a_datastore_to_itself_and_a_deleted_item_to_nothing(rules):
    made = [rules.make("TASKS", at_once=True, topic="x") for _ in range(3)]
    assert rules.links() == {(one, other) for one in made for other in made if one != other}
    assert rules.remove("TASKS", made[0]).status == 200
    assert rules.links() == {(made[1], made[2]), (made[2], made[1])}
    rules.drain()
    assert rules.links() == rules.wanted()


def test_rows_of_a_file_are_linked_when_they_are_shown(rules):
    order, other = (rules.make("ORDERS", customer=code) for code in ("C1", "C2"))
    rules.drain()
    base = rules.path("CUSTOMERS", "items")
    assert take(rules, "code\nC1\nC9\n", "ann", base.removesuffix("/items")) == []
    rules.run(rules.app.builds.finish())
    (customer,) = rules.rows(
        f"SELECT id FROM i_{rules.id('CUSTOMERS')} WHERE f_{rules.id('CUSTOMERS', 'code')} = 'C1'"
    )
    assert rules.links() == {(order, customer[0]), (customer[0], order)}
    again = rules.make("CUSTOMERS", code="C2")
    rules.drain()
    assert rules.links() >= {(other, again), (again, other)}


def test_a_relation_without_a_rule_and_an_item_without_a_key_link_nothing(rules):
    rules.make("TASKS", at_once=True)
    rules.make("TASKS", at_once=True)
    rules.make("PLAIN", at_once=True, name="x")
    rules.drain()
    assert rules.links() == set()


def test_what_is_linked_has_one_event_for_each_item_and_no_history(rules):
    one, two = (rules.make("CUSTOMERS", code="C") for _ in range(2))
    rules.drain()
    histories = set(rules.rows("SELECT item_id FROM histories"))
    order = rules.make("ORDERS", at_once=True, customer="C")
    events = rules.rows("SELECT item_id, kind, seq FROM outbox ORDER BY item_id")
    assert sorted(events) == sorted(
        [(one, "links.changed", 2), (two, "links.changed", 2), (order, "item.created", 1)]
    )
    assert set(rules.rows("SELECT item_id FROM histories")) == {*histories, (order,)}
    before = rules.contents()
    rules.drain()  # the relay looks again, and finds nothing to do
    after = rules.contents()
    assert {sort for sort in before if after[sort] != before[sort]} == {"events"}
    assert after["events"] == []


def test_links_made_by_rule_lead_to_no_further_rule(rules):
    rules.make("CUSTOMERS", code="C")
    rules.make("ORDERS", customer="C")
    rules.drain()
    assert rules.rows("SELECT count(*) FROM outbox") == [(0,)]
    states = rules.rows("SELECT state, count(*) FROM deliveries GROUP BY state")
    assert [one for one in states if one[0] != "done"] == []


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "behind"])
def test_a_link_is_shown_to_who_sees_both_items_and_made_whoever_sees_them(rules, at_once):
    customer = rules.make("CUSTOMERS", user="eve", code="C")
    order = rules.make("ORDERS", at_once=at_once, customer="C")
    rules.drain()
    assert rules.links() == {(order, customer), (customer, order)}
    path = rules.path("ORDERS", f"items/details/{order}?include_linked_items=true")
    shown = rules.call("GET", path, user="bob")
    assert shown.status == 200
    assert customer not in shown.body.decode()
    listed = rules.path("ORDERS", f"items/links/{order}?linked_p_id=SALES&linked_d_id=CUSTOMERS")
    assert customer not in rules.call("GET", listed, user="bob").body.decode()
    body = {"access_key_updates": {"roles_to_publish": ["MEMBER"]}, "is_force_update": True}
    path = rules.path("CUSTOMERS", f"items/edit/{customer}")
    assert rules.call("POST", path, body, user="eve").status == 200
    assert customer in rules.call("GET", listed, user="bob").body.decode()


def test_a_write_makes_so_many_links_and_leaves_the_others_to_what_follows_it(rules, monkeypatch):
    for module in ("core.rule_links", "storage.rules"):
        monkeypatch.setattr(f"hikidashi.{module}.RULE_PAIRS_MAX", 4)
    monkeypatch.setattr("hikidashi.storage.rules._MOST", 5)
    for _ in range(5):
        rules.make("CUSTOMERS", code="C")
    rules.make("ORDERS", at_once=True, customer="C")
    assert len(rules.links()) == 4
    rules.drain()
    assert rules.links() == rules.wanted()
    assert len(rules.links()) == 10
    assert RULE_PAIRS_MAX == 500


def test_a_rehearsed_write_shows_the_links_that_one_may_see_and_makes_none(rules):
    customer = rules.make("CUSTOMERS", code="C")
    hidden = rules.make("CUSTOMERS", user="eve", code="C")
    body = {"item": {"customer": "C"}, "realtime_auto_link": True}
    reply = rules.call("POST", rules.path("ORDERS", "items/new?dry_run=true"), body, user="bob")
    assert reply.status == 200
    links = [one for one in reply.json["plan"] if one["step"] == "insert_link"]
    assert {one["type"] for one in links} == {"auto_link"}
    assert customer in reply.body.decode()
    assert hidden not in reply.body.decode()
    assert rules.links() == set()


KEYS = st.sampled_from([None, "a", "b"])
NUMBERS = st.sampled_from([None, 1, 2.5])
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ORDERS", "CUSTOMERS", "BILLS", "TASKS"]),
        st.sampled_from(["make", "edit", "edit", "remove", "drain"]),
        st.integers(0, 5),
        KEYS,
        NUMBERS,
        st.booleans(),
    ),
    max_size=14,
)
FIELDS = {"ORDERS": "customer", "CUSTOMERS": "code", "TASKS": "topic"}


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_whatever_is_written_links_are_in_the_end_what_a_naive_evaluation_says(rules, steps):
    rules.drain()
    rules.empty()
    made: dict[str, list[str]] = {}
    for place, what, at, key, number, at_once in steps:
        values = {FIELDS[place]: key} if place in FIELDS else {}
        if place in ("ORDERS", "BILLS"):
            values["number"] = number
        items = made.setdefault(place, [])
        if what == "drain":
            rules.drain()
        elif what == "make" or not items:
            body = {"item": values, "realtime_auto_link": at_once}
            reply = rules.call("POST", rules.path(place, "items/new"), body, user="bob")
            if reply.status == 200:  # a number may be taken
                items.append(reply.json["item_id"])
        elif what == "edit":
            rules.edit(place, items[at % len(items)], at_once=at_once, **values)
        elif what == "remove":
            rules.remove(place, items.pop(at % len(items)))
    rules.drain()
    assert rules.links() == rules.wanted()


# --- what is there before its rule --------------------------------------------------------------


def datalink(rules: Rules, place: str, rest: str, user: str = "ann", **body):
    """One of the three calls."""
    method = "GET" if rest == "validate" else "POST"
    return rules.call(method, rules.path(place, f"datalink/{rest}"), body or None, user=user)


def shared(rules: Rules, place: str, **values) -> str:
    """An item that Ann sees too."""
    item = rules.make(place, **values)
    body = {"access_key_updates": {"roles_to_publish": ["MEMBER"]}, "is_force_update": True}
    reply = rules.call("POST", rules.path(place, f"items/edit/{item}"), body, user="bob")
    assert reply.status == 200
    return item


def forget(rules: Rules) -> None:
    """As if none of the rules had been there until now."""

    def write(connection) -> None:
        for table in ("links", "outbox", "deliveries"):
            connection.query(f"DELETE FROM {table}")

    rules.run(rules.app.store.change(write))


def test_a_build_links_what_is_there_and_validate_counts_what_one_sees_of_it(rules, monkeypatch):
    monkeypatch.setattr("hikidashi.service.builds.LINKED_ITEMS", 2)
    customers = [rules.make("CUSTOMERS", user="ann", code=code) for code in "ab"]
    orders = [rules.make("ORDERS", user="ann", customer=code) for code in "aab"]
    rules.make("ORDERS", user="bob", customer="a")  # that Ann does not see
    forget(rules)
    told = datalink(rules, "ORDERS", "validate").json
    assert told == {"count": 3, "errors": [], "items": orders}
    assert datalink(rules, "CUSTOMERS", "validate").json["items"] == customers
    assert datalink(rules, "BILLS", "validate").json == {"count": 0, "errors": [], "items": []}
    body = {"async": False, "build_datalink_key": True}
    assert datalink(rules, "ORDERS", "autolinks", **body).json == {"error": None}
    assert rules.links() == rules.wanted()
    assert len(rules.links()) == 8
    for place in ("ORDERS", "CUSTOMERS"):
        assert datalink(rules, place, "validate").json["count"] == 0
    [task] = rules.call("GET", "/api/v0/tasks?all=true&category=buildautolink").json.values()
    assert task["status"]["name"] == "done"
    assert task["metadata"]["p_id"] == rules.catalogs[0].projects[0].id


def test_a_link_that_no_rule_asks_for_is_counted_and_taken_away(rules):
    order = rules.make("ORDERS", user="ann", customer="a")
    other = rules.make("CUSTOMERS", user="ann", code="b")
    place = [rules.id("ORDERS"), rules.id("CUSTOMERS")]
    rules.drain()
    sql = "INSERT INTO links (from_item, to_item, kind, from_datastore, to_datastore) VALUES (?, ?, ?, ?, ?)"
    for kind in ("auto_link", "link"):
        row = (order, other, kind, *place)
        rules.run(rules.app.store.change(lambda one, row=row: one.query(sql, row)))
    assert datalink(rules, "ORDERS", "validate").json["items"] == [order]
    assert datalink(rules, "ORDERS", "keys").json == {"error": None}
    assert datalink(rules, "ORDERS", "autolinks").json == {"error": None}
    assert rules.links() == set()
    assert rules.links("link") == {(order, other)}


def test_a_build_that_stops_is_gone_on_with_where_it_was(rules, monkeypatch):
    monkeypatch.setattr("hikidashi.service.builds.LINKED_ITEMS", 1)
    rules.make("CUSTOMERS", user="ann", code="a")
    orders = [rules.make("ORDERS", user="ann", customer="a") for _ in range(3)]
    forget(rules)
    monkeypatch.setattr(rules.app.builds, "wake", lambda: None)  # nobody goes on by himself
    assert datalink(rules, "ORDERS", "autolinks", **{"async": True}).json == {"error": None}
    assert rules.links() == set()
    rules.run(rules.app.builds.step())
    rules.run(rules.app.builds.step())
    linked = {one for one, _ in rules.links()} & set(orders)
    assert linked == set(orders[:2])
    [task] = rules.call("GET", "/api/v0/tasks").json.values()
    assert (task["status"]["name"], task["progress"]) == ("progress", 2)
    assert rules.rows("SELECT last FROM builds") == [(2,)]
    rules.run(rules.app.builds.finish())
    assert rules.links() == rules.wanted()
    assert rules.call("GET", "/api/v0/tasks").json == {}


def test_only_who_designs_the_application_may_count_and_build(rules):
    for rest in ("validate", "keys", "autolinks"):
        assert datalink(rules, "ORDERS", rest, user="bob").status == 403
        assert datalink(rules, "BILLS", rest, user="eve").status == 404
    for rest in ("keys", "autolinks"):
        path = rules.path("ORDERS", f"datalink/{rest}?dry_run=true")
        assert rules.call("POST", path, {}).status == 400
        assert datalink(rules, "ORDERS", rest, **{"async": "yes"}).status == 400


# --- other ways to write ------------------------------------------------------------------------


@pytest.mark.parametrize("follows", [True, False])
def test_a_related_item_is_linked_where_what_follows_it_is_wanted(rules, follows):
    customer = rules.make("CUSTOMERS", code="C")
    rules.drain()
    entry = {"operation": 1, "item": {"customer": "C"}}
    body = {"item": {}, "related_ds_items": {"ORDERS": [entry]}}
    body |= {"exec_children_post_procs": follows, "realtime_auto_link": True}
    reply = rules.call("POST", rules.path("PLAIN", "items/new"), body, user="bob")
    assert reply.status == 200, reply.body
    rules.drain()
    [(order,)] = rules.rows(f"SELECT id FROM i_{rules.id('ORDERS')}")
    both = {(order, customer), (customer, order)}
    assert rules.links() == (both if follows else set())


def test_an_action_and_a_copy_link_at_once_too(rules):
    customer = rules.make("CUSTOMERS", code="C")
    order = rules.make("ORDERS")
    for action in ("Update", "Copy"):
        body = {"item": {"customer": "C"}, "is_force_update": True, "realtime_auto_link": True}
        path = rules.path("ORDERS", f"items/action/{order}/{action}")
        assert rules.call("POST", path, body, user="bob").status == 200
    assert rules.links() == rules.wanted()
    assert len(rules.links()) == 4
    assert (order, customer) in rules.links()
