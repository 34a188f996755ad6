"""An item as it was, and brought back to it by a write like any other."""

from __future__ import annotations

import asyncio

import pytest

from hikidashi.service.schema import schema_apply
from tests.api.rest import Rest
from tests.deterministic import FixedClock, fixed_ids
from tests.kept import catalogs_of


@pytest.fixture
def car(rest) -> str:
    """A car at revision 4."""
    rest.empty()
    item = rest.new({"CAR_NAME": "one", "PRICE": 1, "OPTIONS": ["roof"], "PLATE": "A"}, user="bob")
    edits = (
        {"CAR_NAME": "two", "OPTIONS": ["roof", "radio"], "CAR_TYPE": "van"},
        {"PRICE": None, "PLATE": "B"},
        {"CAR_NAME": "four", "CAR_TYPE": None, "OPTIONS": None},
    )
    for rev, values in enumerate(edits, 1):
        rest.clock.advance(ms=1_000)
        body = {"rev_no": rev, "item": values, "action_id": "Sell" if rev == 2 else "Update"}
        assert rest.call("POST", f"/items/edit/{item}", body, user="ann").status == 200
    return item


def values_of(details) -> dict[str, object]:
    return {key: one["value"] for key, one in details["field_values"].items() if one["value"]}


def at(rest, item: str, rev: object, user: str = "bob", query: str = "format=map"):
    return rest.call("GET", f"/items/details/{item}?at={rev}&{query}", user=user)


def restore(rest, item: str, rev: int, to: int, user: str = "bob", **more):
    body = {"rev_no": rev, "to": to} | more.pop("body", {})
    return rest.call("POST", f"/items/restore/{item}", body, user=user, **more)


def test_details_of_each_revision(rest, car):
    first, second, third, last = (at(rest, car, rev).json for rev in (1, 2, 3, 4))
    assert (first["title"], first["rev_no"]) == ("one", 1)
    numbers = {"Branch-No": "000000001", "Prefixed": "PREFIX_001"}
    wanted = {"CAR_NAME": "one", "PRICE": 1, "OPTIONS": ["roof"], "PLATE": "A"}
    assert values_of(first) == wanted | numbers
    assert "updated_at" not in first
    assert values_of(second)["OPTIONS"] == ["roof", "radio"]
    assert second["updated_by"] == "Ann"
    assert values_of(third)["PLATE"] == "B"
    assert "PRICE" not in values_of(third)
    now = rest.call("GET", f"/items/details/{car}?format=map", user="bob").json
    assert last == now
    assert second["updated_at"] < third["updated_at"] < last["updated_at"]


def test_both_forms_and_both_routes_know_at(rest, car):
    array = at(rest, car, 1, query="").json["field_values"]
    assert {one["field_id"]: one["value"] for one in array}["CAR_NAME"] == "one"
    datastore = rest.catalogs[0].projects[0].datastores[0].id
    reply = rest.call("GET", f"/api/v0/datastores/{datastore}/items/{car}?at=1", user="bob")
    assert reply.json["title"] == "one"


def test_a_revision_that_never_was_is_400_and_a_hidden_item_404(rest, car):
    for wrong in (0, 5, 99, "x", "-1", ""):
        assert at(rest, car, wrong).status == 400, wrong
    assert at(rest, car, 1, user="eve").status == 404
    assert at(rest, car, 1, query="include_linked_items=true").status == 400


def test_an_item_is_brought_back_as_a_new_revision(rest, car):
    reply = restore(rest, car, 4, 1, body={"comment": "back"})
    assert reply.status == 200, reply.body
    assert reply.json["rev_no"]["rev_no"] == 5
    now = rest.call("GET", f"/items/details/{car}?format=map", user="bob").json
    assert values_of(now) == values_of(at(rest, car, 1).json)
    histories = rest.call("GET", f"/items/histories/{car}", user="bob").json["histories"]
    assert histories[0]["comment"] == "back"
    assert histories[0]["action_name"] == "Update"
    status = rest.rows("SELECT status FROM i_" + rest.catalogs[0].projects[0].datastores[0].id)
    assert status == [("62d7b36da69d9d2795450502",)]  # Sold stays: an action's work, no value
    assert restore(rest, car, 5, 4).status == 200
    assert values_of(at(rest, car, 6).json) == values_of(at(rest, car, 4).json)


