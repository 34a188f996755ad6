"""What a write leaves in the database, whole: these effects and no others."""

from __future__ import annotations

from typing import Any

import pytest

from tests.writes.nest import Nest, effects

NOW = 1767603600000  # the clock stands still


def history(item: str, seq: int, rev: int, action: str, changes: Any, **more: Any) -> list[Any]:
    """A history entry as the contents show it."""
    operation = {"Create": "new", "Delete": "delete"}.get(action, "update")
    turn = f"transaction {more.get('turn', 1)}"
    return [item, seq, rev, action, operation, "bob", more.get("comment", ""), turn, NOW, changes]


def event(item: str, seq: int, rev: int, kind: str, action: str, **more: Any) -> list[Any]:
    """An event as the contents show it."""
    body = {
        "project": "NEST",
        "rev": rev,
        "user": "bob",
        "transaction": f"transaction {more.pop('turn', 1)}",
        "action": action,
        "is_changed": True,
        "run_post": True,
        **more,
    }
    return [item, seq, kind, NOW, body]


def item(name: str, rev: int, values: Any, **more: Any) -> dict[str, Any]:
    """An item as the contents show it."""
    return {
        "item": name,
        "rev": rev,
        "seq": more.get("seq", rev),
        "status": more.get("status", "New"),
        "title": values.get("name", ""),
        "created": [NOW, "bob"],
        "updated": [NOW, "bob"] if rev > 1 or more.get("touched") else [None, ""],
        "keys": more.get("keys", ["bob"]),
        "values": values,
    }


def after(nest: Nest, act: Any) -> Any:
    """What an act brings about."""
    before = nest.contents()
    assert act().status == 200
    return effects(before, nest.contents())


def test_a_new_item_has_a_history_entry_an_event_and_its_number(nest):
    found = after(nest, lambda: nest.create({"item": {"name": "a"}, "comment": "made"}))
    values = {"name": "a", "number": "N-0001"}
    told = {"name": [None, "a"], "number": [None, "N-0001"], "status": [None, "New"]}
    assert found == {
        "items": ([], [item("ROOT 1", 1, values)]),
        "histories": (
            [],
            [history("ROOT 1", 1, 1, "Create", {**told, "keys": [None, ["bob"]]}, comment="made")],
        ),
        "events": ([], [event("ROOT 1", 1, 1, "item.created", "Create")]),
        "counters": ([], [["ROOT number", "-", 1]]),
        "access sets": ([], [["bob"]]),
    }


def test_an_update_raises_the_revision_by_one(nest):
    made = nest.make(name="a", amount=1)
    body = {"rev_no": 1, "item": {"name": "b", "amount": 1}, "comment": "why"}
    values = {"name": "a", "amount": 1.0, "number": "N-0001"}
    assert after(nest, lambda: nest.edit(made, body)) == {
        "items": ([item("ROOT 1", 1, values)], [item("ROOT 1", 2, {**values, "name": "b"})]),
        "histories": (
            [],
            [history("ROOT 1", 2, 2, "Update", {"name": ["a", "b"]}, comment="why", turn=2)],
        ),
        "events": ([], [event("ROOT 1", 2, 2, "item.updated", "Update", turn=2)]),
    }


def test_an_update_that_changes_nothing_is_a_revision_and_says_so(nest):
    made = nest.make(name="a")
    values = {"name": "a", "number": "N-0001"}
    told = after(nest, lambda: nest.edit(made, {"rev_no": 1, "item": {"name": "a", "code": ""}}))
    assert told == {
        "items": ([item("ROOT 1", 1, values)], [item("ROOT 1", 2, values)]),
        "histories": ([], [history("ROOT 1", 2, 2, "Update", {}, turn=2)]),
        "events": (
            [],
            [event("ROOT 1", 2, 2, "item.updated", "Update", turn=2, is_changed=False)],
        ),
    }


def test_a_status_action_changes_the_status(nest):
    made = nest.make(name="a")
    values = {"name": "a", "number": "N-0001"}
    assert after(nest, lambda: nest.edit(made, {"rev_no": 1, "action_id": "Finish"})) == {
        "items": (
            [item("ROOT 1", 1, values)],
            [item("ROOT 1", 2, values, status="Done")],
        ),
        "histories": (
            [],
            [history("ROOT 1", 2, 2, "Finish", {"status": ["New", "Done"]}, turn=2)],
        ),
        "events": ([], [event("ROOT 1", 2, 2, "item.updated", "Finish", turn=2)]),
    }


