"""AddItemLink and DeleteItemLink: one direction, once, and only among what one may see."""

from __future__ import annotations

import asyncio

import pytest

from hikidashi.core.limits import LINKED_READ_MAX
from hikidashi.storage.engines import Column, Connection, Insert
from tests.writes.nest import MISSING, Nest
from tests.writes.test_related import add_link


def add(nest: Nest, item: str, target: str, place: str = "ONE", **more):
    """AddItemLink to an item of a datastore."""
    body = {"link_datastore_id": place, "link_item_id": target}
    return nest.call("POST", f"/items/addlink/{item}", body, **({"user": "bob"} | more))


def remove(nest: Nest, item: str, **body):
    """DeleteItemLink."""
    body.setdefault("link_datastore_id", "ONE")
    return nest.call("DELETE", f"/items/dellink/{item}", body, user="bob")


def test_a_link_leads_one_way_and_twice_is_once(nest):
    item, target = nest.make(), nest.make("ONE")
    for _ in range(2):
        assert add(nest, item, target).body == b"null"
    assert nest.links() == {(item, target)}


def test_the_same_link_at_the_same_moment_is_once(nest):
    item, target = nest.make(), nest.make("ONE")
    body = {"link_datastore_id": "ONE", "link_item_id": target}

    async def all_at_once():
        path = f"{nest.base}/items/addlink/{item}"
        return await asyncio.gather(*(nest.acall("POST", path, body, user="bob") for _ in range(8)))

    assert {one.status for one in nest.run(all_at_once())} == {200}
    assert len(nest.rows("SELECT 1 FROM links")) == 1
    assert len(nest.rows("SELECT 1 FROM outbox WHERE kind = 'links.changed'")) == 1


def test_a_link_to_itself_is_400_to_what_is_not_there_404(nest):
    item, hidden, other = nest.make(), nest.make("ONE", user="eve"), nest.make("TWO")
    before = nest.contents()
    for place in ("ROOT", "ONE"):
        assert add(nest, item, item, place).status == 400
    for target, place in (
        (MISSING, "ONE"),
        (hidden, "ONE"),
        ("x", "ONE"),
        (other, "ONE"),
        (MISSING, "NOWHERE"),
        (MISSING, "CLOSED"),
        (MISSING, nest.catalogs[1].projects[0].datastores[0].id),
    ):
        reply = add(nest, item, target, place)
        assert (reply.status, reply.json["error_code"]) == (404, "NOT_FOUND"), (target, place)
    assert add(nest, hidden, item, "ROOT").status == 404
    assert nest.contents() == before


def test_linking_is_a_right_of_those_who_may_update(nest):
    item, target = nest.make(), nest.make("ONE")
    share = {"is_force_update": True, "access_key_updates": {"groups_to_publish": ["TEAM"]}}
    assert nest.edit(item, share).status == nest.edit(target, share, "ONE").status == 200
    reply = add(nest, item, target, user="rex")
    assert (reply.status, reply.json["error_code"]) == (403, "NO_PRIVILEGES")
    assert nest.links() == set()


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ({}, set()),
        ({"type": "link"}, {"auto_link", "lookup"}),
        ({"type": "lookup"}, {"link", "auto_link"}),
        ({"link_item_id": "target"}, set()),
        ({"link_item_id": "target", "type": "auto_link"}, {"link", "lookup"}),
    ],
)
def test_links_are_removed_by_target_and_kind(nest, body, left):
    item, target = nest.make(), nest.make("ONE")
    for kind in ("link", "auto_link", "lookup"):
        add_link(nest, item, target, kind)
    if "link_item_id" in body:
        body = {**body, "link_item_id": target}
    assert remove(nest, item, **body).body == b"null"
    assert {kind for (kind,) in nest.rows("SELECT kind FROM links")} == left
    if body and not left:
        assert remove(nest, item, **body).status == 404


def test_links_to_another_datastore_and_links_back_stay(nest):
    item, target, other = nest.make(), nest.make("ONE"), nest.make("TWO")
    assert add(nest, item, target).status == add(nest, item, other, "TWO").status == 200
    add_link(nest, target, item)
    assert remove(nest, item).status == 200
    assert nest.links() == {(item, other), (target, item)}


def test_no_link_to_remove_is_404_with_all_four_ids(nest):
    item, target = nest.make(), nest.make("ONE")
    root, one = nest.id("ROOT"), nest.id("ONE")
    reply = remove(nest, item, link_item_id=target)
    assert reply.status == 404
    error = f"item links not found for {{{root} {item} {one} {target}  }}"
    assert reply.json == {"error": error, "error_code": "NOT_FOUND"}
    assert remove(nest, item).json["error"] == (
        f"item links not found for {{{root} {item} {one}   }}"
    )


def test_without_a_target_only_links_to_what_one_sees_are_removed_and_told(nest):
    item, seen, hidden = nest.make(), nest.make("ONE"), nest.make("ONE", user="eve")
    for target in (seen, hidden):
        add_link(nest, item, target)
    assert remove(nest, item).body == b"null"
    assert nest.links() == {(item, hidden)}
    after = nest.contents()
    [(event,)] = nest.rows("SELECT body FROM outbox WHERE kind = 'links.changed'")
    assert seen in event
    assert hidden not in event
    assert remove(nest, item).status == 404  # what is left is not there for Bob
    assert nest.contents() == after


@pytest.mark.parametrize(("count", "status"), [(LINKED_READ_MAX, 200), (LINKED_READ_MAX + 1, 400)])
def test_a_thousand_links_are_removed_at_once_and_no_more(nest, count, status):
    item, target = nest.make(), nest.make("ONE")
    add_link(nest, item, target)
    place = [nest.id("ROOT"), nest.id("ONE")]

    def fill(connection: Connection) -> None:
        rows = [(item, f"{at:024x}", "link", *place) for at in range(1, count)]
        columns = ("from_item", "to_item", "kind", "from_datastore", "to_datastore")
        connection.write([Insert("links", tuple(Column(one, "text") for one in columns), rows)])

    nest.run(nest.app.store.change(fill))
    reply = remove(nest, item)
    assert reply.status == status
    if status == 400:
        assert "over 1000 links" in reply.json["error"][0]["description"]
    assert ((item, target) in nest.links()) is (status == 400)
