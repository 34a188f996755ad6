"""Relations in schema files: made, changed, exported, and refused where their rules mean nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hikidashi.core.relations import Rule
from hikidashi.service.schema import SchemaError
from tests.schema_world import SchemaWorld

FILE = """
workspaces:
  - name: W
    applications:
      - display_id: shop
        datastores:
          - display_id: orders
            fields:
              - {display_id: Code, type: text, has_index: true}
              - {display_id: Size, type: number, has_index: true}
              - {display_id: Slow, type: text}
              - {display_id: Kind, type: select, has_index: true, options: [{display_id: a}]}
              - {display_id: Due, type: date, has_index: true}
              - {display_id: Day, type: datetime, has_index: true}
            relations:
              - {display_id: parts, name: Parts, to: {application: store, datastore: parts}, rule: RULE}
              - {display_id: plain, to: {datastore: orders}}
      - display_id: store
        datastores:
          - display_id: parts
            fields:
              - {display_id: Mark, type: text, unique: true}
              - {display_id: Weight, type: number, has_index: true}
              - {display_id: When, type: datetime, has_index: true}
"""
GOOD = FILE.replace("RULE", "{field: Code, equals: Mark}")


@pytest.fixture
def world(engine_url: str, clock, ids) -> Iterator[SchemaWorld]:
    made = SchemaWorld(engine_url, clock, ids)
    yield made
    made.close()


def test_a_relation_is_made_told_and_exported(world):
    assert "+ relation shop/orders/parts" in world.apply(GOOD)
    shop, store = world.catalog.projects
    orders, parts = shop.datastores[0], store.datastores[0]
    rule = Rule(orders.id, orders.fields[0].id, parts.id, parts.fields[0].id)
    assert world.catalog.rules_of(orders.id) == world.catalog.rules_of(parts.id) == (rule,)
    assert world.plan(GOOD) == []
    assert world.plan(world.export()) == []
    other = FILE.replace("RULE", "{field: Size, equals: Weight}")
    assert world.apply(other) == ["~ relation shop/orders/parts: rule"]
    assert world.apply(FILE.replace("RULE", "{}")) == ["~ relation shop/orders/parts: rule"]
    assert not world.catalog.has_rules
    gone = FILE.replace("name: Parts", "deleted: true").replace(", rule: RULE", "")
    assert world.apply(gone) == ["- relation shop/orders/parts"]


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("{field: Slow, equals: Mark}", "Slow, which needs has_index or unique"),
        ("{field: Code, equals: Weight}", "compares Code with Weight, which is of another kind"),
        ("{field: Due, equals: When}", "compares Due with When, which is of another kind"),
        ("{field: Kind, equals: Mark}", "compares Kind, which has no key that could be compared"),
        ("{field: Nothing, equals: Mark}", "has no field Nothing"),
        ("{field: Code, equals: Nothing}", "has no field Nothing"),
        ("{field: Code}", "needs field and equals"),
        ("{field: Code, equals: Mark, also: x}", "is not a key here"),
    ],
)
def test_a_rule_that_compares_nothing_is_refused(world, rule, told):
    with pytest.raises(SchemaError) as raised:
        world.apply(FILE.replace("RULE", rule))
    assert told in str(raised.value)
    assert world.export() == "workspaces: []\n"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("type: text, unique: true}", "type: text, unique: false}"), "needs has_index or unique"),
        (("{display_id: Code, type: text, has_index: true}", "{display_id: Code, deleted: true}"), "has no field Code"),
        (("display_id: store", "display_id: store\n        deleted: true"), "is gone"),
    ],
)  # fmt: skip
def test_what_a_rule_needs_does_not_go_while_it_is_there(world, change, told):
    world.apply(GOOD)
    before = world.export()
    changed = GOOD.replace(*change)
    if "deleted: true\n" in changed or changed.endswith("deleted: true"):
        changed = changed.replace(", to: {application: store, datastore: parts}", "")
        changed = changed.replace(", rule: {field: Code, equals: Mark}", "")
    with pytest.raises(SchemaError) as raised:
        world.apply(changed, "store", "shop/orders/Code")
    assert told in str(raised.value)
    assert world.export() == before