def test_to_where_the_item_is_changes_nothing_but_the_revision(rest, car):
    reply = restore(rest, car, 4, 4)
    assert (reply.status, reply.json["itemHistory"]["IsChanged"]) == (200, False)
    assert reply.json["rev_no"]["rev_no"] == 5


def test_the_checks_of_a_write_hold(rest, car):
    before = rest.contents()
    assert restore(rest, car, 3, 1).status == 409
    assert restore(rest, car, 4, 9).status == 400
    assert restore(rest, car, 4, 0).status == 400
    assert restore(rest, car, 4, 1, user="eve").status == 404
    assert restore(rest, "0" * 24, 4, 1).status == 404
    assert restore(rest, car, 4, 1, body={"action_id": "Audit"}).status == 403
    refused = restore(rest, car, 4, 1, body={"action_id": "Strict"})  # it does not change PRICE
    assert (refused.status, "PRICE" in refused.json["error"][0]["description"]) == (403, True)
    assert rest.contents() == before


def test_a_unique_value_that_was_taken_since_is_named(rest, car):
    rest.new({"PLATE": "A"}, user="bob")
    before = rest.contents()
    refused = restore(rest, car, 4, 1)
    assert refused.status == 400
    assert [one["error"] for one in refused.json["error"]] == ["PLATE: the value is not unique"]
    assert rest.contents() == before


def test_a_key_restores_once(rest, car):
    key = {"idempotency-key": "restore-1"}
    first = restore(rest, car, 4, 1, headers=key)
    again = restore(rest, car, 4, 1, headers=key)
    assert (first.status, first.body) == (again.status, again.body)
    assert at(rest, car, 6).status == 400


LATER = """
workspaces:
  - name: Cars
    applications:
      - display_id: APPNAME
        datastores:
          - display_id: CARS
            fields:
              - {display_id: PRICE, deleted: true}
              - display_id: CAR_TYPE
                options: [{display_id: van, enabled: false}]
"""


def test_values_that_no_longer_fit_are_named(new_database, tmp_path):
    clock = FixedClock()
    with asyncio.Runner() as runner:
        rest = Rest(new_database(tmp_path), clock, fixed_ids(clock), runner)
        item = rest.new({"PRICE": 1, "CAR_TYPE": "van", "CAR_NAME": "one"})
        body = {"rev_no": 1, "item": {"PRICE": 2, "CAR_TYPE": "bus", "CAR_NAME": "two"}}
        assert rest.call("POST", f"/items/edit/{item}", body).status == 200
        price = rest.catalogs[0].projects[0].datastores[0].find_field("PRICE")
        changed = tmp_path / "later.yaml"
        changed.write_text(LATER, "utf-8")
        store = rest.app.store
        runner.run(schema_apply(store, rest.app.ids, clock, changed, ["APPNAME/CARS/PRICE"]))
        rest.catalogs = runner.run(store.read(catalogs_of))
        then = rest.call("GET", f"/items/details/{item}?at=1&format=map").json
        assert then["field_values"]["CAR_TYPE"]["value"] == "van"
        assert "PRICE" not in then["field_values"]
        before = rest.contents()
        refused = rest.call("POST", f"/items/restore/{item}", {"rev_no": 2, "to": 1})
        assert refused.status == 400
        assert {one["reference_id"]: one["error"] for one in refused.json["error"]} == {
            f"f_id:{price.id}": f"unknown field: {price.id}",
            "f_id:62d7b36da69d9d279545f002": "CAR_TYPE: option van is disabled",
        }
        assert rest.contents() == before
        rest.close()
