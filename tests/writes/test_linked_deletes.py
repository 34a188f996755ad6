"""DeleteItem with delete_linked_items: what goes along, what stays, and nothing by half."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from hikidashi.core.commands import Entry, Linked, Op, WriteItem
from hikidashi.core.limits import LINKED_DELETES_MAX, TARGET_DATASTORES_MAX
from hikidashi.core.plan import DeleteItem
from hikidashi.storage.telling import Inside, Telling, Told
from tests.writes.nest import MISSING, Nest


def link(nest: Nest, source: str, target: str, into: str, datastore: str = "ROOT") -> None:
    """Make a link."""
    path = f"{nest.APP}/{datastore}/items/addlink/{source}"
    body = {"link_datastore_id": into, "link_item_id": target}
    assert nest.call("POST", path, body, user="bob").status == 200


def along(*datastores: str, **more: Any) -> dict[str, Any]:
    """A body that takes linked items along."""
    return {"delete_linked_items": True, "target_datastores": list(datastores), **more}


def left(nest: Nest) -> list[str]:
    """The items that are there still, by name."""
    return sorted(one["values"].get("name", "") for one in nest.contents()["items"])


def family(nest: Nest) -> str:
    """A root with two children, one of which has a grandchild, and a stranger; the root's id."""
    root = nest.make(name="root")
    first, second = nest.make("ONE", name="one"), nest.make("ONE", name="other")
    grand, apart = nest.make("TWO", name="two"), nest.make("TWO", name="apart")
    link(nest, root, first, "ONE")
    link(nest, root, second, "ONE")
    link(nest, first, grand, "TWO", "ONE")
    link(nest, apart, root, "ROOT", "TWO")  # links to what is deleted are not followed
    return root


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({}, ["apart", "one", "other", "two"]),
        ({"delete_linked_items": True}, ["apart", "one", "other", "two"]),
        (along(), ["apart", "one", "other", "two"]),
        ({"target_datastores": ["ONE"]}, ["apart", "one", "other", "two"]),
        (along("ONE"), ["apart", "two"]),
        (along("ONE", "TWO"), ["apart"]),
        (along("ONE", "TWO", "ONE", "ROOT"), ["apart"]),
        (along("TWO"), ["apart", "one", "other", "two"]),  # the way there is not listed
        (along("THREE"), ["apart", "one", "other", "two"]),
    ],
)
def test_only_what_listed_datastores_hold_goes_along(nest, body, names):
    root = family(nest)
    reply = nest.delete(root, body)
    assert (reply.status, reply.json) == (200, {"error": None})
    assert left(nest) == names


def test_datastores_are_named_by_id_as_well(nest):
    root = family(nest)
    assert nest.delete(root, along(nest.id("ONE"), nest.id("TWO"))).status == 200
    assert left(nest) == ["apart"]


def test_each_item_that_goes_along_has_its_history_and_its_event(nest):
    root = family(nest)
    assert nest.delete(root, along("ONE", "TWO")).status == 200
    contents = nest.contents()
    deleted = [one for one in contents["histories"] if one[4] == "delete"]
    assert [one[0] for one in deleted] == ["ONE 1", "ONE 2", "ROOT 1", "TWO 1"]
    assert len({one[7] for one in deleted}) == 1  # one transaction
    events = [one for one in contents["events"] if one[2] == "item.deleted"]
    assert [(one[0], one[4]["run_post"]) for one in events] == [
        ("ONE 1", False),
        ("ONE 2", False),
        ("ROOT 1", True),
        ("TWO 1", False),
    ]
    assert contents["links"] == []


def test_circles_end(nest):
    root, child = nest.make(name="root"), nest.make("ONE", name="one")
    link(nest, root, child, "ONE")
    link(nest, child, root, "ROOT", "ONE")
    assert nest.delete(root, along("ONE", "ROOT")).status == 200
    assert left(nest) == []


@pytest.mark.parametrize("length", [3, 30])
def test_a_chain_is_followed_to_its_end(nest, length):
    chain = [nest.make(name=f"item {number:02}") for number in range(length)]
    for one, other in itertools.pairwise(chain):
        link(nest, one, other, "ROOT")
    assert nest.delete(chain[1], along("ROOT")).status == 200
    assert left(nest) == ["item 00"]