def test_a_deleted_item_leaves_its_histories_and_takes_its_links_along(nest):
    first, second = nest.make(name="a"), nest.make("ONE", name="b")
    link = {"link_datastore_id": "ONE", "link_item_id": second}
    back = {"link_datastore_id": "ROOT", "link_item_id": first}
    assert nest.call("POST", f"/items/addlink/{first}", link, user="bob").status == 200
    path = f"{nest.APP}/ONE/items/addlink/{second}"
    assert nest.call("POST", path, back, user="bob").status == 200
    values = {"name": "a", "number": "N-0001"}
    assert after(nest, lambda: nest.delete(first)) == {
        "items": ([item("ROOT 1", 1, values, seq=2)], []),
        "links": ([["ONE 1", "ROOT 1", "link"], ["ROOT 1", "ONE 1", "link"]], []),
        "histories": (
            [],
            [
                history(
                    "ROOT 1",
                    3,
                    2,
                    "Delete",
                    {"name": ["a", None], "number": ["N-0001", None]},
                    turn=5,
                )
            ],
        ),
        "events": ([], [event("ROOT 1", 3, 2, "item.deleted", "Delete", turn=5)]),
    }


def test_a_link_is_no_revision_but_an_event(nest):
    first, second = nest.make(name="a"), nest.make("ONE", name="b")
    values = {"name": "a", "number": "N-0001"}
    link = {"link_datastore_id": "ONE", "link_item_id": second}

    def act():
        return nest.call("POST", f"/items/addlink/{first}", link, user="bob")

    def told(seq, **links):
        return event("ROOT 1", seq, 1, "links.changed", "", turn=seq + 1, **links)

    assert after(nest, act) == {
        "items": (
            [item("ROOT 1", 1, values)],
            [item("ROOT 1", 1, values, seq=2)],
        ),
        "links": ([], [["ROOT 1", "ONE 1", "link"]]),
        "events": ([], [told(2, links_added=[["ONE", "ONE 1"]])]),
    }
    assert after(nest, act) == {}  # again is nothing
    assert after(
        nest, lambda: nest.call("DELETE", f"/items/dellink/{first}", link, user="bob")
    ) == {
        "items": (
            [item("ROOT 1", 1, values, seq=2)],
            [item("ROOT 1", 1, values, seq=3)],
        ),
        "links": ([["ROOT 1", "ONE 1", "link"]], []),
        "events": ([], [told(3, links_removed=[["ONE", "ONE 1"]])]),
    }


def test_a_number_taken_moves_its_counter_alone(nest):
    path = "/fields/number/autonum"
    for query, branch in (("", ""), ("?branch_key=b", "b")):
        found = after(nest, lambda query=query: nest.call("GET", path + query, user="bob"))
        assert found == {"counters": ([], [["ROOT number", f"+{branch}", 1]])}
    found = after(nest, lambda: nest.call("POST", path, {"auto_num": 7, "branch_key": "b"}))
    assert found == {"counters": ([["ROOT number", "+b", 1]], [["ROOT number", "+b", 7]])}


def test_reading_writes_nothing_but_the_mark_of_what_was_read(nest):
    made = nest.make(name="a")
    share = {"rev_no": 1, "action_id": "Share"}
    assert nest.edit(made, share).status == 200
    for path in (f"/items/details/{made}", f"/items/links/{made}"):
        assert after(nest, lambda path=path: nest.call("GET", nest.base + path, user="eve")) == {}
    assert after(nest, lambda: nest.call("POST", "/items/search", {}, user="eve")) == {}

    def read():
        reply = nest.call("GET", f"/items/histories/{made}", user="eve")
        nest.settle()
        return reply

    assert after(nest, read) == {"read marks": ([], [["eve", "ROOT 1", 2]])}
    assert after(nest, read) == {}


PARENT = {"name": "parent", "number": "N-0001"}
SILENT = {"turn": 7, "run_post": False}


