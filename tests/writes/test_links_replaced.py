"""UpdateItemLink: one link for another, in one step, and only among what one may see."""

from __future__ import annotations

import json

from tests.writes.nest import MISSING, Nest
from tests.writes.test_links import add


def replace(nest: Nest, item: str, old: str, new: str, **places: str):
    """UpdateItemLink."""
    body = {
        "old_link_datastore_id": places.get("old_place", "ONE"),
        "old_link_item_id": old,
        "new_link_datastore_id": places.get("new_place", "ONE"),
        "new_link_item_id": new,
    }
    return nest.call("POST", f"/items/updatelink/{item}", body, user="bob")


def test_a_link_is_led_to_another_item_in_one_event(nest):
    item, old, new = nest.make(), nest.make("ONE"), nest.make("TWO")
    add(nest, item, old)
    assert replace(nest, item, old, new, new_place="TWO").body == b"null"
    assert nest.links() == {(item, new)}
    events = nest.rows("SELECT body FROM outbox WHERE kind = 'links.changed' ORDER BY seq")
    body = json.loads(events[-1][0])
    assert (len(events), len(body["links_added"]), len(body["links_removed"])) == (2, 1, 1)
    assert nest.rows("SELECT count(*) FROM histories WHERE item_id = ?", item) == [(1,)]


def test_each_kind_of_link_keeps_its_kind(nest):
    item, old, new = nest.make(), nest.make("ONE"), nest.make("ONE")
    place, target = nest.id("ROOT"), nest.id("ONE")
    add(nest, item, new)
    for kind in ("link", "auto_link", "lookup"):
        row = (item, old, kind, place, target)
        nest.run(
            nest.app.store.change(
                lambda one, row=row: one.query(
                    "INSERT INTO links (from_item, to_item, kind, from_datastore, to_datastore)"
                    " VALUES (?, ?, ?, ?, ?)",
                    row,
                )
            )
        )
    assert replace(nest, item, old, new).status == 200
    found = nest.rows("SELECT to_item, kind FROM links ORDER BY kind")
    assert found == [(new, "auto_link"), (new, "link"), (new, "lookup")]


def test_what_is_not_linked_is_404_and_nothing_is_written(nest):
    item, old, new = nest.make(), nest.make("ONE"), nest.make("ONE")
    hidden = nest.make("ONE", user="eve")
    before = nest.contents()
    refused = replace(nest, item, old, new)
    place, target = nest.id("ROOT"), nest.id("ONE")
    assert refused.status == 404
    assert refused.json == {
        "error": f"item links not found for {{{place} {item} {target} {old}  }}",
        "error_code": "NOT_FOUND",
    }
    assert nest.contents() == before
    add(nest, item, old)
    before = nest.contents()
    assert replace(nest, item, old, hidden).status == 404
    assert replace(nest, item, old, MISSING).status == 404
    assert replace(nest, item, hidden, new).status == 404
    assert replace(nest, item, old, item, new_place="ROOT").status == 400
    assert replace(nest, item, old, "").status == 400
    assert replace(nest, item, old, new, new_place="NONE").status == 404
    assert replace(nest, hidden, old, new).status == 404
    assert nest.contents() == before


def test_to_where_it_leads_already_changes_nothing(nest):
    item, old = nest.make(), nest.make("ONE")
    add(nest, item, old)
    before = nest.contents()
    assert replace(nest, item, old, old).body == b"null"
    assert nest.contents() == before


def test_links_of_one_kind_are_deleted(nest):
    item, other = nest.make(), nest.make("ONE")
    add(nest, item, other)
    body = {"link_datastore_id": "ONE", "link_item_id": other, "type": "lookup"}
    assert nest.call("DELETE", f"/items/dellink/{item}", body, user="bob").status == 404
    body["type"] = "link"
    assert nest.call("DELETE", f"/items/dellink/{item}", body, user="bob").body == b"null"
    assert nest.links() == set()