def test_items_that_the_caller_does_not_see_stay_and_are_not_told(nest):
    """Nor does anything go that only they lead to."""
    root, hidden, behind = nest.make(name="root"), nest.make("ONE", name="hidden"), nest.make("TWO")
    link(nest, root, hidden, "ONE")
    link(nest, hidden, behind, "TWO", "ONE")
    share = {"is_force_update": True, "action_id": "Share"}
    assert nest.edit(root, share).status == 200
    assert nest.edit(behind, share, "TWO").status == 200
    reply = nest.delete(root, along("ONE", "TWO"), user="eve")
    assert (reply.status, reply.json) == (200, {"error": None})
    assert left(nest) == ["", "hidden"]


def test_items_that_the_caller_may_not_delete_stay_and_are_told(nest):
    """SEEN has no delete action."""
    root, child = nest.make(name="root"), nest.make("SEEN", user="ann", name="seen")
    link(nest, root, child, "SEEN")
    reply = nest.delete(root, along("SEEN"))
    assert reply.status == 200
    (note,) = reply.json["error"]
    assert (note["error_code"], note["error_level"]) == ("NO_PRIVILEGES", "WARN")
    assert note["reference_id"] == child
    assert left(nest) == ["seen"]


@pytest.mark.parametrize(("count", "status"), [(LINKED_DELETES_MAX, 200), (101, 400)])
def test_one_item_over_the_limit_and_nothing_is_deleted(nest, count, status):
    body = {"related_ds_items": {"ONE": [{"operation": 1}] * count, "TWO": [{"operation": 1}]}}
    root = nest.create(body).json["item_id"]
    before = nest.contents()
    reply = nest.delete(root, along("TWO", "ONE"))
    assert reply.status == status
    if status == 400:
        (told,) = reply.json["error"]
        assert "over 100 items of ONE are linked" in told["description"]
        assert told["reference_id"] == f"d_id:{nest.id('ONE')}"
        assert nest.contents() == before
    else:
        assert left(nest) == []


@pytest.mark.parametrize(
    "listed", [["NOWHERE"], [MISSING], ["ONE", ""], ["AWAY"], ["CLOSED"], ["a\0b"]]
)
def test_datastores_that_are_not_of_the_application_are_refused(nest, listed):
    root = family(nest)
    before = nest.contents()
    reply = nest.delete(root, along(*listed))
    assert reply.status == 400
    assert reply.json["error"][0]["reference_id"] == f"d_id:{listed[-1]}"
    assert nest.contents() == before


def test_a_thousand_datastores_are_listed_and_not_one_more(nest):
    root = nest.make()
    assert nest.delete(root, along(*["ONE"] * (TARGET_DATASTORES_MAX + 1))).status == 400
    assert nest.delete(root, along(*["ONE"] * 1_000)).status == 200


def test_the_items_own_faults_come_first(nest):
    root = family(nest)
    before = nest.contents()
    assert nest.delete(MISSING, along("ONE")).status == 404
    assert nest.delete(root, along("ONE"), user="eve").status == 404
    assert nest.delete(root, along("ONE", a_id="Wipe")).status == 403
    assert nest.delete(root, along("ONE", a_id="Update")).status == 403
    assert nest.contents() == before


def test_what_was_not_foreseen_is_deleted_all_the_same(nest):
    """The transaction decides, whatever was read before it."""

    def look(_result: Any, inside: Inside) -> Told:
        deletes = [one for one in inside.steps if isinstance(one, DeleteItem)]
        return Told(200, b"%d" % len(deletes))

    root = family(nest)
    entry, only_shown = Entry(Op.DELETE, "ROOT", root), Telling(None, look, is_dry=True)
    for foreseen in ((), ((nest.id("ONE"), MISSING), (nest.id("THREE"), MISSING))):
        command = WriteItem("NEST", entry, linked=Linked(("ONE", "TWO"), foreseen))
        told = nest.run(nest.app.run_telling(nest.identity("bob"), command, only_shown))
        assert told.answer == b"4"
    command = WriteItem("NEST", entry, linked=Linked(("ONE", "TWO")))
    nest.run(nest.app.run(nest.identity("bob"), command))
    assert left(nest) == ["apart"]


def test_two_deletes_that_meet_take_each_item_once(nest):
    first, second = nest.make(name="a"), nest.make(name="b")
    shared = nest.make("ONE", name="shared")
    link(nest, first, shared, "ONE")
    link(nest, second, shared, "ONE")

    async def both() -> list[Any]:
        return await asyncio.gather(
            *(
                nest.acall("DELETE", f"{nest.base}/items/delete/{one}", along("ONE"), user="bob")
                for one in (first, second)
            )
        )

    assert [one.status for one in nest.run(both())] == [200, 200]
    contents = nest.contents()
    assert contents["items"] == []
    assert len([one for one in contents["histories"] if one[4] == "delete"]) == 3