@pytest.fixture
def five(nest) -> dict[str, tuple[list[Any], list[Any]]]:
    """What a write with an entry of each operation brings about."""
    parent = nest.make(name="parent")
    changed, gone, linked, parted = (nest.make("ONE", name=name) for name in "cglp")
    link = {"link_datastore_id": "ONE", "link_item_id": parted}
    assert nest.call("POST", f"/items/addlink/{parent}", link, user="bob").status == 200
    related = [
        {"operation": 1, "item": {"name": "new"}, "link_to_parent": True},
        {"operation": 2, "i_id": changed, "rev_no": 1, "item": {"name": "C"}},
        {"operation": 3, "i_id": gone},
        {"operation": 11, "i_id": linked, "link_to_parent": True},
        {"operation": 12, "i_id": parted},
    ]
    body = {"rev_no": 1, "related_ds_items": {"ONE": related}}
    found: dict[str, tuple[list[Any], list[Any]]] = after(nest, lambda: nest.edit(parent, body))
    return found


def test_five_operations_in_one_write_change_five_items(five):
    values = {name: {"name": name, "number": f"N-000{at}"} for at, name in enumerate("cgl", 1)}
    assert five["items"] == (
        [
            item("ONE 1", 1, values["c"]),
            item("ONE 2", 1, values["g"]),
            item("ONE 3", 1, values["l"]),
            item("ROOT 1", 1, PARENT, seq=2),
        ],
        [
            item("ONE 1", 2, {**values["c"], "name": "C"}),
            item("ONE 3", 1, values["l"], seq=2),
            item("ONE 5", 1, {"name": "new", "number": "N-0005"}),
            item("ROOT 1", 2, PARENT, seq=3),
        ],
    )
    assert five["links"] == (
        [["ROOT 1", "ONE 4", "link"]],
        [
            ["ONE 3", "ROOT 1", "link"],
            ["ONE 5", "ROOT 1", "link"],
            ["ROOT 1", "ONE 1", "link"],
            ["ROOT 1", "ONE 3", "link"],
            ["ROOT 1", "ONE 5", "link"],
        ],
    )
    assert five["counters"] == ([["ONE number", "-", 4]], [["ONE number", "-", 5]])
    assert set(five) == {"items", "links", "counters", "histories", "events"}


def test_five_operations_in_one_write_are_one_transaction_of_histories(five):
    gone = {"name": ["g", None], "number": ["N-0002", None]}
    made = {
        "keys": [None, ["bob"]],
        "name": [None, "new"],
        "number": [None, "N-0005"],
        "status": [None, "New"],
    }
    assert five["histories"] == (
        [],
        [
            history("ONE 1", 2, 2, "Update", {"name": ["c", "C"]}, turn=7),
            history("ONE 2", 2, 2, "Delete", gone, turn=7),
            history("ONE 5", 1, 1, "Create", made, turn=7),
            history("ROOT 1", 3, 2, "Update", {}, turn=7),
        ],
    )


def test_five_operations_in_one_write_are_an_event_for_each_item(five):
    there = {name: ["ONE", f"ONE {at}"] for at, name in enumerate("cglpn", 1)}
    parent = {
        "turn": 7,
        "is_changed": False,
        "links_added": [there["n"], there["c"], there["l"]],
        "links_removed": [there["p"]],
    }
    back = {"links_added": [["ROOT", "ROOT 1"]], **SILENT}
    assert five["events"] == (
        [],
        [
            event("ONE 1", 2, 2, "item.updated", "Update", **SILENT),
            event("ONE 2", 2, 2, "item.deleted", "Delete", **SILENT),
            event("ONE 3", 2, 1, "links.changed", "", **back),
            event("ONE 5", 1, 1, "item.created", "Create", **back),
            event("ROOT 1", 3, 2, "item.updated", "Update", **parent),
        ],
    )


@pytest.mark.parametrize("wanted", [True, False])
def test_exec_children_post_procs_says_whether_what_follows_runs_for_children(nest, wanted):
    body = {"exec_children_post_procs": wanted, "related_ds_items": {"ONE": [{"operation": 1}]}}
    found = after(nest, lambda: nest.create(body))
    assert [one[-1]["run_post"] for one in found["events"][1]] == [wanted, True]


def test_a_write_that_is_refused_leaves_nothing(nest):
    made = nest.make(name="a", code="x")
    before = nest.contents()
    for body in (
        {},
        {"rev_no": 2},
        {"rev_no": 1, "item": {"amount": "x"}},
        {"rev_no": 1, "action_id": "Audit"},
        {"rev_no": "1"},
    ):
        assert nest.edit(made, body).status in (400, 403, 409)
    assert nest.edit(made, {"rev_no": 1}, user="eve").status == 404
    assert nest.create({"item": {"code": "x"}}).status == 400
    assert nest.delete(made, {"a_id": "Wipe"}).status == 403
    assert nest.contents() == before
