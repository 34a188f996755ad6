"""Bodies made up from the keys of each route: never a 500, and a refusal changes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tests.writes.nest import LEVELS, MISSING, Nest

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, 2, -1, 11, 12, 2**53 + 1, 10**30, 1.5, -0.0]),
    st.sampled_from(["", "x", "12", "taken", "New", MISSING, "own", "hidden", "Finish", "Audit"]),
    st.text(max_size=4),
)
WILD = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = st.sampled_from(["name", "code", "amount", "secret", "number", "nope", ""])
ITEM = st.dictionaries(FIELDS, LEAVES, max_size=3)
CHANGES = st.lists(st.fixed_dictionaries({"id": FIELDS, "value": LEAVES}), max_size=2)
REFS = st.sampled_from(["own", "hidden", "other", MISSING, "x", "", "\0"])
ACTIONS = st.sampled_from(["", "Create", "Update", "Rename", "Finish", "Audit", "Delete", "x"])
PUBLISH = st.fixed_dictionaries(
    {},
    optional={
        "overwrite": st.booleans(),
        "apply_related_ds": st.booleans(),
        "groups_to_publish": st.lists(st.sampled_from(["ALL", "EAST", "x"]), max_size=2),
        "users_to_publish": st.lists(REFS, max_size=2),
    },
)


def entries(level: int) -> st.SearchStrategy[Any]:
    """Related entries, nested as deep as `level` allows."""
    optional: dict[str, Any] = {
        "i_id": REFS,
        "item": ITEM,
        "changes": CHANGES,
        "action_id": ACTIONS,
        "rev_no": st.sampled_from([0, 1, 2, 2**63, -1]),
        "link_to_parent": st.booleans(),
        "access_key_updates": PUBLISH,
    }
    if level:
        optional["related_ds_items"] = entries(level - 1)
    entry = st.fixed_dictionaries(
        {"operation": st.sampled_from([1, 1, 2, 2, 3, 11, 12, 0])}, optional=optional
    )
    names = st.sampled_from([*LEVELS[:3], "ROOT", "CLOSED", "x"])
    return st.dictionaries(names, st.lists(entry, max_size=3), max_size=2)


def body(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A body in which one key at most is of any type at all."""
    keys = st.sampled_from([*optional, "unknown"])
    sane = st.fixed_dictionaries({}, optional=optional)
    broken = st.builds(lambda one, key, value: {**one, key: value}, sane, keys, WILD)
    return sane | sane | broken


WRITE = {
    "item": ITEM,
    "changes": CHANGES,
    "action_id": ACTIONS,
    "comment": st.text(max_size=3),
    "is_force_update": st.booleans(),
    "ensure_transaction": st.booleans(),
    "use_display_id": st.booleans(),
    "return_item_result": st.booleans(),
    "related_ds_items": entries(2),
    "access_key_updates": PUBLISH,
}
CONDITIONS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.one_of(FIELDS, st.just("i_id")),
            "search_value": st.lists(LEAVES | REFS, max_size=2),
        },
        optional={"exact_match": st.booleans(), "not_match": st.booleans()},
    ),
    max_size=2,
)
LINK = {"link_datastore_id": st.sampled_from(["ONE", "ROOT", "x"]), "link_item_id": REFS}
CALLS = {
    "POST items/new": body(**WRITE),
    "POST items/edit/own": body(**WRITE, rev_no=st.sampled_from([0, 1, 2])),
    "DELETE items/delete/own": body(a_id=ACTIONS, delete_linked_items=st.booleans()),
    "DELETE items/delete/own with others": body(
        delete_linked_items=st.just(True),
        target_datastores=st.lists(st.sampled_from(["ONE", "TWO", "ROOT", "x"]), max_size=3),
    ),
    "DELETE items/delete": body(conditions=CONDITIONS, use_or_condition=st.booleans()),
    "POST items/action/own/Copy": body(**WRITE, rev_no=st.sampled_from([0, 1, 2])),
    "POST items/action/own/Finish": body(**WRITE, rev_no=st.sampled_from([0, 1, 2])),
    "POST items/bulkaction/Update": body(
        conditions=CONDITIONS,
        item=ITEM,
        changes=CHANGES,
        item_revisions=st.dictionaries(REFS, st.integers(-1, 3), max_size=2),
        max_items=st.sampled_from([None, 0, 10, 300, 310]),
        continue_proc=st.booleans(),
        access_key_updates=PUBLISH,
    ),
    "POST ../../BatchAction": body(
        item_actions=entries(1), ensure_transaction=st.booleans(), is_force_update=st.booleans()
    ),
    "POST items/addlink/own": body(**LINK),
    "DELETE items/dellink/own": body(**LINK, type=st.sampled_from(["link", "lookup", "x"])),
    "POST fields/number/autonum": body(
        auto_num=st.integers(-1, 2**54), branch_key=st.sampled_from(["", "b", None])
    ),
    "POST items/search": body(
        conditions=st.lists(
            st.fixed_dictionaries(
                {"id": FIELDS, "search_value": st.lists(LEAVES, max_size=2)},
                optional={"exact_match": st.booleans(), "not_match": st.booleans()},
            ),
            max_size=2,
        ),
        per_page=st.integers(-1, 3),
        sort_field_id=FIELDS,
        include_links=st.booleans(),
    ),
    "UD": body(
        update=st.fixed_dictionaries({}, optional={"id": LEAVES, "name": LEAVES, "x": WILD})
    ),
    "Create": body(create=ITEM),
}


def named(value: Any, ids: dict[str, str]) -> Any:
    """The same with items by their ids."""
    if isinstance(value, str):
        return ids.get(value, value)
    if isinstance(value, list):
        return [named(one, ids) for one in value]
    if isinstance(value, dict):
        return {key: named(one, ids) for key, one in value.items()}
    return value


def stage(nest: Nest) -> dict[str, str]:
    """A nest with some items in it, by name."""
    nest.empty()
    return {
        "own": nest.make(name="own", code="taken"),
        "other": nest.make("ONE", name="other"),
        "hidden": nest.make("ONE", user="eve", name="hidden"),
    }


@pytest.mark.parametrize("call", CALLS)
def test_whatever_is_sent_is_done_or_refused_whole(opened, call):
    made: list[dict[str, str]] = []

    @settings(max_examples=25)
    @given(CALLS[call])
    def send(sent):
        if not made or opened.rows("SELECT COUNT(*) FROM histories")[0][0] > 60:
            made[:] = [stage(opened)]
        before = opened.contents()
        text = json.dumps(named(sent, made[0])).encode()
        method, _, path = call.partition(" ") if " " in call else ("", "", call)
        if method:
            path = path.removesuffix(" with others").replace("own", made[0]["own"])
            where = f"{opened.base}/{path}".replace("/datastores/ROOT/../..", "")
            reply = opened.call(method, where, text, user="ann" if "auto" in path else "bob")
            assert reply.status in (200, 400, 403, 404, 409), (sent, reply.body)
            refused = reply.status != 200
        else:
            where = f"/autodev/CustomTableValue/{call}/nesttestcode/1"
            reply = opened.call("POST", where, text, token="key-of-the-nest-site")
            assert (reply.status, reply.json["Code"] in (200, 400, 403, 404, 409)) == (200, True)
            refused = not reply.json["Success"]
        if refused or path == "items/search":
            assert opened.contents() == before, (sent, reply.body)
        elif "delete" in call or "Batch" in call:
            made.clear()

    send()
